"""Class-balanced weights: by hand, against the loop, and scikit-learn's at their limit."""

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

import baseline_oracles
import oracles
from dicetune.errors import InputError
from dicetune.losses import (
    ClassBalancedLoss,
    build,
    class_balanced_loss,
    cross_entropy_loss,
    effective_number_weights,
)
from tolerances import assert_exact, assert_same

KINDS = ["classes", "labels"]


def test_by_hand():
    """β = 1/2: effective numbers 1.5 and 1, inverse 2/3 and 1, in sum 2: 0.8 and 1.2."""
    weights = effective_number_weights(torch.tensor([2.0, 1.0], dtype=torch.float64), beta=0.5)
    assert_exact(weights, [0.8, 1.2])
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]], dtype=torch.float64)  # p = 3/4, 1/2
    got = class_balanced_loss(logits, torch.tensor([1, 0]), class_counts=[2, 1], beta=0.5)
    assert_exact(got, (1.2 * math.log(4 / 3) + 0.8 * math.log(2)) / 2)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.999, 1 - 1e-9])
def test_weights_are_the_geometric_sum(beta):
    counts = [1, 7, 300]
    got = effective_number_weights(torch.tensor(counts, dtype=torch.float64), beta)
    assert_exact(got, baseline_oracles.balanced(counts, beta))
    assert_exact(got.sum(), 3.0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_is_the_loop(kind, soft, masked):
    case = oracles.make_case(kind, seed=41, soft=soft, masked=masked)
    counts = baseline_oracles.counts_for(case)
    for beta, reduction in ((0.9, "mean"), (0.99, "sum"), (0.9, "none")):
        options = {"beta": beta, "reduction": reduction}
        logits = case.logits.clone().requires_grad_()
        got = class_balanced_loss(
            logits, case.target, class_counts=counts, **case.options, **options
        )
        options["counts"] = counts
        oracle = baseline_oracles.class_balanced
        assert_exact(got.detach(), oracles.value(oracle(case, case.rows, **options)))
        if reduction != "none":
            got.backward()
            assert_exact(logits.grad, oracles.gradient(oracle, case, **options))


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind):
    case = oracles.make_case(kind, seed=42, items=3)
    counts = baseline_oracles.counts_for(case)
    logits = case.logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: class_balanced_loss(z, case.target, class_counts=counts, **case.options),
        (logits,),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_beta_0_and_equal_counts_are_cross_entropy(kind):
    case = oracles.make_case(kind, seed=43)
    plain = cross_entropy_loss(case.logits, case.target, **case.options)
    counts = baseline_oracles.counts_for(case)
    equal = torch.full((4, 2) if kind == "labels" else (4,), 7)
    for beta, given in ((0.0, counts), (0.99, equal)):
        got = class_balanced_loss(
            case.logits, case.target, beta=beta, class_counts=given, **case.options
        )
        assert_exact(got, plain)


def test_near_1_the_weights_are_those_of_scikit_learn_up_to_a_factor():
    """'balanced' is n / (C n_c); ours are the same where they sum to C."""
    gold = np.repeat([0, 1, 2], [500, 40, 3])
    theirs = compute_class_weight("balanced", classes=np.unique(gold), y=gold)
    counts = torch.tensor(np.bincount(gold), dtype=torch.float64)
    ours = effective_number_weights(counts, beta=1 - 1e-12)
    torch.testing.assert_close(ours, torch.tensor(3 * theirs / theirs.sum()), rtol=1e-8, atol=0)


def test_many_items_weigh_the_same_and_nothing_overflows():
    counts = torch.tensor([1e7, 1e6, 2e5])
    assert_same(effective_number_weights(counts, beta=0.999), torch.ones(3))
    for beta in (0.0, 1e-30, 0.5, 1 - 1e-12):
        weights = effective_number_weights(torch.tensor([1e8, 1.0]), beta)
        assert torch.isfinite(weights).all()
        assert (weights > 0).all()


def test_each_label_has_two_weights_that_sum_to_2():
    weights = effective_number_weights(torch.tensor([[2.0, 1.0], [90.0, 10.0]]), beta=0.5)
    assert_same(weights[0], torch.tensor([0.8, 1.2]))
    assert_same(weights.sum(1), torch.full((2,), 2.0))


def test_module_calls_the_function():
    logits, target = torch.randn(5, 3), torch.tensor([0, 2, -100, 1, 1])
    loss = ClassBalancedLoss(beta=0.9, class_counts=[5, 9, 1])
    expected = class_balanced_loss(logits, target, beta=0.9, class_counts=[5, 9, 1])
    assert_same(loss(logits, target), expected)
    assert not loss.needs_class_counts
    assert build("cb").needs_class_counts


def test_messages():
    for beta in (1, 1.5):
        with pytest.raises(InputError, match=r"beta in \[0, 1\), got 1.*effective number"):
            ClassBalancedLoss(beta=beta)
        with pytest.raises(InputError, match=r"beta in \[0, 1\), got 1"):
            effective_number_weights([1, 2], beta=beta)
    with pytest.raises(InputError, match="beta to be a finite number >= 0, got -1"):
        ClassBalancedLoss(beta=-1)
    with pytest.raises(InputError, match=r"none of class \[1\]: its weight is infinite"):
        build("cb:class_counts=5/0/3")
    with pytest.raises(InputError, match="class_counts, the training items of each class"):
        build("cb")(torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(InputError, match="each of 2 classes, got the shape"):
        build("cb")(torch.zeros(1, 2), torch.tensor([0]), class_counts=torch.ones(2, 2))
    with pytest.raises(InputError, match="positions of a text are not classes"):
        class_balanced_loss(
            torch.zeros(1, 2), torch.tensor([0]), kind="positions", class_counts=[1, 2]
        )
