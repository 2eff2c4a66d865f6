r"""Held out: what a rule gains on units that it did not see, and how much of the rule is used.

A rule fitted on dev always looks good on dev. On WNUT-17 a bias on O, fitted on dev without
shrinkage, lost 0.8 test F1 on average over three seeds. So the units are split into K parts. For
each part a rule is fitted on the other parts and decides this part; the counts of all parts
together give the cross-fitted score, and its gain :math:`g` over the default decision, with the
standard error of the jackknife (``Goal.gain``). The rule fitted on all units
(``Decisions.estimate``) is then shrunk towards the default by twice the positive-part factor,

.. math::
    \lambda = \min\Big(1,\ 2\max\Big(0,\ 1 - \frac{\text{se}^2}{g^2}\Big)\Big);

where the gain is not larger than its standard error, the default is used, and from
:math:`\sqrt 2` standard errors on the whole rule: nine tenths of a bias may bring nothing.

For an F-score of yes-or-no decisions this would be too timid: with 14 positives the gain is often
large and never sure. There a default decision that finds too few has little to lose. With
:math:`z` its shortfall (``Decisions.shortfall``) the factor is at least

.. math::
    \lambda \ge \min\big(1, \max(0,\ z + \tfrac12,\ -z - \tfrac52)\big),

so that the whole rule is used where the default misses more than it invents, or invents far more
than it misses. Between, the default has to be proved wrong by :math:`g`.
``benchmarks/decisions.py`` measures this.

A hash of the ids splits the units, so that the parts depend on no random state and no order, and
units with the same id are in the same part. The score that the whole procedure promises on new
units is cross-fitted too: within each part, everything above is done again.

References: James & Stein, 1961, and its positive part, Baranchik, 1964.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dicetune.problems.decisions import Biases, Decisions
from dicetune.problems.goal import Goal
from dicetune.problems.ratios import Z95, wilson

FOLDS = 5
Search = Callable[[Goal, np.ndarray], dict[str, float]]
"""From a goal and the units under a mask, (U,) bool, to biases."""


def once(search: Search) -> Search:
    """The search for one goal, made once for the same units: a promise repeats those of a gain."""
    found: dict[bytes, dict[str, float]] = {}

    def kept(goal: Goal, mask: np.ndarray) -> dict[str, float]:
        units = np.packbits(mask).tobytes()
        if units not in found:
            found[units] = search(goal, mask)
        return found[units]

    return kept


@dataclass(frozen=True)
class Shrunk:
    """A rule fitted on some units, and how much of it is used."""

    fitted: dict[str, float]
    biases: dict[str, float]
    crossed: CrossFit | None
    shortfall: float | None
    factor: float


@dataclass(frozen=True)
class Procedure:
    """A search and its shrinkage, which can be repeated on any units."""

    decisions: Decisions
    goal: Goal
    ids: np.ndarray  # of ``in_line``
    folds: int
    search: Search
    guard: bool

    @property
    def shrinks(self) -> bool:
        """Whether the rule is shrunk."""
        return self.guard and not self.goal.is_operating_point

    def positive_units(self, units: np.ndarray | None = None) -> int:
        """Units (by default of all) whose gold has an item of a class in precision and recall.

        Where every unit has one, as where one of several classes is chosen, that is all units.
        """
        return int((self._positive if units is None else self._positive[units]).sum())

    @cached_property
    def _positive(self) -> np.ndarray:
        counts = self.decisions.counts({})
        if not self.goal.problem.has_classes:
            return np.ones(len(counts), dtype=bool)
        return self.goal.items(counts)[1] > 0

    def on(self, units: np.ndarray, crossed: bool = False) -> Shrunk:
        """The rule of the units under a mask; ``crossed`` asks for the gain where it is free."""
        decisions, goal = self.decisions, self.goal
        fitted = self.search(goal, units)
        short = decisions.shortfall(units) if goal.is_f_score else None
        factor = 1.0
        if self.shrinks:
            factor = 0.0 if short is None else min(1.0, max(0.0, short + 0.5, -short - 2.5))
        held_out = None
        if crossed or factor < 1:
            held_out = cross_fit(
                decisions, goal, self.ids, self.folds, lambda mask: self.search(goal, mask), units
            )
        if self.shrinks and not self.positive_units(units):
            factor = 0.0
        elif factor < 1 and held_out is not None:
            factor = max(factor, shrink_factor(held_out.gain, held_out.error))
        biases = decisions.problem.shrink(fitted, factor)
        return Shrunk(fitted, biases, held_out, short, factor)

    def expected(self) -> float:
        """The score of the decision that is used: on held-out units where it is a rule.

        This is quick: the shrinkage is not held out, as it is for ``promised``, there are no biases
        beside the usual ones (``supported``), and several labels have a shorter search.
        """
        found = self.on(np.ones(len(self.ids), dtype=bool), crossed=True)
        if found.crossed is not None and any(found.biases.values()):
            return found.crossed.score
        return float(self.goal.score(self.decisions.counts({}).sum(0)))

    def promised(self) -> CrossFit | None:
        """All units, each decided by the rule of a procedure that did not see it."""
        return cross_fit(
            self.decisions, self.goal, self.ids, self.folds, lambda mask: self.on(mask).biases
        )


@dataclass(frozen=True)
class CrossFit:
    """The score and the gain of a fit on held-out units.

    Args:
        counts: (U, M) counts of each unit, decided by a rule that did not see it.
        score: of their sums.
        gain: over the default decision.
        error: the standard error of the gain.
        folds: number of parts.
    """

    counts: np.ndarray
    score: float
    gain: float
    error: float
    folds: int

    @property
    def sums(self) -> np.ndarray:
        """(M,) summed counts of all units."""
        found: np.ndarray = self.counts.sum(0)
        return found

    def interval(self, goal: Goal) -> tuple[float, float]:
        """The 95% interval of the score on new units, from the jackknife.

        Only units with an item in precision and recall say something: with few of them the
        interval is wide, as Wilson's is for few items.
        """
        said = len(self.counts)
        if goal.problem.has_classes:
            predicted, gold = goal.items(self.counts)
            said = int((predicted + gold > 0).sum())
        return wilson(self.score, Z95 * goal.error(self.counts), Z95**2 / max(said, 1))


def supported(decisions: Decisions, goal: Goal, ids: np.ndarray, folds: int) -> Decisions:
    """The decisions with more biases (``Decisions.richer``), if held-out units justify them.

    Rules of both are cross-fitted. More biases have to gain more than the standard error of their
    gain over fewer.
    """
    richer = decisions.richer()
    if richer is None or goal.is_operating_point:
        return decisions
    few, many = (cross_fit(one, goal, ids, folds) for one in (decisions, richer))
    if few is None or many is None:
        return decisions
    _, gain, error = goal.gain(few.counts, many.counts)
    return richer if gain > error else decisions


def shrink_factor(gain: float, error: float) -> float:
    """The share of a rule that its gain allows; 0 without a gain.

    Example:
        >>> shrink_factor(2.0, 1.0), round(shrink_factor(1.25, 1.0), 2), shrink_factor(-2.0, 1.0)
        (1.0, 0.72, 0.0)
    """
    return min(1.0, 2 * max(0.0, 1.0 - (error / gain) ** 2)) if gain > 0 else 0.0


def in_line(ids: Sequence[str] | np.ndarray) -> np.ndarray:
    """The place of each unit among all by the hash of its id, (U,); units of one id share it.

    Places stay as they are.
    """
    if isinstance(ids, np.ndarray):
        return ids
    texts = (name.encode("utf-8", "surrogatepass") for name in ids)
    hashes = np.fromiter((hashlib.sha256(text).digest() for text in texts), "S32", len(ids))
    return np.unique(hashes, return_inverse=True)[1].astype(np.int32)


def deal(ids: Sequence[str] | np.ndarray, folds: int) -> np.ndarray:
    """The part of each unit, (U,), from 0 to ``folds`` - 1, as equal as ids allow.

    Args:
        ids: of the units, or their places as ``in_line`` has them.
        folds: number of parts.

    Example:
        >>> sorted(deal(["a", "b", "c", "d"], 2).tolist())
        [0, 0, 1, 1]
    """
    return np.unique(in_line(ids), return_inverse=True)[1] % folds


def cross_fit(
    decisions: Decisions,
    goal: Goal,
    ids: Sequence[str] | np.ndarray,
    folds: int = FOLDS,
    fit: Callable[[np.ndarray], Biases] | None = None,
    units: np.ndarray | None = None,
) -> CrossFit | None:
    """Fit on all parts but one, decide the held-out part, and sum the counts of all parts.

    Args:
        decisions: on all units.
        goal: the score of the gain.
        ids: of the units, as ``deal`` takes them.
        folds: number of parts.
        fit: from the units under a mask, (U,) bool, to biases; by default ``decisions.estimate``.
        units: (U,) bool, the units that are used; by default all.

    Returns:
        ``None`` where all units have the same id.
    """
    places = np.arange(len(ids)) if units is None else np.flatnonzero(units)
    names = in_line(ids)[places]
    folds = min(folds, len(np.unique(names)))
    if folds < 2:
        return None
    part = deal(names, folds)
    default = decisions.counts({})
    default = default if len(places) == len(default) else default[places]
    held_out = default.copy()
    for number in range(folds):
        seen = np.zeros(len(ids), dtype=bool)
        seen[places[part != number]] = True
        biases = decisions.estimate(goal, seen) if fit is None else fit(seen)
        held_out[part == number] = decisions.counts_of(places[part == number], biases)
    return CrossFit(held_out, *goal.gain(default, held_out), folds)
