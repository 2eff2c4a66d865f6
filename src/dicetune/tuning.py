"""Tune the decision of a run's folder, or of the scores of any model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dicetune.decide import Tuned, read_scores, tune, tune_scores
from dicetune.decide.shrinkage import FOLDS
from dicetune.errors import InputError, quoted
from dicetune.records import RUN_FILE, RunRecord


def tune_source(
    folder: str | Path | None = None,
    scores: str | Path | None = None,
    *,
    gold: str | Path | None = None,
    kind: str | None = None,
    positive: str | None = None,
    objective: str | None = None,
    guard: bool = True,
    folds: int = FOLDS,
    out: str | Path | None = None,
    overwrite: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Tuned:
    """Fit a decision rule on dev scores.

    Args:
        folder: of a finished run, where the rule is left.
        scores: in its place, JSON lines with the scores of any model (``decide.score_rows``).
        gold: JSON lines with their gold, where it is apart.
        kind: of these, where the first row would be misread.
        positive: class of these whose F1 is asked for.
        objective: a metric, "fbeta:B", "precision@recall:R" or "logit-adjustment:TAU".
        guard: shrink the rule towards the default by what it gains on held-out units.
        folds: parts into which these are dealt.
        out: file that the rule of ``scores`` is written to.
        overwrite: replace another rule in the folder, or another file at ``out``.
        report: takes a line for what of ``scores`` was read otherwise than it is written.

    Raises:
        InputError: neither a folder nor scores, or both; the folder of a run that has not ended;
            what means nothing for a folder; another
            rule where this one would be kept.
    """
    if folder is None:
        if scores is None:
            raise InputError("expected a run's folder or --scores, got neither: dicetune tune DIR")
        return tune_scores(
            scores,
            gold,
            kind=kind,
            positive=positive,
            objective=objective,
            guard=guard,
            folds=folds,
            out=out,
            overwrite=overwrite,
            report=report,
        )
    others = {"scores": scores, "gold": gold, "kind": kind, "positive": positive, "out": out}
    for name, value in others.items():
        if value is not None:
            raise InputError(
                f"expected no {name} beside a run's folder, got {quoted(str(value))}: the run "
                f"knows its "
                "own, and keeps the rule; that is for the scores of other models"
            )
    if not (Path(folder) / RUN_FILE).is_file():
        # imported here: scores of this version are tuned without torch
        from dicetune.training.folder import check_finished

        check_finished(Path(folder))
    problem = None if read_scores(folder)[1] is not None else _asked(folder)
    return tune(
        folder,
        objective=objective,
        guard=guard,
        folds=folds,
        problem=problem,
        overwrite=overwrite,
    )


def _asked(folder: str | Path) -> Mapping[str, Any]:
    """The problem of a run whose scores do not hold it, from its task."""
    record = RunRecord.load(folder)
    from dicetune.tasks import task_named

    task = task_named(record.config["task"]).restore(record.labels, record.settings)
    problem: Mapping[str, Any] = task.problem().settings
    return problem
