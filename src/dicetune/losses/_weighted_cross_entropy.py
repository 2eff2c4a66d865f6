"""Cross-entropy weighted by how rare a class is among the training items (Eq. 2).

    L = -(1/N) Σ_i α_t log p_it,        α_t = log10((n - n_t) / n_t + k),  t the gold class of i

with n_t training items of class t among n. Special case: of ``labels`` each is a problem of two
classes, absent and set, with weights of its own.

What it is not: a correction of the class prior. The weights grow with the logarithm of the ratio
only: 1 : 1,000 weighs 3.

References:
    Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, Eq. 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses import _options as check
from dicetune.losses._class_counts import (
    CountedLoss,
    as_counts,
    check_none_absent,
    counts_beside,
)
from dicetune.losses._cross_entropy import cross_entropy_of
from dicetune.losses._inputs import prepare, values_are_known
from dicetune.losses._ranges import Range, Ranges


def inverse_frequency_weights(class_counts: Tensor | Sequence[float], k: float = 1.0) -> Tensor:
    """The weights of Eq. 2: log10((n - n_t) / n_t + k), n_t training items of class t of n.

    Args:
        class_counts: (C,) number of training items of each class; or (C, 2), for each label the
            items without it and with it.
        k: the constant K; with 1 the weight is log10(n / n_t), which is never negative.

    Returns:
        Weights of the same shape.

    Raises:
        InputError: for a class without items and for a negative weight; the message says which k
            would do.

    Example:
        >>> inverse_frequency_weights(torch.tensor([900.0, 90.0, 10.0]))
        tensor([0.0458, 1.0458, 2.0000])
    """
    k = check.number("k", k)
    counts = as_counts(class_counts)
    total = counts.sum(-1, keepdim=True)
    check_none_absent(
        counts,
        "its weight is infinite for every k; leave the class out, or count it as one item (with "
        "k=1 its weight is then the logarithm of the number of items)",
    )
    weights = torch.log10((total - counts) / counts + k)
    if values_are_known() and bool((weights < 0).any()):
        needed = float((2 - total / counts).max())
        worst = (weights == weights.min()).nonzero()[0].tolist()
        raise InputError(
            f"expected weights >= 0, got {float(weights.min()):.3g} for class "
            f"{worst[0] if len(worst) == 1 else worst} with k={k:g}: k={needed:.4g} or more would "
            "do; k=1 always does"
        )
    return weights


def weighted_cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    class_counts: Tensor | Sequence[float] | None = None,
    k: float = 1.0,
    reduction: str = "mean",
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Weighted cross-entropy: -(1/N) Σ_i log10((n - n_t)/n_t + k) log p_it.

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes`` or ``labels``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        class_counts: training items of each class, (C,); of ``labels`` the items without and with
            each, (C, 2).
        k: the constant K of the weights; see ``inverse_frequency_weights``.
        reduction: ``none``, ``sum`` or ``mean``.
        denominator: number of items to divide by in place of this call's own.

    Shape:
        logits (..., C); target (...) or (..., C); keep (...); class_keep broadcastable to logits.

    Returns:
        A scalar; of shape (...) for ``none``. The mean over nothing is 0 with zero gradient.

    Raises:
        InputError: for values and shapes that cannot be used, and for ``positions``.

    References:
        Li et al., ACL 2020, Eq. 2.

    Example:
        >>> logits, target = torch.zeros(1, 2), torch.tensor([1])
        >>> weighted_cross_entropy_loss(logits, target, class_counts=[90, 10])  # lg 10 · log 2
        tensor(0.6931)
    """
    check.choice("reduction", reduction, check.REDUCTIONS)
    items = prepare(logits, target, kind=kind, keep=keep, class_keep=class_keep)
    weight = inverse_frequency_weights(counts_beside(items, class_counts), k)
    return cross_entropy_of(items, weight, reduction, denominator)


class WeightedCrossEntropyLoss(CountedLoss):
    """Weighted cross-entropy as a Module; see ``weighted_cross_entropy_loss``.

    Args:
        k: the constant K of the weights; see ``inverse_frequency_weights``.
        class_counts: training items of each class; where ``None`` they come with each call. Of one
            logit a text: the items without and with the label. Of several ``labels`` they are
            (C, 2) and come with the call.
        reduction: ``none``, ``sum`` or ``mean``.

    Example:
        >>> loss = WeightedCrossEntropyLoss()
        >>> loss(torch.zeros(1, 2), torch.tensor([1]), class_counts=torch.tensor([90, 10]))
        tensor(0.6931)
    """

    ranges: ClassVar[Ranges] = {"k": Range(1.0, 100.0, log=True)}

    def __init__(
        self,
        *,
        k: float = 1.0,
        class_counts: Sequence[float] | Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.k = check.number("k", k)
        self.reduction = check.choice("reduction", reduction, check.REDUCTIONS)
        self.keep_counts(class_counts)
        if self.class_counts is not None:
            inverse_frequency_weights(self.class_counts, self.k)  # refuses what has no weight

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
        if kind is not None:
            self.check_kind(kind, background)
        return weighted_cross_entropy_loss(
            logits,
            target,
            kind=kind,
            keep=keep,
            class_keep=class_keep,
            class_counts=self.own_or(class_counts),
            k=self.k,
            reduction=self.reduction,
            denominator=denominator,
        )
