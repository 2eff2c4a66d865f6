r"""Tags of spans: one bias on the background tag, for the F1 of whole spans.

.. math::
    \hat y_t = \arg\max_c\,(\log p_{t,c} + b\,[c = \text{O}])

A word has one breakpoint, where O draws level with its best other tag. Which spans a sentence has
changes there and nowhere else, so each sentence is read again once for each of its words; the sums
over all sentences follow in one pass over the sorted breakpoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from dicetune.decide.classes import ClassDecisions
from dicetune.decide.decisions import Biases
from dicetune.decide.steps import Steps
from dicetune.metrics.counting import SpanCounting
from dicetune.metrics.counting.tag_spans import check_tags, spans_of

Span = tuple[str, int, int]


class SpanDecisions:
    """The tags of each sentence.

    Args:
        problem: with "labels" in the order of the columns of the scores, "background", "scheme".
        gold: a list of tags for each sentence.
        scores: (words, labels) log-probabilities of each sentence.
    """

    notes: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, problem: Mapping[str, Any], gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> None:
        self.labels = tuple(problem["labels"])
        self.background = str(problem["background"])
        self.names = (self.background,)
        self.counting = SpanCounting.of(problem, gold)
        for own in (*gold, self.labels):
            check_tags(own, self.counting.scheme)
        self._gold = [list(own) for own in gold]
        self._spans = [set(self._read(own)) for own in self._gold]
        self._scores = [np.asarray(own, dtype=np.float64) for own in scores]

    apply = staticmethod(ClassDecisions.apply)

    def predicted(self, biases: Biases) -> list[list[str]]:
        """The tags of each sentence."""
        moved = self.apply(self._scores, biases, self.labels)
        return [[self.labels[number] for number in own.argmax(-1)] for own in moved]

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        return self.counting.counts(self._gold, self.predicted(biases))

    def steps(self, name: str, biases: Biases) -> Steps:
        """A word turns from its best tag to the background at its breakpoint."""
        column = self.labels.index(self.background)
        tags, at = [], []
        for own in self._scores:
            others = own.copy()
            others[:, column] = -np.inf
            tags.append([self.labels[number] for number in others.argmax(-1)])
            at.append(others.max(-1, initial=-np.inf) - own[:, column])
        base = self.counting.counts(self._gold, tags)
        size = len(self.counting.classes)
        places, units, changes = [], [], []
        for unit, (own_tags, own_at) in enumerate(zip(tags, at, strict=True)):
            before = self._vector(unit, own_tags)
            for word in np.argsort(own_at, kind="stable"):
                own_tags[word] = self.background
                after = self._vector(unit, own_tags)
                places.append(own_at[word])
                units.append(unit)
                changes.append(after - before)
                before = after
        columns = np.array([*range(2 * size), 3 * size])
        return Steps.of(
            base,
            np.array(places, dtype=np.float64),
            np.array(units, dtype=np.int64),
            columns,
            np.array(changes, dtype=np.float64).reshape(-1, len(columns)),
        )

    def present(self, keep: np.ndarray) -> list[str]:
        """The background, where any kept sentence has a span."""
        kept = np.flatnonzero(keep)
        return list(self.names) if any(self._spans[unit] for unit in kept) else []

    def _vector(self, unit: int, tags: Sequence[str]) -> np.ndarray:
        """Right and predicted spans of each type, and words with the right tag."""
        size = len(self.counting.classes)
        found = np.zeros(2 * size + 1)
        for span in self._read(tags):
            number = self.counting.number(span[0])
            found[number] += span in self._spans[unit]
            found[size + number] += 1
        found[-1] = sum(a == b for a, b in zip(self._gold[unit], tags, strict=True))
        return found

    def _read(self, tags: Sequence[str]) -> list[Span]:
        return spans_of(tags, self.counting.scheme, self.counting.convention)
