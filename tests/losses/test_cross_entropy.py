"""Cross-entropy: where torch differs, and the weights of Eq. 2."""

import math

import pytest
import torch
import torch.nn.functional as F

import baseline_oracles
import oracles
from dicetune.errors import InputError
from dicetune.losses import (
    WeightedCrossEntropyLoss,
    build,
    cross_entropy_loss,
    inverse_frequency_weights,
)
from tolerances import assert_exact, assert_same

WEIGHT = [0.5, 2.0, 1.0, 0.25]


def test_is_torch_where_nothing_is_masked_or_weighted():
    logits, target = torch.randn(9, 4), torch.arange(9) % 4
    assert_same(cross_entropy_loss(logits, target), F.cross_entropy(logits, target))
    labels = (torch.rand(9, 4) > 0.5).float()
    assert_same(
        cross_entropy_loss(logits, labels), F.binary_cross_entropy_with_logits(logits, labels)
    )


def test_weighted_mean_divides_by_the_number_of_items_unlike_torch():
    logits, target = torch.zeros(2, 2), torch.tensor([1, 1])
    got = cross_entropy_loss(logits, target, class_weight=[1.0, 3.0])
    assert_same(got, torch.tensor(3 * math.log(2)))
    torchs = F.cross_entropy(logits, target, torch.tensor([1.0, 3.0]))
    assert_same(torchs, torch.tensor(math.log(2)))


@pytest.mark.parametrize("denominator", [10, 10.0, torch.tensor(10), torch.tensor(10.0).double()])
def test_denominator_makes_parts_add_up(denominator):
    logits, target = torch.randn(10, 3), torch.arange(10) % 3
    parts = [
        cross_entropy_loss(logits[part], target[part], num_items=denominator)
        for part in (slice(0, 3), slice(3, 10))
    ]
    assert parts[0].dtype == torch.float32
    assert_same(sum(parts), cross_entropy_loss(logits, target))


def test_mean_over_nothing_is_0_with_zero_gradient():
    logits = torch.randn(3, 2, requires_grad=True)
    ignored = torch.full((3,), -100)
    for denominator in (None, 0, torch.tensor(0)):
        loss = cross_entropy_loss(logits, ignored, num_items=denominator)
        loss.backward()
        assert loss.item() == 0.0
        assert not logits.grad.any()


def test_weights_of_equation_2_come_from_counts():
    counts = torch.tensor([900, 90, 10])
    expected = torch.log10(torch.tensor([100 / 900, 910 / 90, 990 / 10]) + 1)
    assert_same(inverse_frequency_weights(counts), expected)
    loss = WeightedCrossEntropyLoss(class_counts=[900, 90, 10])
    logits, target = torch.randn(6, 3), torch.arange(6) % 3
    with_call = WeightedCrossEntropyLoss()(logits, target, class_counts=counts)
    assert_same(loss(logits, target), with_call)
    assert_same(loss(logits, target), cross_entropy_loss(logits, target, class_weight=expected))


def test_labels_weigh_their_presence_and_absence():
    """By hand: one label set in 10 of 100 items, p = 3/4 and 1/2, gold 1 and 0."""
    logits = torch.tensor([math.log(3), 0.0], dtype=torch.float64)
    target, counts = torch.tensor([1, 0]), torch.tensor([90, 10])
    there, absent = math.log10(9 + 1), math.log10(1 / 9 + 1)
    expected = (there * math.log(4 / 3) + absent * math.log(2)) / 2
    assert_exact(build("wce")(logits, target, class_counts=counts), expected)
    built = build("wce:class_counts=90/10")(logits.float(), target)
    assert_same(built, build("wce")(logits.float(), target, class_counts=counts))
    two = torch.stack([logits, -logits], 1)
    gold = torch.stack([target, 1 - target], 1).double()
    # the second label is the first turned around, so that both have the same loss
    both = torch.stack([counts, counts.flip(0)])
    assert_exact(build("wce")(two, gold, class_counts=both), expected)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_weights_of_both_sides_are_the_double_loop(soft, masked):
    case = oracles.make_case("labels", seed=5, soft=soft, masked=masked)
    weight = torch.tensor([[0.5, 2.0], [1.0, 0.25], [3.0, 1.5], [0.1, 4.0]], dtype=torch.float64)
    for reduction in ("mean", "sum", "none"):
        options = {"class_weight": weight, "reduction": reduction}
        got = cross_entropy_loss(case.logits, case.target, **case.options, **options)
        expected = baseline_oracles.weighted(case, case.rows, weight.tolist(), reduction)
        assert_exact(got, oracles.value(expected))
    logits = case.logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: cross_entropy_loss(z, case.target, **case.options, class_weight=weight), (logits,)
    )


def test_equal_weights_of_both_sides_are_a_weight_of_the_label():
    case = oracles.make_case("labels", seed=6)
    sides = torch.tensor(WEIGHT, dtype=torch.float64)[:, None].expand(4, 2)
    assert_exact(
        cross_entropy_loss(case.logits, case.target, **case.options, class_weight=sides),
        cross_entropy_loss(case.logits, case.target, **case.options, class_weight=WEIGHT),
    )


def test_messages():
    with pytest.raises(InputError, match=r"none of class \[1\].*infinite for every k"):
        inverse_frequency_weights([5, 0, 3])
    with pytest.raises(InputError, match=r"-0\.954 for class 0 with k=0: k=0\.8889 or more"):
        inverse_frequency_weights([90, 10], k=0)
    assert inverse_frequency_weights([90, 10], k=0.8889).min() >= 0
    with pytest.raises(InputError, match=r"shape \(1, 2\) for kind 'labels'.*got \(3,\)"):
        build("wce:class_counts=1/2/3")(torch.zeros(3), torch.tensor([0, 1, 0]))
    with pytest.raises(InputError, match=r"none of class \[\[1, 0\]\]"):
        inverse_frequency_weights(torch.tensor([[5.0, 3.0], [0.0, 8.0]]))
    with pytest.raises(InputError, match=r"-0\.954 for class \[1, 1\] with k=0"):
        inverse_frequency_weights(torch.tensor([[5.0, 5.0], [10.0, 90.0]]), k=0)
    with pytest.raises(InputError, match=r"or \(C, 2\) for labels, got shape \(2, 3\)"):
        inverse_frequency_weights(torch.ones(2, 3))
    with pytest.raises(InputError, match=r"each of 2 classes, got the shape \(3, 2\)"):
        cross_entropy_loss(torch.zeros(4, 2), torch.zeros(4, 2), class_weight=torch.ones(3, 2))
    with pytest.raises(InputError, match="reduction='mean' beside num_items, got 'sum'"):
        cross_entropy_loss(torch.zeros(1, 2), torch.tensor([0]), reduction="sum", num_items=3)
