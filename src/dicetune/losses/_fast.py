"""The overlap losses and their sums with cross-entropy in one step: value and gradient together.

The formulas of ``_overlap`` and ``_cross_entropy`` define the losses. This file computes the same
numbers with fewer steps, where the options are the usual ones; everything else, and every error,
is left to them: ``fused`` then answers ``None``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor

from dicetune.losses._base import weight_vector
from dicetune.losses._blocks import FastInput, Part, SigmoidBlock, SoftmaxBlock
from dicetune.losses._inputs import KINDS, Given, targets_of
from dicetune.losses._overlap import Overlap, counted_weight, or_1
from dicetune.losses._targets import at_once, values_are_known

_KEYWORDS = {*Given.__annotations__, "class_counts"}
_BLOCK = 1 << 19  # entries of a block on a CPU: 2 MB of float32
_TENSORS = (Tensor, torch.nn.Parameter)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class set_fast:  # noqa: N801
    """Whether the overlap losses are computed in one step where they can be (the default).

    Called, it holds from then on; in a ``with`` statement until its end. Off, the formulas are
    computed step by step, with temporary tensors for each step. The results agree to rounding.

    Args:
        on: ``False`` turns the fast computation off.

    Example:
        >>> from dicetune.losses import dice_loss
        >>> with set_fast(False):
        ...     dice_loss(torch.zeros(2, 2), torch.tensor([0, 1]))
        tensor(0.2000)
    """

    now = True

    def __init__(self, on: bool) -> None:
        self._before, set_fast.now = set_fast.now, bool(on)

    def __enter__(self) -> None: ...

    def __exit__(self, *raised: object) -> None:
        set_fast.now = self._before


def fused(
    parts: Sequence[Part],
    logits: Tensor,
    target: Tensor,
    given: Given,
    eager: Callable[[Tensor], Tensor],
    number: float | Tensor | None = None,
) -> Tensor | None:
    """The sum of the parts, or ``None`` where ``eager`` must compute it.

    ``eager`` is the definition: the same loss as a function of the logits. It also computes the
    gradient where the gradient is differentiated again. ``number`` divides the sums over items of
    the additive parts, and those alone.
    """
    call = _input_of(parts, logits, target, given, number)
    if call is None:
        return None
    if torch.is_grad_enabled() and logits.requires_grad:
        value: Tensor = _Fused.apply(logits, call, eager)  # type: ignore[no-untyped-call]
        return value
    return _solve(logits, call, False)[0]


def fused_sums(
    parts: Sequence[Part],
    logits: Tensor,
    target: Tensor,
    given: Given,
    eager: Callable[[Tensor], tuple[Tensor, ...]],
    number: float | Tensor | None = None,
) -> tuple[Tensor, ...] | None:
    """The sum of the additive parts, then the sums of each set-level part, as ``Loss.sums``.

    The sums are float64; else as ``fused``.
    """
    call = _input_of(parts, logits, target, given, number)
    if call is None or call.kind == "positions":
        return None
    found: tuple[Tensor, ...] = _FusedSums.apply(logits, call, eager)  # type: ignore[no-untyped-call]
    return found


def _input_of(
    parts: Sequence[Part],
    logits: Tensor,
    target: Tensor,
    given: Given,
    number: float | Tensor | None,
) -> FastInput | None:
    """The call, checked; ``None`` where it is none of the usual ones."""
    usual = set_fast.now and values_are_known() and given.keys() <= _KEYWORDS
    if not (usual and parts and _plain(logits, target, given)):
        return None
    classes, kind = logits.shape[-1], given.get("kind")
    labels = target.shape == logits.shape if kind is None else kind == "labels"
    kind = kind or ("labels" if labels else "classes")
    shape = logits.shape if labels else logits.shape[:-1]
    background, own_number = given.get("background"), given.get("num_items")
    if classes < 2 or target.shape != shape or kind not in KINDS:
        return None
    if not (background is None or 0 <= background < classes):
        return None
    if own_number is not None and kind != "positions":
        return None
    if not all(part.serves(kind) for part in parts):
        return None
    for part in parts:
        if part.choice is not None:
            part.choice.check_kind(kind, background)
    wide = torch.float64 if logits.dtype == torch.float64 else torch.float32
    masks = given.get("mask"), given.get("class_mask")
    _, target, keep, exists, lost = targets_of(logits, target, kind, *masks, wide)
    number = own_number if number is None else number
    if number is None:
        number = target.shape[0] if keep is None else keep.sum()
    if labels and keep is not None:
        exists = keep[:, None] if exists is None else exists & keep[:, None]
        exists, keep = exists.expand(target.shape), None
    if isinstance(number, Tensor) and at_once(number):
        number = number.item()
    number = number.to(wide).clamp(min=1) if isinstance(number, Tensor) else max(number, 1)
    return FastInput(target, keep, exists, lost, parts, kind, background, number, wide)


def _plain(logits: Any, target: Any, given: Given) -> bool:
    """Whether the tensors are such as every step below can take."""
    mask, exists = given.get("mask"), given.get("class_mask")
    return (
        type(logits) in _TENSORS
        and type(target) in _TENSORS
        and (mask is None or type(mask) is Tensor)
        and (exists is None or type(exists) is Tensor)
        and logits.dtype in _FLOATS
        and logits.ndim > 1
        and logits.numel() > 0
        and logits.device.type in ("cpu", "cuda")
        and logits.device == target.device
        and not (target.requires_grad or target.is_complex())
        and forward_ad._current_level < 0
    )


class _Fused(torch.autograd.Function):
    """The value, whose gradient was computed with it."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, call: FastInput, eager: Callable[[Tensor], Tensor]
    ) -> Tensor:
        value, gradient = _solve(logits, call, True)
        ctx.eager, ctx.call, ctx.made = eager, call, gradient
        ctx.save_for_backward(logits)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (logits,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient itself is differentiated
            (slope,) = torch.autograd.grad(ctx.eager(logits), logits, create_graph=True)
            return slope * upstream, None, None
        gradient: Any = ctx.made if ctx.made is not None else _solve(logits, ctx.call, True)[1]
        ctx.made = None  # it is scaled in place, and may become the gradient of the leaf
        if not (at_once(upstream) and float(upstream) == 1):
            gradient.mul_(upstream)
        return gradient.to(logits.dtype), None, None


class _FusedSums(torch.autograd.Function):
    """Sums, whose gradient is computed when it is known what it is multiplied with."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, call: FastInput, eager: Callable[[Tensor], tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...]:
        blocks, out = _blocks(logits, call)
        values = [_sum([b.cross_entropy(p) for b in blocks]) for p in call.parts if not p.choice]
        sums = [torch.stack(_class_sums(blocks, choice)) for choice in call.choices]
        kept = _kept(call, logits.shape[-1])
        sums = [torch.cat((pair, kept.to(pair).unsqueeze(0))) for pair in sums]
        ctx.eager, ctx.call, ctx.made = eager, call, (blocks, out)
        ctx.save_for_backward(logits)
        total = torch.stack(values).sum() if values else logits.new_zeros(())
        return total.to(call.wide), *sums

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (logits,) = ctx.saved_tensors
        if torch.is_grad_enabled():
            found = zip(ctx.eager(logits), upstream, strict=True)
            found = zip(*(pair for pair in found if pair[0].requires_grad), strict=True)
            values, slopes = map(tuple, found)
            return *torch.autograd.grad(values, logits, slopes, create_graph=True), None, None
        blocks, out = ctx.made or _again(logits, ctx.call)
        ctx.made = None  # what the gradient is made in can be used once
        by_value, *by_sums = upstream
        for block in blocks:
            block.gradient([(by_sum[0], by_sum[1]) for by_sum in by_sums], by_value)
        return out.view(logits.shape).to(logits.dtype), None, None


def _again(logits: Tensor, call: FastInput) -> tuple[list[Any], Tensor]:
    """Blocks as a forward pass leaves them."""
    blocks, out = _blocks(logits, call)
    for block in blocks:
        for part in call.parts:
            block.sums(part.choice) if part.choice else block.cross_entropy(part)
    return blocks, out


def _blocks(logits: Tensor, call: FastInput) -> tuple[list[Any], Tensor]:
    """The blocks of all rows, and the tensor (N, C) in which they work and write the gradient."""
    flat = logits if logits.ndim == 2 else logits.reshape(-1, logits.shape[-1])
    items, classes = flat.shape
    rows = items if logits.device.type != "cpu" else max(_BLOCK // classes, 1)
    make: Any = SigmoidBlock if call.kind == "labels" else SoftmaxBlock
    out = flat.new_empty(flat.shape, dtype=call.wide)
    if rows >= items:  # most often; a slice of everything takes time too
        return [make(flat, call, out)], out
    places = [slice(start, start + rows) for start in range(0, items, rows)]
    return [make(flat[p], call.at(p), out[p]) for p in places], out


def _class_sums(blocks: list[Any], choice: Overlap) -> tuple[Tensor, Tensor]:
    """S_tp and E of each class, over all blocks."""
    tp, error = zip(*(block.sums(choice) for block in blocks), strict=True)
    return _sum(tp), _sum(error)


def _kept(call: FastInput, classes: int) -> Tensor:
    """The items of each class."""
    there = call.exists
    if there is not None:
        return (there if call.keep is None else there & call.keep[:, None]).sum(0)
    if call.keep is not None:
        return call.keep.sum().expand(classes)
    return call.target.new_full((classes,), call.target.shape[0])


def _solve(logits: Tensor, call: FastInput, graded: bool) -> tuple[Tensor, Tensor | None]:
    """The value, and where ``graded`` its gradient by the logits, in the precision of the value."""
    blocks, out = _blocks(logits, call)
    losses, derivatives = [], []
    for part in call.parts:
        if part.choice is None:
            loss = _sum([block.cross_entropy(part) for block in blocks])
        elif call.kind == "positions":  # each row is a set
            solved = [_of_rows(part, part.choice, b.sums(part.choice), call) for b in blocks]
            loss = _sum([one for one, *_ in solved])
            derivatives.append([pair for _, *pair in solved])
        else:
            tp, error = _class_sums(blocks, part.choice)
            loss, *pair = _of_classes(part, part.choice, tp, error, call)
            derivatives.append([pair] * len(blocks))
        losses.append(loss)
    value = reduce(torch.add, losses)
    if not graded:
        return value.to(call.wide), None
    for number, block in enumerate(blocks):
        block.gradient([pairs[number] for pairs in derivatives])
    return value.to(call.wide), out if logits.ndim == 2 else out.view(logits.shape)


def _sum(values: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    return values[0] if len(values) == 1 else torch.stack(values).sum(0)


def _of_classes(
    part: Part, choice: Overlap, tp: Tensor, error: Tensor, call: FastInput
) -> tuple[Tensor, Tensor, Tensor]:
    """The loss of class sums, as ``set_loss``, and its derivatives by S_tp and E."""
    weight = None
    if part.class_weight is not None:
        weight = weight_vector(part.class_weight, tp[None], call.kind)
    weight = counted_weight(tp, choice, weight, call.background)
    if choice.average == "micro":
        weight = torch.ones_like(tp) if weight is None else weight
        whole = (tp * weight).sum(), (error * weight).sum()
        value, by_tp, by_error = _of_sums(*whole, choice, part.coefficient)
        return value, by_tp * weight, by_error * weight
    if call.exists is not None:
        there = call.exists
        there = (there if call.keep is None else there & call.keep[:, None]).any(0).to(tp)
        weight = there if weight is None else there * weight
    share: Tensor | float = part.coefficient / tp.shape[0]
    if weight is not None:
        share = part.coefficient * weight / or_1(weight.sum())
    return _of_sums(tp, error, choice, share)


def _of_rows(
    part: Part, choice: Overlap, sums: tuple[Tensor, Tensor], call: FastInput
) -> tuple[Tensor, Tensor, Tensor]:
    """The same where each row is a set: the mean over rows. A masked row has no errors."""
    return _of_sums(*sums, choice, part.coefficient / call.number)


def _of_sums(
    tp: Tensor, error: Tensor, choice: Overlap, share: Tensor | float
) -> tuple[Tensor, Tensor, Tensor]:
    """The sum of E / (S_tp + E + γ) times the share, and its derivatives by S_tp and E."""
    part = (tp + error).add_(choice.smooth).reciprocal_()
    loss = error * part
    part = part * -share
    by_tp = loss * part  # -E / whole²; by E it is 1/whole more
    return (loss * share).sum(), by_tp, by_tp - part
