"""Does bf16 cost F1? Six seeds on three data sets in fp32 and in bf16, and a table in Markdown.

Usage: python experiments/precision.py RUNS_FOLDER [SET...]   (default: wnut17 sms_spam goemotions)

A run is RUNS/SET-PRECISION-SEED, from experiments/SET.yaml with cross-entropy. Finished runs are
kept, and an unfinished run goes on from its last checkpoint: start the script again after a stop.
The difference of a seed is between two runs of the same seed; its interval is Student's, over the
seeds. bf16 becomes the default if the lower end is above -0.5 points on every set.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from scipy.stats import t as student

import dicetune
from dicetune.tasks import TASKS

SETS = ("wnut17", "sms_spam", "goemotions")
SEEDS = range(1, 7)
MOST_LOST = -0.5


def finished(place: Path, name: str, precision: str, seed: int) -> dict:
    """Record and scores of one run, which is made where it is not there."""
    folder = place / f"{name}-{precision}-{seed}"
    if not (folder / "run.json").is_file():
        dicetune.train(
            config=Path(__file__).with_name(f"{name}.yaml"),
            loss="ce",
            seed=seed,
            precision=precision,
            out=str(folder),
            resume=(folder / "config.yaml").is_file(),
        )
    read = {"run": "run.json", "metrics": "metrics.json"}
    return {key: json.loads((folder / file).read_text("utf-8")) for key, file in read.items()}


def row(place: Path, name: str) -> tuple[str, float]:
    """A row of the table, and the lower end of the interval of the difference."""
    sides = {p: [finished(place, name, p, seed) for seed in SEEDS] for p in ("fp32", "bf16")}
    metric = TASKS[sides["fp32"][0]["run"]["config"]["task"]].main_metric
    scores = {
        p: np.array([100 * one["metrics"]["test"][metric] for one in runs])
        for p, runs in sides.items()
    }
    seconds = {p: [one["run"]["training"]["seconds"] for one in runs] for p, runs in sides.items()}
    gain = scores["bf16"] - scores["fp32"]
    half = student.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / math.sqrt(len(gain))
    faster = np.median(np.array(seconds["fp32"]) / np.array(seconds["bf16"]))
    means = " | ".join(f"{scores[p].mean():.2f}" for p in ("fp32", "bf16"))
    low, high = gain.mean() - half, gain.mean() + half
    text = f"| {name} | {metric} | {means} | {gain.mean():+.2f} [{low:+.2f}, {high:+.2f}] "
    return f"{text}| {faster:.2f} |", float(low)


def main() -> None:
    """Print the table and what follows from it."""
    place, names = Path(sys.argv[1]), sys.argv[2:] or SETS
    found = [row(place, name) for name in names]
    safe = all(low > MOST_LOST for _, low in found)
    lines = [
        "| set | metric | fp32 | bf16 | bf16 - fp32 (95%) | times as fast |",
        "|---|---|---:|---:|---:|---:|",
        *(text for text, _ in found),
        f"\nbf16 {'may become' if safe else 'does not become'} the default: its lower end has to "
        f"be above {MOST_LOST} on every set",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
