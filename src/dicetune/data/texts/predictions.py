"""Predicted labels of texts, by any tool, beside the gold ones.

One file with both: JSON lines (``gold``, ``predicted``) or a table with such columns, without a
header the last two. Or two files: the predictions (JSON lines, a table, or one line a text with
its label, comma-joined where a text may have several) and the gold as ``read_texts`` reads it;
they are joined by id where both have the same ids, by their order where they share none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dicetune.data.files.predictions import PREDICTED_KEYS, rows_of_split
from dicetune.data.files.text import Note, NoteBook, read_lines, source_name, without_returns
from dicetune.data.texts.corpus import TextCorpus
from dicetune.data.texts.join import join_gold
from dicetune.data.texts.label_cells import AUTO, Cell, LabelCells
from dicetune.data.texts.label_columns import names_marks
from dicetune.data.texts.labels import parse_labels
from dicetune.data.texts.prediction_rows import (
    ALONE,
    PredictedRow,
    PredictionLayout,
    cell_rows,
    object_rows,
)
from dicetune.errors import DataError, listed, quoted, unknown_name

PREDICTION_FORMATS = ("jsonl", "csv", "tsv", "lines")


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
    split: str | None = None,
    label_columns: Sequence[str] = (),
    separator: str = AUTO,
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
        split: which rows, where they name several splits.
        label_columns: names of the places in lists of 0 and 1; beside a file of gold also columns
            of 0 and 1, one for each label.
        separator: between labels in a cell: ``auto``, ``none`` or the separator itself.

    Raises:
        DataError: what is wrong, in which file and line, and what to do.
        InputError: an unknown format or header.
    """
    wanted = PredictionLayout(
        gold is None,
        gold_column,
        predicted_column,
        quoting,
        header,
        split,
        several,
        tuple(label_columns),
    )
    if format not in ("auto", *PREDICTION_FORMATS):
        raise unknown_name("format of predictions", format, ["auto", *PREDICTION_FORMATS])
    source, raw_lines, notes = source_name(path), read_lines(path, returns=True), NoteBook()
    lines = without_returns(raw_lines)
    if format == "auto":
        format = _format_of(lines, gold is not None)
    if format == "jsonl":
        rows = object_rows(lines, source, wanted)
    elif format != "lines":
        rows = cell_rows(raw_lines, source, "\t" if format == "tsv" else None, wanted, notes)
    elif gold is None:
        raise DataError(source, "expected a file of gold beside labels alone, got none")
    else:
        rows = [PredictedRow(None, line, number) for number, line in enumerate(lines, 1)]
        rows = rows_of_split(rows, [None] * len(rows), split, source)
    if gold is not None:
        rows = join_gold(rows, gold, source, notes)
    names = names or (gold.names if gold is not None else ())

    def labels(cells: list[Cell], seen: Iterable[str] = ()) -> list[tuple[str, ...]]:
        # beside a file of gold the names may be for that file alone
        own = LabelCells(separator, tuple(label_columns), tuple(seen), needed=gold is None)
        return parse_labels(cells, source, notes, names=names, several=several, how=own)

    right = [row.gold for row in rows]
    if gold is None:
        right = labels([(row.line, row.gold) for row in rows])
    mine = labels(
        [(row.line, row.predicted) for row in rows], {one for own in right for one in own}
    )
    if gold is not None:
        _check_known(rows, right, mine, gold, source, notes)
    probabilities = tuple(row.probabilities for row in rows if row.probabilities is not None)
    return TextPredictions(
        tuple(right),
        tuple(mine),
        source,
        probabilities if len(probabilities) == len(rows) else (),
        notes.notes(),
    )


def _check_known(
    rows: Sequence[PredictedRow],
    right: Sequence[tuple[str, ...]],
    mine: Sequence[tuple[str, ...]],
    gold: TextCorpus,
    source: str,
    notes: NoteBook,
) -> None:
    """Refuse predictions of other labels than the gold has; note single ones."""
    known = {*gold.names, *(one for own in right for one in own)}
    used = [(row.line, one) for row, own in zip(rows, mine, strict=True) for one in own]
    other = [(line, one) for line, one in used if one not in known]
    if other and known and len(other) == len(used):
        line, one = other[0]
        raise DataError(
            source,
            f"expected labels as {gold.source} has them ({listed(sorted(known), most=8)}), got "
            f"others alone, such as {quoted(one)}: give the column (-o predicted_column=NAME), or "
            "the names of numbers (-o label_names=FILE)",
            line=line,
        )
    for line, _ in other:
        notes.add(
            f"predicted labels that {gold.source} never has, such as {quoted(other[0][1])}: wrong",
            f"{source}:{line}",
        )


def _format_of(lines: Sequence[str], has_gold: bool) -> str:
    first = next(line for line in lines if line.strip())
    if first.lstrip().startswith(("{", "[{")):
        return "jsonl"
    if "\t" in first:
        return "tsv"
    cells = {cell.strip().casefold() for cell in first.split(",")}
    known = ALONE if len(cells) > 1 else PREDICTED_KEYS  # a label may be called "label"
    if not has_gold or cells & set(known):
        return "csv"
    table = [line.split(",") for line in lines if line]
    is_even = len({len(row) for row in table}) == 1
    return "csv" if is_even and names_marks(table[0], list(enumerate(table[1:]))) else "lines"
