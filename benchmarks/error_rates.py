"""Do the intervals of `dicetune compare` hold what they say? Simulated, where the truth is known.

Two objectives are run with S seeds each on one test set of 1,000 units, again and again, each time
with new seeds and a new test set. An item is got right where

    margin + gain + seed + difficulty + example + interaction > 0

with a draw for each run (seed), each item (difficulty, the same for all runs), each objective and
item (example), and each run and item (interaction; logistic, the others normal). `f1`: one item a
unit, 15% of them positive. `spans`: a sentence with 0 to 4 gold entities and 2 places where a false
one may be found; half of each variance is the sentence's own. `f1 near 1` is `f1` on 200 units that
are nearly all got right, where an interval could leave the bounds of the score.

False positives: the share of p < 0.05 where the gain is 0. Coverage: how often the 95% interval
holds the true difference where there is one, and how often that of a single score holds the true
score; the truth is the mean over all replications.

The difference is estimated seed by seed, as `dicetune compare` does. `sign-flip` is the share of
exact sign-flip tests below 0.05; it asks about new seeds on the same test set only, so that it is
no test of the question above where examples matter, and its column shows how wrong it then is.

`--choice` simulates the recommendation in place of single comparisons: four objectives, five seeds
each, a dev set that chooses among the 20 runs and the 4 averages of all seeds, and a test set. The
score of a run on an item is its margin; all seeds together average sigmoids of margins. True scores
are those of the very models on 40,000 new units. *Flattered*: dev score of the recommended model
minus its true score, beside the estimated optimism. *Called better*: the recommended objective is
called better or worse than the baseline although all are alike; *any called*: any objective is.
*Found*: the one objective with a gain is recommended; *lost*: by how much the true score of the
recommended model is then below the true score of the best. *Coverage*: intervals of all seeds
together, for these seeds.

Usage: python benchmarks/error_rates.py [--choice] [--replications N]
"""

import argparse

import numpy as np

from dicetune.comparison.recommend import choose, optimism
from dicetune.comparison.statistics.estimate import Runs, estimate, score_interval
from dicetune.comparison.statistics.significance import holm, sign_flip

UNITS = {"f1": 1000, "spans": 1000, "f1 near 1": 200}
SEEDS = (3, 5, 10)
GAIN = 0.15
REGIMES = {  # standard deviations: seed, example; scale: interaction
    "seeds": (0.20, 0.10, 0.05),
    "examples": (0.02, 0.60, 0.05),
    "interaction": (0.02, 0.02, 0.60),
    "all alike": (0.06, 0.30, 0.30),
}
# of gold items, and of the others
MARGINS = {"f1": (1.0, 2.4), "spans": (0.7, 1.6), "f1 near 1": (1.8, 3.2)}


def items(rng, kind, units):
    """Two masks (units, places): where an item is, and where it is a gold one."""
    if kind != "spans":
        gold = rng.random((units, 1)) < 0.15
        return np.ones_like(gold), gold
    number = np.minimum(rng.poisson(0.8, units), 4)
    entities = np.arange(4) < number[:, None]
    false = np.ones((units, 2), dtype=bool)
    return np.hstack([entities, false]), np.hstack([entities, ~false])


def draw(rng, kind, regime, seeds, gain=0.0):
    """Counts (seeds, units, 3) of two objectives; the first has the gain."""
    units = UNITS[kind]
    seed_sd, example_sd, scale = REGIMES[regime]
    there, gold = items(rng, kind, units)
    margin = np.where(gold, *MARGINS[kind])

    def spread(sample, *shape):
        """An effect of unit variance a place; in sentences half of it is the sentence's."""
        own = sample(size=(*shape, units, gold.shape[1]))
        if kind != "spans":
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


def f1(sums):
    """F1 of (correct, predicted, gold)."""
    return 2 * sums[..., 0] / np.maximum(sums[..., 1] + sums[..., 2], 1)


def measure(kind, regime, seeds, gain, replications):
    """Estimates of the difference, the first score with its interval, and p over seeds."""
    rng = np.random.default_rng(
        [seeds, gain > 0, list(MARGINS).index(kind), list(REGIMES).index(regime)]
    )
    differences, scores, flips = [], [], []
    for _ in range(replications):
        a, b = (Runs.of_counts(counts, f1) for counts in draw(rng, kind, regime, seeds, gain))
        paired = a.minus(b)
        differences.append(estimate([paired]))
        scores.append((a.mean, *score_interval(a)))
        flips.append(sign_flip(paired.scores.tolist()).get("p"))
    return differences, scores, flips


def covered(estimates):
    """Share of intervals that hold the mean of all values; of (value, low, high)."""
    values, low, high = np.array(estimates).T
    return np.mean((low <= values.mean()) & (values.mean() <= high))


def shares(estimates):
    """Shares of the variance: seeds, examples, interaction."""
    found = [one.components for one in estimates]
    seeds = found[0].seeds[0]
    seed = [max(c.between[0] - c.interaction[0], 0.0) / seeds for c in found]
    both = [c.interaction[0] / seeds for c in found]
    parts = np.transpose([seed, [c.examples for c in found], both])
    return parts.mean(axis=0) / parts.mean(axis=0).sum()


