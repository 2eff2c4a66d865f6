"""What losses compute on: kinds, masks, types, messages; log(1-p) where p rounds to 1."""

import math

import pytest
import torch

from dicetune.errors import InputError, InputTypeError
from dicetune.losses import LOSSES, build
from dicetune.losses._inputs import (
    ABSENT,
    gold_log_complement,
    items_of,
    log_complement,
    power_from_log,
)
from tolerances import assert_exact, assert_same

LOGITS = torch.randn(4, 3)
GOLD = torch.tensor([0, 2, 1, 1])


def test_by_hand():
    items = items_of(LOGITS, torch.tensor([0, -100, 1, 1]), mask=torch.tensor([True] * 3 + [False]))
    assert items.hard
    assert items.kind == "classes"
    assert items.target.tolist() == [0, 0, 1, 0]
    assert items.mask.tolist() == [True, False, True, False]
    assert items.logits[1].tolist() == [0.0, 0.0, 0.0]
    assert items.logits[0].tolist() == LOGITS[0].tolist()


@pytest.mark.parametrize(
    ("logits", "target", "kind", "shape"),
    [
        ((4, 3), torch.zeros(4).long(), "classes", (4, 3)),
        ((2, 5, 3), torch.zeros(2, 5).long(), "classes", (10, 3)),
        ((3,), torch.zeros(3).long(), "classes", (1, 3)),  # one item
        ((4, 3), torch.zeros(4, 3).long(), "labels", (4, 3)),
        ((4, 3), torch.zeros(4, 3), "labels", (4, 3)),
        ((4,), torch.zeros(4).long(), "labels", (4, 1)),
        ((4, 1), torch.zeros(4).long(), "labels", (4, 1)),
        ((4, 1), torch.zeros(4, 1).bool(), "labels", (4, 1)),
        ((2, 5, 1), torch.zeros(2, 5), "labels", (10, 1)),
    ],
)
def test_kind_is_read_off_the_shapes(logits, target, kind, shape):
    if logits == (3,):
        target = torch.tensor(0)
    items = items_of(torch.zeros(logits), target)
    assert items.kind == kind
    assert items.logits.shape == shape


def test_types():
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        assert items_of(LOGITS.to(dtype), GOLD).logits.dtype == torch.float32
    assert items_of(LOGITS.double(), GOLD).logits.dtype == torch.float64
    for dtype in (torch.int32, torch.uint8, torch.int16):
        assert items_of(LOGITS, GOLD.to(dtype)).target.dtype == torch.int64


def test_nothing_is_masked_where_nothing_needs_to_be():
    items = items_of(LOGITS, GOLD, mask=torch.ones(4).bool())
    assert items.mask is None
    assert items.logits.data_ptr() == LOGITS.data_ptr()


def test_masked_labels_are_surely_absent():
    target = torch.tensor([[1.0, -100.0], [-100.0, -100.0]])
    items = items_of(torch.zeros(2, 2), target)
    absent = torch.tensor(ABSENT).item()
    assert items.logits.tolist() == [[0.0, absent], [absent, absent]]
    assert items.target.tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert items.mask.tolist() == [True, False]


