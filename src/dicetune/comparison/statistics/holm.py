"""Holm's correction: the more losses are tried, the more often one wins by luck."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values of one family, corrected so that any false positive in it is as rare as said.

    From the smallest up, the i-th of m is multiplied by ``m - i + 1``, and none is below one before
    it. Where a p-value is missing, its place stays empty and is not counted.

    Args:
        p_values: of the family, in any order.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Example:
        >>> holm([0.04, 0.01, None, 0.03])
        [0.06, 0.03, None, 0.06]
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[place] = largest
    return corrected
