"""Counts of entities that tags spell, and of words with the right tag; one unit a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.errors import unknown_name
from dicetune.metrics.counting.base import check_metric, check_words, headline_first
from dicetune.metrics.counting.by_class import ByClass, known_classes, precision_recall_f1, ratio
from dicetune.metrics.counting.tag_spans import LETTERS, check_tags, spans_of, types_of

METRICS = ("f1", "precision", "recall", "token_accuracy")


class SpanCounting(ByClass):
    """Whole entities by type, micro, as ``span_scores`` counts them.

    Args:
        types: of entities.
        scheme: of the tags, "iob2" or "iobes".
        convention: "strict" or "conlleval".
        metric: the headline.
    """

    kind: ClassVar[str] = "spans"

    def __init__(
        self,
        types: Sequence[str],
        scheme: str = "iob2",
        convention: str = "strict",
        metric: str | None = None,
    ) -> None:
        if scheme not in LETTERS:
            raise unknown_name("scheme to score in", scheme, LETTERS)
        if convention not in ("strict", "conlleval"):
            raise unknown_name("convention", convention, ("strict", "conlleval"))
        super().__init__(types, ("right_tags", "words"))
        self.scheme, self.convention = scheme, convention
        self.metrics = headline_first(METRICS, metric)

    @classmethod
    def of(
        cls, problem: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
    ) -> Self:
        """The types of the labels, then those of the rows."""
        seen = types_of([tag for own in (*gold, *predicted) for tag in own])
        types = known_classes(types_of(problem.get("labels") or ()), seen)
        return cls(
            types,
            problem.get("scheme") or "iob2",
            problem.get("convention") or "strict",
            problem.get("metric"),
        )

    def counts(
        self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
    ) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        check_words(gold, predicted)
        for own in (*gold, *predicted):
            check_tags(own, self.scheme)
        entities = self.count_items(self._items(gold), self._items(predicted), len(gold))
        words = [
            (sum(a == b for a, b in zip(right, own, strict=True)), len(right))
            for right, own in zip(gold, predicted, strict=True)
        ]
        return np.hstack([entities, np.array(words, dtype=np.float64).reshape(-1, 2)])

    def score(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """Micro precision, recall or F1 of entities, or the share of words with the right tag."""
        check_metric(metric, self.metrics)
        if metric == "token_accuracy":
            sums = np.asarray(sums)
            return ratio(sums[..., -2], sums[..., -1])
        found = precision_recall_f1(*self.micro(sums))
        return found[("precision", "recall", "f1").index(metric)]

    def _items(self, sentences: Sequence[Sequence[str]]) -> list[tuple[int, Any, str]]:
        return [
            (unit, (start, end), kind)
            for unit, tags in enumerate(sentences)
            for kind, start, end in spans_of(tags, self.scheme, self.convention)
        ]
