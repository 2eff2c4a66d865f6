"""Labels of texts: from the cells and values that files have to names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.files.notes import NoteBook
from dicetune.data.files.open_text import read_lines
from dicetune.errors import DataError, quoted

TWICE = "labels named twice in one row: counted once"
UNLABELLED = "rows without any label: kept"


def read_label_names(path: str | Path) -> tuple[str, ...]:
    """The names in a file of one a line; the first belongs to label 0.

    Raises:
        DataError: an empty line, a name that comes twice, fewer than two.
    """
    names: dict[str, int] = {}
    for number, line in enumerate(read_lines(path), 1):
        name = line.strip(" \t")
        if not name or name in names:
            what = f"{quoted(name)} again, as on line {names[name]}" if name else "an empty line"
            raise DataError(path, f"expected one name of a label a line, got {what}", line=number)
        names[name] = number
    if len(names) < 2:
        raise DataError(path, f"expected at least two names of labels, got {len(names)}")
    return tuple(names)


def parse_labels(
    value: Any,
    source: str,
    line: int,
    notes: NoteBook,
    *,
    known: Mapping[str, str] | None = None,
    several: bool = False,
) -> tuple[str, ...]:
    """The labels of one row.

    Args:
        value: a string, a number, or (with ``several``) a list of these; strings are then parted
            at commas.
        source: the file, for messages.
        line: for messages.
        notes: where oddities are counted.
        known: from all that a label may be called to its name, ``known_labels``.
        several: whether a row may have any number of labels, and not exactly one.

    Raises:
        DataError: no label, a list where one is expected, an unknown name or number.

    Example:
        >>> known = known_labels(("joy", "anger", "fear"))
        >>> parse_labels("0,2", "a.tsv", 1, NoteBook(), known=known, several=True)
        ('joy', 'fear')
    """
    if isinstance(value, list) and several:
        items = [_plain(item, source, line) for item in value]
    elif several:
        text = _plain(value, source, line)
        items = text.split(",") if text.strip() else []
    else:
        items = [_plain(value, source, line)]
    found: dict[str, None] = {}
    for item in items:
        label = _named(item.strip(" \t"), known, source, line)
        if label in found:
            notes.add(TWICE, f"{source}:{line}")
        found[label] = None
    if not found:
        notes.add(UNLABELLED, f"{source}:{line}")
    return tuple(found)


def known_labels(names: Sequence[str]) -> dict[str, str]:
    """From each name, and each place among them as text, to the name; names go first."""
    return {**{str(number): name for number, name in enumerate(names)}, **{n: n for n in names}}


def _plain(value: Any, source: str, line: int) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (str, int)):
        return str(value)
    raise DataError(
        source,
        f"expected a label as text or a whole number, got {quoted(value)} ({type(value).__name__})",
        line=line,
    )


def _named(label: str, known: Mapping[str, str] | None, source: str, line: int) -> str:
    if not label:
        raise DataError(
            source, "expected a label, got an empty one: fill it in, or drop the row", line=line
        )
    if not known:
        return label
    if label not in known:
        names = list(dict.fromkeys(known.values()))
        raise DataError(
            source,
            f"expected one of the labels {', '.join(names[:8])}{', …' if len(names) > 8 else ''} "
            f"or a number from 0 to {len(names) - 1}, got {quoted(label)}",
            line=line,
        )
    return known[label]
