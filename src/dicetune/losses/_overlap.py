"""The soft Tversky index, with dice and self-adjusting dice as special cases.

With p the probability, y the target and w the weight of an entry (item, class)::

    S_tp = Σ w p y      S_fp = Σ w p (1-y)      S_fn = Σ w y (1-p)
    E    = α S_fp + β S_fn                      squared: α Σ w (p-y)², with α = β
    loss = E / (S_tp + E + γ)                   = 1 - (S_tp + γ) / (S_tp + E + γ), the index

Errors are summed directly, with an exact 1-p. As a difference of rounded totals, errors of a nearly
right model would vanish, and the loss could be negative. ``overlap_loss`` describes the choices;
``set_sums`` adds up over sets, ``set_loss`` makes a loss of the total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dicetune.errors import InputError, quoted
from dicetune.losses._base import boolean, number, one_of, weight_vector
from dicetune.losses._inputs import (
    REDUCTIONS,
    Given,
    Items,
    check_background,
    gold_log_complement,
    items_of,
    log_complement,
    power_from_log,
    probabilities,
    reduce_items,
)
from dicetune.losses._targets import refuse_if

_CHOICES = {
    "level": ("example", "set"),
    "form": ("target", "detached", "literal"),
    "classes": ("all", "foreground"),
    "average": ("macro", "micro"),
    "activation": ("auto", "sigmoid"),
    "reduction": REDUCTIONS,
}


class IndexOptions(Given, total=False):
    """Options of every loss that uses the index, beside its other options and ``Given``.

    Args:
        classes: ``all`` (default), or ``foreground``: without the background.
        average: over the classes of a set: ``macro`` (default; mean of their losses) or ``micro``
            (loss of their summed sums).
        class_weight: one weight for each class, in the mean (``macro``) or the sums (``micro``).
        activation: ``auto`` (default; what the kind says) or ``sigmoid`` (one for each class).
        reduction: ``mean`` (default); ``none`` gives one value an item (``example``, ``positions``)
            or one a class that counts (``set``, not weighted); ``sum`` only where losses are by
            item.
    """

    classes: str
    average: str
    class_weight: Tensor | Sequence[float] | None
    activation: str
    reduction: str


@dataclass(frozen=True)
class Overlap:
    """The choices of an overlap loss, checked; names as in ``overlap_loss``."""

    alpha: float = 0.5
    beta: float = 0.5
    smooth: float = 0.5
    level: str = "set"
    squared: bool = True
    decay: float = 0.0
    form: str = "target"
    classes: str = "all"
    average: str = "macro"
    activation: str = "auto"
    reduction: str = "mean"

    @classmethod
    def dice(cls, smooth: float, **options: Any) -> Overlap:
        """Dice at γ, which is the index with α = β = ½ at γ/2."""
        return cls(smooth=smooth / 2, **options)

    def __post_init__(self) -> None:
        number("alpha", self.alpha)
        number("beta", self.beta)
        if self.alpha == 0 and self.beta == 0:
            raise InputError(
                "expected alpha or beta > 0, got 0 for both: the index is then always 1"
            )
        if self.smooth == 0:
            raise InputError(
                "expected smooth > 0, got 0: where a class is absent its false positives would "
                "have no gradient; 1 is usual, 1e-6 is close to none"
            )
        number("smooth", self.smooth, above_0=True)
        number("decay", self.decay)
        boolean("squared", self.squared)
        for name, valid in _CHOICES.items():
            one_of(name, getattr(self, name), valid)
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

    def items(self, logits: Tensor, target: Tensor, given: Given) -> Items:
        """The clean items of a call, of a kind for which the choices have a meaning."""
        items = items_of(logits, target, **given, sigmoid=self.activation == "sigmoid")
        check_background(items)
        self.check_kind(items.kind, items.background)
        return items

    def check_kind(self, kind: str, background: int | None) -> None:
        """Refuse choices that have no meaning for ``kind``."""
        if kind == "positions":
            for name, chosen, only in (
                ("classes", self.classes, "all"),
                ("average", self.average, "macro"),
            ):
                if chosen != only:
                    raise InputError(
                        f"expected {name}={quoted(only)} for kind 'positions', got "
                        f"{quoted(chosen)}: the positions of a text are not classes"
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


def _loss_of(tp: Tensor, error: Tensor, choice: Overlap) -> Tensor:
    """1 - index from S_tp and E: never negative, and accurate for small values."""
    return error / (tp + error + choice.smooth)


def overlap_of(
    items: Items, choice: Overlap, class_weight: Tensor | Sequence[float] | None
) -> Tensor:
    """The formula on clean items, reduced."""
    weight = weight_vector(class_weight, items.logits, items.kind)
    if not choice.is_additive(items.kind):
        if items.num_items is not None:
            raise InputError(
                "expected no num_items for a set-level loss, got num_items: a ratio of sums is not "
                "a mean over items; use sums and from_sums, or level='example'"
            )
        loss = set_loss(*set_sums(items, choice), choice, weight, items.background)
        return loss.to(items.logits.dtype)
    if choice.level == "set":  # positions: the set is one text
        if items.hard:
            tp, wrong, missed = _hard_parts(items, choice)
            error = choice.alpha * wrong.sum(1) + choice.beta * missed
        else:
            tp, error = (part.sum(1) for part in _soft_parts(items, choice))
        losses = _loss_of(tp, error, choice)
    else:
        losses = _example_losses(items, choice, weight)
    return reduce_items(losses, items, choice.reduction)


def set_sums(items: Items, choice: Overlap) -> tuple[Tensor, Tensor, Tensor | None]:
    """S_tp and E of each class, and its number of items; ``None`` where no class is masked.

    Each is (C,) and adds up over sets. The sums are float64, because a running sum of a million
    float32 numbers is wrong in the second digit.
    """
    number = None
    if items.class_mask is not None:
        there = items.class_mask if items.mask is None else items.class_mask & items.mask[:, None]
        number = there.sum(0)
    wide = torch.float32 if items.logits.device.type == "mps" else torch.float64  # mps has none
    if not items.hard:
        tp, error = (part.sum(0, dtype=wide) for part in _soft_parts(items, choice))
        return tp, error, number
    tp, wrong, missed = _hard_parts(items, choice)
    none = wrong.new_zeros(wrong.shape[1], dtype=wide)
    tp, missed = (none.index_add(0, items.target, part.to(wide)) for part in (tp, missed))
    return tp, choice.alpha * wrong.sum(0) + choice.beta * missed, number


def set_loss(
    tp: Tensor,
    error: Tensor,
    number: Tensor | None,
    choice: Overlap,
    class_weight: Tensor | None,
    background: int | None,
) -> Tensor:
    """The loss of a set from its sums; classes without items have loss 0 outside the mean."""
    weight = counted_weight(tp, choice, class_weight, background)
    if choice.average == "micro":
        if weight is not None:
            tp, error = tp * weight, error * weight
        return _loss_of(tp.sum(), error.sum(), choice)
    losses = _loss_of(tp, error, choice)
    if choice.reduction == "none":
        if choice.classes == "foreground" and background is not None:
            losses = torch.cat((losses[:background], losses[background + 1 :]))
        return losses
    if number is not None:
        weight = _on(number > 0, weight)
    return losses.mean() if weight is None else (losses * weight).sum() / or_1(weight.sum())


def _example_losses(items: Items, choice: Overlap, class_weight: Tensor | None) -> Tensor:
    """One loss an item: the mean over its classes, with one index for each class."""
    weight = counted_weight(items.logits, choice, class_weight, items.background)
    if items.class_mask is not None:
        weight = _on(items.class_mask, weight)
    number = items.logits.shape[1] if weight is None else or_1(weight.sum(-1))
    if not items.hard:
        losses = _loss_of(*_soft_parts(items, choice), choice)
        return (losses if weight is None else losses * weight).sum(1) / number
    tp, wrong, missed = _hard_parts(items, choice)
    # x / (1 + x) for every class but gold, whose x is 0, then gold's own
    others = wrong * (choice.alpha / choice.smooth)
    others = others * torch.reciprocal(others + 1)
    gold = _loss_of(tp, choice.beta * missed, choice)
    if weight is None:
        return (others.sum(1) + gold) / number
    on_gold = weight[items.target] if weight.ndim == 1 else _at(weight, items.target)
    return ((others * weight).sum(1) + gold * on_gold) / number


def _on(there: Tensor, weight: Tensor | None) -> Tensor:
    """The weight of each class, 0 where it does not exist."""
    return there if weight is None else there * weight


def or_1(total: Tensor) -> Tensor:
    """A divisor: 1 for the total of nothing."""
    return torch.where(total > 0, total, 1)


def counted_weight(
    like: Tensor, choice: Overlap, class_weight: Tensor | None, background: int | None
) -> Tensor | None:
    """The weight of each class in a mean, 0 for the background where it does not count."""
    weight = None if class_weight is None else class_weight.to(like)
    if choice.classes == "foreground" and background is not None:
        others = torch.arange(like.shape[-1], device=like.device) != background
        weight = others.to(like.dtype) if weight is None else weight * others
        if class_weight is not None:
            refuse_if("weight", ~weight.any(), _only_background)
    return weight


def _only_background() -> str:
    return (
        "expected class_weight > 0 for a class that counts, got weight for the background only: "
        "classes='foreground' leaves the background out"
    )


def _hard_parts(items: Items, choice: Overlap) -> tuple[Tensor, Tensor, Tensor]:
    """The entries of S_tp at gold (N,), of S_fp (N, C), 0 at gold, and of S_fn at gold (N,).

    Squared, the entries of S_fp and S_fn are (p-y)².
    """
    p = probabilities(items.logits, items.sigmoid)
    if items.mask is not None:
        p = torch.where(items.mask[:, None], p, 0.0)
    adjusted = choice.decay > 0 and choice.form != "target"
    q, log_rest = _adjusted(items, p, choice) if adjusted else (p, None)
    tp = _at(q, items.target)
    wrong = q.scatter(1, items.target[:, None], 0.0)
    if log_rest is not None:
        missed = _adjusted_rest(_at(p, items.target), _at(log_rest, items.target), choice)
    elif adjusted:
        missed = 1 - tp
    elif items.sigmoid:
        missed = _at(items.logits, items.target).neg().sigmoid()
    else:
        missed = wrong.sum(1)  # 1-p, exact where p rounds to 1
    if items.mask is not None:
        missed = torch.where(items.mask, missed, 0.0)
    errors = (wrong.square(), missed.square()) if choice.squared else (wrong, missed)
    if choice.decay == 0 or adjusted:
        return tp, *errors
    on_wrong, on_gold = wrong.detach() ** choice.decay, missed.detach()
    if choice.decay != 1:  # a small power of 1-p may be far from 0 where 1-p underflows
        log_rest = gold_log_complement(items.logits, items.target, items.sigmoid)
        on_gold = power_from_log(log_rest, choice.decay)
    return on_gold * tp, on_wrong * errors[0], on_gold * errors[1]


def _at(values: Tensor, target: Tensor) -> Tensor:
    """The entry of each row at its class number."""
    return values.gather(1, target[:, None]).squeeze(1)


def _soft_parts(items: Items, choice: Overlap) -> tuple[Tensor, Tensor]:
    """The entries of S_tp and E, each (N, C)."""
    y = items.target
    p = probabilities(items.logits, items.sigmoid)
    if items.mask is not None and not items.sigmoid:
        p = torch.where(items.mask[:, None], p, 0.0)
    adjusted = choice.decay > 0 and choice.form != "target"
    q, log_rest = _adjusted(items, p, choice) if adjusted else (p, None)
    if log_rest is not None:
        rest = _adjusted_rest(p, log_rest, choice)
    elif adjusted:
        rest = 1 - q
    else:
        log_rest = log_complement(items.logits, items.sigmoid)
        rest = items.logits.neg().sigmoid() if items.sigmoid else log_rest.exp()
    over, under = q * (1 - y), y * rest
    gap = over - under  # q - y
    tp = q * y
    if choice.squared:
        error = choice.alpha * gap.square()
    else:
        error = choice.alpha * over + choice.beta * under
    if choice.decay == 0 or adjusted:
        return tp, error
    weight = gap.detach().abs() ** choice.decay
    if choice.decay != 1:  # as in _hard_parts
        at_one = power_from_log(log_complement(items.logits, items.sigmoid).detach(), choice.decay)
        weight = torch.where(y == 1, at_one, weight)
    return weight * tp, weight * error


def _adjusted(items: Items, p: Tensor, choice: Overlap) -> tuple[Tensor, Tensor | None]:
    """The q of the forms ``detached`` and ``literal``, and log(1-p), of which 1 - q is made.

    With decay 1 there is no logarithm: q = (1-p) p is never near 1, so that 1 - q is exact.
    """
    literal = choice.form == "literal"
    if choice.decay == 1:
        return (1 - (p if literal else p.detach())) * p, None
    log_rest = log_complement(items.logits, items.sigmoid)
    return power_from_log(log_rest if literal else log_rest.detach(), choice.decay) * p, log_rest


def _adjusted_rest(p: Tensor, log_rest: Tensor, choice: Overlap) -> Tensor:
    """1 - q, as (1-p) + p (1 - (1-p)^decay): for a small decay q may be near 1."""
    held = log_rest if choice.form == "literal" else log_rest.detach()
    return log_rest.exp() - p * torch.expm1(choice.decay * held)
