"""Fit a decision rule on units with gold, report its gain, and say it in sentences.

``decide.held_out`` says how a rule is shrunk, and what it promises on new units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dicetune.decide.floors import FloorFit
from dicetune.decide.held_out import (
    FOLDS,
    CrossFit,
    Procedure,
    in_line,
    once,
    shrink_factor,
    supported,
)
from dicetune.decide.rule import DecisionRule
from dicetune.errors import InputError, quoted
from dicetune.problems import Problem, problem_of
from dicetune.problems.goal import POINTS, Goal
from dicetune.problems.one_label import OneLabel

LOGIT_ADJUSTMENT = "logit-adjustment"


def fit(
    problem: Mapping[str, Any] | Problem,
    gold: Sequence[Any],
    scores: Sequence[np.ndarray],
    *,
    objective: str | None = None,
    ids: Sequence[str] | None = None,
    spans: Sequence[tuple[str, float]] | None = None,
    guard: bool = True,
    folds: int = FOLDS,
    confidence: float | None = None,
    groups: Sequence[str] | None = None,
    promise: bool = True,
) -> DecisionRule:
    """The decision rule for an objective, fitted on units with gold and shrunk.

    Args:
        problem: plain data, as ``Task.problem`` gives it.
        gold: of each unit, as ``predictions.jsonl`` has it.
        scores: of each unit, as the task's ``decode`` gives them.
        objective: a metric of the problem (its headline by default), "fbeta:B",
            "precision@recall:R", "recall@precision:P", or "logit-adjustment:TAU", which subtracts
            the log prior and fits nothing.
        ids: of the units; units with the same id are held out together; by default their numbers.
        spans: for answers, the text and the score of each question's best span.
        guard: shrink the rule by its gain on held-out units; without, the rule is the best rule on
            the units of the fit.
        folds: number of parts of the cross-fit.
        confidence: of a promise that the floor of an operating point holds on new data; by default
            the floor is reached on the units of the fit alone. See ``decide.floors``.
        groups: of each unit, such as its document; units of a group are not independent. By
            default ``ids``.
        promise: state the score of the whole procedure on held-out units.

    Returns:
        The rule. Its evidence, all scores as fractions: "metric", "units", "default" (score of the
        default decision), "fitted" (of the unshrunk rule, on the units of the fit),
        "cross_fitted", "gain" and "error" (of the unshrunk rule on held-out units: the score, its
        gain and the standard error of the gain), "folds", "shortfall" (see
        ``Decisions.shortfall``), "factor" (share of the rule that is used), "tuned" (of the final
        rule), "intervals" (see ``Decisions.intervals``), "promised" and "promised_interval" (score
        and 95% interval of the whole procedure on held-out units), "scores" (every metric of these
        decisions), "fitted_biases", "guard", "positive_units" (with an item of a class that
        counts), "notes", and "said": sentences on the fit.

    Raises:
        InputError: an objective that the problem does not have, no gold, or scores that do not
            match the gold.

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
    if not isinstance(problem, Problem):
        problem = problem_of(problem)
    if (objective or "").partition(":")[0] == LOGIT_ADJUSTMENT:
        return _adjusted(problem, gold, scores, str(objective))
    if (reason := problem.why_fixed(gold)) is not None:
        goal = Goal.parse(objective, problem)
        evidence = {"metric": str(goal), "units": len(gold), "said": reason}
        return DecisionRule(problem.kind, {}, str(goal), problem.labels, evidence)
    decisions = problem.decisions(gold, scores, spans)
    goal = Goal.parse(objective, decisions.problem)
    names = [str(number) for number in range(len(gold))] if ids is None else list(ids)
    if len(names) != len(gold):
        raise InputError(f"expected {len(gold)} ids, one a unit, got {len(names)}")
    floor, line = None, in_line(names)
    if guard:
        decisions = supported(decisions, goal, line, folds)
    search = once(decisions.estimate if guard else decisions.fit)
    if confidence is not None and goal.is_operating_point:
        floor_fit = FloorFit(decisions, goal, names if groups is None else groups, confidence)
        floor = floor_fit.fit(np.ones(len(gold), dtype=bool))
        search = once(lambda _, mask: floor_fit.fit(mask).biases)
    procedure = Procedure(decisions, goal, line, folds, search, guard)
    found = procedure.on(np.ones(len(gold), dtype=bool), crossed=True)
    sums = {
        name: decisions.counts(rule).sum(0)
        for name, rule in (("default", {}), ("fitted", found.fitted), ("tuned", found.biases))
    }
    held_out: dict[str, Any] = {"gain": None, "error": None, "folds": 0}
    if (crossed := found.crossed) is not None:
        sums["cross_fitted"] = crossed.sums
        held_out = {"gain": crossed.gain, "error": crossed.error, "folds": crossed.folds}
        promised: CrossFit | None = crossed
        if promise and procedure.shrinks:  # many fits: several labels have a shorter search
            # counts of many labels are large, and those of the promise take their place
            found, crossed, promised = replace(found, crossed=None), None, None
            quick = decisions.quick()
            short = procedure
            if quick is not decisions:
                short = replace(procedure, decisions=quick, search=once(quick.estimate))
            promised = short.promised()
        if promise and promised is not None:
            sums["promised"] = promised.sums
            held_out["promised_interval"] = [*promised.interval(goal)]
    where = {"tuned": "dev", "cross_fitted": "held-out units"}
    evidence = _evidence(goal, sums, len(gold)) | {
        **held_out,
        "factor": found.factor,
        "shortfall": found.shortfall,
        "intervals": {
            name: [bound if np.isfinite(bound) else None for bound in bounds]
            for name, bounds in decisions.intervals(goal, found.fitted).items()
        },
        "guard": guard,
        "positive_units": procedure.positive_units(),
        "fitted_biases": found.fitted,
        **({} if floor is None else floor.evidence()),
        "notes": [
            *([] if floor is None else floor.said()),
            *decisions.notes,
            *(
                note
                for name in where
                if name in sums
                for note in goal.reached(sums[name], where[name])
            ),
        ],
    }
    evidence["said"] = " ".join([_said(goal, evidence), *_expected(problem, goal, evidence)])
    return DecisionRule(problem.kind, found.biases, str(goal), problem.labels, evidence)


