"""The literal self-adjusting form turns at p = 1/(1+decay); no other form does."""

import pytest
import torch

from dicetune.errors import InputError
from dicetune.losses import (
    DiceLoss,
    NonTrainingLossWarning,
    SelfAdjustingDiceLoss,
    self_adjusting_dice_loss,
    share_past_turning_point,
)
from tolerances import assert_exact


def slope(p, gold, **options):
    """dL/dp of one item with one logit."""
    z = torch.logit(torch.tensor([p], dtype=torch.float64)).requires_grad_()
    self_adjusting_dice_loss(z, torch.tensor([gold]), **options).backward()
    return z.grad.item() / (p * (1 - p))


@pytest.mark.parametrize("level", ["set", "example"])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("smooth", [1e-4, 1.0])
@pytest.mark.parametrize("decay", [0.5, 1.0, 3.0])
def test_literal_turns_there_whatever_else_is_chosen(decay, smooth, squared, level):
    options = {"decay": decay, "smooth": smooth, "squared": squared, "level": level}
    turn = 1 / (1 + decay)
    for gold, sign in ((1, -1), (0, 1)):
        before, after = (slope(turn + d, gold, form="literal", **options) for d in (-0.01, 0.01))
        assert sign * before > 0 > sign * after
        for form in ("target", "detached"):
            assert sign * slope(turn + 0.01, gold, form=form, **options) > 0


def test_gold_costs_least_at_the_turning_point_and_not_at_1():
    p = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    costs = self_adjusting_dice_loss(
        torch.logit(p), torch.ones(99).long(), form="literal", level="example", reduction="none"
    )
    assert_exact(p[costs.argmin()], 0.5)


def test_share_by_hand():
    p = torch.tensor([0.2, 0.6, 0.8, 0.95])
    target = torch.tensor([0, 0, 1, 1])
    assert share_past_turning_point(torch.logit(p), target, decay=1.0).item() == 0.75
    assert share_past_turning_point(torch.logit(p), target, decay=0.1).item() == 0.25
    keep = torch.tensor([True, True, False, False])
    assert share_past_turning_point(torch.logit(p), target, mask=keep).item() == 0.5
    none = torch.zeros(4).bool()
    assert share_past_turning_point(torch.logit(p), target, mask=none).item() == 0.0


def test_a_loss_knows_its_turning_point():
    assert DiceLoss().turning_point is None
    assert SelfAdjustingDiceLoss().turning_point is None
    with pytest.warns(NonTrainingLossWarning, match=r"p = 0\.25"):
        assert SelfAdjustingDiceLoss(form="literal", decay=3.0).turning_point == 0.25


def test_messages():
    with pytest.raises(InputError, match="decay to be a finite number >= 0, got -1"):
        share_past_turning_point(torch.zeros(2), torch.tensor([0, 1]), decay=-1)
