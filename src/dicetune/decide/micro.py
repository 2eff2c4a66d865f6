r"""The best micro-F1 over a threshold for each label, exactly.

Micro-F1 ties the thresholds of all labels together:

.. math::
    F = \frac{2 \sum_c \text{TP}_c(b_c)}{\sum_c \big(\text{predicted}_c(b_c) + \text{gold}_c\big)}.

For a guess :math:`\lambda` the numerator less :math:`\lambda` times the denominator falls apart
into labels, each of which has an exact search of its own. Its maximum is above 0 if and only if
some thresholds score above :math:`\lambda`; the score that they reach is the next guess
(Dinkelbach, 1967). The guesses rise and take finitely many values, so that the last one is the
global optimum.
"""

from __future__ import annotations

import numpy as np

from dicetune.decide.decisions import Biases
from dicetune.decide.label_sets import LabelSetDecisions
from dicetune.decide.steps import EQUAL, best_point

METRIC = "micro_f1"


def search_micro(decisions: LabelSetDecisions, keep: np.ndarray) -> dict[str, float]:
    """The biases with the highest micro-F1 on the kept units.

    Args:
        decisions: on texts with gold.
        keep: (U,) bool.
    """
    counting = decisions.counting
    default: dict[str, float] = dict.fromkeys(decisions.names, 0.0)
    curves = {name: decisions.steps(name, default).curve(keep) for name in decisions.present(keep)}
    score = _score(decisions, keep, default)
    best = default
    while True:
        biases = dict(default)
        for name, (edges, sums) in curves.items():
            own = counting.number(name)
            correct, predicted, _ = (block[..., own] for block in counting.blocks(sums))
            biases[name], _ = best_point(edges, 2 * correct - score * predicted, 0.0)
        reached = _score(decisions, keep, biases)
        if reached <= score + EQUAL:
            return best
        best, score = biases, reached


def _score(decisions: LabelSetDecisions, keep: np.ndarray, biases: Biases) -> float:
    sums = decisions.counts(biases)[keep].sum(0)
    return float(decisions.counting.score(sums, METRIC))
