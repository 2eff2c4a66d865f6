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

from dataclasses import dataclass

import torch
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses import _options as check
from dicetune.losses._inputs import Items
from dicetune.losses._probability import (
    gold_log_complement,
    power,
    sigmoid_log_complement,
    softmax_log_complement,
)
from dicetune.losses._reduce import reduce_items

LEVELS = ("example", "set")
FORMS = ("target", "detached", "literal")
CLASSES = ("all", "foreground")
AVERAGES = ("macro", "micro")
ACTIVATIONS = ("auto", "sigmoid")


@dataclass(frozen=True)
class Overlap:
    """The choices of an overlap loss, checked; names as in ``overlap_loss``."""

    alpha: float
    beta: float
    smooth: float
    level: str
    squared: bool
    decay: float
    form: str
    classes: str
    average: str
    activation: str
    reduction: str

    def __post_init__(self) -> None:
        check.number("alpha", self.alpha)
        check.number("beta", self.beta)
        if self.alpha == 0 and self.beta == 0:
            raise InputError(
                "expected alpha or beta > 0, got 0 for both: the index is then always 1"
            )
        if self.smooth == 0:
            raise InputError(
                "expected smooth > 0, got 0: where a class is absent its false positives would "
                "have no gradient; 1 is usual, 1e-6 is close to none"
            )
        check.number("smooth", self.smooth, above=True)
        check.number("decay", self.decay)
        check.choice("level", self.level, LEVELS)
        check.flag("squared", self.squared)
        check.choice("form", self.form, FORMS)
        check.choice("classes", self.classes, CLASSES)
        check.choice("average", self.average, AVERAGES)
        check.choice("activation", self.activation, ACTIVATIONS)
        check.choice("reduction", self.reduction, check.REDUCTIONS)
        if self.squared and self.alpha != self.beta:
            raise InputError(
                f"expected alpha == beta with squared=True, got {self.alpha} and {self.beta}: the "
                "squared form is then no index, it exceeds 1 and pushes gold down; use "
                "squared=False"
            )
        if self.average == "micro" and self.level == "example":
            raise InputError(
                "expected average='macro' with level='example', got 'micro': micro sums the "
                "classes of a set; use level='set'"
            )

    def is_additive(self, kind: str) -> bool:
        """Whether the loss is a mean over items."""
        return self.level == "example" or kind == "positions"

    def check_kind(self, kind: str, background: int | None, weighted: bool) -> None:
        """Refuse choices that have no meaning for ``kind``."""
        if kind == "positions":
            for name, chosen, only in (
                ("classes", self.classes, "all"),
                ("average", self.average, "macro"),
                ("class_weight", "one" if weighted else "none", "none"),
            ):
                if chosen != only:
                    raise InputError(
                        f"expected {name}={only!r} for kind 'positions', got {chosen!r}: the "
                        "positions of a text are not classes"
                    )
            return
        if self.classes == "foreground" and (kind == "labels" or background is None):
            why = "labels have none" if kind == "labels" else "this input names none"
            raise InputError(
                f"expected a background class for classes='foreground', got none ({why}): give "
                "background=, or use classes='all'"
            )
        softmax = kind == "classes" and self.activation == "auto"
        if self.average == "micro" and self.classes == "all" and softmax:
            raise InputError(
                "expected classes='foreground' with average='micro' over a softmax, got 'all': "
                "over all classes the index is the mean p of gold, which does not learn; use "
                "classes='foreground', average='macro' or activation='sigmoid'"
            )
        if self.level == "set":
            if self.reduction == "sum":
                raise InputError(
                    "expected reduction 'mean' or 'none' (one value a class) with level='set', got "
                    "'sum': a set has one loss"
                )
            if self.reduction == "none" and self.average == "micro":
                raise InputError(
                    "expected reduction='mean' with average='micro', got 'none': micro has one "
                    "value for all classes"
                )


def index_loss(tp: Tensor, p: Tensor, y: Tensor, choice: Overlap) -> Tensor:
    """1 - index, from S_tp, S_p and S_y; written without the 1 so that no digits cancel."""
    missed = choice.alpha * (p - tp) + choice.beta * (y - tp)
    return missed / (tp + missed + choice.smooth)


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
        return set_loss(set_sums(items, choice), choice, class_weight, items.background)
    if choice.level == "set":  # positions: the set is one text
        tp, p, y = _hard_parts(items, choice) if items.hard else _soft_parts(items, choice)
        losses = index_loss(tp if items.hard else tp.sum(1), p.sum(1), _row_sum(y), choice)
    else:
        losses = _example_losses(items, choice, class_weight)
    return reduce_items(losses, items, choice.reduction, denominator)


def set_sums(items: Items, choice: Overlap) -> Tensor:
    """S_tp, S_p and S_y of each class over the items: (3, C), additive over sets."""
    if not items.hard:
        tp, p, y = _soft_parts(items, choice)
        return torch.stack((tp.sum(0), p.sum(0), y.sum(0)))
    tp, p, y = _hard_parts(items, choice)
    none = p.new_zeros(p.shape[1])
    return torch.stack(
        (none.index_add(0, items.target, tp), p.sum(0), none.index_add(0, items.target, y))
    )


