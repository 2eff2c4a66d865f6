"""Runs of a comparison in processes of this machine, one or several at a time.

On Linux without a GPU the processes are forked from one that has imported everything and read the
data (``one_run.serve``): a run then begins at once. Elsewhere each process starts anew, as a fork
that comes after the first use of a GPU, or of the frameworks of macOS, cannot compute.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from dicetune.comparison.one_run import INTERRUPTED, MODULE, beside, kills_for_memory
from dicetune.comparison.places import Started, Workplace
from dicetune.comparison.plan import Plan
from dicetune.errors import InputError

_LONGEST = 1 << 16
_THREADS, _DEVICES = "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"
_PARALLEL = "TOKENIZERS_PARALLELISM"


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
        self._seats: dict[int, Started] = {}
        self._server: Server | None = None

    @contextlib.contextmanager
    def opened(self, plan: Plan, keep_open: Sequence[int]) -> Iterator[None]:
        """The runs inherit ``keep_open``."""
        self._keep_open = keep_open
        try:
            yield
        finally:
            if self._server is not None:
                self._server.close()
                self._server = None

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
        taken = {seat for seat, started in self._seats.items() if started.poll() is None}
        seat = next(seat for seat in range(len(taken) + 1) if seat not in taken)
        environment = self._environment(seat)
        if self._server is None and can_fork():
            self._server = Server(environment, self._keep_open)
        made: Started
        if self._server is not None and self._server.lives:
            made = Forked(self._server, config, flags, environment, self._keep_open)
        else:
            made = Process(config, flags, environment, self._keep_open)
        self._seats[seat] = made
        return made

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
        self.kills = kills_for_memory()
        with _log_of(config) as log:
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


class Server:
    """A process that forks the runs: ``one_run.serve``.

    Args:
        environment: variables that it has beside those of this process.
        keep_open: file descriptors that it and its runs inherit.
    """

    def __init__(self, environment: dict[str, str], keep_open: Sequence[int]) -> None:
        self._connection, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE, "--serve"],
                stdin=there.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={_PARALLEL: "false", **os.environ, **environment},
                process_group=0,
                pass_fds=tuple(keep_open),
            )
        self._replies: list[dict[str, int]] = []
        self.lives = True

    def ask(self, request: dict[str, Any], streams: Sequence[int]) -> int:
        """Ask for a run with two streams; its number."""
        self._replies.append({})
        number = len(self._replies) - 1
        text = json.dumps({"number": number, **request}).encode()
        with contextlib.suppress(OSError):  # its end is seen in the replies
            socket.send_fds(self._connection, [text], streams)
        return number

    def replies(self, number: int) -> dict[str, int]:
        """What is known of a run: its process, its exit code."""
        while self.lives:
            try:
                text = self._connection.recv(_LONGEST, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                text = b""
            self.lives = bool(text)
            if text:
                reply = json.loads(text)
                self._replies[reply["number"]].update(reply)
        return self._replies[number]

    def close(self) -> None:
        """End the process; its runs go on."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


class Forked(Started):
    """A run in a forked process; like ``Process`` in everything else.

    Where the server ends before it has forked, the run begins in a process of its own. Where it
    ends later, the run goes on, but its exit code is not told: a process of its own then finds a
    finished folder, or finishes it.
    """

    def __init__(
        self,
        server: Server,
        config: Path,
        flags: Sequence[str],
        environment: dict[str, str],
        keep_open: Sequence[int],
    ) -> None:
        self.kills = kills_for_memory()
        self._server, self._anew = server, (config, flags, environment, keep_open)
        self._instead: Process | None = None
        self._process: int | None = None  # a descriptor: a number may be given to another process
        self._code: int | None = None
        self._stopping = False
        theirs, self._ours = os.pipe()
        with _log_of(config) as log:
            request = {"arguments": [str(config), *flags], "environment": environment}
            self._number = server.ask(request, [theirs, log.fileno()])
        os.close(theirs)

    def poll(self) -> int | None:
        """The exit code, negative for a signal."""
        if self._instead is not None:
            return self._instead.poll()
        if self._code is None:
            found = self._server.replies(self._number)
            if self._process is None and "process" in found:
                with contextlib.suppress(ProcessLookupError):
                    self._process = os.pidfd_open(found["process"])
            if "code" in found:
                self._end(found["code"])
            elif not self._server.lives and not self._runs():
                self._end(INTERRUPTED)
                if not self._stopping:
                    self._instead = Process(*self._anew)
                    return None
        return self._code

    def _runs(self) -> bool:
        """Whether there is a process, which is no child of this one, and has not ended."""
        return self._process is not None and not select.select([self._process], [], [], 0)[0]

    def interrupt(self) -> None:
        """Send the signal of Ctrl-C; a run without a process ends by its closed input."""
        self._send(signal.SIGINT)

    def kill(self) -> None:
        """Kill the process."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        self._stopping = True
        if self.poll() is not None:
            return
        if self._instead is not None:
            self._instead.interrupt() if number == signal.SIGINT else self._instead.kill()
        elif self._process is None:
            self._end(INTERRUPTED)
        else:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, number)

    def _end(self, code: int) -> None:
        self._code = code
        for descriptor in (self._ours, self._process):
            if descriptor is not None:
                os.close(descriptor)
        self._process = None


@contextlib.contextmanager
def _log_of(config: Path) -> Iterator[IO[bytes]]:
    """The log of a run, open for a new try."""
    with beside(config, ".log").open("ab") as log:
        log.write(f"# {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
        log.flush()
        yield log


def can_fork() -> bool:
    """Whether runs may be forked from a process that has read the data.

    Not where a user wants a tokenizer with threads: a fork would wait for them for ever.
    """
    alone = os.environ.get(_PARALLEL, "").lower() in ("", "off", "false", "f", "no", "n", "0")
    linux = sys.platform == "linux" and hasattr(os, "pidfd_open")
    return linux and alone and not visible_devices()


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
