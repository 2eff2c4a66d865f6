"""One colour and one mark for each loss and decision, the same in every figure of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLOURS = 8
"""Colours of the style sheet, all told apart by the colour-blind; the baseline has the first."""

MARKS = {"argmax": "circle", "tuned": "diamond"}


def colours(summary: Mapping[str, Any]) -> dict[str, str]:
    """The style class of each loss, the baseline's first; past the last colour they start again.

    Example:
        >>> rows = [{"loss": "ce"}, {"loss": "dice"}, {"loss": "ce"}]
        >>> colours({"competitors": rows, "baseline": "dice"})
        {'dice': 'c0', 'ce': 'c1'}
    """
    losses = list(dict.fromkeys(own["loss"] for own in summary["competitors"]))
    losses.sort(key=lambda loss: loss != summary["baseline"])
    places = (
        number if number < COLOURS else 1 + (number - 1) % (COLOURS - 1)
        for number in range(len(losses))
    )
    return {loss: f"c{place}" for loss, place in zip(losses, places, strict=True)}


def mark_of(competitor: Mapping[str, Any]) -> str:
    """What a competitor's points look like."""
    return "square" if competitor.get("foreign") else MARKS[competitor["decision"]]
