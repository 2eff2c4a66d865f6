"""Focal loss: by hand, against the double loop, and where p rounds to 1."""

import math

import pytest
import torch

import oracles
from dicetune.errors import InputError, InputTypeError
from dicetune.losses import FocalLoss, cross_entropy_loss, focal_loss
from tolerances import assert_exact, assert_same


def test_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]], dtype=torch.float64)  # p = 1/4, 3/4
    assert_exact(focal_loss(logits, torch.tensor([1]), gamma=2.0), math.log(4 / 3) / 16)
    # labels: p = 3/4 for a 0 costs (3/4)² log 4
    one = torch.tensor([math.log(3)], dtype=torch.float64)
    assert_exact(focal_loss(one, torch.tensor([0]), gamma=2.0), 9 / 16 * math.log(4))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_is_the_double_loop(kind, soft, gamma):
    case = oracles.make_case(kind, seed=4, soft=soft)
    for weight in (None, [0.5, 2.0, 1.0, 0.25]):
        if weight and kind == "positions":
            continue
        for reduction in ("mean", "sum", "none"):
            options = {"gamma": gamma, "class_weight": weight, "reduction": reduction}
            logits = case.logits.clone().requires_grad_()
            got = focal_loss(logits, case.target, **case.options, **options)
            assert_exact(got.detach(), oracles.value(oracles.focal(case, case.rows, **options)))
            if reduction != "none":
                got.backward()
                assert_exact(logits.grad, oracles.gradient(oracles.focal, case, **options))


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_gradcheck(kind):
    case = oracles.make_case(kind, seed=5, items=3)
    logits = case.logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: focal_loss(z, case.target, gamma=1.5, **case.options), (logits,)
    )


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_gamma_0_is_cross_entropy(kind):
    case = oracles.make_case(kind, seed=6)
    assert_exact(
        focal_loss(case.logits, case.target, gamma=0.0, **case.options),
        cross_entropy_loss(case.logits, case.target, **case.options),
    )


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


def test_messages():
    with pytest.raises(InputError, match="gamma to be a finite number >= 0, got -1"):
        FocalLoss(gamma=-1)
    with pytest.raises(InputError, match="got nan"):
        focal_loss(torch.zeros(1, 2), torch.tensor([0]), gamma=float("nan"))
    with pytest.raises(InputTypeError, match="got 'two'"):
        FocalLoss(gamma="two")


def test_module_calls_the_function():
    logits, target = torch.randn(5, 3), torch.tensor([0, 2, -100, 1, 1])
    weight = [1.0, 2.0, 0.5]
    loss = FocalLoss(gamma=3.0, class_weight=weight)
    assert_same(loss(logits, target), focal_loss(logits, target, gamma=3.0, class_weight=weight))
