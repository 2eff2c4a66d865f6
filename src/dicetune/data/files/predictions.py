"""What files of predictions share: names of their columns, and rows of one of several splits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from dicetune.data.files.json_objects import Record, json_objects
from dicetune.errors import DataError, listed, quoted

Row = TypeVar("Row")

# what tools call these columns in files of predictions
GOLD_KEYS = ("gold", "labels", "tags", "ner_tags", "pos_tags", "true", "y_true", "label")
PREDICTED_KEYS = ("predicted", "predictions", "prediction", "pred", "preds", "y_pred")


def rows_of_split(
    rows: Sequence[Row], names: Sequence[str | None], split: str | None, path: str | Path
) -> list[Row]:
    """The rows whose names are the split; all rows where none was chosen and one split is there.

    Example:
        >>> rows_of_split(["a", "b", "c"], ["dev", "dev", "test"], "dev", "a.jsonl")
        ['a', 'b']
        >>> rows_of_split(["a", "b"], ["dev", "test"], None, "a.jsonl")
        Traceback (most recent call last):
        dicetune.errors.DataError: a.jsonl: expected rows of one split, got dev, test: choose ...
    """
    found = dict.fromkeys(names)
    named = [name for name in found if name is not None]
    shown = listed(named)
    if split is None:
        if len(found) > 1:
            some = f"{shown} and rows that name none" if None in found else shown
            raise DataError(
                path, f"expected rows of one split, got {some}: choose one with --split"
            )
        return list(rows)
    if not named:
        raise DataError(
            path,
            f"expected rows that name their split, of which to take {quoted(split)}, got none: "
            "leave --split out",
        )
    if split not in named:
        raise DataError(path, f"expected one of its splits ({shown}), got {quoted(split)}")
    return [row for row, name in zip(rows, names, strict=True) if name == split]


def prediction_records(lines: Sequence[str], split: str | None, path: str | Path) -> list[Record]:
    """The objects of JSON lines of one split, which each object names under "split"."""
    records = list(json_objects(lines, path))
    names = [record.get("split") for _, record in records]
    plain = [None if name is None else str(name) for name in names]
    return rows_of_split(records, plain, split, path)
