"""Tables of the data section: sizes and oddities of each split, labels with their shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dicetune import numbers

SHOWN = 15
"""Labels that are shown at once; the others are folded."""


def data_tables(data: Mapping[str, Any]) -> dict[str, Any]:
    """Facts and labels, one column a split."""
    splits = data["splits"]
    facts = [
        {"name": name, "cells": [_fact(own["facts"].get(name)) for own in splits]}
        for name in dict.fromkeys(name for own in splits for name in own["facts"])
    ]
    names = dict.fromkeys(name for own in splits for name in own["labels"])
    labels = [
        {"name": name, "cells": [_share(own["labels"], name) for own in splits]} for name in names
    ]
    return {
        "inspected": data.get("inspected", True),
        "splits": [{"name": own["name"], "source": own["source"]} for own in splits],
        "facts": facts,
        "labels": labels[:SHOWN],
        "more_labels": labels[SHOWN:],
        "labels_title": data["labels_title"],
        "ratios": [
            {
                "split": own["name"],
                "value": f"{own['ratio']['value']:.1f}",
                "counts": f"{numbers.count(own['ratio']['many'])} : "
                f"{numbers.count(own['ratio']['few'])}",
                "meaning": own["ratio"]["meaning"],
            }
            for own in splits
            if own["ratio"]
        ],
        "leaks": data["leaks"],
        "conflicts": data["conflicts"],
        "examples": data["conflict_examples"],
        "warnings": data["warnings"],
        "notes": [(own["name"], _note(note)) for own in splits for note in own["notes"]],
    }


def _share(labels: Mapping[str, int], name: str) -> dict[str, Any]:
    """How often a label stands in a split, and its share; nothing where labels are not known."""
    total = sum(labels.values())
    if not total:
        return {"count": numbers.MISSING, "share": None, "width": 0.0}
    own = labels.get(name, 0)
    return {
        "count": numbers.count(own),
        "share": numbers.points(own / total),
        "width": round(100 * own / total, 2),
    }


def _fact(value: int | float | str | None) -> str:
    if value is None:
        return numbers.MISSING
    if isinstance(value, float):
        return f"{numbers.points(value)}%"
    return numbers.count(value) if isinstance(value, int) else value


def _note(note: Mapping[str, Any]) -> str:
    """A note of a reader as it prints itself: the rule, how often, and the first places."""
    places = f"; first at {', '.join(note['places'])}" if note["places"] else ""
    return f"{note['rule']} ({note['count']}{places})"
