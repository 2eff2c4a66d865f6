"""Rules for many labels: seconds and memory of `tune`, as texts and labels grow together.

Usage: python benchmarks/labels.py [--sizes 250 500 1000]

Any number of labels a text (`label_set`, five on average) and one of several (`label`); labels have
the frequencies of Zipf's law, and random scores lean towards gold. Each size is a process of its
own; the size beside it is half as large, so that the ratio is 4 where time follows the scores.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np

from dicetune.decide.folder import Split, tune_splits
from dicetune.problems import problem_of
from dicetune.problems.score_rows import ScoreTables
from table import Row, show


def tuned(kind: str, size: int) -> tuple[float, float]:
    """Processor seconds, and the most memory of this process in MB."""
    draw = np.random.default_rng(0)
    labels = [f"label{number}" for number in range(size)]
    share = 1 / np.arange(1, size + 1) ** 0.7
    share /= share.sum()
    truth = np.zeros((size, size), dtype=bool)
    for text in range(size):
        truth[text, draw.choice(size, 5 if kind == "label_set" else 1, p=share)] = True
    scores = draw.standard_normal((size, size), dtype=np.float32)
    gold, predicted = [], []
    for row, right in zip(scores, truth, strict=True):  # in place: memory is measured
        logits = 1.5 * row - 6 + 5 * right
        less = -np.logaddexp(0, -logits) if kind == "label_set" else -np.logaddexp.reduce(logits)
        row[:] = less if kind == "label_set" else logits + less
        made = row > np.log(0.5) if kind == "label_set" else row == row.max()
        gold.append([labels[n] for n in np.flatnonzero(right)])
        predicted.append([labels[n] for n in np.flatnonzero(made)])
    del truth
    if kind == "label":
        gold, predicted = ([row[0] for row in rows] for rows in (gold, predicted))
    problem = problem_of({"kind": kind, "labels": labels, "metric": "macro_f1"})
    rows = [{"gold": g, "predicted": p} for g, p in zip(gold, predicted, strict=True)]
    begun = time.process_time()
    split = Split.of(problem, rows, ())
    tables = ScoreTables(scores, np.ones(size, dtype=np.int64))  # as the scores of a run are read
    tune_splits(problem, {"dev": replace(split, scores=tables)})
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.process_time() - begun, held


def main() -> None:
    """Measure each size in a process, print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(tuned(options.one[0], int(options.one[1]))))
        return
    rows = []
    for kind in ("label_set", "label"):
        found = {}
        for size in options.sizes:
            command = [sys.executable, __file__, "--one", kind, str(size)]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
            found[size] = json.loads(done.stdout)
        for less, more in zip(options.sizes, options.sizes[1:], strict=False):
            (before, _), (seconds, held) = found[less], found[more]
            rows.append(
                Row(
                    f"tune {kind}, {more:,} labels x {more:,} texts",
                    f"{seconds:.1f} s, {held:.0f} MB",
                    f"{less:,} x {less:,} {before:.1f} s",
                    seconds / before,
                )
            )
    show(rows)


if __name__ == "__main__":
    main()
