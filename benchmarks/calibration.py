"""What calibration and costs bring on new data: real scores, resampled as in ``floors.py``.

The scores of three sets are calibrated on dev (``tune --calibrate``: a slope, or a slope and a
shift, or nothing if that is better on held-out items) and judged on all items left over: the
reliability of the probabilities, and the mean cost where a missed item costs 5 and a false alarm 1,
by default, by the costs, and by the costs of calibrated probabilities.

    python benchmarks/calibration.py             # two minutes
"""

from __future__ import annotations

import argparse

import numpy as np

from dicetune.decide.costs import mean_cost
from dicetune.decide.form import RuleForm
from dicetune.decide.rule import DecisionRule
from dicetune.problems import problem_of
from dicetune.problems.reliability import reliability
from floors import PROBLEM, emotion, spam, table_of

COSTS = {"no": {"no": 0.0, "yes": 1.0}, "yes": {"no": 5.0, "yes": 0.0}}
SIZES = (200, 1000)
LABELS = ("no", "yes")


def main() -> None:
    """Print a row for each set and size of dev."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=50)
    asked = parser.parse_args()
    sets = {"sms_spam": spam(), "gratitude": emotion("gratitude"), "anger": emotion("anger")}
    print("| set | dev | calibrated | ECE | log loss | cost: default | costs | calibrated costs |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    problem = problem_of(PROBLEM)
    for name, (logits, truth) in sets.items():
        gold, scores = [LABELS[int(one)] for one in truth], table_of(logits)
        for size in SIZES:
            random, found = np.random.default_rng(1), []
            for _ in range(asked.times):
                order = random.permutation(len(gold))
                dev, rest = order[:size].tolist(), order[size:].tolist()
                known, right = ([gold[place] for place in part] for part in (dev, rest))
                before = [scores[place] for place in rest]
                calibration, _ = RuleForm(calibrate=True).calibration(
                    problem, known, [scores[place] for place in dev], list(map(str, dev)), 5
                )
                rules = [
                    DecisionRule("label", {}, "cost", LABELS),
                    DecisionRule("label", {}, "cost", LABELS, costs=COSTS),
                    DecisionRule("label", {}, "cost", LABELS, calibration=calibration, costs=COSTS),
                ]
                told = [
                    reliability(*problem.chances(right, rule.calibrated(before)), alone=False)
                    for rule in (rules[0], rules[2])
                ]
                costs = [
                    mean_cost(
                        problem,
                        COSTS,
                        right,
                        [LABELS[one[0].argmax()] for one in rule.apply(before)],
                    )
                    for rule in rules
                ]
                numbers = [one[what] for what in ("ece", "log_loss") for one in told]
                found.append([calibration is not None, *numbers, *costs])
            share, ece, less, loss, lower, *costs = np.mean(np.array(found, dtype=float), axis=0)
            cells = [
                f"{share:.0%}",
                f"{100 * ece:.1f} to {100 * less:.1f}",
                f"{loss:.3f} to {lower:.3f}",
                *(f"{cost:.3f}" for cost in costs),
            ]
            print(f"| {name} | {size:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
