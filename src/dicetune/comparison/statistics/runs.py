"""The runs of one competitor on one test set: a score each, and how much each unit weighs in it.

Scores are not means of units, so a unit's share is taken from what the score loses without it, the
jackknife's influence value

    ψ_su = (U - 1) (θ_s - θ_s without unit u)        for run s and unit u of U,

whose variance over the units, divided by U, is the variance of θ_s over new test sets of U units.

Source: Tukey 1958; Efron & Stein, "The jackknife estimate of variance", 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dicetune.comparison.statistics.units import Floats, Metric
from dicetune.errors import InputError


@dataclass(frozen=True, eq=False)
class Runs:
    """Scores and influence values of the runs of one competitor.

    ``-runs`` turns all signs, ``a.minus(b)`` has the differences of runs of one seed.

    Args:
        name: of the competitor.
        scores: ``(S,)``, fractions.
        influence: ``(S, U)``; a run's values add up to about 0.
        seeds: of the runs, in order; by default 1 to S.
        fixed: one run that has no seeds, the predictions of a finished system: what it would do
            with another seed is not asked.
        counted: units that enter the score at all; by default all U. A sentence without an entity
            in gold or prediction does not enter F1, nor does a text that is rightly negative.

    Raises:
        InputError: shapes that do not fit, fewer than 2 units, a number that is not finite, seeds
            that repeat, a fixed competitor with more than one run.

    Example:
        >>> mean = lambda sums: sums[..., 0] / sums[..., 1]
        >>> runs = Runs.of_counts("ce", [[[1, 1], [0, 1], [1, 1]]], mean)
        >>> runs.scores.round(3).tolist(), runs.influence.round(3).tolist()
        ([0.667], [[0.333, -0.667, 0.333]])
    """

    name: str
    scores: Floats
    influence: Floats
    seeds: tuple[int, ...] = ()
    fixed: bool = False
    counted: int = 0

    def __post_init__(self) -> None:
        scores = np.asarray(self.scores, dtype=np.float64)
        influence = np.asarray(self.influence, dtype=np.float64)
        seeds = tuple(self.seeds) or tuple(range(1, scores.size + 1))
        if scores.ndim != 1 or not scores.size or influence.shape[:-1] != scores.shape:
            raise InputError(
                f"{self.name}: expected scores (S,) and influence values (S, U), "
                f"got {scores.shape} and {influence.shape}"
            )
        if influence.shape[1] < 2:
            raise InputError(
                f"{self.name}: expected at least 2 units, got {influence.shape[1]}: "
                "how much a new test set would change cannot be told from one"
            )
        if not (np.isfinite(scores).all() and np.isfinite(influence).all()):
            raise InputError(f"{self.name}: expected finite scores and influence values")
        if len(seeds) != scores.size or len(set(seeds)) != len(seeds):
            raise InputError(
                f"{self.name}: expected {scores.size} seeds that differ, got {list(seeds)}"
            )
        if self.fixed and scores.size != 1:
            raise InputError(
                f"{self.name}: expected one run of a fixed competitor, got {scores.size}"
            )
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "influence", influence)
        object.__setattr__(self, "seeds", seeds)
        object.__setattr__(self, "counted", self.counted or influence.shape[1])

    @classmethod
    def of_counts(
        cls,
        name: str,
        counts: ArrayLike,
        metric: Metric,
        *,
        seeds: Sequence[int] = (),
        fixed: bool = False,
    ) -> Runs:
        """From the counts of each run and unit, by leaving out one unit at a time.

        Args:
            name: of the competitor.
            counts: ``(S, U, M)``, columns as the metric wants their sums.
            metric: sums ``(..., M)`` to scores ``(...)``.
            seeds: of the runs, in order; by default 1 to S.
            fixed: a finished system's predictions, one run.

        Raises:
            InputError: counts of another shape, and as for ``Runs``.
        """
        array = np.asarray(counts, dtype=np.float64)
        if array.ndim != 3 or 0 in array.shape:
            raise InputError(f"{name}: expected counts (seeds, units, M), got {array.shape}")
        totals = array.sum(axis=1)
        scores = metric(totals)
        # a run at a time: the sums without each unit are as large as the counts
        without = np.stack([metric(total - own) for total, own in zip(totals, array, strict=True)])
        influence = (array.shape[1] - 1) * (scores[:, None] - without)
        # where all is right, a unit that enters scores alone; where nothing is, none does
        enters = (metric(array) > 0).any(axis=0)
        counted = int((enters if enters.any() else array.any(axis=(0, 2))).sum())
        return cls(name, scores, influence, tuple(seeds), fixed, counted)

    def __neg__(self) -> Runs:
        return Runs(self.name, -self.scores, -self.influence, self.seeds, self.fixed)

    def minus(self, other: Runs) -> Runs:
        """The differences, seed by seed, over the seeds that both have.

        Raises:
            InputError: no seed in common, or other units.

        Example:
            >>> a = Runs("a", [0.5, 0.7], np.zeros((2, 3)), (1, 2))
            >>> a.minus(Runs("b", [0.4, 0.1], np.zeros((2, 3)), (2, 9))).scores.round(3).tolist()
            [0.3]
        """
        check_units((self, other))
        common = [seed for seed in self.seeds if seed in other.seeds]
        if not common:
            raise InputError(
                f"expected {self.name} and {other.name} to have seeds in common, "
                f"got {list(self.seeds)} and {list(other.seeds)}"
            )
        mine = [self.seeds.index(seed) for seed in common]
        theirs = [other.seeds.index(seed) for seed in common]
        return Runs(
            f"{self.name} - {other.name}",
            self.scores[mine] - other.scores[theirs],
            self.influence[mine] - other.influence[theirs],
            tuple(common),
            self.fixed and other.fixed,
        )

    @property
    def units(self) -> int:
        """Number of units of the test set."""
        return int(self.influence.shape[1])

    @property
    def mean(self) -> float:
        """Mean score over the runs."""
        return float(self.scores.mean())


def check_units(groups: Sequence[Runs]) -> None:
    """Every group has the same number of units.

    Raises:
        InputError: they have not.
    """
    if len({runs.units for runs in groups}) > 1:
        found = ", ".join(f"{runs.name}: {runs.units}" for runs in groups)
        raise InputError(
            f"expected every competitor on the same test set, got other numbers of units ({found})"
        )
