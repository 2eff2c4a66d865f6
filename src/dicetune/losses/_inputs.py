"""The input of every loss: logits of (N, C) and their targets, checked and masked once.

Tasks give logits of any leading shape, targets as class numbers, as 0/1 or as shares, and masks of
entries that do not count. ``items_of`` makes one ``Items`` of these; no loss reads raw input. Three
rules therefore hold for every loss:

- *Masked is removed.* The logits of a masked row are replaced before any exponential is taken, so
  that nothing in the row, NaN included, reaches the value or a gradient. A masked class gets the
  logit ``ABSENT``: its probability is exactly 0, and it adds nothing to any sum.
- *Half precision is computed in float32*, also under autocast; float64 stays float64.
- *Checks that read data* (a target out of range) cost one small reduction. They are skipped where
  a tensor has no values to read (``values_are_known``).

Probabilities stay exact where p rounds to 1. ``1 - p`` of a rounded p jumps to 0 (float32: from a
logit of 16.6), and the gradient of its power is then 0 · ∞ = NaN. So powers are taken in log space,
``exp(decay · log(1-p))``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TypedDict, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name
from dicetune.loss_input import Kind
from dicetune.losses._targets import class_numbers_of, shares_of, values_are_known

ABSENT = -1e30  # the logit of a class that does not exist: exp underflows to 0, nothing overflows
KINDS: tuple[str, ...] = get_args(Kind)
REDUCTIONS = ("none", "sum", "mean")

# Over fewer classes torch's CPU softmax is slower than its log_softmax and an exponential.
FEW_CLASSES = 16


class Given(TypedDict, total=False):
    """What every function takes beside its options. All but logits and target may be left out.

    The result is a scalar; for the reduction ``none`` it has the leading shape. The mean over
    nothing is 0 with zero gradient. Values, shapes and combinations without a meaning are an
    ``InputError``.

    Args:
        logits: raw scores, (..., C).
        target: class numbers of the leading shape, or values in [0, 1] of the logits' shape (0/1
            labels, or shares of the classes); ``-100`` is ignored.
        reduction: ``mean`` (default), ``sum`` or ``none``.
        kind: ``classes`` (softmax over the last axis), ``labels`` (one sigmoid for each) or
            ``positions`` (softmax over the positions of a text). By default ``labels`` for a target
            of the logits' shape, else ``classes``; ``positions`` must be named.
        mask: bool, of the leading shape: items that count.
        class_mask: bool, broadcastable to the logits: classes that exist.
        background: the class that means "nothing".
        num_items: divide the sum over items by this number and not by the items of the call, for a
            mean over several calls. Only for an additive loss with reduction ``mean``.
    """

    kind: str | None
    mask: Tensor | None
    class_mask: Tensor | None
    background: int | None
    num_items: float | Tensor | None


class Call(Given, total=False):
    """What every ``Loss`` takes in a call: ``Given``, and the counts that some losses need.

    Args:
        class_counts: training items of each class, (C,); of ``labels`` the items without and with
            each label, (C, 2).
    """

    class_counts: Tensor | Sequence[float] | None


class Items(NamedTuple):
    """N decisions over C classes, ready to compute on.

    ``logits`` are (N, C), float32 or float64; masked rows are 0, masked classes ``ABSENT``.
    ``target`` holds (N,) class numbers where ``hard``, else (N, C) shares in [0, 1], 0 if masked.
    ``mask`` (N,) and ``class_mask`` (N, C) are ``None`` where all count. ``sigmoid`` means one
    sigmoid for each class and no softmax. ``leading`` is the shape of the items as they came. The
    rest is as in ``Call``.
    """

    logits: Tensor
    target: Tensor
    hard: bool
    mask: Tensor | None
    class_mask: Tensor | None
    sigmoid: bool
    kind: str
    leading: torch.Size
    background: int | None = None
    class_counts: Tensor | Sequence[float] | None = None
    num_items: float | Tensor | None = None


_prepared: ContextVar[dict[tuple[object, ...], tuple[Items, tuple[Tensor | None, ...]]] | None] = (
    ContextVar("prepared", default=None)
)


@contextmanager
def one_preparation() -> Iterator[None]:
    """Losses of the same tensors, computed within, check and mask them once."""
    token = _prepared.set({})
    try:
        yield
    finally:
        _prepared.reset(token)


def items_of(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    background: int | None = None,
    class_counts: Tensor | Sequence[float] | None = None,
    num_items: float | Tensor | None = None,
    sigmoid: bool = False,
) -> Items:
    """Check, flatten and mask the input of a call; ``sigmoid`` replaces the softmax of any kind.

    Raises:
        InputError: for shapes that do not fit, a target out of range, an unknown kind.
        InputTypeError: for tensors of a type that cannot be used.
    """
    kept = _prepared.get() if values_are_known() else None
    items: Items
    if kept is None:
        items = _items_of(logits, target, kind, mask, class_mask, sigmoid)
    else:
        tensors = (logits, target, mask, class_mask)
        # made where no graph is recorded, items have no gradient, and serve only there
        modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        key = (*map(id, tensors), kind, sigmoid, modes)
        if key not in kept:  # with the tensors, so that no other takes the place of one
            kept[key] = _items_of(logits, target, kind, mask, class_mask, sigmoid), tensors
        items, _ = kept[key]
    return items._replace(background=background, class_counts=class_counts, num_items=num_items)


def _items_of(
    logits: Tensor,
    target: Tensor,
    kind: str | None,
    mask: Tensor | None,
    class_mask: Tensor | None,
    sigmoid: bool,
) -> Items:
    tensors: tuple[object, ...] = (logits, target)
    for name, value in zip(("logits", "target"), tensors, strict=True):
        if not isinstance(value, Tensor):
            raise InputTypeError(f"expected {name} to be a tensor, got {type(value).__name__}")
    if not logits.is_floating_point():
        raise InputTypeError(f"expected floating-point logits, got {logits.dtype}")
    if kind is None:  # a softmax over one class is constant: one logit means labels
        one_logit = logits.ndim > 0 and logits.shape[-1] == 1
        kind = "labels" if target.shape == logits.shape or one_logit else "classes"
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    if logits.ndim == 0:
        raise InputError("expected logits of shape (..., C), got a scalar")
    if kind == "labels":
        logits, target = _with_class_axis(logits, target)
    classes = logits.shape[-1]
    leading = logits.shape[:-1]
    if kind != "labels" and classes < 2 and not sigmoid and logits.numel():
        raise InputError(
            f"expected at least two {kind}, got {classes}: a softmax over one is constant; "
            "for one logit an item use kind='labels'"
        )
    flat = logits.reshape(-1, classes)
    flat = flat.float() if flat.dtype in (torch.float16, torch.bfloat16) else flat
    hard, goal, rows, exists, lost = targets_of(logits, target, kind, mask, class_mask, flat.dtype)
    sigmoid = sigmoid or kind == "labels"
    if exists is not None:
        flat = torch.where(exists, flat, ABSENT)
    if rows is not None:
        # a sigmoid at ABSENT is 0, and so is its target: the row adds nothing
        nothing: float | Tensor = ABSENT if sigmoid else 0.0
        there = rows
        if lost is not None:
            nothing = torch.where(lost, torch.nan, nothing)[:, None].to(flat.dtype)
            there = rows & ~lost
        flat = torch.where(there[:, None], flat, nothing)
        if not hard:
            goal = torch.where(rows[:, None], goal, 0.0)
    return Items(flat, goal, hard, rows, exists, sigmoid, kind, leading)


def targets_of(
    logits: Tensor,
    target: Tensor,
    kind: str,
    mask: Tensor | None,
    class_mask: Tensor | None,
    dtype: torch.dtype,
) -> tuple[bool, Tensor, Tensor | None, Tensor | None, Tensor | None]:
    """Whether targets are hard; clean targets; rows that count; classes that exist; NaN rows.

    Targets are class numbers (N,) or shares (N, C) of ``dtype``. The masks are ``None`` where all
    count. The last are rows whose target cannot be, where that is not raised at once.
    """
    leading = logits.shape[:-1]
    rows, exists = _row_mask(mask, leading, logits), _class_mask(class_mask, logits)
    if kind != "labels" and target.shape == leading:
        gold, rows, lost = class_numbers_of(
            target.reshape(-1), logits.shape[-1], rows, exists, kind
        )
        return True, gold, rows, exists, lost
    return False, *shares_of(target, logits.shape, dtype, rows, exists, kind), None


def _with_class_axis(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Give items with a single logit a last axis of one class."""
    if logits.ndim == 1 and target.shape == logits.shape:
        return logits[:, None], target[:, None]
    if logits.shape[-1] == 1 and target.shape == logits.shape[:-1]:
        return logits, target[..., None]
    return logits, target


