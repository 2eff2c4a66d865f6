"""Focal loss: cross-entropy in which an item counts less the surer the model is of it.

    L = -(1/N) Σ_i α_i (1 - p_t)^γ log p_t,        p_t the probability of the gold class

Special cases: γ = 0 is cross-entropy. ``labels`` is the form of Lin et al. on each sigmoid
(p_t = p for a 1, 1 - p for a 0), averaged over the labels of an item that exist. For shares y of
the classes: -Σ_c y_c (1-p_c)^γ log p_c.

What it is not: the weight is part of the formula and has its gradient; it is not detached.

References:
    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, Eq. 5.
    Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, Table 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.losses import _options as check
from dicetune.losses._base import Loss
from dicetune.losses._cross_entropy import check_class_weight, cross_entropy_of, label_mean
from dicetune.losses._inputs import Items, prepare
from dicetune.losses._probability import power, softmax_log_complement
from dicetune.losses._ranges import Range, Ranges
from dicetune.losses._reduce import reduce_items


def focal_of(
    items: Items,
    gamma: float,
    class_weight: Tensor | None,
    reduction: str,
    denominator: float | Tensor | None,
) -> Tensor:
    """The formula on clean items."""
    if gamma == 0.0:
        return cross_entropy_of(items, class_weight, reduction, denominator)
    if items.hard:
        log_p = items.logits.log_softmax(1).gather(1, items.target[:, None]).squeeze(1)
        losses = -_complement_power(log_p, gamma) * log_p
        if class_weight is not None:
            losses = losses * class_weight[items.target]
    elif items.sigmoid:
        sure, unsure = F.logsigmoid(items.logits), F.logsigmoid(-items.logits)
        ones = items.target * power(unsure, gamma) * sure
        zeros = (1 - items.target) * power(sure, gamma) * unsure
        losses = label_mean(-(ones + zeros), class_weight, items)
    else:
        log_p = items.logits.log_softmax(1)
        weight = power(softmax_log_complement(items.logits), gamma)
        terms = -items.target * weight * log_p
        losses = (terms if class_weight is None else terms * class_weight).sum(1)
    return reduce_items(losses, items, reduction, denominator)


def _complement_power(log_p: Tensor, gamma: float) -> Tensor:
    """(1 - p)^γ from log p.

    It is multiplied by log p, so that its rounding where p rounds to 1 (both are then 0) is below
    the rounding of log p itself; the floor keeps the gradient of the power finite there.
    """
    complement = -torch.expm1(log_p)
    return complement.clamp_min(torch.finfo(log_p.dtype).tiny) ** gamma


def focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    gamma: float = 2.0,
    class_weight: Tensor | Sequence[float] | None = None,
    reduction: str = "mean",
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Focal loss: -(1/N) Σ_i α_i (1 - p_t)^γ log p_t.

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes``, ``labels``, ``positions``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        gamma: γ >= 0, how much less an easy item counts.
        class_weight: α, one weight a class; the mean still divides by the number of items.
        reduction: ``none``, ``sum`` or ``mean``.
        denominator: number of items to divide by in place of this call's own.

    Shape:
        logits (..., C); target (...) or (..., C); keep (...); class_keep broadcastable to logits.

    Returns:
        A scalar; of shape (...) for ``none``. The mean over nothing is 0 with zero gradient.

    Raises:
        InputError: for values and shapes that cannot be used.

    References:
        Lin et al., ICCV 2017, Eq. 5; Li et al., ACL 2020, Table 2.

    Example:
        >>> focal_loss(torch.zeros(1, 2), torch.tensor([1]), gamma=2.0)  # 0.5² · log 2
        tensor(0.1733)
    """
    gamma = check.number("gamma", gamma)
    check.choice("reduction", reduction, check.REDUCTIONS)
    items = prepare(logits, target, kind=kind, keep=keep, class_keep=class_keep)
    check_class_weight(items.kind, class_weight)
    if class_weight is not None and not isinstance(class_weight, Tensor):
        class_weight = check.class_weights(class_weight)
    weight = check.weight_vector(class_weight, items.logits)
    return focal_of(items, gamma, weight, reduction, denominator)


class FocalLoss(Loss):
    """Focal loss as a Module; see ``focal_loss``.

    Args:
        gamma: γ >= 0, how much less an easy item counts.
        class_weight: α, one weight a class.
        reduction: ``none``, ``sum`` or ``mean``.

    Example:
        >>> FocalLoss(gamma=2.0)(torch.zeros(1, 2), torch.tensor([1]))
        tensor(0.1733)
    """

    ranges: ClassVar[Ranges] = {"gamma": Range(0.5, 5.0)}

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        class_weight: Sequence[float] | Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.gamma = check.number("gamma", gamma)
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
        return focal_loss(
            logits,
            target,
            kind=kind,
            keep=keep,
            class_keep=class_keep,
            gamma=self.gamma,
            class_weight=self.class_weight,
            reduction=self.reduction,
            denominator=denominator,
        )

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse class weights over positions; see ``Loss``."""
        super().check_kind(kind, background)
        check_class_weight(kind, self.class_weight)
