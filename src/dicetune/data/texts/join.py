"""Predictions and a file of gold: by id where both have the same ids, by their order else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dicetune.data.files.text import NoteBook
from dicetune.data.texts.corpus import TextCorpus
from dicetune.data.texts.prediction_rows import PredictedRow
from dicetune.errors import DataError, quoted


def join_gold(
    rows: Sequence[PredictedRow], gold: TextCorpus, source: str, notes: NoteBook
) -> list[PredictedRow]:
    """Rows with the labels of the other file, in its order.

    Raises:
        DataError: another number of rows, or ids of which some are the same.

    Example:
        >>> from dicetune.data.texts.corpus import TextExample
        >>> gold = TextCorpus((TextExample("x", labels=("ham",)),), "gold.tsv")
        >>> join_gold([PredictedRow(None, "spam", 1)], gold, "own.txt", NoteBook())[0].gold
        ('ham',)
    """
    if len(rows) != len(gold):
        raise DataError(
            source,
            f"expected a prediction for each of the {len(gold)} texts of {gold.source}, got "
            f"{len(rows)}",
        )
    own, right = [row.id for row in rows], [example.id for example in gold]
    if own != right and all(own) and None not in right and set(own).isdisjoint(right):
        notes.add(f"ids unlike those of {gold.source}: joined by order", source, len(rows))
    elif own != right and all(own) and None in right and len(set(own)) < len(own):
        notes.add(f"ids that come again, and none in {gold.source}: joined by order", source)
    elif own != right and all(own) and None not in right:
        known = set(right)
        found: dict[str | None, PredictedRow] = {}
        for row in rows:
            if row.id in found or row.id not in known:
                what = "again" if row.id in found else f"which {gold.source} does not have"
                raise DataError(
                    source,
                    f"expected each id of {gold.source} once, got {quoted(row.id)}, {what}: mend "
                    "the ids, or leave them out where both files have the same order",
                    line=row.line,
                )
            found[row.id] = row
        rows = [found[name] for name in right]
    return [replace(row, gold=example.labels) for example, row in zip(gold, rows, strict=True)]
