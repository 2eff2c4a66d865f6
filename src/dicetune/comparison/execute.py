"""Carry a plan out: search, then one process a run, then the summary.

A stopped comparison continues where it was stopped.
"""

from __future__ import annotations

import json
import logging
import math
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dicetune import numbers
from dicetune.comparison.folder import BEST, EXTERNAL, PLAN_FILE, RUNS, WEIGHTS, check_out
from dicetune.comparison.one_run import run_process
from dicetune.comparison.plan import Plan, PlannedRun
from dicetune.comparison.runs import (
    EXAMPLE,
    FinishedRun,
    Progress,
    RunState,
    check_files,
    check_runs,
)
from dicetune.comparison.statistics.significance import FEWEST
from dicetune.comparison.summary import INSPECTION_FILE, write_summary
from dicetune.errors import DicetuneError, InputError, InterruptedRunError
from dicetune.records import (
    PREDICTIONS_FILE,
    RUN_FILE,
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
Show = Callable[[Progress], None]
SAVED_EVERY = 20.0
"""Seconds after which the time that a run has taken is written down."""

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


def execute(
    plan: Plan,
    out: Path,
    *,
    predictions: Mapping[str, str] | None = None,
    show: Show = lambda progress: None,
) -> Outcome:
    """Make the missing runs of a plan, one process each, then summarise.

    Finished runs are kept, failed runs are tried again, unfinished runs resume. After a failed run
    the other runs continue. In a folder with an earlier plan, losses and seeds are added.
    ``predictions`` are files of external predictions by the name of the competitor.
    """
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
        execution = _Execution(plan, out, keep_open, show)
        try:
            execution.search()
            execution.make_runs()
        except InterruptedRunError:
            progress = Progress.read(execution.plan, out)
            named = [loss for loss in plan.objectives if any(name in loss for name in plan.code)]
            again = shlex.join(part for loss in named for part in ("--loss", loss))
            raise InterruptedRunError(
                f"stopped; {len(progress.of('done'))} of {len(progress.runs)} runs are done and "
                f"kept; go on with: dicetune compare --out {out} {again}".rstrip()
            ) from None
        return conclude(execution.plan, out, predictions or {})


def describe(plan: Plan, out: Path) -> list[str]:
    """The plan in words: the number of runs, and everything that is equal for all runs."""
    progress = Progress.read(plan, out)
    done = len(progress.of("done"))
    keys = plan.trainer
    length = f"{keys['num_train_epochs']:g} epochs"
    if keys.get("max_steps", -1) > 0:
        length = f"{keys['max_steps']} steps"
    steps = keys.get("eval_steps") or 0
    often = f"every {steps:g} steps" if steps >= 1 else f"every {100 * steps:g}% of the run"
    if keys.get("eval_strategy") == "epoch":
        often = "after each epoch"
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
        *_starts(plan),
    ]
    if plan.search is not None:
        lines.append(
            f"before them {plan.search.trials} trials of each loss on seed {plan.search.seed}, "
            "scored on dev (learning rate, and the parameters of the loss)"
        )
    kept = f"of each run stay in {out} until the verdict, then those of {out / BEST} alone "
    kept = "are kept" if plan.keep_models else f"{kept}(--keep-models keeps all)"
    lines.append(f"weights {kept}; records, predictions and scores are kept")
    return [*lines, *_room(plan, out, len(progress.runs) - done)]


def _starts(plan: Plan) -> list[str]:
    """That heads may start apart (``training.auto.starts_at_prior``), where they may."""
    from dicetune.tasks import task_named

    losses = {str(objective) for objective in plan.objectives.values()}
    asked = plan.settings.get("prior_bias") is not None
    softmax = task_named(plan.task).predicts.independent is False
    if asked or softmax or "ce" not in losses or len(losses) < 2:
        return []
    return [
        "not equal where outputs are many sigmoids, or have many positives: there the head of ce "
        "starts at their share, of other losses at one half (prior_bias true or false: all alike)"
    ]


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


