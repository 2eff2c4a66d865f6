"""Rows of a file as columns of bytes and numbers: each row is made when it is asked for.

A text of 18 words with its label and its line takes 0.5 kB as Python objects beside its own
characters, and 40 bytes here. A column takes values one by one (``append``) and is a sequence at
any time. A slice holds what the whole holds: it copies numbers alone.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from copy import copy
from typing import Any, Self, TypeVar

Entry = TypeVar("Entry")
Value = TypeVar("Value", bound=Hashable)

_NOTHING = b"\xff"  # is in no UTF-8
_NONE = -(1 << 63)


class OnDemand(Sequence[Entry]):
    """A sequence that makes its entries when they are asked for; equal to a list of the same.

    A subclass writes ``__len__`` and ``part``, and ``at`` or ``__iter__``.
    """

    def at(self, number: int) -> Entry:
        """The entry at a place that is there."""
        return next(iter(self.part(number, number + 1)))

    def part(self, first: int, stop: int) -> Sequence[Entry]:
        """The entries of a range."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Entry]:
        return map(self.at, range(len(self)))

    def __getitem__(self, place: Any) -> Any:
        if not isinstance(place, slice):
            return self.at(range(len(self))[place])
        first, stop, step = place.indices(len(self))
        if step != 1:
            return [self.at(number) for number in range(first, stop, step)]
        return self.part(first, max(first, stop))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class Numbering(dict[Any, int]):
    """The number of each value: a new value gets the next number.

    Example:
        >>> number = Numbering()
        >>> [number[word] for word in ("a", "b", "a")]
        [0, 1, 0]
    """

    def __missing__(self, value: Any) -> int:
        number = self[value] = len(self)
        return number


class Texts(OnDemand[Any]):
    """Texts, or ``None``, as UTF-8 one behind the other.

    Example:
        >>> texts = Texts()
        >>> for text in ("Quay", None, "Dock"):
        ...     texts.append(text)
        >>> texts[2], list(texts[:2])
        ('Dock', ['Quay', None])
    """

    def __init__(self) -> None:
        self._raw, self._starts = bytearray(), array("q", [0])

    def append(self, text: str | None) -> None:
        """Take a text; half a surrogate pair, as JSON may spell it, is kept."""
        self._raw += _NOTHING if text is None else text.encode("utf-8", "surrogatepass")
        self._starts.append(len(self._raw))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def at(self, number: int) -> str | None:
        """One text."""
        raw = self._raw[self._starts[number] : self._starts[number + 1]]
        return None if raw == _NOTHING else raw.decode("utf-8", "surrogatepass")

    def part(self, first: int, stop: int) -> Texts:
        """The texts of a range."""
        found = copy(self)
        found._starts = self._starts[first : stop + 1]
        return found


class Numbers(OnDemand[Any]):
    """Whole numbers, or ``None``, of 8 bytes each."""

    def __init__(self) -> None:
        self._values = array("q")

    def append(self, number: int | None) -> None:
        """Take a number."""
        self._values.append(_NONE if number is None else number)

    def __len__(self) -> int:
        return len(self._values)

    def at(self, number: int) -> int | None:
        """One number."""
        value = self._values[number]
        return None if value == _NONE else value

    def part(self, first: int, stop: int) -> Numbers:
        """The numbers of a range."""
        found = copy(self)
        found._values = self._values[first:stop]
        return found


class Once(OnDemand[Value]):
    """Values of which many are equal: each is kept once, with its number at each place."""

    def __init__(self) -> None:
        self._number = Numbering()
        self._values: list[Value] = []
        self._numbers = array("i")

    def append(self, value: Value) -> None:
        """Take a value."""
        number = self._number[value]
        if number == len(self._values):
            self._values.append(value)
        self._numbers.append(number)

    def __len__(self) -> int:
        return len(self._numbers)

    def at(self, number: int) -> Value:
        """One value, the same object wherever it is equal."""
        return self._values[self._numbers[number]]

    def part(self, first: int, stop: int) -> Once[Value]:
        """The values of a range."""
        found = copy(self)
        found._numbers = self._numbers[first:stop]
        return found

    def counts(self) -> Counter[Value]:
        """How often each value occurs, in the order of their first."""
        found = Counter(self._numbers).items()
        return Counter({self._values[number]: count for number, count in found})


class Lists(OnDemand[Any]):
    """Tuples or lists of any length, whose items are one column."""

    def __init__(self, items: Any, make: Callable[[Iterable[Any]], Any] = tuple) -> None:
        self._items, self._make, self._starts = items, make, array("q", [0])

    def append(self, values: Iterable[Any]) -> None:
        """Take a tuple or list."""
        for value in values:
            self._items.append(value)
        self._starts.append(len(self._items))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def at(self, number: int) -> Any:
        """One tuple or list."""
        places = range(self._starts[number], self._starts[number + 1])
        return self._make(map(self._items.at, places))

    def part(self, first: int, stop: int) -> Lists:
        """The tuples or lists of a range."""
        found = copy(self)
        found._starts = self._starts[first : stop + 1]
        return found


class Rows(OnDemand[Entry]):
    """Entries of several values, a column for each.

    Args:
        make: makes an entry of its values, in the order of the columns.
        columns: by the names of the values; of any sequences, where nothing is appended.

    Example:
        >>> from fractions import Fraction
        >>> rows = Rows(Fraction, numerator=Numbers(), denominator=Numbers())
        >>> rows.extend([Fraction(1, 2), Fraction(3, 4)])[1]
        Fraction(3, 4)
    """

    def __init__(self, make: Callable[..., Entry], **columns: Any) -> None:
        self._make, self.columns = make, columns

    def append(self, entry: Entry) -> None:
        """Take an entry."""
        for name, column in self.columns.items():
            column.append(getattr(entry, name))

    def extend(self, entries: Iterable[Entry]) -> Self:
        """The rows themselves, after they took all entries."""
        for entry in entries:
            self.append(entry)
        return self

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __iter__(self) -> Iterator[Entry]:
        return map(self._make, *self.columns.values())

    def at(self, number: int) -> Entry:
        """One entry."""
        return self._make(*(column[number] for column in self.columns.values()))

    def part(self, first: int, stop: int) -> Rows[Entry]:
        """The entries of a range."""
        return Rows(self._make, **{name: c[first:stop] for name, c in self.columns.items()})


class Parsed(OnDemand[Entry]):
    """What the lines of a file hold, made again in each pass.

    Args:
        lines: of the file.
        numbers: of the lines that hold an entry, from 1: all that are not blank, in their order.
        parse: makes an entry of a line.
    """

    def __init__(
        self, lines: Sequence[str], numbers: Sequence[int], parse: Callable[[str], Entry]
    ) -> None:
        self._lines, self._numbers, self._parse = lines, numbers, parse

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Entry]:
        begin, end = (self._numbers[0] - 1, self._numbers[-1]) if self._numbers else (0, 0)
        numbered = enumerate(self._lines[begin:end], begin + 1)
        wanted = iter(self._numbers)
        number = next(wanted, 0)
        for at, line in numbered:
            if at == number:
                yield self._parse(line)
                number = next(wanted, 0)

    def part(self, first: int, stop: int) -> Parsed[Entry]:
        """The entries of a range."""
        return Parsed(self._lines, self._numbers[first:stop], self._parse)
