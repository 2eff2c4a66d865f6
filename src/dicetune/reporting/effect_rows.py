"""Rows of the table of effect sizes: how large, what it varies with, and what could be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dicetune import numbers


def effect_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a comparison that has an interval, as text.

    Args:
        summary: of the comparison.
    """
    return [
        {
            "name": own["name"],
            "baseline": own["baseline"],
            "cells": [
                _sign_flip(own["sign_flip"]),
                numbers.plain(own["effect"]["hedges_g"]),
                _share(own["effect"]["superiority"]),
                _share(own["effect"]["error_reduction"]),
                " / ".join(_share(own["shares"][part]) for part in ("seeds", "examples", "both")),
                numbers.points(own["detectable"]),
                _seeds(own["seeds_needed"]),
            ],
        }
        for own in summary["comparisons"]
        if own["interval"] is not None
    ]


def effect_heads(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and explanation of each column.

    Args:
        summary: of the comparison.
    """
    several = summary["sampled_title"]
    return [
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


def _sign_flip(found: Mapping[str, Any]) -> str:
    return numbers.chance(found["p"]) if "p" in found else str(found["reason"])


def _share(share: float | None) -> str:
    return numbers.MISSING if share is None else f"{numbers.points(share, 0)}%"


def _seeds(number: int | None) -> str:
    return numbers.MISSING if number is None else str(number)
