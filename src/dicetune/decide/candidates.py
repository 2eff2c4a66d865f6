r"""Candidate spans with three logits: a bias each on start, end and match.

.. math::
    \text{entity} \iff \min(s + b_s,\ e + b_e,\ m + b_m) > 0

Of one bias, the other two as they are, a candidate is in from :math:`b_s = -s` on where the other
two say yes. Where spans of one type may not overlap, the likeliest stay, and who is likelier of two
may change too: where one's start draws level with the least of the other's other two logits. Those
points are breakpoints as well, and a sentence is decided again between each of its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, ClassVar

import numpy as np

from dicetune.decide.decisions import Biases
from dicetune.decide.likely import END, FIRST, KIND, MATCH_LOGIT, START_LOGIT, likely_spans
from dicetune.decide.steps import Steps
from dicetune.metrics.counting import EntityCounting
from dicetune.metrics.counting.entities import entity_of

HEADS = ("start", "end", "match")


class CandidateDecisions:
    """The entities of each sentence.

    Args:
        problem: with "labels" in the order of the types' numbers, and "nested".
        gold: a list of {type, start, end} for each sentence.
        scores: (spans, 6) of each sentence: number of the type, first word, one past the last,
            logits of start, end and match.
    """

    names: ClassVar[tuple[str, ...]] = HEADS
    notes: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, problem: Mapping[str, Any], gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> None:
        self.labels = tuple(problem["labels"])
        self.nested = bool(problem.get("nested", True))
        self.counting = EntityCounting.of(problem, gold)
        self._gold = [sorted({entity_of(one) for one in own}) for own in gold]
        self._scores = [np.asarray(own, dtype=np.float64).reshape(-1, 6) for own in scores]

    @staticmethod
    def apply(
        scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """The biases on the three logits."""
        added = np.array([biases.get(name, 0.0) for name in HEADS])
        found = []
        for own in scores:
            own = np.array(own, dtype=np.float64)
            own[:, START_LOGIT : MATCH_LOGIT + 1] += added
            found.append(own)
        return found

    def predicted(self, biases: Biases) -> list[list[dict[str, Any]]]:
        """The entities of each sentence, as {type, start, end}."""
        return [
            [{"type": self.labels[kind], "start": a, "end": b} for kind, a, b in own]
            for own in self._found(biases)
        ]

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        return self.counting.counts(self._gold, self._named(self._found(biases)))

    def steps(self, name: str, biases: Biases) -> Steps:
        """Each sentence is decided once between each two of its breakpoints."""
        others = {**biases, name: 0.0}
        moved = self.apply(self._scores, others, self.labels)
        column = START_LOGIT + HEADS.index(name)
        rest = [START_LOGIT + n for n in range(len(HEADS)) if HEADS[n] != name]
        size = len(self.counting.classes)
        base = np.zeros((len(moved), 3 * size))
        places, units, changes = [], [], []
        for unit, own in enumerate(moved):
            allowed = own[:, rest].min(1, initial=np.inf) > 0
            own = own[allowed]
            edges = np.unique(self._edges(own, column, rest))
            before = self._vector(unit, [])
            base[unit] = before
            points = np.append((edges[:-1] + edges[1:]) / 2, edges[-1:] + 1.0)
            for edge, point in zip(edges, points, strict=True):
                shifted = own.copy()
                shifted[:, column] += point
                after = self._vector(unit, likely_spans(shifted, self.nested))
                if (after != before).any():
                    places.append(edge)
                    units.append(unit)
                    changes.append((after - before)[: 2 * size])
                before = after
        return Steps.of(
            base,
            np.array(places, dtype=np.float64),
            np.array(units, dtype=np.int64),
            np.arange(2 * size),
            np.array(changes, dtype=np.float64).reshape(-1, 2 * size),
        )

    def present(self, keep: np.ndarray) -> list[str]:
        """All three, where any kept sentence has an entity."""
        return list(HEADS) if any(self._gold[unit] for unit in np.flatnonzero(keep)) else []

    def _edges(self, own: np.ndarray, column: int, rest: list[int]) -> np.ndarray:
        """Where a candidate comes in, or overtakes one that it shares words with."""
        edges = (-own[:, column]).tolist()
        if not self.nested:
            least = own[:, rest].min(1, initial=np.inf)
            for one, other in permutations(range(len(own)), 2):
                a, b = own[one], own[other]
                if a[KIND] == b[KIND] and a[FIRST] < b[END] and b[FIRST] < a[END]:
                    edges.append(least[other] - a[column])
        return np.array(edges, dtype=np.float64)

    def _found(self, biases: Biases) -> list[list[tuple[int, int, int]]]:
        moved = self.apply(self._scores, biases, self.labels)
        return [likely_spans(own, self.nested) for own in moved]

    def _named(self, found: Sequence[Sequence[tuple[int, int, int]]]) -> list[Any]:
        return [[(self.labels[kind], a, b) for kind, a, b in own] for own in found]

    def _vector(self, unit: int, found: Sequence[tuple[int, int, int]]) -> np.ndarray:
        vector: np.ndarray = self.counting.counts([self._gold[unit]], self._named([found]))[0]
        return vector
