"""Where the runs of a comparison are made, and how several are made at a time.

A place starts runs, and each started run is asked whether it has ended, or told to stop. ``Local``
makes runs in processes of this machine. ``make_all`` and everything above it know no more of a
place than is written here.
"""

from __future__ import annotations

import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING

from dicetune.comparison.one_run import INTERRUPTED, reason_of
from dicetune.errors import InterruptedRunError

if TYPE_CHECKING:
    from dicetune.comparison.plan import Plan

TICK = 0.05
"""Seconds between two questions whether a run has ended."""

SHOWN_EVERY = 0.5
"""Seconds between two looks at the progress."""

_log = logging.getLogger(__name__)


class Started(ABC):
    """A run that a place has begun to make."""

    waits = False
    """Whether the place has no room for the run yet."""

    kills: int | None = None
    """``kills_for_memory`` of the machine of the run, from before the run; ``None``: not known."""

    @abstractmethod
    def poll(self) -> int | None:
        """The exit code of the run, once it has ended."""

    @abstractmethod
    def interrupt(self) -> None:
        """Let the run end its step and save it; the second time, let it stop at once."""

    @abstractmethod
    def kill(self) -> None:
        """End the run without saving."""


class Workplace(ABC):
    """Where runs are made, and how many at a time."""

    flags: Sequence[str] = ()
    """Flags of the command line that name the place."""

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        """The place while runs are planned and made; refused here where it cannot be used."""
        yield

    @contextlib.contextmanager
    def opened(self, plan: Plan, keep_open: Sequence[int]) -> Iterator[None]:
        """The place while it makes the runs of a plan.

        A run on this machine inherits the file descriptors in ``keep_open``, the lock of the
        comparison.
        """
        yield

    def said(self) -> list[str]:
        """The place in sentences, where there is something to say."""
        return []

    @abstractmethod
    def room(self) -> int:
        """The number of runs that may be made at a time now."""

    @abstractmethod
    def start(self, config: Path, flags: Sequence[str]) -> Started:
        """Begin the run of a configuration file, in the folder beside the file.

        ``flags`` are those of ``dicetune.comparison.one_run``.
        """


@dataclass(frozen=True)
class Job:
    """A run that is to be made: its configuration file, and what it is called.

    Args:
        config: the file; the folder of the run is beside it.
        flags: of ``dicetune.comparison.one_run``.
        run: id of the planned run; ``None`` for a trial of a search.
        title: of a trial.
    """

    config: Path
    flags: tuple[str, ...] = ()
    run: str | None = None
    title: str = ""


@dataclass(frozen=True)
class Made:
    """How a run ended: the reason of its failure (``None``: none), and the seconds it took."""

    reason: str | None
    seconds: float


Steps = Generator[Job, Made, None]
"""Runs that are made one after another: yields each, and is sent how it ended."""


@dataclass
class Current:
    """A run that is being made."""

    job: Job
    started: Started
    steps: Steps
    begun: float | None

    def look(self) -> None:
        """Begin to count the time once the place has room for the run."""
        if self.begun is None and not self.started.waits:
            self.begun = time.monotonic()

    @property
    def seconds(self) -> float | None:
        """Seconds since the run began; ``None`` while it waits."""
        return None if self.begun is None else time.monotonic() - self.begun


def make_all(
    place: Workplace, work: Iterable[Steps], watch: Callable[[Sequence[Current]], None]
) -> None:
    """Carry out every member of ``work``, as many at a time as the place has room for.

    ``watch`` is called with the present runs twice a second, and once more for a run that ended.
    After Ctrl-C, or when a run was stopped by a signal, all runs save their step and end, and
    ``InterruptedRunError`` is raised; after any other error they end in the same way.
    """
    waiting = iter(work)
    current: list[Current] = []
    shown = float("-inf")

    def go_on(steps: Steps, made: Made | None) -> None:
        try:
            job = next(steps) if made is None else steps.send(made)
        except StopIteration:
            return
        begun = time.monotonic()
        started = place.start(job.config, job.flags)
        current.append(Current(job, started, steps, None if started.waits else begun))

    try:
        while True:
            while len(current) < place.room() and (steps := next(waiting, None)) is not None:
                go_on(steps, None)
            if not current:
                return
            codes = [(one, one.started.poll()) for one in current]
            ended = [(one, code) for one, code in codes if code is not None]
            for one in current:
                one.look()
            if ended or time.monotonic() - shown > SHOWN_EVERY:
                watch(current)
                shown = time.monotonic()
            for one, code in ended:
                current.remove(one)
                if code == INTERRUPTED:
                    raise InterruptedRunError("stopped")
                reason = reason_of(one.job.config, code, one.started.kills)
                go_on(one.steps, Made(reason, one.seconds or 0.0))
            if not ended:
                time.sleep(TICK)
    except (KeyboardInterrupt, InterruptedRunError):
        if current:
            _log.info("stopping: each run ends its step and saves it (Ctrl-C again: at once)")
        raise InterruptedRunError("stopped") from None
    finally:
        _stop([one.started for one in current])


def _stop(started: Sequence[Started]) -> None:
    """Let runs end their step and save; at the next Ctrl-C let them end at once."""
    for how in map(methodcaller, ("interrupt", "interrupt", "kill")):
        for one in started:
            if one.poll() is None:
                how(one)
        try:
            while any(one.poll() is None for one in started):
                time.sleep(TICK)
        except (KeyboardInterrupt, InterruptedRunError):
            continue
        return
