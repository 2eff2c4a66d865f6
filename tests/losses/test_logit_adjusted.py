"""Logit adjustment: by hand, against the loop, and what it makes of the best model."""

import math

import pytest
import torch

import baseline_oracles
import oracles
from dicetune.errors import InputError
from dicetune.losses import (
    LogitAdjustedLoss,
    build,
    cross_entropy_loss,
    log_prior,
    logit_adjusted_loss,
)
from tolerances import assert_exact, assert_same

KINDS = ["classes", "labels"]


def test_by_hand():
    """A model that says nothing, z = 0, has after the adjustment the prior."""
    logits = torch.zeros(2, 2, dtype=torch.float64)
    got = logit_adjusted_loss(logits, torch.tensor([0, 1]), class_counts=[90, 10], reduction="none")
    assert_exact(got, [-math.log(0.9), -math.log(0.1)])
    # τ = 1/2: the prior's roots, 3 : 1
    got = logit_adjusted_loss(logits[:1], torch.tensor([1]), class_counts=[90, 10], tau=0.5)
    assert_exact(got, math.log(4))
    # a sigmoid: log(1/9) + log 3, so p = (1/3) / (4/3)
    one = torch.tensor([math.log(3)], dtype=torch.float64)
    assert_exact(logit_adjusted_loss(one, torch.tensor([1]), class_counts=[90, 10]), math.log(4))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_is_the_loop(kind, soft, masked):
    case = oracles.make_case(kind, seed=31, soft=soft, masked=masked)
    counts = baseline_oracles.counts_for(case)
    for tau, reduction in ((1.0, "mean"), (0.3, "mean"), (1.0, "sum"), (1.7, "none")):
        options = {"tau": tau, "reduction": reduction}
        logits = case.logits.clone().requires_grad_()
        got = logit_adjusted_loss(
            logits, case.target, class_counts=counts, **case.options, **options
        )
        options["counts"] = counts
        oracle = baseline_oracles.logit_adjusted
        assert_exact(got.detach(), oracles.value(oracle(case, case.rows, **options)))
        if reduction != "none":
            got.backward()
            assert_exact(logits.grad, oracles.gradient(oracle, case, **options))


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind):
    case = oracles.make_case(kind, seed=32, items=3)
    counts = baseline_oracles.counts_for(case)
    logits = case.logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: logit_adjusted_loss(z, case.target, class_counts=counts, **case.options),
        (logits,),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_tau_0_and_equal_counts_are_cross_entropy(kind):
    case = oracles.make_case(kind, seed=33)
    plain = cross_entropy_loss(case.logits, case.target, **case.options)
    counts = baseline_oracles.counts_for(case)
    equal = torch.full((4, 2) if kind == "labels" else (4,), 7)
    for tau, given in ((0.0, counts), (1.0, equal)):
        got = logit_adjusted_loss(
            case.logits, case.target, tau=tau, class_counts=given, **case.options
        )
        assert_exact(got, plain)


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


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_adjusted_in_float32(dtype):
    logits, target = torch.randn(6, 2).to(dtype), torch.arange(6) % 2
    counts = torch.tensor([1_000_000, 1])
    got = build("la")(logits, target, class_counts=counts)
    assert_same(got, build("la")(logits.float(), target, class_counts=counts))


def test_module_calls_the_function():
    logits, target = torch.randn(5, 3), torch.tensor([0, 2, -100, 1, 1])
    loss = LogitAdjustedLoss(tau=0.5, class_counts=[5, 9, 1])
    expected = logit_adjusted_loss(logits, target, tau=0.5, class_counts=[5, 9, 1])
    assert_same(loss(logits, target), expected)
    assert not loss.needs_class_counts
    assert build("la").needs_class_counts


def test_messages():
    with pytest.raises(InputError, match="tau to be a finite number >= 0, got -1"):
        LogitAdjustedLoss(tau=-1)
    with pytest.raises(InputError, match=r"none of class \[1\]: its log-prior is infinite"):
        build("la:class_counts=5/0/3")
    with pytest.raises(InputError, match=r"none of class \[\[0, 1\]\]"):
        log_prior(torch.tensor([[5.0, 0.0], [3.0, 8.0]]))
    with pytest.raises(InputError, match="class_counts, the training items of each class"):
        build("la")(torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(InputError, match="one number for each of 2 classes, got 3"):
        build("la:class_counts=1/2/3")(torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(InputError, match="positions of a text are not classes"):
        logit_adjusted_loss(
            torch.zeros(1, 2), torch.tensor([0]), kind="positions", class_counts=[1, 2]
        )
