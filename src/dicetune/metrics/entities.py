"""Entity scores by place: precision, recall and F1 of spans that may be nested.

An entity is right where type, first and last word are; there are no tags in between, so nothing
that lies inside or across another span is lost. For spans side by side the numbers are those of
``span_scores``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dicetune.errors import InputError
from dicetune.metrics.spans import SpanCounts

Entity = tuple[str, int, int]


@dataclass(frozen=True)
class EntityScores(SpanCounts):
    """Micro scores over all entities, with the table by type.

    Args:
        per_type: counts and scores of each type that occurs in gold or predicted.
    """

    per_type: dict[str, SpanCounts] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def entity_scores(
    gold: Sequence[Iterable[Entity]], predicted: Sequence[Iterable[Entity]]
) -> EntityScores:
    """Precision, recall and F1 of whole entities, over all and by type.

    Args:
        gold: the right entities of each sentence, as (type, start, end); one given twice counts
            once.
        predicted: a model's, for the same sentences.

    Raises:
        InputError: unequal numbers of sentences.

    Example:
        >>> scores = entity_scores([[("PER", 0, 2), ("LOC", 1, 2)]], [[("PER", 0, 2)]])
        >>> scores.precision, scores.recall, scores.per_type["LOC"].recall
        (1.0, 0.5, 0.0)
    """
    if len(gold) != len(predicted):
        raise InputError(
            f"expected as many predicted sentences as gold ones ({len(gold)}), got {len(predicted)}"
        )
    right = {(number, *entity) for number, own in enumerate(gold) for entity in own}
    mine = {(number, *entity) for number, own in enumerate(predicted) for entity in own}
    both = right & mine
    per_type = {
        kind: SpanCounts(*(sum(entity[1] == kind for entity in one) for one in (both, mine, right)))
        for kind in sorted({entity[1] for entity in right | mine})
    }
    return EntityScores(len(both), len(mine), len(right), per_type)
