"""Start-up of the commands: seconds and memory, against `python -c "import torch"` in the same run.

Usage: python benchmarks/imports.py [--rounds 5]

Each command is a process of its own. Processor seconds are of the whole process, Python's start
included; memory is the most that it held. `report` and `compare` are given a finished comparison of
two losses and three seeds with 30 sentences, made here without training.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from dicetune.comparison.plan import Plan
from dicetune.comparison.summary import INSPECTION_FILE
from dicetune.records import sha256, write_json
from table import Row, seconds_text, show

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from comparisons import make_comparison

INSPECTED = {
    **{key: [] for key in ("splits", "leaks", "conflict_examples", "warnings")},
    "labels_title": "",
    "conflicts": 0,
}
TORCH = ["-c", "import torch"]
COMMAND = "from dicetune.cli import main; main()"
TAGS = "pump O O\nQuay B-SITE B-SITE\nNine I-SITE I-SITE\n\n"
# goals: seconds and MB
COMMANDS = {
    "dicetune --help": (["--help"], 0.8, 120),
    "evaluate a file of 3 words": (["evaluate", "tags.tsv"], 0.8, 120),
    "tasks": (["tasks"], 1.0, 120),
    "losses": (["losses"], 1.0, 120),
    "report": (["report", "comparison"], 1.0, 120),
    "compare, finished": (["compare", "--out", "comparison"], 1.0, 120),
}


def measured(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Processor seconds and MB of a process."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    ) as run:
        assert run.stderr is not None
        said = run.stderr.read().decode()
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {said}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def prepared(folder: Path) -> None:
    """The files that the commands read."""
    (folder / "tags.tsv").write_text(TAGS, encoding="utf-8")
    place = make_comparison(folder / "comparison", "spans")
    earlier = Plan.load(place)
    digests = []
    for file in earlier.files.values():  # the records are of files that are not there
        path = folder / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(TAGS, encoding="utf-8")
        digests.append(sha256(path))
    files = {
        split: replace(file, sha256=digest)
        for (split, file), digest in zip(earlier.files.items(), digests, strict=True)
    }
    trainer = {**earlier.trainer, "per_device_train_batch_size": 16}
    plan = replace(earlier, files=files, trainer=trainer)
    for old, new in zip(earlier.runs, plan.runs, strict=True):
        old.folder(place).rename(new.folder(place))
        record = new.folder(place) / "run.json"
        text = record.read_text(encoding="utf-8").replace("0" * 64, digests[0])
        record.write_text(text, encoding="utf-8")
    plan.save(place)
    write_json(place / INSPECTION_FILE, INSPECTED)


def main() -> None:
    """Measure by turns, print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared(folder)
        rows = []
        for title, (arguments, most, size) in COMMANDS.items():
            pairs = [
                (measured(["-c", COMMAND, *arguments], folder), measured(TORCH, folder))
                for _ in range(rounds)
            ]
            (ours, held), (torch, torch_held) = (
                [statistics.median(pair[side][what] for pair in pairs) for what in (0, 1)]
                for side in (0, 1)
            )
            against = f"import torch {seconds_text(torch)}, {torch_held:.0f} MB"
            both = f"{seconds_text(ours)}, {held:.0f} MB"
            rows += [
                Row(f"start-up: {title}", both, against, ours / torch),
                Row(f"start-up: {title}", both, f"limit {most} s", ours / most, "<= 1"),
                Row(f"start-up: {title}", both, f"limit {size} MB", held / size, "<= 1"),
            ]
        show(rows)


if __name__ == "__main__":
    main()