def _evidence(goal: Goal, sums: Mapping[str, np.ndarray], units: int) -> dict[str, Any]:
    """Scores of summed counts by decision: every metric, and the goal alone."""
    heads = {name: float(goal.score(counts)) for name, counts in sums.items()}
    scores = {name: goal.all_scores(counts) for name, counts in sums.items()}
    return {"metric": str(goal), "units": units, **heads, "scores": scores}


def _said(goal: Goal, evidence: Mapping[str, Any]) -> str:
    """The fit in one sentence."""
    gain, factor = evidence["gain"], evidence["factor"]
    if evidence["guard"] and not evidence["positive_units"] and not goal.is_operating_point:
        _, several = goal.problem.unit
        return f"Kept the default: dev holds no positive {several} to fit a rule on."
    if not any(evidence["fitted_biases"].values()):
        return f"Kept the default: no other decision has a higher {goal} on dev."
    if gain is None:
        held_out = "too few units to hold any out"
    else:
        what = f"a rule fitted for {goal} gains"
        if goal.is_operating_point:
            what = f"{POINTS[goal.name][1]} changes by"
        held_out = (
            f"{what} {_points(gain, evidence['error'])} points on held-out units "
            f"({evidence['units']:,} in {evidence['folds']} parts)"
        )
    if not evidence["guard"]:
        return f"Fitted for {goal} on dev without a guard: {held_out}."
    if goal.is_operating_point:
        return f"Set to {goal} on dev, which is not shrunk: {held_out}."
    short = evidence.get("shortfall")
    if not factor:
        why = "which is within the noise" if gain is not None and gain > 0 else "so it is not used"
        return f"Kept the default: {held_out}, {why}."
    if short is not None and factor > shrink_factor(gain or 0.0, evidence["error"] or 0.0):
        more = "misses more than it invents" if short > 0 else "hardly invents more than it misses"
        more = "invents far more than it misses" if short < -1 else more
        share = f"{100 * factor:.0f}% of the rule is kept, however sure its gain"
        return f"Tuned: the default {more}, so {share}; {held_out}."
    return f"Tuned: {held_out}, so {100 * factor:.0f}% of it is kept."


