r"""``read_texts``: texts, or pairs of texts, with their labels, from any file that holds them.

Path -> format -> columns -> labels by name -> TextCorpus. Formats: ``csv``, ``tsv``, ``jsonl``,
``excel``, ``hub`` (``datasets`` and Parquet), ``trees`` (Sentiment Treebank), the ``EXPORTS`` of
annotation tools (``data/exports``), and ``text``, one text a line, for texts to be labelled.

A tree ``(3 (2 It) (4 (2 's) (4 fun)))`` is the text "It 's fun" with label 3, from 0 to 4. Two
readings, as in the field: ``fine`` (SST-5, the five labels) and ``binary`` (SST-2: 0 and 1 are
negative, 3 and 4 are positive, neutral sentences are dropped).
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dicetune.data.exports.documents import Export, ExportChoice
from dicetune.data.exports.read import EXPORTS, NO_LABEL, NO_TEXTS, export_at, export_in, label_rows
from dicetune.data.files.brackets import parse_brackets, plain_word
from dicetune.data.files.hub import load_split, names_data_set
from dicetune.data.files.json_objects import is_object, json_objects, whole_characters
from dicetune.data.files.rows import Numbers, Parsed, Rows, zipped
from dicetune.data.files.tables import Grid, InputTable, excel_grid, is_excel, parse_grid
from dicetune.data.files.text import NoteBook, Reader, read_lines, source_name, without_returns
from dicetune.data.texts.columns import (
    ID_NAMES,
    KNOWN_NAMES,
    ColumnSearch,
    FoundColumns,
    Numbered,
    TextColumns,
    TextLayout,
    has_header,
    marked_labels,
    plain_names,
)
from dicetune.data.texts.corpus import TextCorpus, TextExample, text_columns
from dicetune.data.texts.labels import LabelColumn, read_label_names
from dicetune.errors import listed, quoted, unknown_name

_log = logging.getLogger(__name__)
TEXT_FORMATS = ("csv", "tsv", "jsonl", "excel", "trees", "hub", "text", *EXPORTS)
CLASSES = ("fine", "binary")
EMPTY = "empty texts: kept, so that answers line up with the file"
MODEL_LABELS = "labels read by the names of the model's own: numbers are places among them"
NO_TREES = "classes=binary has no effect: it is for files of trees"
NEUTRAL = "neutral sentences (label 2): left out, since classes=binary"

_EXPORT = "an export of {}"
_NO_LABEL = ("", None, -1, "-1")
"""Cells of a test file whose labels are held back."""

_BINARY = {"0": "negative", "1": "negative", "3": "positive", "4": "positive"}
_TREE = re.compile(r"\([ \t]*[0-9][ \t]*[( ].*")


def read_texts(
    path: str | Path,
    wanted: TextLayout | None = None,
    *,
    format: str = "auto",
    several: bool = False,
    label_names: str | Path | None = None,
    classes: str = "fine",
    choice: ExportChoice | None = None,
) -> TextCorpus:
    """Texts with their labels: with ``several`` any number a text, else exactly one.

    ``choice`` says what an export of an annotation tool leaves open.
    """
    if format != "auto" and format not in TEXT_FORMATS:
        raise unknown_name("data format", format, ["auto", *TEXT_FORMATS])
    reader = _TextReader(source_name(path), wanted or TextLayout(), several)
    kept: InputTable | None = None
    raw_lines: Sequence[str] = ()
    choice = choice or ExportChoice()
    if format == "auto" and is_excel(path):
        format = "excel"
    elif format == "auto":
        format = export_at(path) or ("hub" if names_data_set(path) else format)
    if format not in ("hub", "excel", *NO_TEXTS):
        raw_lines = read_lines(path, returns=True)
    lines = without_returns(raw_lines)
    if format == "auto":
        format = export_in(lines) or reader.format_of(lines)
    if format not in EXPORTS:
        choice.refuse(reader.source)
    names: Sequence[str] = () if label_names is None else read_label_names(label_names)
    if format != "trees" and classes != "fine" and reader.wanted.gold:
        reader.note(NO_TREES)
    examples: Iterable[TextExample]
    if format == "trees":
        examples = reader.trees(lines, classes)
    elif format == "text":
        examples = reader.plain_lines(lines)
    else:
        if format == "jsonl":
            table = _json_table(lines, reader.source)
        elif format == "hub":
            table = _hub_table(path)
        elif format == "excel":
            table = reader.cell_table(excel_grid(path, reader.notes))
        elif format in EXPORTS:
            table = reader.export_table(path, lines, format, choice)
        else:
            table = reader.cell_table(reader.grid(raw_lines, "\t" if format == "tsv" else None))
        found = reader.columns_of(table)
        table = reader.with_labels(table, found)
        examples, names = reader.labelled(table, names, found)
        kept = None if reader.wanted.gold else table.kept(found)
    rows = text_columns(examples)
    if not rows:
        raise reader.error("expected texts, got none: check the file and the format")
    return TextCorpus(rows, reader.source, reader.notes.notes(), tuple(names), kept)


@dataclass(frozen=True)
class _Table:
    """Rows of values under names, as every format of tables has them."""

    layout: str  # for the note
    names: Sequence[str]  # numbers where there is no header
    rows: Sequence[Numbered]
    line: int | None  # of the names
    header: bool = True
    records: Sequence[Any] = ()  # the objects of JSON lines, whose keys may be missing
    features: Any = None  # of a data set, which may know the names of labels
    known: TextColumns = field(default_factory=TextColumns)  # where a tool knows them

    def label_names(self, found: FoundColumns) -> tuple[str, ...]:
        """The names of all labels, where the columns or a ``ClassLabel`` have them."""
        if self.features is None or found.label is None:
            return tuple(self.names[place] for place in found.labels)
        feature = self.features[self.names[found.label]]
        return tuple(getattr(getattr(feature, "feature", feature), "names", None) or ())

    def kept(self, found: FoundColumns) -> InputTable:
        """All columns, also keys that the first object lacks; numbers get names."""
        known = {found.text: "text", found.pair: "text_b", found.id: "id"}
        names = list(self.names)
        if not self.header:
            names = [known.get(place, f"column {place}") for place in range(len(names))]
        used = frozenset(names[place] for place in known if place is not None)
        if not self.records:
            return InputTable(tuple(names), Rows(lambda row: row[1], row=self.rows), used)
        return InputTable.of(self.records, used)


def _json_table(lines: Sequence[str], source: str) -> _Table:
    """The objects of JSON lines under the keys of the first object, and any id."""
    numbers, keys = Numbers(), dict[str, None]()
    for place, record in json_objects(lines, source):
        numbers.append(place.line)
        keys |= dict.fromkeys(record)
    records: Sequence[Any] = Parsed(lines, numbers, json.loads)
    first = records[0]
    # not every object need have an id, not even the first
    names = [key for key in keys if key in first or key.casefold() in ID_NAMES]

    def row(number: int, record: Mapping[str, Any]) -> Numbered:
        return number, [record.get(name) for name in names]

    rows = Rows(row, number=numbers, record=records)
    return _Table("JSON lines", names, rows, numbers[0], records=records)


def _hub_table(path: str | Path) -> _Table:
    data = load_split(path)
    names = list(data.column_names)
    rows = [(number, [record[name] for name in names]) for number, record in enumerate(data, 1)]
    return _Table("a data set", names, rows, None, features=data.features)


@dataclass(frozen=True)
class _TextReader(Reader):
    """The reading of one file."""

    source: str
    wanted: TextLayout
    several: bool  # whether a text may have any number of labels
    notes: NoteBook = field(default_factory=NoteBook)

    def format_of(self, lines: Sequence[str]) -> str:
        """The format of lines by their content, else by the name of the file."""
        wanted, first = self.wanted, next(filter(None, lines))
        name = self.source.removesuffix(".gz")
        if is_object(first) or name.endswith((".jsonl", ".json", ".ndjson")):
            return "jsonl"
        if _TREE.fullmatch(first) and not wanted.pair:
            return "trees"
        if wanted.delimiter:
            return "csv"
        for ending in ("tsv", "csv"):
            if name.endswith(f".{ending}"):
                return ending
        counts = Counter(row.count("\t") for row in filter(None, lines))
        tabs = {*counts}
        if tabs != {0} and (len(tabs) == 1 or (wanted.gold and 2 * counts[0] < counts.total())):
            return "tsv"
        cells = plain_names(re.split("[,;|]", first))
        if len(cells) > 1 and any(cell in KNOWN_NAMES for cell in cells):
            return "csv"
        if not wanted.gold and not wanted.pair:
            if tabs != {0}:
                message = "%s: read as plain text, since some lines hold tabs, but make no table"
                _log.warning(message, self.source)
            return "text"
        # one text a line; a row of cells may be a table that cannot be told
        error = self.error if wanted.pair or tabs != {0} or len(cells) > 1 else self.no_gold
        raise error(
            "the format cannot be told: expected JSON lines, rows of cells with tabs between "
            f"them, or CSV with a header, got {quoted(first[:40])}: give the format "
            f"({listed(TEXT_FORMATS)})",
            1,
        )

    def trees(self, lines: Sequence[str], classes: str) -> Iterator[TextExample]:
        """The sentences of trees with the labels of their roots."""
        if self.wanted.pair:
            raise self.error("expected pairs of texts, got trees, which hold one text each")
        if classes not in CLASSES:
            raise unknown_name("classes of trees", classes, CLASSES)
        for tree in parse_brackets(lines, self.source, self.notes):
            text = " ".join(plain_word(leaf.word or "") for leaf in tree.leaves())
            if not self.wanted.gold:
                yield TextExample(text, line=tree.line)
            elif tree.label not in ("0", "1", "2", "3", "4"):
                raise self.error(
                    "expected a root label from 0 to 4, as the Sentiment Treebank has, got "
                    f"{quoted(tree.label)}",
                    tree.line,
                )
            elif classes == "fine":
                yield TextExample(text, labels=(tree.label,), line=tree.line)
            elif tree.label in _BINARY:
                yield TextExample(text, labels=(_BINARY[tree.label],), line=tree.line)
            else:
                self.note(NEUTRAL, tree.line)

    def plain_lines(self, lines: Sequence[str]) -> Iterator[TextExample]:
        """One text a line."""
        if self.wanted.gold or self.wanted.pair:
            what = "labels" if self.wanted.gold else "pairs of texts"
            error = self.error if self.wanted.pair else self.no_gold
            raise error(f"expected {what}, got plain text, one a line: use a table")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                self.note(EMPTY, number)
        return (TextExample(line, line=number) for number, line in enumerate(lines, 1))

    def grid(self, lines: Sequence[str], separator: str | None) -> Grid:
        """The rows of a CSV or TSV file."""
        separator = self.wanted.delimiter or separator
        quoting = self.wanted.quoting
        return parse_grid(lines, self.source, self.notes, separator=separator, quoting=quoting)

    def cell_table(self, grid: Grid) -> _Table:
        """The table of rows of cells."""
        header = has_header(grid.rows, self.wanted)
        rows = zipped(grid.lines, grid.rows)[header:]
        if not rows:
            raise self.error("expected rows below the header, got none")
        layout = (
            f"{grid.described} {'with' if header else 'without'} "
            f"header, quoting {'on' if grid.quoted else 'off'}"
        )
        names = grid.rows[0] if header else list(map(str, range(grid.width)))
        return _Table(layout, names, rows, grid.lines[0] if header else None, header)

    def export_table(
        self, path: str | Path, lines: Sequence[str], format: str, choice: ExportChoice
    ) -> _Table:
        """The texts of an export with their labels, in the columns that the tool has."""
        gold = self.wanted.gold
        export = Export(path, lines, self.source, choice=choice, gold=gold, notes=self.notes)
        records, known = label_rows(export, format)
        names = list(dict.fromkeys(key for _, record in records for key in record))
        rows = [(line, [record.get(name) for name in names]) for line, record in records]
        return _Table(_EXPORT.format(format), names, rows, None, known=known)

    def with_labels(self, table: _Table, found: FoundColumns) -> _Table:
        """The rows of an export that have a label: a list, or the one label of a text."""
        place, rows = found.label, []
        if table.layout not in map(_EXPORT.format, EXPORTS) or place is None:
            return table
        for line, row in table.rows:
            value = row[place]
            if isinstance(value, str) or value is None:
                value = [] if value is None else [value]
            if not self.several and value == []:
                self.note(NO_LABEL, line)
                continue
            if not self.several and isinstance(value, list):
                if len(value) > 1:
                    shown = " and ".join(map(quoted, value[:3]))
                    raise self.error(
                        f"expected one label, got {shown}: task multilabel reads texts of several "
                        "labels",
                        line or None,
                    )
                value = value[0]
            rows.append((line, [*row[:place], value, *row[place + 1 :]]))
        return replace(table, rows=rows)

    def labelled(
        self, table: _Table, names: Sequence[str], found: FoundColumns
    ) -> tuple[Iterator[TextExample], Sequence[str]]:
        """The examples of a table, and the names of all their labels, where they are known."""
        rows, wanted = table.rows, self.wanted
        names = names or table.label_names(found)
        if wanted.labels and not names and rows:
            names = wanted.labels
            self.note(MODEL_LABELS, rows[0][0], len(rows))
        labels: Sequence[tuple[str, ...] | None] = [None] * len(rows)
        if wanted.gold:
            label, marks = found.label, found.labels
            cells = [
                (line, marked_labels(table.names, row, marks) if label is None else row[label])
                for line, row in rows
            ]
            held_back = (-1, "-1") if self.several else _NO_LABEL  # no label is one of several too
            if label is not None and all(value in held_back for _, value in cells):
                shown = quoted(cells[0][1])
                raise self.no_gold(f"expected labels, got {shown} in every row", cells[0][0])
            # columns that are there are no names of places in lists
            places = () if label is None else wanted.choice.labels
            column = LabelColumn(
                self.source, self.notes, names, self.several, wanted.separator, places, wanted.seen
            )
            labels = column.labels(cells)
            names = names or places  # the given order is the order of the model's outputs
        return self.examples(rows, labels, found), names

    def examples(
        self,
        rows: Sequence[Numbered],
        labels: Sequence[tuple[str, ...] | None],
        found: FoundColumns,
    ) -> Iterator[TextExample]:
        """The examples of rows with their labels."""
        for (line, row), row_labels in zip(rows, labels, strict=True):
            text = self.text(row[found.text], line)
            pair = None if found.pair is None else self.text(row[found.pair], line)
            name = None if found.id is None else row[found.id]
            name = None if name is None or name == "" else str(name)
            yield TextExample(text, pair, row_labels, line, name)

    def columns_of(self, table: _Table) -> FoundColumns:
        """The columns of a table, and a note of them; refuse objects that lack one."""
        chosen, known = self.wanted.choice, table.known
        text = known.text if chosen.text is None and not self.wanted.pair else chosen.text
        label = known.label if chosen.label is None else chosen.label
        wanted = replace(self.wanted, choice=replace(chosen, text=text, label=label))
        search = ColumnSearch(table.names, table.rows, wanted, self.source, table.line)
        found = search.columns(self.several, table.header)
        places = (found.text, found.pair, found.label, *found.labels)
        needed = [table.names[place] for place in places if place is not None]
        for (line, _), record in zip(table.rows, table.records, strict=False):
            for name in needed:
                if name not in record:
                    raise self.error(
                        f"expected the key {quoted(name)} as in the first object, got "
                        f"{listed(record) or 'none'}",
                        line,
                    )
        shown = found.described(table.names if table.header else range(len(table.names)))
        first_line = None if table.features is not None else table.rows[0][0]
        self.note(f"rows read as {table.layout}; {shown}", first_line, len(table.rows))
        if found.label is not None and not table.header and self.wanted.header == "auto":
            label = found.label
            counts = Counter(row[label] for _, row in table.rows)
            line, first = table.rows[0][0], table.rows[0][1][label]
            others = [count for value, count in counts.items() if value != first]
            if counts[first] == 1 and others and min(others) > 1:
                self.note(
                    f"label {quoted(first)} is on the first row alone: header=on if that row "
                    "is a header",
                    line,
                )
        return found

    def text(self, value: Any, line: int) -> str:
        """The text of a cell; an empty one may be predicted, but not learned or scored."""
        if not isinstance(value, str):
            got = f"{quoted(value)} ({type(value).__name__})"
            raise self.error(f"expected a text, got {got}", line)
        if not whole_characters(value):
            raise self.error("expected whole characters, got half a surrogate pair", line)
        if not value.strip():
            if self.wanted.gold:
                message = "expected a text, got an empty one: fill it in, or drop the row"
                raise self.error(message, line)
            self.note(EMPTY, line)
        return value
