"""Curves: precision against recall, learning curves, and how well each loss tracked the metric.

A curve of precision against recall runs over the number of positive decisions
(``Problem.tradeoff``): texts called positive, labels given, words that are part of an entity,
candidate spans that are one. Seeds are averaged where they make equally many, so that each point of
the mean is the mean of decisions that can really be made, and nothing is interpolated between
precision and recall (which would be too good: Davis & Goadrich, ICML 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dicetune.comparison.results import Results
from dicetune.comparison.runs import FinishedRun
from dicetune.problems.ratios import Counts, precision_recall_f1

LEAST = 3
"""Evaluations of a run below which a rank correlation says nothing."""


def precision_recall(
    results: Results, finished: Sequence[FinishedRun], split: str
) -> dict[str, dict[str, Any]]:
    """For each loss the mean curve of its seeds and the points that its decisions chose."""
    tradeoff = results.problem.tradeoff(results.gold)
    if tradeoff is None:
        return {}
    what, counts_of = tradeoff
    found = {}
    for loss in dict.fromkeys(run.planned.loss for run in finished):
        runs = [counts_of(run.scores(split)) for run in finished if run.planned.loss == loss]
        points = {}
        for competitor in results.competitors:
            if competitor.loss == loss and not competitor.external:
                chosen = results.problem.operating_point(competitor.counts.sum(axis=1))
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


def learning_curves(
    finished: Sequence[FinishedRun], metric: str
) -> dict[str, list[dict[str, Any]]]:
    """For each loss and seed, loss on train and dev and the dev metric at each evaluation."""
    curves: dict[str, list[dict[str, Any]]] = {}
    for run in finished:
        history = run.record.training["history"]
        curves.setdefault(run.planned.loss, []).append(
            {
                "seed": run.planned.seed,
                "steps": [row["step"] for row in history],
                "train_loss": [row.get("train_loss") for row in history],
                "dev_loss": [row.get("eval_loss") for row in history],
                "dev_metric": [row.get(f"eval_{metric}") for row in history],
                "best_step": run.record.training["best_step"],
            }
        )
    return curves


def loss_against_metric(
    curves: dict[str, list[dict[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """How well each loss tracked 1 - metric on dev over its runs.

    Spearman's rank correlation between the loss and the error, over the evaluations of a run, then
    the mean over seeds: 1 where every fall of the loss was a fall of the error. ``train`` is the
    loss in training (the mean since the evaluation before), ``dev`` that of the same objective on
    dev; ``None`` with fewer than ``LEAST`` evaluations, or where one of the two never changed.

    Args:
        curves: as ``learning_curves`` gives them.
    """
    found = {}
    for loss, runs in curves.items():
        points = [
            {
                "seed": run["seed"],
                "step": step,
                "train_loss": train,
                "dev_loss": dev,
                "error": None if score is None else 1 - score,
            }
            for run in runs
            for step, train, dev, score in zip(
                run["steps"], run["train_loss"], run["dev_loss"], run["dev_metric"], strict=True
            )
        ]
        found[loss] = {
            "train": _tracking(runs, points, "train_loss"),
            "dev": _tracking(runs, points, "dev_loss"),
            "evaluations": min((len(run["steps"]) for run in runs), default=0),
            "points": points,
        }
    return found


def _tracking(
    runs: Sequence[dict[str, Any]], points: Sequence[dict[str, Any]], name: str
) -> dict[str, Any]:
    per_seed = []
    for run in runs:
        own = [
            (point[name], point["error"])
            for point in points
            if point["seed"] == run["seed"] and None not in (point[name], point["error"])
        ]
        per_seed.append(rank_correlation(*zip(*own, strict=True)) if len(own) >= LEAST else None)
    known = [value for value in per_seed if value is not None]
    return {"spearman": float(np.mean(known)) if known else None, "per_seed": per_seed}


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; ``None`` where one never changes.

    Example:
        >>> rank_correlation([0.9, 0.5, 0.4, 0.1], [0.6, 0.3, 0.4, 0.2])
        0.8
    """
    a, b = (_ranks(values) for values in (first, second))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return None if scale == 0 else round(float(a @ b) / scale, 12)


def _ranks(values: Sequence[float]) -> np.ndarray:
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2)[place]
    return ranks
