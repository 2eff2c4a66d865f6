"""What every loss computes on: logits of (N, C) and their targets, checked and masked once.

Tasks give logits of any leading shape, targets as class numbers, as 0/1 or as shares, ``-100`` and
masks for what does not count. ``prepare`` turns all of that into one ``Items``; no loss looks at
raw input. Three rules hold for every loss because they are kept here:

- *Masked is removed.* A masked row's logits are replaced before any exponential is taken, so that
  nothing in it, NaN included, reaches the value or a gradient. A masked class gets the logit
  ``ABSENT``: its probability is exactly 0, so it adds nothing to any sum.
- *Half precision is computed in float32*, also under autocast; float64 stays float64.
- *Checks that read data* (a target out of range) cost one small reduction and are skipped where
  there is no data to read (``values_are_known``).

What this is not: it knows no formula and no hyper-parameter but ``activation``.
"""

from __future__ import annotations

from typing import NamedTuple, get_args

import torch
from torch import Tensor

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name
from dicetune.loss_input import Kind

IGNORED = -100  # a target that does not count, as in torch
ABSENT = -1e30  # the logit of a class that does not exist: exp underflows to 0, nothing overflows
KINDS: tuple[str, ...] = get_args(Kind)


class Items(NamedTuple):
    """N decisions over C classes, ready to compute on.

    Args:
        logits: (N, C), float32 or float64; masked rows are 0, masked classes are ``ABSENT``.
        target: (N,) class numbers where ``hard``, else (N, C) shares in [0, 1]; 0 where masked.
        hard: whether the targets are class numbers.
        keep: (N,) rows that count; ``None`` where all do.
        class_keep: (N, C) classes that exist; ``None`` where all do.
        sigmoid: one sigmoid a class instead of a softmax over classes.
        kind: how the classes relate, as in ``LossInput``.
        background: the class that means "nothing", where there is one.
        leading: the shape of the items as they came, for results that are not reduced.
    """

    logits: Tensor
    target: Tensor
    hard: bool
    keep: Tensor | None
    class_keep: Tensor | None
    sigmoid: bool
    kind: str
    background: int | None
    leading: torch.Size


def values_are_known() -> bool:
    """Whether a tensor's values may be looked at: not in ``torch.compile`` and ``torch.func``.

    While a function is traced or vectorised a tensor stands for many, none of which is there yet.
    """
    return not (torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active())


def infer_kind(logits: Tensor, target: Tensor) -> str:
    """The kind that shapes alone say: ``labels`` for equal shapes, else ``classes``.

    One logit an item is always ``labels``: a softmax over one class is constant.
    """
    one_logit = logits.ndim > 0 and logits.shape[-1] == 1
    return "labels" if target.shape == logits.shape or one_logit else "classes"


def prepare(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    background: int | None = None,
    sigmoid: bool = False,
) -> Items:
    """Check, flatten and mask.

    Args:
        logits: raw scores, (..., C); for ``labels`` also (N,), one logit an item.
        target: class numbers of the leading shape (``classes``, ``positions``), or values in
            [0, 1] of the logits' shape (``labels``; shares of the classes for the other kinds).
            ``-100`` is ignored.
        kind: ``classes``, ``labels`` or ``positions``; inferred from the shapes where ``None``.
        keep: bool, of the leading shape: items that count.
        class_keep: bool, broadcastable to the logits: classes that exist.
        background: the class that means "nothing".
        sigmoid: one sigmoid a class also where the kind says softmax.

    Returns:
        The items.

    Raises:
        InputError: for shapes that do not fit, a target out of range, an unknown kind.
        InputTypeError: for tensors of a type that cannot be used.

    Example:
        >>> items = prepare(torch.zeros(2, 3, 5), torch.tensor([[0, 1, -100], [4, 0, 2]]))
        >>> items.logits.shape, items.kind, items.keep.tolist()
        (torch.Size([6, 5]), 'classes', [True, True, False, True, True, True])
    """
    given: tuple[object, ...] = (logits, target)
    for name, value in zip(("logits", "target"), given, strict=True):
        if not isinstance(value, Tensor):
            raise InputTypeError(f"expected {name} to be a tensor, got {type(value).__name__}")
    if not logits.is_floating_point():
        raise InputTypeError(f"expected floating-point logits, got {logits.dtype}")
    kind = infer_kind(logits, target) if kind is None else kind
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    if logits.ndim == 0:
        raise InputError("expected logits of shape (..., C), got a scalar")
    if kind == "labels":
        logits, target = _one_logit(logits, target)
    classes = logits.shape[-1]
    leading = logits.shape[:-1]
    if kind != "labels" and classes < 2 and not sigmoid and logits.numel():
        raise InputError(
            f"expected at least two {kind}, got {classes}: a softmax over one is constant; "
            "for one logit an item use kind='labels'"
        )
    if background is not None and not 0 <= background < classes:
        raise InputError(f"expected background in 0..{classes - 1}, got {background}")
    flat = logits.reshape(-1, classes)
    flat = flat.float() if flat.dtype in (torch.float16, torch.bfloat16) else flat
    row_keep = _mask(keep, leading, "keep", flat)
    exists = _class_mask(class_keep, logits)
    hard = kind != "labels" and target.shape == leading
    if hard:
        goal, row_keep = _gold(target.reshape(-1), classes, row_keep, exists, kind)
    else:
        goal, row_keep, exists = _shares(target, logits.shape, flat, row_keep, exists, kind)
    sigmoid = sigmoid or kind == "labels"
    if exists is not None:
        flat = torch.where(exists, flat, ABSENT)
    if row_keep is not None:
        # a sigmoid at ABSENT is 0 and a target of 0 agrees with it: the row adds nothing at all
        flat = torch.where(row_keep[:, None], flat, ABSENT if sigmoid else 0.0)
        if not hard:
            goal = torch.where(row_keep[:, None], goal, 0.0)
    return Items(flat, goal, hard, row_keep, exists, sigmoid, kind, background, leading)


