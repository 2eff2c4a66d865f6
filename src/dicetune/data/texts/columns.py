"""Which columns of a table hold the text, its label and its id.

The user chooses columns by names, or by numbers from 0. Else known names decide, in files of any
layout that is used for sentences (SST-2, SMS) and pairs (MRPC, QQP, PAWS, NLI). In a table without
a header the cells decide: the column with the longest cells holds the text (of pairs the two
longest), and of the other columns the column with the fewest different cells holds the label. If
two columns are possible, nothing is guessed.

Several labels of a text may have a column of 0 and 1 each, as data on toxic comments has them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dicetune.data.files.text import Reader
from dicetune.data.texts.labels import AUTO, mark
from dicetune.errors import DataError, InputError, NoGoldError, listed, quoted, unknown_name

Column = int | str | None
Numbered = tuple[int, Sequence[Any]]
"""A line, and the values of its columns in their order."""

HEADERS = ("auto", "on", "off")
TEXT_NAMES = (
    *("text", "sentence", "sms", "message", "content", "review", "comment", "tweet", "document"),
    "comment_text",
)
PAIR_NAMES = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("#1 string", "#2 string"),
    ("text", "text_b"),
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("text", "text_pair"),
    ("sentence_a", "sentence_b"),
    ("premise", "hypothesis"),
    ("question", "sentence"),
)
LABEL_NAMES = (
    *("label", "labels", "gold", "quality", "is_duplicate", "gold_label", "class", "category"),
    *("target", "sentiment", "emotion", "emotions"),
)
ID_NAMES = ("id", "idx", "guid", "pairid", "pair_id", "index")

_OF_TEXTS = {*TEXT_NAMES, *(name for names in PAIR_NAMES for name in names)}
KNOWN_NAMES = {*_OF_TEXTS, *LABEL_NAMES}
_SHOWN = 8
_NUMBER = re.compile(r"-?\d+")


@dataclass(frozen=True)
class TextColumns:
    """The columns that a user chose: names, numbers from 0, or ``None`` for columns to be found."""

    text: Column = None
    pair: Column = None  # of the second text
    label: Column = None
    id: Column = None
    labels: tuple[str, ...] = ()  # columns of 0 and 1, or the places in lists of 0 and 1


@dataclass(frozen=True)
class TextLayout:
    """The options of a reader of texts."""

    choice: TextColumns = field(default_factory=TextColumns)
    trained: TextColumns = field(default_factory=TextColumns)  # the default where a file has them
    pair: bool = False
    gold: bool = True  # whether labels are read
    quoting: str = "auto"
    delimiter: str = ""  # between cells; none to find it
    header: str = "auto"  # whether a table's first row names its columns
    labels: tuple[str, ...] = ()  # of a model: names of numbers, where no file has names
    separator: str = AUTO  # between labels in a cell: auto, none or the separator
    seen: tuple[str, ...] = ()  # labels of a model, which may tell what a cell holds

    def __post_init__(self) -> None:
        check_header(self.header)


@dataclass(frozen=True)
class FoundColumns:
    """The places of the columns in a row."""

    text: int
    pair: int | None
    label: int | None  # of all labels of a row
    id: int | None
    labels: tuple[int, ...]  # of one column for each label, in place of ``label``

    def described(self, names: Sequence[object]) -> str:
        """The columns in words."""
        roles = {"text": self.text, "second text": self.pair, "label": self.label, "id": self.id}
        parts = [f"{role} in {quoted(names[n])}" for role, n in roles.items() if n is not None]
        if self.labels:
            labels = listed(names[n] for n in self.labels)
            parts.append(f"a label in each column of 0 and 1: {labels}")
        return ", ".join(parts)


def check_header(header: str) -> None:
    """Refuse a value of the option ``header`` that is none."""
    if header not in HEADERS:
        raise unknown_name("header", header, HEADERS)


def plain_names(names: Sequence[str]) -> list[str]:
    """Names as they are compared: without case and white space around them."""
    return [name.strip().casefold() for name in names]


def has_header(rows: Sequence[Sequence[str]], wanted: TextLayout) -> bool:
    """Whether the first row of a table names the columns."""
    if wanted.header != "auto":
        return wanted.header == "on"
    first = rows[0]
    for choice in (wanted.choice, wanted.trained):
        for column in (choice.text, choice.pair, choice.label, choice.id, *choice.labels):
            if isinstance(column, str) and not _NUMBER.fullmatch(column) and column in first:
                return True
    # a text may be labelled "question" in every other row: a name does not come again below itself
    for place, name in enumerate(plain_names(first)):
        if name in KNOWN_NAMES and all(row[place] != first[place] for row in rows[1:]):
            return True
    return names_marks(first, list(enumerate(rows[1:])))


@dataclass
class ColumnSearch(Reader):
    """The search for columns: the chosen columns first, then by known names or by cells."""

    names: Sequence[str]  # of a table, or the keys of objects; numbers where there is no header
    rows: Sequence[Numbered]
    wanted: TextLayout
    source: str
    line: int | None  # of the names
    text: int | None = None
    pair: int | None = None
    label: int | None = None
    id: int | None = None
    labels: tuple[int, ...] = ()

    def columns(self, several: bool, header: bool) -> FoundColumns:
        """The columns of the text, its label or labels, and its id."""
        choice, wanted = self._merged(header), self.wanted
        if wanted.gold and several and choice.label is None:
            self.labels = tuple(label_columns(self.names, self.rows, choice.labels, self.source))
        if self.labels and not header and not choice.labels:
            raise self.error(
                "expected one column of labels, or a header that names them, got columns of 0 "
                f"and 1, {listed(self.labels)} (numbered from 0): name them in a first row, or "
                "give -o label_columns=N,N,N or -o label_column=N"
            )
        has_label = wanted.gold and not self.labels
        place = self._named if header else self._numbered
        self.text = place(choice.text, "text_column")
        self.pair = place(choice.pair, "pair_column") if wanted.pair else None
        self.label = place(choice.label, "label_column") if has_label else None
        self.id = place(choice.id, "id_column")
        if header:
            self._fill_by_name(has_label)
        else:
            self._fill_by_cells(has_label)
        places = [n for n in (self.text, self.pair, self.label) if n is not None]
        twice = next((n for n in places if places.count(n) > 1), None)
        if twice is not None:
            raise self.error(
                "expected columns of their own for texts and label, got "
                f"{quoted(self.names[twice] if header else twice)} twice: choose others "
                "(-o text_column=, -o pair_column=, -o label_column=)",
                self.line,
            )
        return FoundColumns(places[0], self.pair, self.label, self.id, self.labels)

    def _merged(self, header: bool) -> TextColumns:
        """The chosen columns, else a model's columns where the file has them."""
        names = self.names if header else ()

        def pick(chosen: Column, trained: Column) -> Column:
            if chosen is not None or trained is None:
                return chosen
            has_number = isinstance(trained, int) and 0 <= trained < len(self.names)
            return trained if has_number or str(trained) in names else None

        chosen, trained = self.wanted.choice, self.wanted.trained
        return TextColumns(
            pick(chosen.text, trained.text),
            pick(chosen.pair, trained.pair),
            pick(chosen.label, trained.label),
            pick(chosen.id, trained.id),
            chosen.labels or (trained.labels if {*trained.labels} <= {*names} else ()),
        )

    def _named(self, column: Column, option: str) -> int | None:
        if column is None:
            return None
        if column in self.names:
            return self.names.index(str(column))
        plain, known = str(column).strip().casefold(), plain_names(self.names)
        if plain in known:
            return known.index(plain)
        try:
            number = int(column)
        except ValueError:
            number = -1
        if 0 <= number < len(self.names):
            return number
        kind = NoGoldError if option == "label_column" else DataError
        raise self._missing(f"the column {quoted(column)}", f"-o {option}=NAME", kind)

    def _numbered(self, column: Column, option: str) -> int | None:
        if column is None:
            return None
        try:
            number = int(column)
        except ValueError:
            raise InputError(
                f"expected {option} to be a number (0 is the first column) for {self.source}, "
                f"which has no header with such a name, got {quoted(column)}: give -o header=on "
                "if its first row is one"
            ) from None
        if not 0 <= number < len(self.names):
            raise self.error(
                f"expected a column {number} for {option}, got {len(self.names)} (numbered from 0)"
            )
        return number

    def _fill_by_name(self, has_label: bool) -> None:
        plain = plain_names(self.names)

        def first(known: Sequence[str]) -> int | None:
            return next((plain.index(name) for name in known if name in plain), None)

        def missing(known: Sequence[str], what: str) -> DataError:
            expected = f"a column for the {what} ({listed(known)})"
            kind = NoGoldError if what == "label" else DataError
            return self._missing(expected, f"-o {what}_column=NAME", kind)

        if self.wanted.pair and (self.text is None or self.pair is None):
            pairs = ((one, other) for one, other in PAIR_NAMES if {one, other} <= {*plain})
            one, other = next(pairs, (None, None))
            if one is None or other is None:
                shown = ", ".join(f"{one} and {other}" for one, other in PAIR_NAMES)
                options = "-o text_column=NAME -o pair_column=NAME"
                raise self._missing(f"columns for the two texts ({shown})", options)
            self.text = plain.index(one) if self.text is None else self.text
            self.pair = plain.index(other) if self.pair is None else self.pair
        elif self.text is None:
            others = [n for n in range(len(plain)) if n not in self.labels]
            others = [n for n in others if plain[n] not in ID_NAMES]
            self.text = first(TEXT_NAMES)
            if self.text is None and self.labels and len(others) == 1:
                self.text = others[0]
            if self.text is None:
                raise missing(TEXT_NAMES, "text")
        if has_label and self.label is None:
            self.label = first(LABEL_NAMES)
            if self.label is None:
                raise missing(LABEL_NAMES, "label")
        if self.id is None:
            self.id = first(ID_NAMES)

    def _missing(self, expected: str, options: str, kind: type[DataError] = DataError) -> DataError:
        shown = listed(self.names, most=_SHOWN) or "none"
        message = f"expected {expected}, got {shown}: give {options}"
        return kind(self.source, message, line=self.line)

    def _fill_by_cells(self, has_label: bool) -> None:
        width = len(self.names)
        roles = ("two texts" if self.wanted.pair else "text") + (" and label" if has_label else "")
        advice = f"got {width}: check the file, or give its format (--format)"
        needed = 1 + self.wanted.pair + has_label
        if width < needed:
            error = self.no_gold if has_label and width == needed - 1 else self.error
            raise error(f"expected at least {needed} columns ({roles}), {advice}")
        too_few = self.error(f"expected columns for {roles}, {advice}")
        chosen = (self.text, self.pair, self.label, self.id)
        free = [n for n in range(width) if n not in chosen]
        lengths = {n: sum(len(row[n]) for _, row in self.rows) for n in free}
        missing = (self.text is None) + (self.wanted.pair and self.pair is None)
        longest = sorted(sorted(free, key=lambda n: -lengths[n])[:missing])
        if len(longest) < missing:
            raise too_few
        free = [n for n in free if n not in longest]
        if self.text is None:
            self.text = longest.pop(0)
        if longest:
            self.pair = longest.pop()
        if has_label and self.label is None:
            if not free:
                raise too_few
            different = {n: len({row[n] for _, row in self.rows}) for n in free}
            self.label = min(free, key=lambda n: different[n])
            if list(different.values()).count(different[self.label]) > 1:
                raise self.error(
                    f"the column of the label cannot be told (no header; columns {listed(free)} "
                    "are alike): give its number, -o label_column=N"
                )


