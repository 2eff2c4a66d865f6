r"""Fit a decision rule on units with gold, shrink the rule, and report its gain.

A rule fitted on dev always looks good on dev. On WNUT-17 a bias on O, fitted on dev without
shrinkage, lost 0.8 test F1 on average over three seeds. So the units are split into K parts. For
each part a rule is fitted on the other parts and decides this part; the counts of all parts
together give the cross-fitted score, and its gain :math:`g` over the default decision, with the
standard error of the jackknife (``Goal.gain``). The rule fitted on all units is then shrunk towards
the default by the positive-part factor

.. math::
    \lambda = \max\Big(0,\ 1 - \frac{\text{se}^2}{g^2}\Big);

where the gain is not larger than its standard error, the default is used. A hash of the ids splits
the units, so that the parts depend on no random state and no order, and units with the same id are
in the same part.

References: James & Stein, 1961, and its positive part, Baranchik, 1964.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dicetune.decide.floors import FloorFit
from dicetune.decide.rule import DecisionRule
from dicetune.errors import InputError, quoted
from dicetune.problems import Problem, problem_of
from dicetune.problems.decisions import Biases, Decisions
from dicetune.problems.goal import POINTS, Goal
from dicetune.problems.one_label import OneLabel

LOGIT_ADJUSTMENT = "logit-adjustment"
FOLDS = 5
FEWEST = 2
"""Units with a positive item without which no rule is fitted."""


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

    Returns:
        The rule. Its evidence, all scores as fractions: "metric", "units", "default" (score of the
        default decision), "fitted" (of the unshrunk rule, on the units of the fit),
        "cross_fitted", "gain" and "error" (on held-out units: the gain and its standard error),
        "folds", "factor" (share of the rule that is used), "tuned" (of the final rule), "scores"
        (every metric of these decisions), "fitted_biases", "guard", "positive_units" (with an item
        of a class that counts), "notes", and "said": a sentence on the fit.

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
    floor = None
    if confidence is not None and goal.is_operating_point:
        floor = FloorFit(decisions, goal, names if groups is None else groups, confidence)
    crossed = cross_fit(decisions, goal, names, folds, None if floor is None else floor.fit)
    every = np.ones(len(gold), dtype=bool)
    fitted = decisions.fit(goal, every) if floor is None else floor.fit(every)
    factor, positive = 1.0, positive_units(goal.problem, decisions.counts({}))
    if guard and not goal.is_operating_point:
        factor = 0.0 if crossed is None or positive < FEWEST else crossed.factor
    biases = problem.shrink(fitted, factor)
    sums = {
        name: decisions.counts(rule).sum(0)
        for name, rule in (("default", {}), ("fitted", fitted), ("tuned", biases))
    }
    held_out: dict[str, Any] = {"gain": None, "error": None, "folds": 0}
    if crossed is not None:
        sums["cross_fitted"] = crossed.sums
        held_out = {"gain": crossed.gain, "error": crossed.error, "folds": crossed.folds}
    where = {"tuned": "dev", "cross_fitted": "held-out units"}
    evidence = _evidence(goal, sums, len(gold)) | {
        **held_out,
        "factor": factor,
        "guard": guard,
        "positive_units": positive,
        "fitted_biases": fitted,
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
    evidence["said"] = _said(goal, evidence)
    return DecisionRule(problem.kind, biases, str(goal), problem.labels, evidence)


def _evidence(goal: Goal, sums: Mapping[str, np.ndarray], units: int) -> dict[str, Any]:
    """Scores of summed counts by decision: every metric, and the goal alone."""
    heads = {name: float(goal.score(counts)) for name, counts in sums.items()}
    scores = {name: goal.all_scores(counts) for name, counts in sums.items()}
    return {"metric": str(goal), "units": units, **heads, "scores": scores}


def positive_units(problem: Problem, counts: np.ndarray) -> int:
    """Units whose gold has an item of a class in precision and recall; (U, M) are their counts.

    Where every unit has one, as where one of several classes is chosen, that is all units.
    """
    if not problem.has_classes:
        return len(counts)
    _, (_, _, gold) = problem.focus(counts)
    return int((gold.sum(-1) > 0).sum())


def _said(goal: Goal, evidence: Mapping[str, Any]) -> str:
    """The fit in one sentence."""
    gain, factor = evidence["gain"], evidence["factor"]
    if evidence["guard"] and evidence["positive_units"] < FEWEST and not goal.is_operating_point:
        one, several = goal.problem.unit
        number = evidence["positive_units"]
        return (
            f"Kept the default: dev holds {number or 'no'} positive {one if number else several}, "
            "too few to fit a rule on and to judge it."
        )
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
    if not factor:
        why = "which is within the noise" if gain is not None and gain > 0 else "so it is not used"
        return f"Kept the default: {held_out}, {why}."
    return f"Tuned: {held_out}, so {100 * factor:.0f}% of it is kept."


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


@dataclass(frozen=True)
class CrossFit:
    """The score and the gain of a fit on held-out units.

    Args:
        counts: (U, M) counts of each unit, decided by a rule that did not see it.
        score: of their sums.
        gain: over the default decision.
        error: the standard error of the gain.
        folds: number of parts.
    """

    counts: np.ndarray
    score: float
    gain: float
    error: float
    folds: int

    @property
    def sums(self) -> np.ndarray:
        """(M,) summed counts of all units."""
        found: np.ndarray = self.counts.sum(0)
        return found

    @property
    def factor(self) -> float:
        """The share of the fitted rule that is used, from 0 to 1."""
        return shrink_factor(self.gain, self.error)


def shrink_factor(gain: float, error: float) -> float:
    """The positive-part factor; 0 without a gain.

    Example:
        >>> shrink_factor(2.0, 1.0), shrink_factor(1.0, 2.0), shrink_factor(-2.0, 1.0)
        (0.75, 0.0, 0.0)
    """
    return max(0.0, 1.0 - (error / gain) ** 2) if gain > 0 else 0.0


def deal(ids: Sequence[str], folds: int) -> np.ndarray:
    """The part of each unit, (U,), from 0 to ``folds`` - 1, as equal as ids allow.

    Example:
        >>> sorted(deal(["a", "b", "c", "d"], 2).tolist())
        [0, 0, 1, 1]
    """

    def order(name: str) -> tuple[bytes, str]:
        return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest(), name

    place = {name: number % folds for number, name in enumerate(sorted(set(ids), key=order))}
    return np.array([place[name] for name in ids], dtype=np.int64)


def cross_fit(
    decisions: Decisions,
    goal: Goal,
    ids: Sequence[str],
    folds: int = FOLDS,
    fit: Callable[[np.ndarray], Biases] | None = None,
) -> CrossFit | None:
    """Fit on all parts but one, decide the held-out part, and sum the counts of all parts.

    Args:
        decisions: on all units.
        goal: the score of the gain.
        ids: of the units.
        folds: number of parts.
        fit: from the units under a mask, (U,) bool, to biases; by default ``decisions.fit``.

    Returns:
        ``None`` where all units have the same id.
    """
    folds = min(folds, len(set(ids)))
    if folds < 2:
        return None
    part = deal(ids, folds)
    default = decisions.counts({})
    held_out = default.copy()
    for number in range(folds):
        mask = part == number
        biases = decisions.fit(goal, ~mask) if fit is None else fit(~mask)
        held_out[mask] = decisions.counts(biases)[mask]
    return CrossFit(held_out, *goal.gain(default, held_out), folds)
