"""Labels of texts: from the cells and values that files have to names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.files.json_objects import whole_characters
from dicetune.data.files.text import NoteBook, read_lines
from dicetune.data.texts.label_cells import Cell, LabelCells, part_cells, refuse_lists
from dicetune.errors import DataError, listed, quoted

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
    cells: Sequence[Cell],
    source: str,
    notes: NoteBook,
    *,
    names: Sequence[str] = (),
    several: bool = False,
    how: LabelCells | None = None,
) -> list[tuple[str, ...]]:
    """The labels of each row, told from the whole column.

    Args:
        cells: of each row its line and a string, a number, or (with ``several``) a list of these.
        source: the file, for messages.
        notes: where it is said how the column was read, and where oddities are counted.
        names: of all labels in their order; a number is then a place among them.
        several: whether a row may have any number of labels, and not exactly one.
        how: what the user or a model says of cells of several labels.

    Raises:
        DataError: no label, a list where one is expected, an unknown name or number, cells whose
            labels cannot be told.

    Example:
        >>> names = ("joy", "anger", "fear")
        >>> parse_labels([(1, "0,2"), (2, "anger")], "a.tsv", NoteBook(), names=names, several=True)
        [('joy', 'fear'), ('anger',)]
    """
    if several:
        parted = part_cells(cells, source, notes, how or LabelCells(), names)
    else:
        refuse_lists(cells, source, notes, names)
        parted = [[value] for _, value in cells]
    known = known_labels(names)
    found = []
    for (line, _), items in zip(cells, parted, strict=True):
        own: dict[str, None] = {}
        for item in items:
            label = _named(_plain(item, source, line), known, source, line)
            if label in own:
                notes.add(TWICE, f"{source}:{line}")
            own[label] = None
        if not own:
            notes.add(UNLABELLED, f"{source}:{line}")
        found.append(tuple(own))
    return found


def known_labels(names: Sequence[str]) -> dict[str, str]:
    """From each name, and each place among them as text, to the name; names go first."""
    return {**{str(number): name for number, name in enumerate(names)}, **{n: n for n in names}}


def _plain(value: Any, source: str, line: int) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int) or (isinstance(value, str) and whole_characters(value)):
        return str(value)
    raise DataError(
        source,
        f"expected a label as text or a whole number, got {quoted(value)} ({type(value).__name__})",
        line=line,
    )


def _named(text: str, known: Mapping[str, str], source: str, line: int) -> str:
    # a name may have spaces around it where a model has it so; else they are the file's
    label = text if text in known else text.strip(" \t")
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
            f"expected one of the labels {listed(names, most=8)} "
            f"or a number from 0 to {len(names) - 1}, got {quoted(label)}",
            line=line,
        )
    return known[label]
