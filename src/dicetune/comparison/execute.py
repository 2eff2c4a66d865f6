"""Carry a plan out: search, then the runs, then the summary.

A stopped comparison continues where it was stopped.
"""

from __future__ import annotations

import json
import logging
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicetune.comparison.execution import Execution, Show
from dicetune.comparison.folder import BEST, EXTERNAL, PLAN_FILE, RUNS, WEIGHTS, check_out
from dicetune.comparison.local import Local
from dicetune.comparison.places import Workplace
from dicetune.comparison.plan import Plan
from dicetune.comparison.runs import EXAMPLE, Progress, RunState
from dicetune.comparison.summary import INSPECTION_FILE, write_summary
from dicetune.errors import DicetuneError, InputError, InterruptedRunError, quoted
from dicetune.records import (
    PREDICTIONS_FILE,
    RunRecord,
    locked,
    read_json_lines,
    sha256,
    silent_log,
    write_json,
    write_json_lines,
)
from dicetune.reporting import write_report

if TYPE_CHECKING:
    from dicetune.tasks import Task

_log = logging.getLogger(__name__)

MUCH = 2e9
"""Bytes of weights that are announced before the runs."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a comparison: folder, state of each run, summary, and failures."""

    folder: Path
    runs: tuple[RunState, ...]
    summary: Mapping[str, Any]  # empty where there was nothing to compare
    notes: tuple[str, ...] = ()  # what failed beside the runs, in sentences

    @property
    def failed(self) -> list[RunState]:
        """Runs that failed."""
        return [run for run in self.runs if run.state == "failed"]

    @property
    def best(self) -> Path | None:
        """The folder of the recommended model, which ``dicetune.load`` takes, where it is kept."""
        kept = self.summary.get("recommendation", {}).get("model", {}).get("kept", False)
        return self.folder / BEST if kept else None

    @property
    def exit_code(self) -> int:
        """0 where nothing failed and there is a summary, else 1."""
        return int(bool(self.failed or self.notes or not self.summary))


def place_named(
    on: str | None, jobs: int | None, cpus: int | None, gpus: float | None
) -> Workplace | None:
    """Where runs are made: on this machine, or on a Ray cluster; ``None``: as by default."""
    if on is None:
        for name, value in (("--cpus-per-run", cpus), ("--gpus-per-run", gpus)):
            if value is not None:
                raise InputError(
                    f"expected --on ray beside {name}, got none: on this machine give --jobs, and "
                    "the runs share its cores and GPUs"
                )
        return None if jobs is None else Local(jobs)
    if on != "ray" and not on.startswith("ray://"):
        raise InputError(f"expected --on ray or --on ray://HOST:PORT, got {quoted(on)}")
    from dicetune.comparison.cluster import Cluster

    return Cluster(on, cpus, gpus, jobs)


def execute(
    plan: Plan,
    out: Path,
    *,
    place: Workplace | None = None,
    predictions: Mapping[str, str] | None = None,
    show: Show = lambda progress: None,
) -> Outcome:
    """Make the missing runs of a plan in a place, one process each, then summarise.

    Finished runs are kept, failed runs are tried again, unfinished runs resume. After a failed run
    the other runs continue. In a folder with an earlier plan, losses and seeds are added.
    ``place`` is this machine by default, with one run at a time. ``predictions`` are files of
    external predictions by the name of the competitor.
    """
    place = Local() if place is None else place
    check_out(out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out) as keep_open:
        if (out / PLAN_FILE).is_file():
            plan = plan.going_on_from(Plan.load(out), out)
        plan.save(out)
        (out / RUNS).mkdir(exist_ok=True)
        for line in describe(plan, out):
            _log.info(line)
        inspect_data(plan, out)
        execution = Execution(plan, out, place, show, keep_open)
        try:
            with execution:
                execution.search()
                execution.make_runs()
        except InterruptedRunError:
            progress = Progress.read(execution.plan, out)
            named = [loss for loss in plan.objectives if any(name in loss for name in plan.code)]
            flags = [*(part for loss in named for part in ("--loss", loss)), *place.flags]
            raise InterruptedRunError(
                f"stopped; {len(progress.of('done'))} of {len(progress.runs)} runs are done and "
                f"kept; go on with: dicetune compare --out {out} {shlex.join(flags)}".rstrip()
            ) from None
        return conclude(execution.plan, out, predictions or {})


