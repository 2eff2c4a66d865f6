"""Cross-entropy in which an item counts by the p of its gold class, in three forms.

In the focal loss an item counts less if p is high. The asymmetric loss is focal with separate
exponents for positives and negatives, and a margin. In the generalised cross-entropy an item counts
less if p is low, as it is for an item with a wrong label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses._base import Loss, Preset, Range, boolean, number, weight_vector
from dicetune.losses._cross_entropy import cross_entropy_of, label_mean
from dicetune.losses._inputs import (
    Given,
    Items,
    check_background,
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


def _positive(logits: Tensor, gamma: float, detach: bool) -> Tensor:
    """-(1-p)^γ log p."""
    weight = power_from_log(log_complement(logits, sigmoid=True), gamma)
    return (weight.detach() if detach else weight) * F.softplus(-logits)


def _negative(logits: Tensor, gamma: float, margin: float, detach: bool) -> Tensor:
    """-p_m^γ log(1 - p_m), finite with its gradient however near p is to 0, m or 1."""
    if margin == 0:
        weight, cost = power_from_log(-F.softplus(-logits), gamma), F.softplus(logits)
    else:
        tiny = torch.finfo(logits.dtype).tiny
        # the floor keeps the gradient of the power finite where p_m is 0
        weight = (logits.sigmoid() - margin).clamp_min(tiny) ** gamma
        # 1 - p from the logit, as p rounds to 1: the sum is never below m
        cost = -(logits.neg().sigmoid() + max(margin, tiny)).clamp_max(1).log()
    return (weight.detach() if detach else weight) * cost


def _check_margin(margin: float) -> float:
    margin = number("margin", margin)
    if margin >= 1:
        raise InputError(f"expected margin in [0, 1), got {margin:g}: no negative would count")
    return margin


def asymmetric_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma_pos: float = 0.0,
    gamma_neg: float = 4.0,
    margin: float = 0.05,
    detach: bool = False,
    reduction: str = "mean",
    **given: Unpack[Given],
) -> Tensor:
    """Asymmetric loss: L+ for a label that is set, L- for a label that is not.

        L+ = -(1-p)^γ+ log p        L- = -p_m^γ- log(1 - p_m),  p_m = max(p - m, 0)

    The loss is the mean over the existing labels of an item, then over items. Where most labels are
    not set, γ- lowers the loss of easy labels, and labels with p below the margin m cost nothing.

    γ+ = γ- = m = 0 is the binary cross-entropy; γ+ = γ- and m = 0 is focal. ``classes`` and
    ``positions`` are taken as labels, one against the rest: each class has a sigmoid, and the
    largest logit decides. For shares y the loss is y L+ + (1-y) L-.

    What it is not: the form that the authors released for one label an item. Their form is a
    softmax, in which γ- and m have no effect without their label smoothing: it is ``focal`` with
    gamma = γ+. Nor is p calibrated as a softmax of the logits.

    Args:
        logits, target, reduction, **given: see ``Given``, also for result and errors.
        gamma_pos: γ+ >= 0, how much less an easy positive counts.
        gamma_neg: γ- >= 0, how much less an easy negative counts.
        margin: m in [0, 1): negatives with a p below m cost nothing.
        detach: the weights (1-p)^γ+ and p_m^γ- have no gradient, as in the training scripts of the
            authors (disable_torch_grad_focal_loss); by default they have, as in the paper.

    References:
        Ridnik et al., "Asymmetric Loss for Multi-Label Classification", ICCV 2021, arXiv
        2009.14119, Eq. 4 to 7.

    Example:
        >>> logits, target = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])  # p = 1/2, p_m = 1/4
        >>> asymmetric_loss(logits, target, gamma_neg=1, margin=0.25)  # (log 2 + ¼ log 4/3) / 2
        tensor(0.3825)
    """
    gamma_pos, gamma_neg = number("gamma_pos", gamma_pos), number("gamma_neg", gamma_neg)
    margin, detach = _check_margin(margin), boolean("detach", detach)
    items = items_of(logits, target, **given, sigmoid=True)
    zeros = _negative(items.logits, gamma_neg, margin, detach)
    if items.hard:  # one class of an item is set
        gold = items.target[:, None]
        losses = zeros.scatter(1, gold, _positive(items.logits.gather(1, gold), gamma_pos, detach))
    else:
        ones = _positive(items.logits, gamma_pos, detach)
        losses = items.target * ones + (1 - items.target) * zeros
    return reduce_items(label_mean(losses, None, items), items, reduction)


class AsymmetricLoss(Loss):
    """Asymmetric loss as a Module."""

    function = staticmethod(asymmetric_loss)
    presets: ClassVar = {
        "asl": Preset(
            "-1/N Σ y (1-p)^γ+ log p + (1-y) p_m^γ- log(1-p_m), p_m = max(p-m, 0)",
            "Ridnik et al. 2021, Eq. 4 to 7",
            "many labels of which few are set; each class of a softmax becomes a label",
        )
    }
    margin: float

    def check(self) -> None:
        """Refuse a margin above which no negative lies."""
        super().check()
        _check_margin(self.margin)


def _bounded(log_p: Tensor, q: float | Tensor) -> Tensor:
    """(1 - p^q) / q from log p; -log p for a q of 0."""
    if isinstance(q, Tensor):  # the floor keeps the side that is not chosen finite
        return torch.where(q > 0, -torch.expm1(q * log_p) / q.clamp_min(1e-9), -log_p)
    return -torch.expm1(q * log_p) / q if q > 0 else -log_p


def _check_q(name: str, q: float) -> float:
    q = number(name, q)
    if q > 1:
        raise InputError(f"expected {name} in [0, 1], got {q:g}: 1 is the mean absolute error")
    return q


def _check_negatives(q_pos: float, q_neg: float, kind: str, background: int | None) -> None:
    if q_pos != q_neg and kind != "labels" and (kind == "positions" or background is None):
        got = "positions" if kind == "positions" else "classes without a background"
        raise InputError(
            f"expected labels, or classes with a background, for q_pos={q_pos:g} and "
            f"q_neg={q_neg:g}, got {got}, where no item is negative: give both the same q"
        )


def generalised_cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    q_pos: float = 0.7,
    q_neg: float = 0.7,
    reduction: str = "mean",
    **given: Unpack[Given],
) -> Tensor:
    """Generalised cross-entropy: (1/N) Σ_i (1 - p_t^q) / q, with p_t of the gold class of item i.

    The loss of an item is at most 1/q, and its gradient is p_t^q times that of cross-entropy: an
    item that the model finds unlikely, as where a label is wrong, moves the weights little. q = 0
    is cross-entropy, q = 1 the mean absolute error up to a factor.

    Negatives, the items of the background or labels that are not set, have q_neg, all others q_pos.
    With q_pos = 0 positives are learnt by cross-entropy, and negatives
    that look positive are not believed, as where entities are left unmarked. ``labels`` is the form
    on each sigmoid, averaged over the labels of an item that exist. For shares y of the classes it
    is Σ_c y_c (1 - p_c^q) / q.

    Args:
        logits, target, reduction, **given: see ``Given``, also for result and errors; two
            different q need labels, or classes with a background.
        q_pos: q in [0, 1] of positives.
        q_neg: q in [0, 1] of negatives.

    References:
        Zhang and Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks with
        Noisy Labels", NeurIPS 2018, Eq. 6. Two q are of this library.

    Example:
        >>> generalised_cross_entropy_loss(torch.zeros(1, 2), torch.tensor([1]), q_pos=0.5,
        ...     q_neg=0.5)  # (1 - √½) / ½
        tensor(0.5858)
    """
    q_pos, q_neg = _check_q("q_pos", q_pos), _check_q("q_neg", q_neg)
    items = items_of(logits, target, **given)
    check_background(items)
    _check_negatives(q_pos, q_neg, items.kind, items.background)
    if items.sigmoid:
        ones = items.target * _bounded(F.logsigmoid(items.logits), q_pos)
        zeros = (1 - items.target) * _bounded(F.logsigmoid(-items.logits), q_neg)
        return reduce_items(label_mean(ones + zeros, None, items), items, reduction)
    log_p = items.logits.log_softmax(1)
    q: float | Tensor = q_pos
    if q_pos != q_neg:
        q = torch.full_like(log_p[:1], q_pos)
        q[0, items.background] = q_neg
    if items.hard:
        gold = items.target[:, None]
        q = q.expand_as(log_p).gather(1, gold) if isinstance(q, Tensor) else q
        losses = _bounded(log_p.gather(1, gold), q).squeeze(1)
    else:
        losses = (items.target * _bounded(log_p, q)).sum(1)
    return reduce_items(losses, items, reduction)


class GeneralisedCrossEntropyLoss(Loss):
    """Generalised cross-entropy as a Module."""

    function = staticmethod(generalised_cross_entropy_loss)
    ranges: ClassVar = {"q_neg": Range(0.1, 1.0)}
    presets: ClassVar = {
        "gce": Preset(
            "1/N Σ (1 - p_gold^q)/q",
            "Zhang and Sabuncu 2018, Eq. 6",
            "labels are wrong; with q_pos=0, positives are left unmarked",
        ),
    }
    q_pos: float
    q_neg: float

    def check(self) -> None:
        """Refuse a q above 1."""
        super().check()
        _check_q("q_pos", self.q_pos)
        _check_q("q_neg", self.q_neg)

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse two different q where no item is negative; see ``Loss``."""
        super().check_kind(kind, background)
        _check_negatives(self.q_pos, self.q_neg, kind, background)

    def with_values(self, values: Mapping[str, float]) -> Loss:
        """A search moves both q together where they are equal: not every input has negatives."""
        both = {"q_pos": values["q_neg"]} if self.q_pos == self.q_neg and values else {}
        return super().with_values({**both, **values})
