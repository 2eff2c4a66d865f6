"""Majority or minority: by hand, against the loop, and which class is the majority."""

import math

import pytest
import torch

import baseline_oracles
import oracles
from dicetune.errors import InputError
from dicetune.losses import (
    MajorityOrMinorityLoss,
    build,
    cross_entropy_loss,
    majority_or_minority_loss,
)
from tolerances import assert_exact, assert_same

KINDS = ["classes", "labels"]


def test_by_hand():
    """p = 3/4 and 1/2 for gold 1 and 0; 0 is the background, and counts 1 + λ times."""
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]], dtype=torch.float64)
    target = torch.tensor([1, 0])
    got = majority_or_minority_loss(logits, target, background=0, majority_weight=0.5)
    assert_exact(got, (math.log(4 / 3) + 1.5 * math.log(2)) / 2)
    # one logit, set in most items: set is the majority
    one = torch.tensor([math.log(3), 0.0], dtype=torch.float64)
    got = majority_or_minority_loss(one, target, class_counts=[10, 90], majority_weight=0.5)
    assert_exact(got, (1.5 * math.log(4 / 3) + math.log(2)) / 2)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_is_the_loop(kind, soft, masked):
    case = oracles.make_case(kind, seed=21, soft=soft, masked=masked)
    counts = baseline_oracles.counts_for(case)
    for background in (None, 1) if kind == "classes" else (None,):
        for reduction in ("mean", "sum", "none"):
            options = {"majority_weight": 0.7, "reduction": reduction, "background": background}
            logits = case.logits.clone().requires_grad_()
            got = majority_or_minority_loss(
                logits, case.target, class_counts=counts, **case.options, **options
            )
            options["counts"] = counts
            oracle = baseline_oracles.majority_or_minority
            assert_exact(got.detach(), oracles.value(oracle(case, case.rows, **options)))
            if reduction != "none":
                got.backward()
                assert_exact(logits.grad, oracles.gradient(oracle, case, **options))


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind):
    case = oracles.make_case(kind, seed=22, items=3)
    counts = baseline_oracles.counts_for(case)
    logits = case.logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: majority_or_minority_loss(z, case.target, class_counts=counts, **case.options),
        (logits,),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_lambda_0_is_cross_entropy(kind):
    case = oracles.make_case(kind, seed=23)
    got = majority_or_minority_loss(
        case.logits,
        case.target,
        majority_weight=0.0,
        class_counts=baseline_oracles.counts_for(case),
        **case.options,
    )
    assert_exact(got, cross_entropy_loss(case.logits, case.target, **case.options))


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


def test_module_calls_the_function():
    logits, target = torch.randn(5, 3), torch.tensor([0, 2, -100, 1, 1])
    loss = MajorityOrMinorityLoss(majority_weight=0.2, class_counts=[5, 9, 1])
    expected = majority_or_minority_loss(
        logits, target, majority_weight=0.2, class_counts=[5, 9, 1]
    )
    assert_same(loss(logits, target), expected)
    assert not loss.needs_class_counts
    assert build("mom").needs_class_counts


def test_messages():
    with pytest.raises(InputError, match="majority_weight to be a finite number >= 0, got -1"):
        MajorityOrMinorityLoss(majority_weight=-1)
    loss = build("mom")
    with pytest.raises(InputError, match="class_counts, the training items of each class"):
        loss(torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(InputError, match=r"shape \(2, 2\) for kind 'labels'.*got \(2,\)"):
        loss(torch.zeros(3, 2), torch.zeros(3, 2), class_counts=torch.tensor([1, 2]))
    with pytest.raises(InputError, match="positions of a text are not classes"):
        majority_or_minority_loss(
            torch.zeros(1, 2), torch.tensor([0]), kind="positions", background=0
        )
