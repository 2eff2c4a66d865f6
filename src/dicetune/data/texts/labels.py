r"""Labels of texts: from the cells and values of a file to names.

A column of several labels is written in one way, which is found from the whole column and noted:

- **Lists**, as JSON and data sets have them, or in brackets as Python, JSON and numpy print them:
  ``['joy', 'fear']``, ``["joy"]``, ``['joy' 'fear']``, ``[]``. All cells of a column or none.
- **Lists of 0 and 1**: one place for each label, and never the labels 0 and 1.
- **Names with a separator between them.** A comma always separates. ``|``, ``;``, ``#`` and a line
  end separate if some part is also a whole cell, or in another cell; ``/``, ``+``, ``&`` and a
  space only if all parts are whole cells. If ``|``, ``;`` or ``#`` have two readings, nothing is
  guessed.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicetune.data.files.json_objects import whole_characters
from dicetune.data.files.rows import Once
from dicetune.data.files.text import NoteBook, Reader, read_lines
from dicetune.errors import DataError, listed, quoted

AUTO, NONE = "auto", "none"
"""Values in place of a separator: find it in the column; each cell is one label."""

LISTS = "labels in cells that are lists, such as ['a', 'b']: read as lists"

Cell = tuple[int, Any]
"""A line and its value."""

_USUAL = (",", "|", ";", "#", "\n")
_RARE = ("/", "+", "&", " ")
_ITEM = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[-+\w.]+)(\s*,\s*|\s+|$)""", re.DOTALL)

TWICE = "labels named twice in one row: counted once"
UNLABELLED = "rows without any label: kept"


