"""The baselines of a fair comparison: weights, priors, majorities and margins at their corners."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

import baseline_oracles
import oracles
from dicetune.errors import InputError
from dicetune.losses import (
    asymmetric_loss,
    build,
    cross_entropy_loss,
    effective_number_weights,
    log_prior,
    logit_adjusted_loss,
)
from tolerances import assert_exact, assert_same


def test_weights_by_hand():
    """β = 1/2: effective numbers 1.5 and 1, inverse 2/3 and 1, in sum 2: 0.8 and 1.2."""
    weights = effective_number_weights(torch.tensor([2.0, 1.0], dtype=torch.float64), beta=0.5)
    assert_exact(weights, [0.8, 1.2])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.999, 1 - 1e-9])
def test_weights_are_the_geometric_sum(beta):
    counts = [1, 7, 300]
    got = effective_number_weights(torch.tensor(counts, dtype=torch.float64), beta)
    assert_exact(got, baseline_oracles.balanced(counts, beta))
    assert_exact(got.sum(), 3.0)


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


def test_the_best_model_says_the_likelihood_ratio_and_not_the_posterior():
    """Two kinds of items; the least loss over their logits is at posterior / prior."""
    seen = torch.tensor([[60.0, 15.0], [5.0, 20.0]])  # items of each kind with each gold class
    counts = seen.sum(0)
    logits = torch.zeros(2, 2, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100, tolerance_grad=1e-9)
    rows = torch.tensor([0, 0, 1, 1])

    def closure():
        optimizer.zero_grad()
        losses = logit_adjusted_loss(
            logits[rows], torch.tensor([0, 1, 0, 1]), class_counts=counts, reduction="none"
        )
        total = (losses * seen.flatten()).sum() / seen.sum()
        total.backward()
        return total

    optimizer.step(closure)
    expected = (seen / counts).log()
    difference = logits[:, 1] - logits[:, 0]
    torch.testing.assert_close(
        difference.detach(), expected[:, 1] - expected[:, 0], atol=1e-3, rtol=0
    )


def test_log_prior_of_labels_is_the_logit_of_the_share_that_is_set():
    counts = torch.tensor([[90.0, 10.0], [1.0, 3.0]], dtype=torch.float64)
    assert_exact(log_prior(counts), torch.logit(counts[:, 1] / counts.sum(1)))
    assert_exact(log_prior(counts[0]).exp().sum(), 1.0)
    with pytest.raises(InputError, match=r"none of class \[\[0, 1\]\]: its log-prior is infinite"):
        log_prior(torch.tensor([[5.0, 0.0], [3.0, 8.0]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_adjusted_in_float32(dtype):
    logits, target = torch.randn(6, 2).to(dtype), torch.arange(6) % 2
    counts = torch.tensor([1_000_000, 1])
    got = build("la")(logits, target, class_counts=counts)
    assert_same(got, build("la")(logits.float(), target, class_counts=counts))


def test_is_cross_entropy_and_a_second_one_over_the_majority_alone():
    logits, target = torch.randn(9, 3, dtype=torch.float64), torch.arange(9) % 3
    both = cross_entropy_loss(logits, target) + 0.3 * cross_entropy_loss(
        logits, target, mask=target == 2, num_items=9
    )
    assert_exact(build("mom:majority_weight=0.3")(logits, target, background=2), both)


def test_the_background_is_the_majority_also_where_another_class_has_more_items():
    logits, target = torch.randn(6, 3), torch.arange(6) % 3
    counts = torch.tensor([1, 5, 90])
    loss = build("mom")
    assert_same(
        loss(logits, target, background=1, class_counts=counts),
        cross_entropy_loss(logits, target, class_weight=[1.0, 2.0, 1.0]),
    )
    assert_same(
        loss(logits, target, class_counts=counts),
        cross_entropy_loss(logits, target, class_weight=[1.0, 1.0, 2.0]),
    )
    assert_same(
        loss(logits, target, class_counts=torch.tensor([7, 7, 7])),  # of equal ones the first
        cross_entropy_loss(logits, target, class_weight=[2.0, 1.0, 1.0]),
    )


def test_a_class_without_items_is_just_no_majority():
    logits, target = torch.randn(4, 3), torch.arange(4) % 2
    counts = torch.tensor([0, 5, 0])
    assert_same(
        build("mom")(logits, target, class_counts=counts),
        cross_entropy_loss(logits, target, class_weight=[1.0, 2.0, 1.0]),
    )


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
