"""Run by the interruption tests: `dicetune compare` over a plan that is there, without planning it.

Usage: carry_out.py FOLDER; starts in a second, since only the runs need torch.
"""

import logging
import signal
import sys
from pathlib import Path

from dicetune.comparison.execute import execute
from dicetune.comparison.plan import Plan
from dicetune.errors import InterruptedRunError

if __name__ == "__main__":
    # as the command line does: a shell starts what it runs in the background with SIGINT ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
    out = Path(sys.argv[1])
    try:
        outcome = execute(Plan.load(out), out)
    except InterruptedRunError as stopped:
        print(stopped, flush=True)  # noqa: T201
        sys.exit(130)
    sys.exit(outcome.exit_code)
