"""One cell in a process of its own: ``python -m dicetune.comparison.cell CONFIG [FLAG ...]``.

Trains what the configuration says, or goes on with it, fits the decision rule on dev and drops the
weights. Whatever a kill left behind, a finished folder comes out of running this again. Exit codes
are those of the command line; where it failed, ``ID.failed.json`` beside the folder says why.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from dicetune.errors import DicetuneError, InterruptedRunError, StopRequestedError
from dicetune.records import RUN_FILE, write_json

FAILED = ".failed.json"
INTERRUPTED = 130
MISTAKE = 2
_WEIGHTS = "model*.safetensors*"


def main(arguments: list[str] | None = None) -> int:
    """Run a cell in this process; the exit code says how it went."""
    parser = argparse.ArgumentParser(prog="dicetune.comparison.cell")
    parser.add_argument("config", type=Path, help="YAML file of the run")
    parser.add_argument("--decide", action="store_true", help="fit the decision rule on dev")
    parser.add_argument("--keep-model", action="store_true", help="keep the weights")
    given = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    return attempt(given.config, decide=given.decide, keep_model=given.keep_model)


def attempt(config_file: Path, *, decide: bool = False, keep_model: bool = False) -> int:
    """Run a cell and write down why it failed, if it did.

    Args:
        config_file: as ``run_cell`` takes it; the folder is beside it, of the same name.
        decide: see ``run_cell``.
        keep_model: see ``run_cell``.

    Returns:
        The exit code.
    """
    folder = beside(config_file, "")
    failed = beside(config_file, FAILED)
    failed.unlink(missing_ok=True)
    try:
        run_cell(config_file, folder, decide=decide, keep_model=keep_model)
    except InterruptedRunError as stopped:
        _say(str(stopped))
        return INTERRUPTED
    except Exception as error:
        if not isinstance(error, DicetuneError):
            traceback.print_exc()
        reason = str(error).strip() or type(error).__name__
        _say(f"failed: {reason}")
        write_json(failed, {"reason": reason, "type": type(error).__name__})
        return MISTAKE if isinstance(error, DicetuneError) else 1
    return 0


def beside(config_file: Path, ending: str) -> Path:
    """What lies beside a cell's configuration: its folder (no ending), log or failure.

    Example:
        >>> beside(Path("cells/tversky-alpha-0.3.yaml"), ".log").name
        'tversky-alpha-0.3.log'
    """
    return config_file.with_name(config_file.name.removesuffix(".yaml") + ending)


def run_cell(config_file: Path, folder: Path, *, decide: bool, keep_model: bool) -> None:
    """Train, or go on, until the folder holds a finished run; then what comes after training.

    Args:
        config_file: YAML of the run, without its folder.
        folder: of the run.
        decide: fit the decision rule on dev.
        keep_model: keep the weights.

    Raises:
        DicetuneError: what a run raises.
        InterruptedRunError: after Ctrl-C.
    """
    from dicetune.training import RunConfig, run
    from dicetune.training.folder import clear, drop_checkpoints

    if not (folder / RUN_FILE).is_file():
        config = RunConfig.from_yaml(config_file).updated({"out": str(folder)})
        resume = can_go_on(folder, config)
        if not resume:
            clear(folder)
        run(config, resume=resume, report=_say)
    drop_checkpoints(folder)
    if decide and not decided(folder):
        _say("fitting the decision rule on dev")
        fit_decision(folder)
    if not keep_model:
        for weights in folder.glob(_WEIGHTS):
            weights.unlink()


def is_finished(folder: Path, *, decide: bool = True, keep_model: bool = False) -> bool:
    """Whether running the cell again would change nothing."""
    return (
        (folder / RUN_FILE).is_file()
        and (decided(folder) or not decide)
        and (keep_model or not any(folder.glob(_WEIGHTS)))
    )


def can_go_on(folder: Path, config: Any) -> bool:
    """Whether a killed or stopped run left something to resume, of the same configuration.

    A kill while the folder was made leaves half of it; that is made anew.
    """
    from dataclasses import replace

    from dicetune.training import RunConfig
    from dicetune.training.folder import CHECKPOINTS, CONFIG_FILE, last_checkpoint

    if last_checkpoint(folder) is None or not (folder / CHECKPOINTS / "data.json").is_file():
        return False
    try:
        before = RunConfig.from_yaml(folder / CONFIG_FILE)
    except DicetuneError:
        return False
    # comparing wherever it lies: the folder may have been moved
    return bool(replace(before, out=None) == replace(config, out=None))


def decided(folder: Path) -> bool:
    """Whether the decision rule was fitted."""
    return (folder / "decision.json").is_file()


def fit_decision(folder: Path) -> None:
    """Fit the decision rule of a finished run on its dev scores."""
    from dicetune.decide.folder import tune

    tune(folder)


def _stop(number: int, frame: Any) -> None:
    raise StopRequestedError("stopped before training began; nothing was lost")


def _stop_with_parent() -> None:
    """A cell whose comparison was killed stops too, as if by Ctrl-C, and saves a checkpoint.

    The comparison holds the other end of the input stream, which ends with it.
    """
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  (the log of the cell)


if __name__ == "__main__":
    sys.exit(main())
