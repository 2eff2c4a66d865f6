"""Import time of dicetune and of its command line, against a bare interpreter, in one run.

`dicetune report` is timed up to its first look at the folder: on one that is not there.

Usage: python benchmarks/imports.py
"""

import statistics
import subprocess
import sys
import time

from table import Row, seconds_text, show

REPEATS = 7
COMMAND = [sys.executable, "-c", "from dicetune.cli import main; main()"]
CASES = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "import dicetune": [sys.executable, "-c", "import dicetune"],
    "dicetune --help": [*COMMAND, "--help"],
    "dicetune report": [*COMMAND, "report", "no/such/folder"],
    "import torch": [sys.executable, "-c", "import torch"],
}


def seconds(command):
    """Median wall time of a command."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        done = subprocess.run(command, capture_output=True)
        times.append(time.perf_counter() - begun)
        if done.returncode not in (0, 2):  # 2: a message to the user
            raise SystemExit(done.stderr.decode())
    return statistics.median(times)


def main():
    """Print the table: seconds beyond those of the bare interpreter."""
    bare = seconds(CASES["bare interpreter"])
    over = {name: seconds(command) - bare for name, command in CASES.items()}
    torch = over.pop("import torch")
    del over["bare interpreter"]
    show(
        Row(name, seconds_text(taken), f"import torch {seconds_text(torch)}", taken / torch)
        for name, taken in over.items()
    )


if __name__ == "__main__":
    main()
