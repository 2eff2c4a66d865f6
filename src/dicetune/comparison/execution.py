"""One execution of a plan: its trials and runs in a place, their times, and its budget."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import yaml

from dicetune import numbers
from dicetune.comparison.places import Current, Job, Made, Steps, Workplace, make_all
from dicetune.comparison.plan import Plan, PlannedRun
from dicetune.comparison.runs import FinishedRun, Progress, RunState, check_files, check_runs
from dicetune.comparison.statistics.significance import FEWEST
from dicetune.errors import DicetuneError
from dicetune.records import RUN_FILE

_log = logging.getLogger(__name__)
Show = Callable[[Progress], None]

SAVED_EVERY = 20.0
"""Seconds after which the time that runs have taken is written down."""

_OF_A_RUN = ("--decide", "--keep-model")  # until the verdict


class Execution:
    """One execution of a plan: its runs and their times.

    Args:
        plan: the runs; seeds and found hyper-parameters are added to it.
        out: folder of the comparison.
        place: where runs are made.
        show: is given the progress twice a second.
        keep_open: file descriptors that runs inherit: the lock of the comparison.
    """

    def __init__(
        self, plan: Plan, out: Path, place: Workplace, show: Show, keep_open: Sequence[int] = ()
    ) -> None:
        self.plan, self.out, self.place = plan, out, place
        self._show, self._keep_open = show, keep_open
        self.taken: list[float] = []
        self._opened = False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def search(self) -> None:
        """Make the trials of each loss whose search is not finished."""
        if self.plan.search is not None:
            names = [name for name in self.plan.objectives if name not in self.plan.search.found]
            self._carry_out("search", [self._searched(name) for name in names])

    def make_runs(self) -> None:
        """Make every run that is not finished, in order; then more seeds, if a budget has room."""
        self._count_untimed()
        self._make_planned()
        while self._has_room():
            self.plan = self.plan.with_another_seed()
            self.plan.save(self.out)
            self._make_planned()

    def _count_untimed(self) -> None:
        """A plan of an earlier version has no times: those of its records are the least."""
        done = Progress.read(self.plan, self.out).of("done")
        if done and "runs" not in self.plan.spent:
            seconds = sum(run.seconds or 0.0 for run in done)
            self.plan = replace(self.plan, spent={**self.plan.spent, "runs": seconds})

    def _has_room(self) -> bool:
        """Whether one more run of every loss fits into the budget, as long as runs took so far."""
        plan = self.plan
        done = Progress.read(plan, self.out).of("done")
        if plan.budget is None or not done:
            return False
        runs = plan.spent.get("runs", 0.0)
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
        for planned in runs:
            self._heal(planned)
        missing = [
            self._made(planned, f"run {number} of {len(runs)}: {planned.loss}, seed {planned.seed}")
            for number, planned in enumerate(runs, start=1)
            if RunState.read(self.plan, self.out, planned).state != "done"
        ]
        self._carry_out("runs", missing)

    def _made(self, planned: PlannedRun, which: str) -> Steps:
        """The steps of one planned run."""
        self._check_inputs(f"run {planned.id}")
        _log.info(which)
        config = self.plan.config_of(planned.loss, planned.seed)
        file = _write(planned.folder(self.out), config)
        made = yield Job(file, _OF_A_RUN, run=planned.id)
        if made.reason is None:
            self.taken.append(made.seconds)
        level = logging.INFO if made.reason is None else logging.WARNING
        _log.log(level, "%s %s", which, self._ended(planned, made))

    def _searched(self, name: str) -> Steps:
        """The steps of the search for one loss: its trials, one after another."""
        from dicetune.comparison.search import search

        trials = search(self.plan, self.out, name)
        try:
            trial = next(trials)
            while True:
                self._check_inputs(f"the {trial.title}")
                file = _write(trial.folder, trial.config)
                made = yield Job(file, title=trial.title)
                trial = trials.send(made.reason)
        except StopIteration as end:
            self.plan = self.plan.with_found(name, *end.value)
            self.plan.save(self.out)

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

    def _carry_out(self, kind: str, work: Sequence[Steps]) -> None:
        """Do the work in the place; its time is of a kind, "search" or "runs"."""
        if not work:
            return
        if not self._opened:
            self._stack.enter_context(self.place.opened(self.plan, self._keep_open))
            self._opened = True
            for line in self.place.said():
                _log.info(line)
        saved = time.monotonic()

        def spend() -> None:
            nonlocal saved
            now = time.monotonic()
            seconds = self.plan.spent.get(kind, 0.0) + now - saved
            self.plan = replace(self.plan, spent={**self.plan.spent, kind: seconds})
            self.plan.save(self.out)
            saved = now

        def watch(current: Iterable[Current]) -> None:
            running = {one.job.run or "": one.seconds for one in current if one.seconds is not None}
            progress = self._progress({run: found for run, found in running.items() if run})
            titles = dict.fromkeys(one.job.title for one in current if one.job.title)
            self._show(replace(progress, what=" · ".join(titles)))
            if time.monotonic() - saved > SAVED_EVERY:  # a kill must not make a run free
                spend()

        try:
            make_all(self.place, work, watch)
        finally:
            spend()

    def _progress(self, running: dict[str, float] | None = None) -> Progress:
        room = self.place.room()
        return Progress.read(self.plan, self.out, running or {}, self.taken, room)

    def _ended(self, planned: PlannedRun, made: Made) -> str:
        if made.reason is not None:
            log = planned.folder(self.out).with_name(f"{planned.id}.log")
            return f"failed: {made.reason} (log: {log})"
        state = RunState.read(self.plan, self.out, planned)
        left = self._progress().seconds_left
        metric = self.plan.metric.replace("_", " ")
        dev = "" if state.dev is None else f": dev {metric} {100 * state.dev:.2f}"
        rest = f"; about {numbers.duration(left)} left" if left else ""
        return f"is done{dev}, {numbers.duration(made.seconds)}{rest}"


def _write(folder: Path, config: dict[str, Any]) -> Path:
    """Write the configuration file of a run beside its folder."""
    file = folder.with_name(f"{folder.name}.yaml")
    file.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return file
