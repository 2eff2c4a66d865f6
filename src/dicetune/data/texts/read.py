r"""``read_texts``: texts, or pairs of texts, with their labels, from any file that holds them.

Path -> format -> rows -> labels by name -> TextCorpus. Formats: ``csv``, ``tsv``, ``jsonl``,
``trees`` (Sentiment Treebank), ``hub`` (``datasets``), and ``text``, one a line, for texts to be
labelled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.files.hub import names_data_set
from dicetune.data.files.json_objects import whole_characters
from dicetune.data.files.text import NoteBook, read_lines, source_name, without_returns
from dicetune.data.texts.columns import LABEL_NAMES, PAIR_NAMES, TEXT_NAMES
from dicetune.data.texts.corpus import TextCorpus, TextExample
from dicetune.data.texts.label_cells import LabelCells
from dicetune.data.texts.labels import parse_labels, read_label_names
from dicetune.data.texts.rows import RawRow, TextLayout, hub_rows, json_rows, table_rows
from dicetune.data.texts.sentiment import parse_sentiment
from dicetune.errors import DataError, listed, quoted, unknown_name

TEXT_FORMATS = ("csv", "tsv", "jsonl", "trees", "hub", "text")
EMPTY = "empty texts: kept, so that answers line up with the file"
OWN_LABELS = "labels read by the names of the model's own: numbers are places among them"
NO_TREES = "classes=binary has no effect: it is for files of trees"

_TREE = re.compile(r"\([ \t]*[0-9][ \t]*[( ].*")
_KNOWN = {*TEXT_NAMES, *(name for both in PAIR_NAMES for name in both), *LABEL_NAMES}


def read_texts(
    path: str | Path,
    wanted: TextLayout | None = None,
    *,
    format: str = "auto",
    several: bool = False,
    label_names: str | Path | None = None,
    classes: str = "fine",
    report: Callable[[str], None] = lambda line: None,
) -> TextCorpus:
    """Texts with their labels.

    Args:
        path: a file (gzip too, ``-`` is stdin), or a data set as ``read_tokens`` takes it.
        wanted: columns, pairs or single texts, with or without gold, quoting.
        format: one of ``TEXT_FORMATS``; ``auto`` looks at the content.
        several: whether a text may have any number of labels, and not exactly one.
        label_names: file of the names of all labels, one a line, where rows have numbers.
        classes: of trees, ``fine`` or ``binary``.
        report: takes a line where the format is a guess.

    Raises:
        DataError: what is wrong, in which file and line, what was expected and what to do.
        InputError: an unknown format.
    """
    wanted = wanted or TextLayout()
    if format != "auto" and format not in TEXT_FORMATS:
        raise unknown_name("data format", format, ["auto", *TEXT_FORMATS])
    raw_lines: list[str] = []
    source = source_name(path)
    if format == "auto" and names_data_set(path):
        format = "hub"
    if format != "hub":
        raw_lines = read_lines(path, returns=True)
    lines = without_returns(raw_lines)
    if format == "auto":
        format = _format_of(lines, source, wanted, report)
    names = () if label_names is None else read_label_names(label_names)
    notes = NoteBook()
    if format == "trees":
        if wanted.pair:
            raise DataError(source, "expected pairs of texts, got trees, which hold one text each")
        found = list(parse_sentiment(lines, source, notes, classes=classes, gold=wanted.gold))
        return _corpus(found, source, names, notes)
    if classes != "fine" and wanted.gold:
        notes.add(NO_TREES, source)
    if format == "text":
        return _corpus(_plain_lines(lines, source, wanted, notes), source, names, notes)
    if format == "jsonl":
        raw = json_rows(lines, source, wanted, notes, several=several)
    elif format == "hub":
        raw = hub_rows(path, source, wanted, notes, several=several)
    else:
        separator = "\t" if format == "tsv" else None
        raw = table_rows(raw_lines, source, separator, wanted, notes, several=several)
    rows, names = raw.rows, names or raw.names
    if wanted.labels and not names and rows:
        names = wanted.labels
        notes.add(OWN_LABELS, f"{source}:{rows[0].line}", len(rows))
    labels: Sequence[tuple[str, ...] | None] = [None] * len(rows)
    if wanted.gold:
        cells = [(row.line, row.label) for row in rows]
        # columns that are there are no names of places in lists
        places = () if raw.label is None else wanted.choice.labels
        how = LabelCells(wanted.separator, places, wanted.seen)
        labels = parse_labels(cells, source, notes, names=names, several=several, how=how)
        names = names or places  # the order that was given is that of the model's outputs
    examples = [
        _example(row, own, source, wanted, notes) for row, own in zip(rows, labels, strict=True)
    ]
    return _corpus(examples, source, names, notes)


def _format_of(
    lines: Sequence[str], source: str, wanted: TextLayout, report: Callable[[str], None]
) -> str:
    """The format of lines by their content, and by the file's name where that leaves it open."""
    rows = [line for line in lines if line]
    name = source.removesuffix(".gz")
    if _is_object(rows[0]) or name.endswith((".jsonl", ".json", ".ndjson")):
        return "jsonl"
    if _TREE.fullmatch(rows[0]) and not wanted.pair:
        return "trees"
    for ending in ("tsv", "csv"):
        if name.endswith(f".{ending}"):
            return ending
    tabs = {row.count("\t") for row in rows}
    if tabs != {0} and (
        len(tabs) == 1 or (wanted.gold and 2 * sum("\t" in r for r in rows) > len(rows))
    ):
        return "tsv"
    cells = [cell.strip().casefold() for cell in re.split("[,;]", rows[0])]
    if len(cells) > 1 and any(cell in _KNOWN for cell in cells):
        return "csv"
    if not wanted.gold and not wanted.pair:
        if tabs != {0}:
            report(f"{source}: read as plain text, since some lines hold tabs, but make no table")
        return "text"
    raise DataError(
        source,
        "the format cannot be told: expected JSON lines, rows of cells with tabs between them, or "
        f"CSV with a header, got {quoted(rows[0][:40])}: give the format "
        f"({listed(TEXT_FORMATS)})",
        line=1,
    )


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _plain_lines(
    lines: Sequence[str], source: str, wanted: TextLayout, notes: NoteBook
) -> list[TextExample]:
    if wanted.gold or wanted.pair:
        what = "labels" if wanted.gold else "pairs of texts"
        raise DataError(source, f"expected {what}, got plain text, one a line: use a table")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            notes.add(EMPTY, f"{source}:{number}")
    return [TextExample(line, line=number) for number, line in enumerate(lines, 1)]


