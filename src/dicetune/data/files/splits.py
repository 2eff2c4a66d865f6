"""Rows of several splits in one file of predictions, of which one is scored at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dicetune.errors import DataError, listed, quoted

Row = TypeVar("Row")
Record = tuple[int, Mapping[str, Any]]
"""An object of JSON lines, with its line."""


def rows_of_split(
    rows: Sequence[Row], names: Sequence[str | None], split: str | None, path: str | Path
) -> list[Row]:
    """The rows of one split.

    Args:
        rows: of a file.
        names: the split that each of them names, ``None`` where it names none.
        split: which one; ``None`` where the file has only one.
        path: the file, for messages.

    Raises:
        DataError: several splits and none was chosen, or none of the name that was.

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
            f"expected rows that name their split, of which to take {quoted(split)}, got "
            f"none: leave "
            "--split out",
        )
    if split not in named:
        raise DataError(path, f"expected one of its splits ({shown}), got {quoted(split)}")
    return [row for row, name in zip(rows, names, strict=True) if name == split]


def records_of_split(
    records: Iterable[Record], split: str | None, path: str | Path
) -> list[Record]:
    """The objects of JSON lines of one split, which they name under "split".

    Raises:
        DataError: as ``rows_of_split``.
    """
    all_records = list(records)
    names = [record.get("split") for _, record in all_records]
    plain = [None if name is None else str(name) for name in names]
    return rows_of_split(all_records, plain, split, path)
