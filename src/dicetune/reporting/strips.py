"""Rows of the tables of scores and differences: numbers, and a strip of seeds and interval each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicetune import numbers
from dicetune.reporting.colours import colours, mark_of
from dicetune.reporting.figures import Scale, nice_scale, stacked, tick_text

_FROM, _TO = 4.0, 96.0
"""A strip's scale, in percent of its width: marks at its ends are not cut off."""

_DOT = 2.2
"""Width of a dot, in the same unit."""

_ROWS_APART = 5
_MOST_OTHER = 3


@dataclass(frozen=True)
class Strip:
    """Places along one strip, in percent of its width; ``offset`` is in pixels from the middle."""

    dots: list[tuple[float, int, str]]
    middle: float
    interval: tuple[float, float] | None
    label: str


@dataclass(frozen=True)
class Axis:
    """What all strips of a table share: ticks, and the line that they are read against."""

    ticks: list[tuple[float, str]]
    reference: float | None


def score_table(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Axis, columns and rows of the table of scores."""
    competitors = summary["competitors"]
    decimals = _decimals(own["interval"] for own in competitors)
    values = [score for own in competitors for score in own["scores"]]
    values += [bound for own in competitors for bound in own["interval"] or ()]
    scale = nice_scale((100 * value for value in values), parts=5, within=(0.0, 100.0))
    others = _others(summary)
    palette = colours(summary)
    baseline = next((own for own in competitors if own["name"] == summary["baseline"]), None)
    rows = [
        {
            "name": own["name"],
            "loss": own["loss"],
            "decision": own["decision"],
            "foreign": own["foreign"],
            "objective": own["objective"] if own["objective"] != own["loss"] else None,
            "colour": palette[own["loss"]],
            "mark": mark_of(own),
            "strip": _strip(scale, own, decimals),
            "mean": numbers.points(own["mean"], decimals),
            "value": own["mean"],
            "interval": numbers.interval(own["interval"], decimals),
            "other": [numbers.points(own["other"].get(name), decimals) for name in others],
            "other_values": [own["other"].get(name, 0.0) for name in others],
            "seeds": len(own["seeds"]),
            "time": numbers.duration(own["seconds"]),
            "seconds": own["seconds"] or 0.0,
            "is_baseline": own["name"] == summary["baseline"],
        }
        for own in competitors
    ]
    reference = None if baseline is None else scale.place(100 * baseline["mean"], _FROM, _TO)
    return {
        "axis": Axis(_axis_ticks(scale), reference),
        "others": [name.replace("_", " ") for name in others],
        "rows": rows,
        "with_interval": any(own["interval"] for own in competitors),
    }


def difference_table(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Axis and rows of the table of differences from the baseline."""
    comparisons = summary["comparisons"]
    decimals = _decimals(own["interval"] for own in comparisons)
    values = [0.0, *(own["difference"] for own in comparisons)]
    values += [value for own in comparisons for value in own["seed_differences"]]
    values += [bound for own in comparisons for bound in own["interval"] or ()]
    scale = nice_scale((100 * value for value in values), parts=5)
    palette = colours(summary)
    known = {own["name"]: own for own in summary["competitors"]}
    rows = []
    for own in comparisons:
        competitor = known[own["name"]]
        interval = own["interval"]
        middle = scale.place(100 * own["difference"], _FROM, _TO)
        rows.append(
            {
                **own,
                "decision": competitor["decision"],
                "colour": palette[competitor["loss"]],
                "mark": mark_of(competitor),
                "strip": Strip(
                    _dots(
                        scale,
                        own["seeds"],
                        own["seed_differences"],
                        lambda value: numbers.signed(value, decimals),
                    ),
                    middle,
                    _ends(scale, interval),
                    f"{numbers.signed(own['difference'], decimals)} points"
                    + (f", {numbers.interval(interval, decimals, sign=True)}" if interval else ""),
                ),
                "points": numbers.signed(own["difference"], decimals),
                "bounds": numbers.interval(interval, decimals, sign=True),
            }
        )
    return {
        "axis": Axis(_axis_ticks(scale), scale.place(0.0, _FROM, _TO)),
        "rows": rows,
        "with_interval": any(own["interval"] for own in comparisons),
    }


def _strip(scale: Scale, own: Mapping[str, Any], decimals: int) -> Strip:
    texts = [numbers.points(score, decimals) for score in own["scores"]]
    bounds = numbers.interval(own["interval"], decimals)
    label = f"mean {numbers.points(own['mean'], decimals)}, seeds {', '.join(texts)}"
    return Strip(
        _dots(scale, own["seeds"], own["scores"], lambda value: numbers.points(value, decimals)),
        scale.place(100 * own["mean"], _FROM, _TO),
        _ends(scale, own["interval"]),
        label + (f", 95% interval {bounds}" if own["interval"] else ""),
    )


def _dots(
    scale: Scale, seeds: Sequence[int], values: Sequence[float], text: Callable[[float], str]
) -> list[tuple[float, int, str]]:
    """One dot a seed; a foreign competitor has no seed and one dot."""
    places = [scale.place(100 * value, _FROM, _TO) for value in values]
    names = [f"seed {seed}" for seed in seeds] or ["all"] * len(values)
    rows = stacked(places, _DOT)
    return [
        (place, _ROWS_APART * row, f"{name}: {text(value)}")
        for place, row, name, value in zip(places, rows, names, values, strict=True)
    ]


def _ends(scale: Scale, interval: Sequence[float] | None) -> tuple[float, float] | None:
    if interval is None:
        return None
    low, high = (scale.place(100 * bound, _FROM, _TO) for bound in interval)
    return low, round(high - low, 2)


def _axis_ticks(scale: Scale) -> list[tuple[float, str]]:
    return [(scale.place(tick, _FROM, _TO), tick_text(tick, scale.ticks)) for tick in scale.ticks]


def _decimals(intervals: Any) -> int:
    return numbers.decimals_for([own[1] - own[0] for own in intervals if own])


def _others(summary: Mapping[str, Any]) -> list[str]:
    """Further metrics that are shown: precision and recall before all others."""
    names = list(dict.fromkeys(name for own in summary["competitors"] for name in own["other"]))
    names.sort(key=lambda name: name not in ("precision", "recall"))
    return names[:_MOST_OTHER]
