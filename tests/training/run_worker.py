"""Run by the resume tests: `dicetune train`, which kills itself or stops after a given step.

Usage: run_worker.py SIGNAL STEP ARGUMENT...; the exit code is that of the command.
"""

import os
import signal
import sys

from dicetune.cli import main
from dicetune.training.callbacks import StopOnSignal


def send_at_step(number, step):
    """Send this process a signal at the end of a step, before anything else hears of that end."""
    stop_if_asked = StopOnSignal.on_step_end

    def send_first(self, args, state, control, **other):
        if state.global_step == step:
            os.kill(os.getpid(), number)
        return stop_if_asked(self, args, state, control, **other)

    StopOnSignal.on_step_end = send_first


if __name__ == "__main__":
    send_at_step(getattr(signal, sys.argv[1]), int(sys.argv[2]))
    sys.argv[1:] = sys.argv[3:]
    main()
