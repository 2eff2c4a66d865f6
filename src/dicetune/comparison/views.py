"""Views of the results beside the scores: learning, calibration, thresholds, confusions, costs.

A threshold is of one model. So the counts at each threshold are of the recommended model alone, on
dev, where a threshold is chosen, and on test, where its worth is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dicetune.comparison.results import Results
from dicetune.comparison.runs import FinishedRun
from dicetune.comparison.statistics.significance import rank_correlation
from dicetune.decide import DecisionRule
from dicetune.decide.costs import mean_cost
from dicetune.problems import Problem, problem_of
from dicetune.problems.ratios import Z95, wilson
from dicetune.problems.reliability import FURTHEST, reliability, reliability_bins
from dicetune.records import DEFAULT, TUNED

LEAST = 3
"""With fewer evaluations of a run, a rank correlation has no meaning."""

MOST_PAIRS, MOST_CONFUSED = 20, 10
"""Confusions, and classes of a matrix, that the summary holds."""

LOGITS = np.linspace(-7.0, 7.0, 57)
"""The thresholds of the dials as log-odds: p from 0.001 to 0.999, a quarter of a logit apart."""

MOST_DIALS = 60
"""Labels with a dial: those with the most gold on the compared split."""


def calibration(results: Results, runs: Sequence[FinishedRun]) -> dict[str, Any] | None:
    """For each loss and decision the calibration error and the bins of its plot.

    ``None`` where the scores are no probabilities of labels. A decision is told beside "argmax"
    only where its rule calibrates the probabilities.
    """
    alone = results.problem.independent
    if alone is None:
        return None
    gold = [row["gold"] for row in results.rows]
    found: dict[str, dict[str, Any]] = {}
    for loss in dict.fromkeys(run.planned.loss for run in runs):
        own = [run for run in runs if run.planned.loss == loss]
        for decision in (DEFAULT, TUNED):
            tables = [
                results.problem.chances(gold, scores)
                for run in own
                if (scores := _scores(run, decision, results.split)) is not None
            ]
            if tables:
                found.setdefault(loss, {})[decision] = _calibrated(tables, alone)
    return {"of": _decisions(results.problem), "losses": found}


def _scores(run: FinishedRun, decision: str, split: str) -> Sequence[np.ndarray] | None:
    """The probabilities of a run by a decision; ``None`` where they are those of the plain one."""
    if decision == DEFAULT:
        return run.scores(split)
    rule = DecisionRule.load(run.folder)
    return rule.calibrated(run.scores(split)) if rule and rule.calibration else None


def _calibrated(tables: Sequence[tuple[np.ndarray, np.ndarray]], alone: bool) -> dict[str, Any]:
    each = [reliability(table, truth, alone) for table, truth in tables]
    sums = np.sum([reliability_bins(table, truth, alone) for table, truth in tables], axis=0)
    bins = []
    for count, said, right in sums[sums[:, 0] > 0].tolist():
        share, wide = right / count, Z95**2 * len(tables) / count  # n is of one seed
        low, high = wilson(share, (wide * share * (1 - share)) ** 0.5, wide)
        bins.append([*(round(v, 5) for v in (said / count, share, low, high)), round(count)])
    seeds = [one["ece"] for one in each]
    loss = float(np.mean([one["log_loss"] for one in each]))
    return {"ece": float(np.mean(seeds)), "ece_seeds": seeds, "log_loss": loss, "bins": bins}


def _decisions(problem: Problem) -> str:
    """The decisions whose probabilities are told, in words."""
    if problem.independent:
        return "each label of each text"
    if len(problem.labels) == 2:
        return f"“{problem.labels[1]}”"
    return f"the likeliest of {len(problem.labels)} labels"


def dials(results: Results, run: FinishedRun, name: str, decision: str) -> dict[str, Any] | None:
    """For each label that a threshold decides, the counts of one model at each threshold.

    Args:
        results: of the comparison.
        run: whose scores are read; all seeds together are such a run.
        name: of its competitor.
        decision: whose probabilities count; its threshold is marked.

    Returns:
        "thresholds", and for each label "counts" by split: positives in gold, units, and lists of
        the right and of the predicted positives at each threshold. ``None`` where the model decides
        by more than one threshold a label.
    """
    labels, alone = results.problem.labels, results.problem.independent
    if alone is None or not (alone or len(labels) == 2):
        return None
    rule = DecisionRule.load(run.folder) if decision == TUNED else None
    if rule is not None and rule.abstain is not None:
        return None
    positive = results.problem.settings.get("positive") or labels[-1]
    chosen = list(labels) if alone else [positive]
    by_split = {}
    for split in run.splits:
        gold = [row["gold"] for row in run.predictions(split)]
        scores = run.scores(split) if rule is None else rule.calibrated(run.scores(split))
        by_split[split] = problem_of(run.problem, gold).chances(gold, scores)
    counts = {
        label: {
            split: _curve(table[:, labels.index(label)], truth[:, labels.index(label)])
            for split, (table, truth) in by_split.items()
        }
        for label in chosen
    }
    kept = sorted(chosen, key=lambda label: -counts[label][results.split]["gold"])[:MOST_DIALS]
    return {
        "competitor": name,
        "seeds": [run.planned.seed] if not getattr(run, "members", ()) else [],
        "thresholds": [round(float(1 / (1 + np.exp(-at))), 4) for at in LOGITS],
        "labels": [
            {
                "name": label,
                "threshold": _threshold(rule, label, labels, alone),
                "counts": counts[label],
            }
            for label in chosen
            if label in kept
        ],
        "all": len(chosen),
    }


def _curve(log_chances: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Right and predicted positives of one label above each threshold."""
    edges = -np.log1p(np.exp(-LOGITS))
    above = [np.sort(part) for part in (log_chances[truth], log_chances)]
    right, made = ((len(one) - np.searchsorted(one, edges, side="right")).tolist() for one in above)
    return {"gold": int(truth.sum()), "units": len(truth), "right": right, "predicted": made}


