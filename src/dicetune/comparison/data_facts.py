"""What is known of the data: the inspection that was made, else what the runs counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dicetune.comparison.cells import FinishedCell
from dicetune.comparison.plan import SPLITS
from dicetune.comparison.stored import reading
from dicetune.errors import listed
from dicetune.problems import problem_of
from dicetune.records import read_json

INSPECTION_FILE = "inspection.json"
"""``Inspection.to_dict()`` of the three splits, where the comparison made one."""

_COUNTED = {
    "examples": "examples",
    "longest_subwords": "longest in sub-words",
    "subwords": "sub-words",
    "truncated": "texts cut short",
}

_INSPECTED = {"splits", "labels_title", "leaks", "conflicts", "conflict_examples", "warnings"}


def data_facts(folder: Path, cells: Sequence[FinishedCell]) -> dict[str, Any]:
    """The inspection of the data in the layout of ``Inspection.to_dict``.

    Without a stored one ``inspected`` is false: sizes are those that the runs counted, labels those
    of the gold in their predictions, and duplicates and leaks are not known.

    Args:
        folder: of the comparison.
        cells: finished ones, at least one.
    """
    path = folder / INSPECTION_FILE
    if path.is_file():
        with reading(path, "delete it and run the same command again"):
            found = read_json(path)
            if missing := _INSPECTED - found.keys():
                raise KeyError(listed(sorted(missing)))
        return {"inspected": True, **found}
    run = cells[0]
    return {
        "inspected": False,
        "splits": [_split(run, split) for split in SPLITS if split in run.record.data],
        "leaks": [],
        "conflicts": 0,
        "conflict_examples": [],
        "paper_ratios": {},
        "warnings": [],
        "labels_title": "Gold in the predictions of dev and test",
    }


def _split(run: FinishedCell, split: str) -> dict[str, Any]:
    told = run.record.data[split]
    facts: dict[str, Any] = {words: told[name] for name, words in _COUNTED.items() if name in told}
    if told.get("subwords"):
        facts["unknown sub-words"] = told.get("unknown_subwords", 0) / told["subwords"]
    gold = [row["gold"] for row in run.predictions(split)]
    return {
        "name": split,
        "source": told["source"],
        "facts": facts,
        "labels": dict(problem_of(run.problem, gold).gold_labels(gold).most_common()),
        "ratio": None,
        "notes": [],
    }
