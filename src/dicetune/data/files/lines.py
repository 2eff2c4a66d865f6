r"""Lines of a text, kept as bytes: a list of a million short lines takes six times the file.

Lines end at ``\n`` alone, and one ``\r`` before ``\n`` is dropped, unless it is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import overload

_BLOCK = 1 << 16  # bytes that are decoded at once


class Lines(Sequence[str]):
    r"""The lines of UTF-8 text, each made when it is asked for.

    Args:
        raw: the text.
        returns: keep the ``\r`` of a line end.

    Raises:
        UnicodeDecodeError: where the text is no UTF-8.

    Example:
        >>> lines = Lines(b"one\r\ntwo\nthree")
        >>> list(lines), len(lines), lines[1], lines.index("three")
        (['one', 'two', 'three'], 3, 'two', 2)
    """

    def __init__(self, raw: bytes, returns: bool = False) -> None:
        self._raw, self._returns = raw, returns
        self.is_blank = True
        # where each block of lines begins, in bytes and in lines
        self._begins, self._counts = [0], [0]
        while self._begins[-1] < len(raw):
            begin = self._begins[-1]
            end = raw.find(b"\n", begin + _BLOCK) + 1 or len(raw)
            try:
                text = raw[begin:end].decode("utf-8")
            except UnicodeDecodeError as error:
                places = begin + error.start, begin + error.end
                raise UnicodeDecodeError("utf-8", raw, *places, error.reason) from None
            self.is_blank = self.is_blank and not text.strip()
            self._begins.append(end)
            self._counts.append(self._counts[-1] + text.count("\n") + (not text.endswith("\n")))

    def without_returns(self) -> Lines:
        r"""The same lines without the ``\r`` of their ends."""
        other = Lines.__new__(Lines)
        other.__dict__.update(self.__dict__, _returns=False)
        return other

    def __len__(self) -> int:
        return self._counts[-1]

    def __iter__(self) -> Iterator[str]:
        return self._from(0)

    def _from(self, block: int) -> Iterator[str]:
        """The lines from the beginning of a block on."""
        for number in range(block, len(self._begins) - 1):
            text = self._raw[self._begins[number] : self._begins[number + 1]].decode("utf-8")
            if not self._returns:
                text = text.replace("\r\n", "\n").removesuffix("\r")
            yield from text.removesuffix("\n").split("\n")

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            first, stop, step = place.indices(len(self))
            if step != 1:
                return list(self)[place]
            block = max(bisect_right(self._counts, first) - 1, 0)
            skipped = self._counts[block]
            return list(islice(self._from(block), first - skipped, max(stop, first) - skipped))
        number = place + len(self) if place < 0 else place
        if not 0 <= number < len(self):
            raise IndexError(place)
        return self[number : number + 1][0]

    def index(self, value: str, start: int = 0, stop: int | None = None) -> int:
        """The number of the first line that is ``value``, from 0."""
        found = (n for n, line in enumerate(self) if line == value and n >= start)
        number = next(found, None)
        if number is None or (stop is not None and number >= stop):
            raise ValueError(f"{value!r} is no line")
        return number

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]
