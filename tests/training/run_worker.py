"""Run by the resume tests: ``dicetune ARGUMENT...``, which kills itself after a step.

Usage: run_worker.py STEP ARGUMENT...
"""

import os
import signal
import sys

from dicetune.cli import main
from dicetune.training.callbacks import StopOnSignal


def sends(number, step):
    """An end of a step that sends this process a signal before the callback hears of the end."""
    stop_if_asked = StopOnSignal.on_step_end

    def send_first(self, args, state, control, **other):
        if state.global_step == step:
            os.kill(os.getpid(), number)
        return stop_if_asked(self, args, state, control, **other)

    return send_first


if __name__ == "__main__":
    StopOnSignal.on_step_end = sends(signal.SIGKILL, int(sys.argv[1]))
    sys.argv[1:] = sys.argv[2:]
    main()
