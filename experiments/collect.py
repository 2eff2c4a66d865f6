"""Collect finished runs: one record file each (never the data) and a table in Markdown.

Usage: python experiments/collect.py RUNS_FOLDER [RECORDS_FOLDER]

A run folder's ``run.json`` and ``metrics.json`` become ``RECORDS/NAME.json``; the table of all
records is printed, one row a run, scores in percent.
"""

import json
import sys
from pathlib import Path

from dicetune.tasks import TASKS
from dicetune.terminal import HEADLINES

# where a task has more scores than a table can hold
SHOWN = {
    "pair": ("accuracy", "f1_other", "f1"),
    "text": ("accuracy", "f1_other", "f1", "macro_f1"),
    "multilabel": ("micro_f1", "macro_f1", "average_precision"),
}


def collect(runs: Path, records: Path) -> None:
    """Copy what may be published of each finished run."""
    records.mkdir(parents=True, exist_ok=True)
    for path in sorted(runs.glob("*/run.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        metrics = json.loads((path.parent / "metrics.json").read_text(encoding="utf-8"))
        text = json.dumps({"run": record, "metrics": metrics}, indent=1, ensure_ascii=False)
        (records / f"{path.parent.name}.json").write_text(text + "\n", encoding="utf-8")


def rows(records: Path, task: str) -> list[str]:
    """A Markdown table of all records of one task."""
    loaded = [json.loads(path.read_text(encoding="utf-8")) for path in records.glob("*.json")]
    scored = [found["metrics"]["dev"] for found in loaded if found["run"]["config"]["task"] == task]
    asked = SHOWN.get(task, HEADLINES)
    names = [name for name in asked if any(name in scores for scores in scored)]
    heads = [f"{split} {name.replace('_', ' ')}" for split in ("dev", "test") for name in names]
    lines = [
        "| run | objective | seed | " + " | ".join(heads) + " | best step | seconds |",
        "|---|---|---:|" + "---:|" * (len(heads) + 2),
    ]
    for path in sorted(records.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        run, metrics = found["run"], found["metrics"]
        if run["config"]["task"] != task:
            continue
        cells = [
            f"{100 * metrics[split][name]:.2f}" if name in metrics.get(split, {}) else "-"
            for split in ("dev", "test")
            for name in names
        ]
        training = run["training"]
        step = f"{training['best_step']}/{training['steps']}"
        lines.append(
            f"| {path.stem} | `{run['objective']['text']}` | {run['config']['seed']} | "
            + " | ".join(cells)
            + f" | {step} ({training['best_phase']}) | {training['seconds']:.0f} |"
        )
    return lines


def main() -> None:
    """Collect, then print the tables."""
    records = Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parent / "records")
    collect(Path(sys.argv[1]), records)
    for task in TASKS:
        found = rows(records, task)
        if len(found) > 2:
            sys.stdout.write(f"{task}\n\n" + "\n".join(found) + "\n\n")


if __name__ == "__main__":
    main()
