"""An estimate with its interval and two-sided test, over new seeds and new examples.

    estimate ± t(df) · sqrt(V),    p = P(|t(df)| >= |estimate| / sqrt(V))

with V and df of ``statistics.components``, and never narrower, p never smaller, than over the seeds
alone: few seeds that happen to agree would else hide behind the many degrees of freedom of the
examples, and with 3 seeds 6.4% in place of 5% would be called differences that are none. What is
estimated is the expected score, or difference of scores, of a newly seeded training on the same
training data, on a new test set of the same size drawn like this one. The interval
excludes 0 exactly where p is below 1 - level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dicetune.compare.statistics.components import Components, components
from dicetune.compare.statistics.runs import Runs
from dicetune.errors import InputError


@dataclass(frozen=True)
class Estimate:
    """A score or a difference of scores; fractions.

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


def estimate(groups: Sequence[Runs], level: float = 0.95) -> Estimate:
    """Estimate, interval and test for the sum of the groups' mean scores.

    Args:
        groups: ``[a]`` for one score, ``[a.minus(b)]`` for a difference seed by seed, ``[a, -b]``
            for one where the seeds of the two have nothing to do with each other.
        level: of the interval.

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
    if not 0 < level < 1:
        raise InputError(f"expected a level between 0 and 1, got {level}")
    from scipy import stats  # a second to import, and a report needs none of it

    found = components(groups)
    value = float(sum(runs.mean for runs in groups))
    whole, seeds = found.variance_and_df(), found.seeds_variance_and_df()
    variance, df = whole
    half, p = 0.0, 1.0 if not value else 0.0
    for own_variance, own_df in (whole, *([seeds] if seeds is not None else [])):
        error = own_variance**0.5
        half = max(half, float(stats.t.ppf((1 + level) / 2, own_df)) * error)
        if error:
            p = max(p, 2 * float(stats.t.sf(abs(value) / error, own_df)))
    return Estimate(value, value - half, value + half, level, variance**0.5, df, p, found)
