"""Rows with gold and the scores of any model, one JSON object each.

==============  ===================================================================================
type            a row, beside "gold", "id" and "split" (both may be left out)
==============  ===================================================================================
``label``       "probabilities", "log_probabilities" or "logits": {label: number}; of two classes
                also the number of the positive class alone
``label_set``   the same; each label is a decision of its own
``spans``,      the same as a list of one list a word, with "labels" (names of the columns) in the
``tags``        first row
``answer``      "span" (the best answer), "score" and "null_score", or "null_odds" alone; gold is a
                list of answers, empty where the question has none
``entities``    "candidates": list of {type, start, end, logits: [start, end, match]}; gold is a
                list of {type, start, end}
==============  ===================================================================================

The first row shows the type. Gold may be written in another way than the labels of the scores, such
as 1.0 or true for 1: gold is the label of the same name, else the only label with the same meaning.
Other gold is refused, as every decision would miss it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dicetune.errors import DataError, InputError, listed, quoted

FORMS = ("probabilities", "log_probabilities", "logits")
LARGEST = 1e30
"""Largest score whose sums cannot overflow."""

ROUNDING = 1e-6
"""Largest excess of a probability above 1."""

_TRUTH = {"true": "1", "false": "0"}
_WHOLE = re.compile(r"-?[0-9]{1,15}(\.0+)?")


class ScoreTables(Sequence[np.ndarray]):
    """The scores of many units as one table.

    Args:
        table: (rows, columns) of all units.
        lengths: (U,) rows of each.
    """

    def __init__(self, table: np.ndarray, lengths: np.ndarray) -> None:
        self.table, self.lengths = table, lengths
        self._ends = np.cumsum(lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[number] for number in range(len(self))[place]]
        place = range(len(self))[place]
        return self.table[self._ends[place] - self.lengths[place] : self._ends[place]]


def one_table(scores: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """The scores of all units one below the other, (rows, columns), float32 or float64."""
    if isinstance(scores, ScoreTables):
        found = scores.table
    else:
        found = np.concatenate([np.zeros((0, columns), dtype=np.float32), *scores])
    return found.astype(np.result_type(np.float32, found.dtype), copy=False)


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

    @property
    def form(self) -> str:
        """The key of the scores.

        Raises:
            DataError: none, or several.
        """
        found = [name for name in FORMS if name in self.values]
        if len(found) != 1:
            raise self.error(
                f"expected one of {', '.join(FORMS)} (or span, or candidates) in each row, got "
                f"{', '.join(found) or listed(self.values, most=5) or 'none'}"
            )
        return found[0]

    @property
    def raw(self) -> Any:
        """The scores as they are written; ``None`` where the row has another form."""
        return self.values[self.form] if any(name in self.values for name in FORMS) else None

    def gold_list(self) -> list[object]:
        """The gold of a row that has a list of labels.

        Raises:
            DataError: no list, or a list of other things.
        """
        value = self.values["gold"]
        if not isinstance(value, list) or not all(map(_is_label, value)):
            raise self.error(
                f"expected a list of labels as gold, got {quoted(value)}: where each row has one "
                "label write the scores as {label: number}"
            )
        return value

    def gold_label(self) -> object:
        """The gold of a row that has one label.

        Raises:
            DataError: a list, or no label.
        """
        value = self.values["gold"]
        if not _is_label(value):
            raise self.error(f"expected one label as gold, got {quoted(value)}: write its name")
        return value


def _is_label(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int) and value != ""


def meaning(label: object) -> str:
    """One form of all spellings of a label: whole numbers and truth values have several.

    Example:
        >>> [meaning(label) for label in (1, 1.0, True, "1", "1.0", "true", "spam")]
        ['1', '1', '1', '1', '1', '1', 'spam']
    """
    text = str(label)
    text = _TRUTH.get(text.casefold(), text)
    return str(int(float(text))) if _WHOLE.fullmatch(text) else text


def named_gold(
    labels: Sequence[str], row: ScoreRow, gold: object, note: Callable[[str, str], None]
) -> ScoreRow:
    """The row with its gold, a label or a list of labels, in the names of the scores.

    Raises:
        DataError: a label that no score has.
    """
    several = Counter(map(meaning, labels))
    same = {meaning(label): label for label in labels if several[meaning(label)] == 1}

    def named(value: object) -> str:
        text = str(value)
        if text in labels:
            return text
        if (found := same.get(meaning(value))) is None:
            raise row.error(
                f"expected gold among the labels of the scores ({listed(labels, most=8)}), got "
                f"{quoted(value)}: write both alike, give a score for each label, or leave such "
                "rows out"
            )
        note(f"gold {quoted(value)} read as the label {quoted(found)}", row.place)
        return found

    return row.changed(gold=[named(one) for one in gold] if isinstance(gold, list) else named(gold))


def column_names(rows: Sequence[ScoreRow]) -> list[str]:
    """The names of the columns of scores by label.

    Raises:
        DataError: none, a name that comes twice, or other names than in the first row.
    """
    first = rows[0]
    names = list(first.raw) if isinstance(first.raw, Mapping) else first.values.get("labels")
    is_list = isinstance(names, list) and all(isinstance(name, str | int | float) for name in names)
    labels = list(map(str, names)) if isinstance(names, list) and is_list else []
    if not labels or len(set(labels)) < len(labels):
        raise first.error(
            f"expected different names of the columns as 'labels', got {quoted(names)}: write the "
            "scores as {label: number}, or name the columns of lists in the first row"
        )
    for row in rows if not isinstance(first.raw, Mapping) else ():
        if row.values.get("labels", names) != names:
            raise row.error(
                f"expected the 'labels' of the first row ({listed(labels, most=5)}), got "
                f"{quoted(row.values['labels'])}"
            )
    return labels


def log_probability_table(
    row: ScoreRow, labels: Sequence[str], rows: int, *, alone: bool = False
) -> np.ndarray:
    """Log-probabilities of scores by label, (rows, labels).

    Args:
        row: of the file.
        labels: names of the columns.
        rows: number of rows that the table must have.
        alone: whether the labels have independent probabilities, not a softmax.

    Raises:
        DataError: what is missing or no number.
    """
    table = numbers(row, lambda: _raw_table(row, labels))
    if not table.size:
        table = table.reshape(0, len(labels))
    if table.shape != (rows, len(labels)):
        raise row.error(
            f"expected {rows} times {len(labels)} numbers, one for each label "
            f"({listed(labels, most=5)}), got the shape {table.shape}"
        )
    if row.form == "probabilities":
        if not ((table >= 0) & (table <= 1 + ROUNDING)).all():
            raise row.error("expected probabilities from 0 to 1")
        with np.errstate(divide="ignore"):
            table = np.log(np.minimum(table, 1.0))
    if row.form == "log_probabilities":
        if (table > ROUNDING).any():
            raise row.error("expected log-probabilities of at most 0; call other scores 'logits'")
        table = np.minimum(table, 0.0)
    if not alone and np.isneginf(table).all(-1).any():
        raise row.error("expected a label with a chance, got probabilities that are all 0")
    if row.form == "logits":
        if alone:
            return log_sigmoid(table)
        table = table - np.logaddexp.reduce(table, axis=1, keepdims=True)
    return table


def _raw_table(row: ScoreRow, labels: Sequence[str]) -> Any:
    values = row.values[row.form]
    if isinstance(values, Mapping):
        if set(values) != set(labels):
            odd = sorted(set(values) ^ set(labels))
            raise row.error(
                f"expected scores of {listed(labels, most=8)}; odd: {listed(odd, most=5)}"
            )
        values = [[values[label] for label in labels]]
    return values


def numbers(row: ScoreRow, read: Callable[[], Any]) -> np.ndarray:
    """The array of numbers that ``read`` finds in a row; minus infinity is a number.

    Raises:
        DataError: what is missing or no number.
    """
    try:
        table = np.array(read(), dtype=np.float64)
    except DataError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        told = f"no {error}" if isinstance(error, KeyError) else f"{error!s:.80}"
        raise row.error(f"expected numbers as scores, got {told}") from None
    if np.isnan(table).any() or (table == np.inf).any():
        raise row.error("expected scores that are numbers, got NaN or infinity")
    if (np.abs(table[np.isfinite(table)]) > LARGEST).any():
        raise row.error(f"expected scores of at most {LARGEST:g}, got larger ones")
    return table


def log_sigmoid(values: np.ndarray) -> np.ndarray:
    """log(1 / (1 + exp(-x))), stable at both ends."""
    found: np.ndarray = -np.logaddexp(0.0, -values)
    return found


def logit(log_probability: np.ndarray) -> np.ndarray:
    """The logit of p from log p, log p - log(1 - p), accurate for p near 0 and 1.

    Example:
        >>> logit(np.log([0.5, 0.75])).round(6).tolist()
        [0.0, 1.098612]
    """
    given = np.asarray(log_probability, dtype=np.float64)
    with np.errstate(divide="ignore"):
        found: np.ndarray = given - np.log(-np.expm1(np.minimum(given, 0.0)))
    return found


def mean_probabilities(models: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    r"""The log-probabilities of several models as those of one model.

    .. math::
        \log \bar p = \log \frac{1}{S} \sum_s e^{\log p_s}

    A mean of distributions is a distribution, of a softmax and of single sigmoids. In a mean of
    log-probabilities one model that is sure of a mistake would overrule all others.

    Args:
        models: for each model the log-probabilities of each unit.

    Returns:
        float32 arrays, as the scores of a run are stored.

    Raises:
        InputError: models with scores of different shapes.

    References:
        Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation using Deep
        Ensembles, NeurIPS 2017.

    Example:
        >>> found = mean_probabilities([[np.log([[0.9, 0.1]])], [np.log([[0.5, 0.5]])]])
        >>> np.exp(found[0].astype(float)).round(3).tolist()
        [[0.7, 0.3]]
    """
    found = []
    for number, tables in enumerate(zip(*models, strict=True)):
        if len({table.shape for table in tables}) > 1:
            shapes = listed([str(table.shape) for table in tables], most=4)
            raise InputError(f"unit {number}: expected scores of one shape, got {shapes}")
        whole = np.logaddexp.reduce(np.stack(tables).astype(np.float64), axis=0)
        found.append((whole - np.log(len(tables))).astype(np.float32))
    return found
