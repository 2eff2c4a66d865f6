"""One process a cell: its log, its end, and how it is stopped without losing anything."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dicetune.comparison.cell import FAILED, INTERRUPTED, beside
from dicetune.errors import DataError, InterruptedRunError
from dicetune.records import read_json, write_json

CELL_MODULE = "dicetune.comparison.cell"
TICK = 0.5
"""Seconds between two looks at a running cell."""


def run_process(
    config: Path,
    flags: Sequence[str] = (),
    *,
    keep_open: Sequence[int] = (),
    watch: Callable[[], None] = lambda: None,
    report: Callable[[str], None] = lambda line: None,
) -> str | None:
    """Run the cell of a configuration file to its end.

    The process has a group of its own, so that Ctrl-C reaches it once, from here; and it holds the
    other end of a pipe, by which it learns that this process was killed, and stops.

    Args:
        config: YAML file; folder, log and reason of a failure lie beside it.
        flags: of the process.
        keep_open: file descriptors that it inherits (the lock of the comparison).
        watch: called every ``TICK`` seconds.
        report: takes a line where it has to be waited for.

    Returns:
        ``None``, or why it failed.

    Raises:
        InterruptedRunError: after Ctrl-C, once the process has saved a checkpoint and ended.
    """
    command = [sys.executable, "-m", CELL_MODULE, str(config), *flags]
    with beside(config, ".log").open("ab") as log:
        log.write(f"# {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
        log.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
            pass_fds=tuple(keep_open),
        )
        try:
            while process.poll() is None:
                watch()
                time.sleep(TICK)
        except (KeyboardInterrupt, InterruptedRunError):
            _stop(process, report)
            raise InterruptedRunError("stopped") from None
        finally:
            if process.poll() is None:  # whatever went wrong here, nobody would watch it any more
                process.send_signal(signal.SIGINT)
            if process.stdin is not None:
                process.stdin.close()
    watch()
    if process.returncode == 0:
        return None
    if process.returncode == INTERRUPTED:
        raise InterruptedRunError("stopped")
    return _reason(config, process.returncode)


def _stop(process: subprocess.Popen[bytes], report: Callable[[str], None]) -> None:
    """Let it end its step and save; at a second Ctrl-C end it at once."""
    report("stopping: the running cell ends its step and saves it (Ctrl-C again: at once)")
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGKILL):
        process.send_signal(number)
        try:
            process.wait()
        except (KeyboardInterrupt, InterruptedRunError):
            continue
        return


def _reason(config: Path, code: int) -> str:
    """Why it failed: what it left itself, else how it ended and what it said last."""
    if (told := failure_of(beside(config, ""))) is not None:
        return told
    how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    if code == -signal.SIGKILL:
        how += " (out of memory?)"
    log = beside(config, ".log").read_text(encoding="utf-8", errors="replace")
    said = [line for line in log.split("\n# ")[-1].splitlines()[1:] if line.strip()]
    reason = f"{how}; last said: {said[-1]}" if said else how
    write_json(
        beside(config, FAILED), {"reason": reason, "type": "killed" if code < 0 else "ended"}
    )
    return reason


def failure_of(folder: Path) -> str | None:
    """Why the last try of a cell failed, where it did."""
    path = folder.with_name(folder.name + FAILED)
    if not path.is_file():
        return None
    try:
        return str(read_json(path)["reason"])
    except (DataError, KeyError):
        return "failed"
