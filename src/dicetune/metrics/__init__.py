"""Scores: whole entities and single labels. Needs neither torch nor transformers."""

from dicetune.metrics.entities import EntityScores, entity_scores
from dicetune.metrics.labels import LabelCounts, LabelScores, label_scores
from dicetune.metrics.spans import SpanCounts, SpanScores, span_scores

__all__ = [
    "EntityScores",
    "LabelCounts",
    "LabelScores",
    "SpanCounts",
    "SpanScores",
    "entity_scores",
    "label_scores",
    "span_scores",
]
