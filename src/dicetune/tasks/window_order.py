"""The order in which windows are fed: longest first, so that batches need little padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def longest_first(windows: Sequence[Mapping[str, Any]]) -> tuple[list[int], np.ndarray]:
    """The windows by length, and the way back.

    Args:
        windows: model inputs, with their "input_ids".

    Returns:
        The number of the window at each place, and the place of each window; of equal lengths the
        earlier comes first.

    Example:
        >>> order, place = longest_first([{"input_ids": [1]}, {"input_ids": [1, 2]}])
        >>> order, place.tolist()
        ([1, 0], [1, 0])
    """
    order = sorted(range(len(windows)), key=lambda number: -len(windows[number]["input_ids"]))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return order, place
