r"""What a design can see: the smallest difference it would detect, and how many seeds are needed.

With variance V and degrees of freedom :math:`\nu` of a design (``statistics.components``), a true
difference :math:`\delta` is found by a test at 5% with the power

.. math::
    P\big(|T| > t_{0.975, \nu}\big), \qquad
    T \sim t_\nu \text{ shifted by } \delta / \sqrt{V} \text{ (noncentral)},

and the smallest difference that could have been detected is the one with a power of 0.8, over seeds
and examples and over the seeds alone, as the interval asks for both. More seeds
make V smaller, but never smaller than what the examples alone leave: where that is not enough, only
a larger test set helps.

Source: Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 1988.
"""

from __future__ import annotations

from dicetune.comparison.statistics.components import Components

POWER = 0.8
MOST_SEEDS = 100


def detectable(found: Components, seeds: int | None = None, level: float = 0.95) -> float:
    """The smallest true difference that is found with a chance of 0.8; a fraction.

    Args:
        found: variances of the difference.
        seeds: of the design; by default as many as there were.
        level: of the interval that has to exclude 0.
    """
    designs = [found.variance_and_df(seeds), found.seeds_variance_and_df(seeds)]
    known = [own for own in designs if own is not None]
    return max(_least_shift(df, level) * float(variance**0.5) for variance, df in known)


def seeds_needed(found: Components, difference: float, level: float = 0.95) -> int | None:
    """The smallest number of seeds that would detect a difference as large as this one.

    Args:
        found: variances of the difference.
        difference: the true one, if the estimate were right.
        level: of the interval that has to exclude 0.

    Returns:
        ``None`` where no number up to 100 does: the test set is too small, or there are no seeds.
    """
    if not found.seeds or not difference:
        return None
    for seeds in range(2, MOST_SEEDS + 1):
        if detectable(found, seeds, level) <= abs(difference):
            return seeds
    return None


def power(shift: float, df: float, level: float = 0.95) -> float:
    """The chance that a test finds a difference of ``shift`` standard errors.

    Example:
        >>> round(power(0.0, 4.0), 3), power(6.0, 4.0) > 0.9
        (0.05, True)
    """
    from scipy import stats

    if df == float("inf"):
        edge = stats.norm.ppf((1 + level) / 2)
        return float(stats.norm.sf(edge - shift) + stats.norm.cdf(-edge - shift))
    edge = stats.t.ppf((1 + level) / 2, df)
    # the far tail is next to nothing, and scipy returns nan for it where the shift is large
    far = stats.nct.cdf(-edge, df, shift) if shift < 5 else 0.0
    return float(stats.nct.sf(edge, df, shift) + far)


def _least_shift(df: float, level: float) -> float:
    from scipy.optimize import brentq

    high = 4.0
    while power(high, df, level) < POWER:
        high *= 2
    return float(brentq(lambda shift: power(shift, df, level) - POWER, 0.0, high, xtol=1e-6))
