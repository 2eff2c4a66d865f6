"""Scores: whole entities and single labels. Needs neither torch nor transformers."""

from dicetune.metrics.labels import LabelCounts, LabelScores, label_scores
from dicetune.metrics.spans import SpanCounts, SpanScores, span_scores

__all__ = [
    "LabelCounts",
    "LabelScores",
    "SpanCounts",
    "SpanScores",
    "label_scores",
    "span_scores",
]
