"""Rows of texts as each format has them, before labels get their names.

Each reader yields ``RawRow``s: the values of the columns that were found, and the line. What was
found is said once in a note with the number of rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicetune.data.files.hub import load_split
from dicetune.data.files.json_objects import json_objects
from dicetune.data.files.tables import Grid, parse_grid
from dicetune.data.files.text import NoteBook
from dicetune.data.texts.columns import (
    ID_NAMES,
    LABEL_NAMES,
    PAIR_NAMES,
    TEXT_NAMES,
    Column,
    Found,
    TextColumns,
    by_name,
    by_number,
)
from dicetune.data.texts.label_cells import AUTO
from dicetune.data.texts.label_columns import (
    Numbered,
    label_columns,
    marked_labels,
    names_marks,
)
from dicetune.errors import DataError, listed, quoted, unknown_name

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
        separator: between labels in a cell: ``auto``, ``none`` or the separator itself.
        seen: labels of a model, which may tell what a cell holds.
    """

    choice: TextColumns = ANY
    trained: TextColumns = ANY
    pair: bool = False
    gold: bool = True
    quoting: str = "auto"
    header: str = "auto"
    labels: tuple[str, ...] = ()
    separator: str = AUTO
    seen: tuple[str, ...] = ()

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


@dataclass(frozen=True)
class RawRows:
    """The rows of a file, and what it says of its labels.

    Args:
        rows: in the order of the file.
        names: of a ``ClassLabel``, or of the columns where each label has one.
        label: the column of the labels, where they stand in one.
    """

    rows: list[RawRow]
    names: tuple[str, ...] = ()
    label: str | None = None


def table_rows(
    lines: Sequence[str],
    source: str,
    separator: str | None,
    wanted: TextLayout,
    notes: NoteBook,
    *,
    several: bool = False,
) -> RawRows:
    """The rows of CSV or TSV.

    Raises:
        DataError: as ``parse_grid``, ``by_name`` and ``by_number`` have it.
    """
    grid = parse_grid(lines, source, notes, separator=separator, quoting=wanted.quoting)
    has_header = is_header(grid, wanted)
    rows, numbers = (grid.rows[1:], grid.lines[1:]) if has_header else (grid.rows, grid.lines)
    if not rows:
        raise DataError(source, "expected rows below the header, got none")
    names = grid.rows[0] if has_header else list(map(str, range(grid.width)))
    numbered = list(zip(numbers, rows, strict=True))
    if has_header:
        found = _find(names, numbered, source, wanted, several, grid.lines[0])
    else:
        found = _find_numbers(names, numbered, source, wanted, several)
    layout = (
        f"{'tsv' if grid.separator == chr(9) else 'csv'} {'with' if has_header else 'without'} "
        f"header, quoting {'on' if grid.quoted else 'off'}; "
        f"{_describe(found, names if has_header else range(grid.width))}"
    )
    notes.add(f"rows read as {layout}", f"{source}:{numbers[0]}", len(rows))
    if found.label is not None and not has_header and wanted.header == "auto":
        _doubt_header(rows, found.label, source, numbers[0], notes)
    return _raw(numbered, names, found)


def json_rows(
    lines: Sequence[str],
    source: str,
    wanted: TextLayout,
    notes: NoteBook,
    *,
    several: bool = False,
) -> RawRows:
    """The objects of JSON lines; the keys of the first one decide, and any id.

    Raises:
        DataError: no JSON, a missing key.
    """
    records = list(json_objects(lines, source))
    if not records:
        return RawRows([])
    number, first = records[0]
    # not every object need have an id, not even the first
    keys = (key for _, record in records for key in record)
    names = dict.fromkeys(key for key in keys if key in first or key.casefold() in ID_NAMES)
    return _records(records, list(names), "JSON lines", source, wanted, notes, several, number)


def hub_rows(
    path: str | Path,
    source: str,
    wanted: TextLayout,
    notes: NoteBook,
    *,
    several: bool = False,
) -> RawRows:
    """The records of a data set of the ``datasets`` library, and the names of its labels.

    Raises:
        DataError: no such data set or split, no such column.
    """
    data = load_split(path, None)
    names = list(data.column_names)
    records = list(enumerate(data, 1))
    raw = _records(records, names, "a data set", source, wanted, notes, several, None)
    if raw.label is None:
        return raw
    feature = data.features[raw.label]
    inner = getattr(feature, "feature", feature)
    return replace(raw, names=tuple(getattr(inner, "names", None) or ()))


