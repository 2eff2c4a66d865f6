r"""Cells that hold any number of labels: how a whole column writes them is told once, and said.

- **Lists**, as JSON and data sets have them, or in brackets as Python, JSON and numpy print them:
  ``['joy', 'fear']``, ``["joy"]``, ``['joy' 'fear']``, ``[]``. All cells of a column or none.
- **Lists of 0 and 1**: one place for each label, and never the labels 0 and 1.
- **Names with a separator between them.** A comma parts. ``|``, ``;``, ``#`` and a line end part
  where some part also stands alone, or in another cell; ``/``, ``+``, ``&`` and a space only where
  all parts stand alone. Where ``|``, ``;`` or ``#`` leave two readings, nothing is guessed.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from dicetune.data.files.text import NoteBook
from dicetune.errors import DataError, listed, quoted

AUTO, NONE = "auto", "none"
"""In place of a separator: to be found in the column; there is none, each cell is one label."""

LISTS = "labels in cells that are lists, such as ['a', 'b']: read as lists"

Cell = tuple[int, Any]
"""A line and the value that stands there."""

_USUAL = (",", "|", ";", "#", "\n")
_RARE = ("/", "+", "&", " ")
_MARKS = ("0", "1")
_ITEM = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[-+\w.]+)(\s*,\s*|\s+|$)""", re.DOTALL)


@dataclass(frozen=True)
class LabelCells:
    """What is known of a column before it is read.

    Args:
        separator: between labels: ``auto``, ``none`` or the separator itself.
        places: names of the places in lists of 0 and 1.
        seen: labels that occur elsewhere: in the gold beside predictions, in a model.
        needed: whether a column without such places is refused.
    """

    separator: str = AUTO
    places: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    needed: bool = True


def part_cells(
    cells: Sequence[Cell],
    source: str,
    notes: NoteBook,
    how: LabelCells,
    names: Sequence[str] = (),
) -> list[list[Any]]:
    """What each cell of a column lists: names or numbers of labels.

    Args:
        cells: strings, numbers or lists, each with its line.
        source: the file, for messages.
        notes: where it is said how the column was read.
        how: what the user or a model says of the column.
        names: of all labels in their order, where they are known.

    Raises:
        DataError: lists beside other cells, lists of 0 and 1 without names, a separator that
            cannot be told.

    Example:
        >>> column = [(1, "joy"), (2, "anger|fear"), (3, ""), (4, "joy|fear")]
        >>> part_cells(column, "a.csv", NoteBook(), LabelCells())
        [['joy'], ['anger', 'fear'], [], ['joy', 'fear']]
    """
    whole = {*names, *(str(place) for place in range(len(names))), *how.seen}
    if how.separator == AUTO:
        cells = _without_brackets(cells, source, notes, whole)
    separator = _separator(cells, source, whole, bool(names)) if how.separator == AUTO else None
    separator = separator or how.separator
    found: list[list[Any]] = []
    for _, value in cells:
        if not isinstance(value, str):
            found.append(value if isinstance(value, list) else [value])
        elif not value.strip():
            found.append([])
        else:
            is_one = separator == NONE or value.strip() in whole
            if is_one:
                found.append([value])
            else:  # a separator at an end is no label, where nobody said that it is one
                guessed = how.separator == AUTO
                found.append(_parts(value, separator) if guessed else value.split(separator))
    if _are_marks(cells, found, how.places, names):
        return _by_place(cells, found, how.places or tuple(names), source, notes)
    if how.places and how.needed:
        raise DataError(
            source,
            f"expected columns {listed(how.places)} or lists of 0 and 1 for label_columns, got "
            "neither: check the names, or leave the option out",
        )
    parted = [line for (line, v), own in zip(cells, found, strict=True) if own != v and own[1:]]
    if parted:
        notes.add(
            f"labels joined by {quoted(separator)}: parted (separator=none keeps them whole)",
            f"{source}:{parted[0]}",
            len(parted),
        )
    return found


