"""The table of all benchmarks: runs each, and prints their rows under one header at the end.

Usage: python benchmarks/table.py BENCHMARK.py ... [--out TABLE.md]

A benchmark is a script that prints ``show(rows)``. A row compares ours with a named alternative
that was measured in the same run, by turns; each script runs in a process of its own.
``alternate`` is the measurement that most of them share.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HEAD = "| what | ours | against | ratio | goal |"
RULE = "|---|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        name: what was done, with its size: "dice, 4,096 x 9, 1 thread".
        ours: our figure with its unit: "0.21 ms".
        against: name and figure of the alternative: "cross_entropy 0.51 ms"; of a limit that is no
            measurement: "limit 0.25 ms".
        ratio: ours divided by the alternative.
        goal: what the ratio should be: "<= 0.6", ">= 1", or empty.
    """

    name: str
    ours: str
    against: str
    ratio: float
    goal: str = ""

    @property
    def missed(self) -> bool:
        """Whether there is a goal, and the ratio is beyond it."""
        if not self.goal:
            return False
        sign, limit = self.goal.split()
        return self.ratio > float(limit) if sign == "<=" else self.ratio < float(limit)

    def __str__(self) -> str:
        goal = f"{self.goal}{' (missed)' if self.missed else ''}"
        return f"| {self.name} | {self.ours} | {self.against} | {self.ratio:.2f} | {goal} |"


def seconds_text(seconds: float) -> str:
    """Seconds with a unit that suits: "0.21 ms"."""
    for scale, unit in ((1, "s"), (1e-3, "ms")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e3:.2g} ms"


def alternate(
    ours: Callable[[], object],
    against: Callable[[], object],
    rounds: int = 7,
    calls: int = 1,
    clock: Callable[[], float] = time.process_time,
) -> tuple[float, float, float]:
    """Seconds of a call of ours and of the other, and the ratio: medians over rounds, by turns.

    The ratio is the median of the rounds' ratios: a busy moment of the machine slows both sides of
    one round. The default clock is processor time, which leaves out what other programs take, and
    counts the work of all threads.
    """
    pairs = []
    for _ in range(rounds):
        times = []
        for call in (ours, against):
            begun = clock()
            for _ in range(calls):
                call()
            times.append((clock() - begun) / calls)
        pairs.append(times)
    mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    return mine, other, statistics.median(a / b for a, b in pairs)


def machine() -> str:
    """Processor, cores, threads, load and versions, in one line."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE)
        name = found[1].strip() if found else name
    versions = [f"Python {platform.python_version()}"]
    for package in ("torch", "transformers"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    load = f"load {os.getloadavg()[0]:.1f}"
    threads = os.environ.get("OMP_NUM_THREADS")
    threads = f"OMP_NUM_THREADS {threads}" if threads else "threads not limited"
    return ", ".join((name, f"{os.cpu_count()} cores", threads, load, *versions))


def show(rows: Iterable[Row | str]) -> str:
    """The table of some rows, as Markdown; also printed."""
    lines = [str(row) for row in rows]
    missed = sum(line.endswith("(missed) |") for line in lines)
    goals = sum(not line.endswith("|  |") for line in lines)
    met = ["", f"{goals - missed} of {goals} goals met"] if goals else []
    text = "\n".join((machine(), "", HEAD, RULE, *lines, *met))
    print(text, flush=True)
    return text


def rows_of(script: Path) -> list[str]:
    """Run a benchmark, pass on what it prints, and return its rows."""
    print(f"\n== {script.name}", flush=True)
    command = [sys.executable, str(script)]
    rows = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            print(line, end="", flush=True)
            if re.match(r"\|(?!-)", line) and line.strip() != HEAD:
                rows.append(line.strip())
    if run.returncode:
        raise SystemExit(f"{script.name} ended with {run.returncode}")
    if not rows:
        raise SystemExit(f"{script.name} printed no row: a benchmark prints show(rows)")
    return rows


def main() -> None:
    """Run all, then print the one table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scripts", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = [row for script in options.scripts for row in rows_of(script)]
    print("\n== all")
    text = show(rows)
    if options.out:
        options.out.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
