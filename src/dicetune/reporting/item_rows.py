"""The items of the page: what each competitor says of it, marked against gold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dicetune.reporting.colours import colours

TUNED = "tuned"
RIGHT, WRONG, MISSED = "right", "wrong", "missed"


def item_rows(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Items with their readings marked, and the competitors that can be chosen in the filters."""
    competitors = summary["competitors"]
    palette = colours(summary)
    shown = [
        {
            "name": own["name"],
            "loss": own["loss"],
            "decision": own["decision"],
            "colour": palette[own["loss"]],
            "seeds": max(len(own["seeds"]), 1),
        }
        for own in competitors
    ]
    rows = [
        {
            "id": item["id"],
            "text": item["text"],
            "gold": item["gold"],
            "shares": " ".join(f"{item['right'][own['name']]:g}" for own in shown),
            "competitors": [
                {
                    **own,
                    "right": round(item["right"][own["name"]] * own["seeds"]),
                    "says": _marked(item, own["name"], summary["several_readings"]),
                }
                for own in shown
                if not _says_the_same(item, own)
            ],
        }
        for item in summary["items"]
    ]
    return {"rows": rows, "competitors": shown, "total": summary["items_differing"]}


def _says_the_same(item: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Whether a tuned decision says what the plain one of its loss says, and need not be shown."""
    said = item["predicted"]
    return own["decision"] == TUNED and bool(said[own["name"]] == said.get(own["loss"]))


def _marked(item: Mapping[str, Any], name: str, several: bool) -> list[dict[str, Any]]:
    """For each thing that seeds say the readings, each right or wrong, and what is missed."""
    gold = set(item["gold"])
    marked = []
    for variant in item["predicted"][name]:
        if several:
            parts = [(own, RIGHT if own in gold else WRONG) for own in variant["says"]]
            parts += [(own, MISSED) for own in item["gold"] if own not in variant["says"]]
        else:
            parts = [(own, RIGHT if variant["right"] else WRONG) for own in variant["says"]]
        marked.append({"parts": parts, "seeds": variant["seeds"], "right": variant["right"]})
    return marked
