"""What a fitted rule was found to do, as plain data and in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dicetune.decide.decisions import Decisions
from dicetune.decide.objective import Objective
from dicetune.metrics.counting import Counting


def all_metrics(counting: Counting, goal: Objective, sums: np.ndarray) -> dict[str, float]:
    """The objective, then every metric of the problem."""
    found = {str(goal): float(goal.score(counting, sums))}
    return found | {name: float(counting.score(sums, name)) for name in counting.metrics}


def evidence_of(
    decisions: Decisions, goal: Objective, sums: Mapping[str, np.ndarray], units: int
) -> dict[str, Any]:
    """Scores of summed counts by what decided them: every metric, and the objective alone."""
    scores = {name: all_metrics(decisions.counting, goal, own) for name, own in sums.items()}
    heads = {name: float(goal.score(decisions.counting, own)) for name, own in sums.items()}
    return {"metric": str(goal), "units": units, **heads, "scores": scores}


def said_of(goal: Objective, evidence: Mapping[str, Any]) -> str:
    """What was done, in one sentence."""
    gain, error, factor = evidence["gain"], evidence["error"], evidence["factor"]
    if not any(evidence["fitted_biases"].values()):
        return f"Kept the default: no other decision has a higher {goal} on dev."
    if gain is None:
        held_out = "too few units to hold any out"
    else:
        change = f"{points(gain)} ± {points(error, sign=False)} points"
        what = (
            "precision changes by" if goal.is_operating_point else f"a rule fitted for {goal} gains"
        )
        held_out = (
            f"{what} {change} on held-out units "
            f"({evidence['units']:,} in {evidence['folds']} parts)"
        )
    if not evidence["guard"]:
        return f"Fitted for {goal} on dev without a guard: {held_out}."
    if goal.is_operating_point:
        return f"Set to {goal} on dev, which is not shrunk: {held_out}."
    if not factor:
        why = "which is within the noise" if gain is not None and gain > 0 else "so it is not used"
        return f"Kept the default: {held_out}, {why}."
    return f"Tuned: {held_out}, so {100 * factor:.0f}% of it is kept."


def points(value: float, *, sign: bool = True) -> str:
    """A difference of fractions in percent points."""
    return f"{100 * value:+.2f}" if sign else f"{100 * value:.2f}"
