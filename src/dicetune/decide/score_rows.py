"""Rows with the scores of any model, one JSON object each: gold, and what the model put out.

==============  ===================================================================================
kind            a row, beside "gold", "id" and "split" (both may be left out)
==============  ===================================================================================
``label``       "probabilities", "log_probabilities" or "logits": {label: number}
``label_set``   the same; each label is a decision of its own
``spans``,      the same as a list of one list a word, with "labels" (names of the columns) in the
``tags``        first row
``answer``      "span" (the best answer), "score" and "null_score", or "null_odds" alone; gold is a
                list of answers, empty where the question has none
``entities``    "candidates": list of {type, start, end, logits: [start, end, match]}; gold is a
                list of {type, start, end}
==============  ===================================================================================

The first row tells the kind: candidates, a span, one gold label, a list of gold labels beside
scores by label, else tags, which are spans where one is O and all others are B-, I-, E- or S-.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dicetune.decide.label_sets import log_sigmoid
from dicetune.errors import DataError

FORMS = ("probabilities", "log_probabilities", "logits")


def kind_of(row: Mapping[str, Any], source: str, line: int) -> str:
    """The kind of problem that a row shows.

    Raises:
        DataError: a row without scores.
    """
    if "candidates" in row:
        return "entities"
    if "span" in row:
        return "answer"
    name = _form(row, source, line)
    if isinstance(row[name], Mapping):
        return "label_set" if isinstance(row.get("gold"), list) else "label"
    labels = row.get("labels") or ()
    prefixes = {label[:2] for label in labels if label != "O"}
    is_spans = "O" in labels and prefixes and prefixes <= {"B-", "I-", "E-", "S-"}
    return "spans" if is_spans else "tags"


def labels_of(kind: str, rows: Sequence[Mapping[str, Any]], source: str) -> list[str]:
    """The names of the columns, or of the types."""
    first = rows[0]
    if kind == "answer":
        return ["start", "end"]
    if kind == "entities":
        return sorted(set().union(*(_types(row, source, at) for at, row in enumerate(rows, 1))))
    form = _form(first, source, 1)
    labels = list(first[form]) if isinstance(first[form], Mapping) else first.get("labels")
    if not labels or len(set(labels)) < len(labels):
        raise DataError(source, "expected different names of the columns as 'labels'", line=1)
    return [str(label) for label in labels]


def scores_of(
    kind: str, labels: Sequence[str], row: Mapping[str, Any], source: str, line: int
) -> np.ndarray:
    """The scores of one row, as the decisions of its kind take them.

    Raises:
        DataError: what is missing or no number, and in which line.
    """
    form = None if kind in ("answer", "entities") else _form(row, source, line)
    table: np.ndarray
    try:
        if kind == "answer":
            table = _null_row(row)
        elif kind == "entities":
            table = _candidates(labels, row)
        else:
            table = _table(labels, row[str(form)], source, line)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(source, f"expected numbers for {kind}, got {error!s:.80}", line) from None
    if np.isnan(table).any() or (table == np.inf).any():
        raise DataError(source, "expected scores that are numbers, got NaN or infinity", line)
    if form == "probabilities":
        if not ((table >= 0) & (table <= 1)).all():
            raise DataError(source, "expected probabilities from 0 to 1", line)
        with np.errstate(divide="ignore"):
            table = np.log(table)
    if form == "logits":
        if kind == "label_set":
            return log_sigmoid(table)
        table = table - np.logaddexp.reduce(table, axis=1, keepdims=True)
    return table


def _types(row: Mapping[str, Any], source: str, line: int) -> set[str]:
    try:
        return {
            str(one["type"])
            for one in (*row["candidates"], *(row.get("gold") or ()))
            if int(one["start"]) < int(one["end"])
        }
    except (KeyError, TypeError, ValueError):
        raise DataError(
            source, "expected type, start and end of each candidate, and of each gold entity", line
        ) from None


def _table(labels: Sequence[str], values: Any, source: str, line: int) -> np.ndarray:
    if isinstance(values, Mapping):
        if set(values) != set(labels):
            odd = sorted(set(values) ^ set(labels))
            raise DataError(
                source, f"expected scores of {', '.join(labels[:8])}; odd: {odd[:5]}", line
            )
        values = [[values[label] for label in labels]]
    table: np.ndarray = np.array(values, dtype=np.float64).reshape(-1, len(labels))
    return table


def _form(row: Mapping[str, Any], source: str, line: int) -> str:
    found = [name for name in FORMS if name in row]
    if len(found) != 1:
        raise DataError(
            source,
            f"expected one of {', '.join(FORMS)} (or span, or candidates) in each row, got "
            f"{', '.join(found) or 'none'}",
            line,
        )
    return found[0]


def _null_row(row: Mapping[str, Any]) -> np.ndarray:
    null = float(row["null_odds"] if "null_odds" in row else row["null_score"])
    return np.array([[null, 0.0, 0.0, -1.0, -1.0]])


def best_span(row: Mapping[str, Any]) -> tuple[str, float]:
    """The best answer of a row and its score, 0 where the odds are relative to it."""
    return str(row["span"]), 0.0 if "null_odds" in row else float(row["score"])


def _candidates(labels: Sequence[str], row: Mapping[str, Any]) -> np.ndarray:
    number = {label: place for place, label in enumerate(labels)}
    rows = [
        [number[str(one["type"])], one["start"], one["end"], *one["logits"]]
        for one in row["candidates"]
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 6)
