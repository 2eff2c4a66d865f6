"""The runs of one competitor on one test set: a score each, and how much each unit weighs in it.

A unit is what the test set was drawn by: a sentence, a text, a question, or a whole document. Each
run leaves a few counts for each unit, and the score is a function of their sums, so the score of
any other choice of units is computed anew and never averaged. A unit's share is taken from what the
score loses without the unit, the jackknife's influence value

    ψ_su = (U - 1) (θ_s - θ_s without unit u)        for run s and unit u of U,

whose variance over the units, divided by U, is the variance of θ_s over new test sets of U units.

Source: Tukey 1958; Efron & Stein, "The jackknife estimate of variance", 1981.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dicetune.errors import InputError

Floats = NDArray[np.float64]
Metric = Callable[[Floats], Floats]
"""Sums ``(..., M)`` of counts to scores ``(...)``."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Scores ``(S,)`` and influence values ``(S, U)`` of the S runs of one competitor on U units.

    A ``fixed`` competitor is one run without a seed, the predictions of a finished system: what
    the system would do with another seed is not asked. ``counted`` is the number of units that
    enter the score at all: a sentence without an entity in gold or prediction does not enter F1.

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
        """From the counts ``(S, U, M)`` of each run and unit, by leaving out one unit at a time."""
        array = np.asarray(counts, dtype=np.float64)
        if array.ndim != 3 or 0 in array.shape:
            raise InputError(f"{name}: expected counts (seeds, units, M), got {array.shape}")
        totals = array.sum(axis=1)
        scores = metric(totals)
        # a run at a time: the sums without each unit are as large as the counts
        without = np.stack([metric(total - run) for total, run in zip(totals, array, strict=True)])
        influence = (array.shape[1] - 1) * (scores[:, None] - without)
        # where all is right, a unit that enters scores alone; where nothing is, none does
        enters = (metric(array) > 0).any(axis=0)
        counted = int((enters if enters.any() else array.any(axis=(0, 2))).sum())
        return cls(name, scores, influence, tuple(seeds), fixed, counted)

    def __neg__(self) -> Runs:
        return Runs(self.name, -self.scores, -self.influence, self.seeds, self.fixed)

    def minus(self, other: Runs) -> Runs:
        """The differences, seed by seed, over the seeds that both have."""
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
    """Refuse groups that have other numbers of units."""
    if len({runs.units for runs in groups}) > 1:
        found = ", ".join(f"{runs.name}: {runs.units}" for runs in groups)
        raise InputError(
            f"expected every competitor on the same test set, got other numbers of units ({found})"
        )


def by_document(counts: ArrayLike, documents: Sequence[Hashable]) -> Floats:
    """Counts ``(S, D, M)`` of documents, in the order of first appearance, from those of units.

    The units of one document are alike: where a test set was drawn by the document, every interval
    over smaller units is too narrow.

    Example:
        >>> by_document([[[1.0], [2.0], [4.0]]], ["a", "b", "a"]).tolist()
        [[[5.0], [2.0]]]
    """
    array = np.asarray(counts, dtype=np.float64)
    if array.ndim != 3 or array.shape[1] != len(documents):
        raise InputError(
            "expected counts (seeds, units, M) and the document of each unit, "
            f"got counts {array.shape} and {len(documents)} documents"
        )
    place: dict[Hashable, int] = {}
    rows = [place.setdefault(document, len(place)) for document in documents]
    summed = np.zeros((len(place), array.shape[0], array.shape[2]))
    np.add.at(summed, rows, array.swapaxes(0, 1))
    return summed.swapaxes(0, 1)
