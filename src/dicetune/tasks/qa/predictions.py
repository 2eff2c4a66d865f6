"""Score a file of answers that any tool gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dicetune.data import (
    is_chinese,
    match_answers,
    read_answers,
    read_null_odds,
    read_questions,
    with_null_odds,
)
from dicetune.errors import DataError
from dicetune.metrics import question_scores
from dicetune.tasks.base import Scores


def score_answer_file(
    predictions: str | Path,
    gold: str | Path | None,
    language: str,
    *,
    format: str = "auto",
    gold_format: str = "auto",
    split: str | None = None,
    null_odds: str | Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Scores:
    """Exact match and F1, with the best null thresholds where the file has null scores.

    Args:
        predictions: ``{id: text}``, or JSON lines.
        gold: a file of questions; may be left out where the lines hold their own gold.
        language: "en", "zh", or "auto", which looks at the contexts, else at the gold answers.
        format: of the predictions.
        gold_format: of the gold file.
        split: which lines, where they name several splits.
        null_odds: ``{id: number}``, in place of the null scores of the lines.
        report: takes the reader's notes.

    Raises:
        DataError: answers missing, of unknown ids, or without gold.
    """
    rows = read_answers(predictions, format=format, split=split)
    if null_odds is not None:
        rows = with_null_odds(rows, read_null_odds(null_odds), null_odds)
    right: list[Sequence[str]]
    if gold is not None:
        corpus = read_questions(gold, format=gold_format)
        for note in corpus.notes:
            report(str(note))
        rows = match_answers(rows, [question.id for question in corpus], predictions)
        right = [[answer.text for answer in question.answers] for question in corpus]
        texts = [question.context for question in corpus]
    else:
        right = [row.gold for row in rows if row.gold is not None]
        if len(right) < len(rows) or not rows:
            raise DataError(
                predictions,
                f"expected gold answers, got none in {len(rows) - len(right)} of {len(rows)} "
                "rows: give the file of questions after it",
            )
        texts = [text for answers in right for text in answers]
    if language == "auto":
        language = "zh" if is_chinese(*texts) else "en"
    spans = [row.span for row in rows if row.span is not None]
    odds = [row.null_odds for row in rows if row.null_odds is not None]
    full = len(spans) == len(odds) == len(rows)
    return question_scores(
        right,
        [row.text for row in rows],
        spans=spans if full else None,
        null_odds=odds if full else None,
        language=language,
    ).to_dict()
