"""Focal loss: cross-entropy in which an item counts less if its gold class has a high p."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.losses._base import Loss, Preset, Range, number, weight_vector
from dicetune.losses._cross_entropy import cross_entropy_of, label_mean
from dicetune.losses._inputs import (
    Given,
    Items,
    items_of,
    log_complement,
    power_from_log,
    reduce_items,
)


def focal_of(items: Items, gamma: float, class_weight: Tensor | None, reduction: str) -> Tensor:
    """The formula on clean items."""
    if gamma == 0.0:
        return cross_entropy_of(items, class_weight, reduction)
    if items.hard:
        log_p = items.logits.log_softmax(1).gather(1, items.target[:, None]).squeeze(1)
        losses = -_complement_power(log_p, gamma) * log_p
        if class_weight is not None:
            losses = losses * class_weight[items.target]
    elif items.sigmoid:
        sure, unsure = F.logsigmoid(items.logits), F.logsigmoid(-items.logits)
        ones = items.target * power_from_log(unsure, gamma) * sure
        zeros = (1 - items.target) * power_from_log(sure, gamma) * unsure
        losses = label_mean(-(ones + zeros), class_weight, items)
    else:
        log_p = items.logits.log_softmax(1)
        weight = power_from_log(log_complement(items.logits, sigmoid=False), gamma)
        terms = -items.target * weight * log_p
        losses = (terms if class_weight is None else terms * class_weight).sum(1)
    return reduce_items(losses, items, reduction)


def _complement_power(log_p: Tensor, gamma: float) -> Tensor:
    """(1 - p)^γ from log p.

    The power is multiplied by log p; where p rounds to 1 both are 0, so the rounding of the power
    does not matter. The floor keeps the gradient of the power finite there.
    """
    complement = -torch.expm1(log_p)
    return complement.clamp_min(torch.finfo(log_p.dtype).tiny) ** gamma


def focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    class_weight: Tensor | Sequence[float] | None = None,
    reduction: str = "mean",
    **given: Unpack[Given],
) -> Tensor:
    """Focal loss: -(1/N) Σ_i α_i (1 - p_t)^γ log p_t, with p_t the probability of the gold class.

    γ = 0 is cross-entropy. ``labels`` is the form of Lin et al. on each sigmoid (p_t = p for a 1,
    1 - p for a 0), averaged over the labels of an item that exist. For shares y of the classes it
    is -Σ_c y_c (1-p_c)^γ log p_c. The weight (1-p_t)^γ has its gradient; it is not detached.

    Args:
        logits, target, reduction, **given: see ``Given``, also for result and errors.
        gamma: γ >= 0, how much less an easy item counts.
        class_weight: α, one weight for each class; the mean divides by the number of items.

    References:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, Eq. 5; Li et al., ACL 2020,
        Table 2.

    Example:
        >>> focal_loss(torch.zeros(1, 2), torch.tensor([1]), gamma=2.0)  # 0.5² · log 2
        tensor(0.1733)
    """
    gamma = number("gamma", gamma)
    items = items_of(logits, target, **given)
    weight = weight_vector(class_weight, items.logits, items.kind)
    return focal_of(items, gamma, weight, reduction)


class FocalLoss(Loss):
    """Focal loss as a Module."""

    function = staticmethod(focal_loss)
    ranges: ClassVar = {"gamma": Range(0.5, 5.0)}
    presets: ClassVar = {
        "focal": Preset(
            "-1/N Σ (1-p_gold)^gamma log p_gold",
            "Table 2; Lin et al. 2017, Eq. 5",
            "many easy items dominate the few hard items",
        )
    }
