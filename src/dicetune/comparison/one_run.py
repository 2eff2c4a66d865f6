"""One run in a separate process: ``python -m dicetune.comparison.one_run CONFIG [FLAG ...]``.

The process trains or resumes the run of the configuration, which fits its decision rule on dev, and
deletes the weights. After a kill, the same command finishes the folder. Exit codes are as on the
command line; ``ID.failed.json`` beside the folder says why a run failed.

With ``--serve`` the process makes no run itself: it imports everything, reads the data once, and
forks a process for each run that it is asked for.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicetune.comparison.folder import FAILED, WEIGHTS, failure_of
from dicetune.errors import DicetuneError, InterruptedRunError, StopRequestedError
from dicetune.records import DECISION_FILE, RUN_FILE, read_json, write_json

if TYPE_CHECKING:
    from dicetune.training.prepare import Inputs

MODULE = "dicetune.comparison.one_run"
INTERRUPTED = 130
MISTAKE = 2
_LONGEST = 1 << 16
_COUNTS = Path("/proc/vmstat")
_log = logging.getLogger(MODULE)  # the name of the module is __main__ in the process of a run


def main(arguments: list[str] | None = None, inputs: Inputs | None = None) -> int:
    """Make a run in this process, by inputs that may have been read before; the exit code."""
    parser = argparse.ArgumentParser(prog=MODULE)
    parser.add_argument("config", type=Path, help="YAML file of the run")
    parser.add_argument("--decide", action="store_true", help="fit the decision rule on dev")
    parser.add_argument("--keep-model", action="store_true", help="keep the weights")
    parser.add_argument("--elsewhere", type=Path, help="JSON file: where files and model lie here")
    given = parser.parse_args(arguments)
    log = logging.getLogger("dicetune")
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler(sys.stdout))
    stops = (signal.SIGINT, signal.SIGTERM)
    for number in stops:
        signal.signal(number, _stop)
    if hasattr(signal, "pthread_sigmask"):  # a worker of Ray blocks them, and so would its children
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    elsewhere = None if given.elsewhere is None else read_json(given.elsewhere)
    return attempt(given.config, given.decide, given.keep_model, elsewhere, inputs)


def serve(connection: socket.socket) -> None:
    """Fork a process for each run that is asked for, until the other end is closed.

    A request holds the number of the run, its arguments and its variables, and comes with two file
    descriptors, the input and the output of the run. The replies to it hold the process, and in the
    end the exit code. The forked process has all modules and the inputs, and has not computed yet.
    """
    import torch

    import dicetune.decide.folder  # what a run needs, before the first fork
    import dicetune.training.run  # noqa: F401

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the threads of a pool would be missing after a fork
    runs: dict[int, tuple[int, int]] = {}  # process and number of a run, by its descriptor
    inputs: Inputs | None = None
    while True:
        ready = select.select([connection.fileno(), *runs], [], [])[0]
        if connection.fileno() in ready:
            text, streams, *_ = socket.recv_fds(connection, _LONGEST, 2)
            if not text:
                return
            request = json.loads(text)
            inputs = _read(Path(request["arguments"][0]), inputs)
            process = os.fork()
            if process == 0:
                connection.close()
                for stream, number in zip(streams, (0, 1), strict=True):
                    os.dup2(stream, number)
                os.dup2(1, 2)
                os.setpgid(0, 0)
                os.environ.update(request["environment"])
                torch.set_num_threads(threads)
                os._exit(_ended(request["arguments"], inputs))
            for stream in streams:
                os.close(stream)
            number = request["number"]
            runs[os.pidfd_open(process)] = process, number
            connection.send(json.dumps({"number": number, "process": process}).encode())
        for descriptor in runs.keys() & set(ready):
            process, number = runs.pop(descriptor)
            os.close(descriptor)
            code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            connection.send(json.dumps({"number": number, "code": code}).encode())


def _read(config_file: Path, inputs: Inputs | None) -> Inputs | None:
    """The inputs of a run; ``None`` where they cannot be read, which the run says itself."""
    from dicetune.training import RunConfig
    from dicetune.training.prepare import Inputs

    try:
        config = RunConfig.from_yaml(config_file)
        return inputs if inputs is not None and inputs.serve(config) else Inputs.read(config)
    except Exception:
        return None


def _ended(arguments: list[str], inputs: Inputs | None) -> int:
    """The exit code of a run in a forked process, which may not return."""
    try:
        return main(arguments, inputs)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _stop(number: int, frame: Any) -> None:
    raise StopRequestedError("stopped before training began; nothing was lost")


def _stop_with_parent() -> None:
    """Stop the run after a kill of its comparison, as after Ctrl-C, with a checkpoint.

    The comparison holds the other end of the input stream, which ends with it.
    """
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)


def attempt(
    config_file: Path,
    decide: bool = False,
    keep_model: bool = False,
    elsewhere: Mapping[str, str] | None = None,
    inputs: Inputs | None = None,
) -> int:
    """Make a run, and write the reason of a failure; return the exit code."""
    failed = beside(config_file, FAILED)
    failed.unlink(missing_ok=True)
    try:
        make_run(config_file, decide, keep_model, elsewhere, inputs)
    except InterruptedRunError as stopped:
        _log.info(str(stopped))
        return INTERRUPTED
    except Exception as error:
        if not isinstance(error, DicetuneError):
            traceback.print_exc()
        reason = str(error).strip() or type(error).__name__
        _log.error("failed: %s", reason)
        write_json(failed, {"reason": reason, "type": type(error).__name__})
        return MISTAKE if isinstance(error, DicetuneError) else 1
    return 0


def beside(config_file: Path, ending: str) -> Path:
    """A path beside the configuration of a run: its folder (no ending), log or failure."""
    return config_file.with_name(config_file.name.removesuffix(".yaml") + ending)


def make_run(
    config_file: Path,
    decide: bool,
    keep_model: bool,
    elsewhere: Mapping[str, str] | None = None,
    inputs: Inputs | None = None,
) -> None:
    """Train, or resume, until the folder holds a finished run; then fit its rule on dev.

    ``inputs`` were read before; ``elsewhere`` is that of ``Inputs.read``.
    """
    from dicetune.decide.folder import tune_folder
    from dicetune.training import RunConfig, run
    from dicetune.training.folder import clear, drop_checkpoints
    from dicetune.training.prepare import Inputs

    folder = beside(config_file, "")
    if not (folder / RUN_FILE).is_file():
        config = RunConfig.from_yaml(config_file).updated({"out": str(folder)})
        resume = _can_go_on(folder, config)
        if not resume:
            clear(folder)
        if elsewhere is not None:
            inputs = Inputs.read(config, elsewhere)
        run(config, resume=resume, each_decision=decide, inputs=inputs)
    drop_checkpoints(folder)
    if decide and not (folder / DECISION_FILE).is_file():
        _log.info("fitting the decision rule on dev")
        tune_folder(folder)
    if not keep_model:
        for weights in folder.rglob(WEIGHTS):
            weights.unlink()


def _can_go_on(folder: Path, config: Any) -> bool:
    """Whether a killed or stopped run of the same configuration can be resumed.

    A kill while the folder was made leaves half a folder, which is made anew.
    """
    from dicetune.training import RunConfig
    from dicetune.training.folder import CHECKPOINTS, CONFIG_FILE, last_checkpoint

    if last_checkpoint(folder) is None or not (folder / CHECKPOINTS / "data.json").is_file():
        return False
    try:
        before = RunConfig.from_yaml(folder / CONFIG_FILE)
    except DicetuneError:
        return False
    # the folder may have been moved: its place is not compared
    return bool(replace(before, out=None) == replace(config, out=None))


def kills_for_memory() -> int | None:
    """Processes that the system has killed for lack of memory; ``None`` where it does not count."""
    with contextlib.suppress(OSError):
        counts = dict(line.split() for line in _COUNTS.read_text().splitlines())
        return int(counts["oom_kill"]) if "oom_kill" in counts else None
    return None


def reason_of(config: Path, code: int, kills: int | None = None) -> str | None:
    """The reason of a failure: written by the run, else exit code and last line of its process.

    ``None`` for the exit code 0. ``kills`` is ``kills_for_memory`` from before the run.
    """
    if code == 0:
        return None
    if (reason := failure_of(beside(config, ""))) is not None:
        return reason
    how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    if code == -signal.SIGKILL and (kills is None or kills != kills_for_memory()):
        how += " (out of memory?)"
    log = beside(config, ".log").read_text(encoding="utf-8", errors="replace")
    said = [line for line in log.split("\n# ")[-1].splitlines()[1:] if line.strip()]
    reason = f"{how}; last said: {said[-1]}" if said else how
    kind = "killed" if code < 0 else "ended"
    write_json(beside(config, FAILED), {"reason": reason, "type": kind})
    return reason


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve(socket.socket(fileno=os.dup(0)))
    else:
        sys.exit(main())