def _check_bool(name: str, mask: object) -> None:
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        got = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise InputTypeError(f"expected {name} to be a bool tensor, got {got}: use .bool()")


def _row_mask(mask: Tensor | None, shape: torch.Size, flat: Tensor) -> Tensor | None:
    """The mask of the items, flat."""
    if mask is None:
        return None
    _check_bool("mask", mask)
    if mask.shape != shape:
        raise InputError(
            f"expected mask of shape {tuple(shape)}, one entry an item, got {tuple(mask.shape)}"
        )
    return mask.reshape(-1).to(flat.device)


def _class_mask(mask: Tensor | None, logits: Tensor) -> Tensor | None:
    """The mask of the classes, broadcast to the logits, as (N, C)."""
    if mask is None:
        return None
    _check_bool("class_mask", mask)
    if mask.ndim == logits.ndim - 1 and logits.shape[-1] == 1:
        mask = mask[..., None]
    fits = mask.ndim <= logits.ndim and all(
        m in (1, size) for m, size in zip(mask.shape[::-1], logits.shape[::-1], strict=False)
    )
    if not fits:
        raise InputError(
            f"expected class_mask that can be broadcast to the logits' {tuple(logits.shape)}, "
            f"got {tuple(mask.shape)}"
        )
    return mask.expand(logits.shape).reshape(-1, logits.shape[-1]).to(logits.device)


