r"""Tests and sizes of differences between runs, from the scores of the runs alone; correlations.

The exact **sign-flip test** asks about new seeds on the same test set, not about new examples. If
neither objective were better, both signs of the difference of each seed would be equally likely. Of
all :math:`2^S` choices of signs, the p-value is the share whose sum is at least as far from 0 as
the observed sum:

.. math::
    p = 2^{-S} \, \#\Big\{\sigma \in \{-1, 1\}^S :
        \big|\sum_s \sigma_s d_s\big| \ge \big|\sum_s d_s\big|\Big\} .

It cannot be below :math:`2^{1-S}`: 0.0625 with 5 seeds, so that it needs at least 6 seeds.

**Holm's correction**: with more losses, a loss wins more often by luck. From the smallest p-value
up, the i-th of m is multiplied by ``m - i + 1``, and no p-value is below the previous p-value.

**Effect sizes**: the size of a difference beside the spread of seeds and beside the error.

- ``hedges_g``: the difference in standard deviations of a run,
  :math:`g = \big(1 - \tfrac{3}{4\nu - 1}\big) (\bar a - \bar b) / s`, with the pooled :math:`s` of
  the scores and :math:`\nu = S_a + S_b - 2`.
- ``superiority``: the chance that a run beats a run of the baseline,
  :math:`P(a > b) + P(a = b) / 2` over all pairs of runs; 0.5 for equal runs.
- ``error_reduction``: the part of the baseline's error that is avoided,
  :math:`(\bar a - \bar b) / (1 - \bar b)`.

Sources: Fisher, *The Design of Experiments*, 1935, section 21; Holm, "A simple sequentially
rejective multiple test procedure", 1979; Hedges, "Distribution theory for Glass's estimator of
effect size", 1981; Vargha & Delaney, "A critique and improvement of the CL common language effect
size statistics", 2000.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

FEWEST, MOST = 6, 40
"""Numbers of seeds between which signs are flipped."""


def sign_flip(differences: Sequence[float]) -> dict[str, Any]:
    """``{"p": …}`` over all choices of signs, or ``{"reason": …}`` why there is none.

    Example:
        >>> sign_flip([0.1, 0.2, 0.1, 0.3, 0.1, 0.2])
        {'p': 0.03125}
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < FEWEST:
        return {"reason": "too few seeds for a test"}
    if len(values) > MOST:
        return {"reason": f"not counted out with more than {MOST} seeds"}
    # each sum is a sum of one half of the values plus a sum of the other half: counted without
    # making all pairs
    half = len(values) // 2
    first, second = np.sort(_signed_sums(values[:half])), _signed_sums(values[half:])
    # sums that are equal in exact arithmetic differ in the last digits
    least = abs(values.sum()) - 1e-9 * np.abs(values).sum()
    if least <= 0:
        return {"p": 1.0}
    above = len(first) - np.searchsorted(first, least - second, side="left")
    below = np.searchsorted(first, -least - second, side="right")
    return {"p": float(above.sum() + below.sum()) / 2.0 ** len(values)}


def _signed_sums(values: np.ndarray) -> np.ndarray:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values of one family, corrected by Holm; a missing p-value stays missing and uncounted.

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


def effect(scores: Sequence[float], baseline: Sequence[float]) -> dict[str, float | None]:
    """Effect sizes of scores against the scores of a baseline; ``None`` where undefined."""
    a, b = (np.asarray(values, dtype=np.float64) for values in (scores, baseline))
    difference, error = float(a.mean() - b.mean()), 1 - float(b.mean())
    free = len(a) + len(b) - 2
    squares = sum(float(((runs - runs.mean()) ** 2).sum()) for runs in (a, b))
    spread = float(np.sqrt(squares / max(free, 1)))
    varies = free > 0 and spread > 1e-12  # below it is rounding alone
    return {
        "hedges_g": (1 - 3 / (4 * free - 1)) * difference / spread if varies else None,
        "superiority": float(0.5 + np.sign(a[:, None] - b).mean() / 2),
        "error_reduction": difference / error if error > 0 else None,
    }


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; ``None`` for constant values.

    Example:
        >>> rank_correlation([0.9, 0.5, 0.4, 0.1], [0.6, 0.3, 0.4, 0.2])
        0.8
    """
    a, b = (_ranks(values) for values in (first, second))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return None if scale == 0 else round(float(a @ b) / scale, 12)


def _ranks(values: Sequence[float]) -> np.ndarray:
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2)[place]
    return ranks
