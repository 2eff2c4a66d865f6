"""Counts of entities by place, which may be nested; one unit a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.metrics.counting.base import check_metric, check_pairs, headline_first
from dicetune.metrics.counting.by_class import ByClass, known_classes, precision_recall_f1

METRICS = ("f1", "precision", "recall")
Entity = Mapping[str, Any] | tuple[str, int, int]


class EntityCounting(ByClass):
    """Whole entities by type, micro, as ``entity_scores`` counts them.

    Args:
        types: of entities.
        metric: the headline.
    """

    kind: ClassVar[str] = "entities"

    def __init__(self, types: Sequence[str], metric: str | None = None) -> None:
        super().__init__(types)
        self.metrics = headline_first(METRICS, metric)

    @classmethod
    def of(
        cls, problem: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
    ) -> Self:
        """The types of the problem, then those of the rows."""
        seen = (entity_of(entity)[0] for own in (*gold, *predicted) for entity in own)
        return cls(known_classes(problem.get("labels") or (), seen), problem.get("metric"))

    def counts(
        self, gold: Sequence[Sequence[Entity]], predicted: Sequence[Sequence[Entity]]
    ) -> np.ndarray:
        """Counts of each sentence, (U, M); an entity given twice counts once."""
        check_pairs(gold, predicted)
        return self.count_items(_items(gold), _items(predicted), len(gold))

    def score(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """Micro precision, recall or F1."""
        check_metric(metric, self.metrics)
        found = precision_recall_f1(*self.micro(sums))
        return found[("precision", "recall", "f1").index(metric)]


def entity_of(entity: Entity) -> tuple[str, int, int]:
    """Type, first word and one past the last, of a row's {type, start, end} or a tuple."""
    if isinstance(entity, Mapping):
        return str(entity["type"]), int(entity["start"]), int(entity["end"])
    kind, start, end = entity
    return str(kind), int(start), int(end)


def _items(sentences: Sequence[Sequence[Entity]]) -> list[tuple[int, Any, str]]:
    return [
        (unit, (start, end), kind)
        for unit, own in enumerate(sentences)
        for kind, start, end in map(entity_of, own)
    ]
