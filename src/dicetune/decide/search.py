"""Exact one-dimensional searches in turn, from one or more starts.

With one bias this is the exact optimum. With several, each is set to its best while the others stay
(coordinate ascent over breakpoints), in a fixed order and until a whole turn gains nothing: every
turn is exact, and so is the result where each bias has a score of its own; otherwise it is a point
that no change of a single bias improves. Nothing is random: the same scores give the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dicetune.decide.decisions import Biases, Decisions
from dicetune.decide.objective import Objective
from dicetune.decide.steps import EQUAL, best_point

MOST_TURNS = 20


def search(
    decisions: Decisions,
    objective: Objective,
    keep: np.ndarray | None = None,
    starts: Sequence[Biases] = (),
) -> dict[str, float]:
    """The biases that score best.

    Args:
        decisions: on units with gold.
        objective: what is maximised.
        keep: (U,) bool, the units that count; all by default.
        starts: other biases to begin from, beside the default; one of them wins only where it
            ends higher.

    Returns:
        A bias for each name; 0 where the kept units say nothing about it.
    """
    if keep is None:
        keep = np.ones(len(decisions.counts({})), dtype=bool)
    names = decisions.present(keep)
    best, highest = dict.fromkeys(decisions.names, 0.0), -np.inf
    for start in ({}, *starts):
        biases = {name: start.get(name, 0.0) if name in names else 0.0 for name in decisions.names}
        found, value = _ascend(decisions, objective, keep, names, biases)
        if value > highest + EQUAL:
            best, highest = found, value
    return best


def _ascend(
    decisions: Decisions,
    objective: Objective,
    keep: np.ndarray,
    names: Sequence[str],
    start: Mapping[str, float],
) -> tuple[dict[str, float], float]:
    biases = dict(start)
    value = key_of(decisions, objective, keep, biases)
    for _ in range(MOST_TURNS):
        before = value
        for name in names:
            edges, sums = decisions.steps(name, biases).curve(keep)
            keys = objective.key(decisions.counting, sums)
            point, best = best_point(edges, keys, biases[name])
            if best > value + EQUAL:
                biases[name], value = point, best
        if value <= before + EQUAL or len(names) == 1:
            break
    return biases, value


def key_of(decisions: Decisions, objective: Objective, keep: np.ndarray, biases: Biases) -> float:
    """What the search maximises, at some biases."""
    return float(objective.key(decisions.counting, decisions.counts(biases)[keep].sum(0)))