def _expected(problem: Problem, goal: Goal, evidence: Mapping[str, Any]) -> list[str]:
    """What the rule promises on new units, and where the best threshold may lie."""
    said: list[str] = []
    if not any(evidence["fitted_biases"].values()) or goal.is_operating_point:
        return said
    if evidence.get("promised") is not None:
        low, high = evidence["promised_interval"]
        said.append(
            f"Promised on new units: {goal} {100 * evidence['promised']:.2f} (95% interval "
            f"{100 * low:.2f} to {100 * high:.2f})."
        )
    if len(evidence["intervals"]) == len(evidence["fitted_biases"]) == 1:
        ((name, bounds),) = evidence["intervals"].items()
        ends = [-700.0, 700.0]
        high, low = (
            problem.rule_words({name: end if bound is None else bound}, problem.labels)[name]
            for bound, end in zip(bounds, ends, strict=True)
        )
        said.append(f"The best threshold lies between {quoted(low)} and {quoted(high)} (95%).")
    return said


def _points(gain: float, error: float) -> str:
    return f"{100 * gain:+.2f} ± {100 * error:.2f}"


def logit_adjustment(
    problem: Mapping[str, Any] | Problem, counts: Sequence[float], tau: float = 1.0
) -> DecisionRule:
    """Post-hoc logit adjustment as a rule: see ``OneLabel.prior_biases``.

    Args:
        problem: of one label or tag for each item.
        counts: training items of each label.
        tau: share of the log prior that is subtracted.

    Raises:
        InputError: another type, or counts that do not fit the labels.
    """
    if not isinstance(problem, Problem):
        problem = problem_of(problem)
    if not isinstance(problem, OneLabel):
        raise InputError(
            f"expected one label of several for {LOGIT_ADJUSTMENT}, got {problem.kind}: there is "
            "no prior of classes to take off"
        )
    biases = problem.prior_biases(counts, tau)
    return DecisionRule(problem.kind, biases, f"{LOGIT_ADJUSTMENT}:{tau:g}", problem.labels)


def _adjusted(
    problem: Problem, gold: Sequence[Any], scores: Sequence[np.ndarray], objective: str
) -> DecisionRule:
    """The rule of the log prior with its gain on dev, on which it is not fitted."""
    text = objective.partition(":")[2] or "1"
    try:
        tau = float(text)
    except ValueError:
        raise InputError(
            f"expected {LOGIT_ADJUSTMENT}:TAU with a number, got {quoted(objective)}"
        ) from None
    if not isinstance(problem, OneLabel):
        return logit_adjustment(problem, (), tau)  # which refuses it
    decisions = problem.decisions(gold, scores)
    counts, source = problem.prior(gold)
    rule = logit_adjustment(problem, counts, tau)
    goal = Goal.parse(None, decisions.problem)
    default, adjusted = decisions.counts({}), decisions.counts(rule.biases)
    _, gain, error = goal.gain(default, adjusted)
    sums = {"default": default.sum(0), "tuned": adjusted.sum(0)}
    evidence = _evidence(goal, sums, len(gold)) | {
        "gain": gain,
        "error": error,
        "folds": 0,
        "factor": 1.0,
        "guard": False,
        "notes": [],
        "said": f"Took {tau:g} times the log prior of {source} off each label; nothing was "
        f"fitted. Dev {goal}: {_points(gain, error)} points.",
    }
    return DecisionRule(rule.kind, rule.biases, rule.objective, rule.labels, evidence)
