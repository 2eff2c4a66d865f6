"""Do the intervals of `dicetune compare` hold what they say? Simulated, where the truth is known.

Two objectives are run with S seeds each on one test set of 1,000 units, again and again, each time
with new seeds and a new test set. An item is got right where

    margin + gain + seed + difficulty + example + interaction > 0

with a draw for each run (seed), each item (difficulty, the same for all runs), each objective and
item (example), and each run and item (interaction; logistic, the others normal). `f1`: one item a
unit, 15% of them positive. `spans`: a sentence with 0 to 4 gold entities and 2 places where a false
one may be found; half of each variance is the sentence's own.

False positives: the share of p < 0.05 where the gain is 0. Coverage: how often the 95% interval
holds the true difference where there is one, and how often that of a single score holds the true
score; the truth is the mean over all replications.

Usage: nice -n 19 python benchmarks/error_rates.py [REPLICATIONS] [f1|spans|tried ...]
"""

import numpy as np

from dicetune.compare.counts import micro_f1
from dicetune.compare.interval import estimate
from dicetune.compare.runs import Runs

UNITS = 1000
SEEDS = (3, 5, 10)
GAIN = 0.15
REGIMES = {  # standard deviations: seed, example; scale: interaction
    "seeds": (0.20, 0.10, 0.05),
    "examples": (0.02, 0.60, 0.05),
    "interaction": (0.02, 0.02, 0.60),
    "all alike": (0.06, 0.30, 0.30),
}
MARGINS = {"f1": (1.0, 2.4), "spans": (0.7, 1.6)}  # of gold items, and of the others


def items(rng, kind, units):
    """Two masks (units, places): where an item is, and where it is a gold one."""
    if kind == "f1":
        gold = rng.random((units, 1)) < 0.15
        return np.ones_like(gold), gold
    number = np.minimum(rng.poisson(0.8, units), 4)
    entities = np.arange(4) < number[:, None]
    false = np.ones((units, 2), dtype=bool)
    return np.hstack([entities, false]), np.hstack([entities, ~false])


def draw(rng, kind, regime, seeds, gain=0.0, units=UNITS):
    """Counts (seeds, units, 3) of two objectives; the first has the gain."""
    seed_sd, example_sd, scale = REGIMES[regime]
    there, gold = items(rng, kind, units)
    margin = np.where(gold, *MARGINS[kind])

    def spread(sample, *shape):
        """An effect of unit variance a place; in sentences half of it is the sentence's."""
        own = sample(size=(*shape, units, gold.shape[1]))
        if kind == "f1":
            return own
        return (own + sample(size=(*shape, units, 1))) / 2**0.5

    def one(own_gain):
        fixed = margin + own_gain + difficulty + example_sd * spread(rng.normal)
        seed = seed_sd * rng.normal(size=(seeds, 1, 1))
        right = fixed + seed + scale * spread(rng.logistic, seeds) > 0
        parts = right & gold, there & (right == gold), np.broadcast_to(gold, right.shape)
        return np.stack([part.sum(axis=-1) for part in parts], axis=-1)

    difficulty = spread(rng.normal)
    return one(gain), one(0.0)


def measure(kind, regime, seeds, gain, replications, seed=0, units=UNITS):
    """Estimates of the difference and of the first score, one each replication."""
    rng = np.random.default_rng([seed, seeds, int(1000 * gain)])
    found = []
    for _ in range(replications):
        both = draw(rng, kind, regime, seeds, gain, units)
        a, b = (Runs.of_counts(name, own, micro_f1) for name, own in zip("ab", both, strict=True))
        found.append((estimate([a, -b]), estimate([a])))
    return list(zip(*found, strict=True))


def covered(estimates):
    """Share of intervals that hold the mean of all estimates."""
    truth = np.mean([one.value for one in estimates])
    return np.mean([one.low <= truth <= one.high for one in estimates])


def shares(estimates):
    """Shares of the variance: seeds, examples, interaction."""
    seeds = estimates[0].components.seeds[0]
    parts = np.mean(
        [
            (c.seed / seeds, c.examples, sum(c.interaction) / seeds)
            for c in (one.components for one in estimates)
        ],
        axis=0,
    )
    return parts / parts.sum()
