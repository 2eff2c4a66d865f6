"""Recipes: what a run trains with, in text, and what is refused."""

import pytest
import torch

from dicetune.errors import InputError
from dicetune.losses import AUTO, DiceLoss, OwnLoss, Recipe, build, recipe


def test_by_hand():
    two = Recipe(build("dice"), start_loss=build("ce"), start_share=0.4)
    assert str(two) == "ce for 40% of the steps, then dice"
    assert [loss.spec for loss in two.losses] == ["dice", "ce"]
    assert str(recipe("dice:smooth=1.0 + ce")) == "dice+ce"
    assert str(recipe("dice", "ce", 0.4)) == str(two)


def test_a_loss_of_any_form_becomes_a_loss():
    given = DiceLoss(smooth=2.0)
    assert recipe(given).losses == [given]
    assert isinstance(recipe(torch.nn.CrossEntropyLoss()).loss, OwnLoss)


def test_auto_is_built_of_losses_that_exist():
    assert str(recipe("auto")) == str(recipe()) == AUTO
    assert recipe("auto").start_loss is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start_loss": "ce"}, "together, got start_loss='ce' and start_share=0.0"),
        ({"start_share": 0.4}, "start_loss and start_share together"),
        ({"start_loss": "ce", "start_share": 1.0}, r"start_share in \[0, 1\), got 1\.0"),
        ({"start_loss": "ce", "start_share": -0.1}, "start_share to be a finite number >= 0"),
        ({"loss": "auto", "start_loss": "ce"}, "no start phase beside loss 'auto', got one"),
        ({"loss": "auto", "start_share": 0.4}, "no start phase beside loss 'auto', got one"),
        ({"loss": "dcie"}, "did you mean 'dice'"),
        ({"loss": None}, "expected a loss, got None"),
        ({"loss": 7}, r"called as f\(logits, target\), got 7"),
    ],
)
def test_messages(given, message):
    with pytest.raises(InputError, match=message):
        recipe(**{"loss": "dice", **given})
