r"""Tests and sizes of the differences between runs, from the scores of the runs alone.

The exact **sign-flip test** asks about new seeds on this very test set, and nothing about new
examples. If neither objective were better, the difference of each seed would as well have come out
with the other sign. Of all :math:`2^S` choices of signs, the p-value is the share whose sum is at
least as far from 0 as the sum that was seen:

.. math::
    p = 2^{-S} \, \#\Big\{\sigma \in \{-1, 1\}^S :
        \big|\sum_s \sigma_s d_s\big| \ge \big|\sum_s d_s\big|\Big\} .

It cannot be below :math:`2^{1-S}`: 0.0625 with 5 seeds, so that it tells nothing below 6.

**Holm's correction**: the more losses are tried, the more often one wins by luck. From the smallest
p-value up, the i-th of m is multiplied by ``m - i + 1``, and none is below the one before it.

**Effect sizes**: how large a difference is beside the luck of the seed and beside what is left.

- ``hedges_g``: the difference in standard deviations of a run,
  :math:`g = \big(1 - \tfrac{3}{4\nu - 1}\big) (\bar a - \bar b) / s`, with the pooled :math:`s` of
  the scores and :math:`\nu = S_a + S_b - 2`.
- ``superiority``: the chance that a run of the first beats a run of the second,
  :math:`P(a > b) + P(a = b) / 2` over all pairs of runs; 0.5 where they are alike.
- ``error_reduction``: what part of the second's error is gone,
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
    # all sums are a sum of one half plus a sum of the other; counted without making all pairs
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
    """Effect sizes of scores against those of a baseline, ``None`` where one is not defined."""
    first, second = (np.asarray(values, dtype=np.float64) for values in (scores, baseline))
    difference = float(first.mean() - second.mean())
    left = 1 - float(second.mean())
    return {
        "hedges_g": _hedges(difference, first, second),
        "superiority": float(0.5 + np.sign(first[:, None] - second).mean() / 2),
        "error_reduction": difference / left if left > 0 else None,
    }


def _hedges(difference: float, first: np.ndarray, second: np.ndarray) -> float | None:
    free = len(first) + len(second) - 2
    if free <= 0:
        return None
    squares = sum(float(((runs - runs.mean()) ** 2).sum()) for runs in (first, second))
    spread = float(np.sqrt(squares / free))
    if spread <= 1e-12:  # rounding alone
        return None
    return (1 - 3 / (4 * free - 1)) * difference / spread
