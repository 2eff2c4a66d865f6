"""Value and gradient of the overlap losses over one block of rows, without autograd.

With wrong_ic = p_ic at c != gold and 0 at gold, m_i the sum of a row of ``wrong`` (an exact 1-p),
d the decay, q = 2 if squared, else 1, and the weights of the decay without a gradient::

    S_tp = Σ_gold m^d p        E = α Σ wrong^(q+d) + β Σ_gold m^(q+d)

The loss is a function of these sums. With a and b its derivatives by S_tp and E, the gradient by p
is g = q α b wrong^(q+d-1), and at gold m^d (a - q β b m^(q-1)); that by the logits is
p (g - Σ p g), in which 1-p at gold is again m. Labels have the same sums over all entries, with the
gap p - y in place of ``wrong``.

Where the time goes. On a CPU a softmax over the *first* axis of (C, N) is ten times as fast as over
a short last axis, so that few classes are turned; more are computed in blocks that fit a cache.
A block adds its sums in its own precision, and the blocks are added in float64. Of a small call the
number of operations is the time, not their size: dice takes 54, each of 2 to 4 microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.losses._base import weight_vector
from dicetune.losses._inputs import ABSENT, FEW_CLASSES, gold_log_complement, power_from_log
from dicetune.losses._overlap import Overlap
from dicetune.losses._targets import at_once

_TINY = 1e-30  # below, the logarithm of a rounded p is not that of p


class Part(NamedTuple):
    """A term of a sum: an overlap loss, or where ``choice`` is ``None`` cross-entropy."""

    coefficient: float
    choice: Overlap | None
    class_weight: Tensor | Sequence[float] | None

    def serves(self, kind: str) -> bool:
        """Whether the options are among those that this file computes."""
        choice = self.choice
        if isinstance(self.class_weight, Tensor) and self.class_weight.requires_grad:
            return False
        if choice is None:
            plain = self.class_weight is None
            return plain or (kind != "positions" and not isinstance(self.class_weight, Tensor))
        return (
            choice.level == "set"
            and choice.reduction == "mean"
            and (choice.decay == 0 or choice.form == "target")
            and (choice.activation == "auto" or kind == "labels")
            and (self.class_weight is None or kind != "positions")
        )


class FastInput(NamedTuple):
    """What is computed: logits of (N, C), targets (N,) or (N, C), and what counts."""

    target: Tensor
    keep: Tensor | None
    exists: Tensor | None
    lost: Tensor | None
    parts: Sequence[Part]
    kind: str
    background: int | None
    number: float | Tensor
    wide: torch.dtype

    def at(self, place: slice) -> FastInput:
        """Some of the rows."""
        cut: list[Any] = [by_row if by_row is None else by_row[place] for by_row in self[:4]]
        return FastInput(*[*cut, *self[4:]])

    @property
    def choices(self) -> list[Overlap]:
        """The overlap losses among the parts."""
        return [part.choice for part in self.parts if part.choice is not None]


class SoftmaxBlock:
    """A block of rows with class numbers. ``axis`` is that of the classes.

    What has one entry a row keeps an axis of length 1, to be broadcast.
    """

    def __init__(self, logits: Tensor, call: FastInput, out: Tensor) -> None:
        self.call = call
        self.by_row = call.kind == "positions"
        self.axis = 0 if logits.device.type == "cpu" and logits.shape[1] < FEW_CLASSES else 1
        if call.exists is not None:
            logits = torch.where(call.exists, logits, ABSENT)
        if self.axis:
            self.logits = logits.to(call.wide)
        else:  # turned by a copy into a turned view: torch's own way is slow for few classes
            self.logits = logits.new_empty(logits.shape[::-1], dtype=call.wide)
            self.logits.t().copy_(logits)
        self.target = call.target
        self.gold = self.target.unsqueeze(self.axis)
        self.wrong = self.logits.softmax(self.axis)
        self.hit = self.wrong.gather(self.axis, self.gold)
        self.wrong.scatter_(self.axis, self.gold, torch.zeros_like(self.hit))  # faster than 0.0
        self.raw = self.hit
        self.keep: Tensor | None = None
        if call.keep is None:
            self.missed = self.wrong.sum(self.axis, keepdim=True)
        else:
            self.keep = call.keep.unsqueeze(self.axis)
            self.counts = self.keep.to(call.wide)
            self.missed = self.wrong.mul_(self.counts).sum(self.axis, keepdim=True)
            self.hit = self.hit * self.counts
            if not (at_once(logits) and math.isfinite(self.missed.sum())):  # NaN times 0 is NaN
                self.wrong, self.missed, self.hit = (
                    torch.where(self.keep, one, 0.0) for one in (self.wrong, self.missed, self.hit)
                )
        if call.lost is not None:
            self.hit = torch.where(call.lost.unsqueeze(self.axis), torch.nan, self.hit)
        self.pull: Tensor | float | None = None
        # where the gradient will be lies what it is made of: memory takes as much time as numbers
        self.out = out
        self.work = out if self.axis else None
        self.begun: list[Tensor] = []  # the power of the first overlap part

    def _power(self, choice: Overlap, out: Tensor | None = None) -> Tensor:
        """wrong^(q+d)."""
        exponent = 1.0 + choice.squared + choice.decay
        if exponent not in (1, 2, 3):
            return torch.pow(self.wrong, exponent, out=out)
        if exponent == 1:
            return self.wrong
        power = torch.mul(self.wrong, self.wrong, out=out)
        return power if exponent == 2 else power.mul_(self.wrong)

    def _weight(self, choice: Overlap) -> Tensor | None:
        """The weight (1-p)**decay of each row's gold."""
        if choice.decay in (0, 1):
            return self.missed if choice.decay else None
        z = self.logits if self.axis else self.logits.t()
        log_rest = gold_log_complement(z, self.target).unsqueeze(self.axis)
        weight = power_from_log(log_rest, choice.decay)
        return weight if self.keep is None else torch.where(self.keep, weight, 0.0)

    def sums(self, choice: Overlap) -> tuple[Tensor, Tensor]:
        """S_tp and E of each class, or for positions of each row."""
        tp, missed = self.hit, self.missed * self.missed if choice.squared else self.missed
        weight = self._weight(choice)
        if weight is not None:
            tp, missed = tp * weight, missed * weight
        wrong = self._power(choice, None if self.begun else self.work)
        self.begun = self.begun or [wrong]
        if self.by_row:
            over = wrong.sum(self.axis, keepdim=True)
            return tp, (missed * choice.beta).add_(over, alpha=choice.alpha)
        over = wrong.sum(1 - self.axis)
        sides = (tp.t(), missed.t()) if self.axis else (tp, missed)
        rows = torch.cat(sides).double()  # along the rows it is added up fast
        tp, missed = rows.new_zeros(2, over.shape[0]).index_add_(1, self.target, rows).unbind()
        return tp, (missed * choice.beta).add_(over, alpha=choice.alpha)

    def cross_entropy(self, part: Part) -> Tensor:
        """What the rows add to the mean; what they add to the gradient is kept."""
        if at_once(self.raw) and float(self.raw.amin()) > _TINY:
            log_p = self.raw.log()
        else:
            log_p = self.logits.gather(self.axis, self.gold)
            log_p = log_p - self.logits.logsumexp(self.axis, keepdim=True)
            log_p = log_p if self.keep is None else torch.where(self.keep, log_p, 0.0)
        share: Tensor | float = part.coefficient / self.call.number
        weight = weight_vector(part.class_weight, self.logits if self.axis else self.logits.t())
        if weight is not None:
            share = share * weight[self.target].unsqueeze(self.axis)
        if self.keep is not None:
            share = self.counts * share
        self.pull = share if self.pull is None else self.pull + share
        return (log_p * share).sum().neg() if isinstance(share, Tensor) else log_p.sum() * -share

    def gradient(
        self, pairs: Sequence[tuple[Tensor, Tensor]], by_value: Tensor | None = None
    ) -> None:
        """By the logits, into ``out``.

        Args:
            pairs: the derivatives by S_tp and by E of each overlap part.
            by_value: the derivative by the sum of the cross-entropies; by default 1.
        """
        (total,), slopes = self.begun, []
        for choice, (by_tp, by_error) in zip(self.call.choices, pairs, strict=True):
            factor = (1.0 + choice.squared) * choice.alpha
            by_wrong = by_error if factor == 1 else by_error * factor
            by_gold = by_tp if choice.squared else torch.sub(by_tp, by_error, alpha=choice.beta)
            slope, on_miss, by_wrong = self._slopes(by_gold, by_wrong)
            if choice.squared:  # α = β
                slope = torch.addcmul(slope, on_miss, self.missed, value=-1)
            weight = self._weight(choice)
            slopes.append(slope if weight is None else slope * weight)
            if len(slopes) > 1:
                total.addcmul_(self._power(choice), by_wrong)
                continue
            in_place = total is not self.wrong
            total = total.mul_(by_wrong) if in_place else torch.mul(total, by_wrong, out=self.work)
        at_gold = reduce(torch.add, slopes)
        others, pulled = total.sum(self.axis, keepdim=True), at_gold * self.hit
        if self.pull is not None:
            pulled -= self.pull if by_value is None else self.pull * by_value
        gold = torch.addcmul(pulled * self.missed, self.hit, others, value=-1)
        if self.keep is not None:
            gold += 0.0  # of a masked row no -0
        total.addcmul_(self.wrong, others + pulled, value=-1).scatter_(self.axis, self.gold, gold)
        if total is not self.out:
            (self.out if self.axis else self.out.t()).copy_(total)

    def _slopes(self, by_gold: Tensor, by_wrong: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Both numbers of each row's gold class, and the second beside ``wrong``."""
        if self.by_row:
            by_gold, by_wrong = by_gold.to(self.hit), by_wrong.to(self.hit)
            return by_gold, by_wrong, by_wrong
        table = torch.stack((by_gold, by_wrong)).to(self.hit.dtype)
        on_gold, on_miss = table.index_select(1, self.target).chunk(2)
        if self.axis:
            return on_gold.t(), on_miss.t(), table.select(0, 1)
        return on_gold, on_miss, table.select(0, 1).unsqueeze(1)


class SigmoidBlock:
    """A block of rows with a value in [0, 1] for each label."""

    def __init__(self, logits: Tensor, call: FastInput, out: Tensor) -> None:
        self.call, self.out = call, out
        self.target = call.target
        logits = logits.to(call.wide)
        if call.exists is not None:
            logits = torch.where(call.exists, logits, ABSENT)
        self.logits = logits
        # as many steps as can be write in ``out``: memory takes as much time as numbers
        self.p, self.rest = logits.sigmoid(), logits.neg().sigmoid_()
        # p - y, exact where y is 0 or 1
        self.gap = torch.addcmul(self.p, self.p, self.target, value=-1)
        self.gap.addcmul_(self.rest, self.target, value=-1)
        self.pull: Tensor | float | None = None

    def _weight(self, choice: Overlap) -> Tensor | None:
        """The weight |p - y|**decay of each entry."""
        if choice.decay == 0:
            return None
        weight = self.gap.abs()
        if choice.decay == 1:
            return weight
        at_one = power_from_log(-F.softplus(self.logits), choice.decay)
        return torch.where(self.target == 1, at_one, weight**choice.decay)

    def sums(self, choice: Overlap) -> tuple[Tensor, Tensor]:
        """S_tp and E of each label."""
        weight = self._weight(choice)

        def total(entries: Tensor) -> Tensor:
            return (entries if weight is None else entries.mul_(weight)).sum(0).double()

        tp = total(torch.mul(self.p, self.target, out=self.out))
        if choice.squared:
            return tp, total(torch.mul(self.gap, self.gap, out=self.out)).mul_(choice.alpha)
        error = torch.addcmul(self.p, self.p, self.target, value=-1, out=self.out)
        error.mul_(choice.alpha).addcmul_(self.rest, self.target, value=choice.beta)
        return tp, total(error)

    def cross_entropy(self, part: Part) -> Tensor:
        """What the rows add to the mean; what they add to the gradient is kept."""
        there, classes = self.call.exists, self.logits.shape[1]
        labels = classes if there is None else there.sum(1, keepdim=True).clamp(min=1)
        share: Tensor | float = part.coefficient / self.call.number
        share = share / (labels.to(self.p) if isinstance(labels, Tensor) else labels)
        weight = weight_vector(part.class_weight, self.logits, "labels")
        share = share if weight is None else weight * share
        self.pull = share if self.pull is None else self.pull + share
        if at_once(self.rest) and float(self.rest.amin()) > _TINY:
            log_p = self.rest.log()
        else:
            log_p = F.logsigmoid(-self.logits)
        log_p.addcmul_(self.logits, self.target)  # y log p + (1-y) log (1-p), as log p is z more
        return (log_p * share).sum().neg() if isinstance(share, Tensor) else log_p.sum() * -share

    def gradient(
        self, pairs: Sequence[tuple[Tensor, Tensor]], by_value: Tensor | None = None
    ) -> None:
        """By the logits, into ``out``; see ``SoftmaxBlock``."""
        slopes: list[Tensor] = []
        for choice, (by_tp, by_error) in zip(self.call.choices, pairs, strict=True):
            by_tp, by_error = by_tp.to(self.p.dtype), by_error.to(self.p.dtype)
            into = None if slopes else self.out
            if choice.squared:
                slope = torch.mul(self.gap, by_error * (2 * choice.alpha), out=into)
                slope.addcmul_(self.target, by_tp)
            else:
                by_y = torch.sub(by_tp, by_error, alpha=choice.alpha + choice.beta)
                slope = torch.mul(self.target, by_y, out=into).add_(by_error * choice.alpha)
            weight = self._weight(choice)
            slopes.append(slope if weight is None else slope.mul_(weight))
        total = reduce(Tensor.add_, slopes)
        total.mul_(self.p).mul_(self.rest)
        if self.pull is not None:
            pull = self.pull if by_value is None else self.pull * by_value
            if isinstance(pull, Tensor):
                total.addcmul_(self.gap, pull.to(total))
            else:
                total.add_(self.gap, alpha=pull)