def describe(plan: Plan, out: Path) -> list[str]:
    """The plan in words: the number of runs, and everything that is equal for all runs."""
    from dicetune.tasks import task_named

    progress = Progress.read(plan, out)
    done = len(progress.of("done"))
    keys = plan.trainer
    limited = keys.get("max_steps", -1) > 0
    length = f"{keys['max_steps']} steps" if limited else f"{keys['num_train_epochs']:g} epochs"
    steps = keys.get("eval_steps") or 0
    often = f"every {steps:g} steps" if steps >= 1 else f"every {100 * steps:g}% of the run"
    often = "after each epoch" if keys.get("eval_strategy") == "epoch" else often
    names = ", ".join(
        name if str(objective) == name else f"{name} = {objective}"
        for name, objective in plan.objectives.items()
    )
    lines = [
        f"{len(progress.runs)} runs: {len(plan.objectives)} losses ({names}; baseline "
        f"{plan.baseline}) × {plan.seeds_shown} ({', '.join(map(str, plan.seeds))})"
        + (f"; {done} are done" if done else ""),
        *_budgeted(plan),
        f"equal for all: {plan.model['name']}, {length} of batches of "
        f"{keys['per_device_train_batch_size']}, dev evaluated {often}, the best checkpoint by dev "
        f"{plan.metric.replace('_', ' ')} under each decision, a decision rule fitted on dev",
    ]
    own = [o for o in plan.objectives.values() if "prior_bias" not in o.settings]  # data decides
    apart = {("ce", None)} < {(o.loss, o.settings.get("start_loss")) for o in own}
    positions = task_named(plan.task).predicts.independent is None
    if positions and apart and plan.settings.get("prior_bias") is None:
        lines.append(
            "not equal where positions have sigmoids: there the head of ce starts at the share of "
            "positives, of other losses at one half (prior_bias true or false: all alike)"
        )
    if plan.search is not None:
        lines.append(
            f"before them {plan.search.trials} trials of each loss on seed {plan.search.seed}, "
            "scored on dev (learning rate, and the parameters of the loss)"
        )
    kept = f"of each run stay in {out} until the verdict, then those of {out / BEST} alone "
    kept = "are kept" if plan.keep_models else f"{kept}(--keep-models keeps all)"
    lines.append(f"weights {kept}; records, predictions and scores are kept")
    return [*lines, *_room(plan, out, len(progress.runs) - done)]


def _budgeted(plan: Plan) -> list[str]:
    """The budget in words, if there is one."""
    if plan.budget is None:
        return []
    spent = sum(plan.spent.values()) / 60
    already = f" ({spent:.0f} are spent)" if spent >= 0.5 else ""
    return [
        f"a budget of {plan.budget:g} minutes{already}: as many seeds as fit, the same for every "
        "loss, at least 1"
    ]


def _room(plan: Plan, out: Path, runs: int) -> list[str]:
    """How much disk the weights of the missing runs take, two checkpoints each, if it is much."""
    if not runs:
        return []
    from dicetune.models import resolve_encoder

    try:
        folder = Path(resolve_encoder(str(plan.model["name"])))
    except DicetuneError:
        return []
    need = 2 * runs * sum(path.stat().st_size for path in folder.glob(WEIGHTS))
    free = shutil.disk_usage(out if out.exists() else out.absolute().parent).free
    if need < MUCH and need < free:
        return []
    said = f"the weights of {runs} runs take up to {need / 1e9:.1f} GB in {out} until the verdict"
    return [said + (f", but only {free / 1e9:.1f} GB are free" if need >= free else "")]


def conclude(
    plan: Plan, out: Path, predictions: Mapping[str, str], called: Path | None = None
) -> Outcome:
    """Add external predictions, keep the recommended model, and write summary and report.

    ``called`` is the folder in messages, where it will be moved there.
    """
    notes = []
    for name, file in predictions.items():
        try:
            plan = add_external(plan, out, name, file)
        except DicetuneError as error:
            notes.append(f"predictions of {name}: {error}")
    plan.save(out)
    progress = Progress.read(plan, out)
    summary: Mapping[str, Any] = {}
    if progress.of("done"):
        summary = write_summary(out, keep=True, called=called)
        write_report(out)
    return Outcome(out, progress.runs, summary, tuple(notes))


def add_external(plan: Plan, out: Path, name: str, file: str) -> Plan:
    """The plan with external predictions, copied to ``foreign/NAME/predictions.jsonl``."""
    from dicetune.tasks.base import Source

    states = (RunState.read(plan, out, planned) for planned in plan.runs)
    done = next((run.planned.folder(out) for run in states if run.state == "done"), None)
    if done is None:
        raise InputError("expected one finished run, whose test data they are matched with")
    rows = [row for row in read_json_lines(done / PREDICTIONS_FILE) if row["split"] == "test"]
    source = Source(file, split="test" if _names_splits(Path(file)) else None)
    predicted = task_of(RunRecord.load(done)).match_source(source, rows)
    place = out / EXTERNAL / name
    place.mkdir(parents=True, exist_ok=True)
    write_json_lines(
        place / PREDICTIONS_FILE,
        (
            {key: row[key] for key in EXAMPLE if key in row} | {"predicted": prediction}
            for row, prediction in zip(rows, predicted, strict=True)
        ),
    )
    external = {**plan.external, name: {"file": file, "sha256": sha256(file)}}
    return replace(plan, external=external)


def task_of(record: RunRecord) -> Task:
    """The task of a run, with the labels and settings of the run."""
    from dicetune.tasks import task_named

    task: Task = task_named(record.config["task"]).restore(record.labels, record.settings)
    return task


def _names_splits(file: Path) -> bool:
    """Whether the rows of a file of JSON lines name their split."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        first = next((line for line in lines if line.strip()), "")
    try:
        row: Any = json.loads(first)
    except ValueError:
        return False
    return isinstance(row, dict) and "split" in row


def inspect_data(plan: Plan, out: Path) -> None:
    """Inspect the data once, for the report; a failure is logged and stops nothing."""
    if (out / INSPECTION_FILE).is_file():
        return
    from dicetune.models import load_tokenizer, resolve_encoder, subword_counter
    from dicetune.training.config import RunConfig
    from dicetune.training.prepare import read_splits

    try:
        config = RunConfig.from_mapping(plan.base())
        with silent_log():  # reading the data for the plan logged the same lines
            splits, task = read_splits(config)
        tokenizer = load_tokenizer(resolve_encoder(config.model), aligns=task.aligns)
        found = task.inspect(splits, subword_counter(tokenizer))
    except DicetuneError as error:
        _log.warning("the data was not inspected: %s", error)
        return
    write_json(out / INSPECTION_FILE, found.to_dict())
