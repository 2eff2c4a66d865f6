"""What a run of a comparison takes outside its training, forked and in a process of its own.

The data is the packaged sample, repeated to the size of WNUT-17. Runs of a few steps are made by
turns in both ways. The time from the start of a run to its end, without its training and the
evaluations in it, is a share of a run that trains for a minute; the scoring of dev and test at the
end is part of it. The process that forks is made for each pair of runs, and shared by them.

Usage: python benchmarks/cells.py [--rounds N] [--steps N]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from dicetune.comparison import local
from dicetune.comparison.compare import make_plan
from dicetune.comparison.execution import Execution
from dicetune.comparison.plan import Plan
from dicetune.data import sample_corpora, write_conll
from dicetune.records import read_json
from table import Row, seconds_text, show

SENTENCES = {"train": 3394, "dev": 300, "test": 300}
MINUTE = 60.0


def written(folder: Path) -> dict[str, str]:
    """Files of the sample's sentences, again and again."""
    paths = {}
    for split, corpus in sample_corpora().items():
        sentences = list(corpus)
        many = [sentences[n % len(sentences)] for n in range(SENTENCES[split])]
        paths[split] = str(folder / f"{split}.conll")
        with open(paths[split], "w", encoding="utf-8") as file:
            write_conll(file, many)
    return paths


def outside(plan: Plan, out: Path, can_fork: Callable[[], bool]) -> list[float]:
    """Seconds outside training of each run of the plan, made one after another."""
    (out / "cells").mkdir(parents=True)
    with (
        patch.object(local, "can_fork", can_fork),
        Execution(plan, out, local.Local(), lambda progress: None) as execution,
    ):
        execution.make_runs()
    trained = [read_json(run.folder(out) / "run.json")["training"]["seconds"] for run in plan.runs]
    return [whole - own for whole, own in zip(execution.taken, trained, strict=True)]


def main() -> None:
    """Measure by turns, print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trainer = {"max_steps": given.steps, "eval_steps": given.steps}
        config = {"task": "ner", **written(folder), "trainer": trainer}
        plan = make_plan(config, ["ce", "ce+dice"], 1)
        pairs = []
        for number in range(given.rounds):
            forked = outside(plan, folder / f"forked{number}", local.can_fork)
            anew = outside(plan, folder / f"anew{number}", lambda: False)
            pairs.append((forked[-1], statistics.mean(anew)))  # the first pays for the server
    ours, other = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    ratio = statistics.median(one / two for one, two in pairs)
    share = ours / (MINUTE + ours)
    against = f"in a process of its own {seconds_text(other)}"
    text = seconds_text(ours)
    show(
        [
            Row("a run outside its training, forked", text, against, ratio),
            Row("of a run of one minute", f"{100 * share:.1f}%", "limit 5%", share / 0.05, "<= 1"),
        ]
    )


if __name__ == "__main__":
    main()
