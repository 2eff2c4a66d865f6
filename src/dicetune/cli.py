"""The ``dicetune`` program: runs a command, and turns what goes wrong into messages and exit codes.

Faults that a user can mend are one message on the error stream and exit code 2. A run that Ctrl-C
stops exits with 130 and can be resumed. ``commands`` has the commands.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import dicetune
from dicetune.commands import app
from dicetune.errors import (
    DicetuneError,
    InterruptedRunError,
    StopRequestedError,
    printable,
    quoted,
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"dicetune {dicetune.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Fine-tune text models for F1: dice, Tversky and self-adjusting losses."""
    from dicetune.terminal import show_log

    show_log()


def main() -> None:
    """Entry point: exit code 2 for a fault that a user can mend, 130 after Ctrl-C."""
    # the libraries read these when a command imports them
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        app()
    except DicetuneError as error:
        typer.echo(f"dicetune: {error}", err=True)
        code: Any = 130 if isinstance(error, InterruptedRunError) else 2
    except (OSError, MemoryError) as error:  # a full disk, a file that went away
        typer.echo(f"dicetune: {printable(_of_system(error))}", err=True)
        code = 2
    except SystemExit as done:  # typer ends every command in this way
        code = done.code
    if "dicetune.training" in sys.modules:
        from dicetune.training.processes import leave_processes

        leave_processes(code if isinstance(code, int) else int(code is not None))
    sys.exit(code)


def _of_system(error: OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return "the memory of this machine is used up: give smaller batches or shorter texts"
    names = [name for name in (error.filename, error.filename2) if name]
    files = " and ".join(quoted(Path(str(name))) for name in names)
    return f"expected to read or write {files or 'a file'}, got: {error.strerror or error}"


def _interrupt(number: int, frame: Any) -> None:
    raise StopRequestedError("stopped")
