"""Scores of tasks by their former names, until the tasks ask their problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dicetune.problems import Answer, Entities, Label, LabelSet, Spans, Tags, Words, positive_class


@dataclass(frozen=True)
class _Scores:
    values: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return self.values


def span_scores(
    gold: Any, predicted: Any, *, scheme: str = "iob2", convention: str = "strict"
) -> _Scores:
    """See ``Spans``."""
    return _Scores(Spans({"scheme": scheme, "convention": convention}).scores(gold, predicted))


def label_scores(gold: Any, predicted: Any) -> _Scores:
    """See ``Tags``."""
    return _Scores(Tags({}).scores(gold, predicted))


def entity_scores(gold: Any, predicted: Any) -> _Scores:
    """See ``Entities``."""
    return _Scores(Entities({}).scores([list(row) for row in gold], predicted))


def segmentation_scores(gold: Any, predicted: Any) -> _Scores:
    """See ``Words``."""
    return _Scores(Words({}).word_scores(gold, predicted))


def question_scores(
    gold: Any, predicted: Any, *, spans: Any = None, null_odds: Any = None, language: str = "en"
) -> _Scores:
    """See ``Answer``."""
    return _Scores(
        Answer({"language": language}).scores(gold, predicted, spans=spans, null_odds=null_odds)
    )


def class_scores(
    gold: Sequence[str],
    predicted: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    positive: str | None = None,
    probabilities: Any = None,
) -> _Scores:
    """See ``Label``."""
    problem = Label({"labels": list(labels or []), "positive": positive}, gold, predicted)
    return _Scores(problem.scores(gold, predicted, probabilities))


def label_set_scores(
    gold: Any, predicted: Any, *, labels: Sequence[str] | None = None, probabilities: Any = None
) -> _Scores:
    """See ``LabelSet``."""
    return _Scores(LabelSet({"labels": list(labels or [])}).scores(gold, predicted, probabilities))


__all__ = ["positive_class"]
