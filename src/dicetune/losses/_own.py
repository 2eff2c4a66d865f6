"""OwnLoss: a function of logits and targets, a user's own or torch's, as a loss of this library.

    L = mean over the items that count of what ``function(logits, target)`` says

What it is not: a way to a set-level loss. Whatever the function computes is taken for a mean over
the items that it was given, or for one loss an item; derive from ``Loss`` for anything else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from dicetune.errors import DicetuneError, InputError, quoted
from dicetune.losses._base import Loss
from dicetune.losses._inputs import prepare
from dicetune.losses._reduce import mean_of


class OwnLoss(Loss):
    """Any callable ``function(logits, target)``, such as ``torch.nn.CrossEntropyLoss()``.

    The function is given the items that count, and these alone: of ``classes`` and ``positions``
    logits (N, C) and class numbers (N,), of ``labels`` logits and values in [0, 1], both (N, C).
    Half precision comes as float32. A class, label or position that does not exist has the lowest
    logit of its dtype, and as a label the target 0. Where no item counts the loss is 0 and the
    function is not called.

    Args:
        function: gives one number, the mean over the N items, or N numbers, one an item. The
            buffers and parameters of a Module move with the loss.
        keywords: passed to each call.

    Raises:
        InputError: for what cannot be called, or sums; later, for a call that fails and for any
            other result.

    Example:
        >>> loss = OwnLoss(torch.nn.CrossEntropyLoss())
        >>> loss(torch.zeros(3, 4), torch.tensor([0, 3, -100]))
        tensor(1.3863)
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        keywords: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(function, type):
            raise InputError(
                f"expected a loss, got the class {function.__name__}: make a loss of it, as in "
                f"{function.__name__}()"
            )
        if not callable(function):
            raise InputError(
                "expected as loss a text such as 'ce+dice', a Loss, or anything that is called as "
                f"f(logits, target), got {quoted(function)}"
            )
        self.function = function
        self.keywords = dict(keywords or {})
        self.given = self.keywords
        """What ``py(…)`` was given, where the loss came from there."""
        if "sum" in (getattr(function, "reduction", None), self.keywords.get("reduction")):
            raise InputError(
                f"expected reduction 'mean' or 'none' (one loss an item), got 'sum' of "
                f"{quoted(self.spec)}: a sum would grow with the batch"
            )

    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        kind: str | None = None,
        keep: Tensor | None = None,
        class_keep: Tensor | None = None,
        background: int | None = None,
        class_counts: Tensor | None = None,
        denominator: float | Tensor | None = None,
    ) -> Tensor:
        """The loss; see ``Loss``."""
        items = prepare(logits, target, kind=kind, keep=keep, class_keep=class_keep)
        rows, goal = items.logits, items.target
        if items.class_keep is not None:
            rows = rows.masked_fill(~items.class_keep, torch.finfo(rows.dtype).min)
        if items.keep is not None:
            rows, goal = rows[items.keep], goal[items.keep]
        total = self._total(rows, goal) if len(rows) else rows.sum()
        return mean_of(total, items, denominator)

    def options(self) -> dict[str, Any]:
        """What it was given by name."""
        return dict(self.given)

    def with_values(self, values: Mapping[str, float]) -> Loss:
        """Itself: a search knows none of its options."""
        return self

    def _total(self, rows: Tensor, goal: Tensor) -> Tensor:
        """The sum over the items of what the function says."""
        shapes = f"logits {tuple(rows.shape)} and targets {tuple(goal.shape)}"
        try:
            value = self.function(rows, goal, **self.keywords)
        except (DicetuneError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise InputError(
                f"expected loss {quoted(self.spec)} to take {shapes}, got {one_line(error)}"
            ) from error
        if (
            not isinstance(value, Tensor)
            or not value.is_floating_point()
            or value.shape not in ((), (len(rows),))
        ):
            raise InputError(
                f"expected loss {quoted(self.spec)} to give one number, the mean over its "
                f"{len(rows)} items, or {len(rows)} numbers, one an item; got for {shapes} "
                f"{_kind_of(value)}"
            )
        if torch.is_grad_enabled() and rows.requires_grad and not value.requires_grad:
            raise InputError(
                f"expected loss {quoted(self.spec)} to have a gradient in the logits, got a "
                "constant: nothing would be learnt; where a batch has nothing to learn give "
                "logits.sum() * 0"
            )
        return value.sum() if value.ndim else value * len(rows)


def as_loss(loss: Any) -> Loss:
    """A ``Loss`` as it is, anything else that can be called as an ``OwnLoss``.

    Args:
        loss: what a user brings.

    Raises:
        InputError: for what cannot be called as ``f(logits, target)``, and for a ``Loss`` that
            cannot be called as a ``Loss`` is.

    Example:
        >>> as_loss(torch.nn.CrossEntropyLoss()).spec
        'CrossEntropyLoss'
    """
    if not isinstance(loss, Loss):
        return OwnLoss(loss)
    keywords = [
        name
        for name, parameter in inspect.signature(Loss.forward).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    try:
        inspect.signature(loss.forward).bind(None, None, **dict.fromkeys(keywords))
    except TypeError as error:
        raise InputError(
            f"expected {type(loss).__name__}.forward to take logits, target and the keywords "
            f"{', '.join(keywords)}, as every Loss does; {error}: derive from torch.nn.Module for "
            "a loss of logits and target alone"
        ) from None
    return loss


def one_line(error: BaseException) -> str:
    """An exception of foreign code, in one line.

    Example:
        >>> one_line(ValueError("a", "b"))
        "ValueError: ('a', 'b')"
    """
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _kind_of(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype} of the shape {tuple(value.shape)}"
    return quoted(value)
