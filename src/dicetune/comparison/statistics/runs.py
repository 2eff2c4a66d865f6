"""The runs of one competitor on one test set: the score of each run, and the weight of each unit.

The test set is a sample of units: sentences, texts, questions, or whole documents. Each run has a
few counts for each unit, and the score is a function of their sums, so the score of any other
selection of units is computed from sums and never averaged. The weight of a unit is the loss of
score without the unit, the influence value of the jackknife

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

    Example:
        >>> mean = lambda sums: sums[..., 0] / sums[..., 1]
        >>> runs = Runs.of_counts([[[1, 1], [0, 1], [1, 1]]], mean)
        >>> runs.scores.round(3).tolist(), runs.influence.round(3).tolist()
        ([0.667], [[0.333, -0.667, 0.333]])
    """

    scores: Floats
    influence: Floats
    seeds: tuple[int, ...]
    fixed: bool = False  # one run without a seed: the predictions of a finished system
    counted: int = 0  # units that enter the score: for F1 no sentence without any entity

    def __post_init__(self) -> None:
        if self.units < 2:
            raise InputError(
                f"expected at least 2 units, got {self.units}: how much a new test set would "
                "change cannot be told from one"
            )

    @classmethod
    def of_counts(
        cls, counts: ArrayLike, metric: Metric, seeds: Sequence[int] = (), *, fixed: bool = False
    ) -> Runs:
        """From the counts ``(S, U, M)`` of each run and unit, by leaving out one unit at a time."""
        array = np.asarray(counts, dtype=np.float64)
        totals = array.sum(axis=1)
        scores = metric(totals)
        # a run at a time: the sums without each unit are as large as the counts
        without = np.stack([metric(total - run) for total, run in zip(totals, array, strict=True)])
        influence = (array.shape[1] - 1) * (scores[:, None] - without)
        # where all is right, a unit that enters scores alone; where nothing is, none does
        enters = (metric(array) > 0).any(axis=0)
        counted = int((enters if enters.any() else array.any(axis=(0, 2))).sum())
        return cls(scores, influence, tuple(seeds) or tuple(range(len(scores))), fixed, counted)

    def __neg__(self) -> Runs:
        return Runs(-self.scores, -self.influence, self.seeds, self.fixed)

    def minus(self, other: Runs) -> Runs:
        """The differences, seed by seed, over the seeds that both have."""
        common = tuple(seed for seed in self.seeds if seed in other.seeds)
        here, there = ([runs.seeds.index(seed) for seed in common] for runs in (self, other))
        return Runs(
            self.scores[here] - other.scores[there],
            self.influence[here] - other.influence[there],
            common,
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


def by_document(counts: ArrayLike, documents: Sequence[Hashable]) -> Floats:
    """Counts ``(S, D, M)`` of documents, in the order of first appearance, from counts of units.

    Units of one document are similar: if a test set is a sample of documents, every interval over
    smaller units is too narrow.

    Example:
        >>> by_document([[[1.0], [2.0], [4.0]]], ["a", "b", "a"]).tolist()
        [[[5.0], [2.0]]]
    """
    array = np.asarray(counts, dtype=np.float64)
    place: dict[Hashable, int] = {}
    rows = [place.setdefault(document, len(place)) for document in documents]
    summed = np.zeros((len(place), array.shape[0], array.shape[2]))
    np.add.at(summed, rows, array.swapaxes(0, 1))
    return summed.swapaxes(0, 1)
