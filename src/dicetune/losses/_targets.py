"""Targets of every loss: class numbers or shares, checked and masked.

On a CPU a target that cannot be is refused at once. On any other device the answer would have to be
waited for, in every forward pass: there a target that cannot be makes the loss NaN, what was wrong
is kept on the device, and ``raise_bad_targets`` says it when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dicetune.errors import InputError, InputTypeError, quoted

IGNORED = -100  # a target that does not count, as in torch
_AT_ONCE: Sequence[str] = ("cpu",)
_found: dict[tuple[str, torch.device], tuple[list[Tensor], Callable[..., str]]] = {}


def values_are_known() -> bool:
    """Whether a tensor has values to read: not in ``torch.compile`` and ``torch.func``."""
    return not (torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active())


def at_once(tensor: Tensor) -> bool:
    """Whether reading a value of a tensor makes nothing wait."""
    return tensor.device.type in _AT_ONCE


def refuse_if(
    name: str,
    wrong: Tensor,
    text: Callable[..., str],
    numbers: Callable[[], Sequence[Tensor]] = tuple,
) -> None:
    """Raise ``text(*numbers)`` where ``wrong`` is true: at once, or when it is asked.

    Of several that are not asked for yet the first is kept, for each ``name``.
    """
    if not values_are_known() or wrong.is_meta:
        return
    if at_once(wrong):
        if wrong:
            raise InputError(text(*(number.item() for number in numbers())))
        return
    found = [one.detach() for one in (wrong, *numbers())]
    before, _ = _found.get((name, wrong.device), (None, None))
    if before is not None:
        found = [torch.where(before[0], *both) for both in zip(before, found, strict=True)]
    _found[name, wrong.device] = found, text


def raise_bad_targets() -> None:
    """Raise what was wrong with a target of an earlier call on a device that is not the CPU.

    On a CPU a loss raises at once. On a GPU it does not wait for the answer: the loss of such a
    call is NaN, and this function, which waits, says why. ``ObjectiveTrainer`` calls it when it
    logs and in evaluations; a training loop of your own should do so every few steps.

    Raises:
        InputError: in the words of the error on a CPU.
    """
    found = list(_found.values())
    _found.clear()
    for (wrong, *numbers), text in found:
        if wrong:
            raise InputError(text(*(number.item() for number in numbers)))


def class_numbers_of(
    target: Tensor, classes: int, rows: Tensor | None, exists: Tensor | None, kind: str
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Class numbers with 0 where masked, the rows that count (``None``: all), rows to be NaN."""
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise InputTypeError(
            f"expected integer targets, one class number an item, got {target.dtype}: shares of "
            "classes have the logits' shape"
        )
    gold = target.long()
    if rows is not None:
        gold = torch.where(rows, gold, IGNORED)
    if gold.numel() == 0 and values_are_known():
        return gold, None, None

    def out_of_range(got: float) -> str:
        return f"expected targets in 0..{classes - 1} or -100, got {got:.0f}"

    lost: Tensor | None = None
    if not values_are_known():
        rows = gold != IGNORED
        gold = torch.where(rows, gold, 0)
    elif at_once(gold):
        given, rows = gold, None
        low, high = (int(end) for end in torch.aminmax(given))
        if high >= classes:
            raise InputError(out_of_range(high))
        if low < 0:
            rows, gold = given != IGNORED, given.clamp(min=0)
            if not torch.equal(rows, given >= 0):
                raise InputError(out_of_range(int(given[rows & (given < 0)][0])))
    else:
        rows = gold != IGNORED
        given, out = gold, rows & ((gold < 0) | (gold >= classes))
        refuse_if(f"range {classes}", out.any(), out_of_range, lambda: [given.take(_first(out))])
        gold, lost = torch.where(rows & ~out, gold, 0), out
    if exists is not None and values_are_known():
        gone = ~exists.gather(1, gold[:, None]).squeeze(1)
        gone = gone if rows is None else gone & rows
        gone = gone if lost is None else gone & ~lost
        what = "position" if kind == "positions" else "class"
        refuse_if(
            f"masked {what}",
            gone.any(),
            lambda number, row: (
                f"expected targets that exist in class_mask, got {what} {number:.0f} of item "
                f"{row:.0f}, which is masked: set it in class_mask, or ignore the item with -100"
            ),
            lambda: [gold.take(_first(gone)), _first(gone)],
        )
        lost = lost if lost is None else lost | gone
    return gold, rows, lost


def _first(wrong: Tensor) -> Tensor:
    """The place of the first that is true; 0 where none is."""
    return wrong.to(torch.int32).argmax()


def shares_of(
    target: Tensor,
    shape: torch.Size,
    dtype: torch.dtype,
    rows: Tensor | None,
    exists: Tensor | None,
    kind: str,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Values in [0, 1] as (N, C), the rows that count, the classes that exist."""
    if target.shape != shape:
        wanted = f"{tuple(shape)} (a value for each label)"
        if kind != "labels":
            wanted = f"{tuple(shape[:-1])} (one class number an item) or {tuple(shape)} (shares)"
        raise InputError(
            f"expected a target of shape {wanted} for logits of {tuple(shape)} and kind "
            f"{quoted(kind)}, got {tuple(target.shape)}"
        )
    if kind != "labels" and not target.is_floating_point():
        raise InputTypeError(f"expected floating-point shares of the classes, got {target.dtype}")
    shares = target.reshape(-1, shape[-1]).to(dtype)
    reads = values_are_known() and at_once(shares) and shares.numel() > 0
    # not read: as if some target were -100, which is looked for below
    low, high = _ends(shares) if reads else (-1.0, 1.0)
    if not low >= 0.0:
        exists = (shares != IGNORED) if exists is None else exists & (shares != IGNORED)
    if exists is not None:
        # an item without any class that exists is no item
        some = exists.any(1)
        rows = some if rows is None else rows & some
        shares = torch.where(exists, shares, 0.0)
    if rows is not None:
        shares = torch.where(rows[:, None], shares, 0.0)
        # not read: nothing is refused here, ``refuse_if`` asks the device
        low, high = _ends(shares) if reads else (0.0, 1.0)
    if not (low >= 0.0 and high <= 1.0):
        raise InputError(_out_of_01(low if not low >= 0.0 else high))
    wrong: Tensor | None = None
    if not reads and values_are_known() and shares.numel():
        wrong = out = ~((shares >= 0) & (shares <= 1))
        refuse_if("0 to 1", out.any(), _out_of_01, lambda: [shares.take(_first(out))])
    if kind != "labels" and values_are_known() and shares.numel():
        total = shares.sum(1)
        # in half precision a third is 0.3340, and three thirds are 1.002
        off = (total - 1).abs() > max(1e-3, torch.finfo(target.dtype).eps)
        off = off if rows is None else off & rows
        refuse_if("sum to 1", off.any(), _no_distribution, lambda: [total.take(_first(off))])
        wrong = wrong if wrong is None else wrong.any(1, keepdim=True) | off[:, None]
    if wrong is not None:
        shares = torch.where(wrong, torch.nan, shares)
    return shares, rows, exists


def _ends(values: Tensor) -> tuple[float, float]:
    low, high = torch.aminmax(values.detach())
    return float(low), float(high)


def _out_of_01(got: float) -> str:
    return f"expected targets in [0, 1] or -100, got {got}"


def _no_distribution(got: float) -> str:
    return f"expected shares that sum to 1 over the classes, got a sum of {got:.4g}"
