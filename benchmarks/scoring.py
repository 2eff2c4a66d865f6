"""Scoring a file of predicted tags: `dicetune evaluate` against conlleval.pl, and seqeval.

Usage: python benchmarks/scoring.py [--words 2170000] [--rounds 3] [--conlleval FILE]

The file has columns word, gold, predicted, sentences of 5 to 30 words, 18 types, and 2% of the tags
replaced. conlleval.pl is the script of the shared task of CoNLL-2000, which is not part of this
repository: its place is given, or in the variable CONLLEVAL; without it, or without perl, seqeval
alone is compared. Each is a process of its own that reads the file, by turns; processor seconds and
the most memory that it held. The scores of all must agree.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from table import Row, show

TYPES = [f"T{number}" for number in range(18)]
OURS = (
    "import dicetune, sys; found = dicetune.evaluate(sys.argv[1], "
    "options={'convention': 'conlleval'}); print('FB1:', 100 * found['f1'])"
)
SEQEVAL = """
import sys
from seqeval.metrics import f1_score
gold, found = [[]], [[]]
for line in open(sys.argv[1], encoding="utf-8"):
    if line.strip():
        _, right, said = line.split()
        gold[-1].append(right)
        found[-1].append(said)
    elif gold[-1]:
        gold.append([])
        found.append([])
print("FB1:", 100 * f1_score(gold, found))
"""


def write_tags(path: Path, words: int) -> None:
    """A file of predicted tags."""
    draw, written = random.Random(0), 0
    with path.open("w", encoding="utf-8") as file:
        while written < words:
            size, gold = draw.randint(5, 30), list[str]()
            while len(gold) < size:
                kind = draw.choice(TYPES)
                span = [f"B-{kind}", *[f"I-{kind}"] * draw.randint(0, 2)]
                gold += span if draw.random() < 0.07 else ["O"]
            for tag in gold[:size]:
                wrong = draw.choice(["O", "B-T0", "I-T1"])
                said = wrong if draw.random() < 0.02 else tag
                file.write(f"word{draw.randint(0, 20_000)} {tag} {said}\n")
            file.write("\n")
            written += size


def measured(command: list[str], stdin: Path | None) -> tuple[float, float, float]:
    """Processor seconds, MB and the F1 of a process."""
    with (
        open(stdin or os.devnull, "rb") as lines,
        subprocess.Popen(command, stdin=lines, stdout=subprocess.PIPE, text=True) as run,
    ):
        assert run.stdout is not None
        said = run.stdout.read()
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        raise SystemExit(f"{command[:2]} ended with {run.returncode}")
    f1 = re.search(r"FB1:\s*([\d.]+)", said)
    assert f1 is not None, said
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, float(f1[1])


def main() -> None:
    """Measure by turns, print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--words", type=int, default=2_170_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--conlleval", default=os.environ.get("CONLLEVAL", ""))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tags.txt"
        write_tags(path, options.words)
        ours = ([sys.executable, "-c", OURS, str(path)], None)
        others = {"seqeval": ([sys.executable, "-c", SEQEVAL, str(path)], None, "")}
        if options.conlleval and shutil.which("perl"):
            script = ["perl", str(Path(options.conlleval).resolve())]
            others["conlleval.pl"] = (script, path, "<= 1.5")
        rows: list[Row] = []
        held = 0.0
        for name, (command, stdin, goal) in others.items():
            pairs = [(measured(*ours), measured(command, stdin)) for _ in range(options.rounds)]
            mine, other = (statistics.median(pair[n][0] for pair in pairs) for n in (0, 1))
            held = statistics.median(pair[0][1] for pair in pairs)
            assert abs(pairs[0][0][2] - pairs[0][1][2]) < 0.01, "other scores"
            what = f"score {options.words:,} words"
            ratio = statistics.median(a[0] / b[0] for a, b in pairs)
            rows.append(Row(what, f"{mine:.1f} s", f"{name} {other:.1f} s", ratio, goal))
        limit = 500.0
        rows.append(Row(what, f"{held:.0f} MB", f"limit {limit:.0f} MB", held / limit, "<= 1"))
    show(rows)


if __name__ == "__main__":
    main()