def is_header(grid: Grid, wanted: TextLayout) -> bool:
    """Whether the first row names the columns.

    It does if a name was chosen that stands there, or if a known name stands there that does not
    come again in its column (a text may be labelled "question" in every other row), or if it has
    words above two or more columns of 0 and 1.
    """
    if wanted.header != "auto":
        return wanted.header == "on"
    first = grid.rows[0]
    chosen = [
        column
        for own in (wanted.choice, wanted.trained)
        for column in (own.text, own.pair, own.label, own.id)
    ]
    chosen += (*wanted.choice.labels, *wanted.trained.labels)
    if any(isinstance(c, str) and not _NUMBER.fullmatch(c) and c in first for c in chosen):
        return True
    for column, cell in enumerate(first):
        if cell.strip().casefold() in _KNOWN and all(row[column] != cell for row in grid.rows[1:]):
            return True
    return names_marks(first, list(zip(grid.lines, grid.rows, strict=True))[1:])


def _records(
    records: Sequence[tuple[int, Mapping[str, Any]]],
    names: Sequence[str],
    what: str,
    source: str,
    wanted: TextLayout,
    notes: NoteBook,
    several: bool,
    line: int | None,
) -> RawRows:
    """Mappings to rows: objects of JSON lines, records of a data set."""
    numbered = [(number, [record.get(name) for name in names]) for number, record in records]
    found = _find(names, numbered, source, wanted, several, line)
    needed = [
        names[n] for n in (found.text, found.pair, found.label, *found.labels) if n is not None
    ]
    for number, record in records:
        for name in needed:
            if name not in record:
                raise DataError(
                    source,
                    f"expected the key {quoted(name)} as in the first object, got "
                    f"{listed(record) or 'none'}",
                    line=number,
                )
    place = source if line is None else f"{source}:{line}"
    notes.add(f"rows read as {what}; {_describe(found, names)}", place, len(records))
    return _raw(numbered, names, found)


def _find(
    names: Sequence[str],
    rows: Sequence[Numbered],
    source: str,
    wanted: TextLayout,
    several: bool,
    line: int | None,
) -> Found:
    choice = _merged(wanted, names, 0)
    marks: list[int] = []
    if wanted.gold and several and choice.label is None:
        marks = label_columns(names, rows, choice.labels, source)
    others = [
        n
        for n, name in enumerate(names)
        if n not in marks and name.strip().casefold() not in ID_NAMES
    ]
    found = by_name(
        names,
        choice,
        source,
        pair=wanted.pair,
        gold=wanted.gold and not marks,
        line=line,
        instead=others[0] if marks and len(others) == 1 else None,
    )
    return replace(found, labels=tuple(marks))


def _find_numbers(
    names: Sequence[str],
    rows: Sequence[Numbered],
    source: str,
    wanted: TextLayout,
    several: bool,
) -> Found:
    """The columns of a table without a header."""
    choice = _merged(wanted, [], len(names))
    marks: list[int] = []
    if wanted.gold and several and choice.label is None:
        marks = label_columns(names, rows, choice.labels, source)
        if marks and not choice.labels:
            raise DataError(
                source,
                f"expected one column of labels, or a header that names them, got columns of 0 "
                f"and 1, {listed(marks)} (numbered from 0): name them in a first row, or give "
                "-o label_columns=N,N,N or -o label_column=N",
            )
    cells = [row for _, row in rows]
    found = by_number(cells, choice, source, pair=wanted.pair, gold=wanted.gold and not marks)
    return replace(found, labels=tuple(marks))


def _raw(rows: Sequence[Numbered], names: Sequence[str], found: Found) -> RawRows:
    """Rows by their columns, in which several labels may each have a column of their own."""

    def value(row: Sequence[Any], place: int | None) -> Any:
        return None if place is None else row[place]

    labels = [value(row, found.label) for _, row in rows]
    if found.labels:
        labels = marked_labels(names, rows, found.labels)
    raw = [
        RawRow(row[found.text], value(row, found.pair), label, value(row, found.id), line)
        for (line, row), label in zip(rows, labels, strict=True)
    ]
    own = tuple(names[place] for place in found.labels)
    return RawRows(raw, own, None if found.label is None else names[found.label])


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
        own.labels or (other.labels if {*other.labels} <= {*names} else ()),
    )


def _describe(found: Found, names: Sequence[object]) -> str:
    places = {"text": found.text, "second text": found.pair, "label": found.label, "id": found.id}
    said = [f"{role} in {quoted(names[n])}" for role, n in places.items() if n is not None]
    if found.labels:
        said.append(f"a label in each column of 0 and 1: {listed(names[n] for n in found.labels)}")
    return ", ".join(said)


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