def _threshold(
    rule: DecisionRule | None, label: str, labels: Sequence[str], alone: bool
) -> float | None:
    """The probability over which a rule gives the label; ``None`` for the default, 0.5."""
    if rule is None or rule.is_default:
        return None
    if rule.costs:
        table, place = rule.cost_matrix, labels.index(label)
        alarm = table[1 - place, place] - table[1 - place, 1 - place]
        miss = table[place, 1 - place] - table[place, place]
        return float(alarm / (alarm + miss)) if alarm > 0 and miss > 0 else None
    bias = rule.biases.get(label, 0.0)
    if not alone:  # the other of two labels may be moved too
        bias -= sum(rule.biases.get(other, 0.0) for other in labels if other != label)
    return round(float(1 / (1 + np.exp(np.clip(bias, -FURTHEST, FURTHEST)))), 4)


def costs(results: Results, runs: Sequence[FinishedRun]) -> dict[str, Any] | None:
    """The mean cost of each competitor, by the costs of the rule of a run, where one has some."""
    rules = (DecisionRule.load(run.folder) for run in runs)
    table: Mapping[str, Mapping[str, float]] | None
    table = next((rule.costs for rule in rules if rule is not None and rule.costs), None)
    if table is None:
        return None
    gold = [row["gold"] for row in results.rows]
    found = {}
    for one in results.competitors:
        each = [mean_cost(results.problem, table, gold, said) for said in one.predicted]
        found[one.name] = {"mean": float(np.mean([cost or 0.0 for cost in each])), "seeds": each}
    return {"table": table, "competitors": found}