class _Execution:
    """One execution of a plan: its runs and their times."""

    def __init__(self, plan: Plan, out: Path, keep_open: list[int], show: Show) -> None:
        self.plan, self.out = plan, out
        self._keep_open, self._show = keep_open, show
        self._taken: list[float] = []

    def search(self) -> None:
        """Make the trials of each loss whose search is not finished."""
        if self.plan.search is None:
            return
        from dicetune.comparison.search import search

        for name in self.plan.objectives:
            if name not in self.plan.search.found:
                found = search(self.plan, self.out, name, self._trial)
                self.plan = replace(found, spent=self.plan.spent)
                self.plan.save(self.out)

    def make_runs(self) -> None:
        """Make every run that is not finished, in order; then more seeds, if a budget has room."""
        self._make_planned()
        while self._has_room():
            self.plan = self.plan.with_another_seed()
            self.plan.save(self.out)
            self._make_planned()

    def _has_room(self) -> bool:
        """Whether one more run of every loss fits into the budget, as long as runs took so far."""
        plan = self.plan
        done = Progress.read(plan, self.out).of("done")
        if plan.budget is None or not done:
            return False
        # a plan of an earlier version has no times: those of the records are the least
        runs = max(plan.spent.get("runs", 0.0), sum(run.seconds or 0.0 for run in done))
        spent = plan.spent.get("search", 0.0) + runs
        each = runs / len(done) * len(plan.objectives)
        fits = spent + each <= 60 * plan.budget
        seeds = plan.seeds_shown
        said = f"{seeds} took {numbers.duration(spent)} of {plan.budget:g} minutes"
        _log.info(
            "%s; another takes about %s%s",
            *(said, numbers.duration(each), "" if fits else ", which is too much"),
        )
        if not fits and len(plan.seeds) < FEWEST:
            most = (spent + (FEWEST - len(plan.seeds)) * each) / 60
            _log.warning(
                "no exact test over seeds with %s: %d seeds need about --budget %.0f",
                *(seeds, FEWEST, math.ceil(most)),
            )
        return fits

    def _make_planned(self) -> None:
        runs = self.plan.runs
        flags = ["--decide", "--keep-model"]  # until the verdict
        for planned in runs:
            self._heal(planned)
        for number, planned in enumerate(runs, start=1):
            if RunState.read(self.plan, self.out, planned).state == "done":
                continue
            self._check_inputs(f"run {planned.id}")
            which = f"run {number} of {len(runs)}: {planned.loss}, seed {planned.seed}"
            _log.info(which)
            config = self.plan.config_of(planned.loss, planned.seed)
            reason = self._make(planned.folder(self.out), config, flags, running=planned.id)
            level = logging.INFO if reason is None else logging.WARNING
            _log.log(level, "%s %s", which, self._ended(planned, reason))

    def _heal(self, planned: PlannedRun) -> None:
        """Delete the record of a run with damaged records, so that the run counts as unfinished."""
        folder = planned.folder(self.out)
        try:
            if (run := FinishedRun.read(planned, folder)) is not None:
                run.check()
        except DicetuneError as error:
            _log.warning("run %s is made again, its records are damaged: %s", planned.id, error)
            (folder / RUN_FILE).unlink()

    def _check_inputs(self, what: str) -> None:
        """Refuse to go on where a file, or a finished run, does not fit the plan."""
        check_runs(self.plan, self.out, FinishedRun.of_plan(self.plan, self.out))
        check_files(self.plan, self.out, what)

    def _trial(self, folder: Path, config: dict[str, Any], what: str) -> str | None:
        self._check_inputs(f"the {what}")
        return self._make(folder, config, [], what=what)

    def _make(
        self,
        folder: Path,
        config: dict[str, Any],
        flags: list[str],
        running: str | None = None,
        what: str = "",
    ) -> str | None:
        """Make the run of a configuration in a folder; the reason of a failure, or ``None``."""
        file = folder.with_name(f"{folder.name}.yaml")
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        file.write_text(text, encoding="utf-8")
        begun = saved = time.monotonic()

        def spend() -> None:
            nonlocal saved
            now = time.monotonic()
            kind = "search" if what else "runs"
            seconds = self.plan.spent.get(kind, 0.0) + now - saved
            self.plan = replace(self.plan, spent={**self.plan.spent, kind: seconds})
            self.plan.save(self.out)
            saved = now

        def watch() -> None:
            elapsed = time.monotonic() - begun
            progress = Progress.read(self.plan, self.out, running, elapsed, self._taken)
            self._show(replace(progress, what=what))
            if time.monotonic() - saved > SAVED_EVERY:  # a kill must not make a run free
                spend()

        try:
            reason = run_process(file, flags, keep_open=self._keep_open, watch=watch)
        finally:
            spend()
        if reason is None:
            self._taken.append(time.monotonic() - begun)
        return reason

    def _ended(self, planned: PlannedRun, reason: str | None) -> str:
        if reason is not None:
            log = planned.folder(self.out).with_name(f"{planned.id}.log")
            return f"failed: {reason} (log: {log})"
        state = RunState.read(self.plan, self.out, planned)
        left = Progress.read(self.plan, self.out, taken=self._taken).seconds_left
        dev = "" if state.dev is None else f": dev {self.plan.metric} {100 * state.dev:.2f}"
        rest = f"; about {numbers.duration(left)} left" if left else ""
        return f"is done{dev}, {numbers.duration(self._taken[-1])}{rest}"