def set_loss(
    sums: Tensor, choice: Overlap, class_weight: Tensor | None, background: int | None
) -> Tensor:
    """The loss of a set from its sums."""
    counted = _counted(sums[0], choice, class_weight, background)
    if choice.average == "micro":
        sums = (sums if counted is None else sums * counted).sum(1)
    tp, p, y = sums.unbind()
    losses = index_loss(tp, p, y, choice)
    if choice.average == "micro":
        return losses
    if choice.reduction == "none":
        if choice.classes == "foreground" and background is not None:
            return torch.cat((losses[:background], losses[background + 1 :]))
        return losses
    return losses.mean() if counted is None else (losses * counted).sum() / counted.sum()


def _example_losses(items: Items, choice: Overlap, class_weight: Tensor | None) -> Tensor:
    """One loss an item: the mean over its classes of one index each."""
    counted = _counted(
        items.logits.new_empty(items.logits.shape[1]), choice, class_weight, items.background
    )
    if items.hard:
        gold = items.target[:, None]
        tp, p, y = _hard_parts(items, choice)
        # all classes as if not gold, then the gold one in its place
        losses = index_loss(torch.zeros_like(y[:, None]), p, torch.zeros_like(y[:, None]), choice)
        gold_loss = index_loss(tp, p.gather(1, gold).squeeze(1), y, choice)
        losses = losses.scatter(1, gold, gold_loss[:, None])
    else:
        tp, p, y = _soft_parts(items, choice)
        losses = index_loss(tp, p, y, choice)
    if items.class_keep is None:
        if counted is None:
            return losses.mean(1)
        return (losses * counted).sum(1) / counted.sum()
    shares = items.class_keep if counted is None else items.class_keep * counted
    number = shares.sum(1)
    return (losses * shares).sum(1) / torch.where(number > 0, number, 1)


def _counted(
    like: Tensor, choice: Overlap, class_weight: Tensor | None, background: int | None
) -> Tensor | None:
    """The weight of each class in a mean, 0 for the background where it does not count."""
    weight = None if class_weight is None else class_weight.to(like)
    if choice.classes == "foreground" and background is not None:
        weight = torch.ones_like(like) if weight is None else weight
        weight = weight * (torch.arange(weight.shape[0], device=weight.device) != background)
    return weight


def _row_sum(y: Tensor) -> Tensor:
    return y.sum(1) if y.ndim == 2 else y


def _hard_parts(items: Items, choice: Overlap) -> tuple[Tensor, Tensor, Tensor]:
    """The entries of S_tp and S_y at gold, (N,), and of S_p everywhere, (N, C)."""
    gold = items.target[:, None]
    p = items.logits.softmax(1)
    y = p.new_ones(p.shape[0])
    if items.keep is not None:
        p = torch.where(items.keep[:, None], p, 0.0)
        y = items.keep.to(p.dtype)
    if choice.decay == 0:
        return p.gather(1, gold).squeeze(1), p * p if choice.squared else p, y
    if choice.form != "target":
        weight = power(softmax_log_complement(items.logits), choice.decay)
        q = (weight if choice.form == "literal" else weight.detach()) * p
        return q.gather(1, gold).squeeze(1), q * q if choice.squared else q, y
    at_gold = power(gold_log_complement(items.logits, items.target), choice.decay)
    elsewhere = p.detach() if choice.decay == 1 else p.detach() ** choice.decay
    weight = elsewhere.scatter(1, gold, at_gold[:, None])
    tp = at_gold * p.gather(1, gold).squeeze(1)
    return tp, weight * p * p if choice.squared else weight * p, at_gold * y


def _soft_parts(items: Items, choice: Overlap) -> tuple[Tensor, Tensor, Tensor]:
    """The entries of S_tp, S_p and S_y, each (N, C)."""
    y = items.target
    p = items.logits.sigmoid() if items.sigmoid else items.logits.softmax(1)
    if items.keep is not None and not items.sigmoid:
        p = torch.where(items.keep[:, None], p, 0.0)
    if choice.decay == 0:
        return p * y, p * p if choice.squared else p, y * y if choice.squared else y
    logits = items.logits if choice.form == "literal" else items.logits.detach()
    complement = (sigmoid_log_complement if items.sigmoid else softmax_log_complement)(logits)
    if choice.form != "target":
        q = power(complement, choice.decay) * p
        return q * y, q * q if choice.squared else q, y * y if choice.squared else y
    # |y - p| without cancellation at the ends; exact in log space where y is 0 or 1
    log_p = torch.nn.functional.logsigmoid(logits) if items.sigmoid else logits.log_softmax(1)
    between = (y * complement.exp() - (1 - y) * log_p.exp()).abs().log()
    off = torch.where(y == 1, complement, torch.where(y == 0, log_p, between))
    weight = power(off, choice.decay)
    wp, wy = weight * p, weight * y
    return wp * y, wp * p if choice.squared else wp, wy * y if choice.squared else wy