def percent(share):
    """A share in percent."""
    return f"{100 * share:.1f}"


OBJECTIVES, OF_EACH, NEW = 4, 5, 40_000
ROWS = [k for k in range(OBJECTIVES) for _ in range(OF_EACH)] + [
    OBJECTIVES + k for k in range(OBJECTIVES)
]
TOGETHER = [row >= OBJECTIVES for row in ROWS]


def drawn(rng, regime, units, gains, seeds):
    """Counts (models, units, 3) of all runs, then of all seeds of each objective together."""
    _, example_sd, scale = REGIMES[regime]
    _, gold = items(rng, "f1", units)
    gold = gold[:, 0]
    base = np.where(gold, *MARGINS["f1"]) + rng.normal(size=units)
    own = base + gains[:, None] + example_sd * rng.normal(size=(OBJECTIVES, units))
    margin = own[:, None] + seeds[..., None]
    margin = margin + scale * rng.logistic(size=margin.shape)
    mean = (1 / (1 + np.exp(-margin))).mean(axis=1) > 0.5
    right = np.concatenate([margin.reshape(-1, units) > 0, mean])
    parts = right & gold, right == gold, np.broadcast_to(gold, right.shape)
    return np.stack(parts, axis=-1).astype(np.float64)


def choices(regime, dev_units, gain, replications):
    """For each replication: flattered, optimism, called, any called, found, lost, two coverages."""
    rng = np.random.default_rng([dev_units, gain > 0, list(REGIMES).index(regime), 7])
    gains = np.array([0.0] * (OBJECTIVES - 1) + [gain])
    found = []
    for _ in range(replications):
        seeds = REGIMES[regime][0] * rng.normal(size=(OBJECTIVES, OF_EACH))
        dev, test, new = (
            drawn(rng, regime, units, gains, seeds) for units in (dev_units, UNITS["f1"], NEW)
        )
        on_dev, true = f1(dev.sum(axis=1)), f1(new.sum(axis=1))
        chosen = int(choose(on_dev[None], ROWS, TOGETHER)[0])
        objective = ROWS[chosen] % OBJECTIVES
        runs = [
            Runs.of_counts(test[OF_EACH * k : OF_EACH * (k + 1)], f1) for k in range(OBJECTIVES)
        ]
        corrected = holm([estimate([one.minus(runs[0])]).p for one in runs[1:]])
        called = objective > 0 and not TOGETHER[chosen] and corrected[objective - 1] < 0.05
        last = Runs.of_counts(test[-1:], f1, fixed=True)
        low, high = score_interval(last)
        apart = estimate([last, -runs[0].as_one()])
        found.append(
            (
                *(on_dev[chosen] - true[chosen], optimism(dev, f1, ROWS, TOGETHER, draws=200)),
                *(called, min(corrected) < 0.05, objective == OBJECTIVES - 1),
                *(true.max() - true[chosen], low <= true[-1] <= high),
                apart.low <= true[-1] - true[:OF_EACH].mean() <= apart.high,
            )
        )
    return np.mean(found, axis=0)


def print_choices(replications):
    """The table of the recommendation."""
    heads = ("variance from", "dev units", "flattered", "optimism", "called better", "any called",
             "found", "lost", "coverage, all seeds", "coverage, difference")  # fmt: skip
    print("| " + " | ".join(heads) + " |\n|---|" + "---:|" * (len(heads) - 1))
    for regime in REGIMES:
        for units in (200, 1000):
            alike = choices(regime, units, 0.0, replications)
            gained = choices(regime, units, GAIN, replications)
            shown = [*alike[:4], *gained[4:6], *alike[6:]]
            points = [f"{100 * one:.2f}" if at in (0, 1, 5) else percent(one)
                      for at, one in enumerate(shown)]  # fmt: skip
            print("| " + " | ".join([regime, str(units), *points]) + " |", flush=True)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=4000)
    parser.add_argument("--choice", action="store_true", help="simulate the recommendation")
    given = parser.parse_args()
    if given.choice:
        print_choices(given.replications)
        return
    replications = given.replications
    heads = ("metric", "variance from", "seeds", "seed : example : both", "false positives",
             "sign-flip", "coverage, difference", "coverage, score", "power")  # fmt: skip
    print("| " + " | ".join(heads) + " |\n|---|---|" + "---:|" * (len(heads) - 2))
    for kind in MARGINS:
        for regime in REGIMES:
            for seeds in SEEDS:
                null, _, flips = measure(kind, regime, seeds, 0.0, replications)
                gained, scores, _ = measure(kind, regime, seeds, GAIN, replications)
                row = (
                    kind, regime, seeds, " : ".join(f"{100 * own:.0f}" for own in shares(gained)),
                    percent(np.mean([one.p < 0.05 for one in null])),
                    "–" if flips[0] is None else percent(np.mean([p < 0.05 for p in flips])),
                    percent(covered([(one.value, one.low, one.high) for one in gained])),
                    percent(covered(scores)),
                    percent(np.mean([one.p < 0.05 for one in gained])),
                )  # fmt: skip
                print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    main()
