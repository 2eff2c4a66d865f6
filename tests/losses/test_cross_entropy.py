"""Cross-entropy: Eq. 1 and 2 by hand, against the double loop, and where torch differs."""

import math

import pytest
import torch
import torch.nn.functional as F

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


def test_by_hand():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]], dtype=torch.float64)  # p = 3/4, 1/2
    target = torch.tensor([1, 0])
    assert_exact(cross_entropy_loss(logits, target), (math.log(4 / 3) + math.log(2)) / 2)
    # Eq. 2: 9 of 10 training items are of class 0
    weights = [math.log10(1 / 9 + 1), math.log10(9 + 1)]
    got = build("wce")(logits, target, class_counts=torch.tensor([9, 1]))
    expected = (weights[1] * math.log(4 / 3) + weights[0] * math.log(2)) / 2
    assert_exact(got, expected)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_is_the_double_loop(kind, soft, masked):
    case = oracles.make_case(kind, seed=2, soft=soft, masked=masked)
    for weight in (None, WEIGHT):
        if weight and kind == "positions":
            continue
        for reduction in ("mean", "sum", "none"):
            options = {"class_weight": weight, "reduction": reduction}
            logits = case.logits.clone().requires_grad_()
            got = cross_entropy_loss(logits, case.target, **case.options, **options)
            expected = oracles.cross_entropy(case, case.rows, **options)
            assert_exact(got.detach(), oracles.value(expected))
            if reduction != "none":
                got.backward()
                gradient = oracles.gradient(oracles.cross_entropy, case, **options)
                assert_exact(logits.grad, gradient)


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_gradcheck(kind):
    case = oracles.make_case(kind, seed=3, items=3)
    logits = case.logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: cross_entropy_loss(z, case.target, **case.options), (logits,)
    )


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
        cross_entropy_loss(logits[part], target[part], denominator=denominator)
        for part in (slice(0, 3), slice(3, 10))
    ]
    assert parts[0].dtype == torch.float32
    assert_same(sum(parts), cross_entropy_loss(logits, target))


def test_mean_over_nothing_is_0_with_zero_gradient():
    logits = torch.randn(3, 2, requires_grad=True)
    ignored = torch.full((3,), -100)
    for denominator in (None, 0, torch.tensor(0)):
        loss = cross_entropy_loss(logits, ignored, denominator=denominator)
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


def test_messages():
    with pytest.raises(InputError, match=r"none of class \[1\].*infinite for every k"):
        inverse_frequency_weights([5, 0, 3])
    with pytest.raises(InputError, match=r"-0\.954 for class 0 with k=0: k=0\.8889 or more"):
        inverse_frequency_weights([90, 10], k=0)
    assert inverse_frequency_weights([90, 10], k=0.8889).min() >= 0
    with pytest.raises(InputError, match="class_counts, the training items of each class"):
        build("wce")(torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(InputError, match="one class_weight for each of 2 classes, got 3"):
        build("wce")(torch.zeros(1, 2), torch.tensor([0]), class_counts=torch.tensor([1, 2, 3]))
    with pytest.raises(InputError, match="kind classes for loss 'wce', got 'labels'"):
        build("wce")(torch.zeros(3), torch.tensor([0, 1, 0]), class_counts=torch.tensor([1, 2]))
    with pytest.raises(InputError, match="positions are not classes"):
        cross_entropy_loss(
            torch.zeros(1, 2), torch.tensor([0]), kind="positions", class_weight=[1.0, 2.0]
        )
    with pytest.raises(InputError, match="reduction='mean' beside a denominator, got 'sum'"):
        cross_entropy_loss(torch.zeros(1, 2), torch.tensor([0]), reduction="sum", denominator=3)
