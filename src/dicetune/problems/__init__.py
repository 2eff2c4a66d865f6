"""Problems: the types of predictions. numpy alone; no torch, no task, no file format.

=============  =====================================  ============================
type           gold and predicted of a row            tasks
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
from dicetune.problems.answer import Answer
from dicetune.problems.base import ClassRow, Problem
from dicetune.problems.entities import Entities
from dicetune.problems.label import Label, positive_class
from dicetune.problems.label_set import LabelSet
from dicetune.problems.score_rows import ScoreRow
from dicetune.problems.spans import Spans
from dicetune.problems.tags import Tags
from dicetune.problems.words import Words

# a row of a score file is shown to them in this order
PROBLEMS: dict[str, type[Problem]] = {
    problem.kind: problem for problem in (Entities, Answer, LabelSet, Label, Spans, Tags, Words)
}


def problem_named(kind: object) -> type[Problem]:
    """The type of prediction with a name.

    Raises:
        InputError: an unknown name.
    """
    if str(kind) not in PROBLEMS:
        raise unknown_name("kind of predictions", str(kind), PROBLEMS)
    return PROBLEMS[str(kind)]


def problem_of(
    settings: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
) -> Problem:
    """The problem of plain data, as a run stores it.

    Args:
        settings: "kind", "labels", "metric" and the settings of the type.
        gold: rows whose classes are counted beside the labels.
        predicted: as ``gold``.

    Raises:
        InputError: an unknown type or metric, or settings that the type cannot use.

    Example:
        >>> problem = problem_of({"kind": "label", "labels": ["ham", "spam"], "positive": "spam"})
        >>> counts = problem.counts(["spam", "ham", "ham"], ["spam", "spam", "ham"])
        >>> round(float(problem.score(counts.sum(0), "f1")), 3)
        0.667
    """
    return problem_named(settings.get("kind"))(settings, gold, predicted)


def problem_shown(row: ScoreRow) -> type[Problem]:
    """The type of prediction that a row of a score file shows.

    Raises:
        DataError: a row without scores.
    """
    return next(problem for problem in PROBLEMS.values() if problem.shown_by(row))
