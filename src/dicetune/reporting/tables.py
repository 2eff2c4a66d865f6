"""Tables of the page as rows of text: scores, differences, classes, items, data, how it was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from dicetune import numbers
from dicetune.records import DEFAULT, TUNED
from dicetune.reporting.figures import Axis, Strip, colours, mark_of, nice_scale, stacked

CLASSES_SHOWN, MOST_CLASSES = 12, 100
"""Classes whose bars are shown at first, and at most; the table holds all classes."""

LABELS_SHOWN = 15
"""Labels of the data that are shown at once; the page folds further labels."""

OUTLIER = 1.5
"""A run is marked that took this many times as long as the median run of its loss, or as short."""

RIGHT, WRONG, MISSED = "right", "wrong", "missed"
_MOST_OTHER = 3
_RATIOS = ("precision", "recall", "f1")

Summary = Mapping[str, Any]
Rows = list[dict[str, Any]]


def score_table(summary: Summary) -> dict[str, Any]:
    """Axis, columns and rows of the table of scores."""
    competitors = summary["competitors"]
    bounds, decimals = _intervals(competitors)
    values = [score for row in competitors for score in row["scores"]] + bounds
    scale = nice_scale([100 * value for value in values], parts=5, within=(0.0, 100.0))
    # further metrics: precision and recall before all others
    others = list(dict.fromkeys(name for row in competitors for name in row["other"]))
    others = sorted(others, key=lambda name: name not in ("precision", "recall"))[:_MOST_OTHER]
    palette = colours(summary)
    means = {row["name"]: row["mean"] for row in competitors}

    def points(score: float | None) -> str:
        return numbers.points(score, decimals)

    rows = []
    for row in competitors:
        interval = numbers.interval(row["interval"], decimals)
        label = f"mean {points(row['mean'])}, seeds {', '.join(map(points, row['scores']))}"
        label += f", 95% interval {interval}" if row["interval"] else ""
        rows.append(
            {
                **{name: row[name] for name in ("name", "loss", "decision", "foreign")},
                "objective": row["objective"] if row["objective"] != row["loss"] else None,
                "colour": palette[row["loss"]],
                "mark": mark_of(row),
                "strip": Strip.of(scale, row, row["scores"], row["mean"], label, points),
                "mean": points(row["mean"]),
                "value": row["mean"],
                "interval": interval,
                "other": [points(row["other"].get(name)) for name in others],
                "other_values": [row["other"].get(name, 0.0) for name in others],
                "members": len(row.get("members", ())),
                "seeds": len(row["seeds"]) or len(row.get("members", ())),
                "time": numbers.duration(row["seconds"]),
                "seconds": row["seconds"] or 0.0,
                "is_baseline": row["name"] == summary["baseline"],
            }
        )
    return {
        "axis": Axis.of(scale, None if summary["single"] else means.get(summary["baseline"])),
        "others": [name.replace("_", " ") for name in others],
        "other_names": others,
        "rows": rows,
        "with_interval": bool(bounds),
    }


def difference_table(summary: Summary) -> dict[str, Any]:
    """Axis and rows of the table of differences from the baseline."""
    comparisons = summary["comparisons"]
    bounds, decimals = _intervals(comparisons)
    values = [0.0, *bounds, *(row["difference"] for row in comparisons)]
    values += [value for row in comparisons for value in row["seed_differences"]]
    scale = nice_scale([100 * value for value in values], parts=5)
    palette = colours(summary)

    def signed(difference: float) -> str:
        return numbers.signed(difference, decimals)

    rows = []
    for row in comparisons:
        middle = row["difference"]
        interval = numbers.interval(row["interval"], decimals, sign=True)
        label = f"{signed(middle)} points" + (f", {interval}" if row["interval"] else "")
        rows.append(
            {
                **row,
                "colour": palette[row["loss"]],
                "mark": mark_of(row),
                "strip": Strip.of(scale, row, row["seed_differences"], middle, label, signed),
                "points": signed(middle),
                "bounds": interval,
            }
        )
    return {"axis": Axis.of(scale, 0.0), "rows": rows, "with_interval": bool(bounds)}


def _intervals(rows: Sequence[Summary]) -> tuple[list[float], int]:
    """The bounds of all intervals, and the decimals that numbers beside them need."""
    intervals = [row["interval"] for row in rows if row["interval"]]
    bounds = [bound for interval in intervals for bound in interval]
    return bounds, numbers.decimals_for([high - low for low, high in intervals])


def effect_table(summary: Summary) -> dict[str, Any]:
    """Effect sizes: name and explanation of each column, and a row for each interval."""
    several = summary["sampled_title"]
    heads = [
        ("sign-flip p", f"exact test over seeds alone, on these very {several}"),
        ("Hedges g", "the difference in standard deviations of a run"),
        ("wins", "chance that a run of the first beats a run of the second"),
        ("error gone", f"part of 100 − {summary['metric_title']} of the second that is gone"),
        (
            f"variance from seeds / {several} / both",
            "where the uncertainty of the difference comes from",
        ),
        ("detectable", "smallest true difference that is found with a chance of 80%, in points"),
        ("seeds needed", "to find a difference as large as was seen"),
    ]
    rows = [
        {
            "name": row["name"],
            "baseline": row["baseline"],
            "cells": [
                row["sign_flip"].get("reason") or numbers.chance(row["sign_flip"]["p"]),
                numbers.plain(row["effect"]["hedges_g"]),
                _share(row["effect"]["superiority"]),
                _share(row["effect"]["error_reduction"]),
                " / ".join(_share(row["shares"][part]) for part in ("seeds", "examples", "both")),
                numbers.points(row["detectable"]),
                numbers.MISSING if row["seeds_needed"] is None else str(row["seeds_needed"]),
            ],
        }
        for row in summary["comparisons"]
        if row["interval"] is not None
    ]
    return {"heads": heads, "rows": rows}


def _share(share: float | None) -> str:
    return numbers.MISSING if share is None else f"{numbers.points(share, 0)}%"


def class_bars(summary: Summary) -> dict[str, Any]:
    """The classes with one bar a loss, in the order of the largest difference among the rare.

    Rare are the classes with at most the median number of items in gold. They come first, those on
    which the losses are furthest apart before others, then the frequent classes in the same order.
    The losses are compared by their tuned decisions where they have them; of one loss, its two
    decisions are.
    """
    competitors = [row for row in summary["competitors"] if row["per_class"]]
    scores = {c["name"]: {row["name"]: row for row in c["per_class"]} for c in competitors}
    support = {row["name"]: row["support"] for c in competitors for row in c["per_class"]}
    total, rare = sum(support.values()), median(support.values()) if support else 0
    palette = colours(summary)
    plain = [row for row in competitors if row["decision"] == DEFAULT]
    tuned = {
        row["loss"]: scores[row["name"]]
        for row in competitors
        if row["decision"] == TUNED and not row.get("members")
    }
    told = [tuned.get(row["loss"], scores[row["name"]]) for row in plain]
    if len(plain) == 1:
        told = [scores[plain[0]["name"]], *tuned.values()]
    values = {name: [one[name]["f1"] if name in one else 0.0 for one in told] for name in support}
    apart = {name: round(max(f1) - min(f1), 6) for name, f1 in values.items()}
    names = sorted(
        support,
        key=lambda name: (not 0 < support[name] <= rare, -apart[name], support[name]),
    )
    shown = [
        {
            "name": name,
            "count": support[name],
            "support": numbers.count(support[name]),
            "share": numbers.points(support[name] / total) if total else numbers.MISSING,
            "bars": [
                _bar(
                    row["loss"],
                    palette[row["loss"]],
                    scores[row["name"]].get(name),
                    tuned.get(row["loss"], {}).get(name),
                )
                for row in plain
            ],
        }
        for name in names[:MOST_CLASSES]
    ]
    rows = [
        {
            "class": name,
            "support": support[name],
            "competitor": competitor,
            **{ratio: classes[name][ratio] for ratio in _RATIOS},
        }
        for name in names
        for competitor, classes in scores.items()
        if name in classes
    ]
    found = {"shown": shown, "first": CLASSES_SHOWN, "total": len(names), "rare": int(rare)}
    return {**found, "unit": summary["class_unit"], "rows": rows}


def _bar(loss: str, colour: str, row: Summary | None, tuned: Summary | None) -> dict[str, Any]:
    """One bar: mean F1 of the plain decision, its seeds, and where the tuned decision is."""
    f1 = row["f1"] if row else 0.0
    seeds = [round(100 * score, 2) for score in (row["f1_seeds"] if row else [])]
    tuned_text = None if tuned is None else numbers.points(tuned["f1"])
    label = f"{loss}: F1 {numbers.points(f1)}"
    return {
        "loss": loss,
        "colour": colour,
        "width": round(100 * f1, 2),
        "mean": numbers.points(f1),
        "dots": list(zip(seeds, (3 * up for up in stacked(seeds, 1.0)), strict=True)),
        "tuned": None if tuned is None else round(100 * tuned["f1"], 2),
        "tuned_text": tuned_text,
        "label": label if tuned is None else f"{label}, tuned {tuned_text}",
    }


def item_rows(summary: Summary) -> dict[str, Any]:
    """Items with their readings marked, and the competitors that can be chosen in the filters."""
    palette = colours(summary)
    shown = [
        {
            **{name: row[name] for name in ("name", "loss", "decision")},
            "colour": palette[row["loss"]],
            "seeds": max(len(row["seeds"]), 1),
        }
        for row in summary["competitors"]
    ]
    rows = [
        {
            **{name: item[name] for name in ("id", "text", "gold")},
            "parts": _parts(item),
            "shares": " ".join(f"{item['right'][row['name']]:g}" for row in shown),
            "competitors": [
                {
                    **row,
                    "right": round(item["right"][row["name"]] * row["seeds"]),
                    "says": _marked(item, row["name"], summary["several_readings"]),
                }
                for row in shown
                if not _repeats(item, row)
            ],
        }
        for item in summary["items"]
    ]
    return {"rows": rows, "competitors": shown, "total": summary["items_differing"]}


def _parts(item: Summary) -> Rows:
    """The text of an item, cut at its spans; "name" is the type of a span, "" of other text."""
    parts, at = [], 0
    for mark in item.get("marks", ()):
        parts.append({"text": item["text"][at : mark["start"]], "name": ""})
        at = mark["end"]
        text = item["text"][mark["start"] : at]
        parts.append({"text": text, "name": mark["name"], "gold": mark["gold"]})
    return [*parts, {"text": item["text"][at:], "name": ""}]


def _repeats(item: Summary, row: Summary) -> bool:
    """Whether a tuned decision says what the plain decision of its loss says."""
    said = item["predicted"]
    return row["decision"] == TUNED and bool(said[row["name"]] == said.get(row["loss"]))


def _marked(item: Summary, name: str, several: bool) -> Rows:
    """Each prediction that seeds made: readings, right or wrong, and the missed readings."""
    gold = set(item["gold"])
    marked = []
    for variant in item["predicted"][name]:
        says = variant["says"]
        if several:
            parts = [(reading, RIGHT if reading in gold else WRONG) for reading in says]
            parts += [(reading, MISSED) for reading in item["gold"] if reading not in says]
        else:
            parts = [(reading, RIGHT if variant["right"] else WRONG) for reading in says]
        marked.append({"parts": parts, "seeds": variant["seeds"]})
    return marked


def data_tables(data: Summary) -> dict[str, Any]:
    """Sizes and oddities of each split, and labels with their shares: one column a split."""
    splits = data["splits"]
    facts = dict.fromkeys(name for split in splits for name in split["facts"])
    names = dict.fromkeys(name for split in splits for name in split["labels"])
    labels = [
        {"name": name, "cells": [_label(split["labels"], name) for split in splits]}
        for name in names
    ]
    return {
        "inspected": data["inspected"],
        "splits": [{"name": split["name"], "source": split["source"]} for split in splits],
        "facts": [
            {"name": name, "cells": [_fact(split["facts"].get(name)) for split in splits]}
            for name in facts
        ],
        "labels": labels[:LABELS_SHOWN],
        "more_labels": labels[LABELS_SHOWN:],
        "labels_title": data["labels_title"],
        "ratios": [
            {
                "split": split["name"],
                "value": f"{ratio['value']:.1f}",
                "counts": f"{numbers.count(ratio['many'])} : {numbers.count(ratio['few'])}",
                "meaning": ratio["meaning"],
            }
            for split in splits
            if (ratio := split["ratio"])
        ],
        "leaks": data["leaks"],
        "conflicts": data["conflicts"],
        "examples": data["conflict_examples"],
        "warnings": data["warnings"],
        "notes": [(split["name"], _note(note)) for split in splits for note in split["notes"]],
    }


def _label(labels: Mapping[str, int], name: str) -> dict[str, Any]:
    """How often a split has a label, and its share; nothing where labels are not known."""
    total, count = sum(labels.values()), labels.get(name, 0)
    if not total:
        return {"count": numbers.MISSING, "share": None, "width": 0.0}
    return {
        "count": numbers.count(count),
        "share": numbers.points(count / total),
        "width": round(100 * count / total, 2),
    }


def _fact(value: int | float | str | None) -> str:
    if value is None:
        return numbers.MISSING
    if isinstance(value, float):
        return f"{numbers.points(value)}%"
    return numbers.count(value) if isinstance(value, int) else value


def _note(note: Summary) -> str:
    """A note of a reader: the rule, how often, and the first places."""
    places = f"; first at {', '.join(note['places'])}" if note["places"] else ""
    return f"{note['rule']} ({note['count']}{places})"


def run_facts(how: Summary) -> dict[str, Any]:
    """How the comparison was run: command, budget, versions, and the state of each run."""
    runs = how["cells"]
    done = [run for run in runs if run["state"] == "done"]
    total = numbers.duration(sum(run["seconds"] for run in done))
    facts = [
        ("model", _model(how["model"])),
        ("steps of a run", _span([run["steps"] for run in done])),
        ("evaluations on dev", _span([run["evaluations"] for run in done])),
        ("time of all runs", f"{total} on {', '.join(how['device'])}"),
    ]
    if how["search"] is not None:
        facts.append(("search", f"{how['search']['trials']} trials of each loss"))
    groups = {"": how["settings"], "option ": how["options"], "trainer.": how["trainer"]}
    return {
        **{name: how[name] for name in ("command", "versions", "foreign", "notes")},
        "facts": facts,
        "files": [
            {**file, "split": split, "examples": numbers.count(file["examples"])}
            for split, file in how["files"].items()
        ],
        "settings": {
            f"{group}{name}": value
            for group, values in groups.items()
            for name, value in values.items()
        },
        "seeds": list(dict.fromkeys(run["seed"] for run in runs)),
        "grid": _grid(runs),
        "planned": len(runs),
        "done": len(done),
        "missing": [run for run in runs if run["state"] != "done"],
    }


def _grid(runs: Sequence[Summary]) -> dict[str, dict[int, dict[str, Any]]]:
    """For each loss and seed the state of its run, and how long it took."""
    grid: dict[str, dict[int, dict[str, Any]]] = {}
    times: dict[str, list[float]] = {}
    for run in runs:
        if run["state"] == "done":
            times.setdefault(run["loss"], []).append(run["seconds"])
    for run in runs:
        shown, odd = run["state"], None
        if shown == "done":
            middle = median(times[run["loss"]])
            shown, times_of = numbers.duration(run["seconds"]), run["seconds"] / (middle or 1.0)
            if not 1 / OUTLIER <= times_of <= OUTLIER:
                odd = f"{times_of:.1f} times the median of {run['loss']}"
        grid.setdefault(run["loss"], {})[run["seed"]] = {**run, "shown": shown, "odd": odd}
    return grid


def _model(model: Summary) -> str:
    parts = [model["name"] or "unnamed"]
    if model["parameters"]:
        parts.append(f"{model['parameters'] / 1e6:.1f} million parameters")
    if model["sha256"]:
        parts.append(f"SHA-256 {model['sha256'][:12]}…")
    return ", ".join(parts)


def _span(values: Sequence[int]) -> str:
    """One number where it is the same for all runs, else the range."""
    if not values:
        return numbers.MISSING
    low, high = min(values), max(values)
    if len(values) == 1:
        return numbers.count(low)
    if low == high:
        return f"{numbers.count(low)}, the same for all"
    return f"{numbers.count(low)} to {numbers.count(high)}: not the same for all"