def test_a_masked_item_may_hold_anything():
    logits = LOGITS.clone()
    logits[1] = torch.nan
    keep = torch.tensor([True, False, True, True])
    items = items_of(logits, torch.tensor([0, 999, 1, 1]), mask=keep)
    assert torch.isfinite(items.logits).all()
    labels = torch.tensor([[0.0, 1, 0], [torch.nan, 7, -3], [0, 0, 1], [1, 1, 1]])
    assert items_of(logits, labels, mask=keep).target[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": torch.tensor([0, 3, 1, 1])}, r"targets in 0\.\.2 or -100, got 3"),
        ({"target": torch.tensor([0, -1, 1, 1])}, r"targets in 0\.\.2 or -100, got -1"),
        ({"target": torch.zeros(3).long()}, r"a target of shape \(4,\) .*or \(4, 3\).*got \(3,\)"),
        (
            {"target": torch.zeros(4)},
            "integer targets, one class number an item, got torch.float32",
        ),
        ({"target": torch.full((4, 3), 1.5)}, r"targets in \[0, 1\] or -100, got 1\.5"),
        ({"target": torch.full((4, 3), torch.nan)}, r"targets in \[0, 1\] or -100, got nan"),
        ({"target": torch.full((4, 3), 0.5), "kind": "classes"}, "shares that sum to 1.* 1.5"),
        ({"target": torch.ones(4, 3).long(), "kind": "classes"}, "floating-point shares"),
        ({"kind": "clases"}, "unknown kind 'clases': did you mean 'classes'"),
        ({"logits": torch.zeros(4, 3).long()}, "floating-point logits, got torch.int64"),
        ({"logits": [[0.0]]}, "logits to be a tensor, got list"),
        ({"logits": torch.tensor(0.0)}, "logits of shape"),
        ({"logits": torch.zeros(4, 1), "kind": "classes"}, "at least two classes, got 1.*'labels'"),
        ({"mask": torch.ones(4)}, r"mask to be a bool tensor, got torch.float32: use .bool"),
        ({"mask": torch.ones(3).bool()}, r"mask of shape \(4,\), one entry an item, got \(3,\)"),
        ({"class_mask": torch.ones(4, 3)}, "class_mask to be a bool tensor"),
        (
            {"class_mask": torch.ones(4, 2).bool()},
            r"broadcast to the logits' \(4, 3\), got \(4, 2\)",
        ),
        (
            {"class_mask": torch.tensor([True, False, True])},
            "targets that exist in class_mask, got class 1 of item 2",
        ),
    ],
)
def test_messages(given, message):
    given = {"logits": LOGITS, "target": GOLD, **given}
    with pytest.raises((InputError, InputTypeError), match=message):
        items_of(given.pop("logits"), given.pop("target"), **given)


@pytest.mark.parametrize("spec", ["dice", "mom", "ce+dice"])
def test_a_background_that_is_no_class_is_refused_by_the_losses_that_use_it(spec):
    with pytest.raises(InputError, match=r"background in 0\.\.2, got 3"):
        build(spec)(LOGITS, GOLD, background=3)
    assert build("ce")(LOGITS, GOLD, background=3) == build("ce")(LOGITS, GOLD)


@pytest.mark.parametrize("name", [name for name in LOSSES if not name.startswith("dsc-")])
def test_every_loss_checks_its_input(name):
    loss = build(name)
    with pytest.raises(InputError, match="got 3"):
        loss(LOGITS, torch.tensor([0, 3, 1, 1]), class_counts=torch.tensor([1, 2, 3]))


def test_log_complement_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]], dtype=torch.float64)  # p = 1/4, 3/4
    expected = torch.tensor([[math.log(3 / 4), math.log(1 / 4)]], dtype=torch.float64)
    assert_exact(log_complement(logits, sigmoid=False), expected)
    assert_exact(gold_log_complement(logits, torch.tensor([1])), expected[:, 1])
    assert_exact(log_complement(logits[:, 1], sigmoid=True), expected[:, 1])


@pytest.mark.parametrize("gap", [1.0, 16.64, 40.0, 104.0, 1e4])
def test_exact_however_near_1_p_is(gap):
    logits = torch.tensor([[gap, 0.0, 0.0]], requires_grad=True)
    log_rest = log_complement(logits, sigmoid=False)
    assert_same(
        log_rest[0, 0].detach(), torch.tensor(math.log(2) - math.log(math.exp(-gap) * 2 + 1) - gap)
    )
    assert_same(gold_log_complement(logits, torch.tensor([0])), log_rest[:, 0].detach())
    power_from_log(log_rest, 0.5).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_gradcheck_of_log_complement():
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    for sigmoid in (False, True):
        assert torch.autograd.gradcheck(log_complement, (logits, sigmoid))


def test_ties_and_no_rows():
    assert_exact(
        log_complement(torch.zeros(1, 4, dtype=torch.float64), sigmoid=False),
        torch.full((1, 4), math.log(3 / 4), dtype=torch.float64),
    )
    assert log_complement(torch.zeros(0, 4), sigmoid=False).shape == (0, 4)


def test_power_of_0_is_1():
    assert power_from_log(torch.tensor([0.0, -1e30]), 0.0).tolist() == [1.0, 1.0]