def _one_logit(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Give a last axis of one class to items with a single logit."""
    if logits.ndim == 1 and target.shape == logits.shape:
        return logits[:, None], target[:, None]
    if logits.shape[-1] == 1 and target.shape == logits.shape[:-1]:
        return logits, target[..., None]
    return logits, target


def _mask(mask: Tensor | None, shape: torch.Size, name: str, flat: Tensor) -> Tensor | None:
    """A bool mask of ``shape``, flat."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        got = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise InputTypeError(f"expected {name} to be a bool tensor, got {got}: use mask.bool()")
    if mask.shape != shape:
        raise InputError(
            f"expected {name} of shape {tuple(shape)}, one entry an item, got {tuple(mask.shape)}"
        )
    return mask.reshape(-1).to(flat.device)


def _class_mask(mask: Tensor | None, logits: Tensor) -> Tensor | None:
    """A bool mask that can be broadcast to the logits, as (N, C)."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        got = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise InputTypeError(f"expected class_keep to be a bool tensor, got {got}")
    if mask.ndim == logits.ndim - 1 and logits.shape[-1] == 1:
        mask = mask[..., None]
    fits = mask.ndim <= logits.ndim and all(
        m in (1, size) for m, size in zip(mask.shape[::-1], logits.shape[::-1], strict=False)
    )
    if not fits:
        raise InputError(
            f"expected class_keep that can be broadcast to the logits' {tuple(logits.shape)}, "
            f"got {tuple(mask.shape)}"
        )
    return mask.expand(logits.shape).reshape(-1, logits.shape[-1]).to(logits.device)


def _gold(
    target: Tensor, classes: int, keep: Tensor | None, exists: Tensor | None, kind: str
) -> tuple[Tensor, Tensor | None]:
    """Class numbers with 0 where masked, and the rows that count (``None``: all)."""
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise InputTypeError(
            f"expected integer targets, one class number an item, got {target.dtype}: shares of "
            "classes have the logits' shape"
        )
    gold = target.long()
    if keep is not None:
        gold = gold.masked_fill(~keep, IGNORED)
    known = values_are_known()
    if known:
        if gold.numel() == 0:
            return gold, None
        low, high = (int(end) for end in torch.aminmax(gold))
        if high >= classes:
            raise InputError(f"expected targets in 0..{classes - 1} or -100, got {high}")
        if low < 0:
            wrong = gold[(gold < 0) & (gold != IGNORED)]
            if wrong.numel():
                raise InputError(
                    f"expected targets in 0..{classes - 1} or -100, got {int(wrong[0])}"
                )
    if not known or low < 0:
        keep = gold != IGNORED
        gold = gold.masked_fill(~keep, 0)
    else:
        keep = None
    if exists is not None and known:
        alive = exists.gather(1, gold[:, None]).squeeze(1)
        lost = ~alive if keep is None else ~alive & keep
        if lost.any():
            row = int(lost.nonzero()[0])
            what = "position" if kind == "positions" else "class"
            raise InputError(
                f"expected targets that class_keep keeps, got {what} {int(gold[row])} of item "
                f"{row}, which is masked: keep it, or ignore the item with -100"
            )
    return gold, keep


def _shares(
    target: Tensor,
    shape: torch.Size,
    flat: Tensor,
    keep: Tensor | None,
    exists: Tensor | None,
    kind: str,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Values in [0, 1] of the logits' shape, the rows that count, the classes that exist."""
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
    shares = target.reshape(flat.shape).to(flat.dtype)
    known = values_are_known()
    if not known or bool((shares == IGNORED).any()):
        exists = (shares != IGNORED) if exists is None else exists & (shares != IGNORED)
    if exists is not None:
        # an item of which nothing exists is no item
        some = exists.any(1)
        keep = some if keep is None else keep & some
        shares = shares.masked_fill(~exists, 0.0)
    if keep is not None:
        shares = shares.masked_fill(~keep[:, None], 0.0)
    if known and shares.numel():
        low, high = (float(end) for end in torch.aminmax(shares))
        if not (low >= 0.0 and high <= 1.0):
            wrong = low if not low >= 0.0 else high
            raise InputError(f"expected targets in [0, 1] or -100, got {wrong}")
        if kind != "labels":
            total = shares.sum(1)
            # half precision says one in three as 0.3340, three of which are 1.002
            off = (total - 1).abs() > max(1e-3, torch.finfo(target.dtype).eps)
            off = off if keep is None else off & keep
            if off.any():
                raise InputError(
                    "expected shares that sum to 1 over the classes, got a sum of "
                    f"{float(total[off][0]):.4g}"
                )
    return shares, keep, exists
