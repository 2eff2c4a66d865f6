"""Counts that add up: what a score needs of each unit, so that any choice of units has one.

A resampled, left-out or cross-fitted score is recomputed from summed counts, never averaged. One
module a kind of prediction; gold and predicted are as ``predictions.jsonl`` has them, one a unit
(a sentence, a text, a question). Needs numpy alone.

=============  =====================================  ============================
kind           what a row's gold and predicted are    tasks
=============  =====================================  ============================
``spans``      tags of a span scheme                  ner
``words``      labels of characters                   seg-pos
``tags``       tags, one a word                       pos
``label``      one label                              text, pair
``label_set``  a list of labels                       multilabel
``answer``     list of gold answers; one text         qa
``entities``   spans as {type, start, end}            mrc-ner
=============  =====================================  ============================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dicetune.errors import unknown_name
from dicetune.metrics.counting.answer import AnswerCounting
from dicetune.metrics.counting.base import Counting
from dicetune.metrics.counting.by_class import ByClass, ClassRow
from dicetune.metrics.counting.entities import EntityCounting
from dicetune.metrics.counting.label import LabelCounting
from dicetune.metrics.counting.label_set import LabelSetCounting
from dicetune.metrics.counting.spans import SpanCounting
from dicetune.metrics.counting.tags import TagCounting
from dicetune.metrics.counting.words import WordCounting

KINDS: dict[str, Any] = {
    "spans": SpanCounting,
    "words": WordCounting,
    "tags": TagCounting,
    "label": LabelCounting,
    "label_set": LabelSetCounting,
    "answer": AnswerCounting,
    "entities": EntityCounting,
}


def counting_of(
    problem: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
) -> Counting:
    """How the predictions of a problem are counted.

    Args:
        problem: plain data, as ``Task.problem`` gives it: "kind", "labels", "metric" and what the
            kind asks for beside them.
        gold: rows whose classes are added where the problem does not name them.
        predicted: the same.

    Raises:
        InputError: an unknown kind or metric, or tags that the scheme does not know.

    Example:
        >>> counting = counting_of({"kind": "label", "labels": ["ham", "spam"], "positive": "spam"})
        >>> counts = counting.counts(["spam", "ham", "ham"], ["spam", "spam", "ham"])
        >>> round(float(counting.score(counts.sum(0), "f1")), 3)
        0.667
    """
    kind = str(problem.get("kind"))
    if kind not in KINDS:
        raise unknown_name("kind of predictions", kind, KINDS)
    counting: Counting = KINDS[kind].of(problem, gold, predicted)
    return counting


__all__ = [
    "KINDS",
    "AnswerCounting",
    "ByClass",
    "ClassRow",
    "Counting",
    "EntityCounting",
    "LabelCounting",
    "LabelSetCounting",
    "SpanCounting",
    "TagCounting",
    "WordCounting",
    "counting_of",
]
