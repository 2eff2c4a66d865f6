"""Tries: train the first losses of ``auto``'s list, and keep the run with the best dev score.

Each loss is trained in a folder of its own beside the folder of the run (``runs/a.tries``), with
the same seed and budget. The run whose dev score under its own decision is highest is moved to the
folder; the dev score of a tuned decision is that of held-out units. The other runs are deleted. The
record keeps all dev scores, and how much the choice flatters the best (``recommend.optimism``).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from dicetune import numbers
from dicetune.comparison.folder import is_folder_name
from dicetune.comparison.plan import PlannedRun
from dicetune.comparison.recommend import candidates, optimism
from dicetune.comparison.runs import FinishedRun
from dicetune.errors import InputError, InterruptedRunError, quoted
from dicetune.records import RunRecord, replace_text
from dicetune.training.auto import AUTO, TRIES
from dicetune.training.callbacks import ShowTraining
from dicetune.training.config import RunConfig
from dicetune.training.defaults import with_earlier
from dicetune.training.folder import CONFIG_FILE, check_place, clear
from dicetune.training.precision import with_precision
from dicetune.training.run import run

_log = logging.getLogger(__name__)


def try_losses(
    config: RunConfig,
    most: int,
    *,
    overwrite: bool = False,
    resume: bool = False,
    show: ShowTraining | None = None,
) -> RunRecord:
    """Train the first ``most`` losses of ``TRIES``, and keep the best run in ``config.out``.

    Args:
        config: of the run, with the loss "auto".
        most: number of losses that are trained.
        overwrite: delete an earlier run in the folder.
        resume: go on after a stop; finished tries are kept.
        show: is told where the training is.

    Returns:
        The record of the kept run, whose ``objective["tries"]`` holds the dev scores of all.

    Raises:
        InputError: another loss than "auto", or a number that the list does not have; else as
            ``run``.
    """
    if config.loss != AUTO:
        raise InputError(
            f"expected --loss auto beside --try, got {quoted(config.loss)}: it tries the losses of "
            "auto's list; compare losses that you name with `dicetune compare`"
        )
    if not 2 <= most <= len(TRIES):
        raise InputError(
            f"expected --try between 2 and {len(TRIES)}, got {most}: the list is {', '.join(TRIES)}"
        )
    if overwrite and resume:
        raise InputError("expected --overwrite or --resume, got both: one deletes the other's runs")
    folder = check_place(replace(config, loss=TRIES[0]), overwrite=overwrite).absolute()
    place = folder.with_name(f"{folder.name}.tries")
    if place.exists() and not resume:
        if not overwrite:
            raise InputError(
                f"expected no tries of an earlier command, got {quoted(place)}: give --resume to "
                "go on with them, --overwrite to delete them, or another --out"
            )
        delete_runs(place)
    first = place / f"1-{TRIES[0]}"
    config, _ = with_earlier(with_precision(config, first), first)
    runs = []
    for number, loss in enumerate(TRIES[:most], 1):
        _log.info("try %d of %d: %s", number, most, loss)
        own = replace(config, loss=loss, out=str(place / f"{number}-{loss}"))
        runs.append(finish_run(own, show))
    return _kept(runs, config, folder, place, overwrite)


def finish_run(config: RunConfig, show: ShowTraining | None) -> FinishedRun:
    """The run of a configuration: finished before, or trained now."""
    folder = Path(str(config.out))
    planned = PlannedRun(folder.name, config.loss, config.loss, config.seed)
    found = FinishedRun.read(planned, folder)
    if found is not None and found.record.config | {"out": None} != asdict(config) | {"out": None}:
        raise InputError(
            f"expected a run of the same configuration, got another in {quoted(folder)}: give "
            "--overwrite to start again, or another --out"
        )
    if found is None:
        try:
            run(config, resume=(folder / CONFIG_FILE).is_file(), show=show)
        except InterruptedRunError as stopped:
            said = str(stopped).partition(";")[0]
            raise InterruptedRunError(f"{said}; go on with the same command and --resume") from None
        found = FinishedRun.read(planned, folder)
    if found is None:
        raise InputError(f"expected a finished run in {quoted(folder)}, got none")
    return found


def _kept(
    runs: Sequence[FinishedRun], config: RunConfig, folder: Path, place: Path, overwrite: bool
) -> RunRecord:
    """Move the best run to the folder, write the choice into its record, delete the others."""
    problem, models = candidates(runs, [])
    metric = problem.metrics[0]
    own = [model for model in models if model.decision == config.decision]
    models = own or models  # a type without a rule has the default decision alone

    def score(sums: np.ndarray) -> np.ndarray:
        return problem.score(sums, metric)

    dev = [float(score(model.counts.sum(0))) for model in models]
    best = models[int(np.argmax(dev))].run
    counts = [model.counts for model in models]
    luck = optimism(counts, score, range(len(models)), [False] * len(models))
    tried = [
        {"loss": model.run.planned.loss, "dev": value}
        for model, value in zip(models, dev, strict=True)
    ]
    said = _said(tried, best.planned.loss, problem.metric_title(metric), luck)
    _log.info(said)
    record = best.record
    record.config["out"] = config.out
    record.objective["tries"] = {"runs": tried, "optimism": luck, "said": said}
    record.notes.append(said)
    replace_text(best.folder / CONFIG_FILE, RunConfig.from_mapping(record.config).to_yaml())
    record.save(best.folder)
    if folder.exists():
        if overwrite:
            clear(folder)
        folder.rmdir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.replace(best.folder, folder)  # at once: a kill leaves the tries or the run
    delete_runs(place)
    return record


def _said(tried: Sequence[dict[str, Any]], best: str, metric: str, luck: float) -> str:
    """The choice in a sentence."""
    scores = ", ".join(f"{one['loss']} {numbers.points(one['dev'])}" for one in tried)
    return (
        f"kept {best}, the best of {len(tried)} losses by {metric} on dev ({scores}); a choice "
        f"among {len(tried)} flatters the dev score by about {numbers.points(max(luck, 0.0))} "
        "points"
    )


def delete_runs(place: Path) -> None:
    """Delete the folders of runs; a folder with a file that no run makes is refused."""
    for path in sorted(place.iterdir()):
        if not path.is_dir() or path.is_symlink() or not is_folder_name(path.name):
            raise InputError(
                f"expected nothing but runs in {quoted(place)}, got {quoted(path.name)}: move it "
                "away"
            )
        clear(path)
        path.rmdir()
    place.rmdir()
