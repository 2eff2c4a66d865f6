"""What is known of the data: the inspection that was made, else what the runs counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.comparison.folder import reading
from dicetune.comparison.plan import SPLITS
from dicetune.comparison.runs import FinishedRun
from dicetune.errors import listed
from dicetune.metrics.counting.tag_spans import conlleval_spans, spans_of
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


def data_facts(folder: Path, cells: Sequence[FinishedRun]) -> dict[str, Any]:
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


def _split(run: FinishedRun, split: str) -> dict[str, Any]:
    told = run.record.data[split]
    facts: dict[str, Any] = {words: told[name] for name, words in _COUNTED.items() if name in told}
    if told.get("subwords"):
        facts["unknown sub-words"] = told.get("unknown_subwords", 0) / told["subwords"]
    gold = [row["gold"] for row in run.predictions(split)]
    return {
        "name": split,
        "source": told["source"],
        "facts": facts,
        "labels": dict(gold_labels(run.problem, gold).most_common()),
        "ratio": None,
        "notes": [],
    }


def gold_labels(problem: Mapping[str, Any], gold: Sequence[Any]) -> Counter[str]:
    """How often each label or type stands in gold; nothing where there are none.

    Example:
        >>> gold_labels({"kind": "label_set"}, [["joy", "awe"], ["joy"]])
        Counter({'joy': 2, 'awe': 1})
    """
    kind = problem["kind"]
    if kind == "label":
        return Counter(map(str, gold))
    if kind in ("label_set", "tags"):
        return Counter(label for own in gold for label in own)
    if kind == "entities":
        return Counter(
            entity["type"] if isinstance(entity, Mapping) else entity[0]
            for own in gold
            for entity in own
        )
    if kind == "words":
        return Counter(span[0] for own in gold for span in conlleval_spans(own))
    if kind == "spans":
        scheme = problem.get("scheme") or "iob2"
        convention = problem.get("convention") or "strict"
        return Counter(span[0] for own in gold for span in spans_of(own, scheme, convention))
    return Counter()