@dataclass(frozen=True)
class LabelColumn(Reader):
    """A column of labels: what is known before it is read; ``labels`` reads it."""

    source: str
    notes: NoteBook
    names: Sequence[str] = ()  # of all labels: a number is a place among them
    several: bool = False  # whether a text may have any number of labels
    separator: str = AUTO
    places: tuple[str, ...] = ()  # names of the places in lists of 0 and 1
    seen: tuple[str, ...] = ()  # labels of a model, or of the gold beside predictions
    needed: bool = True  # whether a column without lists of 0 and 1 for the places is refused

    def labels(self, cells: Sequence[Cell]) -> Sequence[tuple[str, ...]]:
        """The labels of each row of the column."""
        parted: Iterable[list[Any]]
        if self.several:
            parted = self._parted(cells)
        else:
            self._refuse_lists(cells)
            parted = ([value] for _, value in cells)
        # a label that is a name counts as a name, not as the place of another name
        known = {str(number): name for number, name in enumerate(self.names)}
        known |= {name: name for name in self.names}
        found = Once()
        for (line, _), items in zip(cells, parted, strict=True):
            labels: dict[str, None] = {}
            for item in items:
                label = self._named(item, known, line)
                if label in labels:
                    self.note(TWICE, line)
                labels[label] = None
            if not labels:
                self.note(UNLABELLED, line)
            found.append(tuple(labels))
        return found

    def _named(self, value: Any, known: Mapping[str, str], line: int) -> str:
        """The name of a label, from a name or a number."""
        if isinstance(value, bool):
            value = int(value)
        if not isinstance(value, int) and not (isinstance(value, str) and whole_characters(value)):
            got = f"{quoted(value)} ({type(value).__name__})"
            raise self.error(f"expected a label as text or a whole number, got {got}", line)
        # a name may have spaces around it where a model has it so; else the spaces are the file's
        label = str(value) if str(value) in known else str(value).strip(" \t")
        if not label:
            raise self.error(
                "expected a label, got an empty one: fill it in, or drop the row", line
            )
        if known and label not in known:
            names = list(dict.fromkeys(known.values()))
            raise self.error(
                f"expected one of the labels {listed(names, most=8)} "
                f"or a number from 0 to {len(names) - 1}, got {quoted(label)}",
                line,
            )
        return known.get(label, label)

    def _parted(self, cells: Sequence[Cell]) -> list[list[Any]]:
        """The names or numbers of labels that each cell lists."""
        whole = {*self.names, *map(str, range(len(self.names))), *self.seen}
        is_guessed, separator = self.separator == AUTO, self.separator
        if is_guessed:
            cells = self._without_brackets(cells, whole)
            separator = self._found_separator(_texts(cells), whole)
        found: list[list[Any]] = []
        for _, value in cells:
            if not isinstance(value, str):
                found.append(value if isinstance(value, list) else [value])
            elif not value.strip():
                found.append([])
            elif separator == NONE or value.strip() in whole:
                found.append([value])
            else:  # empty parts are ignored where the separator was guessed, else refused
                found.append(_parts(value, separator) if is_guessed else value.split(separator))
        if self._are_marks(cells, found):
            return self._by_place(cells, found)
        if self.places and self.needed:
            raise self.error(
                f"expected columns {listed(self.places)} or lists of 0 and 1 for label_columns, "
                "got neither: check the names, or leave the option out"
            )
        pairs = zip(cells, found, strict=True)
        parted = [line for (line, value), items in pairs if items != value and len(items) > 1]
        if parted:
            rule = f"labels joined by {quoted(separator)}: parted (separator=none keeps them whole)"
            self.note(rule, parted[0], len(parted))
        return found

    def _refuse_lists(self, cells: Sequence[Cell]) -> None:
        """Refuse cells of several labels where each text has one; note cells that look so."""
        texts = _texts([(line, value) for line, value in cells if value not in self.names])
        lists = {line: items for line, text in texts if (items := _list_in(text)) is not None}
        named = (line for line, items in lists.items() if any(isinstance(i, str) for i in items))
        line = next(named, None)
        if line is None and lists and len(lists) == len(texts):
            line = next(iter(lists))
        if line is not None:
            raise self.error(
                f"expected one label, got the list {quoted(dict(texts)[line])}: task multilabel "
                "reads texts of several labels",
                line,
            )
        labels = {text for _, text in texts}
        for separator in _USUAL:
            joined, evidence = _evidence(labels, separator, ())
            if joined and evidence == len(joined):
                example = min(joined)
                self.note(
                    f"labels such as {quoted(example)} hold {quoted(separator)} between labels "
                    "that also stand alone: read as one label each (task multilabel parts them)",
                    next(line for line, text in texts if text == example),
                    sum(text in joined for _, text in texts),
                )

    def _without_brackets(self, cells: Sequence[Cell], whole: Collection[str]) -> Sequence[Cell]:
        """The column with cells such as ``['a']`` as lists, where it is written so."""
        texts = _texts(cells)
        lists = [
            (line, text)
            for line, text in texts
            if text.startswith("[") and text.endswith("]") and text not in whole
        ]
        if not lists:
            return cells
        if len(lists) < len(texts):
            line, other = next(cell for cell in texts if cell not in lists)
            raise self.error(
                f"expected lists of labels in all cells or in none, got {quoted(other)} here and "
                f"{quoted(lists[0][1])} on line {lists[0][0]}: write them alike, or give "
                "-o separator=, where brackets are parts of names",
                line,
            )
        found: dict[str, list[Any]] = {}
        for line, text in lists:
            items = _list_in(text)
            if items is None:
                raise self.error(
                    f"expected a list of labels such as ['a', 'b'], got {quoted(text)}: mend it, "
                    "or give -o separator=, where brackets are parts of names",
                    line,
                )
            found[text] = items
        self.note(LISTS, lists[0][0], len(lists))
        return [(line, found.get(v.strip(), v) if isinstance(v, str) else v) for line, v in cells]

    def _found_separator(self, texts: Sequence[tuple[int, str]], whole: Collection[str]) -> str:
        """The separator between labels; ``NONE`` where each cell is one label."""
        labels = {text for _, text in texts if text not in whole}
        for separator in (*_USUAL, *_RARE):
            parts = [_parts(label, separator) for label in labels]
            if labels and all(len(row) > 1 and {*row} <= {"0", "1"} for row in parts):
                return separator
            if self.names and all({*row} <= {*whole} for row in parts):
                return separator
        if self.names:
            return ","
        found = {separator: _evidence(labels, separator, whole) for separator in (*_USUAL, *_RARE)}
        usual = [s for s in _USUAL if found[s][0]]
        backed = [s for s in usual if found[s][1] or _have_shared_part(found[s][0], s)]
        if len(backed) == 1 or usual == [","]:
            return backed[0] if backed else ","
        if usual:
            separator = (backed or [s for s in usual if s != ","])[-1]
            example = min(found[separator][0])
            raise self.error(
                f"it is not clear whether {quoted(separator)} is between labels or in the "
                f"name of one in {quoted(example)}: give -o separator={quoted(separator)} if it "
                "parts labels, -o separator=none if each cell is one label",
                next(line for line, text in texts if text == example),
            )
        whole_parts = (s for s in _RARE if found[s][0] and found[s][1] == len(found[s][0]))
        return next(whole_parts, NONE)

    def _are_marks(self, cells: Sequence[Cell], found: Sequence[list[Any]]) -> bool:
        """Whether the lists of the column hold 0 and 1, a place for each label, and no labels."""
        rows = []
        for (_, value), items in zip(cells, found, strict=True):
            if not items:
                continue
            # strings in a list are names; strings that were parted may be anything
            if isinstance(value, list) and isinstance(items[0], str):
                return False
            if len(items) < 2 or not all(mark(item) for item in items):  # one place is no choice
                return False
            rows.append([mark(item) for item in items])
        if not rows or self.places:
            return bool(rows)
        lengths = {len(row) for row in rows}
        is_twice = any(len({*row}) < len(row) for row in rows)
        return is_twice or (lengths == {len(self.names)} if self.names else len(lengths) == 1)

    def _by_place(self, cells: Sequence[Cell], found: Sequence[list[Any]]) -> list[list[Any]]:
        """The names of the places that hold a 1."""
        places = self.places or tuple(self.names)
        lists = [(line, items) for (line, _), items in zip(cells, found, strict=True) if items]
        first, shown = lists[0]
        if not places:
            raise self.error(
                f"expected names of labels, got lists of 0 and 1, such as {quoted(shown)}: name "
                f"their {len(shown)} places, -o label_columns=a,b,c, or in a file, "
                "-o label_names=FILE",
                first,
            )
        for line, items in lists:
            if len(items) != len(places):
                raise self.error(
                    f"expected a 0 or 1 for each of the {len(places)} labels {listed(places)}, got "
                    f"{len(items)}, {quoted(items)}: mend the row, or the names",
                    line,
                )
        rule = f"lists of 0 and 1: read by their places, {listed(places)}"
        self.note(rule, first, len(lists))
        # a cell without a list has no label
        return [
            [name for name, item in zip(places, items, strict=False) if mark(item) == "1"]
            for items in found
        ]