def names_marks(first: Sequence[str], rows: Sequence[Numbered]) -> bool:
    """Whether a first row has words above several columns of 0 and 1."""
    words = [first[n].strip().removeprefix("-") for n in _mark_columns(first, rows)]
    return any(word and not word.isdecimal() for word in words)


def label_columns(
    names: Sequence[str], rows: Sequence[Numbered], chosen: Sequence[str], source: str
) -> list[int]:
    """The columns of 0 and 1, one for each label; none where one column holds all labels."""
    if not chosen:
        known = any(name in LABEL_NAMES for name in plain_names(names))
        return [] if known else _mark_columns(names, rows)
    found: list[int] = []
    missing: list[str] = []
    for name in chosen:
        if name in names:
            found.append(names.index(name))
        elif name.isdecimal() and int(name) < len(names):
            found.append(int(name))
        else:
            missing.append(name)
    if not found:
        return []  # the names belong to the places in lists of 0 and 1
    if missing:
        raise DataError(
            source,
            f"expected a column for each of label_columns, got none for {listed(missing)} among "
            f"{listed(names)}: mend -o label_columns",
        )
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


def marked_labels(names: Sequence[str], row: Sequence[Any], columns: Sequence[int]) -> list[str]:
    """The names of the columns that hold a 1."""
    return [names[place] for place in columns if mark(row[place]) == "1"]


def _mark_columns(names: Sequence[str], rows: Sequence[Numbered]) -> list[int]:
    """Columns of nothing but 0 and 1, where there are several; known columns do not count."""
    found = [
        place
        for place, name in enumerate(plain_names(names))
        if name not in _OF_TEXTS
        and name not in ID_NAMES
        and rows
        and all(mark(row[place]) for _, row in rows)
    ]
    return found if len(found) > 1 else []
