"""The verbs tune and export: a decision rule is fitted, and goes with the model to other tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicetune import terminal
from dicetune.errors import InputError, listed, quoted, unknown_name
from dicetune.records import RUN_FILE, TUNED, RunRecord
from dicetune.terminal import Finding, Printed

if TYPE_CHECKING:
    from dicetune.decide.named import FolderRules

FOLDS = 5
KINDS = ("onnx", "transformers")
_BAKED = "{out}: a model for transformers, with {rule} in its head"


def tune(
    folder: str | Path | None = None,
    scores: str | Path | Sequence[Mapping[str, Any]] | None = None,
    *,
    gold: str | Path | Sequence[Mapping[str, Any]] | None = None,
    kind: str | None = None,
    positive: str | None = None,
    objective: str | None = None,
    plain: bool = False,
    folds: int = FOLDS,
    out: str | Path | None = None,
    overwrite: bool = False,
    name: str | None = None,
    default: str | None = None,
    list_rules: bool = False,
    confidence: float | None = None,
    calibrate: bool = False,
    costs: str | Path | Mapping[str, Mapping[str, float]] | None = None,
    abstain: str | float | None = None,
    bake: str | Path | None = None,
) -> Finding:
    """Fit the decision rule of a run, or of any model's scores, on dev.

    Args:
        folder: folder of a finished run, where the rule is written.
        scores: in place of ``folder``, any model's scores: JSON lines, or their rows in memory.
        gold: JSON lines or rows with the gold of ``scores``, where ``scores`` holds no gold.
        kind: type of the predictions in ``scores``; by default found from the first row.
        positive: class in ``scores`` whose F1 is raised.
        objective: a metric, "fbeta:B", "precision@recall:R", "recall@precision:P" or
            "logit-adjustment:TAU"; by default the metric that chose the checkpoint.
        plain: use the fitted rule as it is. By default the rule is shrunk towards the default
            decision, the more the less sure its gain on held-out units is.
        folds: number of parts for the held-out units.
        out: file that the rule of ``scores`` is written to.
        overwrite: replace an earlier rule of the name in the folder, or an earlier file at ``out``.
        name: of the rule among the rules of the folder, such as "recall95"; by default "tuned".
        default: name of the rule that decides where none is asked for, or "argmax"; without
            ``name`` nothing is fitted.
        list_rules: list the rules of the folder; nothing is fitted.
        confidence: with which the R or P of an objective holds on new data, by default 0.9; 0 asks
            for it on dev alone.
        calibrate: make the probabilities honest first, if that helps on held-out units.
        costs: in place of an objective, a table (CSV or TSV) of the cost of each predicted label
            (column) for each gold label (row), or a mapping by gold and predicted label.
        abstain: let the rule say nothing where it is unsure: the cost of saying nothing where an
            error costs 1 (or in the units of the costs), for which no biases are fitted, or a
            share of texts, such as "5%".
        bake: new folder for the model with the fitted rule in the biases of its head: as ``export``
            with ``to="transformers"``.

    Raises:
        InputError: for neither a folder nor scores, or both; the folder of an unfinished run; an
            argument that means nothing for a folder; an earlier rule in the same place.

    Example:
        ``dicetune.tune("runs/a").rule.biases``
    """
    from dicetune.decide.floors import asked_confidence
    from dicetune.decide.folder import tune_folder
    from dicetune.decide.form import RuleForm
    from dicetune.decide.named import FolderRules, set_default
    from dicetune.decide.run_scores import stored_problem
    from dicetune.decide.score_file import tune_scores

    how: dict[str, Any] = {"objective": objective, "guard": not plain, "folds": folds}
    how["form"] = RuleForm(calibrate, costs, abstain)
    how |= {"overwrite": overwrite, "confidence": asked_confidence(objective, confidence)}
    of_scores: dict[str, Any] = {"gold": gold, "kind": kind, "positive": positive, "out": out}
    if folder is None:
        if scores is None:
            raise InputError("expected a run's folder or --scores, got neither: dicetune tune DIR")
        own = {"name": name, "default": default, "list": list_rules or None, "bake": bake}
        for flag, value in own.items():
            if value is not None:
                raise InputError(
                    f"expected no {flag} beside --scores, got {quoted(value)}: it is for the rules "
                    "of a run's folder; the file at --out has a name"
                )
        return Finding(tune_scores(scores, **of_scores, **how), _tuning_parts)
    for flag, value in {"scores": scores, **of_scores}.items():
        if value is not None:
            raise InputError(
                f"expected no {flag} beside a run's folder, got {quoted(str(value))}: {flag} is "
                "for the scores of other models; a run has these itself, and keeps its rule"
            )
    if not (Path(folder) / RUN_FILE).is_file():
        # imported here: scores of this version are tuned without torch
        from dicetune.training.folder import check_finished

        check_finished(Path(folder))
    if list_rules or (default is not None and name is None):
        asked = {"objective": objective, "name": name, "confidence": confidence, "costs": costs}
        asked |= {"plain": plain or None, "calibrate": calibrate or None, "abstain": abstain}
        asked |= {
            "bake": bake,
            "overwrite": overwrite or None,
            "folds": None if folds == FOLDS else folds,
        }
        if given := [f"--{option}" for option, value in asked.items() if value is not None]:
            flag = "--list" if list_rules else "--default"
            raise InputError(
                f"expected a rule to fit, or {flag}, got both ({listed(given)}): a rule that is "
                "fitted and becomes the default is given with --name and --default"
            )
        rules = FolderRules.of(folder) if default is None else set_default(folder, default)
        return Finding(rules, _rules_parts)
    if abstain is not None and name is None:
        raise InputError(
            "expected a name for a rule that may say nothing, got none: other tools and "
            "comparisons read the rule without a name; give --name, such as --name sure"
        )
    problem = None
    if stored_problem(folder) is None:  # scores of an earlier version: the task knows
        from dicetune.tasks import task_named

        record = RunRecord.load(folder)
        task = task_named(record.config["task"]).restore(record.labels, record.settings)
        problem = task.problem().settings
    tuned = tune_folder(folder, problem=problem, name=TUNED if name is None else name, **how)
    if default is not None:
        set_default(folder, default)
    if bake is not None:
        from dicetune.exporting import bake_rule  # loads torch

        bake_rule(folder, bake, tuned.rule.name)
    rules = FolderRules.of(folder)
    shown = (
        [] if rules.default == tuned.rule.name and len(rules.rules) == 1 else _rules_parts(rules)
    )
    if bake is not None:
        shown += [terminal.escape(_BAKED.format(out=bake, rule="this rule"))]
    return Finding(tuned, lambda tuned: [*_tuning_parts(tuned), *shown])


def _rules_parts(rules: FolderRules) -> list[Any]:
    return terminal.rules_tables(rules.rows(), rules.default)


def _tuning_parts(tuned: Any) -> list[Any]:
    return terminal.tuning_tables(tuned.table(), tuned.rule.words, tuned.said)


@dataclass(frozen=True, repr=False)
class Exported(Printed):
    """A folder for other tools, and what it holds in sentences."""

    folder: Path
    said: tuple[str, ...]

    def parts(self) -> list[str]:
        """The sentences."""
        return [terminal.escape(line) for line in self.said]

    def to_dict(self) -> dict[str, object]:
        """Plain data, ready for JSON."""
        return {"folder": str(self.folder), "said": list(self.said)}


def export(
    run: str | Path,
    *,
    to: str,
    out: str | Path,
    int8: bool = False,
    decision: str | None = None,
    task: str | None = None,
) -> Exported:
    """Write a model for other tools, with its decision rule.

    Args:
        run: folder of a finished run, or a saved model; it is not changed.
        to: "onnx": a folder that ``load``, ``predict`` and ``evaluate`` run by onnxruntime, without
            torch and transformers, with all rules of the run; "transformers": a folder for
            ``transformers`` and every tool that reads it, with the rule in the biases of the head,
            so that arg-max or 0.5 is the tuned decision.
        out: new folder.
        int8: with "onnx": weights in 8 bits, for a smaller and faster model that errs a little.
        decision: with "transformers": the rule: "auto" (the default rule of the folder), the name
            of a rule, or a file.
        task: of a model that dicetune did not train.

    Raises:
        InputError: a rule that the format cannot hold, or a place that is in use.

    Example:
        ``dicetune.export("runs/a", to="transformers", out="runs/a-baked")``
    """
    if to not in KINDS:
        raise unknown_name("format to export to", to, KINDS)
    if to == "onnx":
        if decision is not None:
            raise InputError(
                f"expected no decision beside --to onnx, got {quoted(decision)}: all rules of the "
                "folder go with it, and `dicetune predict --decision` chooses"
            )
        from dicetune.exporting import export_onnx  # loads torch

        return Exported(Path(out), (export_onnx(run, out, int8=int8, task=task),))
    if int8:
        raise InputError("expected --int8 with --to onnx, got --to transformers: leave it out")
    from dicetune.exporting import bake_rule

    rule = bake_rule(run, out, decision or "auto", task)
    return Exported(Path(out), (_BAKED.format(out=out, rule=f"the rule {rule.told()}"),))
