"""Fit a decision rule on units with gold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dicetune.decide.classes import ClassDecisions
from dicetune.decide.decisions import Biases, Decisions, Fixed
from dicetune.decide.evidence import evidence_of, points, said_of
from dicetune.decide.floor import reached
from dicetune.decide.guard import FOLDS, cross_fit, gain_of
from dicetune.decide.kinds import decisions_of
from dicetune.decide.label_sets import LabelSetDecisions
from dicetune.decide.micro import METRIC, search_micro
from dicetune.decide.objective import Objective, parse_objective
from dicetune.decide.prior import NAME, class_counts, prior_biases
from dicetune.decide.rule import DecisionRule
from dicetune.decide.search import search
from dicetune.errors import InputError, quoted


def fit(
    problem: Mapping[str, Any],
    gold: Sequence[Any],
    scores: Sequence[np.ndarray],
    *,
    objective: str | None = None,
    ids: Sequence[str] | None = None,
    spans: Sequence[tuple[str, float]] | None = None,
    guard: bool = True,
    folds: int = FOLDS,
) -> DecisionRule:
    """The decision rule for an objective, fitted on units with gold and guarded.

    Args:
        problem: plain data, as ``Task.problem`` gives it.
        gold: of each unit, as ``predictions.jsonl`` has it.
        scores: of each unit, as the task's ``decode`` gives them.
        objective: a metric of the problem (its own by default), "fbeta:B", "precision@recall:R",
            or "logit-adjustment:TAU", which takes off the prior and fits nothing.
        ids: of the units: those with the same are held out together; by default their numbers.
        spans: for answers, the text and the score of each question's best span.
        guard: shrink the rule towards the default by what it gains on held-out units; without it
            the rule is the one that is best on the units themselves.
        folds: parts of the cross-fit.

    Returns:
        The rule. Its evidence, all scores as fractions: "metric", "units", "default" (score of the
        default decision), "fitted" (of the rule as it was fitted, on the units themselves),
        "cross_fitted", "gain" and "error" (on held-out units, and the gain's standard error),
        "folds", "factor" (how much of the rule was kept), "tuned" (of the final rule), "scores"
        (every metric of each of these), "fitted_biases", "guard", "notes", and "said": what was
        done, in one sentence.

    Raises:
        InputError: an objective that the problem does not have, no gold, or scores that do not
            fit it.

    Example:
        >>> problem = {"kind": "label", "labels": ["ham", "spam"], "positive": "spam"}
        >>> gold = ["ham", "spam"] * 20
        >>> scores = [np.log([[0.9, 0.1]]), np.log([[0.6, 0.4]])] * 20
        >>> rule = fit(problem, gold, scores)
        >>> rule.evidence["default"], rule.evidence["tuned"], round(rule.biases["spam"], 3)
        (0.0, 1.0, 1.301)
    """
    if folds < 2:
        raise InputError(f"expected at least 2 folds, got {folds}")
    decisions = decisions_of(problem, gold, scores, spans)
    labels = tuple(problem.get("labels") or ())
    if (objective or "").partition(":")[0] == NAME:
        return _adjusted(problem, gold, decisions, str(objective))
    if isinstance(decisions, Fixed):
        parsed = parse_objective(objective, decisions.counting)
        evidence = {"metric": str(parsed), "units": len(gold), "said": decisions.reason}
        return DecisionRule(str(problem["kind"]), {}, str(parsed), labels, evidence)
    names = [str(number) for number in range(len(gold))] if ids is None else list(ids)
    if len(names) != len(gold):
        raise InputError(f"expected {len(gold)} ids, one a unit, got {len(names)}")
    goal = parse_objective(objective, decisions.counting)

    def find(keep: np.ndarray) -> Biases:
        if isinstance(decisions, LabelSetDecisions) and goal.name == METRIC:
            return search_micro(decisions, keep)
        starts: list[Biases] = []
        if isinstance(decisions, ClassDecisions) and len(labels) > 2:
            kept = [own for own, is_kept in zip(gold, keep, strict=True) if is_kept]
            starts.append(prior_biases(labels, class_counts(problem, kept)[0]))
        return search(decisions, goal, keep, starts)

    fitted = dict(find(np.ones(len(gold), dtype=bool)))
    crossed = cross_fit(decisions, goal, find, names, folds)
    factor = 1.0
    if guard and not goal.is_operating_point:
        factor = 0.0 if crossed is None else crossed.factor
    biases = {name: factor * own + 0.0 for name, own in fitted.items()}  # no -0.0
    sums = {
        "default": decisions.counts({}).sum(0),
        "fitted": decisions.counts(fitted).sum(0),
        "tuned": decisions.counts(biases).sum(0),
    }
    if crossed is not None:
        sums["cross_fitted"] = crossed.sums
    evidence = evidence_of(decisions, goal, sums, len(gold)) | {
        "gain": None if crossed is None else crossed.gain,
        "error": None if crossed is None else crossed.error,
        "folds": 0 if crossed is None else crossed.folds,
        "factor": factor,
        "guard": guard,
        "fitted_biases": fitted,
        "notes": [*decisions.notes, *_reached(goal, decisions, sums)],
    }
    evidence["said"] = said_of(goal, evidence)
    return DecisionRule(str(problem["kind"]), biases, str(goal), labels, evidence)


def _reached(goal: Objective, decisions: Decisions, sums: Mapping[str, np.ndarray]) -> list[str]:
    """What is reached of a recall that was asked for: on dev, and on held-out units."""
    names = {"tuned": "dev", "cross_fitted": "held-out units"}
    said = (
        reached(goal, decisions.counting, sums[name], where)
        for name, where in names.items()
        if name in sums
    )
    return [sentence for sentence in said if sentence is not None]


def logit_adjustment(
    problem: Mapping[str, Any], counts: Sequence[float], tau: float = 1.0
) -> DecisionRule:
    """Post-hoc logit adjustment as a rule of its own: -tau log prior on each label.

    Args:
        problem: of the kind ``label`` or ``tags``.
        counts: training items of each label.
        tau: how much of the prior is taken off.

    Raises:
        InputError: another kind, or counts that do not fit the labels.
    """
    if problem["kind"] not in ("label", "tags"):
        raise InputError(
            f"expected one label of several for {NAME}, got {problem['kind']}: there is no prior "
            "of classes to take off"
        )
    labels = tuple(problem["labels"])
    biases = prior_biases(labels, counts, tau)
    return DecisionRule(str(problem["kind"]), biases, f"{NAME}:{tau:g}", labels)


def _adjusted(
    problem: Mapping[str, Any], gold: Sequence[Any], decisions: Decisions | Fixed, objective: str
) -> DecisionRule:
    """The prior's rule with what it gains on dev, which it never saw."""
    text = objective.partition(":")[2] or "1"
    try:
        tau = float(text)
    except ValueError:
        raise InputError(f"expected {NAME}:TAU with a number, got {quoted(objective)}") from None
    counts, source = class_counts(problem, gold)
    rule = logit_adjustment(problem, counts, tau)
    if isinstance(decisions, Fixed):  # a kind that has no classes is refused above
        raise InputError(decisions.reason)
    goal = Objective(decisions.counting.metrics[0])
    default, adjusted = decisions.counts({}), decisions.counts(rule.biases)
    _, gain, error = gain_of(decisions, goal, default, adjusted)
    sums = {"default": default.sum(0), "tuned": adjusted.sum(0)}
    evidence = evidence_of(decisions, goal, sums, len(gold)) | {
        "gain": gain,
        "error": error,
        "folds": 0,
        "factor": 1.0,
        "guard": False,
        "notes": [],
        "said": f"Took {tau:g} times the log prior of {source} off each label; nothing was "
        f"fitted. Dev {goal}: {points(gain)} ± {points(error, sign=False)} points.",
    }
    return DecisionRule(rule.kind, rule.biases, rule.objective, rule.labels, evidence)
