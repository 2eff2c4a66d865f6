"""Scores: whole entities and single labels. Needs neither torch nor transformers."""

from dicetune.metrics.entities import EntityScores, entity_scores
from dicetune.metrics.labels import LabelCounts, LabelScores, label_scores
from dicetune.metrics.null_threshold import BestThreshold
from dicetune.metrics.spans import SpanCounts, SpanScores, span_scores
from dicetune.metrics.squad import AnswerScores, QuestionScores, question_scores

__all__ = [
    "AnswerScores",
    "BestThreshold",
    "EntityScores",
    "LabelCounts",
    "LabelScores",
    "QuestionScores",
    "SpanCounts",
    "SpanScores",
    "entity_scores",
    "label_scores",
    "question_scores",
    "span_scores",
]
