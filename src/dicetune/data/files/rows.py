"""Rows of a file as columns of bytes and numbers: each row is made when it is asked for.

A text of 18 words with its label and its line takes 0.5 kB as Python objects beside its own
characters, and 40 bytes here. A column is a sequence at any time. A slice of it holds what the
whole holds, and copies numbers alone.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from copy import copy
from typing import Any, Self, TypeVar

Entry = TypeVar("Entry")

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


class Column(OnDemand[Any]):
    """A column: what it holds, and for each value a number that says where."""

    _ends = 0  # 1 where a number says where a value begins, and the next one where it ends

    def __init__(self, kind: str = "q") -> None:
        self._numbers = array(kind, [0] * self._ends)

    def __len__(self) -> int:
        return len(self._numbers) - self._ends

    def append(self, value: Any) -> None:
        """Take a value."""
        raise NotImplementedError

    def part(self, first: int, stop: int) -> Self:
        """The values of a range."""
        found = copy(self)
        found._numbers = self._numbers[first : stop + self._ends]
        return found


class Numbers(Column):
    """Whole numbers, or ``None``, of 8 bytes each."""

    def append(self, value: int | None) -> None:
        """Take a number."""
        self._numbers.append(_NONE if value is None else value)

    def at(self, number: int) -> int | None:
        """One number."""
        value = self._numbers[number]
        return None if value == _NONE else value


class Texts(Column):
    """Texts, or ``None``, as UTF-8 one behind the other.

    Example:
        >>> texts = Texts()
        >>> for text in ("Quay", None, "Dock"):
        ...     texts.append(text)
        >>> texts[2], list(texts[:2])
        ('Dock', ['Quay', None])
    """

    _ends = 1

    def __init__(self) -> None:
        super().__init__()
        self._raw = bytearray()

    def append(self, value: str | None) -> None:
        """Take a text; half a surrogate pair, as JSON may spell it, is kept."""
        self._raw += _NOTHING if value is None else value.encode("utf-8", "surrogatepass")
        self._numbers.append(len(self._raw))

    def at(self, number: int) -> str | None:
        """One text."""
        raw = self._raw[self._numbers[number] : self._numbers[number + 1]]
        return None if raw == _NOTHING else raw.decode("utf-8", "surrogatepass")


class Once(Column):
    """Values of which many are equal: each is kept once, with its number at each place."""

    def __init__(self) -> None:
        super().__init__("i")
        self._number, self._values = Numbering(), list[Any]()

    def append(self, value: Hashable) -> None:
        """Take a value."""
        number = self._number[value]
        if number == len(self._values):
            self._values.append(value)
        self._numbers.append(number)

    def at(self, number: int) -> Any:
        """One value, the same object wherever it is equal."""
        return self._values[self._numbers[number]]

    def counts(self) -> Counter[Any]:
        """How often each value occurs, in the order of their first."""
        found = Counter(self._numbers).items()
        return Counter({self._values[number]: count for number, count in found})


class Lists(Column):
    """Tuples or lists of any length, whose items are one column."""

    _ends = 1

    def __init__(self, items: Any, make: Callable[[Iterable[Any]], Any] = tuple) -> None:
        super().__init__()
        self._items, self._make = items, make

    def append(self, value: Iterable[Any]) -> None:
        """Take a tuple or list."""
        for item in value:
            self._items.append(item)
        self._numbers.append(len(self._items))

    def at(self, number: int) -> Any:
        """One tuple or list."""
        places = range(self._numbers[number], self._numbers[number + 1])
        return self._make(map(self._items.at, places))


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


def zipped(one: Sequence[Any], other: Sequence[Any]) -> Rows[tuple[Any, Any]]:
    """The values of two sequences, as ``zip`` has them."""
    return Rows(lambda *values: values, one=one, other=other)


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
