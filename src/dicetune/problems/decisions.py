r"""Decisions on units with gold as functions of a few biases, and the exact search for the best.

While one bias :math:`b` moves from :math:`-\infty` to :math:`\infty` and the other biases are
fixed, the decision on an item changes only at single points. The summed counts are constant between
neighbouring breakpoints, so one cumulative sum over the sorted breakpoints gives them all:
:math:`O(E \log E)` for :math:`E` breakpoints, and no grid that could miss the best value.

One bias is found exactly. Several biases are found by coordinate ascent: each bias in turn is set
to its best value while the others are fixed, in a fixed order, until a whole turn gains nothing.
The result is exact where each bias has a separate score; otherwise it is a point that no change of
a single bias improves. Nothing is random: the same scores give the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dicetune.errors import listed

if TYPE_CHECKING:
    from dicetune.problems.base import Problem
    from dicetune.problems.goal import Goal

NARROW = 1e-9
"""A narrower piece is ignored, as rounding alone can make it."""

EQUAL = 1e-12
"""Values that differ by less are equal: sums of the same counts in another order."""

MOST_TURNS = 20

AT_ONCE = 1 << 14
"""Breakpoints whose sums are held at once."""

Biases = Mapping[str, float]
"""Biases by name; a missing name has the bias 0, the default decision."""


class Decisions:
    """Predictions of a type for units with gold, and their counts, as functions of biases.

    Attributes:
        problem: with the classes of the gold.
        names: of the biases, in the order in which they are searched.
        notes: sentences for the user.
        turns: of the search, at most.
    """

    problem: Problem
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    turns: int = MOST_TURNS

    def estimate(self, goal: Goal, mask: np.ndarray) -> dict[str, float]:
        """The biases that promise the best score on new units, from the units under the mask.

        Where decisions are yes or no, calibrated scores are trusted beside the gold (see
        ``problems.thresholds``); elsewhere these are the biases that score best.
        """
        return self.fit(goal, mask)

    def shortfall(self, mask: np.ndarray) -> float | None:
        r"""Whether the default decision finds too few, in standard errors.

        .. math::
            z = \frac{\text{missed} - \text{invented}}{\sqrt{\text{missed} + \text{invented} + 1}}

        over the units under the mask. Missed and invented items are equally many if the default
        decision predicts as many as there are (McNemar, 1947). ``None`` where ``estimate`` does not
        trust the scores.
        """
        return None

    def intervals(self, goal: Goal, biases: Biases) -> dict[str, tuple[float, float]]:
        """The 95% interval of the best bias by name, around the estimated biases.

        Only yes-or-no decisions with gold that are fitted for an F-score have one.
        """
        return {}

    def predicted(self, biases: Biases) -> Sequence[Any]:
        """The prediction of each unit, as ``predictions.jsonl`` has it."""
        raise NotImplementedError

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each unit, (U, M)."""
        raise NotImplementedError

    def counts_of(self, units: Any, biases: Biases) -> np.ndarray:
        """Counts of some units, by their places or a mask."""
        found: np.ndarray = self.counts(biases)[units]
        return found

    def steps(self, name: str, biases: Biases) -> Steps:
        """Counts as functions of the bias ``name``, with the other biases fixed."""
        raise NotImplementedError

    def kept_steps(self, name: str, biases: Biases) -> Steps:
        """``steps``, computed once where all other biases are 0: each fit begins there."""
        if any(bias for other, bias in biases.items() if other != name):
            return self.steps(name, biases)
        kept: dict[str, Steps] = self.__dict__.setdefault("_kept_steps", {})
        if name not in kept:
            kept[name] = self.steps(name, {})
        return kept[name]

    def along(
        self, goal: Goal, name: str, biases: Biases, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Breakpoints of one bias in order, (P,), and the key of the units between, (P + 1,)."""
        return self.kept_steps(name, biases).curve(mask, goal.key)

    def quick(self) -> Decisions:
        """The same decisions with a shorter search, for a score that is often needed."""
        return self

    def richer(self) -> Decisions | None:
        """The same decisions with more biases, which held-out units must justify."""
        return None

    def fitted_as(self, biases: Biases) -> Decisions:
        """The decisions whose fit gave a rule with these biases: these, or the richer ones."""
        richer = self.richer() if biases.keys() - set(self.names) else None
        return self if richer is None else richer

    def dials(self) -> dict[str, tuple[str, ...]]:
        """By class of ``Problem.focus`` the biases that together trade precision for recall."""
        return {name: (name,) for name in self.names}

    def turned(self, names: Sequence[str]) -> Steps:
        """Counts as functions of one bias that ``names`` share; all other biases are 0."""
        (name,) = names
        return self.kept_steps(name, {})

    def present(self, mask: np.ndarray) -> list[str]:
        """The names whose bias can be fitted on the units under the mask, (U,) bool."""
        raise NotImplementedError

    def starts(self, mask: np.ndarray) -> Sequence[Biases]:
        """Starting points of the search beside the default; the best end point wins."""
        return ()

    def fit(self, goal: Goal, mask: np.ndarray) -> dict[str, float]:
        """The biases that score best on the units under the mask.

        Returns:
            A bias for each name; 0 where it cannot be fitted on these units.
        """
        names = self.present(mask)
        best, highest = dict.fromkeys(self.names, 0.0), -np.inf
        for start in ({}, *self.starts(mask)):
            biases = {name: start.get(name, 0.0) if name in names else 0.0 for name in self.names}
            value = float(goal.key(self.counts(biases)[mask].sum(0)))
            for _ in range(self.turns):
                before = value
                for name in names:
                    edges, values = self.along(goal, name, biases, mask)
                    point, reached = best_point(edges, values, biases[name])
                    if reached > value + EQUAL:
                        biases[name], value = point, reached
                if value <= before + EQUAL or len(names) == 1:
                    break
            if value > highest + EQUAL:
                best, highest = biases, value
        return best


@dataclass(frozen=True)
class Steps:
    """Counts of all units as functions of one bias.

    Args:
        base: (U, M) counts where the bias is minus infinity.
        at: (E,) finite breakpoints, in any order.
        unit: (E,) the unit whose counts change there.
        columns: (K,) the columns that change.
        change: (E, K) the change of each column.
    """

    base: np.ndarray
    at: np.ndarray
    unit: np.ndarray
    columns: np.ndarray
    change: np.ndarray

    @classmethod
    def of(
        cls,
        base: np.ndarray,
        at: np.ndarray,
        unit: np.ndarray,
        columns: np.ndarray,
        change: np.ndarray,
    ) -> Self:
        """Steps from breakpoints that may be infinite: already passed, or never reached."""
        always = at == -np.inf
        if always.any():
            base = base.copy()
            np.add.at(base, (unit[always][:, None], columns), change[always])
        finite = np.isfinite(at)
        return cls(base, at[finite], unit[finite], columns, change[finite])

    @classmethod
    def joined(cls, parts: Sequence[Steps]) -> Self:
        """The steps of units that were looked at in parts."""
        begins = np.cumsum([0, *(len(part.base) for part in parts)])[:-1].tolist()
        pairs = zip(parts, begins, strict=True)
        return cls(
            np.concatenate([part.base for part in parts]),
            np.concatenate([part.at for part in parts]),
            np.concatenate([part.unit + np.int32(begin) for part, begin in pairs]),
            parts[0].columns,
            np.concatenate([part.change for part in parts]),
        )

    def merged(self) -> Self:
        """The same steps, of changes that are integers: one for a unit at each breakpoint."""
        if not len(self.at):
            return self
        order = np.lexsort((self.at, self.unit))
        at, unit = self.at[order], self.unit[order]
        is_new = (np.diff(unit, prepend=-1) != 0) | (np.diff(at, prepend=-np.inf) > 0)
        begins = np.flatnonzero(is_new)
        change = np.add.reduceat(self.change[order], begins, dtype=np.int32)
        small = change.astype(np.int8)
        change = small if np.array_equal(small, change) else change
        return replace(self, at=at[begins], unit=unit[begins].astype(np.int32), change=change)

    def curve(
        self, mask: np.ndarray | None = None, of: Callable[[np.ndarray], np.ndarray] = np.asarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sums over units, piece by piece.

        Args:
            mask: (U,) bool, the units that are summed; all by default.
            of: what is kept of the sums, (..., M) to (...): of many breakpoints they fill the
                memory.

        Returns:
            The different breakpoints in order, (P,), and the sums on the P + 1 pieces before,
            between and behind them, (P + 1, M), or what ``of`` makes of them.
        """
        order, chosen = self._order, np.ones(len(self.base), dtype=bool) if mask is None else mask
        if not chosen.all():
            order = order[chosen[self.unit[order]]]
        start = chosen.astype(np.float64) @ self.base
        added, first = np.zeros((1, len(self.columns))), of(start[None])
        edges, found = np.empty(len(order)), np.empty((len(order) + 1, *first.shape[1:]))
        found[:1], size = first, 0
        for begin in range(0, len(order), AT_ONCE):
            part = order[begin : begin + AT_ONCE]
            at = self.at[order[begin : begin + AT_ONCE + 1]]
            last = np.diff(at, append=np.inf)[: len(part)] > 0  # of some that are the same
            change = self.change.take(part, axis=0)
            totals = np.cumsum(np.concatenate([added, change]), axis=0, dtype=np.float64)[1:]
            sums = np.tile(start, (int(last.sum()), 1))
            sums[:, self.columns] += totals[last]
            edges[size : size + len(sums)] = at[: len(part)][last]
            found[size + 1 : size + 1 + len(sums)] = of(sums)
            added, size = totals[-1:], size + len(sums)
        return edges[:size], found[: size + 1]

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self.at, kind="stable").astype(np.int32)


