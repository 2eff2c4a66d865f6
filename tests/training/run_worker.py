"""Run by the resume tests: `dicetune train`, which kills itself or stops after a given step.

Usage: run_worker.py SIGNAL STEP ARGUMENT...
"""

import os
import signal
import sys

from dicetune.cli import main
from dicetune.training.callbacks import StopOnSignal

NUMBER, STEP = getattr(signal, sys.argv[1]), int(sys.argv[2])
stop_if_asked = StopOnSignal.on_step_end


def signal_at_step(self, args, state, control, **other):
    if state.global_step == STEP:
        os.kill(os.getpid(), NUMBER)
    return stop_if_asked(self, args, state, control, **other)


StopOnSignal.on_step_end = signal_at_step
sys.argv[1:] = sys.argv[3:]
main()
