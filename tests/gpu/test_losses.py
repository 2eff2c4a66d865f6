"""Every loss on a GPU: the CPU's value and gradient in float64, compiled, and without waiting."""

import itertools

import pytest
import torch

import oracles
from dicetune.errors import InputError
from dicetune.losses import LOSSES, build, hardest_negatives, raise_bad_targets, set_fast
from tolerances import EXTRA, assert_exact

pytestmark = pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning")
SPECS = [*LOSSES, "ce+0.5*dice", "dice:class_weight=1/2/1/0.5", "focal+la", "dsc:decay=0.3"]


def kinds(spec):
    """The kinds that a loss serves."""
    return sorted(build(spec).kinds - ({"positions"} if "class_weight" in spec else set()))


def case_on(device, kind, soft, items=40):
    """Logits, targets and options, on a device in float64."""
    case = oracles.make_case(kind, seed=3, soft=soft, items=items)
    counts = torch.tensor([40.0, 30.0, 20.0, 10.0], dtype=torch.float64)
    options = {
        **case.options,
        "class_counts": torch.stack((100 - counts, counts), 1) if kind == "labels" else counts,
        "background": 0 if kind == "classes" else None,
    }
    moved = {n: x.to(device) if isinstance(x, torch.Tensor) else x for n, x in options.items()}
    return case.logits.to(device), case.target.to(device), moved


def run(loss, logits, target, options):
    """Value and gradient."""
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, target, **options)
    value.backward()
    return value.detach(), logits.grad


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("spec", SPECS)
def test_value_and_gradient_are_those_of_the_cpu(spec, fast, device):
    loss = build(spec)
    for kind, soft in itertools.product(kinds(spec), (False, True)):
        truth, slope = run(loss, *case_on("cpu", kind, soft))
        logits, target, options = case_on(device, kind, soft)
        for dtype in (torch.float64, torch.float32, torch.bfloat16):
            given = target.to(dtype) if target.is_floating_point() else target
            if dtype == torch.bfloat16 and (soft or kind == "labels"):
                given = target.float()
            with set_fast(fast):
                value, grad = run(loss, logits.to(dtype), given, options)
            assert grad.dtype == dtype
            if dtype == torch.float64:
                assert_exact(value.cpu(), truth)
                assert_exact(grad.cpu(), slope)
                continue
            close = 20 * EXTRA[dtype]  # bfloat16: the logits themselves are rounded
            torch.testing.assert_close(value.cpu().double(), truth, rtol=close, atol=close)
            torch.testing.assert_close(grad.cpu().double(), slope, rtol=close, atol=close)
    raise_bad_targets()


@pytest.mark.parametrize("classes", [2, 9, 50, 700])
@pytest.mark.parametrize("spec", ["dice", "tversky", "dsc", "ce+dice"])
def test_few_and_many_classes(spec, classes, device):
    generator = torch.Generator().manual_seed(classes)
    logits = torch.randn(3000, classes, generator=generator, dtype=torch.float64)
    target = torch.randint(0, classes, (3000,), generator=generator)
    target[::7] = -100
    loss = build(spec)
    truth, slope = run(loss, logits, target, {})
    value, grad = run(loss, logits.to(device), target.to(device), {})
    assert_exact(value.cpu(), truth)
    assert_exact(grad.cpu(), slope)


@pytest.mark.parametrize("spec", ["ce", "ce+dice", "dsc:decay=0.5", "focal"])
def test_compiled(spec, device):
    torch.compiler.reset()
    loss = build(spec)
    backend = "inductor" if device.type == "cuda" else "eager"
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    logits, target, options = case_on(device, "classes", soft=False)
    value, grad = run(loss, logits.float(), target, options)
    other, other_grad = run(compiled, logits.float(), target, options)
    torch.testing.assert_close(other, value, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(other_grad, grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("spec", SPECS)
def test_nothing_is_waited_for(spec, fast, gpu):
    loss = build(spec)
    for kind, soft in itertools.product(kinds(spec), (False, True)):
        logits, target, options = case_on(gpu, kind, soft)
        with set_fast(fast):
            run(loss, logits, target, options)  # what is moved once
            torch.cuda.synchronize()
            torch.cuda.set_sync_debug_mode("error")
            try:
                run(loss, logits, target, options)
            finally:
                torch.cuda.set_sync_debug_mode("default")
    raise_bad_targets()


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_hard_negatives_are_chosen_without_waiting_and_are_those_of_the_cpu(kind, gpu):
    names = ("kind", "mask", "class_mask", "background")
    logits, target, options = case_on("cpu", kind, soft=False)
    given = {name: options[name] for name in names}
    chosen = hardest_negatives(logits, target, per_positive=1.5, **given)
    logits, target, options = case_on(gpu, kind, soft=False)
    given = {name: options[name] for name in names}
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = hardest_negatives(logits, target, per_positive=1.5, **given)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(found.cpu(), chosen)


@pytest.mark.parametrize("fast", [True, False])
def test_a_target_that_cannot_be_is_said_when_asked(fast, gpu):
    target = torch.tensor([0, 7, 2], device=gpu)
    for spec in ("dice", "ce", "ce+dice", "focal"):
        logits = torch.zeros(3, 3, device=gpu, requires_grad=True)
        with set_fast(fast):
            value = build(spec)(logits, target)
            value.backward()
        assert value.isnan()
        with pytest.raises(InputError, match=r"targets in 0\.\.2 or -100, got 7"):
            raise_bad_targets()
    raise_bad_targets()
