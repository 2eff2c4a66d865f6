"""The soft Tversky index: one formula, of which dice and self-adjusting dice are special cases.

With p the probability, y the target and w the weight of an entry (item, class)::

    S_tp = Σ w p y      S_p = Σ w p  (squared: Σ w p²)      S_y = Σ w y  (squared: Σ w y²)
    S_fp = S_p - S_tp   S_fn = S_y - S_tp
    index = (S_tp + γ) / (S_tp + α S_fp + β S_fn + γ)       loss = 1 - index

``level`` says what the sums run over. ``set``: all items, one index a class, then the mean over
classes (``macro``) or one index of the summed sums (``micro``). ``example``: nothing, one index for
each item and class, then the mean. For ``positions`` the set is the positions of one text: one
index a text, then the mean over texts.

``decay`` > 0 weighs easy entries down by (1-p)^decay, in one of three forms:

- ``target``: w = (1 - p_t)^decay without a gradient, p_t = p where y = 1 and 1 - p where y = 0. It
  weighs p and y alike, so that a perfect prediction costs nothing. For shares w = |y - p|^decay.
- ``detached``: p is replaced by (1-p)^decay p, the factor without a gradient.
- ``literal``: the same with the factor's gradient (Eq. 12 as printed). Its optimum is at
  p = 1/(1+decay); see ``NonTrainingLossWarning``.

Special cases: α = β = ½ is dice at twice the γ; α = β = 1 the Jaccard index; β = b²/(1+b²),
α = 1/(1+b²) the soft F_b; γ -> 0 at ``example`` level with a softmax is 1 - p_gold (mean absolute
error).

What it is not: additive. At ``set`` level the mean of two batches' losses is not the loss of both;
``set_sums`` adds up, ``set_loss`` makes a loss of the total.

References:
    Tversky, "Features of Similarity", 1977; Salehi et al., "Tversky loss function for image
    segmentation using 3D fully convolutional deep networks", 2017.
    Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, Eq. 6 to 10 and 12.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses._choice import Overlap
from dicetune.losses._inputs import Items
from dicetune.losses._probability import (
    gold_log_complement,
    power,
    probabilities,
    sigmoid_log_complement,
    softmax_log_complement,
)
from dicetune.losses._reduce import reduce_items


def index_of(tp: Tensor, p: Tensor, y: Tensor, choice: Overlap) -> Tensor:
    """The index from S_tp, S_p and S_y."""
    # S_tp + α (S_p - S_tp) + β (S_y - S_tp) + γ, in as few operations as it takes
    union = torch.add(choice.beta * y + choice.smooth, p, alpha=choice.alpha)
    own = 1 - choice.alpha - choice.beta
    return (tp + choice.smooth) / (torch.add(union, tp, alpha=own) if own else union)


def overlap_of(
    items: Items,
    choice: Overlap,
    class_weight: Tensor | None,
    denominator: float | Tensor | None = None,
) -> Tensor:
    """The formula on clean items, reduced."""
    if not choice.is_additive(items.kind):
        if denominator is not None:
            raise InputError(
                "expected no denominator for a set-level loss, got one: a ratio of sums is not a "
                "mean over items; use sums and from_sums, or level='example'"
            )
        return set_loss(*set_sums(items, choice), choice, class_weight, items.background)
    if choice.level == "set":  # positions: the set is one text
        if items.hard:
            tp, p, y, _ = _hard_parts(items, choice)
        else:
            tp, p, y = _soft_parts(items, choice)
            tp, y = tp.sum(1), y.sum(1)
        losses = 1 - index_of(tp, p.sum(1), y, choice)
    else:
        losses = _example_losses(items, choice, class_weight)
    return reduce_items(losses, items, choice.reduction, denominator)


def set_sums(items: Items, choice: Overlap) -> tuple[Tensor, Tensor, Tensor]:
    """S_tp, S_p and S_y of each class over the items, (C,) each: they add up over sets."""
    if not items.hard:
        tp, p, y = _soft_parts(items, choice)
        return tp.sum(0), p.sum(0), y.sum(0)
    tp, p, y, _ = _hard_parts(items, choice)
    none = p.new_zeros(p.shape[1])
    gold = items.target
    return none.index_add(0, gold, tp), p.sum(0), none.index_add(0, gold, y)


def set_loss(
    tp: Tensor,
    p: Tensor,
    y: Tensor,
    choice: Overlap,
    class_weight: Tensor | None,
    background: int | None,
) -> Tensor:
    """The loss of a set from its sums."""
    counted = _counted(tp, choice, class_weight, background)
    if choice.average == "micro":
        if counted is not None:
            tp, p, y = tp * counted, p * counted, y * counted
        return 1 - index_of(tp.sum(), p.sum(), y.sum(), choice)
    index = index_of(tp, p, y, choice)
    if choice.reduction == "none":
        if choice.classes == "foreground" and background is not None:
            index = torch.cat((index[:background], index[background + 1 :]))
        return 1 - index
    return 1 - (index.mean() if counted is None else (index * counted).sum() / counted.sum())


def _example_losses(items: Items, choice: Overlap, class_weight: Tensor | None) -> Tensor:
    """One loss an item: the mean over its classes of one index each."""
    counted = _counted(items.logits, choice, class_weight, items.background)
    weight = counted if items.class_keep is None else items.class_keep
    if items.class_keep is not None and counted is not None:
        weight = items.class_keep * counted
    number: int | Tensor = items.logits.shape[1]
    if weight is not None:
        total = weight.sum(-1)
        number = torch.where(total > 0, total, 1)
    if not items.hard:
        tp, p, y = _soft_parts(items, choice)
        loss = 1 - index_of(tp, p, y, choice)
        return (loss if weight is None else loss * weight).sum(1) / number
    tp, p, y, own = _hard_parts(items, choice)
    # every class as if it were not gold, 1 - γ / (α p + γ), then gold's own in its place
    share = choice.alpha / choice.smooth
    index = (p * share).add_(1).reciprocal_()
    change = torch.reciprocal(own * share + 1) - index_of(tp, own, y, choice)
    if weight is None:
        return 1 + (change - index.sum(1)) / number
    gold = weight[items.target] if weight.ndim == 1 else _at(weight, items.target)
    return ((weight * (1 - index)).sum(1) + gold * change) / number


def _counted(
    like: Tensor, choice: Overlap, class_weight: Tensor | None, background: int | None
) -> Tensor | None:
    """The weight of each class in a mean, 0 for the background where it does not count."""
    weight = None if class_weight is None else class_weight.to(like)
    if choice.classes == "foreground" and background is not None:
        others = torch.arange(like.shape[-1], device=like.device) != background
        weight = others.to(like.dtype) if weight is None else weight * others
        if class_weight is not None and not torch.compiler.is_compiling() and not weight.any():
            raise InputError(
                "expected class_weight > 0 for a class that counts, got weight for the background "
                "only: classes='foreground' leaves that out"
            )
    return weight


def _hard_parts(items: Items, choice: Overlap) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The entries of S_tp at gold (N,), S_p everywhere (N, C), S_y and S_p at gold (N,)."""
    p = probabilities(items.logits, items.sigmoid)
    if items.keep is None:
        y = p.new_ones(p.shape[0])
    else:
        y = items.keep.to(p.dtype)
        p = torch.where(items.keep[:, None], p, 0.0)
    if choice.decay and choice.form == "target":
        at_gold = _at(p, items.target)
        off = _gold_complement(items, at_gold.detach(), choice.decay)
        weight = p.detach() if choice.decay == 1 else p.detach() ** choice.decay
        weight = weight.scatter(1, items.target[:, None], off[:, None])
        tp = off * at_gold
        entries = weight * (p.square() if choice.squared else p)
        return tp, entries, off * y, tp * at_gold if choice.squared else tp
    q = p if choice.decay == 0 else _self_adjusted(items, p, choice)
    tp = _at(q, items.target)
    if choice.squared:
        return tp, q.square(), y, tp.square()
    return tp, q, y, tp


