"""Majority or minority: which class is the majority."""

import torch

from dicetune.losses import build, cross_entropy_loss
from tolerances import assert_exact, assert_same


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
