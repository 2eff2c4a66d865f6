"""Precision and recall over all thresholds, and where the decisions of each loss are.

A curve runs over the number of positive decisions (``Problem.tradeoff``): texts called positive,
labels given, words that are part of an entity, candidate spans that are one. Seeds are averaged
where they make equally many, so that each point of the mean is the mean of decisions that can
really be made, and nothing is interpolated between precision and recall (which would be too good:
Davis & Goadrich, ICML 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dicetune.comparison.cells import FinishedCell
from dicetune.comparison.competitors import Field
from dicetune.problems.ratios import Counts, precision_recall_f1


def precision_recall(
    field: Field, cells: Sequence[FinishedCell], split: str
) -> dict[str, dict[str, Any]]:
    """For each loss the mean curve of its seeds and the points that its decisions chose.

    Args:
        field: all competitors.
        cells: finished ones, with their scores.
        split: whose curve it is.

    Returns:
        By loss ``curve`` ([recall, precision] pairs), ``chosen`` by decision, ``seeds`` (chosen
        points of each seed) and ``what`` is decided; empty where no threshold trades precision for
        recall (answers, one tag a word).
    """
    tradeoff = field.problem.tradeoff(field.gold)
    if tradeoff is None:
        return {}
    what, counts_of = tradeoff
    found = {}
    for loss in dict.fromkeys(finished.cell.loss for finished in cells):
        runs = [counts_of(one.scores(split)) for one in cells if one.cell.loss == loss]
        points = {}
        for competitor in field.competitors:
            if competitor.loss == loss and not competitor.foreign:
                chosen = field.problem.operating_point(competitor.counts.sum(axis=1))
                points[competitor.decision] = np.stack(chosen, axis=-1).tolist()
        found[loss] = {
            "what": what,
            "curve": _mean_curve(runs),
            "chosen": {name: np.mean(seeds, axis=0).tolist() for name, seeds in points.items()},
            "seeds": points,
        }
    return found


def _mean_curve(runs: Sequence[Counts]) -> list[list[float]]:
    """[recall, precision] of the mean over seeds, at each step where something is predicted."""
    points = np.mean([precision_recall_f1(*counts)[:2] for counts in runs], axis=0)
    some = np.min([predicted for _, predicted, _ in runs], axis=0) > 0
    return [[round(float(r), 5), round(float(p), 5)] for p, r in points.T[some]]
