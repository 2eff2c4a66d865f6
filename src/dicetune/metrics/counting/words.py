"""Counts of words with their tag, cut out of labelled characters; one unit a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.metrics.counting.base import check_metric, check_words, headline_first
from dicetune.metrics.counting.by_class import ByClass, known_classes, precision_recall_f1, ratio
from dicetune.metrics.counting.tag_spans import check_tags, conlleval_spans, types_of

METRICS = (
    "f1",
    "precision",
    "recall",
    "word_f1",
    "word_precision",
    "word_recall",
    "tag_accuracy",
)


class WordCounting(ByClass):
    """Words with their tags, and words alone, as ``segmentation_scores`` counts them.

    Args:
        tags: parts of speech.
        metric: the headline.
    """

    kind: ClassVar[str] = "words"

    def __init__(self, tags: Sequence[str], metric: str | None = None) -> None:
        super().__init__(tags, ("word_correct",))
        self.metrics = headline_first(METRICS, metric)

    @classmethod
    def of(
        cls, problem: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
    ) -> Self:
        """The tags of the labels, then those of the rows."""
        seen = types_of([label for own in (*gold, *predicted) for label in own])
        return cls(
            known_classes(types_of(problem.get("labels") or ()), seen), problem.get("metric")
        )

    def counts(
        self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
    ) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        check_words(gold, predicted)
        for own in (*gold, *predicted):
            check_tags(own, "iobes")
        right, own_words = ([conlleval_spans(own) for own in rows] for rows in (gold, predicted))
        words = self.count_items(_items(right), _items(own_words), len(gold))
        cut = [
            len({span[1:] for span in one} & {span[1:] for span in other})
            for one, other in zip(right, own_words, strict=True)
        ]
        return np.hstack([words, np.array(cut, dtype=np.float64).reshape(-1, 1)])

    def score(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """Scores of words with their tags, or of words alone (``word_…``)."""
        check_metric(metric, self.metrics)
        correct, predicted, gold = self.micro(sums)
        cut = np.asarray(sums)[..., -1]
        if metric == "tag_accuracy":
            return ratio(correct, cut)
        alone = metric.startswith("word_")
        found = precision_recall_f1(cut if alone else correct, predicted, gold)
        return found[("precision", "recall", "f1").index(metric.removeprefix("word_"))]


def _items(sentences: Sequence[Sequence[tuple[str, int, int]]]) -> list[tuple[int, Any, str]]:
    return [
        (unit, (start, end), tag) for unit, own in enumerate(sentences) for tag, start, end in own
    ]
