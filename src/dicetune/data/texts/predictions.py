"""Predicted labels of texts, by any tool, beside the gold ones.

One file with both: JSON lines (``gold``, ``predicted``) or a table with such columns, without a
header the last two. Or two files: the predictions (JSON lines, a table, or one line a text with
its label, comma-joined where a text may have several) and the gold as ``read_texts`` reads it;
they are joined by id where both have the same ids, by their order where they share none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicetune.data.files.json_lines import json_objects
from dicetune.data.files.notes import Note, NoteBook
from dicetune.data.files.open_text import read_lines, source_name
from dicetune.data.files.tables import Grid, parse_grid
from dicetune.data.tagged.predictions import GOLD_KEYS, PREDICTED_KEYS, SEVERAL_SPLITS
from dicetune.data.texts.columns import LABEL_NAMES
from dicetune.data.texts.corpus import TextCorpus
from dicetune.data.texts.labels import known_labels, parse_labels
from dicetune.data.texts.rows import HEADERS
from dicetune.errors import DataError, unknown_name

PREDICTION_FORMATS = ("jsonl", "csv", "tsv", "lines")

_GOLD = (*GOLD_KEYS, *LABEL_NAMES)
_PREDICTED = (*PREDICTED_KEYS, "predicted_label", "label", "labels")


@dataclass(frozen=True)
class TextPredictions:
    """Gold and predicted labels of texts.

    Args:
        gold: of each text.
        predicted: of each text.
        source: the file.
        probabilities: of each text, by label, where the file has them.
        notes: what was odd, counted.
    """

    gold: tuple[tuple[str, ...], ...]
    predicted: tuple[tuple[str, ...], ...]
    source: str
    probabilities: tuple[Mapping[str, float], ...] = ()
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        return len(self.gold)


@dataclass(frozen=True)
class _Row:
    gold: Any
    predicted: Any
    line: int
    id: str | None = None
    probabilities: Mapping[str, float] | None = None


def read_text_predictions(
    path: str | Path,
    gold: TextCorpus | None = None,
    *,
    format: str = "auto",
    several: bool = False,
    gold_column: int | str | None = None,
    predicted_column: int | str | None = None,
    names: Sequence[str] = (),
    quoting: str = "auto",
    header: str = "auto",
) -> TextPredictions:
    """Labels that a tool predicted, beside the right ones.

    Args:
        path: the predictions; ``-`` is stdin.
        gold: the right labels, where they stand in another file.
        format: one of ``PREDICTION_FORMATS``; ``auto`` looks at the content.
        several: whether a text may have any number of labels.
        gold_column: number or name.
        predicted_column: number or name.
        names: of all labels, where the file has numbers.
        quoting: of a table.
        header: whether a table's first row names its columns: ``on``, ``off``, or ``auto``: it
            does if a chosen or a known name stands there.

    Raises:
        DataError: what is wrong, in which file and line, and what to do.
        InputError: an unknown format or header.
    """
    if header not in HEADERS:
        raise unknown_name("header", header, HEADERS)
    if format not in ("auto", *PREDICTION_FORMATS):
        raise unknown_name("format of predictions", format, ["auto", *PREDICTION_FORMATS])
    source, lines, notes = source_name(path), read_lines(path), NoteBook()
    if format == "auto":
        format = _format_of(lines, gold is not None)
    wanted_gold = gold is None
    if format == "jsonl":
        rows = _from_json(lines, source, wanted_gold, gold_column, predicted_column, notes)
    elif format == "lines":
        if wanted_gold:
            raise DataError(source, "expected a file of gold beside labels alone, got none")
        rows = [_Row(None, line, number) for number, line in enumerate(lines, 1)]
    else:
        separator = "\t" if format == "tsv" else None
        grid = parse_grid(lines, source, notes, separator=separator, quoting=quoting)
        has_header = _has_header(grid.rows[0], header, wanted_gold, gold_column, predicted_column)
        rows = _from_grid(grid, has_header, source, wanted_gold, gold_column, predicted_column)
        if header == "auto" and not has_header:
            _doubt_header(rows, source, notes)
    if gold is not None:
        rows = _joined(rows, gold, source, notes)
    known = known_labels(names or (gold.names if gold else ()))
    both = []
    for row in rows:
        mine = parse_labels(row.predicted, source, row.line, notes, known=known, several=several)
        right = row.gold
        if gold is None:
            right = parse_labels(row.gold, source, row.line, notes, known=known, several=several)
        both.append((right, mine))
    probabilities = tuple(row.probabilities for row in rows if row.probabilities is not None)
    return TextPredictions(
        tuple(right for right, _ in both),
        tuple(mine for _, mine in both),
        source,
        probabilities if len(probabilities) == len(rows) else (),
        notes.notes(),
    )


def _format_of(lines: Sequence[str], has_gold: bool) -> str:
    first = next(line for line in lines if line.strip())
    if first.lstrip().startswith(("{", "[{")):
        return "jsonl"
    if "\t" in first:
        return "tsv"
    cells = {cell.strip().casefold() for cell in first.split(",")}
    known = _PREDICTED if len(cells) > 1 else PREDICTED_KEYS  # a label may be called "label"
    return "csv" if not has_gold or cells & set(known) else "lines"


def _from_json(
    lines: Sequence[str],
    source: str,
    wanted_gold: bool,
    gold_column: int | str | None,
    predicted_column: int | str | None,
    notes: NoteBook,
) -> list[_Row]:
    rows: list[_Row] = []
    places = (0, 0)
    names: list[str] = []
    splits: set[str] = set()
    for number, record in json_objects(lines, source):
        if not rows:
            names = list(record)
            places = _places(names, wanted_gold, gold_column, predicted_column, source, number)
        for place in places if wanted_gold else places[1:]:
            if names[place] not in record:
                raise DataError(
                    source, f"expected the key {names[place]!r} as in the first row", line=number
                )
        if "split" in record and str(record["split"]) not in splits:
            splits.add(str(record["split"]))
            if len(splits) > 1:
                notes.add(SEVERAL_SPLITS, f"{source}:{number}")
        own, chances = record.get("id"), record.get("probabilities")
        rows.append(
            _Row(
                record.get(names[places[0]]) if wanted_gold else None,
                record[names[places[1]]],
                number,
                None if own is None else str(own),
                chances if isinstance(chances, Mapping) else None,
            )
        )
    if not rows:
        raise DataError(source, "expected predictions, got none")
    return rows


def _has_header(
    first: Sequence[str],
    header: str,
    wanted_gold: bool,
    gold_column: int | str | None,
    predicted_column: int | str | None,
) -> bool:
    if header != "auto":
        return header == "on"
    names = {cell.strip().casefold() for cell in first}
    chosen = {str(column).strip().casefold() for column in (gold_column, predicted_column)}
    known = PREDICTED_KEYS if wanted_gold else _PREDICTED
    return bool(names & ({*known, *chosen} - {"none"}))


def _doubt_header(rows: Sequence[_Row], source: str, notes: NoteBook) -> None:
    first, others = rows[0], rows[1:]
    seen = {label for row in others for label in (row.gold, row.predicted)}
    if len(others) > 1 and not seen & {first.gold, first.predicted} - {None}:
        shown = first.predicted if first.gold is None else f"{first.gold}, {first.predicted}"
        notes.add(
            f"{shown!r} stands on the first row alone and is scored: header=on if that row is a "
            "header",
            f"{source}:{first.line}",
        )


def _from_grid(
    grid: Grid,
    has_header: bool,
    source: str,
    wanted_gold: bool,
    gold_column: int | str | None,
    predicted_column: int | str | None,
) -> list[_Row]:
    rows, lines = grid.rows, grid.lines
    names = [cell.strip().casefold() for cell in rows[0]]
    if has_header:
        places = _places(names, wanted_gold, gold_column, predicted_column, source, lines[0])
        rows, lines = rows[1:], lines[1:]
        if not rows:
            raise DataError(source, "expected rows below the header, got none")
    else:
        width = len(rows[0])
        gold_place = _number(gold_column, -2, width, "gold_column", source) if wanted_gold else 0
        places = (
            gold_place,
            _number(predicted_column, -1, width, "predicted_column", source),
        )
    id_place = names.index("id") if has_header and "id" in names else None
    return [
        _Row(
            row[places[0]] if wanted_gold else None,
            row[places[1]],
            line,
            None if id_place is None else row[id_place],
        )
        for row, line in zip(rows, lines, strict=True)
    ]


def _places(
    names: Sequence[str],
    wanted_gold: bool,
    gold_column: int | str | None,
    predicted_column: int | str | None,
    source: str,
    line: int,
) -> tuple[int, int]:
    """Where the gold and the predicted labels stand among the names."""
    plain = [name.strip().casefold() for name in names]

    def find(chosen: int | str | None, known: Sequence[str], what: str, taken: int = -1) -> int:
        wanted = known if chosen is None else [str(chosen).strip().casefold()]
        for name in wanted:
            if name in plain and plain.index(name) != taken:
                return plain.index(name)
        if chosen is not None and str(chosen).isdigit() and int(chosen) < len(names):
            return int(chosen)
        raise DataError(
            source,
            f"expected a column for the {what} labels ({', '.join(wanted)}), got "
            f"{', '.join(names)}: give its name, {what}_column=NAME",
            line=line,
        )

    own = _PREDICTED if not wanted_gold else PREDICTED_KEYS
    predicted = find(predicted_column, own, "predicted")
    gold = find(gold_column, _GOLD, "gold", predicted) if wanted_gold else 0
    return gold, predicted


def _number(column: int | str | None, default: int, width: int, option: str, source: str) -> int:
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
        raise DataError(source, f"expected {what}, got {width} (numbered from 0) and no header")
    return number % width


def _joined(rows: Sequence[_Row], gold: TextCorpus, source: str, notes: NoteBook) -> list[_Row]:
    """Rows with the gold of the other file: by id where both have the same, else by order."""
    if len(rows) != len(gold):
        raise DataError(
            source,
            f"expected a prediction for each of the {len(gold)} texts of {gold.source}, got "
            f"{len(rows)}",
        )
    own, right = [row.id for row in rows], [example.id for example in gold]
    if own != right and None not in own and None not in right:
        if set(own).isdisjoint(right):
            notes.add(f"ids unlike those of {gold.source}: joined by order", source, len(rows))
        else:
            rows = _by_id(rows, right, gold.source, source)
    return [
        _Row(example.labels, row.predicted, row.line, row.id, row.probabilities)
        for example, row in zip(gold, rows, strict=True)
    ]


def _by_id(
    rows: Sequence[_Row], ids: Sequence[str | None], gold_source: str, source: str
) -> list[_Row]:
    known = set(ids)
    found: dict[str | None, _Row] = {}
    for row in rows:
        if row.id in found or row.id not in known:
            what = "again" if row.id in found else f"which {gold_source} does not have"
            raise DataError(
                source,
                f"expected each id of {gold_source} once, got {row.id!r}, {what}: mend the ids, "
                "or leave them out where both files have the same order",
                line=row.line,
            )
        found[row.id] = row
    return [found[name] for name in ids]
