"""Scores: whole entities and single labels. Needs neither torch nor transformers."""

from dicetune.metrics.classification import (
    ClassScores,
    LabelSetScores,
    class_scores,
    label_set_scores,
    positive_class,
)
from dicetune.metrics.entities import EntityScores, entity_scores
from dicetune.metrics.labels import LabelCounts, LabelScores, label_scores
from dicetune.metrics.null_threshold import BestThreshold
from dicetune.metrics.segmentation import SegmentationScores, segmentation_scores
from dicetune.metrics.spans import SpanCounts, SpanScores, span_scores
from dicetune.metrics.squad import AnswerScores, QuestionScores, question_scores

__all__ = [
    "AnswerScores",
    "BestThreshold",
    "ClassScores",
    "EntityScores",
    "LabelCounts",
    "LabelScores",
    "LabelSetScores",
    "QuestionScores",
    "SegmentationScores",
    "SpanCounts",
    "SpanScores",
    "class_scores",
    "entity_scores",
    "label_scores",
    "label_set_scores",
    "positive_class",
    "question_scores",
    "segmentation_scores",
    "span_scores",
]