def best_point(edges: np.ndarray, values: np.ndarray, current: float) -> tuple[float, float]:
    """The bias in the best piece, and the value there.

    All biases within a piece give the same decisions. The result is the middle between the two
    breakpoints of the piece, or 1 beyond the outermost breakpoint. Of equally good pieces the piece
    nearest to the current bias is taken, then the lower piece; a best piece that holds the current
    bias keeps it.

    Args:
        edges: (P,) breakpoints in order.
        values: (P + 1,) of the pieces; higher is better.
        current: the present bias.

    Example:
        >>> best_point(np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.3, 0.9, 0.2]), 0.0)
        (3.0, 0.9)
        >>> best_point(np.array([1.0]), np.array([0.5, 0.5]), 0.0)
        (0.0, 0.5)
    """
    wide = np.ones(len(values), dtype=bool)
    wide[1:-1] = np.diff(edges) > NARROW
    best = values.max(where=wide, initial=-np.inf)
    near = np.flatnonzero(wide & (values >= best - EQUAL))
    low, high = np.full((2, len(near)), [[-np.inf], [np.inf]])  # of the outermost pieces
    behind, before = near > 0, near < len(edges)
    low[behind], high[before] = edges[near[behind] - 1], edges[near[before]]
    place = np.maximum(np.maximum(low - current, current - high), 0.0).argmin()
    return bias_within(float(low[place]), float(high[place]), current), float(values[near[place]])


def bias_within(low: float, high: float, current: float) -> float:
    """The bias that stands for a piece: see ``best_point``."""
    if low < current < high:
        return current
    if np.isinf(low):
        return high - 1.0
    return low + 1.0 if np.isinf(high) else (low + high) / 2


def vector(biases: Biases, labels: Sequence[str]) -> np.ndarray:
    """The biases in the order of the labels, 0 where there is none."""
    return np.array([biases.get(label, 0.0) for label in labels], dtype=np.float64)


def gold_notes(
    absent: Sequence[str], unknown: Sequence[str], kept: str = "the default is kept there"
) -> tuple[str, ...]:
    """Notes on labels without gold, and on gold that the model has no label for."""
    notes = []
    if absent:
        notes.append(f"no dev gold of {listed(absent, most=5)}: {kept}")
    if unknown:
        notes.append(
            "gold that is no label of the model, so that every decision misses it: "
            f"{listed(unknown, most=5)}"
        )
    return tuple(notes)