def read_label_names(path: str | Path) -> tuple[str, ...]:
    """The names of a file, one a line; the name on the first line belongs to label 0."""
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


def mark(item: Any) -> str | None:
    """0 or 1 as text, from any value that means 0 or 1; ``None`` for anything else."""
    if isinstance(item, str):
        return item.strip() if item.strip() in ("0", "1") else None
    return str(int(item)) if isinstance(item, int | float) and item in (0, 1) else None


def _texts(cells: Sequence[Cell]) -> list[tuple[int, str]]:
    """The cells that hold text, without white space around it."""
    return [(line, v.strip()) for line, v in cells if isinstance(v, str) and v.strip()]


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


def _evidence(
    labels: Collection[str], separator: str, seen: Collection[str]
) -> tuple[set[str], int]:
    """The cells that a separator parts, and the number of such cells whose parts are cells too."""
    joined = {label for label in labels if len(_parts(label, separator)) > 1}
    alone = {*labels, *seen} - joined
    # a rare separator needs all parts of a cell as cells, a usual separator needs one part
    enough = any if separator in _USUAL else all
    backed = sum(enough(p in alone for p in _parts(label, separator)) for label in joined)
    return joined, backed


def _have_shared_part(joined: Collection[str], separator: str) -> bool:
    """Whether several cells have a part in common."""
    counts = Counter(part for label in joined for part in {*_parts(label, separator)})
    return any(count > 1 for count in counts.values())


def _parts(label: str, separator: str) -> list[str]:
    return [part for piece in label.split(separator) if (part := piece.strip())]
