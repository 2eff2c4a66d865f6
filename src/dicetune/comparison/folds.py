"""Folds: train K times, score every example out of fold, and train a final model on all of them.

For small data one dev file says little. Each fold trains on K - 2 parts, chooses its checkpoint on
one part, and is tested on one that it has not seen in any way. Together the tests are out-of-fold
scores of the whole file: their counts give one pooled score, and the decision rule is fitted on
them, cross-fitted as on any dev file. The final model is trained on the whole file, for the median
of the epochs after which the folds were best, as nothing is left to choose a checkpoint on.

The folds are in a folder beside the run (``runs/a.folds``) and keep their records and scores, not
their weights.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dicetune import numbers
from dicetune.comparison.folder import WEIGHTS
from dicetune.comparison.runs import FinishedRun
from dicetune.comparison.tries import delete_runs, finish_run
from dicetune.data.split import NAMES
from dicetune.decide.run_scores import read_scores
from dicetune.errors import InputError, quoted
from dicetune.records import METRICS_FILE, RunRecord, read_json
from dicetune.tasks.split import SplitFiles
from dicetune.training.callbacks import ShowTraining
from dicetune.training.config import RunConfig
from dicetune.training.defaults import with_earlier
from dicetune.training.folder import CONFIG_FILE, check_place
from dicetune.training.precision import with_precision
from dicetune.training.results import DevScores
from dicetune.training.run import run

_log = logging.getLogger(__name__)
_AT_THE_END = 0.999999  # of the steps: the trainer rounds up


def train_folds(
    config: RunConfig,
    parts: SplitFiles,
    *,
    overwrite: bool = False,
    resume: bool = False,
    show: ShowTraining | None = None,
) -> RunRecord:
    """Train each fold and the final model, whose dev scores are those out of fold.

    Args:
        config: of the final run; its train and dev are the whole file.
        parts: the files of each fold, "1/train", "1/dev", "1/test", ….
        overwrite: delete earlier runs.
        resume: go on after a stop; finished folds are kept.
        show: is told where each training is.

    Returns:
        The record of the final run; ``training["folds"]`` holds the scores of each fold.

    Raises:
        InputError: earlier folds without ``resume``; folds whose labels differ; else as ``run``.
    """
    if overwrite and resume:
        raise InputError("expected --overwrite or --resume, got both: one deletes the other's runs")
    out = Path(str(config.out)).absolute()
    going_on = resume and (out / CONFIG_FILE).is_file()
    if not going_on:
        check_place(config, overwrite=overwrite)
    place = out.with_name(f"{out.name}.folds")
    if place.exists() and not resume:
        if not overwrite:
            raise InputError(
                f"expected no folds of an earlier command, got {quoted(place)}: give --resume to "
                "go on with them, --overwrite to delete them, or another --out"
            )
        delete_runs(place)
    count = len(parts.files) // len(NAMES)
    config, _ = with_earlier(with_precision(config, place / "1"), place / "1")
    runs = []
    for fold in range(1, count + 1):
        _log.info("fold %d of %d", fold, count)
        files: dict[str, Any] = {name: parts.files[f"{fold}/{name}"] for name in NAMES}
        note = f"fold {fold} of {count} of {config.train}"
        own = replace(config, **files, note=note, out=str(place / str(fold)))
        runs.append(finish_run(own, show))
        first = runs[0].record
        auto = first.objective.get("auto") or first.config
        config = replace(config, loss=auto["loss"], trainer=first.config["trainer"])  # for all
        for weights in runs[-1].folder.rglob(WEIGHTS):
            weights.unlink()
    if len({tuple(one.record.labels) for one in runs}) > 1:
        raise InputError(
            f"expected the same labels in each fold, got others in {quoted(place)}: labels that "
            "few examples have cannot be trained in each"
        )
    found = _out_of_fold(runs, [int(part) for part in parts.record["part"].split()])
    _log.info(found.said)
    _log.info("final model: all examples; dev scores of its training are of texts that it learns")
    said = f"auto: {auto['loss']}, as in the first fold, because {auto.get('because')}"
    kept = said if "because" in auto else config.note
    final = replace(config, trainer=_final_trainer(config, runs), patience=None, note=kept)
    return run(final, overwrite=overwrite, resume=going_on, show=show, dev_scores=found)


def _out_of_fold(runs: Sequence[FinishedRun], part: Sequence[int]) -> DevScores:
    """The test scores of all folds, in the order of the file."""
    tables = [iter(read_scores(one.folder)[0]["test"]) for one in runs]
    scores = [next(tables[own]) for own in part]
    sizes = np.bincount(part)
    metrics = [read_json(one.folder / METRICS_FILE)["test"] for one in runs]
    facts: list[dict[str, Any]] = [
        {
            "fold": number,
            "examples": int(size),
            "best_step": one.record.training["best_step"],
            "steps": one.record.training["steps"],
            "test": own,
        }
        for number, (one, size, own) in enumerate(zip(runs, sizes, metrics, strict=True), 1)
    ]
    name = runs[0].record.training["chosen_by"].removesuffix("_tuned")
    return DevScores(
        scores,
        float(np.average([own["loss"] for own in metrics], weights=sizes)),
        facts,
        f"dev is the whole file, scored out of fold by {len(runs)} models; each fold alone, "
        f"{name.replace('_', ' ')} of its test part: {_each(metrics, name)}",
    )


def _each(metrics: Sequence[dict[str, Any]], name: str) -> str:
    """The score of each fold, their mean and standard deviation, by the decision in use."""
    values = [float(own[name]) for own in metrics if name in own]
    shown = ", ".join(map(numbers.points, values))
    if len(values) < 2:
        return shown
    return f"{shown} (mean {numbers.points(float(np.mean(values)))}, standard deviation " + (
        f"{numbers.points(float(np.std(values, ddof=1)))})"
    )


def _final_trainer(config: RunConfig, runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """The keys of the trainer for all examples: as long as the folds took, evaluated at the end."""
    trainings = [one.record.training for one in runs]
    best = [
        row["epoch"]
        for own in trainings
        for row in own["history"]
        if row["step"] == own["best_step"]
    ]
    if len(best) < len(runs):
        raise InputError(
            "expected an evaluation in each fold, got a fold without: it was shorter than "
            "trainer.eval_steps, which should be less"
        )
    when = {"strategy": "steps", "steps": _AT_THE_END}
    ends = {f"{what}_{name}": value for what in ("eval", "save") for name, value in when.items()}
    kept = {key: value for key, value in config.trainer.items() if key != "max_steps"}
    return {**kept, **ends, "num_train_epochs": round(float(np.median(best)), 3)}
