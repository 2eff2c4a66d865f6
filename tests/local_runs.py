"""Cells of a comparison in this process: starting torch takes far longer than a tiny run."""

import contextlib
import logging

from dicetune.comparison.folder import failure_of
from dicetune.comparison.one_run import INTERRUPTED, attempt, beside
from dicetune.comparison.places import Started, Workplace
from dicetune.errors import InterruptedRunError

SENTENCES = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\nis O\ndown O\n\nall O\nquiet O\n\n"
TRAINER = {
    "max_steps": 4,
    "per_device_train_batch_size": 4,
    "eval_steps": 2,
    "learning_rate": 5e-3,
    "use_cpu": True,
}


@contextlib.contextmanager
def logged_by(handler):
    """Let one handler alone take what the library logs."""
    log = logging.getLogger("dicetune")
    before = log.handlers, log.level, log.propagate
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.handlers, _, log.propagate = before
        log.setLevel(before[1])


class Lines(logging.Handler):
    """A handler that collects lines, for fixtures that live longer than a test."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def run_here(config, flags=()):
    """Make a run in this process; the reason of a failure, or ``None``."""
    with beside(config, ".log").open("a", encoding="utf-8") as log:
        log.write("# \n")
        out, err = contextlib.redirect_stdout(log), contextlib.redirect_stderr(log)
        with out, err, logged_by(logging.StreamHandler(log)):
            flags = {"decide": "--decide" in flags, "keep_model": "--keep-model" in flags}
            code = attempt(config, **flags)
    if code == INTERRUPTED:
        raise InterruptedRunError("stopped")
    return None if code == 0 else failure_of(beside(config, ""))


class Ended(Started):
    """A run that ended before it could be asked."""

    def __init__(self, code):
        self.code = code

    def poll(self):
        return self.code

    def interrupt(self):
        raise AssertionError("a run that ended is not stopped")

    kill = interrupt


class Here(Workplace):
    """This process, which makes one run at a time by ``run``."""

    def __init__(self, run=run_here):
        self.run = run

    def room(self):
        return 1

    def start(self, config, flags):
        return Ended(0 if self.run(config, flags) is None else 1)
