"""An estimate with its interval and two-sided test, over new seeds and new examples.

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

Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dicetune.comparison.statistics.components import Components, components
from dicetune.comparison.statistics.runs import Runs
from dicetune.errors import InputError


@dataclass(frozen=True)
class Estimate:
    """A difference of scores, or any other sum of them; fractions.

    Args:
        value: the estimate.
        low: lower end of the interval.
        high: upper end.
        level: of the interval.
        error: standard error.
        df: degrees of freedom of the t distribution.
        p: two-sided, of the value 0.
        components: variances by source.
    """

    value: float
    low: float
    high: float
    level: float
    error: float
    df: float
    p: float
    components: Components


def estimate(groups: Sequence[Runs], level: float = 0.95, least: float = 0.0) -> Estimate:
    """Estimate, interval and test for the sum of the groups' mean scores, within what is possible.

    Args:
        groups: ``[a]`` for one score, ``[a.minus(b)]`` for a difference seed by seed, ``[a, -b]``
            for one where the seeds of the two have nothing to do with each other.
        level: of the interval.
        least: score that there can be (-1 for Matthews' coefficient); the largest is 1.

    Raises:
        InputError: groups on other units, one run where there should be seeds, or no such level.

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
    for own_variance, own_df in _variances(found):
        if own_variance:
            p = max(p, 2 * float(stats.t.sf(abs(value) / own_variance**0.5, own_df)))
    variance, df = found.variance_and_df()
    widest = 1.0 - least
    low, high = max(value - half, -widest), min(value + half, widest)
    return Estimate(value, low, high, level, variance**0.5, df, p, found)


def score_interval(runs: Runs, level: float = 0.95, least: float = 0.0) -> tuple[float, float]:
    """The interval of a competitor's score, within the least that there can be and 1.

    Args:
        runs: of the competitor.
        level: of the interval.
        least: score that there can be, from which Wilson's formula measures.

    Raises:
        InputError: one run where there should be seeds, or no such level.

    Example:
        >>> import numpy as np
        >>> close = Runs("a", [0.97, 0.90, 0.99], np.zeros((3, 50)))
        >>> [round(bound, 3) for bound in score_interval(close)]
        [0.698, 0.994]
        >>> [round(bound, 3) for bound in score_interval(Runs("b", [1.0] * 3, np.zeros((3, 50))))]
        [0.929, 1.0]
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


def _half(found: Components, level: float) -> float:
    """Half the width of the t interval, over seeds and units or over seeds alone."""
    from scipy import stats

    quantiles = [(float(stats.t.ppf((1 + level) / 2, df)), v) for v, df in _variances(found)]
    return max(quantile * math.sqrt(variance) for quantile, variance in quantiles)


def _variances(found: Components) -> list[tuple[float, float]]:
    """Variance and degrees of freedom over seeds and units, and over the seeds alone."""
    seeds = found.seeds_variance_and_df()
    return [found.variance_and_df(), *([] if seeds is None else [seeds])]


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"expected a level between 0 and 1, got {level}")
