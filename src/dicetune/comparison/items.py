"""The units that one competitor gets right and another wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from dicetune.comparison.competitors import Competitor, Field
from dicetune.comparison.readings import readings, text_of

MOST = 500
"""Units that are kept, those on which competitors differ most first."""


def differing_items(field: Field, most: int = MOST) -> tuple[list[dict[str, Any]], int]:
    """The units on which the share of seeds that are right differs between competitors.

    A unit is right where all of it is: every entity of a sentence, every label of a text. An answer
    is right where it is an exact match.

    Args:
        field: all competitors on the test set.
        most: units that are kept; those whose shares are furthest apart come first.

    Returns:
        The units, and how many there are in all.
    """
    right = {own.name: right_units(field, own) for own in field.competitors}
    shares = np.stack([own.mean(axis=0) for own in right.values()])
    apart = shares.max(axis=0) - shares.min(axis=0)
    order = np.argsort(-apart, kind="stable")
    chosen = [int(unit) for unit in order if apart[unit] > 0]
    return [_item(field, right, unit) for unit in chosen[:most]], len(chosen)


def right_units(field: Field, competitor: Competitor) -> np.ndarray:
    """Whether each seed got each unit right, (S, U) of 0 and 1."""
    if field.problem["kind"] == "answer":
        exact = competitor.counts[..., field.counting.columns.index("exact")]
        right: np.ndarray = (exact == 1).astype(float)
        return right
    gold = [set(readings(field.problem, row, row["gold"])) for row in field.rows]
    return np.array(
        [
            [
                own == row["gold"] or set(readings(field.problem, row, own)) == right
                for row, right, own in zip(field.rows, gold, predicted, strict=True)
            ]
            for predicted in competitor.predicted
        ],
        dtype=float,
    )


def _item(field: Field, right: dict[str, np.ndarray], unit: int) -> dict[str, Any]:
    row = field.rows[unit]
    gold = list(readings(field.problem, row, row["gold"]))
    variants = {own.name: _variants(field, own, right[own.name], unit) for own in field.competitors}
    if field.problem["kind"] in (
        "tags",
        "words",
    ):  # a whole sentence: what nobody misses is left out
        missed = {
            reading
            for own in variants.values()
            for variant in own
            for reading in {*gold} ^ {*variant["says"]}
        }
        gold = [reading for reading in gold if reading in missed]
        for own in variants.values():
            for variant in own:
                variant["says"] = [reading for reading in variant["says"] if reading in missed]
    return {
        "id": str(row["id"]),
        "text": text_of(row),
        "gold": gold,
        "predicted": variants,
        "right": {name: round(float(own[:, unit].mean()), 4) for name, own in right.items()},
    }


def _variants(
    field: Field, competitor: Competitor, right: np.ndarray, unit: int
) -> list[dict[str, Any]]:
    """What the seeds of a competitor say, the most common first."""
    row = field.rows[unit]
    found: dict[tuple[tuple[str, ...], bool], int] = {}
    for predicted, own in zip(competitor.predicted, right[:, unit], strict=True):
        said = readings(field.problem, row, predicted[unit]), bool(own)
        found[said] = found.get(said, 0) + 1
    ordered = sorted(found.items(), key=lambda own: -own[1])
    return [{"says": list(says), "right": own, "seeds": count} for (says, own), count in ordered]
