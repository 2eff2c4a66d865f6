"""Predicted labels of texts, by any tool, beside the gold labels.

One file with both: JSON lines (``gold``, ``predicted``) or a table with such columns. Or two files:
the predictions (JSON lines, a table, or one line a text with its label, comma-joined where a text
may have several) and the gold as ``read_texts`` reads it. They are joined by id where both have the
same ids, and by their order where they share none.

Columns are found by the chosen names, else by known names. In a table without a header the last two
columns are gold and predicted, or the last column where the gold is in another file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicetune.data.files.json_objects import (
    GOLD_KEYS,
    PREDICTED_KEYS,
    prediction_records,
    refuse_split,
    rows_of_split,
)
from dicetune.data.files.rows import zipped
from dicetune.data.files.tables import parse_grid
from dicetune.data.files.text import (
    Note,
    NoteBook,
    Place,
    Reader,
    read_lines,
    source_name,
    without_returns,
)
from dicetune.data.tagged.jsonl import name_of
from dicetune.data.texts.columns import (
    LABEL_NAMES,
    Column,
    Numbered,
    check_header,
    label_columns,
    marked_labels,
    names_marks,
    plain_names,
)
from dicetune.data.texts.corpus import TextCorpus
from dicetune.data.texts.labels import AUTO, Cell, LabelColumn
from dicetune.errors import listed, quoted, unknown_name

PREDICTION_FORMATS = ("jsonl", "csv", "tsv", "lines")

_GOLD = (*GOLD_KEYS, *LABEL_NAMES)
_ALONE = (*PREDICTED_KEYS, "predicted_label", "label", "labels")
"""Names of the predicted label where no gold is beside it."""


@dataclass(frozen=True)
class TextPredictions:
    """Gold and predicted labels of texts."""

    gold: tuple[tuple[str, ...], ...]
    predicted: tuple[tuple[str, ...], ...]
    source: str
    probabilities: tuple[Mapping[str, float], ...] = ()  # by label, where all rows have them
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        return len(self.gold)


@dataclass(frozen=True)
class PredictionLayout:
    """The options of a reader of predictions."""

    format: str = "auto"
    several: bool = False  # whether a text may have any number of labels
    gold_column: Column = None
    predicted_column: Column = None
    names: Sequence[str] = ()  # of all labels, where the file has numbers
    quoting: str = "auto"
    header: str = "auto"  # whether a table's first row names its columns
    split: str | None = None  # which rows, where they name several splits
    label_columns: Sequence[str] = ()  # of 0 and 1, or names of the places in lists of 0 and 1
    separator: str = AUTO  # between labels in a cell: auto, none or the separator
    # probabilities of JSON lines that have none, from their records; empty if there are none
    chances: Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, float]]] | None = None

    def __post_init__(self) -> None:
        check_header(self.header)
        if self.format not in ("auto", *PREDICTION_FORMATS):
            known = ["auto", *PREDICTION_FORMATS]
            raise unknown_name("format of predictions", self.format, known)


def read_text_predictions(
    path: str | Path, gold: TextCorpus | None = None, **options: Any
) -> TextPredictions:
    """Predicted labels beside a corpus of gold, or of the same rows; see ``PredictionLayout``."""
    return _PredictionReader(PredictionLayout(**options), gold, source_name(path), NoteBook()).read(
        path
    )


@dataclass(frozen=True)
class _Row:
    """One row as the file has it; labels are strings, numbers or lists of these."""

    gold: Any
    predicted: Any
    line: int
    id: str | None = None
    probabilities: Mapping[str, float] | None = None


@dataclass(frozen=True)
class _PredictionReader(Reader):
    """The reading of one file, beside a corpus of gold or with the gold in its rows."""

    wanted: PredictionLayout
    gold: TextCorpus | None
    source: str
    notes: NoteBook

    def read(self, path: str | Path) -> TextPredictions:
        raw_lines = read_lines(path, returns=True)
        lines, format = without_returns(raw_lines), self.wanted.format
        if format == "auto":
            format = _format_of(lines, self.gold is not None)
        if format == "jsonl":
            rows = self.object_rows(lines)
        elif format != "lines":
            rows = self.cell_rows(raw_lines, "\t" if format == "tsv" else None)
        elif self.gold is None:
            raise self.error("expected a file of gold beside labels alone, got none")
        else:
            rows = [_Row(None, line, number) for number, line in enumerate(lines, 1)]
            refuse_split(self.wanted.split, self.source)
        if self.gold is not None:
            rows = self.with_gold(rows, self.gold)
            gold: Sequence[Any] = [row.gold for row in rows]
        else:
            gold = self.labels([(row.line, row.gold) for row in rows])
        seen = {label for labels in gold for label in labels}
        predicted = self.labels([(row.line, row.predicted) for row in rows], seen)
        if self.gold is not None:
            self.check_known({*self.gold.names, *seen}, rows, predicted)
        probabilities = tuple(row.probabilities for row in rows if row.probabilities is not None)
        return TextPredictions(
            tuple(gold),
            tuple(predicted),
            self.source,
            probabilities if len(probabilities) == len(rows) else (),
            self.notes.notes(),
        )

    def object_rows(self, lines: Sequence[str]) -> list[_Row]:
        """The rows of JSON lines; the keys of the first object decide."""
        records = prediction_records(lines, self.wanted.split, self.source)
        names = list(records[0][1])
        rows = [(at.line or 0, [record.get(name) for name in names]) for at, record in records]
        columns = self.columns(names, rows, rows[0][0])
        beside: Sequence[Mapping[str, float] | None] = ()
        if self.wanted.chances and not any("probabilities" in record for _, record in records):
            beside = self.wanted.chances([record for _, record in records])
        beside = beside or [None] * len(records)
        found = []
        for row, (place, record), known in zip(rows, records, beside, strict=True):
            for name in (names[column] for column in columns.needed):
                if name not in record:
                    raise place.error(f"expected the key {quoted(name)} as in the first row")
            chances = _probabilities(record, place) if known is None else known
            found.append(replace(columns.row(row, name_of(record)), probabilities=chances))
        return found

    def cell_rows(self, lines: Sequence[str], separator: str | None) -> list[_Row]:
        """The rows of CSV or TSV."""
        wanted, source = self.wanted, self.source
        grid = parse_grid(lines, source, self.notes, separator=separator, quoting=wanted.quoting)
        first, rows = grid.rows[0], zipped(grid.lines, grid.rows)
        plain = plain_names(first)
        known = {*(PREDICTED_KEYS if self.gold is None else _ALONE)}
        known |= {*plain_names([str(c) for c in self.chosen if c is not None])}
        has_header = wanted.header == "on"
        if wanted.header == "auto":
            has_header = bool({*plain} & known) or names_marks(first, rows[1:])
        if has_header:
            columns = self.columns(first, rows[1:], grid.lines[0])
            rows = rows[1:]
            if not rows:
                raise self.error("expected rows below the header, got none")
        else:
            plain = []
            columns = self.last_columns(grid.width)
        id_place, split_place = (
            plain.index(name) if name in plain else None for name in ("id", "split")
        )
        found = [columns.row(row, None if id_place is None else row[1][id_place]) for row in rows]
        splits = [None if split_place is None else row[split_place] or None for _, row in rows]
        found = rows_of_split(found, splits, wanted.split, source)
        if wanted.header == "auto" and not has_header:
            self.doubt_header(found[0], found[1:])
        return found

    @property
    def chosen(self) -> tuple[Column, Column]:
        return self.wanted.gold_column, self.wanted.predicted_column

    def columns(self, names: Sequence[str], rows: Sequence[Numbered], line: int) -> _Columns:
        """The columns of gold and predicted labels, or columns of 0 and 1, by their names."""
        plain = plain_names(names)

        def find(chosen: Column, known: Sequence[str], what: str, taken: int = -1) -> int:
            asked = known if chosen is None else plain_names([str(chosen)])
            for name in asked:
                if name in plain and plain.index(name) != taken:
                    return plain.index(name)
            if chosen is not None and str(chosen).isdigit() and int(chosen) < len(names):
                return int(chosen)
            raise self.error(
                f"expected a column for the {what} labels ({listed(asked)}), got "
                f"{listed(names)}: give -o {what}_column=NAME",
                line,
            )

        gold, predicted = self.chosen
        if self.gold is None:
            place = find(predicted, PREDICTED_KEYS, "predicted")
            return _Columns(names, place, find(gold, _GOLD, "gold", place))
        if self.wanted.several and predicted is None and not {*plain} & {*_ALONE}:
            marks = label_columns(names, rows, self.wanted.label_columns, self.source)
            if marks:
                return _Columns(names, None, marks=tuple(marks))
        return _Columns(names, find(predicted, _ALONE, "predicted"))

    def last_columns(self, width: int) -> _Columns:
        """The chosen or the last columns of a table without a header."""

        def place(column: Column, default: int, option: str) -> int:
            try:
                number = default if column is None else int(column)
            except ValueError:
                number = width
            if not -width <= number < width:
                what = f"a column {column} for {option}"
                if column is None:
                    what = f"at least {-default} columns, the last for the predicted labels"
                raise self.error(
                    f"expected {what}, got {width} (numbered from 0) and no header: give "
                    f"-o {option}=N"
                )
            return number % width

        gold, predicted = self.chosen
        gold_place = place(gold, -2, "gold_column") if self.gold is None else None
        return _Columns((), place(predicted, -1, "predicted_column"), gold_place)

    def doubt_header(self, first: _Row, others: Sequence[_Row]) -> None:
        """Note a first row whose labels never come again: it may be a header."""
        seen = {label for row in others for label in (row.gold, row.predicted)}
        if len(others) > 1 and not seen & {first.gold, first.predicted} - {None}:
            shown = first.predicted if first.gold is None else f"{first.gold}, {first.predicted}"
            self.note(
                f"{quoted(shown)} is on the first row alone and is scored: header=on if that "
                "row is a header",
                first.line,
            )

    def labels(self, cells: list[Cell], seen: Iterable[str] = ()) -> Sequence[tuple[str, ...]]:
        """The labels of a column of cells."""
        wanted = self.wanted
        return LabelColumn(
            self.source,
            self.notes,
            wanted.names or (() if self.gold is None else self.gold.names),
            wanted.several,
            wanted.separator,
            tuple(wanted.label_columns),
            tuple(seen),
            needed=self.gold is None,  # the places may be for a file of gold
        ).labels(cells)

    def check_known(
        self, known: set[str], rows: Sequence[_Row], predicted: Sequence[tuple[str, ...]]
    ) -> None:
        """Refuse predictions of other labels than the gold has; note single ones."""
        gold = "" if self.gold is None else self.gold.source
        used = [
            (row.line, label)
            for row, labels in zip(rows, predicted, strict=True)
            for label in labels
        ]
        other = [(line, label) for line, label in used if label not in known]
        if other and known and len(other) == len(used):
            line, label = other[0]
            raise self.error(
                f"expected labels as {gold} has them ({listed(sorted(known), most=8)}), got others "
                f"alone, such as {quoted(label)}: give the column (-o predicted_column=NAME), or "
                "the names of numbers (-o label_names=FILE)",
                line,
            )
        for line, _ in other:
            rule = f"predicted labels that {gold} never has, such as {quoted(other[0][1])}: wrong"
            self.note(rule, line)

    def with_gold(self, rows: Sequence[_Row], gold: TextCorpus) -> list[_Row]:
        """Rows with the labels of the corpus, in its order."""
        if len(rows) != len(gold):
            raise self.error(
                f"expected a prediction for each of the {len(gold)} texts of {gold.source}, got "
                f"{len(rows)}"
            )
        ids, gold_ids = [row.id for row in rows], [example.id for example in gold]
        if ids == gold_ids or not all(ids):
            pass
        elif None in gold_ids:
            if len({*ids}) < len(ids):
                self.note(f"ids that come again, and none in {gold.source}: joined by order")
        elif {*ids}.isdisjoint(gold_ids):
            self.note(f"other ids than in {gold.source}: joined by order", None, len(rows))
        else:
            known = {*gold_ids}
            found: dict[str | None, _Row] = {}
            for row in rows:
                if row.id in found or row.id not in known:
                    what = "again" if row.id in found else f"which {gold.source} does not have"
                    raise self.error(
                        f"expected each id of {gold.source} once, got {quoted(row.id)}, {what}: "
                        "mend the ids, or leave them out where both files have the same order",
                        row.line,
                    )
                found[row.id] = row
            rows = [found[name] for name in gold_ids]
        return [replace(row, gold=example.labels) for example, row in zip(gold, rows, strict=True)]


@dataclass(frozen=True)
class _Columns:
    """The places of the predicted and the gold labels: a column each, or columns of 0 and 1."""

    names: Sequence[str]
    predicted: int | None
    gold: int | None = None
    marks: tuple[int, ...] = ()

    @property
    def needed(self) -> tuple[int, ...]:
        columns = (self.gold, self.predicted)
        return self.marks or tuple(place for place in columns if place is not None)

    def row(self, numbered: Numbered, id: str | None) -> _Row:
        line, values = numbered
        if self.predicted is None:
            predicted: Any = marked_labels(self.names, values, self.marks)
        else:
            predicted = values[self.predicted]
        return _Row(None if self.gold is None else values[self.gold], predicted, line, id)


def _probabilities(record: Mapping[str, Any], place: Place) -> Mapping[str, float] | None:
    """The probability of each label, where the row has probabilities by name."""
    found = record.get("probabilities")
    if not isinstance(found, Mapping):
        return None
    for label, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise place.error(
                f"expected a probability from 0 to 1 for {quoted(label)}, got {quoted(value)}"
            )
    return found


def _format_of(lines: Sequence[str], has_gold: bool) -> str:
    first = next(line for line in lines if line.strip())
    if first.lstrip().startswith(("{", "[{")):
        return "jsonl"
    if "\t" in first:
        return "tsv"
    cells = plain_names(first.split(","))
    known = _ALONE if len(cells) > 1 else PREDICTED_KEYS  # a label may be called "label"
    if not has_gold or {*cells} & {*known}:
        return "csv"
    table = [line.split(",") for line in lines if line]
    is_even = len({len(row) for row in table}) == 1
    return "csv" if is_even and names_marks(table[0], list(enumerate(table[1:]))) else "lines"
