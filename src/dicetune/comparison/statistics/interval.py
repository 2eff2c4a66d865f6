r"""An estimate with its interval and two-sided test, and what its design can see.

Both hold over new seeds and new examples:

    estimate ± t(df) · sqrt(V),    p = P(|t(df)| >= |estimate| / sqrt(V))

with V and df of ``statistics.components``, and never narrower, p never smaller, than over the seeds
alone: few seeds that happen to agree would else hide behind the many degrees of freedom of the
examples, and with 3 seeds 6.4% in place of 5% would be called differences that are none. What is
estimated is the expected score, or difference of scores, of a newly seeded training on the same
training data, on a new test set of the same size drawn like this one. The interval
excludes 0 exactly where p is below 1 - level. It ends at -1 and 1, beyond which no truth lies, so
that this costs no coverage.

The interval of a score θ itself is Wilson's, which stays between 0 and 1. It holds every truth τ
with

    (θ - τ)² <= t² · V · τ(1 - τ) / θ(1 - θ)

since the variance of a share falls as it nears 0 or 1. At θ = 0 and 1 themselves the units vary no
more, and 1/n, as for a share of the n units that enter the score, takes the place of
V / θ(1 - θ).

A true difference :math:`\delta` is found by a test at 5% with the power

.. math::
    P\big(|T| > t_{0.975, \nu}\big), \qquad
    T \sim t_\nu \text{ shifted by } \delta / \sqrt{V} \text{ (noncentral)},

and the smallest difference that could have been detected is the one with a power of 0.8, over seeds
and examples and over the seeds alone, as the interval asks for both. More seeds
make V smaller, but never smaller than what the examples alone leave: where that is not enough, only
a larger test set helps.

Sources: Wilson, "Probable inference, the law of succession, and statistical inference", 1927;
Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 1988.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dicetune.comparison.statistics.components import Components, components
from dicetune.comparison.statistics.runs import Runs
from dicetune.errors import InputError

POWER = 0.8
MOST_SEEDS = 100


@dataclass(frozen=True)
class Estimate:
    """A difference of scores, or any other sum of scores, with interval and test; fractions."""

    value: float
    low: float
    high: float
    level: float
    error: float  # standard error
    df: float  # degrees of freedom of the t distribution
    p: float  # two-sided, of the value 0
    components: Components


def estimate(groups: Sequence[Runs], level: float = 0.95, least: float = 0.0) -> Estimate:
    """Estimate, interval and test for the sum of the groups' mean scores.

    ``least`` is the least possible score (-1 for Matthews' coefficient); the largest is 1.

    Example:
        >>> import numpy as np
        >>> a = Runs("a", [0.62, 0.60, 0.63], np.zeros((3, 50)))
        >>> b = Runs("b", [0.60, 0.59, 0.60], np.zeros((3, 50)))
        >>> found = estimate([a.minus(b)])
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3), round(found.p, 3)
        (0.02, -0.005, 0.045, 0.074)
    """
    _check_level(level)
    from scipy import stats  # a second to import, and a report needs none of it

    found = components(groups)
    value = float(sum(runs.mean for runs in groups))
    half, p = _half(found, level), 1.0 if not value else 0.0
    for variance, df in _variances(found):
        if variance:
            p = max(p, 2 * float(stats.t.sf(abs(value) / variance**0.5, df)))
    variance, df = found.variance_and_df()
    widest = 1.0 - least
    low, high = max(value - half, -widest), min(value + half, widest)
    return Estimate(value, low, high, level, variance**0.5, df, p, found)


def score_interval(runs: Runs, level: float = 0.95, least: float = 0.0) -> tuple[float, float]:
    """The interval of a competitor's score, between the least possible score and 1.

    Example:
        >>> import numpy as np
        >>> close = Runs("a", [0.97, 0.90, 0.99], np.zeros((3, 50)))
        >>> [round(bound, 3) for bound in score_interval(close)]
        [0.698, 0.994]
    """
    _check_level(level)
    from scipy import stats

    found = components([runs])
    whole = 1.0 - least
    value, half = (runs.mean - least) / whole, _half(found, level) / whole
    spread = value * (1 - value)
    if spread > 0:
        wide = half**2 / spread
    else:
        wide = float(stats.norm.ppf((1 + level) / 2)) ** 2 / runs.counted
    middle = (value + wide / 2) / (1 + wide)
    reach = (half**2 + wide**2 / 4) ** 0.5 / (1 + wide)
    low, high = max(middle - reach, 0.0), min(middle + reach, 1.0)
    return least + whole * low, least + whole * high


def detectable(found: Components, seeds: int | None = None, level: float = 0.95) -> float:
    """The smallest true difference that ``seeds`` runs find with a chance of 0.8; a fraction."""
    variances = _variances(found, seeds)
    return max(_least_shift(df, level) * float(variance**0.5) for variance, df in variances)


def seeds_needed(found: Components, difference: float, level: float = 0.95) -> int | None:
    """The fewest seeds that would detect a true difference of this size.

    ``None`` where 100 seeds are too few (the test set is too small), or where there are no seeds.
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


def _half(found: Components, level: float) -> float:
    """Half the width of the t interval, over seeds and units or over seeds alone."""
    from scipy import stats

    quantiles = [(float(stats.t.ppf((1 + level) / 2, df)), v) for v, df in _variances(found)]
    return max(quantile * math.sqrt(variance) for quantile, variance in quantiles)


def _variances(found: Components, seeds: int | None = None) -> list[tuple[float, float]]:
    """Variance and degrees of freedom over seeds and units, and over the seeds alone."""
    alone = found.seeds_variance_and_df(seeds)
    return [found.variance_and_df(seeds), *([] if alone is None else [alone])]


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"expected a level between 0 and 1, got {level}")
