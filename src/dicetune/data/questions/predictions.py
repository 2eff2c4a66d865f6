"""Answer files of any tool: the official ``{id: text}`` document, or JSON lines.

Lines are those that dicetune writes (``predictions.jsonl`` of a run, with gold; ``predict``), or of
any tool that names an ``id`` and a ``predicted`` (``prediction_text``, ``answer``) text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicetune.data.files.json_objects import choose_key, is_name, prediction_records, refuse_split
from dicetune.data.files.text import NoteBook, Place, read_lines, source_name
from dicetune.errors import DataError, quoted, unknown_name
from dicetune.problems.answer_text import LANGUAGES

ANSWER_FORMATS = ("squad", "jsonl")
ANSWER_KEYS = ("predicted", "prediction_text", "answer")

MISSING = "questions without a prediction: counted as wrong"
UNKNOWN = "predictions of ids that are no question of the gold file: ignored"


@dataclass(frozen=True)
class AnswerRow:
    """The answer of a tool to one question."""

    id: str
    text: str | None  # empty for no answer; None where the file has no row for the question
    gold: tuple[str, ...] | None = None  # empty for an unanswerable question
    span: str | None = None  # the best answer, also where the tool gives none
    null_odds: float | None = None  # null score less the score of ``span``
    language: str | None = None  # whose rules compare answers, in the files that dicetune writes


def read_answers(
    path: str | Path, *, format: str = "auto", split: str | None = None
) -> list[AnswerRow]:
    """The answers of a file, in its order."""
    if format not in ("auto", *ANSWER_FORMATS):
        raise unknown_name("format of answers", format, ["auto", *ANSWER_FORMATS])
    source = source_name(path)
    lines = read_lines(path)
    if format == "auto":
        format = _format_of(lines)
    if format == "squad":
        what = "{id: text} or one object a line"
        answers = _by_id(lines, source, what, "{id: text} or JSON lines")
        for name, text in answers.items():
            if not isinstance(text, str):
                raise DataError(source, f"expected a text for {quoted(name)}, got {quoted(text)}")
        rows = [AnswerRow(name, text) for name, text in answers.items()]
        refuse_split(split, source)
    else:
        records = prediction_records(lines, split, source)
        rows = [_row(place, record) for place, record in records]
    seen = set()
    for row in rows:
        if row.id in seen:
            raise DataError(source, f"expected one answer for each id, got {quoted(row.id)} again")
        seen.add(row.id)
    return rows


def read_null_odds(path: str | Path) -> dict[str, float]:
    """The null odds of each question, ``{id: number}``, as the official script takes them."""
    source = source_name(path)
    found = _by_id(read_lines(path), source, "{id: number}", "{id: number}")
    for name, odds in found.items():
        is_number = isinstance(odds, int | float) and not isinstance(odds, bool)
        if not is_number or not abs(odds) <= sys.float_info.max:
            raise DataError(source, f"expected a number for {quoted(name)}, got {quoted(odds)}")
    return {name: float(odds) for name, odds in found.items()}


def with_null_odds(
    rows: Sequence[AnswerRow], odds: Mapping[str, float], source: str | Path
) -> list[AnswerRow]:
    """Answers with null odds from another file; a row without a span has its answer as span."""
    answered = [row for row in rows if row.text is not None]
    if missing := [row.id for row in answered if row.id not in odds]:
        raise DataError(
            source_name(source),
            f"expected null odds for each of {len(answered)} answers, got none for "
            f"{len(missing)}{_first(missing)}: give the file that was written with the answers",
        )
    with_odds = {
        row.id: replace(
            row, null_odds=odds[row.id], span=row.text if row.span is None else row.span
        )
        for row in answered
    }
    return [with_odds.get(row.id, row) for row in rows]


def with_null_threshold(
    rows: Sequence[AnswerRow], threshold: float, source: str | Path
) -> list[AnswerRow]:
    """Answers where the null odds are at most the threshold; else the empty answer."""
    if lacking := [row.id for row in rows if row.text is not None and row.null_odds is None]:
        raise DataError(
            source_name(source),
            f"expected null odds beside each answer for null_threshold={threshold:g}, got none for "
            f"{len(lacking)}{_first(lacking)}: give the file of them with -o null_odds=FILE, or "
            "leave null_threshold out",
        )
    return [
        row
        if row.null_odds is None
        else replace(row, text="" if row.null_odds > threshold else (row.span or row.text))
        for row in rows
    ]


def match_answers(
    rows: Sequence[AnswerRow], ids: Iterable[str], source: str | Path, notes: NoteBook
) -> list[AnswerRow]:
    """The answers in the order of the questions; a row without text where the file has none."""
    wanted = list(ids)
    known = set(wanted)
    given = {row.id: row for row in rows}
    missing = [name for name in wanted if name not in given]
    unknown = [name for name in given if name not in known]
    if len(missing) == len(wanted):
        raise DataError(
            source_name(source),
            f"expected answers to the {len(wanted)} questions of the gold file{_first(wanted)}, "
            f"got {len(unknown)} of unknown ids alone{_first(unknown)}: give the gold file that "
            "was answered",
        )
    for rule, names in ((MISSING, missing), (UNKNOWN, unknown)):
        if names:
            notes.add(f"{rule}{_first(names)}", source_name(source), len(names))
    return [given.get(name, AnswerRow(name, None)) for name in wanted]


def _format_of(lines: Sequence[str]) -> str:
    """JSON lines if the first line is an object with an id, or other lines follow."""
    rows = [line for line in lines if line.strip()]
    try:
        value = json.loads(rows[0])
    except (ValueError, RecursionError):
        return "squad"
    is_row = isinstance(value, dict) and "id" in value and len(value) > 1
    return "jsonl" if is_row or len(rows) > 1 else "squad"


def _by_id(lines: Sequence[str], source: str, what: str, layouts: str) -> dict[str, Any]:
    """A JSON object from ids to values."""
    try:
        found = json.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        raise DataError(
            source,
            f"expected JSON, {what}, got none ({error})",
            line=getattr(error, "lineno", None),
        ) from None
    if not isinstance(found, dict):
        raise DataError(source, f"expected {layouts}, got a {type(found).__name__}")
    return found


def _row(place: Place, record: Mapping[str, Any]) -> AnswerRow:
    key = choose_key(record, None, ANSWER_KEYS, "answer", place)
    if not is_name(record.get("id")):
        got = quoted(record.get("id", "none"))
        raise place.error(f"expected an 'id' in each line, got {got}")
    text, gold, span = record[key], record.get("gold"), record.get("span")
    if not isinstance(text, str):
        raise place.error(f"expected a text under {quoted(key)}, got {quoted(text)}")
    if gold is not None and not (
        isinstance(gold, list) and all(isinstance(answer, str) for answer in gold)
    ):
        raise place.error(f"expected a list of texts under 'gold', got {quoted(gold)}")
    null, score = (_number(record, name, place) for name in ("null_score", "score"))
    language = record.get("language")
    return AnswerRow(
        str(record["id"]),
        text,
        None if gold is None else tuple(gold),
        span if isinstance(span, str) else None,
        None if null is None or score is None else 0.0 if null == score else null - score,
        language if language in LANGUAGES else None,
    )


def _number(record: Mapping[str, Any], key: str, place: Place) -> float | None:
    """The number under a key, infinity too; ``None`` where the record lacks the key."""
    value = record.get(key)
    if value is None:
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
            return float(value)
    except OverflowError:  # a whole number that no float holds
        pass
    raise place.error(f"expected a number under {quoted(key)}, got {quoted(value)}")


def _first(names: Sequence[str]) -> str:
    return f" (first {', '.join(map(quoted, names[:3]))})" if names else ""
