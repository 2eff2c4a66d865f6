"""What a rule for ``precision@recall:R`` reaches of its R on units that it was not fitted on.

On dev the recall is at least R by choice; elsewhere it is what it is. It is a share of gold items,
so that it has Wilson's interval, which is right for few items and near 0 and 1 as well.

Reference: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
"""

from __future__ import annotations

import math

import numpy as np

from dicetune.decide.objective import Objective, counts_of
from dicetune.errors import quoted
from dicetune.metrics.counting import Counting

_Z = 1.959964  # of 95%


def wilson(right: float, total: float) -> tuple[float, float]:
    """Wilson's 95% interval of a share.

    Args:
        right: items of the share.
        total: all items, more than 0.

    Example:
        >>> [round(bound, 3) for bound in wilson(8, 10)]
        [0.49, 0.943]
    """
    share, square = right / total, _Z**2 / total
    middle = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def reached(goal: Objective, counting: Counting, sums: np.ndarray, where: str) -> str | None:
    """The recall that was reached, in one sentence.

    Args:
        goal: "precision@recall"; of others nothing is said.
        counting: of the problem.
        sums: (M,) summed counts.
        where: the units.

    Returns:
        ``None`` where nothing was asked for.
    """
    if not goal.is_operating_point:
        return None
    floor = float(goal.value or 0.0)
    names, correct, _, gold = counts_of(counting, sums)
    found = sorted(
        (float(right / total), name, wilson(float(right), float(total)))
        for name, right, total in zip(names, correct, gold, strict=True)
        if total
    )
    if not found:
        return f"the recall on {where} is unknown: there is no gold of it"
    recall, name, (low, high) = found[0]
    interval = f"{100 * recall:.2f} (95% interval {100 * low:.2f} to {100 * high:.2f})"
    missed = sum(recall < floor for recall, _, _ in found)
    if len(found) == 1:
        what = "below" if missed else "at least"
        return f"recall on {where} is {interval}, {what} the {100 * floor:g} that was asked for"
    how = f"{missed} of {len(found)} labels is below" if missed else "every label is at least"
    return f"recall of {how} the {100 * floor:g} on {where}, lowest {quoted(name)} with {interval}"
