"""Tune the folder of a run: fit on its dev scores, write the rule and its predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.decide.costs import mean_cost
from dicetune.decide.fit import LOGIT_ADJUSTMENT, fit
from dicetune.decide.form import COST, PLAIN, RuleForm
from dicetune.decide.held_out import FOLDS, Procedure, in_line
from dicetune.decide.named import check_name
from dicetune.decide.rule import DecisionRule, named_file
from dicetune.decide.run_scores import read_scores, stored_problem
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.problems import Problem, problem_of
from dicetune.problems.goal import Goal
from dicetune.problems.score_rows import ScoreTables
from dicetune.records import (
    DEFAULT,
    PREDICTIONS_FILE,
    SCORES_FILE,
    TUNED,
    TUNED_FILE,
    check_shape,
    read_json_lines,
    write_json_lines,
)

DEV = "dev"


@dataclass(frozen=True)
class Split:
    """One split of a model's scores, with gold.

    Args:
        gold: of each row of ``predictions.jsonl``.
        predicted: by the default decision.
        scores: of each row.
        ids: of the rows.
        groups: the document of each row, else its id.
        extras: ``Problem.extra`` of each row.
        rows: as they are written; none where they were read and are read again.
    """

    gold: Any
    predicted: Any
    scores: Sequence[np.ndarray]
    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    extras: list[Any] = field(default_factory=list)
    rows: Sequence[dict[str, Any]] = ()

    @classmethod
    def of(
        cls, problem: Problem, rows: Iterable[dict[str, Any]], scores: Iterable[np.ndarray]
    ) -> Split:
        """A split from rows and their scores, in the precision of ``scores.safetensors``."""
        tables = [table.astype(np.float32, copy=False) for table in scores]
        found = cls([], [], tables, rows=list(rows))
        for row in found.rows:
            found.take(problem, row)
        return found

    def take(self, problem: Problem, row: Mapping[str, Any]) -> None:
        """Take what a rule needs of one more row."""
        name = str(row.get("id", len(self.ids)))
        self.gold.append(row["gold"])
        self.predicted.append(row["predicted"])
        self.ids.append(name)
        self.groups.append(str(row.get("document", name)))
        self.extras.append(problem.extra(row))

    def fit(self, problem: Problem, **how: Any) -> DecisionRule:
        """The rule for this split, with the options of ``decide.fit.fit``."""
        how |= {"ids": self.ids, "spans": self.extras, "groups": self.groups}
        return fit(problem, self.gold, self.scores, **how)

    def expected(self, problem: Problem) -> float | None:
        """The score of the rule that ``fit`` would find, as ``Procedure.expected`` has it.

        ``None`` where no rule can be fitted.
        """
        if problem.why_fixed(self.gold) is not None:
            return None
        decisions = problem.decisions(self.gold, self.scores, self.extras).quick()
        goal = Goal.parse(None, decisions.problem)
        line = in_line(self.ids)
        return Procedure(decisions, goal, line, FOLDS, decisions.estimate, True).expected()


@dataclass(frozen=True)
class Tuned:
    """A decision rule, its scores and its predictions.

    Args:
        rule: with its evidence.
        metrics: for each split the scores of "argmax" and "tuned", by metric.
        predicted: for each split the prediction of the rule for each row.
    """

    rule: DecisionRule
    metrics: dict[str, dict[str, dict[str, float]]]
    predicted: dict[str, list[Any]] = field(default_factory=dict, repr=False)

    @property
    def said(self) -> str:
        """The fit in one sentence, and the notes."""
        evidence = self.rule.evidence
        notes = "".join(f" {note[0].upper()}{note[1:]}." for note in evidence.get("notes", ()))
        return f"{evidence['said']}{notes}"

    def table(self) -> dict[str, dict[str, float]]:
        """Rows for people: dev by default, fitted, cross-fitted and tuned, then other splits."""
        found = self.rule.evidence.get("scores", {})
        default = DEFAULT if self.rule.calibration is None else "calibrated"
        names = {"default": default, "fitted": "fitted", "promised": "held out"}
        rows = {f"{DEV}, {shown}": found[name] for name, shown in names.items() if name in found}
        for split, scores in self.metrics.items():
            for decision, metrics in scores.items():
                rows.setdefault(f"{split}, {decision}", metrics)
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
    problem: Problem,
    splits: Mapping[str, Split],
    *,
    objective: str | None = None,
    guard: bool = True,
    folds: int = FOLDS,
    confidence: float | None = None,
    form: RuleForm = PLAIN,
) -> Tuned:
    """Fit a rule on dev, and decide every split with it.

    Raises:
        InputError: without dev; see ``fit`` and ``RuleForm``.
    """
    form.check(problem, objective, guard, folds, confidence)
    if DEV not in splits:
        raise InputError(
            f"expected scores of dev to fit a decision on, got {listed(splits) or 'none'}: a "
            "rule is never fitted on what it is tested on"
        )
    dev = splits[DEV]
    calibration, evidence = form.calibration(
        problem.seeing(dev.gold), dev.gold, dev.scores, ids=dev.ids, folds=folds
    )
    scores = dev.scores
    if calibration is not None:
        alone = bool(problem.independent)
        scores = [calibration.apply(table, problem.labels, alone) for table in scores]
    how: dict[str, Any] = {"objective": objective, "guard": guard, "folds": folds}
    rule = form.cost_rule(problem) or replace(dev, scores=scores).fit(
        problem, **how, confidence=confidence, promise=form.abstain is None
    )
    rule = form.silenced(replace(rule, calibration=calibration), dev.scores)
    if evidence:
        said = [evidence.pop("said"), *rule.evidence.get("notes", ())]
        rule = replace(rule, evidence={**rule.evidence, "calibration": evidence, "notes": said})
    metrics, predicted, notes = {}, {}, list(rule.evidence.get("notes", ()))
    for name, split in splits.items():
        metrics[name], predicted[name], reached = _decided(problem, split, rule, name, form.silence)
        # the fit reports a floor on dev
        notes += reached if name != DEV or not form.is_fitted else []
    if "notes" in rule.evidence:
        rule = replace(rule, evidence={**rule.evidence, "notes": notes})
    return Tuned(rule, metrics, predicted)


def _decided(
    problem: Problem, split: Split, rule: DecisionRule, name: str, silence: float | None
) -> tuple[dict[str, dict[str, float]], list[Any], list[str]]:
    """Scores of both decisions on a split, the predictions, and what is said of the split."""
    default = split.predicted
    answered = np.ones(len(default), dtype=bool)
    if rule.is_default:
        problem = problem.seeing(split.gold)
        predicted = default
        both = [problem.counts(split.gold, predicted)] * 2
    else:
        decisions = problem.decisions(split.gold, split.scores, split.extras)
        problem = decisions.problem
        default, both = decisions.predicted({}), [decisions.counts({})]
        if not rule.is_plain:
            moved = rule.apply(split.scores)
            answered = np.array([bool(np.isfinite(one).any(-1).all()) for one in moved])
            pairs = zip(moved, split.scores, answered, strict=True)
            tables = [table if said else as_it_was for table, as_it_was, said in pairs]
            decisions = problem.decisions(split.gold, tables, split.extras)
        biases = rule.biases if rule.is_plain else {}
        predicted = decisions.predicted(biases)
        if not answered.all():
            found = zip(predicted, answered, strict=True)
            predicted = [one if said else None for one, said in found]
        both.append(decisions.counts(biases)[answered])
    plain = rule.objective.startswith(LOGIT_ADJUSTMENT) or rule.objective == COST
    goal = Goal.parse(None if plain else rule.objective, problem)
    scores = [goal.all_scores(counts.sum(0)) for counts in both]
    notes = goal.reached(both[1].sum(0), name)
    if rule.objective == COST:
        costs = [
            mean_cost(problem, rule.costs, split.gold, rows, silence)
            for rows in (default, predicted)
        ]
        before, after = ("none" if cost is None else f"{cost:.4g}" for cost in costs)
        answers = "" if rule.abstain is None or silence is not None else ", where it says a label"
        notes.append(
            f"the mean cost on {name} is {before} by default and {after} with the rule{answers}"
        )
    if rule.abstain is not None:
        scores[1]["coverage"] = float(answered.mean())
    return dict(zip((DEFAULT, TUNED), scores, strict=True)), predicted, notes


def tune_folder(
    folder: str | Path,
    *,
    objective: str | None = None,
    guard: bool = True,
    folds: int = FOLDS,
    problem: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    name: str = TUNED,
    confidence: float | None = None,
    form: RuleForm = PLAIN,
) -> Tuned:
    """Fit the decision rule of a run and write the rule into the folder of the run.

    Writes ``decision.json`` (the rule, its evidence, and the scores of the tuned decision on each
    split) and ``tuned.jsonl`` (the rows of ``predictions.jsonl`` with the decisions of the rule).
    The model and the other files stay the same; deleting ``decision.json`` restores the default.

    Args:
        folder: of a finished run; the model itself is not needed.
        objective: see ``fit``; by default the metric that chose the checkpoint.
        guard: shrink the rule by its gain on held-out units.
        folds: number of parts of the cross-fit.
        problem: of a run of an earlier version, whose scores do not hold the problem.
        overwrite: replace another rule of this name in the folder.
        name: of the rule among the rules of the folder.
        confidence: see ``fit``.
        form: what the rule has beside its biases.

    Raises:
        InputError: a folder without dev scores or gold, or with another rule, or an objective that
            does not fit.
    """
    folder = Path(folder)
    check_name(name)
    stored = stored_problem(folder)
    settings = stored if problem is None else problem
    if settings is None:
        raise InputError(
            f"expected scores with their problem, got scores of an earlier version in "
            f"{quoted(Path(folder))}: tune them with `dicetune tune`, which asks the model's task"
        )
    decided = problem_of(settings)
    splits = _splits(folder, decided, read_scores(folder, decided.ruling)[0])
    how: dict[str, Any] = {"objective": objective, "guard": guard, "folds": folds}
    found = tune_splits(decided, splits, **how, confidence=confidence, form=form)
    found = replace(found, rule=replace(found.rule, name=name))
    if not overwrite:
        found.rule.check_place(folder)
    # read again: of a row only what a rule needs was kept
    whole = {name: _rows_of(folder / PREDICTIONS_FILE, name) for name in splits}
    write_tuned(folder, whole, found)
    return found


def write_tuned(folder: Path, splits: Mapping[str, Iterable[dict[str, Any]]], found: Tuned) -> None:
    """Write the file of a rule, and its decisions on the rows of all splits."""
    rows = (
        {**row, "predicted": predicted}
        for name, part in splits.items()
        for row, predicted in zip(part, found.predicted[name], strict=True)
    )
    write_json_lines(named_file(folder / TUNED_FILE, found.rule.name), rows)
    found.rule.save(folder, {name: scores[TUNED] for name, scores in found.metrics.items()})


def _splits(folder: Path, problem: Problem, arrays: Mapping[str, ScoreTables]) -> dict[str, Split]:
    path = folder / PREDICTIONS_FILE
    if not path.is_file():
        raise InputError(
            f"expected {PREDICTIONS_FILE} with gold in {quoted(Path(folder))}, got none"
        )
    if DEV not in arrays:
        raise InputError(
            f"expected scores of dev in {quoted(Path(folder / SCORES_FILE))}, got "
            f"{listed(arrays) or 'none'}: a rule is fitted on dev alone"
        )
    found = {}
    for name, scores in arrays.items():
        table = scores.table.astype(np.float32, copy=False)
        one = ScoreTables(table, scores.lengths)
        found[name] = Split(problem.column(), problem.column(), one)
    shape = {"gold": problem.gold_shape, "predicted": object, **problem.row_shape}
    for number, row in enumerate(read_json_lines(path), 1):
        if "gold" not in row and row.get("split") not in found:
            continue  # of a test file without gold
        if quoted(row.get("split")) not in map(quoted, found):
            raise DataError(
                path, f"expected a split with scores, got {quoted(row.get('split'))}", number
            )
        if row.get("gold") is None:
            raise DataError(path, "expected gold in each row, got none", number)
        check_shape(path, row, shape, f"line {number}")
        found[row["split"]].take(problem, row)
    for name, split in found.items():
        if len(split.ids) != len(split.scores):
            raise DataError(
                path,
                f"expected {len(split.scores)} rows of {name}, one for each score, got "
                f"{len(split.ids)}",
            )
        gold, predicted = split.gold.packed(), split.predicted.packed()
        found[name] = replace(split, gold=gold, predicted=predicted)
    return found


def _rows_of(path: Path, split: str) -> Iterable[dict[str, Any]]:
    """The whole rows of one split."""
    return (row for row in read_json_lines(path) if row["split"] == split)
