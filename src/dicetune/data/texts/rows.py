"""Rows of texts as each format has them, before labels get their names.

Each reader yields ``RawRow``s: the values of the columns that were found, and the line. What was
found is said once in a note with the number of rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicetune.data.files.hub import load_split
from dicetune.data.files.json_lines import json_objects
from dicetune.data.files.notes import NoteBook
from dicetune.data.files.tables import Grid, parse_grid
from dicetune.data.texts.columns import (
    LABEL_NAMES,
    PAIR_NAMES,
    TEXT_NAMES,
    Column,
    Found,
    TextColumns,
    by_name,
    by_number,
)
from dicetune.errors import DataError, quoted, unknown_name

ANY = TextColumns()
HEADERS = ("auto", "on", "off")
_NUMBER = re.compile(r"-?\d+")
_KNOWN = {*TEXT_NAMES, *(name for both in PAIR_NAMES for name in both), *LABEL_NAMES}


@dataclass(frozen=True)
class TextLayout:
    """What a reader is asked for.

    Args:
        choice: columns that the user chose.
        trained: columns that a model was trained with: the default where a file has them.
        pair: whether there are two texts.
        gold: whether labels are read.
        quoting: ``auto``, ``on`` or ``off``.
        header: whether a table's first row names its columns: ``auto``, ``on`` or ``off``.
        labels: names of a model's labels in their order: of numbers that nothing else names.
    """

    choice: TextColumns = ANY
    trained: TextColumns = ANY
    pair: bool = False
    gold: bool = True
    quoting: str = "auto"
    header: str = "auto"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.header not in HEADERS:
            raise unknown_name("header", self.header, HEADERS)


@dataclass(frozen=True)
class RawRow:
    """The values of one row; a label is a string, a number or a list of these."""

    text: Any
    pair: Any
    label: Any
    id: Any
    line: int


def table_rows(
    lines: Sequence[str], source: str, separator: str | None, wanted: TextLayout, notes: NoteBook
) -> list[RawRow]:
    """The rows of CSV or TSV.

    Raises:
        DataError: as ``parse_grid``, ``by_name`` and ``by_number`` have it.
    """
    grid = parse_grid(lines, source, notes, separator=separator, quoting=wanted.quoting)
    has_header = is_header(grid, wanted)
    rows, numbers = (grid.rows[1:], grid.lines[1:]) if has_header else (grid.rows, grid.lines)
    if not rows:
        raise DataError(source, "expected rows below the header, got none")
    if has_header:
        names = grid.rows[0]
        choice = _merged(wanted, names, len(names))
        line = grid.lines[0]
        found = by_name(names, choice, source, pair=wanted.pair, gold=wanted.gold, line=line)
        shown: Sequence[object] = names
    else:
        choice = _merged(wanted, [], grid.width)
        found = by_number(rows, choice, source, pair=wanted.pair, gold=wanted.gold)
        shown = range(grid.width)
    layout = (
        f"{'tsv' if grid.separator == chr(9) else 'csv'} {'with' if has_header else 'without'} "
        f"header, quoting {'on' if grid.quoted else 'off'}; {_describe(found, shown)}"
    )
    notes.add(f"rows read as {layout}", f"{source}:{numbers[0]}", len(rows))
    if found.label is not None and not has_header and wanted.header == "auto":
        _doubt_header(rows, found.label, source, numbers[0], notes)
    return [
        RawRow(
            row[found.text],
            None if found.pair is None else row[found.pair],
            None if found.label is None else row[found.label],
            None if found.id is None else row[found.id],
            number,
        )
        for row, number in zip(rows, numbers, strict=True)
    ]


def json_rows(
    lines: Sequence[str], source: str, wanted: TextLayout, notes: NoteBook
) -> list[RawRow]:
    """The objects of JSON lines; the keys of the first one decide.

    Raises:
        DataError: no JSON, a missing key.
    """
    records = list(json_objects(lines, source))
    if not records:
        return []
    number, first = records[0]
    names = list(first)
    found = _find(names, source, wanted, number)
    layout = f"rows read as JSON lines; {_describe(found, names)}"
    notes.add(layout, f"{source}:{number}", len(records))
    return [_row(record, names, found, source, number) for number, record in records]


def hub_rows(
    path: str | Path, source: str, wanted: TextLayout, notes: NoteBook
) -> tuple[list[RawRow], tuple[str, ...]]:
    """The records of a data set of the ``datasets`` library, and the names of its labels.

    Raises:
        DataError: no such data set or split, no such column.
    """
    data = load_split(path, None)
    names = list(data.column_names)
    found = _find(names, source, wanted, None)
    notes.add(f"rows read from a data set; {_describe(found, names)}", source, len(data))
    rows = [_row(record, names, found, source, number) for number, record in enumerate(data, 1)]
    if found.label is None:
        return rows, ()
    feature = data.features[names[found.label]]
    inner = getattr(feature, "feature", feature)
    return rows, tuple(getattr(inner, "names", None) or ())


def is_header(grid: Grid, wanted: TextLayout) -> bool:
    """Whether the first row names the columns.

    It does if a name was chosen that stands there, or if a known name stands there that does not
    come again in its column (a text may be labelled "question" in every other row).
    """
    if wanted.header != "auto":
        return wanted.header == "on"
    first = grid.rows[0]
    chosen = [
        column
        for own in (wanted.choice, wanted.trained)
        for column in (own.text, own.pair, own.label, own.id)
    ]
    if any(isinstance(c, str) and not _NUMBER.fullmatch(c) and c in first for c in chosen):
        return True
    for column, cell in enumerate(first):
        if cell.strip().casefold() in _KNOWN and all(row[column] != cell for row in grid.rows[1:]):
            return True
    return False


def _find(names: Sequence[str], source: str, wanted: TextLayout, line: int | None) -> Found:
    choice = _merged(wanted, names, 0)
    return by_name(names, choice, source, pair=wanted.pair, gold=wanted.gold, line=line)


def _row(
    record: Mapping[str, Any], names: Sequence[str], found: Found, source: str, line: int
) -> RawRow:
    def value(place: int | None, needed: bool = True) -> Any:
        if place is None:
            return None
        if needed and names[place] not in record:
            raise DataError(
                source,
                f"expected the key {quoted(names[place])} as in the first object, got "
                f"{', '.join(record) or 'none'}",
                line=line,
            )
        return record.get(names[place])

    return RawRow(
        value(found.text), value(found.pair), value(found.label), value(found.id, False), line
    )


def _merged(wanted: TextLayout, names: Sequence[str], width: int) -> TextColumns:
    """What was chosen, else what the model was trained with where the file has such a column."""

    def pick(chosen: Column, trained: Column) -> Column:
        if chosen is not None or trained is None:
            return chosen
        has_it = str(trained) in names or (
            isinstance(trained, int) and 0 <= trained < (width or len(names))
        )
        return trained if has_it else None

    own, other = wanted.choice, wanted.trained
    return TextColumns(
        pick(own.text, other.text),
        pick(own.pair, other.pair),
        pick(own.label, other.label),
        pick(own.id, other.id),
    )


def _describe(found: Found, names: Sequence[object]) -> str:
    places = {"text": found.text, "second text": found.pair, "label": found.label, "id": found.id}
    return ", ".join(f"{role} in {quoted(names[n])}" for role, n in places.items() if n is not None)


def _doubt_header(
    rows: Sequence[Sequence[str]], label: int, source: str, line: int, notes: NoteBook
) -> None:
    counts = Counter(row[label] for row in rows)
    first = rows[0][label]
    if (
        counts[first] == 1
        and len(counts) > 1
        and min(n for v, n in counts.items() if v != first) > 1
    ):
        notes.add(
            f"label {quoted(first)} stands on the first row alone: header=on if that row is a "
            f"header",
            f"{source}:{line}",
        )
