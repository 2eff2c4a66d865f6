"""Bars of each class: mean F1 of the plain decision, its seeds, and where the tuned one stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dicetune import numbers
from dicetune.reporting.colours import colours
from dicetune.reporting.figures import stacked

SHOWN = 12
"""Classes with bars of their own; the others are in the table."""


def class_bars(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The classes by support, the most frequent first, with one bar a loss."""
    competitors = [own for own in summary["competitors"] if own["per_class"]]
    support: dict[str, int] = {}
    for own in competitors:
        support |= {row["name"]: row["support"] for row in own["per_class"]}
    names = sorted(support, key=lambda name: -support[name])
    total = sum(support.values())
    classes = [
        {
            "name": name,
            "support": numbers.count(support[name]),
            "share": numbers.points(support[name] / total) if total else numbers.MISSING,
            "bars": _bars(summary, competitors, name),
        }
        for name in names
    ]
    return {
        "shown": classes[:SHOWN],
        "total": len(classes),
        "names": names,
        "unit": summary["class_unit"],
        "rows": _rows(competitors, names, support),
    }


def _bars(
    summary: Mapping[str, Any], competitors: list[Mapping[str, Any]], name: str
) -> list[dict[str, Any]]:
    palette = colours(summary)
    found = {
        own["name"]: next((row for row in own["per_class"] if row["name"] == name), None)
        for own in competitors
    }
    bars = []
    for own in competitors:
        if own["decision"] != "argmax":
            continue
        row = found[own["name"]]
        tuned = next(
            (
                found[other["name"]]
                for other in competitors
                if other["loss"] == own["loss"] and other["decision"] == "tuned"
            ),
            None,
        )
        f1 = row["f1"] if row else 0.0
        seeds = [round(100 * score, 2) for score in (row["f1_seeds"] if row else [])]
        label = f"{own['loss']}: F1 {numbers.points(f1)}"
        if tuned is not None:
            label += f", tuned {numbers.points(tuned['f1'])}"
        bars.append(
            {
                "loss": own["loss"],
                "colour": palette[own["loss"]],
                "width": round(100 * f1, 2),
                "mean": numbers.points(f1),
                "dots": list(zip(seeds, (3 * r for r in stacked(seeds, 1.0)), strict=True)),
                "tuned": None if tuned is None else round(100 * tuned["f1"], 2),
                "tuned_text": None if tuned is None else numbers.points(tuned["f1"]),
                "label": label,
            }
        )
    return bars


def _rows(
    competitors: list[Mapping[str, Any]], names: list[str], support: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Precision, recall and F1 of every class and competitor, for the folded table."""
    rows = []
    for name in names:
        for own in competitors:
            row = next((row for row in own["per_class"] if row["name"] == name), None)
            if row is not None:
                rows.append(
                    {
                        "class": name,
                        "support": support[name],
                        "competitor": own["name"],
                        **{what: row[what] for what in ("precision", "recall", "f1")},
                    }
                )
    return rows