def _at(values: Tensor, target: Tensor) -> Tensor:
    """The entry of each row at its class number."""
    return values.gather(1, target[:, None]).squeeze(1)


def _soft_parts(items: Items, choice: Overlap) -> tuple[Tensor, Tensor, Tensor]:
    """The entries of S_tp, S_p and S_y, each (N, C)."""
    y = items.target
    p = probabilities(items.logits, items.sigmoid)
    if items.keep is not None and not items.sigmoid:
        p = torch.where(items.keep[:, None], p, 0.0)
    if choice.decay and choice.form == "target":
        weight = _distance(items, p.detach(), choice.decay)
        tp = weight * p * y
        if choice.squared:
            return tp, weight * p.square(), weight * y.square()
        return tp, weight * p, weight * y
    q = p if choice.decay == 0 else _self_adjusted(items, p, choice)
    return q * y, q.square() if choice.squared else q, y.square() if choice.squared else y


def _self_adjusted(items: Items, p: Tensor, choice: Overlap) -> Tensor:
    """(1-p)^decay p, with the factor's gradient (``literal``) or without."""
    literal = choice.form == "literal"
    if choice.decay == 1:  # a polynomial: nothing to protect
        return (1 - (p if literal else p.detach())) * p
    logits = items.logits if literal else items.logits.detach()
    complement = sigmoid_log_complement if items.sigmoid else softmax_log_complement
    return power(complement(logits), choice.decay) * p


def _gold_complement(items: Items, p: Tensor, decay: float) -> Tensor:
    """(1-p)^decay of gold, (N,), from p of gold."""
    if decay == 1:
        return 1 - p
    return power(gold_log_complement(items.logits, items.target, items.sigmoid), decay)


def _distance(items: Items, p: Tensor, decay: float) -> Tensor:
    """|y - p|^decay, (1 - p_t)^decay where y is 0 or 1."""
    y = items.target
    if decay == 1:
        return (y - p).abs()
    logits = items.logits.detach()
    complement = sigmoid_log_complement if items.sigmoid else softmax_log_complement
    at_one = power(complement(logits), decay)
    return torch.where(y == 1, at_one, (y - p).abs() ** decay)
