"""Majority or minority (MoM): cross-entropy, and once more over the items of the majority class.

    L = CE + λ CE_M,    CE_M = -(1/N) Σ_{i: t_i = M} log p_it,    t_i the gold class of i

M is the class that means "nothing" where the input names one (O in tagging), else the class with
the most training items; of equal ones the first. Special cases: λ = 0 is cross-entropy; of
``labels`` each is a problem of two classes, and M is absent or set, whichever has more items. For
shares y of the classes an item counts in CE_M by its share y_M.

Both sums are divided by the number of all items N, so that L is a mean over items and the same for
any micro-batch: it is cross-entropy in which M weighs 1 + λ.

What it is not: a weight for rare classes. The odds of M are, at the optimum, 1 + λ times the true
ones: M is said more often, the others more surely.

References:
    Nemoto, Kitada and Iyatomi, "Majority or Minority: Data Imbalance Learning Method for Named
    Entity Recognition", IEEE Access 2024, arXiv 2401.11431.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.losses import _options as check
from dicetune.losses._class_counts import CountedLoss, counts_beside
from dicetune.losses._cross_entropy import cross_entropy_of
from dicetune.losses._inputs import Items, prepare


def majority_of(items: Items, class_counts: Tensor | Sequence[float] | None) -> Tensor:
    """1 for the majority class and 0 for the others, (C,); of ``labels`` a row each, (C, 2)."""
    if items.kind == "classes" and items.background is not None:
        classes = torch.arange(items.logits.shape[1], device=items.logits.device)
        return (classes == items.background).to(items.logits.dtype)
    counts = counts_beside(items, class_counts)
    return F.one_hot(counts.argmax(-1), counts.shape[-1]).to(counts.dtype)


def majority_or_minority_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    background: int | None = None,
    class_counts: Tensor | Sequence[float] | None = None,
    majority_weight: float = 1.0,
    reduction: str = "mean",
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Majority or minority: CE + λ · CE over the items whose gold class is the majority class.

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes`` or ``labels``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        background: the class that means "nothing"; it is the majority class.
        class_counts: training items of each class, (C,); of ``labels`` the items without and with
            each, (C, 2). Needed where no background is named.
        majority_weight: λ >= 0.
        reduction: ``none``, ``sum`` or ``mean``.
        denominator: number of items to divide by in place of this call's own.

    Shape:
        logits (..., C); target (...) or (..., C); keep (...); class_keep broadcastable to logits.

    Returns:
        A scalar; of shape (...) for ``none``. The mean over nothing is 0 with zero gradient.

    Raises:
        InputError: for values and shapes that cannot be used, for neither a background nor counts,
            and for ``positions``, of which none is the majority.

    References:
        Nemoto et al., IEEE Access 2024, arXiv 2401.11431.

    Example:
        >>> logits, target = torch.zeros(2, 2), torch.tensor([0, 1])
        >>> majority_or_minority_loss(logits, target, background=0)  # (log 2 + log 2 + log 2) / 2
        tensor(1.0397)
    """
    majority_weight = check.number("majority_weight", majority_weight)
    check.choice("reduction", reduction, check.REDUCTIONS)
    items = prepare(
        logits, target, kind=kind, keep=keep, class_keep=class_keep, background=background
    )
    weight = 1 + majority_weight * majority_of(items, class_counts)
    return cross_entropy_of(items, weight, reduction, denominator)


class MajorityOrMinorityLoss(CountedLoss):
    """Majority or minority as a Module; see ``majority_or_minority_loss``.

    Args:
        majority_weight: λ >= 0.
        class_counts: training items of each class; where ``None`` they come with each call, and are
            not looked at where the input names a background.
        reduction: ``none``, ``sum`` or ``mean``.

    Example:
        >>> loss = MajorityOrMinorityLoss(majority_weight=1.0, class_counts=[90, 10])
        >>> loss(torch.zeros(2, 2), torch.tensor([0, 1]))
        tensor(1.0397)
    """

    def __init__(
        self,
        *,
        majority_weight: float = 1.0,
        class_counts: Sequence[float] | Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.majority_weight = check.number("majority_weight", majority_weight)
        self.reduction = check.choice("reduction", reduction, check.REDUCTIONS)
        self.keep_counts(class_counts)

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
        return majority_or_minority_loss(
            logits,
            target,
            kind=kind,
            keep=keep,
            class_keep=class_keep,
            background=background,
            class_counts=self.own_or(class_counts),
            majority_weight=self.majority_weight,
            reduction=self.reduction,
            denominator=denominator,
        )
