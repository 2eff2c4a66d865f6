"""Training items of each class: what a class-weighted loss needs beside the items themselves.

``classes`` have one number each, (C,). Of ``labels`` each is a problem of two classes, absent and
set: (C, 2), the items without it and with it. Positions of a text are not classes and have none.

What it is not: a count. Losses are told; the trainer counts (and counts a class without items as
one: it is gold nowhere, so that its weight, which would be infinite, multiplies nothing).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses import _options as check
from dicetune.losses._base import Loss
from dicetune.losses._inputs import Items, values_are_known


def as_counts(class_counts: Tensor | Sequence[float]) -> Tensor:
    """Counts as floating-point numbers of shape (C,) or (C, 2).

    Raises:
        InputError: for another shape, or fewer than two classes.

    Example:
        >>> as_counts([90, 10])
        tensor([90., 10.])
    """
    counts = torch.as_tensor(class_counts)
    counts = counts if counts.is_floating_point() else counts.to(torch.get_default_dtype())
    if counts.ndim not in (1, 2) or counts.shape[-1] < 2 or counts.shape[1:] not in ((), (2,)):
        raise InputError(
            "expected class_counts with one number for each class, or (C, 2) for labels, got shape "
            f"{tuple(counts.shape)}"
        )
    return counts


def check_none_absent(counts: Tensor, why: str) -> None:
    """Refuse a class without training items, where the formula has no value for it.

    Args:
        counts: as ``as_counts`` gives them.
        why: what is infinite then, and what to do besides leaving the class out.

    Raises:
        InputError: names the classes.
    """
    if not values_are_known():
        return
    usable = (counts > 0) & torch.isfinite(counts)
    if not bool(usable.all()):
        absent = (~usable).nonzero().squeeze(1).tolist()
        raise InputError(
            f"expected training items of every class, got none of class {absent}: {why}"
        )


def counts_beside(items: Items, class_counts: Tensor | Sequence[float] | None) -> Tensor:
    """The counts as a tensor beside the items: on their device, in their precision.

    Returns:
        (C,) for ``classes``, (C, 2) for ``labels``.

    Raises:
        InputError: for no counts, a shape that does not fit, or ``positions``.
    """
    if items.kind == "positions":
        raise InputError(
            "expected kind classes or labels beside class_counts, got 'positions': the positions "
            "of a text are not classes"
        )
    if class_counts is None:
        raise InputError(
            "expected class_counts, the training items of each class, with the call or when the "
            "loss is built, got neither"
        )
    like = items.logits
    counts = torch.as_tensor(class_counts, dtype=like.dtype, device=like.device)
    classes = items.logits.shape[1]
    if items.kind == "labels":
        if counts.numel() != 2 * classes or (counts.ndim == 1 and classes > 1):
            raise InputError(
                f"expected class_counts of shape ({classes}, 2) for kind 'labels', the training "
                f"items without and with each label, got {tuple(counts.shape)}"
            )
        return counts.reshape(classes, 2)
    if counts.shape != (classes,):
        got = counts.numel() if counts.ndim == 1 else f"the shape {tuple(counts.shape)}"
        raise InputError(
            f"expected class_counts with one number for each of {classes} classes, got {got}"
        )
    return counts


class CountedLoss(Loss):
    """Base of the losses that need the training items of each class.

    They are given when the loss is built (of one logit a text: the items without and with the
    label; of several ``labels`` they are (C, 2) and cannot be) or come with each call.
    """

    kinds = frozenset({"classes", "labels"})

    def keep_counts(self, class_counts: Sequence[float] | Tensor | None) -> None:
        """Check and store what the loss was built with."""
        self.class_counts = check.class_weights(class_counts, "class_counts")

    def own_or(self, class_counts: Tensor | None) -> Tensor | Sequence[float] | None:
        """The counts that the loss was built with, else those of the call."""
        return class_counts if self.class_counts is None else self.class_counts

    @property
    def needs_class_counts(self) -> bool:
        """Whether they have to come with each call."""
        return self.class_counts is None
