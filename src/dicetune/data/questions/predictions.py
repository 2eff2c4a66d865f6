"""Answer files of any tool: the official ``{id: text}`` document, or JSON lines.

Lines are those that dicetune writes (``predictions.jsonl`` of a run, with gold; ``predict``), or of
any tool that names an ``id`` and a ``predicted`` (``prediction_text``, ``answer``) text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicetune.data.files.json_lines import choose_key, json_objects
from dicetune.data.files.open_text import read_lines, source_name
from dicetune.data.files.splits import records_of_split, rows_of_split
from dicetune.errors import DataError, quoted, unknown_name

ANSWER_FORMATS = ("squad", "jsonl")
ANSWER_KEYS = ("predicted", "prediction_text", "answer")


@dataclass(frozen=True)
class AnswerRow:
    """What a tool says of one question.

    Args:
        id: of the question.
        text: its answer, empty for none.
        gold: gold answers, where the file has them; none in a tuple: unanswerable.
        span: the answer it would give if it had to, where the file has it.
        null_odds: null score less the score of ``span``, where the file has both.
    """

    id: str
    text: str
    gold: tuple[str, ...] | None = None
    span: str | None = None
    null_odds: float | None = None


def read_answers(
    path: str | Path, *, format: str = "auto", split: str | None = None
) -> list[AnswerRow]:
    """The answers of a file, in its order.

    Args:
        path: the file; ``-`` is stdin.
        format: one of ``ANSWER_FORMATS``; ``auto`` looks at the content.
        split: which rows of JSON lines, where they name several splits.

    Raises:
        DataError: no JSON, a missing or repeated id, an answer that is no text, several splits.
        InputError: another format.
    """
    if format not in ("auto", *ANSWER_FORMATS):
        raise unknown_name("format of answers", format, ["auto", *ANSWER_FORMATS])
    source = source_name(path)
    lines = read_lines(path)
    if format == "auto":
        format = _format_of(lines)
    if format == "squad":
        rows = _official(lines, source)
        rows = rows_of_split(rows, [None] * len(rows), split, source)
    else:
        records = records_of_split(json_objects(lines, source), split, source)
        rows = [_row(number, record, source) for number, record in records]
    seen = set()
    for row in rows:
        if row.id in seen:
            raise DataError(source, f"expected one answer for each id, got {quoted(row.id)} again")
        seen.add(row.id)
    return rows


def read_null_odds(path: str | Path) -> dict[str, float]:
    """The null odds of each question, ``{id: number}``, as the official script takes them.

    Raises:
        DataError: no JSON object, or a value that is no finite number.
    """
    source = source_name(path)
    try:
        value = json.loads("\n".join(read_lines(path)))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise DataError(
            source, f"expected JSON, {{id: number}}, got none ({error})", line=line
        ) from None
    if not isinstance(value, dict):
        raise DataError(source, f"expected {{id: number}}, got a {type(value).__name__}")
    for name, odds in value.items():
        if isinstance(odds, bool) or not isinstance(odds, int | float) or not math.isfinite(odds):
            raise DataError(source, f"expected a number for {quoted(name)}, got {quoted(odds)}")
    return {name: float(odds) for name, odds in value.items()}


def with_null_odds(
    rows: Sequence[AnswerRow], odds: Mapping[str, float], source: str | Path
) -> list[AnswerRow]:
    """Answers with the null odds of a file of their own; a span that is not told is the answer.

    Raises:
        DataError: how many ids have none, and the first of them.
    """
    if missing := [row.id for row in rows if row.id not in odds]:
        raise DataError(
            source_name(source),
            f"expected null odds for each of {len(rows)} answers, got none for "
            f"{len(missing)}{_first(missing)}: give the file that was written with the answers",
        )
    return [
        replace(row, null_odds=odds[row.id], span=row.text if row.span is None else row.span)
        for row in rows
    ]


def match_answers(
    rows: Sequence[AnswerRow], ids: Iterable[str], source: str | Path
) -> list[AnswerRow]:
    """The answers of some questions, in their order.

    Raises:
        DataError: how many ids are missing or unknown, and the first of them.
    """
    wanted = list(ids)
    known = set(wanted)
    given = {row.id: row for row in rows}
    missing = [name for name in wanted if name not in given]
    unknown = [name for name in given if name not in known]
    if missing or unknown:
        raise DataError(
            source_name(path=source),
            "expected one answer for each question of the gold file, got "
            f"{len(missing)} missing{_first(missing)} and {len(unknown)} of unknown ids"
            f"{_first(unknown)}: give the gold file that was answered; write an empty text where "
            "there is no answer",
        )
    return [given[name] for name in wanted]


def _format_of(lines: Sequence[str]) -> str:
    """JSON lines where the first line is an object and not all there is, or names an id."""
    rows = [line for line in lines if line.strip()]
    try:
        value = json.loads(rows[0])
    except (ValueError, RecursionError):
        return "squad"
    is_row = isinstance(value, dict) and "id" in value and len(value) > 1
    return "jsonl" if is_row or len(rows) > 1 else "squad"


def _official(lines: Sequence[str], source: str) -> list[AnswerRow]:
    try:
        document = json.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        raise DataError(
            source,
            f"expected JSON, {{id: text}} or one object a line, got none ({error})",
            line=getattr(error, "lineno", None),
        ) from None
    if not isinstance(document, dict):
        raise DataError(
            source, f"expected {{id: text}} or JSON lines, got a {type(document).__name__}"
        )
    for name, text in document.items():
        if not isinstance(text, str):
            raise DataError(source, f"expected a text for {quoted(name)}, got {quoted(text)}")
    return [AnswerRow(name, text) for name, text in document.items()]


def _row(number: int, record: Mapping[str, Any], source: str) -> AnswerRow:
    key = choose_key(record, None, ANSWER_KEYS, "answer", source, number)
    if record.get("id") is None:
        raise DataError(source, "expected an 'id' in each line, got none", line=number)
    text, gold, span = record[key], record.get("gold"), record.get("span")
    if not isinstance(text, str):
        raise DataError(
            source, f"expected a text under {quoted(key)}, got {quoted(text)}", line=number
        )
    if gold is not None and not (
        isinstance(gold, list) and all(isinstance(answer, str) for answer in gold)
    ):
        raise DataError(
            source, f"expected a list of texts under 'gold', got {quoted(gold)}", line=number
        )
    numbers = [record.get("null_score"), record.get("score")]
    null, score = (float(n) if isinstance(n, int | float) else None for n in numbers)
    return AnswerRow(
        str(record["id"]),
        text,
        None if gold is None else tuple(gold),
        span if isinstance(span, str) else None,
        None if null is None or score is None else null - score,
    )


def _first(names: Sequence[str]) -> str:
    return f" (first {', '.join(map(repr, names[:3]))})" if names else ""
