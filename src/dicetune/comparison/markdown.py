"""The summary as Markdown: verdict, scores, differences, each class; for a README or a ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dicetune import numbers


def markdown(summary: Mapping[str, Any]) -> str:
    """The tables of a summary.

    Args:
        summary: as ``summarise`` returns it.
    """
    parts = [f"# {_text(summary['title'])}"]
    if summary["verdict"]:
        parts.append("\n".join(f"- {_text(sentence)}" for sentence in summary["verdict"]))
    parts.append(
        f"{_text(summary['metric_title'])} on {summary['split']}, in percent, "
        f"{numbers.count(summary['units'])} {summary['units_title']}; intervals are 95%."
    )
    parts.append(_scores(summary))
    if summary["comparisons"]:
        parts.append(_differences(summary))
    if any(own["per_class"] for own in summary["competitors"]):
        parts.append(f"F1 of each class (support: {summary['class_unit']})")
        parts.append(_classes(summary))
    return "\n\n".join(parts) + "\n"


def _scores(summary: Mapping[str, Any]) -> str:
    rows = [
        [
            own["name"],
            numbers.points(own["mean"]),
            numbers.interval(own["interval"]),
            " ".join(numbers.points(score) for score in own["scores"]),
            numbers.duration(own["seconds"]),
        ]
        for own in summary["competitors"]
    ]
    return table(["objective", "mean", "interval", "of each seed", "time of a run"], rows)


def _differences(summary: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{own['name']} − {own['baseline']}",
            numbers.signed(own["difference"]),
            numbers.interval(own["interval"], sign=True),
            numbers.chance(own["p_holm"]),
            numbers.points(own["detectable"]),
            own["verdict"],
        ]
        for own in summary["comparisons"]
    ]
    return table(["difference", "points", "interval", "p (Holm)", "detectable", "verdict"], rows)


def _classes(summary: Mapping[str, Any]) -> str:
    competitors = summary["competitors"]
    support = {row["name"]: row["support"] for own in competitors for row in own["per_class"]}
    found = [{row["name"]: row["f1"] for row in own["per_class"]} for own in competitors]
    rows = [
        [name, numbers.count(support[name]), *(numbers.points(own.get(name)) for own in found)]
        for name in support
    ]
    return table(["class", "support", *(own["name"] for own in competitors)], rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""A Markdown table, first column to the left and all others to the right.

    Example:
        >>> print(table(["loss", "F1"], [["ce|dice", "41.2"]]))
        | loss | F1 |
        |---|---:|
        | ce\|dice | 41.2 |
    """
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    text = ["| " + " | ".join(map(_text, line)) + " |" for line in lines]
    text[1] = text[1].replace(" ", "")
    return "\n".join(text)


def _text(value: Any) -> str:
    """Text that Markdown prints as it is, on one line."""
    text = " ".join(str(value).split())
    for mark in ("\\", "|", "`", "*", "<", "["):
        text = text.replace(mark, "\\" + mark)
    return text
