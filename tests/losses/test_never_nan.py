"""Value and gradient are finite for whatever finite logits, types and masks."""

import pytest
import torch

from dicetune.losses import LOSSES, build

pytestmark = pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning")
SPECS = [
    *LOSSES,
    "focal:gamma=0.1",
    "asl:gamma_pos=0.1,gamma_neg=0.1,margin=0",
    "asl:gamma_pos=0.1,gamma_neg=0.1,margin=0.001",
    "ce+0.5*dice",
    *(
        f"dsc:form={form},decay={decay},level={level}"
        for form in ("target", "detached", "literal")
        for decay in (0.01, 0.5, 2)
        for level in ("set", "example")
    ),
    "dice:activation=sigmoid",
    "dsc:form=literal,decay=0.1,activation=sigmoid",
]
TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def kinds(spec):
    return sorted(build(spec).kinds)


def check(spec, logits, target, kind, **options):
    """Run forward and backward; return the value and the gradient, both finite."""
    logits = logits.detach().clone().requires_grad_()
    counts = torch.arange(1, (1 if logits.ndim == 1 else logits.shape[-1]) + 1)
    if kind == "labels":
        counts = torch.stack([counts + 1, counts], -1)
    value = build(spec)(logits, target, kind=kind, class_counts=counts, **options)
    value.backward()
    wide = torch.float64 if logits.dtype == torch.float64 else torch.float32
    assert value.dtype == wide
    assert torch.isfinite(value)
    assert logits.grad.dtype == logits.dtype
    assert torch.isfinite(logits.grad).all()
    return value.item(), logits.grad


def target_for(kind, gold, classes):
    return torch.nn.functional.one_hot(gold, classes).float() if kind == "labels" else gold


@pytest.mark.parametrize("spec", SPECS)
def test_extreme_logits_in_every_type(spec):
    gold = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    rows = [
        [1e4, -1e4, 0.0],  # gold certain
        [1e4, -1e4, 0.0],  # gold as wrong as can be
        [-1e4, 1e4, 1e4],
        [6.25, 0.0, 0.0],  # p rounds to 1 in bfloat16
        [0.0, 8.4, 0.0],  # in float16
        [0.0, 0.0, 16.7],  # in float32
        [104.0, 0.0, 0.0],  # 1 - p underflows
        [0.0, 0.0, 0.0],
    ]
    for dtype in TYPES:
        logits = torch.tensor(rows, dtype=dtype)
        for kind in kinds(spec):
            check(spec, logits, target_for(kind, gold, 3), kind)
            check(spec, -logits, target_for(kind, gold, 3), kind)
    if "labels" in kinds(spec):
        for dtype in TYPES:
            one = torch.tensor([1e4, -1e4, 16.7, -16.7, 6.25, 104.0], dtype=dtype)
            check(spec, one, torch.tensor([1, 1, 1, 0, 0, 1]), "labels")
            check(spec, -one, torch.tensor([1, 1, 1, 0, 0, 1]), "labels")


@pytest.mark.parametrize("spec", SPECS)
def test_no_jump_where_p_rounds_to_1(spec):
    """A float32 loss is that in float64, through all the logits where rounding sets in."""
    for kind in kinds(spec):
        for gap in (5.0, 6.3, 8.4, 12.0, 16.0, 16.7, 17.5, 30.0, 88.0, 104.0):
            logits = torch.tensor([[gap, 0.0, -1.0], [0.0, gap, 0.0], [gap, 0.0, 1.0]])
            target = target_for(kind, torch.tensor([0, 1, 1]), 3)
            value, grad = check(spec, logits, target, kind)
            exact, exact_grad = check(spec, logits.double(), target, kind)
            assert value == pytest.approx(exact, rel=1e-5, abs=1e-6)
            assert torch.allclose(grad.double(), exact_grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("spec", SPECS)
def test_masked_items_may_hold_nan_and_get_no_gradient(spec):
    for kind in kinds(spec):
        for dtype in TYPES:
            logits = torch.randn(6, 3).to(dtype)
            logits[1] = torch.nan
            logits[4] = torch.inf
            keep = torch.tensor([True, False, True, True, False, True])
            gold = torch.tensor([0, 1, 2, 0, 1, 2])
            _, grad = check(spec, logits, target_for(kind, gold, 3), kind, mask=keep)
            assert not grad[~keep].any()
            assert grad[keep].any()
            if kind != "labels":
                _, again = check(spec, logits, torch.where(keep, gold, -100), kind)
                assert torch.equal(grad, again)


@pytest.mark.parametrize("spec", SPECS)
def test_masked_classes_may_hold_nan_and_get_no_gradient(spec):
    exists = torch.tensor([[True, True, False], [True, True, True], [False, True, True]])
    gold = torch.tensor([0, 2, 1])
    for kind in kinds(spec):
        logits = torch.where(exists, torch.randn(3, 3), torch.nan)
        _, grad = check(spec, logits, target_for(kind, gold, 3), kind, class_mask=exists)
        assert not grad[~exists].any()


@pytest.mark.parametrize("spec", SPECS)
def test_nothing_left_is_0_with_zero_gradient(spec):
    for kind in kinds(spec):
        for dtype in TYPES:
            logits = torch.randn(4, 3).to(dtype)
            logits[0] = torch.nan
            target = torch.full((4, 3) if kind == "labels" else (4,), -100)
            value, grad = check(spec, logits, target, kind)
            assert value == 0.0
            assert not grad.any()
            empty = torch.zeros(0, 3, dtype=dtype)
            value, grad = check(spec, empty, target_for(kind, torch.zeros(0).long(), 3), kind)
            assert value == 0.0
            assert grad.shape == (0, 3)


@pytest.mark.parametrize("spec", SPECS)
def test_one_item_an_absent_class_and_no_positives(spec):
    for kind in kinds(spec):
        check(spec, torch.randn(1, 3), target_for(kind, torch.tensor([2]), 3), kind)
        check(spec, torch.randn(8, 3), target_for(kind, torch.zeros(8).long(), 3), kind)
    if "labels" in kinds(spec):
        check(spec, torch.randn(8), torch.zeros(8).long(), "labels")
        check(spec, torch.randn(1), torch.ones(1).long(), "labels")


@pytest.mark.parametrize("spec", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_hundred_thousand_items_in_half_precision(spec, dtype):
    logits = torch.randn(100_000, 3).to(dtype)
    gold = (torch.rand(100_000) < 0.05).long()
    value, grad = check(spec, logits, gold, "classes")
    exact, exact_grad = check(spec, logits.double(), gold, "classes")
    assert value == pytest.approx(exact, rel=1e-4)
    size = exact_grad.abs().max()
    if size > torch.finfo(dtype).tiny:  # below it half precision has no digits to compare
        assert (grad.double() - exact_grad).abs().max() <= 0.01 * size


@pytest.mark.parametrize("spec", LOSSES)
def test_autocast_changes_nothing(spec):
    logits, gold = torch.randn(64, 3), torch.arange(64) % 3
    expected, grad = check(spec, logits, gold, "classes")
    for dtype in (torch.float16, torch.bfloat16):
        with torch.autocast("cpu", dtype=dtype):
            value, under = check(spec, logits, gold, "classes")
        assert value == expected
        assert torch.equal(under, grad)
