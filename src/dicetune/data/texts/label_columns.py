"""One column of 0 and 1 for each label, as data on toxic comments has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dicetune.data.texts.columns import ID_NAMES, LABEL_NAMES, PAIR_NAMES, TEXT_NAMES
from dicetune.data.texts.label_cells import mark
from dicetune.errors import DataError, listed, quoted

Numbered = tuple[int, Sequence[Any]]
"""A line, and the values that stand there in the order of the columns."""

_NUMBER = re.compile(r"-?\d*")
_OTHER = {*ID_NAMES, *TEXT_NAMES, *(name for both in PAIR_NAMES for name in both)}


def mark_columns(names: Sequence[str], rows: Sequence[Numbered]) -> list[int]:
    """Columns of nothing but 0 and 1, where there are several and they are no texts or ids.

    Example:
        >>> mark_columns(["text", "toxic", "threat"], [(2, ["fine", "0", "1"])])
        [1, 2]
    """
    found = [
        place
        for place, name in enumerate(names)
        if name.strip().casefold() not in _OTHER
        and rows
        and all(mark(row[place]) for _, row in rows)
    ]
    return found if len(found) > 1 else []


def names_marks(first: Sequence[str], rows: Sequence[Numbered]) -> bool:
    """Whether a first row has words above several columns of 0 and 1.

    Example:
        >>> names_marks(["toxic", "threat"], [(2, ["0", "1"])]), names_marks(["7", "8"], [])
        (True, False)
    """
    return any(not _NUMBER.fullmatch(first[place].strip()) for place in mark_columns(first, rows))


def label_columns(
    names: Sequence[str], rows: Sequence[Numbered], chosen: Sequence[str], source: str
) -> list[int]:
    """The columns of labels, one each; none where the labels stand together in one column.

    Args:
        names: of all columns.
        rows: below them.
        chosen: names or numbers, by the user; else columns of 0 and 1 are found where no column
            with a known name for labels stands beside them.
        source: the file, for messages.

    Raises:
        DataError: some of the chosen columns, and not all; something else in them than 0 and 1.
    """
    if not chosen:
        known = any(name.strip().casefold() in LABEL_NAMES for name in names)
        return [] if known else mark_columns(names, rows)
    places = [_place(name, names) for name in chosen]
    missing = [name for name, place in zip(chosen, places, strict=True) if place is None]
    if len(missing) == len(chosen):
        return []  # they name the places in lists of 0 and 1
    if missing:
        raise DataError(
            source,
            f"expected a column for each of label_columns, got none for {listed(missing)} among "
            f"{listed(names)}: mend -o label_columns",
        )
    found = [place for place in places if place is not None]
    for line, row in rows:
        for place in found:
            if mark(row[place]) is None:
                raise DataError(
                    source,
                    f"expected 0 or 1 in the column of the label {quoted(names[place])}, got "
                    f"{quoted(row[place])}: mend it, or leave it out of -o label_columns",
                    line=line,
                )
    return found


def marked_labels(
    names: Sequence[str], rows: Sequence[Numbered], columns: Sequence[int]
) -> list[list[str]]:
    """The names of the columns that hold a 1, of each row.

    Example:
        >>> marked_labels(["text", "toxic", "threat"], [(2, ["fine", "0", "1"])], [1, 2])
        [['threat']]
    """
    return [[names[place] for place in columns if mark(row[place]) == "1"] for _, row in rows]


def _place(name: str, names: Sequence[str]) -> int | None:
    if name in names:
        return names.index(name)
    return int(name) if name.isdecimal() and int(name) < len(names) else None
