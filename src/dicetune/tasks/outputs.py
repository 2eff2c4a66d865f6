"""Outputs of a model for all windows: kept as batches, and joined once at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np


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