def refuse_lists(
    cells: Sequence[Cell], source: str, notes: NoteBook, names: Sequence[str] = ()
) -> None:
    """Refuse cells of several labels where each text has one; note what looks like it.

    Raises:
        DataError: a cell that is a list.
    """
    strings = [(line, v) for line, v in cells if isinstance(v, str) and v not in names]
    texts = [(line, v.strip()) for line, v in strings if v.strip()]
    lists = {line: items for line, v in texts if (items := _list_in(v)) is not None}
    named = (line for line, items in lists.items() if any(isinstance(i, str) for i in items))
    line = next(named, None)
    if line is None and lists and len(lists) == len(texts):
        line = next(iter(lists))
    if line is not None:
        raise DataError(
            source,
            f"expected one label, got the list {quoted(dict(texts)[line])}: task multilabel "
            "reads texts of several labels",
            line=line,
        )
    labels = {v for _, v in texts}
    for separator in _USUAL:
        joined, evidence = _evidence(labels, separator, set())
        if joined and evidence == len(joined):
            some = sorted(joined)[0]
            notes.add(
                f"labels such as {quoted(some)} hold {quoted(separator)} between labels that also "
                "stand alone: read as one label each (task multilabel parts them)",
                f"{source}:{next(line for line, v in texts if v == some)}",
                sum(v in joined for _, v in texts),
            )


def mark(item: Any) -> str | None:
    """0 or 1 as text, from whatever may stand for them; ``None`` for anything else.

    Example:
        >>> mark("1"), mark(0.0), mark(True), mark("joy")
        ('1', '0', '1', None)
    """
    if isinstance(item, str):
        return item.strip() if item.strip() in _MARKS else None
    return str(int(item)) if isinstance(item, int | float) and item in (0, 1) else None


def _without_brackets(
    cells: Sequence[Cell], source: str, notes: NoteBook, whole: Collection[str]
) -> Sequence[Cell]:
    """The column with cells such as ``['a']`` as lists, where it is written so."""
    texts = [(line, v.strip()) for line, v in cells if isinstance(v, str) and v.strip()]
    lists = [own for own in texts if own[1].startswith("[") and own[1].endswith("]")]
    lists = [own for own in lists if own[1] not in whole]
    if not lists:
        return cells
    if len(lists) < len(texts):
        line, other = next(own for own in texts if own not in lists)
        raise DataError(
            source,
            f"expected lists of labels in all cells or in none, got {quoted(other)} here and "
            f"{quoted(lists[0][1])} on line {lists[0][0]}: write them alike, or give "
            "-o separator=, where brackets are parts of names",
            line=line,
        )
    found: dict[str, list[Any]] = {}
    for line, text in lists:
        items = _list_in(text)
        if items is None:
            raise DataError(
                source,
                f"expected a list of labels such as ['a', 'b'], got {quoted(text)}: mend it, or "
                "give -o separator=, where brackets are parts of names",
                line=line,
            )
        found[text] = items
    notes.add(LISTS, f"{source}:{lists[0][0]}", len(lists))
    return [(line, found.get(v.strip(), v) if isinstance(v, str) else v) for line, v in cells]


