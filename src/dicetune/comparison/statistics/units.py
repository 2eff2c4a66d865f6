"""Units: what the test set was drawn by, a sentence, a text, a question, or a whole document.

Each run leaves a few counts a unit, their sum over the units gives the score, and so the score of
any other choice of units is the score of another sum: it is computed anew, never averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dicetune.errors import InputError

Floats = NDArray[np.float64]
Metric = Callable[[Floats], Floats]
"""Sums ``(..., M)`` of counts to scores ``(...)``."""


def by_document(counts: ArrayLike, documents: Sequence[Hashable]) -> Floats:
    """Counts of documents from those of their units, in the order of first appearance.

    What stands in one document is alike: where a test set was drawn by the document, the document
    is the unit, else every interval is too narrow.

    Args:
        counts: ``(S, U, M)``, of each seed and unit.
        documents: the document of each unit.

    Returns:
        ``(S, D, M)``.

    Raises:
        InputError: not one document for each unit.

    Example:
        >>> by_document([[[1.0], [2.0], [4.0]]], ["a", "b", "a"]).tolist()
        [[[5.0], [2.0]]]
    """
    array = np.asarray(counts, dtype=np.float64)
    if array.ndim != 3 or array.shape[1] != len(documents):
        raise InputError(
            "expected counts (seeds, units, M) and the document of each unit, "
            f"got counts {array.shape} and {len(documents)} documents"
        )
    place: dict[Hashable, int] = {}
    rows = [place.setdefault(document, len(place)) for document in documents]
    summed = np.zeros((len(place), array.shape[0], array.shape[2]))
    np.add.at(summed, rows, array.swapaxes(0, 1))
    return summed.swapaxes(0, 1)
