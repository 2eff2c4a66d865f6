"""Rows with the scores of any model, one JSON object each: gold, and what the model put out.

==============  ===================================================================================
kind            a row, beside "gold", "id" and "split" (both may be left out)
==============  ===================================================================================
``label``       "probabilities", "log_probabilities" or "logits": {label: number}; of two classes
                also the number of the positive one alone
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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dicetune.decide.label_sets import log_sigmoid
from dicetune.errors import DataError, listed, quoted

FORMS = ("probabilities", "log_probabilities", "logits")
LARGEST = 1e30
"""Score from which sums of scores could overflow."""

ROUNDING = 1e-6
"""By how much a probability may be above 1."""


@dataclass(frozen=True)
class ScoreRow:
    """One row of a file.

    Args:
        values: the JSON object.
        source: the file.
        line: 1-based line.
    """

    values: Mapping[str, Any]
    source: str = "scores"
    line: int = 1

    @property
    def place(self) -> str:
        """The file and the line."""
        return f"{self.source}:{self.line}"

    def changed(self, **values: Any) -> ScoreRow:
        """The row with other values under some keys."""
        return replace(self, values={**self.values, **values})

    def error(self, message: str) -> DataError:
        """An error that names the row."""
        return DataError(self.source, message, self.line)


def kind_of(row: ScoreRow) -> str:
    """The kind of problem that a row shows.

    Raises:
        DataError: a row without scores.
    """
    values = row.values
    if "candidates" in values:
        return "entities"
    if "span" in values:
        return "answer"
    scores = values[form_of(row)]
    if isinstance(scores, Mapping):
        return "label_set" if isinstance(values.get("gold"), list) else "label"
    if isinstance(scores, int | float):
        return "label"
    labels = labels_of("tags", [row])
    prefixes = {label[:2] for label in labels if label != "O"}
    is_spans = "O" in labels and prefixes and prefixes <= {"B-", "I-", "E-", "S-"}
    return "spans" if is_spans else "tags"


def labels_of(kind: str, rows: Sequence[ScoreRow]) -> list[str]:
    """The names of the columns, or of the types.

    Raises:
        DataError: none, one that comes twice, or others than in the first row.
    """
    if kind == "answer":
        return ["start", "end"]
    if kind == "entities":
        return sorted(set().union(*map(_types, rows)))
    first = rows[0]
    scores = first.values[form_of(first)]
    names = list(scores) if isinstance(scores, Mapping) else first.values.get("labels")
    is_list = isinstance(names, list) and all(isinstance(own, str | int | float) for own in names)
    labels = list(map(str, names)) if isinstance(names, list) and is_list else []
    if not labels or len(set(labels)) < len(labels):
        raise first.error(
            f"expected different names of the columns as 'labels', got {quoted(names)}: write the "
            "scores as {label: number}, or name the columns of lists in the first row"
        )
    for row in rows if not isinstance(scores, Mapping) else ():
        if row.values.get("labels", names) != names:
            raise row.error(
                f"expected the 'labels' of the first row ({listed(labels, most=5)}), got "
                f"{quoted(row.values['labels'])}"
            )
    return labels


def scores_of(kind: str, labels: Sequence[str], row: ScoreRow) -> np.ndarray:
    """The scores of one row, as the decisions of its kind take them.

    Raises:
        DataError: what is missing or no number, and in which line.
    """
    form = None if kind in ("answer", "entities") else form_of(row)
    table: np.ndarray
    try:
        if kind == "answer":
            table = _null_row(row.values)
        elif kind == "entities":
            table = _candidates(labels, row)
        else:
            table = _table(kind, labels, row, row.values[str(form)])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise row.error(f"expected numbers for {kind}, got {printed(error)}") from None
    _check(row, table)
    if form == "probabilities":
        if not ((table >= 0) & (table <= 1 + ROUNDING)).all():
            raise row.error("expected probabilities from 0 to 1")
        with np.errstate(divide="ignore"):
            table = np.log(np.minimum(table, 1.0))
    if form == "log_probabilities":
        if (table > ROUNDING).any():
            raise row.error("expected log-probabilities of at most 0; call other scores 'logits'")
        table = np.minimum(table, 0.0)
    if form is not None and kind != "label_set" and np.isneginf(table).all(-1).any():
        raise row.error("expected a label with a chance, got probabilities that are all 0")
    if form == "logits":
        if kind == "label_set":
            return log_sigmoid(table)
        table = table - np.logaddexp.reduce(table, axis=1, keepdims=True)
    return table


def best_span(row: ScoreRow) -> tuple[str, float]:
    """The best answer of a row and its score, 0 where the odds are relative to it.

    Raises:
        DataError: no text, or no number.
    """
    text = row.values.get("span")
    if not isinstance(text, str):
        raise row.error(f"expected a text as 'span', got {quoted(text)}")
    try:
        score = 0.0 if "null_odds" in row.values else float(row.values["score"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise row.error(f"expected a number as 'score', got {printed(error)}") from None
    _check(row, np.array([score]))
    return text, score


def form_of(row: ScoreRow) -> str:
    """The key of the scores.

    Raises:
        DataError: none, or several.
    """
    found = [name for name in FORMS if name in row.values]
    if len(found) != 1:
        raise row.error(
            f"expected one of {', '.join(FORMS)} (or span, or candidates) in each row, got "
            f"{', '.join(found) or listed(row.values, most=5) or 'none'}"
        )
    return found[0]


def printed(error: Exception) -> str:
    """What an error says, short."""
    return f"no {error}" if isinstance(error, KeyError) else f"{error!s:.80}"


def _check(row: ScoreRow, table: np.ndarray) -> None:
    """Refuse what is no score: minus infinity is one, of what has no chance."""
    if np.isnan(table).any() or (table == np.inf).any():
        raise row.error("expected scores that are numbers, got NaN or infinity")
    if (np.abs(table[np.isfinite(table)]) > LARGEST).any():
        raise row.error(f"expected scores of at most {LARGEST:g}, got larger ones")


def _types(row: ScoreRow) -> set[str]:
    try:
        found = [*row.values["candidates"], *(row.values.get("gold") or ())]
        for one in found:
            if not (0 <= int(one["start"]) < int(one["end"]) < 2**53):
                raise ValueError
        return {str(one["type"]) for one in found}
    except (KeyError, TypeError, ValueError, OverflowError):
        raise row.error(
            "expected type, start and end of each candidate, and of each gold entity, with the "
            "start before the end"
        ) from None


def _table(kind: str, labels: Sequence[str], row: ScoreRow, values: Any) -> np.ndarray:
    if isinstance(values, Mapping):
        if set(values) != set(labels):
            odd = sorted(set(values) ^ set(labels))
            raise row.error(
                f"expected scores of {listed(labels, most=8)}; odd: {listed(odd, most=5)}"
            )
        values = [[values[label] for label in labels]]
    table: np.ndarray = np.array(values, dtype=np.float64)
    words = 1 if kind in ("label", "label_set") else len(row.values["gold"])
    if not table.size:
        table = table.reshape(0, len(labels))
    if table.shape != (words, len(labels)):
        raise row.error(
            f"expected {words} times {len(labels)} numbers, one for each label "
            f"({listed(labels, most=5)}), got the shape {table.shape}"
        )
    return table


def _null_row(row: Mapping[str, Any]) -> np.ndarray:
    null = float(row["null_odds"] if "null_odds" in row else row["null_score"])
    return np.array([[null, 0.0, 0.0, -1.0, -1.0]])


def _candidates(labels: Sequence[str], row: ScoreRow) -> np.ndarray:
    number = {label: place for place, label in enumerate(labels)}
    rows = []
    for one in row.values["candidates"]:
        logits = list(one["logits"])
        if len(logits) != 3:
            raise row.error(
                f"expected logits of start, end and match of each candidate, got {quoted(logits)}"
            )
        rows.append([number[str(one["type"])], one["start"], one["end"], *logits])
    return np.array(rows, dtype=np.float64).reshape(-1, 6)
