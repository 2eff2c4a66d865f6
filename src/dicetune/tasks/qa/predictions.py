"""Score a file of answers that any tool gave, by the definitions of its language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dicetune.data import (
    AnswerRow,
    Note,
    NoteBook,
    QuestionCorpus,
    match_answers,
    read_answers,
    read_null_odds,
    read_questions,
    with_null_odds,
    with_null_threshold,
)
from dicetune.errors import DataError
from dicetune.metrics import question_scores
from dicetune.tasks.base import Scores
from dicetune.writing import RULES, language_of


def language_of_contexts(corpus: QuestionCorpus) -> str:
    """By which definitions the contexts of a set say that answers are compared."""
    return language_of(dict.fromkeys(question.context for question in corpus))


def language_notes(language: str, by: str, count: int) -> tuple[Note, ...]:
    """What is said of the definitions where they are not those of SQuAD.

    Args:
        language: one of ``writing.LANGUAGES``.
        by: what they were told by.
        count: of questions.
    """
    if language == "en":
        return ()
    rule = (
        f"answers compared {RULES[language]}, told by the {by}: -o language= compares them "
        "otherwise"
    )
    return (Note(rule, count),)


def score_answer_file(
    predictions: str | Path,
    gold: str | Path | None,
    language: str,
    *,
    format: str = "auto",
    gold_format: str = "auto",
    split: str | None = None,
    null_odds: str | Path | None = None,
    null_threshold: float | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Scores:
    """Exact match and F1, with the best null thresholds where the file has null scores.

    Args:
        predictions: ``{id: text}``, or JSON lines.
        gold: a file of questions; may be left out where the lines hold their own gold.
        language: one of ``writing.LANGUAGES``, or "auto": as a model's own file says, else as the
            contexts show, else the gold answers.
        format: of the predictions.
        gold_format: of the gold file.
        split: which lines, where they name several splits.
        null_odds: ``{id: number}``, in place of the null scores of the lines.
        null_threshold: above which null odds a question is left unanswered; without it answers
            stay as they are.
        report: takes the readers' notes, and how answers are compared.

    Raises:
        DataError: answers of other questions, or without gold.
    """
    rows = read_answers(predictions, format=format, split=split)
    notes = NoteBook()
    right: list[Sequence[str]]
    if gold is not None:
        corpus = read_questions(gold, format=gold_format)
        for note in corpus.notes:
            report(str(note))
        rows = match_answers(rows, [question.id for question in corpus], predictions, notes)
        right = [[answer.text for answer in question.answers] for question in corpus]
    else:
        right = [row.gold for row in rows if row.gold is not None]
        if len(right) < len(rows) or not rows:
            raise DataError(
                predictions,
                f"expected gold answers, got none in {len(rows) - len(right)} of {len(rows)} "
                "rows: give the file of questions after it",
            )
    if null_odds is not None:
        rows = with_null_odds(rows, read_null_odds(null_odds), null_odds)
    if null_threshold is not None:
        rows = with_null_threshold(rows, null_threshold, predictions)
    found: tuple[Note, ...] = ()
    if language == "auto":
        if own := _stored(rows):
            language, by = own, "file of predictions"
        elif gold is not None:
            language, by = language_of_contexts(corpus), "contexts"
        else:
            language, by = language_of(text for answers in right for text in answers), "gold"
        found = language_notes(language, by, len(rows))
    for note in (*notes.notes(), *found):
        report(str(note))
    has_odds = all(row.text is None or None not in (row.span, row.null_odds) for row in rows)
    return question_scores(
        right,
        [row.text for row in rows],
        spans=[row.span for row in rows] if has_odds else None,
        null_odds=[row.null_odds or 0.0 for row in rows] if has_odds else None,
        language=language,
    ).to_dict()


def _stored(rows: Sequence[AnswerRow]) -> str | None:
    """The language that all answered rows name."""
    named = {row.language for row in rows if row.text is not None}
    return named.pop() if len(named) == 1 else None
