"""Counts of labels of texts that may have any number of them; one unit a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.metrics.counting.base import check_metric, check_pairs, headline_first
from dicetune.metrics.counting.by_class import ByClass, known_classes, precision_recall_f1, ratio

METRICS = ("macro_f1", "micro_f1", "exact_match", "precision", "recall")


class LabelSetCounting(ByClass):
    """Any number of labels a text, as ``label_set_scores`` counts them; precision, recall micro.

    Args:
        labels: all that there are.
        metric: the headline.
    """

    kind: ClassVar[str] = "label_set"

    def __init__(self, labels: Sequence[str], metric: str | None = None) -> None:
        super().__init__(labels, ("exact", "texts"))
        self.metrics = headline_first(METRICS, metric)

    @classmethod
    def of(
        cls, problem: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
    ) -> Self:
        """The labels of the problem, then those of the rows."""
        seen = (label for own in (*gold, *predicted) for label in own)
        return cls(known_classes(problem.get("labels") or (), seen), problem.get("metric"))

    def counts(
        self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
    ) -> np.ndarray:
        """Counts of each text, (U, M)."""
        check_pairs(gold, predicted)
        truth, made = self.indicators(gold), self.indicators(predicted)
        return self.tally(truth, made)

    def indicators(self, rows: Sequence[Sequence[str]]) -> np.ndarray:
        """Which labels each text has, (texts, labels) bool."""
        found = np.zeros((len(rows), len(self.classes)), dtype=bool)
        for text, own in enumerate(rows):
            found[text, [self.number(label) for label in own]] = True
        return found

    def tally(self, truth: np.ndarray, made: np.ndarray) -> np.ndarray:
        """Counts of indicators, (texts, labels) bool each, to (texts, M)."""
        exact = (truth == made).all(axis=1, keepdims=True)
        blocks = [truth & made, made, truth, exact, np.ones_like(exact)]
        return np.hstack(blocks).astype(np.float64)

    def score(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """Macro or micro F1, micro precision and recall, or the share of exact texts."""
        check_metric(metric, self.metrics)
        if metric == "macro_f1":
            return self.macro_f1(sums)
        if metric == "exact_match":
            sums = np.asarray(sums)
            return ratio(sums[..., -2], sums[..., -1])
        found = precision_recall_f1(*self.micro(sums))
        return found[("precision", "recall", "micro_f1").index(metric)]
