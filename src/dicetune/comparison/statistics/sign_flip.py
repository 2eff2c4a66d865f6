r"""The exact sign-flip test over seeds: could the differences of the runs have any signs?

If neither objective were better, the difference of each seed would as well have come out with the
other sign. Of all :math:`2^S` choices of signs, the p-value is the share whose sum is at least as
far from 0 as the one that was seen:

.. math::
    p = 2^{-S} \, \#\Big\{\sigma \in \{-1, 1\}^S :
        \big|\sum_s \sigma_s d_s\big| \ge \big|\sum_s d_s\big|\Big\} .

It cannot be below :math:`2^{1-S}`: 0.0625 with 5 seeds, so that it tells nothing below 6. It asks
about new seeds on this very test set, and nothing about new examples.

Source: Fisher, *The Design of Experiments*, 1935, section 21.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

FEWEST, MOST = 6, 40


def sign_flip(differences: Sequence[float]) -> dict[str, Any]:
    """The p-value over all choices of signs, or why there is none.

    Args:
        differences: of the runs of one seed, one each.

    Returns:
        ``{"p": …}``, else ``{"reason": …}``.

    Example:
        >>> sign_flip([0.1, 0.2, 0.1, 0.3, 0.1, 0.2])
        {'p': 0.03125}
        >>> sign_flip([0.1, 0.2, 0.1])
        {'reason': 'too few seeds for a test'}
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
