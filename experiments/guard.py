"""What decision rules change on test, guarded and plain: python experiments/guard.py DIR [DIR ...].

Each DIR is a finished comparison, whose runs keep their scores. Nothing in it is changed.
"""

import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import mean

from dicetune import numbers
from dicetune.decide.folder import tune_folder
from dicetune.records import PREDICTIONS_FILE, RUN_FILE, SCORES_FILE, read_json


def gains(run: Path, metric: str, guard: bool) -> dict[str, float]:
    """Tuned minus default of one run, by split."""
    with tempfile.TemporaryDirectory() as place:
        for name in (RUN_FILE, SCORES_FILE, PREDICTIONS_FILE):
            shutil.copy(run / name, place)
        found = tune_folder(place, guard=guard).metrics
    return {split: own["tuned"][metric] - own["argmax"][metric] for split, own in found.items()}


HEADER = """\
| data | objective | dev, plain | test, plain | test of each seed, plain | test, guarded |
|---|---|---:|---:|---:|---:|
"""


def main() -> None:
    """One row a loss of each comparison."""
    sys.stdout.write(HEADER)
    for folder in map(Path, sys.argv[1:]):
        plan = read_json(folder / "comparison.json")
        rows = defaultdict(list)
        for cell in plan["cells"]:
            run = folder / "cells" / cell["id"]
            both = [gains(run, plan["metric"], guard) for guard in (False, True)]
            rows[cell["loss"]].append(both)
        for loss, found in rows.items():
            dev, test = (mean(plain[split] for plain, _ in found) for split in ("dev", "test"))
            each = " ".join(numbers.signed(plain["test"], 1) for plain, _ in found)
            guarded = numbers.signed(mean(own["test"] for _, own in found))
            name = folder.name.removeprefix("compare-")
            shown = (numbers.signed(dev), numbers.signed(test), each, guarded)
            sys.stdout.write(f"| {name} | `{loss}` | {' | '.join(shown)} |\n")


if __name__ == "__main__":
    main()
