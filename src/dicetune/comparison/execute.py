"""Carry a plan out: search, then one process a cell; whatever stops it, it goes on from there."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from dicetune import numbers
from dicetune.comparison.cells import FinishedCell
from dicetune.comparison.inspect import inspect_data
from dicetune.comparison.plan import CELLS, PLAN_FILE, Cell, Plan
from dicetune.comparison.process import run_process
from dicetune.comparison.progress import (
    CellState,
    Progress,
    folder_of,
    progress_of,
    state_of,
)
from dicetune.comparison.same_inputs import check_cells, check_files
from dicetune.comparison.stored import check_place
from dicetune.errors import DicetuneError, InputError, InterruptedRunError, quoted
from dicetune.records import LOCK_FILE, RUN_FILE, locked

Report = Callable[[str], None]
Show = Callable[[Progress], None]


@dataclass(frozen=True)
class Outcome:
    """What a comparison came to.

    Args:
        folder: of the comparison.
        cells: as they stand at the end.
        summary: as ``summary.json`` has it; empty where there was nothing to compare.
        notes: what failed beside the cells, in sentences.
    """

    folder: Path
    cells: tuple[CellState, ...]
    summary: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> list[CellState]:
        """Cells that failed."""
        return [own for own in self.cells if own.state == "failed"]

    @property
    def exit_code(self) -> int:
        """0 where everything came out, else 1."""
        return int(bool(self.failed or self.notes or not self.summary))


def execute(
    plan: Plan,
    out: Path,
    *,
    predictions: Mapping[str, str] | None = None,
    report: Report = lambda line: None,
    show: Show = lambda progress: None,
) -> Outcome:
    """Run what is missing of a plan, one process a cell, then summarise.

    Finished cells are kept, failed ones are tried again, unfinished ones resume. A cell that fails
    does not keep the others from running.

    Args:
        plan: what to run; in a folder that holds an earlier plan, losses and seeds are added.
        out: folder of the comparison.
        predictions: files of foreign predictions, by the name of the competitor.
        report: takes a line of text now and then.
        show: takes the progress, twice a second.

    Raises:
        InputError: where the folder holds another plan, or is in the way.
        InterruptedRunError: after Ctrl-C, with the command that goes on.
    """
    check_out(out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out, report) as keep_open:
        if (out / PLAN_FILE).is_file():
            plan = plan.going_on_from(Plan.load(out), out)
        plan.save(out)
        (out / CELLS).mkdir(exist_ok=True)
        for line in describe(plan, out):
            report(line)
        inspect_data(plan, out, report)
        running = _Running(plan, out, keep_open, report, show)
        try:
            running.search()
            running.cells()
        except InterruptedRunError:
            states = progress_of(running.plan, out)
            own = [loss for loss in plan.objectives if any(name in loss for name in plan.code)]
            again = shlex.join(part for loss in own for part in ("--loss", loss))
            raise InterruptedRunError(
                f"stopped; {len(states.of('done'))} of {len(states.cells)} cells are done and kept;"
                f" go on with: dicetune compare --out {out} {again}".rstrip()
            ) from None
        return conclude(running.plan, out, predictions or {}, report)


def describe(plan: Plan, out: Path) -> list[str]:
    """The plan in words: how many cells, and what is equal for all of them."""
    states = [state_of(plan, out, cell) for cell in plan.cells]
    done = sum(own.state == "done" for own in states)
    keys = plan.trainer
    length = (
        f"{keys['max_steps']} steps"
        if keys.get("max_steps", -1) > 0
        else f"{keys['num_train_epochs']:g} epochs"
    )
    often = (
        "after each epoch"
        if keys.get("eval_strategy") == "epoch"
        else f"every {_often(keys.get('eval_steps', 0))}"
    )
    names = ", ".join(
        name if str(own) == name else f"{name} = {own}" for name, own in plan.objectives.items()
    )
    lines = [
        f"{len(states)} cells: {len(plan.objectives)} losses ({names}; baseline {plan.baseline}) "
        f"× {len(plan.seeds)} seeds ({', '.join(map(str, plan.seeds))})"
        + (f"; {done} are done" if done else ""),
        f"equal for all: {plan.model['name']}, {length} of batches of "
        f"{keys['per_device_train_batch_size']}, dev evaluated {often}, the best checkpoint by dev "
        f"{plan.metric.replace('_', ' ')}, a decision rule fitted on dev",
    ]
    if plan.search is not None:
        lines.append(
            f"before them {plan.search.trials} trials of each loss on seed {plan.search.seed}, "
            "scored on dev (learning rate, and the loss's own parameters)"
        )
    kept = "kept (--keep-models)" if plan.keep_models else "dropped (--keep-models keeps them)"
    lines.append(f"weights are {kept}; records, predictions and scores are kept in {out}")
    return lines


def conclude(
    plan: Plan, out: Path, predictions: Mapping[str, str], report: Report = lambda line: None
) -> Outcome:
    """Take in foreign predictions and write summary and report over what is done.

    Args:
        plan: of the comparison.
        out: its folder.
        predictions: files of foreign predictions, by the name of the competitor.
        report: takes a line of text now and then.
    """
    from dicetune.comparison.foreign import add_foreign

    notes = []
    for name, file in predictions.items():
        try:
            plan = add_foreign(plan, out, name, file, report)
        except DicetuneError as error:
            notes.append(f"predictions of {name}: {error}")
    plan.save(out)
    states = progress_of(plan, out).cells
    summary: Mapping[str, Any] = {}
    if any(own.state == "done" for own in states):
        summary = summarise_and_report(out)
    return Outcome(out, states, summary, tuple(notes))


def summarise_and_report(out: Path) -> Mapping[str, Any]:
    """Write ``summary.json``, ``summary.md`` and ``report.html``; the summary."""
    from dicetune.comparison.summary import write_summary
    from dicetune.reporting import write_report

    summary: Mapping[str, Any] = write_summary(out)
    write_report(out)
    return summary


class _Running:
    """One execution of a plan: what runs, how long things took, and who is told."""

    def __init__(
        self, plan: Plan, out: Path, keep_open: list[int], report: Report, show: Show
    ) -> None:
        self.plan, self.out = plan, out
        self._keep_open, self._report, self._show = keep_open, report, show
        self._taken: list[float] = []

    def search(self) -> None:
        """The trials of each loss that has not been searched for yet."""
        if self.plan.search is None:
            return
        from dicetune.comparison.search import search

        for name in self.plan.objectives:
            if name not in self.plan.search.found:
                self.plan = search(self.plan, self.out, name, self._trial, self._report)
                self.plan.save(self.out)
                self._report(f"search {name}: {_found(self.plan, name)}")

    def cells(self) -> None:
        """Every cell that is not finished, in order."""
        cells = self.plan.cells
        for cell in cells:
            self._heal(cell)
        for number, cell in enumerate(cells, start=1):
            if state_of(self.plan, self.out, cell).state == "done":
                continue
            self._check_inputs(f"cell {cell.id}")
            self._report(f"cell {number} of {len(cells)}: {cell.loss}, seed {cell.seed}")
            config = self.plan.config_of(cell.loss, cell.seed)
            path = self.out / CELLS / f"{cell.id}.yaml"
            path.write_text(
                yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8"
            )
            flags = ["--decide", *(["--keep-model"] if self.plan.keep_models else [])]
            reason = self._process(path, flags, cell=cell)
            self._report(f"cell {number} of {len(cells)}: {self._ended(cell, reason)}")

    def _heal(self, cell: Cell) -> None:
        """A cell whose records are damaged is no finished one: what says that it is whole goes."""
        folder = folder_of(self.out, cell)
        try:
            if (own := FinishedCell.read(cell, folder)) is not None:
                own.check()
        except DicetuneError as error:
            self._report(f"cell {cell.id} is made again, its records are damaged: {error}")
            (folder / RUN_FILE).unlink()

    def _check_inputs(self, what: str) -> None:
        """Every file, and every finished cell, belongs to the plan."""
        read = [FinishedCell.read(own, folder_of(self.out, own)) for own in self.plan.cells]
        check_cells(self.plan, self.out, [own for own in read if own is not None])
        check_files(self.plan, self.out, what)

    def _trial(self, config: Path, what: str) -> str | None:
        self._check_inputs(f"the {what}")
        return self._process(config, [], what=what)

    def _process(
        self, config: Path, flags: list[str], cell: Cell | None = None, what: str = ""
    ) -> str | None:
        begun = time.monotonic()

        def watch() -> None:
            elapsed = time.monotonic() - begun
            running = None if cell is None else cell.id
            progress = progress_of(self.plan, self.out, running, elapsed, self._taken)
            self._show(replace(progress, what=what))

        reason = run_process(
            config, flags, keep_open=self._keep_open, watch=watch, report=self._report
        )
        if reason is None:
            self._taken.append(time.monotonic() - begun)
        return reason

    def _ended(self, cell: Cell, reason: str | None) -> str:
        if reason is not None:
            log = folder_of(self.out, cell).with_name(f"{cell.id}.log")
            return f"{cell.loss}, seed {cell.seed} failed: {reason} (log: {log})"
        state = state_of(self.plan, self.out, cell)
        progress = progress_of(self.plan, self.out, taken=self._taken)
        left = progress.seconds_left
        dev = "" if state.dev is None else f": dev {self.plan.metric} {100 * state.dev:.2f}"
        rest = f"; about {numbers.duration(left)} left" if left else ""
        return (
            f"{cell.loss}, seed {cell.seed} is done{dev}, {numbers.duration(self._taken[-1])}{rest}"
        )


def _found(plan: Plan, name: str) -> str:
    found = {} if plan.search is None else plan.search.found[name]
    objective = plan.objectives[name]
    if found.get("best") is None:
        return "every trial failed; it is compared as it was given"
    return f"trial {found['best']} is best: {objective}, learning rate {objective.learning_rate:g}"


def _often(steps: float) -> str:
    return f"{steps:g} steps" if steps >= 1 else f"{100 * steps:g}% of the run"


def check_out(out: Path) -> None:
    """Refuse a folder that is in the way, or cannot be made or written in.

    Raises:
        InputError: with what is there.
    """
    check_place(out)
    begun = {LOCK_FILE, f"{PLAN_FILE}.part"}  # what a kill may leave before there is a plan
    if (
        out.is_dir()
        and {own.name for own in out.iterdir()} - begun
        and not (out / PLAN_FILE).is_file()
    ):
        raise InputError(
            f"expected a new or empty folder, or that of a comparison, got {quoted(out)} "
            f"without "
            f"{PLAN_FILE}: give another --out"
        )
