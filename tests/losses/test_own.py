"""A user's own loss: any function of logits and target, in Python and by name in a spec."""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dicetune.errors import InputError
from dicetune.losses import Loss, OwnLoss, SumLoss, as_loss, build, code_of, imported_names
from dicetune.records import sha256

LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
TARGET = torch.tensor([0, 3, -100, 1, 2, -100])
MODULE = """
import torch
import torch.nn.functional as F
from dicetune.losses import DiceLoss

calls = []

class Scaled(torch.nn.Module):
    def __init__(self, alpha, name="word", on=False):
        super().__init__()
        calls.append((alpha, name, on))
        self.register_buffer("alpha", torch.tensor(float(alpha)))

    def forward(self, logits, target):
        return self.alpha * F.cross_entropy(logits, target, reduction="none")

def smooth(logits, target, amount=0.0):
    return F.cross_entropy(logits, target, label_smoothing=amount)

class Forgetful(DiceLoss):
    def __init__(self, exponent=1.0):
        super().__init__()

class Angry:
    def __init__(self):
        raise RuntimeError("two\\nlines")

class Sums:
    reduction = "sum"

    def __call__(self, logits, target):
        return logits.sum()

number = 7
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a module of losses, as the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("own_losses.py").write_text(MODULE, encoding="utf-8")
    Path("own_broken.py").write_text("import nowhere_at_all\n", encoding="utf-8")
    Path("own_wrong.py").write_text("def (", encoding="utf-8")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def value_and_gradient(loss, logits=LOGITS, target=TARGET, **how):
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, target, **how)
    value.backward()
    return value.item(), leaf.grad


@pytest.mark.parametrize(
    "function",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(reduction="none"),
        F.cross_entropy,
        lambda logits, target: F.cross_entropy(logits, target, reduction="none"),
    ],
)
@pytest.mark.parametrize("denominator", [None, 9])
@pytest.mark.parametrize("half", [False, True])
def test_a_mean_and_one_loss_an_item_are_cross_entropy(function, denominator, half):
    logits = LOGITS.bfloat16() if half else LOGITS
    value, gradient = value_and_gradient(as_loss(function), logits, num_items=denominator)
    expected, known = value_and_gradient(build("ce"), logits, num_items=denominator)
    assert value == pytest.approx(expected, rel=1e-6)
    torch.testing.assert_close(gradient, known)
    assert not gradient[TARGET == -100].any()


def test_the_function_is_given_what_counts_and_what_does_not_exist_is_lowest():
    seen = []

    def watch(logits, target):
        seen.append((logits.detach(), target))
        return F.cross_entropy(logits, target)

    exists = torch.tensor([True, True, True, False])
    logits = LOGITS.clone()
    logits[2] = float("nan")  # the target ignores this item
    target = torch.tensor([0, 2, -100, 1, 2, 1])
    keep = torch.tensor([True, True, True, True, True, False])
    for kind in ("classes", "positions"):
        how = {"kind": kind, "mask": keep, "class_mask": exists}
        value, gradient = value_and_gradient(OwnLoss(watch), logits, target, **how)
        assert value == pytest.approx(build("ce")(logits, target, **how).item(), rel=1e-6)
        assert gradient.isfinite().all()
        assert (gradient[:, 3] == 0).all()
    for given, gold in seen:
        assert gold.tolist() == [0, 2, 1, 2]
        assert torch.equal(given[:, :3], LOGITS[[0, 1, 3, 4], :3])
        assert (given[:, 3] == torch.finfo(torch.float32).min).all()


def test_labels_that_are_ignored_weigh_nothing():
    target = torch.tensor([[1.0, 0.0, -100.0], [-100.0, -100.0, -100.0]])
    logits = LOGITS[:2, :3]
    loss = OwnLoss(lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none").sum(1))
    known = F.binary_cross_entropy_with_logits(logits[0, :2], target[0, :2], reduction="sum")
    assert loss(logits, target).item() == pytest.approx(known.item(), rel=1e-6)


def test_where_nothing_counts_the_loss_is_0_and_the_function_is_not_called():
    value, gradient = value_and_gradient(OwnLoss(lambda z, y: 1 / 0), target=TARGET * 0 - 100)
    assert (value, gradient.any().item()) == (0.0, False)


def test_a_sum_takes_it_and_its_buffers_move():
    loss = SumLoss([(1.0, build("ce")), (0.5, OwnLoss(nn.CrossEntropyLoss(torch.ones(4))))])
    assert loss.spec == "ce+0.5*CrossEntropyLoss"
    assert loss(LOGITS, TARGET).item() == pytest.approx(1.5 * build("ce")(LOGITS, TARGET).item())
    assert all(buffer.dtype == torch.float64 for buffer in loss.double().buffers())


def test_a_weight_that_was_made_without_a_graph_leaves_one_for_the_rest():
    class Weighted(Loss):
        def value(self, logits, target, given):
            with torch.no_grad():
                weight = build("ce")(logits, target, **given)
            return weight * build("ce")(logits, target, **given)

    for target in (TARGET, TARGET.abs() % 4):
        plain, gradient = value_and_gradient(build("ce"), target=target)
        both, found = value_and_gradient(
            SumLoss([(1, Weighted()), (1, build("ce"))]), target=target
        )
        assert both == pytest.approx(plain * (plain + 1))
        torch.testing.assert_close(found, (plain + 1) * gradient)


class Unaware(Loss):
    def forward(self, logits, target):
        return logits.sum()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (7, r"called as f\(logits, target\), got 7"),
        (nn.CrossEntropyLoss, r"got the class CrossEntropyLoss: .* CrossEntropyLoss\(\)"),
        (nn.CrossEntropyLoss(reduction="sum"), "'mean' or 'none' .* got 'sum'"),
        (Unaware(), "Unaware.forward to take logits, target and the keywords kind, mask"),
        (lambda z: z, r"to take logits \(4, 4\) and targets \(4,\), got TypeError"),
        (lambda z, y: 1.0, "one number, .* got for .* 1.0"),
        (lambda z, y: z, r"over its 4 items.*torch.float32 of the shape \(4, 4\)"),
        (lambda z, y: z.argmax(1), r"torch.int64 of the shape \(4,\)"),
        (lambda z, y: z.detach().sum(), "have a gradient in the logits, got a constant"),
    ],
)
def test_what_is_no_loss_is_refused(loss, message):
    with pytest.raises(InputError, match=message):
        value_and_gradient(as_loss(loss))


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("py( own_losses : smooth )", "py(own_losses:smooth)"),
        ("py(own_losses:Scaled):alpha=2,name=a_word,on=true", None),
        ("ce + 0.5 * py(own_losses:Scaled):alpha=3e-1", "ce+0.5*py(own_losses:Scaled):alpha=0.3"),
        ("dice+2*py(own_losses:smooth):amount=0.1+py(own_losses:Scaled):alpha=2.0", None),
        ("py(dicetune.losses:DiceLoss):smooth=1.0", "py(dicetune.losses:DiceLoss)"),
        ("py(dicetune.losses:DiceLoss):smooth=2.0", None),
    ],
)
def test_a_spec_names_a_class_or_a_function_of_a_module(here, text, spec):
    loss = build(text)
    assert loss.spec == (spec or text)
    again = build(loss.spec)
    assert again.spec == loss.spec
    assert again(LOGITS, TARGET) == loss(LOGITS, TARGET)


def test_options_are_numbers_flags_and_words(here):
    build("py(own_losses:Scaled):alpha=2,name=-x.y,on=TRUE")
    build("py(own_losses:Scaled):alpha=2.0,name=nan,on=false")
    assert sys.modules["own_losses"].calls == [(2, "-x.y", True), (2.0, "nan", False)]
    assert [type(alpha) for alpha, *_ in sys.modules["own_losses"].calls] == [int, float]


def test_a_search_changes_the_parts_that_it_knows(here):
    loss = build("dice+py(own_losses:Scaled):alpha=2+py(dicetune.losses:TverskyLoss)")
    changed = loss.with_values({"2": 0.5, "3.smooth": 2.0})
    assert changed.spec == (
        "dice+0.5*py(own_losses:Scaled):alpha=2+py(dicetune.losses:TverskyLoss):smooth=2.0"
    )


def test_names_are_found_without_an_import_and_files_by_their_digest(here):
    spec = "ce+0.5*py( own_losses:smooth ):amount=0.3"
    assert imported_names(spec) == ["py(own_losses:smooth)"]
    assert "own_losses" not in sys.modules
    losses = [build(spec), build("dice")]
    assert code_of(losses) == {"py(own_losses:smooth)": sha256("own_losses.py")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("py(own_nowhere:X)", "got 'own_nowhere', and there is no 'own_nowhere' in"),
        ("py(own_losses.sub:X)", "there is no 'own_losses.sub'|no 'own_losses.sub' in"),
        ("py(own_losses:Nope)", "of module 'own_losses', got 'Nope'"),
        ("py(own_losses:number)", r"class or a function in py\(own_losses:number\), got 7"),
        ("py(own_losses:Scaled)", "takes, got none; TypeError: .*missing 1 required"),
        ("py(own_losses:Scaled):alpha=1,beta=2", "takes, got alpha=1, beta=2; TypeError"),
        ("py(own_losses:smooth):alpha=1", "takes, got alpha=1; TypeError"),
        ("py(own_losses:Scaled):alpha", "expected alpha=value in"),
        ("py(own_losses:Angry)", "RuntimeError: two lines"),
        ("py(own_losses:Sums)", "got 'sum' of 'Sums'"),
        ("py(own_losses:Forgetful)", "keep each option as an attribute of its name"),
        ("py(own_broken:X)", "from 'own_broken' ModuleNotFoundError"),
        ("py(own_wrong:X)", "from 'own_wrong' SyntaxError"),
        ("py(own_losses)", r"expected py\(package.module:Class\)"),
        ("py(own_losses:X", r"expected py\(package.module:Class\)"),
        ("py(../own_losses:X)", r"expected py\(package.module:Class\)"),
    ],
)
def test_a_module_that_does_not_serve_is_refused_in_one_line(here, text, message):
    with pytest.raises(InputError, match=message) as raised:
        build(text)
    assert "\n" not in str(raised.value)