def check_background(items: Items) -> None:
    """Refuse a background that is not among the classes, for a loss that uses it."""
    classes = items.logits.shape[1]
    if items.background is not None and not 0 <= items.background < classes:
        raise InputError(f"expected background in 0..{classes - 1}, got {items.background}")


def reduce_items(losses: Tensor, items: Items, reduction: str) -> Tensor:
    """Reduce (N,) losses; a masked row may hold any finite value.

    ``none`` has the items' shape, 0 where masked. The mean over no items is 0 with zero gradient,
    unlike torch's, which is NaN.
    """
    if reduction not in REDUCTIONS:
        raise unknown_name("value for reduction", reduction, REDUCTIONS)
    if items.num_items is not None and reduction != "mean":
        raise InputError(
            f"expected reduction='mean' beside num_items, got {quoted(reduction)}: a sum is not "
            "divided"
        )
    if items.mask is not None:
        losses = torch.where(items.mask, losses, 0.0)
    if reduction == "none":
        return losses.reshape(items.leading)
    total = losses.sum()
    return total if reduction == "sum" else mean_of(total, items)


def mean_of(total: Tensor, items: Items) -> Tensor:
    """A sum over items, divided by their number or by ``num_items``; over nothing it is 0."""
    if isinstance(items.num_items, Tensor):
        return total / items.num_items.to(total).clamp(min=1)
    if items.num_items is not None:
        return total / max(items.num_items, 1)
    if items.mask is not None:
        return total / items.mask.sum().clamp(min=1)
    return total / max(items.logits.shape[0], 1)


def probabilities(logits: Tensor, sigmoid: bool) -> Tensor:
    """Probability of every class, (N, C): one sigmoid each, or a softmax over the classes."""
    if sigmoid:
        return logits.sigmoid()
    if logits.shape[1] < FEW_CLASSES:
        return logits.log_softmax(1).exp()
    return logits.softmax(1)


def log_complement(logits: Tensor, sigmoid: bool) -> Tensor:
    """log(1-p) of every class, (N, C), with its gradient; finite for finite logits.

    Of a sigmoid it is ``logsigmoid(-z)``. Of a softmax it is ``log1p(-p)`` where p is not the
    largest of its row (then p <= 1/2), and for the largest p the ``logsumexp`` of the other classes
    minus the ``logsumexp`` of all classes.
    """
    if sigmoid:
        return -F.softplus(logits)
    if logits.shape[0] == 0:
        return logits
    log_p = logits.log_softmax(1)
    top = log_p.detach().argmax(1, keepdim=True)
    # the largest p is taken out before log1p, so that no infinite gradient is multiplied by 0
    below = log_p.scatter(1, top, ABSENT).exp()
    others = log_p.scatter(1, top, ABSENT).logsumexp(1, keepdim=True)
    return torch.log1p(-below).scatter(1, top, others)


def gold_log_complement(logits: Tensor, gold: Tensor, sigmoid: bool = False) -> Tensor:
    """log(1-p) of the gold class of each row, (N,), without a gradient."""
    logits = logits.detach()
    if sigmoid:
        return -F.softplus(logits.gather(1, gold[:, None]).squeeze(1))
    others = logits.scatter(1, gold[:, None], ABSENT).logsumexp(1)
    return others - logits.logsumexp(1)


def power_from_log(log_base: Tensor, exponent: float) -> Tensor:
    """base**exponent from log(base): 1 for an exponent of 0, also at base 0."""
    return torch.exp(exponent * log_base)
