"""An encoded split: its windows as columns of numbers, and a model's outputs for them as batches.

As Python lists, one window of 40 sub-words takes 1.4 kB; as columns 200 bytes. A window is made
when it is asked for, so that a sampler and a collator see a plain list of mappings.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self, cast

import numpy as np

from dicetune.data.files.rows import OnDemand

_AT_ONCE = 1 << 16  # numbers
_KINDS = [(np.dtype(f"i{size}"), 1 << (8 * size - 1)) for size in (1, 2, 4)]


@dataclass(frozen=True)
class _Column:
    """One key of all windows: a list of numbers in each, or one number."""

    values: np.ndarray  # window after window
    starts: np.ndarray | None  # (windows + 1,); ``None`` for one number in each window
    is_float: bool = False  # whether these are floats, which may be kept as whole numbers

    def of(self, row: int) -> Any:
        """The value in one window."""
        place = row if self.starts is None else slice(self.starts[row], self.starts[row + 1])
        found = self.values[place]
        return (found.astype(np.float64) if self.is_float else found).tolist()


@dataclass(frozen=True, eq=False)
class Features(OnDemand[dict[str, Any]]):
    """Windows of model inputs and targets; made by ``FeatureWriter``.

    Args:
        columns: of all windows, by key, in the order of writing.
        order: (windows,) the window at each place.
    """

    columns: Mapping[str, _Column]
    order: np.ndarray

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._window(row) for row in self.order[place].tolist()]
        return self._window(int(self.order[place]))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._window, self.order.tolist())

    def _window(self, row: int) -> dict[str, Any]:
        return {name: column.of(row) for name, column in self.columns.items()}

    @property
    def lengths(self) -> np.ndarray:
        """(windows,) sub-words of each window, special tokens included."""
        if not self.columns:
            return np.zeros(0, dtype=np.int64)
        return np.diff(self._starts)[self.order]

    @property
    def _starts(self) -> np.ndarray:
        return cast(np.ndarray, self.columns["input_ids"].starts)  # a list of numbers in each

    def longest_first(self) -> tuple[Self, np.ndarray]:
        """The same windows, longest first, and the place of each."""
        order = np.argsort(-self.lengths, kind="stable")
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order))
        return replace(self, order=self.order[order]), place

    def with_targets(
        self, name: str, fill: int, window: np.ndarray, position: np.ndarray, targets: np.ndarray
    ) -> Self:
        """With one more key: ``fill`` at each sub-word, ``targets`` at positions of windows."""
        starts = self._starts
        values = np.full(starts[-1], fill, dtype=_smallest(np.append(targets, fill)))
        values[starts[self.order[window]] + position] = targets
        return replace(self, columns={**self.columns, name: _Column(values, starts)})


class FeatureWriter:
    """Takes windows one by one, all with the same keys."""

    def __init__(self) -> None:
        self._parts: dict[str, _Parts] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, window: Mapping[str, Any]) -> None:
        """Write a window behind the others."""
        if not self._count:
            self._parts = {name: _Parts(value) for name, value in window.items()}
        for name, value in window.items():
            self._parts[name].add(value)
        self._count += 1

    def features(self) -> Features:
        """All windows, in the order of writing; nothing can be written after this."""
        columns: dict[str, _Column] = {}
        for name in list(self._parts):
            column = self._parts.pop(name).column()
            for other in columns.values():
                if _same(column.starts, other.starts):
                    column = replace(column, starts=other.starts)  # kept once
            columns[name] = column
        return Features(columns, np.arange(self._count))


class _Parts:
    """A column in the making: numbers that just came, and all before in few bytes each."""

    def __init__(self, value: Any) -> None:
        self._is_list, self._is_float = isinstance(value, Sequence), False
        self._new, self._lengths = array("q"), array("q")
        # grows where it is: parts that are joined at the end are in memory twice
        self._done, self._type = bytearray(), np.dtype(np.int8)

    def add(self, value: Any) -> None:
        """Take the value of the next window; integers before the first fraction become such."""
        values = value if self._is_list else (value,)
        try:
            self._new += array(self._new.typecode, values)
        except TypeError:
            self._flush("d")
            self._is_float = True
            self._new += array("d", values)
        if self._is_list:
            self._lengths.append(len(value))
        if len(self._new) >= _AT_ONCE:
            self._flush(self._new.typecode)

    def _flush(self, kind: str) -> None:
        """Make the numbers that just came small; the next are of a kind."""
        values = np.array(self._new)
        wanted = np.result_type(self._type, _smallest(values))
        if wanted != self._type:
            self._done, self._type = bytearray(self._values.astype(wanted)), wanted
        self._done += values.astype(wanted).tobytes()
        self._new = array(kind)

    @property
    def _values(self) -> np.ndarray:
        return np.frombuffer(self._done, dtype=self._type)

    def column(self) -> _Column:
        """The whole column."""
        self._flush(self._new.typecode)
        starts, values = None, self._values
        if self._is_list:
            starts = np.concatenate([[0], np.cumsum(self._lengths, dtype=np.int64)])
        if len(values) and (values == values[0]).all():  # a mask without padding
            values = np.broadcast_to(values[:1].copy(), values.shape)
        return _Column(values, starts, self._is_float)


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)


def _smallest(values: np.ndarray) -> np.dtype[Any]:
    """The smallest type that holds all of these numbers exactly."""
    if values.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            exact = (t for t in (np.int8, np.float32) if np.array_equal(values.astype(t), values))
            return np.dtype(next(exact, values.dtype))
    least, most = values.min(initial=0), values.max(initial=0)
    fits = (kind for kind, limit in _KINDS if -limit <= least and most < limit)
    return next(fits, values.dtype)


class Batches:
    """Outputs of windows, batch after batch, each as wide as its longest window.

    In one array every window would be as wide as the longest of all. The outputs at some windows
    and positions are found as in that array.

    Example:
        >>> outputs = Batches([np.zeros((2, 3)), np.ones((1, 2))])
        >>> outputs[np.array([2, 0]), np.array([1, 2])].tolist()
        [1.0, 0.0]
        >>> np.asarray(outputs).shape
        (3, 3)
    """

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        self.parts = parts

    @classmethod
    def of(cls, batches: Sequence[Any]) -> Batches | tuple[Batches, ...]:
        """The batches of one output; of several, where each batch is a tuple."""
        if isinstance(batches[0], tuple | list):
            return tuple(cls(parts) for parts in zip(*batches, strict=True))
        return cls(batches)

    def __getitem__(self, places: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        window, position = places
        begins = np.cumsum([0, *map(len, self.parts)])
        order = np.argsort(window, kind="stable")
        cuts = np.searchsorted(window[order], begins)
        first = self.parts[0]
        found = np.empty((len(window), *first.shape[2:]), dtype=first.dtype)
        for part, begin, (a, b) in zip(self.parts, begins[:-1], pairwise(cuts), strict=True):
            chosen = order[a:b]
            found[chosen] = part[window[chosen] - begin, position[chosen]]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(join_batches(self.parts), dtype=dtype)


Outputs = np.ndarray | Batches | tuple[np.ndarray | Batches, ...]
"""The outputs of a model for all windows, after ``preprocess_logits``."""


@dataclass(frozen=True)
class TextPlaces:
    """The window of each text, (texts,)."""

    window: np.ndarray

    def gather(self, outputs: Any) -> list[np.ndarray]:
        """The outputs of each text, (1, labels)."""
        rows = np.asarray(outputs)
        return [rows[place][None] for place in self.window]


def join_batches(batches: Sequence[Any]) -> Any:
    """Batches of arrays, or of nests of arrays, as one: padded on the right with -100.

    The stock evaluation copies all earlier batches for each batch; here each is copied once.
    """
    first = batches[0]
    if isinstance(first, Mapping):
        return {name: join_batches([batch[name] for batch in batches]) for name in first}
    if isinstance(first, list | tuple):
        return tuple(join_batches(parts) for parts in zip(*batches, strict=True))
    parts = [np.atleast_1d(batch) for batch in batches]
    shape = tuple(max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True))
    whole = np.full((sum(map(len, parts)), *shape), -100, dtype=parts[0].dtype)
    begin = 0
    for part in parts:
        place = (slice(begin, begin + len(part)), *(slice(size) for size in part.shape[1:]))
        whole[place] = part
        begin += len(part)
    return whole
