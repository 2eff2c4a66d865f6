r"""An estimate with its interval and two-sided test, and the power of its design.

The test set is a sample of units: sentences, texts, questions, or whole documents. Each run has a
few counts for each unit, and the score is a function of their sums, so the score of any other
selection of units is computed from sums and never averaged. The weight of a unit is the loss of
score without the unit, the influence value of the jackknife

    ψ_su = (U - 1) (θ_s - θ_s without unit u)        for run s and unit u of U,

whose variance over the units, divided by U, is the variance of θ_s over new test sets of U units.

**Where the uncertainty comes from.** A run s of competitor k on unit u contributes ``ψ_ksu``, and
the spread of a score or difference over new seeds *and* new examples has three sources (two-way
random effects):

    V = Σ_k seed_k / S_k  +  examples  +  Σ_k interaction_k / S_k

all as variances of the score of one run on a test set of this size. Their estimates, unbiased:

- ``between_k``, the variance of the scores of the S_k runs, sees seed_k + interaction_k;
- ``interaction_k`` is the mean square of what is left of ψ_k after its row and column means,
  over U;
- the variance over the units of ``Σ_k mean_s ψ_ksu``, over U, sees
  examples + Σ interaction_k / S_k. A unit is the same for every competitor, so what makes it easy
  or hard for all of them drops out of a difference.

Hence ``V = V_seeds + V_examples - V_interaction``, never taken below either of the first two.
Degrees of freedom after Satterthwaite: S_k - 1 for between_k; for the examples those that match the
variance of a variance, ``2U / (kurtosis - (U-3)/(U-1))``, at most U - 1: where few units carry the
whole difference, they are few.

**Interval and test** hold over new seeds and new examples:

    estimate ± t(df) · sqrt(V),    p = P(|t(df)| >= |estimate| / sqrt(V))

The interval is never narrower, and p never smaller, than over the seeds alone. Otherwise a few
seeds that agree by chance would get the many degrees of freedom of the examples, and with 3 seeds
the test would err in 6.4% of cases in place of 5%. The estimate is the expected score, or
difference of scores, of a training with a new seed on the same training data, on a new test set of
the same size from the same source. The interval excludes 0 exactly where p is below 5%. It ends at
-1 and 1, which costs no coverage, as no true value lies beyond.

The interval of a score θ itself is Wilson's (``problems.ratios.wilson``), which stays between 0 and
1, with t² · V / θ(1 - θ) in place of z² / n, since the variance of a share falls as it nears 0 or
1. At θ = 0 and 1 themselves the units vary no more, and z² / n, as for a share of the n units that
enter the score, takes its place.

**Power.** A true difference :math:`\delta` is found by a test at 5% with the power

.. math::
    P\big(|T| > t_{0.975, \nu}\big), \qquad
    T \sim t_\nu \text{ shifted by } \delta / \sqrt{V} \text{ (noncentral)},

and the smallest detectable difference has a power of 0.8, over seeds and examples and also over the
seeds alone, as in the interval. More seeds make V smaller, but never smaller than the variance over
the examples: then only a larger test set helps.

Sources: Tukey, 1958, and Efron & Stein, "The jackknife estimate of variance", 1981; Searle, Casella
& McCulloch, *Variance Components*, 1992; Satterthwaite, "An approximate distribution of estimates
of variance components", 1946; Owen, "The pigeonhole bootstrap", 2007, for the crossed arrangement;
Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 1988.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dicetune.errors import InputError
from dicetune.problems.ratios import wilson

Floats = NDArray[np.float64]
Metric = Callable[[Floats], Floats]
"""Sums ``(..., M)`` of counts to scores ``(...)``."""

UPPER = 0.975
"""The upper end of an interval of 95%, as a quantile."""

POWER = 0.8
MOST_SEEDS = 100


@dataclass(frozen=True, eq=False)
class Runs:
    """Scores ``(S,)`` and influence values ``(S, U)`` of the S runs of one competitor on U units.

    Example:
        >>> mean = lambda sums: sums[..., 0] / sums[..., 1]
        >>> runs = Runs.of_counts([[[1, 1], [0, 1], [1, 1]]], mean)
        >>> runs.scores.round(3).tolist(), runs.influence.round(3).tolist()
        ([0.667], [[0.333, -0.667, 0.333]])
    """

    scores: Floats
    influence: Floats
    seeds: tuple[int, ...]
    fixed: bool = False  # one run without a seed: the predictions of a finished system
    counted: int = 0  # units that enter the score: for F1 no sentence without any entity

    def __post_init__(self) -> None:
        if self.units < 2:
            raise InputError(
                f"expected at least 2 units, got {self.units}: how much a new test set would "
                "change cannot be told from one; give a larger test file"
            )

    @classmethod
    def of_counts(
        cls, counts: ArrayLike, metric: Metric, seeds: Sequence[int] = (), *, fixed: bool = False
    ) -> Runs:
        """From the counts ``(S, U, M)`` of each run and unit, by leaving out one unit at a time."""
        array = np.asarray(counts, dtype=np.float64)
        totals = array.sum(axis=1)
        scores = metric(totals)
        # a run at a time: the sums without each unit are as large as the counts
        without = np.stack([metric(total - run) for total, run in zip(totals, array, strict=True)])
        influence = (array.shape[1] - 1) * (scores[:, None] - without)
        # where all is right, a unit that enters scores alone; where nothing is, none does
        enters = (metric(array) > 0).any(axis=0)
        counted = int((enters if enters.any() else array.any(axis=(0, 2))).sum())
        return cls(scores, influence, tuple(seeds) or tuple(range(len(scores))), fixed, counted)

    def __neg__(self) -> Runs:
        return Runs(-self.scores, -self.influence, self.seeds, self.fixed)

    def minus(self, other: Runs) -> Runs:
        """The differences, seed by seed, over the seeds that both have."""
        common = tuple(seed for seed in self.seeds if seed in other.seeds)
        here, there = ([runs.seeds.index(seed) for seed in common] for runs in (self, other))
        return Runs(
            self.scores[here] - other.scores[there],
            self.influence[here] - other.influence[there],
            common,
            self.fixed and other.fixed,
        )

    def as_one(self) -> Runs:
        """The mean of these very runs, without seeds that vary."""
        mean = self.scores.mean(keepdims=True), self.influence.mean(axis=0, keepdims=True)
        return Runs(*mean, (), True, self.counted)

    @property
    def units(self) -> int:
        """Number of units of the test set."""
        return int(self.influence.shape[1])

    @property
    def mean(self) -> float:
        """Mean score over the runs."""
        return float(self.scores.mean())


def by_document(counts: ArrayLike, documents: Sequence[Hashable]) -> Floats:
    """Counts ``(S, D, M)`` of documents, in the order of first appearance, from counts of units.

    Units of one document are similar: if a test set is a sample of documents, every interval over
    smaller units is too narrow.

    Example:
        >>> by_document([[[1.0], [2.0], [4.0]]], ["a", "b", "a"]).tolist()
        [[[5.0], [2.0]]]
    """
    array = np.asarray(counts, dtype=np.float64)
    place: dict[Hashable, int] = {}
    rows = [place.setdefault(document, len(place)) for document in documents]
    summed = np.zeros((len(place), array.shape[0], array.shape[2]))
    np.add.at(summed, rows, array.swapaxes(0, 1))
    return summed.swapaxes(0, 1)


@dataclass(frozen=True)
class Components:
    """Variances of one estimate by source, squared fractions; a tuple has one entry a seeded group.

    A fixed competitor has no entry: all of its variance is over examples.
    """

    seeds: tuple[int, ...]  # S_k
    between: tuple[float, ...]  # between the scores of the runs, seed and interaction together
    interaction: tuple[float, ...]  # what seed and unit do together, for one run
    examples: float  # what the choice of the units does to all runs alike
    examples_df: float  # degrees of freedom of the variance over units

    def shares(self) -> dict[str, float]:
        """Shares of the variance of the estimate: they add up to 1, or are 0 if nothing varies."""
        groups = list(zip(self.between, self.interaction, self.seeds, strict=True))
        parts = {
            "seeds": sum(max(between - both, 0.0) / number for between, both, number in groups),
            "examples": self.examples,
            "both": sum(both / number for _, both, number in groups),
        }
        total = sum(parts.values())
        return {name: part / total if total else 0.0 for name, part in parts.items()}

    def variances(self, seeds: int | None = None) -> list[tuple[float, float]]:
        """Variance and degrees of freedom over seeds and units, then over the seeds alone.

        ``seeds`` is another number of runs of each group. The second pair is missing where no group
        has seeds.
        """
        numbers = self.seeds if seeds is None else (seeds,) * len(self.seeds)
        parts = [between / number for between, number in zip(self.between, numbers, strict=True)]
        over_seeds = sum(parts)
        noise = sum(part**2 / (n - 1) for part, n in zip(parts, numbers, strict=True))
        shared = sum(both / number for both, number in zip(self.interaction, numbers, strict=True))
        over_units = self.examples + shared
        variance = over_units + max(over_seeds - shared, 0.0)
        pairs = [(variance, over_units**2 / self.examples_df + noise), (over_seeds, noise)]
        return [
            (variance, variance**2 / noise if noise else float("inf"))
            for variance, noise in pairs[: 2 if self.seeds else 1]
        ]


@dataclass(frozen=True)
class Estimate:
    """A difference of scores, or any other sum of scores, with interval and test; fractions."""

    value: float
    low: float
    high: float
    p: float  # two-sided, of the value 0
    components: Components


def components(groups: Sequence[Runs]) -> Components:
    """Variance components of the sum of the groups' mean scores; two seeds of a group at least.

    Groups are ``[a]`` for one score, ``[a, -b]`` for a difference with unrelated seeds, and
    ``[a.minus(b)]`` for a difference seed by seed.
    """
    seeded = [runs for runs in groups if not runs.fixed]
    interaction = [_interaction(runs.influence) for runs in seeded]
    shared = sum(both / len(runs.scores) for both, runs in zip(interaction, seeded, strict=True))
    influence = np.sum([runs.influence.mean(axis=0) for runs in groups], axis=0)
    return Components(
        seeds=tuple(len(runs.scores) for runs in seeded),
        between=tuple(float(runs.scores.var(ddof=1)) for runs in seeded),
        interaction=tuple(interaction),
        examples=max(float(influence.var(ddof=1)) / len(influence) - shared, 0.0),
        examples_df=_variance_df(influence),
    )


def _interaction(influence: Floats) -> float:
    seeds, units = influence.shape
    left = influence - influence.mean(axis=0) - influence.mean(axis=1, keepdims=True)
    left += influence.mean()
    return float((left**2).sum() / ((seeds - 1) * (units - 1)) / units)


def _variance_df(values: Floats) -> float:
    """Degrees of freedom of a chi-square as uncertain as the variance of ``values``."""
    number = len(values)
    squares = (values - values.mean()) ** 2
    mean_square = squares.mean()
    if not mean_square:
        return float(number - 1)
    kurtosis = float((squares**2).mean() / mean_square**2)
    # two values, or two equal heaps: the kurtosis is at its least, and so tells nothing
    spread = max(kurtosis - (number - 3) / (number - 1), 2 / (number - 1))
    return min(2 * number / spread, float(number - 1))


def estimate(groups: Sequence[Runs], least: float = 0.0) -> Estimate:
    """Estimate, interval and test for the sum of the groups' mean scores.

    ``least`` is the least possible score (-1 for Matthews' coefficient); the largest is 1.

    Example:
        >>> a, b = (
        ...     Runs(np.array(scores), np.zeros((3, 50)), (1, 2, 3))
        ...     for scores in ([0.62, 0.60, 0.63], [0.60, 0.59, 0.60])
        ... )
        >>> found = estimate([a.minus(b)])
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3), round(found.p, 3)
        (0.02, -0.005, 0.045, 0.074)
    """
    found = components(groups)
    value = float(sum(runs.mean for runs in groups))
    p = 1.0 if not value else 0.0
    for variance, df in found.variances():
        if variance:
            p = max(p, 2 * _tail(abs(value) / variance**0.5, df))
    half, widest = _half(found), 1.0 - least
    return Estimate(value, max(value - half, -widest), min(value + half, widest), p, found)


def score_interval(runs: Runs, least: float = 0.0) -> tuple[float, float]:
    """The interval of a competitor's score, between the least possible score and 1.

    Example:
        >>> close = Runs(np.array([0.97, 0.90, 0.99]), np.zeros((3, 50)), (1, 2, 3))
        >>> [round(bound, 3) for bound in score_interval(close)]
        [0.698, 0.994]
    """
    whole = 1.0 - least
    value, half = (runs.mean - least) / whole, _half(components([runs])) / whole
    spread = value * (1 - value)
    fewest = _edge(math.inf) ** 2 / (runs.counted or runs.units)
    wide = half**2 / spread if spread > 0 else fewest
    low, high = wilson(value, half, wide)
    return least + whole * low, least + whole * high


def _half(found: Components) -> float:
    """Half the width of the t interval, over seeds and units or over seeds alone."""
    return max(_edge(df) * math.sqrt(variance) for variance, df in found.variances())


def detectable(found: Components, seeds: int | None = None) -> float:
    """The smallest true difference that ``seeds`` runs find with a chance of 0.8; a fraction."""
    return max(_least_shift(df) * float(variance**0.5) for variance, df in found.variances(seeds))


def seeds_needed(found: Components, difference: float) -> int | None:
    """The fewest seeds that would detect a true difference of this size.

    ``None`` where 100 seeds are too few (the test set is too small), or where there are no seeds.
    """
    if not found.seeds or not difference:
        return None
    enough = (n for n in range(2, MOST_SEEDS + 1) if detectable(found, n) <= abs(difference))
    return next(enough, None)


def power(shift: float, df: float) -> float:
    """The chance that a test finds a difference of ``shift`` standard errors.

    Example:
        >>> round(power(0.0, 4.0), 3), power(6.0, 4.0) > 0.9
        (0.05, True)
    """
    from scipy.special import nctdtr

    edge = _edge(df)
    if df == math.inf:
        return _tail(edge - shift, df) + _tail(edge + shift, df)
    # the far tail is next to nothing, and scipy returns nan for it where the shift is large
    far = nctdtr(df, shift, -edge) if shift < 5 else 0.0
    return float(1 - nctdtr(df, shift, edge) + far)


@cache
def _least_shift(df: float) -> float:
    """The shift that is found with a chance of ``POWER``."""
    high = 4.0
    while power(high, df) < POWER:
        high *= 2
    return brent_root(lambda shift: power(shift, df) - POWER, 0.0, high, 1e-6)


def brent_root(function: Callable[[float], float], low: float, high: float, close: float) -> float:
    """Where a function that changes its sign is 0: Brent's method, as ``scipy.optimize.brentq``.

    That module takes longer to import than a report to be made.

    Example:
        >>> round(brent_root(lambda x: x**2 - 2, 0.0, 2.0, 1e-9), 6)
        1.414214

    References:
        Brent, Algorithms for Minimization Without Derivatives, 1973.
    """
    before, at, other = low, high, 0.0
    was, now, beyond = function(before), function(at), 0.0
    last = step = 0.0
    while True:
        if was and now and (was < 0) != (now < 0):
            other, beyond = before, was
            last = step = at - before
        if abs(beyond) < abs(now):
            before, at, other = at, other, at
            was, now, beyond = now, beyond, now
        near, half = (close + 4 * math.ulp(1.0) * abs(at)) / 2, (other - at) / 2
        if not now or abs(half) < near:
            return at
        tried = math.inf
        if abs(last) > near and abs(now) < abs(was):
            if before == other:
                tried = -now * (at - before) / (now - was)
            else:
                one, two = (was - now) / (before - at), (beyond - now) / (other - at)
                tried = -now * (beyond * two - was * one) / (two * one * (beyond - was))
        good = 2 * abs(tried) < min(abs(last), 3 * abs(half) - near)
        last, step = (step, tried) if good else (half, half)
        before, was = at, now
        at += step if abs(step) > near else math.copysign(near, half)
        now = function(at)


# ``scipy.stats`` has the same under better names, and takes half a second to import


def _edge(df: float) -> float:
    """The upper quantile of Student's t, for a two-sided test."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(UPPER) if df == math.inf else stdtrit(df, UPPER))


def _tail(value: float, df: float) -> float:
    """The chance that Student's t is larger."""
    from scipy.special import ndtr, stdtr

    return float(ndtr(-value) if df == math.inf else stdtr(df, -value))
