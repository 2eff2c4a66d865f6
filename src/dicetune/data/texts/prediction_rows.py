"""Where files of predicted labels hold what: the gold and the predicted label, and their rows.

By the names that were chosen, else by known ones; in a table without a header the last two columns
are gold and predicted, or the last one where the gold stands in a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicetune.data.files.predictions import (
    GOLD_KEYS,
    PREDICTED_KEYS,
    prediction_records,
    rows_of_split,
)
from dicetune.data.files.tables import Grid, parse_grid
from dicetune.data.files.text import NoteBook
from dicetune.data.texts.columns import LABEL_NAMES, Column
from dicetune.data.texts.label_columns import (
    Numbered,
    label_columns,
    marked_labels,
    names_marks,
)
from dicetune.data.texts.rows import HEADERS
from dicetune.errors import DataError, listed, quoted, unknown_name

_GOLD = (*GOLD_KEYS, *LABEL_NAMES)
ALONE = (*PREDICTED_KEYS, "predicted_label", "label", "labels")
"""Names of the predicted label where no gold stands beside it."""


@dataclass(frozen=True)
class PredictionLayout:
    """What a reader of predictions is asked for.

    Args:
        gold: whether the rows hold the right labels too.
        gold_column: number or name.
        predicted_column: number or name.
        quoting: of a table.
        header: whether a table's first row names its columns: ``auto``, ``on`` or ``off``.
        split: which rows, where they name several.
        several: whether a text may have any number of labels.
        label_columns: columns of 0 and 1, one for each label, where the gold stands elsewhere.

    Raises:
        InputError: another header.
    """

    gold: bool = True
    gold_column: Column = None
    predicted_column: Column = None
    quoting: str = "auto"
    header: str = "auto"
    split: str | None = None
    several: bool = False
    label_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.header not in HEADERS:
            raise unknown_name("header", self.header, HEADERS)


@dataclass(frozen=True)
class PredictedRow:
    """One row as the file has it; labels are strings, numbers or lists of these."""

    gold: Any
    predicted: Any
    line: int
    id: str | None = None
    probabilities: Mapping[str, float] | None = None


def object_rows(lines: Sequence[str], source: str, wanted: PredictionLayout) -> list[PredictedRow]:
    """The rows of JSON lines; the keys of the first one decide.

    Raises:
        DataError: no JSON, a missing key, no row, or rows of several splits.
    """
    records = prediction_records(lines, wanted.split, source)
    if not records:
        raise DataError(source, "expected predictions, got none")
    names = list(records[0][1])
    numbered = [(number, [record.get(name) for name in names]) for number, record in records]
    marks = _marks(names, numbered, wanted, source)
    gold, predicted = (0, 0) if marks else _places(names, wanted, source, records[0][0])
    needed = marks or ([gold, predicted] if wanted.gold else [predicted])
    rows: list[PredictedRow] = []
    for place, (number, record) in enumerate(records):
        for name in (names[own] for own in needed):
            if name not in record:
                raise DataError(
                    source, f"expected the key {quoted(name)} as in the first row", line=number
                )
        own = record.get("id")
        rows.append(
            PredictedRow(
                record[names[gold]] if wanted.gold else None,
                marked_labels(names, numbered[place : place + 1], marks)[0]
                if marks
                else record[names[predicted]],
                number,
                None if own is None else str(own),
                _probabilities(record, source, number),
            )
        )
    return rows


def _marks(
    names: Sequence[str], rows: Sequence[Numbered], wanted: PredictionLayout, source: str
) -> list[int]:
    """Columns of 0 and 1, one for each label, where no column holds all that is predicted."""
    known = {name.strip().casefold() for name in names} & {*ALONE}
    if wanted.gold or not wanted.several or wanted.predicted_column is not None or known:
        return []
    return label_columns(names, rows, wanted.label_columns, source)


def _probabilities(record: Mapping[str, Any], source: str, line: int) -> Mapping[str, float] | None:
    """The probability of each label, where the row tells them by name."""
    found = record.get("probabilities")
    if not isinstance(found, Mapping):
        return None
    for label, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise DataError(
                source,
                f"expected a probability from 0 to 1 for {quoted(label)}, got {quoted(value)}",
                line=line,
            )
    return found


def cell_rows(
    lines: Sequence[str],
    source: str,
    separator: str | None,
    wanted: PredictionLayout,
    notes: NoteBook,
) -> list[PredictedRow]:
    """The rows of CSV or TSV.

    Raises:
        DataError: a table that cannot be read, no such column, no row, or rows of several splits.
    """
    grid = parse_grid(lines, source, notes, separator=separator, quoting=wanted.quoting)
    has_header = _has_header(grid, wanted)
    rows = _from_grid(grid, has_header, source, wanted)
    if wanted.header == "auto" and not has_header:
        _doubt_header(rows, source, notes)
    return rows


def _has_header(grid: Grid, wanted: PredictionLayout) -> bool:
    if wanted.header != "auto":
        return wanted.header == "on"
    first = grid.rows[0]
    names = {cell.strip().casefold() for cell in first}
    chosen = {
        str(column).strip().casefold()
        for column in (wanted.gold_column, wanted.predicted_column)
        if column is not None
    }
    if names & {*(PREDICTED_KEYS if wanted.gold else ALONE), *chosen}:
        return True
    return names_marks(first, list(zip(grid.lines, grid.rows, strict=True))[1:])


def _doubt_header(rows: Sequence[PredictedRow], source: str, notes: NoteBook) -> None:
    first, others = rows[0], rows[1:]
    seen = {label for row in others for label in (row.gold, row.predicted)}
    if len(others) > 1 and not seen & {first.gold, first.predicted} - {None}:
        shown = first.predicted if first.gold is None else f"{first.gold}, {first.predicted}"
        notes.add(
            f"{quoted(shown)} stands on the first row alone and is scored: header=on if that "
            f"row is a "
            "header",
            f"{source}:{first.line}",
        )


def _from_grid(
    grid: Grid, has_header: bool, source: str, wanted: PredictionLayout
) -> list[PredictedRow]:
    rows, lines = grid.rows, grid.lines
    names = [cell.strip().casefold() for cell in rows[0]]
    marks: list[int] = []
    if has_header:
        marks = _marks(rows[0], list(zip(lines, rows, strict=True))[1:], wanted, source)
        gold, predicted = (0, 0) if marks else _places(names, wanted, source, lines[0])
        rows, lines = rows[1:], lines[1:]
        if not rows:
            raise DataError(source, "expected rows below the header, got none")
    else:
        width = len(rows[0])
        gold = _number(wanted.gold_column, -2, width, "gold_column", source) if wanted.gold else 0
        predicted = _number(wanted.predicted_column, -1, width, "predicted_column", source)
    id_place = names.index("id") if has_header and "id" in names else None
    split_place = names.index("split") if has_header and "split" in names else None
    found = [
        PredictedRow(
            row[gold] if wanted.gold else None,
            marked_labels(grid.rows[0], [(line, row)], marks)[0] if marks else row[predicted],
            line,
            None if id_place is None else row[id_place],
        )
        for row, line in zip(rows, lines, strict=True)
    ]
    splits = [None if split_place is None else row[split_place] or None for row in rows]
    return rows_of_split(found, splits, wanted.split, source)


def _places(
    names: Sequence[str], wanted: PredictionLayout, source: str, line: int
) -> tuple[int, int]:
    """Where the gold and the predicted labels stand among the names."""
    plain = [name.strip().casefold() for name in names]

    def find(chosen: Column, known: Sequence[str], what: str, taken: int = -1) -> int:
        asked = known if chosen is None else [str(chosen).strip().casefold()]
        for name in asked:
            if name in plain and plain.index(name) != taken:
                return plain.index(name)
        if chosen is not None and str(chosen).isdigit() and int(chosen) < len(names):
            return int(chosen)
        raise DataError(
            source,
            f"expected a column for the {what} labels ({listed(asked)}), got {listed(names)}: "
            f"give -o {what}_column=NAME",
            line=line,
        )

    own = PREDICTED_KEYS if wanted.gold else ALONE
    predicted = find(wanted.predicted_column, own, "predicted")
    gold = find(wanted.gold_column, _GOLD, "gold", predicted) if wanted.gold else 0
    return gold, predicted


def _number(column: Column, default: int, width: int, option: str, source: str) -> int:
    try:
        number = default if column is None else int(column)
    except ValueError:
        number = width
    if not -width <= number < width:
        what = (
            f"at least {-default} columns, the last for the predicted labels"
            if column is None
            else f"a column {column} for {option}"
        )
        raise DataError(
            source,
            f"expected {what}, got {width} (numbered from 0) and no header: give -o {option}=N",
        )
    return number % width
