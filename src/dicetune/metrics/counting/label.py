r"""Counts of texts by their one label; one unit a text.

Matthews correlation from the counts of :math:`C` classes (Gorodkin, 2004), with :math:`s` texts,
:math:`c` of them right, :math:`p_k` predicted and :math:`t_k` gold of class :math:`k`:

.. math::
    \text{MCC} = \frac{c\,s - \sum_k p_k t_k}
        {\sqrt{(s^2 - \sum_k p_k^2)(s^2 - \sum_k t_k^2)}}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.metrics.counting.base import check_metric, check_pairs, headline_first
from dicetune.metrics.counting.by_class import ByClass, known_classes, precision_recall_f1, ratio
from dicetune.metrics.counting.tags import tally

OF_ALL = ("macro_f1", "accuracy", "micro_f1", "mcc")
OF_POSITIVE = ("f1", "precision", "recall")


class LabelCounting(ByClass):
    """One label a text, as ``class_scores`` counts them.

    Args:
        labels: all that there are.
        positive: the class whose precision, recall and F1 are asked for.
        metric: the headline; by default F1 of the positive class, else macro-F1.
    """

    kind: ClassVar[str] = "label"

    def __init__(
        self, labels: Sequence[str], positive: str | None = None, metric: str | None = None
    ) -> None:
        super().__init__(labels)
        self.positive = positive
        metrics: tuple[str, ...] = OF_ALL
        if positive is not None:
            self.number(positive)
            other = ("f1_other",) if len(self.classes) == 2 else ()
            metrics = (*OF_POSITIVE, *other, *OF_ALL)
        self.metrics = headline_first(metrics, metric)

    @classmethod
    def of(
        cls, problem: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
    ) -> Self:
        """The labels of the problem, then those of the rows."""
        labels = known_classes(problem.get("labels") or (), (*gold, *predicted))
        return cls(labels, problem.get("positive"), problem.get("metric"))

    def counts(self, gold: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
        """Counts of each text, (U, M)."""
        check_pairs(gold, predicted)
        right, own = (
            np.array([self.number(label) for label in rows], dtype=np.int64)
            for rows in (gold, predicted)
        )
        return tally(np.arange(len(right)), right, own, len(right), len(self.classes))

    def score(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """A score of the positive class, or of all."""
        check_metric(metric, self.metrics)
        blocks = self.blocks(sums)
        if metric in OF_POSITIVE or metric == "f1_other":
            place = self.number(self.positive)
            place = 1 - place if metric == "f1_other" else place
            found = precision_recall_f1(*(block[..., place] for block in blocks))
            return found[("precision", "recall", "f1").index(metric.removesuffix("_other"))]
        if metric == "macro_f1":
            return self.macro_f1(sums)
        correct, predicted, gold = blocks
        right, all_texts = correct.sum(-1), gold.sum(-1)
        if metric != "mcc":
            return ratio(right, all_texts)
        apart = (all_texts**2 - (predicted**2).sum(-1)) * (all_texts**2 - (gold**2).sum(-1))
        return ratio(right * all_texts - (predicted * gold).sum(-1), np.sqrt(np.maximum(apart, 0)))
