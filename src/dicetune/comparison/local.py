"""Runs of a comparison in processes of this machine, one or several at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dicetune.comparison.one_run import MODULE, beside
from dicetune.comparison.places import Started, Workplace
from dicetune.comparison.plan import Plan
from dicetune.errors import InputError

_THREADS, _DEVICES = "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"


class Local(Workplace):
    """Processes of this machine.

    Several at a time share the cores: each has as many threads as cores fall to it, unless
    OMP_NUM_THREADS says another number. Each sees one GPU, in turn, where there are some.

    Args:
        jobs: number of runs at a time.

    Raises:
        InputError: fewer than 1 run at a time.
    """

    def __init__(self, jobs: int = 1) -> None:
        if jobs < 1:
            raise InputError(f"expected at least 1 run at a time, got --jobs {jobs}")
        self.jobs = jobs
        self.flags = () if jobs == 1 else ("--jobs", str(jobs))
        self._keep_open: Sequence[int] = ()
        self._seats: dict[int, Process] = {}

    @contextlib.contextmanager
    def opened(self, plan: Plan, keep_open: Sequence[int]) -> Iterator[None]:
        """The runs inherit ``keep_open``."""
        self._keep_open = keep_open
        yield

    def said(self) -> list[str]:
        """How the machine is divided."""
        if self.jobs == 1:
            return []
        threads = self._environment(0).get(_THREADS, os.environ.get(_THREADS, ""))
        one = threads == "1"
        said = f"{self.jobs} runs at a time, {threads} thread{'' if one else 's'} each"
        devices = visible_devices()
        if devices:
            said += f", on GPU {', '.join(devices)} in turn"
        return [said]

    def room(self) -> int:
        """The number of jobs."""
        return self.jobs

    def start(self, config: Path, flags: Sequence[str]) -> Started:
        """Begin a run in a process."""
        taken = {seat for seat, process in self._seats.items() if process.poll() is None}
        seat = next(seat for seat in range(len(taken) + 1) if seat not in taken)
        self._seats[seat] = Process(config, flags, self._environment(seat), self._keep_open)
        return self._seats[seat]

    def _environment(self, seat: int) -> dict[str, str]:
        """What the process of a seat sees of the machine, where that is not all of it."""
        if self.jobs == 1:
            return {}
        found = {}
        if _THREADS not in os.environ:
            found[_THREADS] = str(max(_cores() // self.jobs, 1))
        if devices := visible_devices():
            found[_DEVICES] = devices[seat % len(devices)]
        return found


class Process(Started):
    """A run in a process of its own.

    The process leads a new group, so that Ctrl-C reaches it once, from here. It holds the other end
    of a pipe: when this process is killed, the pipe closes and the run stops, with a checkpoint.

    Args:
        config: configuration file of the run; its log is beside it.
        flags: of ``dicetune.comparison.one_run``.
        environment: variables that the process has beside those of this process.
        keep_open: file descriptors that the process inherits.
    """

    def __init__(
        self,
        config: Path,
        flags: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        with beside(config, ".log").open("ab") as log:
            log.write(f"# {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE, str(config), *flags],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                process_group=0,
                pass_fds=tuple(keep_open),
            )

    def poll(self) -> int | None:
        """The exit code, negative for a signal."""
        code = self._process.poll()
        if code is not None and self._process.stdin is not None:
            self._process.stdin.close()
        return code

    def interrupt(self) -> None:
        """Send the signal of Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()


def visible_devices() -> list[str]:
    """The GPUs that a process may use, as CUDA_VISIBLE_DEVICES names them."""
    if (given := os.environ.get(_DEVICES)) is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _cores() -> int:
    """Cores that this process may use."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