def _list_in(text: str) -> list[Any] | None:
    """The items of a list as Python, JSON or numpy prints it; ``None`` for any other text."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        return list(json.loads(text))
    except (ValueError, RecursionError):
        inner, place = text[1:-1].strip(), 0
    items: list[Any] = []
    while place < len(inner):
        match = _ITEM.match(inner, place)
        if match is None:
            return None
        try:
            items.append(ast.literal_eval(match[1]))
        except (ValueError, SyntaxError):  # a name without quotes
            return None
        place = match.end()
    return items


def _separator(
    cells: Sequence[Cell], source: str, whole: Collection[str], named: bool
) -> str | None:
    """What stands between labels; ``NONE`` where each cell is one label.

    Raises:
        DataError: where that cannot be told.
    """
    texts = [(line, v.strip()) for line, v in cells if isinstance(v, str) and v.strip()]
    labels = {v for _, v in texts if v not in whole}
    for separator in (*_USUAL, *_RARE):
        parts = [_parts(label, separator) for label in labels]
        if labels and all(len(own) > 1 and set(own) <= {*_MARKS} for own in parts):
            return separator
        if named and all({*own} <= {*whole} for own in parts):
            return separator
    if named:
        return ","
    found = {separator: _evidence(labels, separator, whole) for separator in (*_USUAL, *_RARE)}
    usual = {s: own for s in _USUAL if (own := found[s])[0]}
    backed = [s for s, (joined, alone) in usual.items() if alone or _shared(joined, s)]
    if len(backed) == 1 or {*usual} == {","}:
        return backed[0] if backed else ","
    if usual:
        separator = (backed or [s for s in usual if s != ","])[-1]
        some = min(usual[separator][0])
        raise DataError(
            source,
            f"it cannot be told whether {quoted(separator)} stands between labels or in the name "
            f"of one in {quoted(some)}: give -o separator={quoted(separator)} if it parts labels, "
            "-o separator=none if each cell is one label",
            line=next(line for line, v in texts if v == some),
        )
    whole_parts = (s for s in _RARE if found[s][0] and found[s][1] == len(found[s][0]))
    return next(whole_parts, NONE)


def _evidence(labels: Collection[str], separator: str, seen: Collection[str]) -> tuple[Any, int]:
    """The cells that a separator parts, and how many of them have parts that stand alone.

    Of a rare separator all parts must stand alone, of a usual one some.
    """
    joined = {label for label in labels if len(_parts(label, separator)) > 1}
    alone = {*labels, *seen} - joined
    enough = any if separator in _USUAL else all
    backed = sum(enough(p in alone for p in _parts(label, separator)) for label in joined)
    return joined, backed


def _shared(joined: Collection[str], separator: str) -> bool:
    """Whether some part stands in several cells."""
    counts = Counter(part for label in joined for part in {*_parts(label, separator)})
    return any(count > 1 for count in counts.values())


def _parts(label: str, separator: str) -> list[str]:
    return [part for piece in label.split(separator) if (part := piece.strip())]


def _are_marks(
    cells: Sequence[Cell],
    found: Sequence[list[Any]],
    places: Collection[str],
    names: Collection[str],
) -> bool:
    """Whether a column's lists hold 0 and 1, a place for each label, and no labels."""
    rows = []
    for (_, value), own in zip(cells, found, strict=True):
        if not own:
            continue
        # strings in a list are names, those that were parted are not known to be
        is_list = isinstance(value, list)
        if not all(mark(item) for item in own) or (is_list and isinstance(own[0], str)):
            return False
        if len(own) < 2:  # one place is no choice of labels
            return False
        rows.append([mark(item) for item in own])
    if not rows or places:
        return bool(rows)
    lengths = {len(row) for row in rows}
    is_twice = any(len({*row}) < len(row) for row in rows)
    return is_twice or (lengths == {len(names)} if names else len(lengths) == 1)


def _by_place(
    cells: Sequence[Cell],
    found: Sequence[list[Any]],
    places: tuple[str, ...],
    source: str,
    notes: NoteBook,
) -> list[list[Any]]:
    lists = [(line, own) for (line, _), own in zip(cells, found, strict=True) if own]
    first, shown = lists[0]
    if not places:
        raise DataError(
            source,
            f"expected names of labels, got lists of 0 and 1, such as {quoted(shown)}: name their "
            f"{len(shown)} places, -o label_columns=a,b,c, or in a file, -o label_names=FILE",
            line=first,
        )
    for line, own in lists:
        if len(own) != len(places):
            raise DataError(
                source,
                f"expected a 0 or 1 for each of the {len(places)} labels {listed(places)}, got "
                f"{len(own)}, {quoted(own)}: mend the row, or the names",
                line=line,
            )
    rule = f"lists of 0 and 1: read by their places, {listed(places)}"
    notes.add(rule, f"{source}:{first}", len(lists))
    return [
        [name for name, item in zip(places, own, strict=True) if mark(item) == "1"] if own else []
        for own in found
    ]
