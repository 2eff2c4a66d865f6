r"""Effect sizes: how large a difference is beside the luck of the seed and beside what is left.

- ``hedges_g``: the difference in standard deviations of a run,
  :math:`g = \big(1 - \tfrac{3}{4\nu - 1}\big) (\bar a - \bar b) / s`, with the pooled :math:`s` of
  the scores and :math:`\nu = S_a + S_b - 2`.
- ``superiority``: the chance that a run of the first beats a run of the second,
  :math:`P(a > b) + P(a = b) / 2` over all pairs of runs; 0.5 where they are alike.
- ``error_reduction``: what part of the second's error is gone,
  :math:`(\bar a - \bar b) / (1 - \bar b)`.

Sources: Hedges, "Distribution theory for Glass's estimator of effect size", 1981; Vargha & Delaney,
"A critique and improvement of the CL common language effect size statistics", 2000.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def effect(own: Sequence[float], other: Sequence[float]) -> dict[str, float | None]:
    """Effect sizes of the scores of some runs against those of others; fractions.

    Returns:
        The three sizes, ``None`` where one is not defined: no spread between the runs, no error.

    Example:
        >>> found = effect([0.80, 0.82], [0.78, 0.80])
        >>> {name: round(value, 3) for name, value in found.items()}
        {'hedges_g': 0.808, 'superiority': 0.875, 'error_reduction': 0.095}
    """
    first, second = np.asarray(own, dtype=np.float64), np.asarray(other, dtype=np.float64)
    difference = float(first.mean() - second.mean())
    free = len(first) + len(second) - 2
    pairs = np.sign(first[:, None] - second)
    left = 1 - float(second.mean())
    return {
        "hedges_g": _hedges(difference, first, second, free) if free > 0 else None,
        "superiority": float(0.5 + pairs.mean() / 2),
        "error_reduction": difference / left if left > 0 else None,
    }


def _hedges(difference: float, first: np.ndarray, second: np.ndarray, free: int) -> float | None:
    squares = sum(float(((own - own.mean()) ** 2).sum()) for own in (first, second))
    spread = float(np.sqrt(squares / free))
    if spread <= 1e-12:  # rounding alone
        return None
    return (1 - 3 / (4 * free - 1)) * difference / spread
