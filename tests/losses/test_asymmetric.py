"""Asymmetric loss: classes as labels, and both ends of p."""

import pytest
import torch

import oracles
from dicetune.losses import asymmetric_loss, build
from tolerances import assert_exact, assert_same


def test_detach_changes_the_gradient_and_not_the_value():
    case = oracles.make_case("labels", seed=54)
    found = []
    for spec in ("asl:gamma_pos=1", "asl:gamma_pos=1,detach=true"):
        logits = case.logits.clone().requires_grad_()
        value = build(spec)(logits, case.target, **case.options)
        value.backward()
        found.append((value.detach(), logits.grad))
    (value, grad), (same, other) = found
    assert_exact(value, same)
    assert (grad - other).abs().max() > 1e-3
    assert build("asl:detach=true").spec == "asl:detach=true"


@pytest.mark.parametrize("kind", ["classes", "positions"])
def test_classes_are_labels_one_against_the_rest(kind):
    logits, target = torch.randn(6, 4), torch.arange(6) % 4
    one_hot = torch.nn.functional.one_hot(target, 4)
    assert_same(
        asymmetric_loss(logits, target, kind=kind), asymmetric_loss(logits, one_hot, kind="labels")
    )


def test_below_the_margin_a_negative_costs_nothing_and_has_no_gradient():
    logits = torch.logit(torch.tensor([0.001, 0.049, 0.051, 0.9])).requires_grad_()
    target = torch.zeros(4)
    losses = asymmetric_loss(logits, target, margin=0.05, reduction="none")
    losses.sum().backward()
    assert losses[:2].tolist() == [0.0, 0.0]
    assert logits.grad[:2].tolist() == [0.0, 0.0]
    assert (losses[2:] > 0).all()
    assert (logits.grad[2:] > 0).all()


@pytest.mark.parametrize("margin", [0.0, 1e-300, 1e-40, 1e-30, 1e-6, 0.05, 0.9])
@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("target", [0, 1])
def test_no_nan_at_either_end_of_p(target, gamma, margin):
    options = {"gamma_pos": gamma, "gamma_neg": gamma, "margin": margin}
    ends = [-1e4, -104.0, -30.0, -16.7, -2.9444, 0.0, 2.9444, 16.7, 30.0, 104.0, 1e4]
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        logits = torch.tensor(ends, dtype=dtype, requires_grad=True)
        gold = torch.full((len(ends),), target)
        losses = asymmetric_loss(logits, gold, reduction="none", **options)
        losses.sum().backward()
        exact = asymmetric_loss(logits.detach().double(), gold, reduction="none", **options)
        assert torch.isfinite(logits.grad).all()
        assert torch.isfinite(losses).all()
        assert (losses >= 0).all()
        if margin == 0 or margin > torch.finfo(torch.float32).tiny:
            torch.testing.assert_close(losses.detach().double(), exact, rtol=1e-5, atol=1e-6)
