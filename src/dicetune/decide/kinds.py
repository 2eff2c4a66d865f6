"""The decisions of each kind of prediction, or why none can be tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dicetune.decide.background import SpanDecisions
from dicetune.decide.candidates import CandidateDecisions
from dicetune.decide.classes import ClassDecisions
from dicetune.decide.decisions import Decisions, Fixed
from dicetune.decide.label_sets import LabelSetDecisions
from dicetune.decide.null_answer import NullDecisions
from dicetune.errors import InputError, unknown_name
from dicetune.metrics.counting import counting_of

DECISIONS: dict[str, Any] = {
    "spans": SpanDecisions,
    "words": Fixed,
    "tags": ClassDecisions,
    "label": ClassDecisions,
    "label_set": LabelSetDecisions,
    "answer": NullDecisions,
    "entities": CandidateDecisions,
}


def decisions_of(
    problem: Mapping[str, Any],
    gold: Sequence[Any],
    scores: Sequence[np.ndarray],
    spans: Sequence[tuple[str, float]] | None = None,
) -> Decisions | Fixed:
    """The decisions on units with gold.

    Args:
        problem: plain data, as ``Task.problem`` gives it.
        gold: of each unit, as ``predictions.jsonl`` has it.
        scores: of each unit, as the task's ``decode`` gives them.
        spans: for answers, the text and the score of each question's best span.

    Raises:
        InputError: no gold, scores that do not fit it, or scores that are no numbers.
    """
    kind = str(problem.get("kind"))
    if kind not in DECISIONS:
        raise unknown_name("kind of predictions", kind, DECISIONS)
    if reason := _why_fixed(problem, gold):
        return Fixed(reason, counting_of(problem, gold))
    return decisions_on(problem, gold, scores, spans)


def decisions_on(
    problem: Mapping[str, Any],
    gold: Sequence[Any],
    scores: Sequence[np.ndarray],
    spans: Sequence[tuple[str, float]] | None = None,
) -> Decisions:
    """The same for units that a rule is applied to, whatever could be fitted on them."""
    kind = str(problem["kind"])
    check_scores(problem, gold, scores)
    more = {}
    if kind == "answer":
        if spans is None or len(spans) != len(gold):
            raise InputError(
                f"expected the best span of each of {len(gold)} questions, got "
                f"{'none' if spans is None else len(spans)}"
            )
        more["spans"] = spans
    decisions: Decisions = DECISIONS[kind](problem, gold, scores, **more)
    return decisions


def check_scores(
    problem: Mapping[str, Any], gold: Sequence[Any], scores: Sequence[np.ndarray]
) -> None:
    """Refuse scores that do not fit the gold, and scores that are no numbers.

    Raises:
        InputError: the first unit that is wrong, numbered from 0.
    """
    kind = problem["kind"]
    if not len(gold):
        raise InputError("expected at least one unit with gold to fit a decision on, got none")
    if len(gold) != len(scores):
        raise InputError(f"expected the scores of {len(gold)} units, got {len(scores)}")
    columns = {"answer": 5, "entities": 6}.get(kind, len(problem["labels"]))
    for number, (right, own) in enumerate(zip(gold, scores, strict=True)):
        if right is None:
            raise InputError(f"expected gold for each unit, got none for unit {number}")
        rows = {"label": 1, "label_set": 1, "spans": len(right), "tags": len(right)}.get(kind)
        if own.ndim != 2 or own.shape[1] != columns or rows not in (None, len(own)):
            wanted = f"({'rows' if rows is None else rows}, {columns})"
            raise InputError(
                f"unit {number}: expected scores of the shape {wanted}, got {own.shape}"
            )
        if np.isnan(own).any() or (own == np.inf).any():
            raise InputError(
                f"unit {number}: expected scores that are numbers, got NaN or infinity: the model "
                "that gave them has diverged"
            )


def _why_fixed(problem: Mapping[str, Any], gold: Sequence[Any]) -> str | None:
    """Why no bias of a problem can be tuned, in one sentence; ``None`` where one can."""
    kind = problem["kind"]
    if kind == "words":
        return (
            "Every character is in exactly one word, so there is no background whose bias could "
            "be moved: the default is kept."
        )
    if kind == "spans" and problem.get("background") not in (problem.get("labels") or ()):
        return "The labels have no background (O) whose bias could be moved: the default is kept."
    if kind == "answer" and not problem.get("null"):
        return (
            "The model answers every question, since none of its training data was unanswerable: "
            "there is no null threshold, the default is kept."
        )
    if kind == "answer" and all(gold):
        return (
            "All questions are answerable, which says nothing about when to give up: the default "
            "null threshold is kept."
        )
    return None