def _example(
    row: RawRow,
    labels: tuple[str, ...] | None,
    source: str,
    wanted: TextLayout,
    notes: NoteBook,
) -> TextExample:
    text = _text(row.text, source, row.line, wanted.gold, notes)
    pair = _text(row.pair, source, row.line, wanted.gold, notes) if wanted.pair else None
    name = None if row.id is None or row.id == "" else str(row.id)
    return TextExample(text, pair, labels, row.line, name)


def _text(value: Any, source: str, line: int, gold: bool, notes: NoteBook) -> str:
    if not isinstance(value, str):
        raise DataError(
            source, f"expected a text, got {quoted(value)} ({type(value).__name__})", line=line
        )
    if not whole_characters(value):
        raise DataError(source, "expected whole characters, got half a surrogate pair", line=line)
    if not value.strip():
        if gold:
            raise DataError(
                source, "expected a text, got an empty one: fill it in, or drop the row", line=line
            )
        notes.add(EMPTY, f"{source}:{line}")
    return value


def _corpus(
    examples: Sequence[TextExample], source: str, names: Sequence[str], notes: NoteBook
) -> TextCorpus:
    if not examples:
        raise DataError(source, "expected texts, got none: check the file and the format")
    return TextCorpus(tuple(examples), source, notes.notes(), tuple(names))
