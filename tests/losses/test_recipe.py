"""Recipes: what a run trains with, in text, and what is refused."""

import pytest

from dicetune.errors import InputError
from dicetune.losses import AUTO, DiceLoss, Recipe, build, recipe


def test_by_hand():
    two = Recipe("dice", start_loss="ce", start_share=0.4)
    assert str(two) == "ce for 40% of the steps, then dice"
    assert str(Recipe(DiceLoss(smooth=2.0))) == "dice:smooth=2"
    assert recipe("dice") == Recipe(loss="dice", start_loss=None, start_share=0.0)


def test_auto_names_losses_that_exist():
    assert recipe("auto") is AUTO
    for loss in (AUTO.loss, AUTO.start_loss):
        if loss is not None:
            build(loss)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start_loss": "ce"}, "start_loss and start_share together"),
        ({"start_share": 0.4}, "start_loss and start_share together"),
        ({"start_loss": "ce", "start_share": 1.0}, r"start_share in \[0, 1\), got 1\.0"),
        ({"start_loss": "ce", "start_share": -0.1}, "start_share to be a finite number >= 0"),
    ],
)
def test_messages(given, message):
    with pytest.raises(InputError, match=message):
        Recipe("dice", **given)


def test_an_unknown_recipe_is_an_unknown_loss():
    with pytest.raises(InputError, match="did you mean 'dice'"):
        recipe("dcie")