def confusions(results: Results) -> dict[str, Any] | None:
    """The largest confusions, and for each competitor the matrix of the classes in them.

    Numbers are means over the seeds (``Problem.confused``). A pair is gold, predicted (``None``
    for nothing), whether only the borders are wrong, and for each competitor its number, and its
    share of the gold of its class (else of what was predicted). The classes of a matrix are those
    of the largest confusions, the largest first. Its columns end with other classes, other borders
    and nothing, its rows with other classes and nothing. ``None`` where there are no classes.
    """
    names, repeats = results.problem.classes, results.repeats
    if not results.problem.has_classes or len(names) < 2:
        return None
    gold = [row["gold"] for row in results.rows]
    tables = {
        one.name: np.mean([results.problem.confused(gold, said) for said in one.predicted], axis=0)
        for one in results.competitors
        if one.name not in repeats
    }
    size = len(names)
    wrong = np.sum(list(tables.values()), axis=0)
    wrong[range(size), range(size)] = 0
    order = np.argsort(-wrong, axis=None, kind="stable")[: int((wrong > 0).sum())]
    places = [divmod(at, size + 2) for at in order.tolist()]
    within = (at for place in places for at in place if at < size)
    chosen = list(dict.fromkeys(within))[:MOST_CONFUSED]
    ends = [[at for at in range(size) if at not in chosen], [size], [size + 1]]
    rows = [*([at] for at in chosen), *ends[:2]]
    columns = [*([at] for at in chosen), *ends]
    return {
        "pairs": [_pair(tables, names, *place) for place in places[:MOST_PAIRS]],
        "classes": [names[at] for at in chosen],
        "matrices": {
            name: [
                [round(float(table[np.ix_(row, column)].sum()), 2) for column in columns]
                for row in rows
            ]
            for name, table in tables.items()
        },
    }


def _pair(
    tables: Mapping[str, np.ndarray], names: Sequence[str], row: int, column: int
) -> dict[str, Any]:
    size = len(names)
    whole = {n: t[row].sum() if row < size else t[:, column].sum() for n, t in tables.items()}
    counts = {name: float(table[row, column]) for name, table in tables.items()}
    return {
        "gold": names[row] if row < size else None,
        "predicted": None if column > size else names[row if column == size else column],
        "borders": column == size,
        "counts": {name: round(count, 2) for name, count in counts.items()},
        "shares": {n: count / float(whole[n]) if whole[n] else 0.0 for n, count in counts.items()},
    }


def learning_curves(runs: Sequence[FinishedRun], metric: str) -> dict[str, list[dict[str, Any]]]:
    """For each loss and seed, losses and the dev metric by both decisions at each evaluation."""
    curves: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        history = run.record.training["history"]
        curves.setdefault(run.planned.loss, []).append(
            {
                "seed": run.planned.seed,
                "steps": [row["step"] for row in history],
                "train_loss": [row.get("train_loss") for row in history],
                "dev_loss": [row.get("eval_loss") for row in history],
                "dev_metric": [row.get(f"eval_{metric}") for row in history],
                "dev_tuned": [row.get(f"eval_{metric}_{TUNED}") for row in history],
                "best_step": run.record.training["best_step"],
                "best_steps": run.record.training.get("best_steps", {}),
            }
        )
    return curves


def loss_against_metric(
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """How well each loss tracked the error, 1 - metric, on dev (from ``learning_curves``).

    The value is Spearman's rank correlation between loss and error over the evaluations of a run,
    then the mean over seeds: 1 if the error fell with every fall of the loss. ``train`` is the loss
    in training (the mean since the previous evaluation), ``dev`` the same objective on dev;
    ``None`` with fewer than ``LEAST`` evaluations, or if loss or error never changed.
    """
    found = {}
    for loss, runs in curves.items():
        traces = [
            [
                {
                    "seed": run["seed"],
                    "step": step,
                    "train_loss": train,
                    "dev_loss": dev,
                    "error": None if score is None else 1 - score,
                }
                for step, train, dev, score in zip(
                    run["steps"], run["train_loss"], run["dev_loss"], run["dev_metric"], strict=True
                )
            ]
            for run in runs
        ]
        found[loss] = {
            "train": _tracking(traces, "train_loss"),
            "dev": _tracking(traces, "dev_loss"),
            "evaluations": min((len(run["steps"]) for run in runs), default=0),
            "points": [point for trace in traces for point in trace],
        }
    return found


def _tracking(traces: Sequence[Sequence[Mapping[str, Any]]], name: str) -> dict[str, Any]:
    """The rank correlation of a loss with the error, mean and of each run."""
    per_seed = []
    for trace in traces:
        pairs = [(point[name], point["error"]) for point in trace]
        pairs = [pair for pair in pairs if None not in pair]
        enough = len(pairs) >= LEAST
        per_seed.append(rank_correlation(*zip(*pairs, strict=True)) if enough else None)
    known = [value for value in per_seed if value is not None]
    return {"spearman": float(np.mean(known)) if known else None, "per_seed": per_seed}
