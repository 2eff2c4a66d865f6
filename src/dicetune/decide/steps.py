r"""Counts as step functions of one bias, and the best of their pieces.

While one bias :math:`b` moves from :math:`-\infty` to :math:`\infty` and everything else stays, the
decision on an item changes at single points alone. So the summed counts are constant between
neighbouring breakpoints, and with the breakpoints sorted one cumulative sum has them all:
:math:`O(E \log E)` for :math:`E` breakpoints, and no grid that could miss the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

NARROW = 1e-9
"""A piece narrower than this is passed over: rounding alone would leave it."""

EQUAL = 1e-12
"""Values that differ by less are equal: the same counts, added up in another order."""


@dataclass(frozen=True)
class Steps:
    """Counts of all units as functions of one bias.

    Args:
        base: (U, M) counts where the bias is minus infinity.
        at: (E,) finite breakpoints, in any order.
        unit: (E,) the unit whose counts change there.
        columns: (K,) the counts that change at all.
        change: (E, K) by how much.
    """

    base: np.ndarray
    at: np.ndarray
    unit: np.ndarray
    columns: np.ndarray
    change: np.ndarray

    @classmethod
    def of(
        cls,
        base: np.ndarray,
        at: np.ndarray,
        unit: np.ndarray,
        columns: np.ndarray,
        change: np.ndarray,
    ) -> Self:
        """Steps from breakpoints that may be infinite: met from the start on, or never."""
        always = at == -np.inf
        if always.any():
            base = base.copy()
            np.add.at(base, (unit[always][:, None], columns), change[always])
        finite = np.isfinite(at)
        return cls(base, at[finite], unit[finite], columns, change[finite])

    def curve(self, keep: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Sums over units, piece by piece.

        Args:
            keep: (U,) bool, the units that are summed; all by default.

        Returns:
            The different breakpoints in order, (P,), and the sums on the P + 1 pieces before,
            between and behind them, (P + 1, M).
        """
        base, at, change = self.base, self.at, self.change
        if keep is not None:
            base, chosen = base[keep], keep[self.unit]
            at, change = at[chosen], change[chosen]
        order = np.argsort(at, kind="stable")
        at = at[order]
        edges, begins = np.unique(at, return_index=True)
        sums = np.repeat(base.sum(0)[None], len(edges) + 1, axis=0)
        if len(edges):
            added = np.add.reduceat(change[order], begins, axis=0)
            sums[1:, self.columns] += np.cumsum(added, axis=0)
        return edges, sums


def best_point(edges: np.ndarray, values: np.ndarray, current: float) -> tuple[float, float]:
    """The bias in the best piece, and the value there.

    Within a piece every bias decides alike. The middle between its two breakpoints is farthest
    from both; beyond the outermost breakpoint, one past it. Of equally good pieces the one
    nearest to where the search stands is taken (the default, to begin with), then the lower; the
    piece that holds the current bias leaves it where it is.

    Args:
        edges: (P,) breakpoints in order.
        values: (P + 1,) of the pieces; higher is better.
        current: the bias as it is.

    Example:
        >>> best_point(np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.3, 0.9, 0.2]), 0.0)
        (3.0, 0.9)
        >>> best_point(np.array([1.0]), np.array([0.5, 0.5]), 0.0)
        (0.0, 0.5)
    """
    low = np.concatenate([[-np.inf], edges])
    high = np.concatenate([edges, [np.inf]])
    values = np.where(high - low > NARROW, values, -np.inf)
    best = values.max()
    near = np.flatnonzero(values >= best - EQUAL)
    distance = np.maximum(np.maximum(low[near] - current, current - high[near]), 0.0)
    piece = int(near[distance.argmin()])
    a, b = float(low[piece]), float(high[piece])
    if a < current < b:
        point = current
    elif np.isinf(a):
        point = b - 1.0
    elif np.isinf(b):
        point = a + 1.0
    else:
        point = (a + b) / 2
    return point, float(values[piece])
