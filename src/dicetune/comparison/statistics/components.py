"""Where the uncertainty of a score or difference comes from: seeds, examples, and both at once.

A run s of competitor k on unit u contributes ``ψ_ksu`` (``statistics.runs``), and the spread of the
estimate over new seeds *and* new examples has three sources (two-way random effects):

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

Sources: Searle, Casella & McCulloch, *Variance Components*, 1992; Satterthwaite, "An approximate
distribution of estimates of variance components", 1946; Owen, "The pigeonhole bootstrap", 2007, for
the crossed arrangement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dicetune.comparison.statistics.runs import Floats, Runs, check_units
from dicetune.errors import InputError


@dataclass(frozen=True)
class Components:
    """Variances of one estimate by source, squared fractions; a tuple has one entry a seeded group.

    A fixed competitor has no entry: all of its variance is over examples.
    """

    seeds: tuple[int, ...]  # S_k
    between: tuple[float, ...]  # between the scores of the runs, seed and interaction together
    interaction: tuple[float, ...]  # what seed and unit do together, for one run
    examples: float  # what the choice of the units does to all runs alike
    units: int  # U
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

    def variance_and_df(self, seeds: int | None = None) -> tuple[float, float]:
        """Variance of the estimate and its degrees of freedom, for ``seeds`` runs of each group."""
        numbers = self._numbers(seeds)
        between, noise_of_seeds = self._over_seeds(numbers)
        shared = sum(both / number for both, number in zip(self.interaction, numbers, strict=True))
        over_units = self.examples + shared
        variance = over_units + max(between - shared, 0.0)
        noise = over_units**2 / self.examples_df + noise_of_seeds
        return variance, variance**2 / noise if noise else float("inf")

    def seeds_variance_and_df(self, seeds: int | None = None) -> tuple[float, float] | None:
        """The same for new seeds on these very units; ``None`` where no group has seeds."""
        if not self.seeds:
            return None
        variance, noise = self._over_seeds(self._numbers(seeds))
        return variance, variance**2 / noise if noise else float("inf")

    def _numbers(self, seeds: int | None) -> tuple[int, ...]:
        return self.seeds if seeds is None else (seeds,) * len(self.seeds)

    def _over_seeds(self, numbers: Sequence[int]) -> tuple[float, float]:
        """Variance over seeds alone, and the sum of the squares over degrees of freedom."""
        parts = [(var / number, number) for var, number in zip(self.between, numbers, strict=True)]
        return sum(part for part, _ in parts), sum(part**2 / (n - 1) for part, n in parts)


def components(groups: Sequence[Runs]) -> Components:
    """Variance components of the sum of the groups' mean scores.

    Groups are ``[a]`` for one score, ``[a, -b]`` for a difference with unrelated seeds, and
    ``[a.minus(b)]`` for a difference seed by seed.
    """
    check_units(groups)
    for runs in groups:
        if len(runs.scores) == 1 and not runs.fixed:
            raise InputError(
                f"expected at least 2 seeds of {runs.name}, got 1: train more, or say that it is "
                "fixed if only these very predictions are asked about"
            )
    seeded = [runs for runs in groups if not runs.fixed]
    units = groups[0].units
    interaction = [_interaction(runs.influence) for runs in seeded]
    shared = sum(both / len(runs.scores) for both, runs in zip(interaction, seeded, strict=True))
    influence = np.sum([runs.influence.mean(axis=0) for runs in groups], axis=0)
    return Components(
        seeds=tuple(len(runs.scores) for runs in seeded),
        between=tuple(float(runs.scores.var(ddof=1)) for runs in seeded),
        interaction=tuple(interaction),
        examples=max(float(influence.var(ddof=1)) / units - shared, 0.0),
        units=units,
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
