"""Cross-entropy, plain (Eq. 1) or with class weights (Eq. 2).

    L = -(1/N) Σ_i α_i Σ_c y_ic log p_ic,        α_i = class_weight[gold of i], 1 where not given

Special cases: ``labels`` is the binary cross-entropy of each sigmoid, averaged over the labels of
an item that exist, where a label may weigh one thing set and another absent; ``positions`` is a
softmax over the positions of a text.

What it is not: torch's weighted mean. That divides by Σ α_i, so that a batch of one class is not
weighted at all; Eq. 2, and this, divide by the number of items.

References:
    Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, Eq. 1 and 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses import _options as check
from dicetune.losses._base import Loss
from dicetune.losses._inputs import IGNORED, Items, prepare
from dicetune.losses._reduce import mean_of, reduce_items


def cross_entropy_of(
    items: Items,
    class_weight: Tensor | None,
    reduction: str,
    denominator: float | Tensor | None,
) -> Tensor:
    """The formula on clean items."""
    if items.sigmoid:
        if class_weight is not None and class_weight.ndim == 2:
            losses = _weighted_sides(items, class_weight)
            class_weight = None
        else:
            losses = F.binary_cross_entropy_with_logits(
                items.logits, items.target, reduction="none"
            )
        losses = label_mean(losses, class_weight, items)
    elif items.hard:
        gold = items.target
        if items.keep is not None:
            gold = torch.where(items.keep, gold, IGNORED)
        plain = items.keep is None and class_weight is None and items.logits.shape[0] > 0
        if plain and denominator is None and reduction == "mean":
            return F.cross_entropy(items.logits, gold)
        if reduction == "mean":  # the library's sum; the division is ours
            total = F.cross_entropy(items.logits, gold, class_weight, reduction="sum")
            return mean_of(total, items, denominator)
        losses = F.cross_entropy(items.logits, gold, class_weight, reduction="none")
    else:
        losses = F.cross_entropy(items.logits, items.target, class_weight, reduction="none")
    return reduce_items(losses, items, reduction, denominator)


def _weighted_sides(items: Items, class_weight: Tensor) -> Tensor:
    """Binary cross-entropy with a weight for each label's absence and one for its presence."""
    absent, there = class_weight.unbind(1)
    there = there * items.target * F.softplus(-items.logits)  # -log p
    return there + absent * (1 - items.target) * F.softplus(items.logits)  # -log (1 - p)


def label_mean(losses: Tensor, class_weight: Tensor | None, items: Items) -> Tensor:
    """One loss an item from one a label: the mean over the labels that exist."""
    if class_weight is not None:
        losses = losses * class_weight
    if items.class_keep is None:
        return losses.mean(1)
    return losses.sum(1) / items.class_keep.sum(1).clamp(min=1)


def check_class_weight(kind: str, class_weight: object) -> None:
    """Positions of a text are not classes: the third position of one text is not that of another.

    Raises:
        InputError: for class weights beside ``positions``.
    """
    if kind == "positions" and class_weight is not None:
        raise InputError(
            "expected no class_weight for kind 'positions', got one: positions are not classes"
        )


def cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    class_weight: Tensor | Sequence[float] | None = None,
    reduction: str = "mean",
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy: -(1/N) Σ_i α_i Σ_c y_ic log p_ic.

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes``, ``labels``, ``positions``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        class_weight: one weight a class; of ``labels`` also a tensor (C, 2), the weights where a
            label is absent and where it is set. The mean still divides by the number of items.
        reduction: ``none``, ``sum`` or ``mean``.
        denominator: number of items to divide by in place of this call's own.

    Shape:
        logits (..., C); target (...) or (..., C); keep (...); class_keep broadcastable to logits.

    Returns:
        A scalar; of shape (...) for ``none``. The mean over nothing is 0 with zero gradient.

    Raises:
        InputError: for values and shapes that cannot be used.

    References:
        Li et al., ACL 2020, Eq. 1; with ``class_weight`` Eq. 2.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> cross_entropy_loss(logits, torch.tensor([0, 1])) # (0.1269 + 0.6931) / 2
        tensor(0.4100)
    """
    check.choice("reduction", reduction, check.REDUCTIONS)
    items = prepare(logits, target, kind=kind, keep=keep, class_keep=class_keep)
    check_class_weight(items.kind, class_weight)
    if class_weight is not None and not isinstance(class_weight, Tensor):
        class_weight = check.class_weights(class_weight)
    weight = check.weight_vector(class_weight, items.logits, sides=items.kind == "labels")
    return cross_entropy_of(items, weight, reduction, denominator)


class CrossEntropyLoss(Loss):
    """Cross-entropy as a Module; see ``cross_entropy_loss``.

    Args:
        class_weight: one weight a class.
        reduction: ``none``, ``sum`` or ``mean``.

    Example:
        >>> CrossEntropyLoss()(torch.zeros(2, 4), torch.tensor([0, 3]))
        tensor(1.3863)
    """

    def __init__(
        self, *, class_weight: Sequence[float] | Tensor | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.class_weight = check.class_weights(class_weight)
        self.reduction = check.choice("reduction", reduction, check.REDUCTIONS)

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
        return cross_entropy_loss(
            logits,
            target,
            kind=kind,
            keep=keep,
            class_keep=class_keep,
            class_weight=self.class_weight,
            reduction=self.reduction,
            denominator=denominator,
        )

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse class weights over positions; see ``Loss``."""
        super().check_kind(kind, background)
        check_class_weight(kind, self.class_weight)
