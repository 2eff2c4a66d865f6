"""The units that one competitor gets right and another wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dicetune.comparison.results import Competitor, Results
from dicetune.problems.base import is_unspaced

MOST = 500
"""Units that are kept, those on which competitors differ most first."""

LONGEST = 2000
"""Characters of a text that are kept."""


def differing_items(results: Results, most: int = MOST) -> tuple[list[dict[str, Any]], int]:
    """The units on which the share of seeds that are right differs between competitors.

    A unit is right where all of it is: every entity of a sentence, every label of a text. An answer
    is right where it is an exact match.

    Args:
        results: all competitors on the test set.
        most: units that are kept; those whose shares are furthest apart come first.

    Returns:
        The units, and how many there are in all.
    """
    right = {
        competitor.name: np.array(
            [
                results.problem.right_units(results.rows, predicted, counts)
                for predicted, counts in zip(competitor.predicted, competitor.counts, strict=True)
            ],
            dtype=float,
        )
        for competitor in results.competitors
    }
    shares = np.stack([seeds.mean(axis=0) for seeds in right.values()])
    apart = shares.max(axis=0) - shares.min(axis=0)
    order = np.argsort(-apart, kind="stable")
    chosen = [int(unit) for unit in order if apart[unit] > 0]
    return [_item(results, right, unit) for unit in chosen[:most]], len(chosen)


def _item(results: Results, right: dict[str, np.ndarray], unit: int) -> dict[str, Any]:
    row = results.rows[unit]
    gold = list(results.problem.readings(row, row["gold"]))
    predicted = {
        competitor.name: _variants(results, competitor, right[competitor.name], unit)
        for competitor in results.competitors
    }
    if results.problem.misses_only:
        variants = [variant for found in predicted.values() for variant in found]
        missed = {reading for variant in variants for reading in {*gold} ^ {*variant["says"]}}
        gold = [reading for reading in gold if reading in missed]
        for variant in variants:
            variant["says"] = [reading for reading in variant["says"] if reading in missed]
    return {
        "id": str(row["id"]),
        "text": text_of(row),
        "gold": gold,
        "predicted": predicted,
        "right": {name: round(float(seeds[:, unit].mean()), 4) for name, seeds in right.items()},
    }


def _variants(
    results: Results, competitor: Competitor, right: np.ndarray, unit: int
) -> list[dict[str, Any]]:
    """What the seeds of a competitor say, the most common first."""
    row = results.rows[unit]
    found: dict[tuple[tuple[str, ...], bool], int] = {}
    for predicted, is_right in zip(competitor.predicted, right[:, unit], strict=True):
        said = results.problem.readings(row, predicted[unit]), bool(is_right)
        found[said] = found.get(said, 0) + 1
    ordered = sorted(found.items(), key=lambda variant: -variant[1])
    return [
        {"says": list(says), "right": is_right, "seeds": count}
        for (says, is_right), count in ordered
    ]


def text_of(row: Mapping[str, Any]) -> str:
    r"""The text of a row, the second text of a pair on a line of its own.

    Example:
        >>> text_of({"tokens": ["Dock", "four"]}), text_of({"text": "up?", "text_b": "is it up?"})
        ('Dock four', 'up?\nis it up?')
    """
    tokens = row.get("tokens")
    if tokens is not None:
        text = ("" if is_unspaced(tokens) else " ").join(tokens)
    else:
        parts = (row.get(key) for key in ("question", "text", "text_b"))
        text = "\n".join(str(part) for part in parts if part)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
