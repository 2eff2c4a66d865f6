"""Focal loss: by hand, and where p rounds to 1."""

import math

import pytest
import torch

from dicetune.losses import focal_loss
from tolerances import assert_exact


def test_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]], dtype=torch.float64)  # p = 1/4, 3/4
    assert_exact(focal_loss(logits, torch.tensor([1]), gamma=2.0), math.log(4 / 3) / 16)
    # labels: p = 3/4 for a 0 costs (3/4)² log 4
    one = torch.tensor([math.log(3)], dtype=torch.float64)
    assert_exact(focal_loss(one, torch.tensor([0]), gamma=2.0), 9 / 16 * math.log(4))


def test_the_easier_the_less():
    logits = torch.tensor([[3.0, 0.0], [0.5, 0.0]])
    target = torch.tensor([0, 0])
    share = [
        focal_loss(logits, target, gamma=g, reduction="none")[0]
        / focal_loss(logits, target, gamma=g, reduction="none")[1]
        for g in (0.0, 1.0, 2.0)
    ]
    assert share[0] > share[1] > share[2]


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0, 2.0])
def test_no_jump_and_no_nan_where_p_rounds_to_1(gamma):
    for gap in (10.0, 16.0, 17.0, 30.0, 90.0, 104.0, 1e4):
        logits = torch.tensor([[gap, 0.0]], requires_grad=True)
        loss = focal_loss(logits, torch.tensor([0]), gamma=gamma)
        loss.backward()
        exact = math.exp(-gap) ** (1 + gamma)  # (1-p)^γ · -log p, both about e^-gap
        assert loss.item() == pytest.approx(exact, rel=0.01, abs=1e-6)
        assert torch.isfinite(logits.grad).all()
