"""LossTarget: one statement gives the loss its input, the number of items and the class counts."""

import pytest
import torch

from dicetune.loss_input import LossTarget, item_count

CLASSES = torch.tensor([[0, 2, -100], [2, 2, 1]])
LABELS = torch.tensor([[[0.0], [1.0]], [[1.0], [1.0]]])
MASK = torch.tensor([[True, True], [False, True]])


@pytest.mark.parametrize(
    ("target", "items", "counts"),
    [
        (LossTarget("a", CLASSES), 5, [1, 1, 3, 0]),
        (LossTarget("a", CLASSES, mask=CLASSES > 0), 4, [0, 1, 3, 0]),
        (LossTarget("a", LABELS, "labels"), 4, [[1, 3]]),
        (LossTarget("a", LABELS, "labels", mask=MASK), 3, [[1, 2]]),
        (LossTarget("a", LABELS[..., 0], "labels"), 2, [[1, 1], [0, 2]]),
        (LossTarget("a", torch.tensor([3, -100]), "positions"), 1, None),
    ],
)
def test_items_and_classes_by_hand(target, items, counts):
    assert item_count(target) == items
    found = target.class_counts(4)
    assert (found if counts is None else found.tolist()) == counts


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_the_loss_counts_the_same_items(kind):
    target = LABELS if kind == "labels" else CLASSES
    mask = MASK if kind == "labels" else CLASSES > 1
    stated = LossTarget("a", target, kind, mask, None, 1, 0.5, "scores")
    logits = torch.zeros(2, 2) if kind == "labels" else torch.zeros(2, 3, 4)
    item = stated.loss_input({"scores": logits})
    assert item.logits.shape == ((2, 2, 1) if kind == "labels" else (2, 3, 4))
    assert (item.name, item.kind, item.background, item.coefficient) == ("a", kind, 1, 0.5)
    assert item_count(item) == item_count(stated) == 3


def test_a_label_that_does_not_exist_is_no_item():
    target = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    exists = torch.tensor([[True, False], [False, False]])
    assert item_count(LossTarget("a", target, "labels", class_mask=exists)) == 1
