"""Tuned: a rule with what it does to each split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dicetune.decide.decisions import Decisions, Fixed
from dicetune.decide.evidence import all_metrics
from dicetune.decide.fit import fit
from dicetune.decide.floor import reached
from dicetune.decide.guard import FOLDS
from dicetune.decide.kinds import decisions_on
from dicetune.decide.objective import Objective, parse_objective
from dicetune.decide.prior import NAME
from dicetune.decide.rule import DecisionRule
from dicetune.errors import InputError, listed
from dicetune.metrics.counting import counting_of
from dicetune.records import DEFAULT, TUNED

DEV = "dev"


@dataclass(frozen=True)
class Split:
    """One split of a model's scores, with gold.

    Args:
        rows: of ``predictions.jsonl``, with "gold" and with "predicted" by default.
        scores: of each row.
        ids: of the rows.
        spans: for answers, the text and the score of each question's best span.
    """

    rows: list[dict[str, Any]]
    scores: list[np.ndarray]
    ids: list[str]
    spans: list[tuple[str, float]] | None = None

    @property
    def gold(self) -> list[Any]:
        """The gold of each row."""
        return [row["gold"] for row in self.rows]


@dataclass(frozen=True)
class Tuned:
    """A decision rule and what it gives.

    Args:
        rule: with its evidence.
        metrics: for each split the scores of "argmax" and "tuned", by metric.
        predicted: for each split what the rule predicts for each row.
    """

    rule: DecisionRule
    metrics: dict[str, dict[str, dict[str, float]]]
    predicted: dict[str, list[Any]] = field(default_factory=dict, repr=False)

    @property
    def said(self) -> str:
        """What was done, in one sentence, then whatever there is to note."""
        evidence = self.rule.evidence
        notes = "".join(f" {note[0].upper()}{note[1:]}." for note in evidence.get("notes", ()))
        return f"{evidence['said']}{notes}"

    def table(self) -> dict[str, dict[str, float]]:
        """Rows for people: dev by default, fitted, cross-fitted and tuned, then other splits."""
        found = self.rule.evidence.get("scores", {})
        names = {"default": DEFAULT, "fitted": "fitted", "cross_fitted": "held out"}
        rows = {f"{DEV}, {shown}": found[name] for name, shown in names.items() if name in found}
        for split, scores in self.metrics.items():
            for decision, own in scores.items():
                rows.setdefault(f"{split}, {decision}", own)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "kind": self.rule.kind,
            "objective": self.rule.objective,
            "biases": self.rule.biases,
            "evidence": self.rule.evidence,
            "metrics": self.metrics,
            "said": self.said,
        }


def tune_splits(
    problem: Mapping[str, Any],
    splits: Mapping[str, Split],
    *,
    objective: str | None = None,
    guard: bool = True,
    folds: int = FOLDS,
) -> Tuned:
    """Fit a rule on dev, and decide every split with it.

    Raises:
        InputError: without dev; see ``fit``.
    """
    if DEV not in splits:
        raise InputError(
            f"expected scores of dev to fit a decision on, got {listed(splits) or 'none'}: a "
            "rule is never fitted on what it is tested on"
        )
    dev = splits[DEV]
    rule = fit(
        problem,
        dev.gold,
        dev.scores,
        objective=objective,
        ids=dev.ids,
        spans=dev.spans,
        guard=guard,
        folds=folds,
    )
    metrics, predicted, notes = {}, {}, list(rule.evidence.get("notes", ()))
    for name, split in splits.items():
        metrics[name], predicted[name], said = _decided(problem, split, rule, name)
        if said is not None and name != DEV:  # of dev the fit has told
            notes.append(said)
    if "notes" in rule.evidence:
        rule = replace(rule, evidence={**rule.evidence, "notes": notes})
    return Tuned(rule, metrics, predicted)


def _decided(
    problem: Mapping[str, Any], split: Split, rule: DecisionRule, name: str
) -> tuple[dict[str, dict[str, float]], list[Any], str | None]:
    """Scores of both decisions on a split, what is predicted, and the recall that was asked for."""
    decisions: Decisions | Fixed
    if rule.is_default:
        decisions = Fixed("", counting_of(problem, split.gold))
    else:
        decisions = decisions_on(problem, split.gold, split.scores, split.spans)
    counting = decisions.counting
    if isinstance(decisions, Fixed):
        predicted = [row["predicted"] for row in split.rows]
        both = [counting.counts(split.gold, predicted)] * 2
    else:
        predicted = decisions.predicted(rule.biases)
        both = [decisions.counts({}), decisions.counts(rule.biases)]
    metric = None if rule.objective.startswith(NAME) else rule.objective
    goal: Objective = parse_objective(metric, counting)
    scores = [all_metrics(counting, goal, own.sum(0)) for own in both]
    said = reached(goal, counting, both[1].sum(0), name)
    return dict(zip((DEFAULT, TUNED), scores, strict=True)), predicted, said
