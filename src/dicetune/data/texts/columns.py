"""Which columns of a table hold the text, its label and its id.

By what was chosen (names, or numbers from 0), else by known names, in files of any layout that is
used for sentences (SST-2, SMS) and pairs (MRPC, QQP, PAWS, NLI). A table without a header is asked
by its cells: the text is the column with the longest ones (of a pair: the two longest), the label
the one of the others with the fewest different ones. Where that leaves two choices, nothing is
guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dicetune.errors import DataError, InputError, listed, quoted

Column = int | str | None

TEXT_NAMES = (
    "text",
    "sentence",
    "sms",
    "message",
    "content",
    "review",
    "comment",
    "tweet",
    "document",
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
    "label",
    "labels",
    "gold",
    "quality",
    "is_duplicate",
    "gold_label",
    "class",
    "category",
    "target",
    "sentiment",
    "emotion",
    "emotions",
)
ID_NAMES = ("id", "idx", "guid", "pairid", "pair_id", "index")
SHOWN = 8


@dataclass(frozen=True)
class TextColumns:
    """What the user chose: a name, a number from 0, or nothing (to be found).

    Args:
        text: of the (first) text.
        pair: of the second text.
        label: of the label.
        id: of the id.
        labels: of columns of 0 and 1, one for each label, or of the places in lists of 0 and 1.
    """

    text: Column = None
    pair: Column = None
    label: Column = None
    id: Column = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """Where things stand, as places in a list of names or cells.

    Args:
        text: the (first) text.
        pair: the second text.
        label: all labels of a row.
        id: the id.
        labels: one column for each label, in place of ``label``.
    """

    text: int
    pair: int | None = None
    label: int | None = None
    id: int | None = None
    labels: tuple[int, ...] = ()


def by_name(
    names: Sequence[str],
    choice: TextColumns,
    source: str | Path,
    *,
    pair: bool,
    gold: bool,
    line: int | None = None,
    instead: int | None = None,
) -> Found:
    """The columns of a header, or the keys of an object.

    Args:
        names: in their order.
        choice: of the user.
        source: the file, for messages.
        pair: whether there are two texts.
        gold: whether there is a label.
        line: for messages.
        instead: the column of the text where none has a known name.

    Raises:
        DataError: no such column, none with a known name, or one column for two things.

    Example:
        >>> header = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]
        >>> by_name(header, TextColumns(), "a.txt", pair=True, gold=True)
        Found(text=3, pair=4, label=0, id=None, labels=())
    """
    known = _Names(names, source, line)
    text = known.chosen(choice.text, "text_column")
    second = known.chosen(choice.pair, "pair_column") if pair else None
    if pair and (text is None or second is None):
        text, second = known.pair(text, second)
    elif text is None:
        text = known.first(TEXT_NAMES, "text", instead)
    label = known.chosen(choice.label, "label_column") if gold else None
    if gold and label is None:
        label = known.first(LABEL_NAMES, "label")
    own = known.chosen(choice.id, "id_column")
    if own is None:
        own = known.find(ID_NAMES)
    return _apart(Found(text, second, label, own), names, source, line)


def by_number(
    rows: Sequence[Sequence[str]],
    choice: TextColumns,
    source: str | Path,
    *,
    pair: bool,
    gold: bool,
) -> Found:
    """The columns of a table without a header.

    Args:
        rows: all of them: cells decide where nothing was chosen.
        choice: of the user.
        source: the file, for messages.
        pair: whether there are two texts.
        gold: whether there is a label.

    Raises:
        DataError: too few columns, columns that cannot be told apart, or one for two things.
        InputError: a name, which only a header could have.

    Example:
        >>> rows = [["spam", "win a prize now"], ["ham", "see you there"], ["ham", "on my way"]]
        >>> by_number(rows, TextColumns(), "a.tsv", pair=False, gold=True)
        Found(text=1, pair=None, label=0, id=None, labels=())
    """
    width = len(rows[0])
    text = _number(choice.text, "text_column", width, source)
    second = _number(choice.pair, "pair_column", width, source) if pair else None
    label = _number(choice.label, "label_column", width, source) if gold else None
    own = _number(choice.id, "id_column", width, source)
    needed = 1 + pair + gold
    if width < needed:
        raise DataError(
            source,
            f"expected at least {needed} columns ({_roles(pair, gold)}), got {width}: check the "
            "file, or give its format (--format)",
        )
    free = [c for c in range(width) if c not in (text, second, label, own)]
    if text is None or (pair and second is None):
        length = {column: sum(len(row[column]) for row in rows) for column in free}
        missing = (text is None) + (pair and second is None)
        longest = iter(sorted(sorted(free, key=lambda c: -length[c])[:missing]))
        try:
            text = next(longest) if text is None else text
            second = next(longest) if pair and second is None else second
        except StopIteration:
            raise _too_few(width, pair, gold, source) from None
        free = [column for column in free if column not in (text, second)]
    if gold and label is None:
        label = _fewest_values(rows, free, source, _too_few(width, pair, gold, source))
    return _apart(Found(text, second, label, own), range(width), source, None)


class _Names:
    """Names as they are, and as they are compared: without case and white space around them."""

    def __init__(self, names: Sequence[str], source: str | Path, line: int | None) -> None:
        self.names = list(names)
        self.plain = [name.strip().casefold() for name in names]
        self.source = source
        self.line = line

    def chosen(self, column: Column, option: str) -> int | None:
        if column is None:
            return None
        if column in self.names:
            return self.names.index(str(column))
        if str(column).strip().casefold() in self.plain:
            return self.plain.index(str(column).strip().casefold())
        try:
            number = int(column)
        except ValueError:
            number = -1
        if 0 <= number < len(self.names):
            return number
        raise self.error(f"the column {quoted(column)}", f"-o {option}=NAME")

    def find(self, known: Sequence[str]) -> int | None:
        return next((self.plain.index(name) for name in known if name in self.plain), None)

    def first(self, known: Sequence[str], what: str, instead: int | None = None) -> int:
        found = self.find(known)
        found = instead if found is None else found
        if found is None:
            raise self.error(f"a column for the {what} ({listed(known)})", f"-o {what}_column=NAME")
        return found

    def pair(self, text: int | None, second: int | None) -> tuple[int, int]:
        for one, other in PAIR_NAMES:
            if one in self.plain and other in self.plain:
                return (
                    self.plain.index(one) if text is None else text,
                    self.plain.index(other) if second is None else second,
                )
        shown = ", ".join(f"{one} and {other}" for one, other in PAIR_NAMES)
        raise self.error(
            f"columns for the two texts ({shown})", "-o text_column=NAME -o pair_column=NAME"
        )

    def error(self, expected: str, options: str) -> DataError:
        shown = listed(self.names, most=SHOWN) or "none"
        return DataError(
            self.source, f"expected {expected}, got {shown}: give {options}", line=self.line
        )


def _apart(found: Found, names: Sequence[object], source: str | Path, line: int | None) -> Found:
    """What was found, where text, second text and label are columns of their own."""
    places = [place for place in (found.text, found.pair, found.label) if place is not None]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise DataError(
            source,
            f"expected columns of their own for texts and label, got {quoted(names[twice])} twice: "
            "choose others (-o text_column=, -o pair_column=, -o label_column=)",
            line=line,
        )
    return found


def _number(column: Column, option: str, width: int, source: str | Path) -> int | None:
    if column is None:
        return None
    try:
        number = int(column)
    except ValueError:
        raise InputError(
            f"expected {option} to be a number (0 is the first column) for {source}, which has no "
            f"header with such a name, got {quoted(column)}: give -o header=on if its first row is "
            "one"
        ) from None
    if not 0 <= number < width:
        raise DataError(
            source, f"expected a column {number} for {option}, got {width} (numbered from 0)"
        )
    return number


def _fewest_values(
    rows: Sequence[Sequence[str]], free: Sequence[int], source: str | Path, too_few: DataError
) -> int:
    if not free:
        raise too_few
    different = {column: len({row[column] for row in rows}) for column in free}
    best = min(free, key=lambda column: different[column])
    if len([column for column in free if different[column] == different[best]]) > 1:
        raise DataError(
            source,
            f"the column of the label cannot be told (no header; columns "
            f"{listed(free)} are alike): give its number, -o label_column=N",
        )
    return best


def _too_few(width: int, pair: bool, gold: bool, source: str | Path) -> DataError:
    return DataError(
        source,
        f"expected columns for {_roles(pair, gold)}, got {width}: check the file, or give its "
        "format (--format)",
    )


def _roles(pair: bool, gold: bool) -> str:
    return ("two texts" if pair else "text") + (" and label" if gold else "")
