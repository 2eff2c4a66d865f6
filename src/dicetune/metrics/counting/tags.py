"""Counts of words by their tag; one unit a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.metrics.counting.base import check_metric, check_words, headline_first
from dicetune.metrics.counting.by_class import ByClass, known_classes, ratio

METRICS = ("accuracy", "macro_f1")


class TagCounting(ByClass):
    """One tag a word, as ``label_scores`` counts them.

    Args:
        labels: the tags.
        metric: the headline.
    """

    kind: ClassVar[str] = "tags"

    def __init__(self, labels: Sequence[str], metric: str | None = None) -> None:
        super().__init__(labels)
        self.metrics = headline_first(METRICS, metric)

    @classmethod
    def of(
        cls, problem: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
    ) -> Self:
        """The labels of the problem, then those of the rows."""
        seen = (tag for own in (*gold, *predicted) for tag in own)
        return cls(known_classes(problem.get("labels") or (), seen), problem.get("metric"))

    def counts(
        self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
    ) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        check_words(gold, predicted)
        lengths = [len(own) for own in gold]
        unit = np.repeat(np.arange(len(gold)), lengths)
        right, own = (
            np.array([self.number(tag) for row in rows for tag in row], dtype=np.int64)
            for rows in (gold, predicted)
        )
        return tally(unit, right, own, len(gold), len(self.classes))

    def score(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """Accuracy or macro-F1."""
        check_metric(metric, self.metrics)
        if metric == "macro_f1":
            return self.macro_f1(sums)
        correct, _, gold = self.micro(sums)
        return ratio(correct, gold)


def tally(
    unit: np.ndarray, gold: np.ndarray, predicted: np.ndarray, units: int, classes: int
) -> np.ndarray:
    """Counts of items with one class each, (units, 3 classes).

    Args:
        unit: of each item.
        gold: number of its class.
        predicted: the same.
        units: how many there are.
        classes: how many there are.
    """
    right = gold == predicted

    def count(where: np.ndarray, which: np.ndarray) -> np.ndarray:
        places = where * classes + which
        return np.bincount(places, minlength=units * classes).reshape(units, classes)

    blocks = [count(unit[right], gold[right]), count(unit, predicted), count(unit, gold)]
    return np.hstack(blocks).astype(np.float64)
