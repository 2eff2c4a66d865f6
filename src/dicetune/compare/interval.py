"""An estimate with its interval and two-sided test, over new seeds and new examples.

    estimate ± t(df) · sqrt(V),    p = P(|t(df)| >= |estimate| / sqrt(V))

with V and df of ``compare.components``. What is estimated is the expected score, or difference of
scores, of a newly seeded training on the same training data, on a new test set of the same size
drawn like this one. The interval excludes 0 exactly where p is below 1 - level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from dicetune.compare.components import Components, components
from dicetune.compare.runs import Runs
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
    """Estimate, interval and test for the sum of the groups' mean scores."""
    if not 0 < level < 1:
        raise InputError(f"expected a level between 0 and 1, got {level}")
    found = components(groups)
    value = float(sum(runs.mean for runs in groups))
    variance, df = found.variance_and_df()
    error = variance**0.5
    half = float(stats.t.ppf((1 + level) / 2, df)) * error
    p = 2 * float(stats.t.sf(abs(value) / error, df)) if error else float(value == 0)
    return Estimate(value, value - half, value + half, level, error, df, p, found)
