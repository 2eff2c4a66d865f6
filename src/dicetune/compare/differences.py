"""Differences between competitors: who is compared with whom, and what the statistics say.

Every plain decision, the baseline's tuned one and every foreign tool is compared with the baseline
as it is; every other tuned decision with the baseline's tuned one. So a gain that a decision rule
alone would give is never counted as one of the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dicetune.compare.competitors import Competitor, Field
from dicetune.compare.naming import TUNED, competitor_name


@dataclass(frozen=True)
class Differences:
    """What the statistics say of all competitors.

    Args:
        rows: one a comparison, as ``summary.json`` has them.
        verdict: in sentences, the most important first.
        intervals: of each competitor's own score, by name.
        descriptive: whether there are too few seeds for a conclusion.
        method: how it was judged, in sentences.
    """

    rows: list[dict[str, Any]]
    verdict: list[str]
    intervals: dict[str, list[float] | None]
    descriptive: bool
    method: list[str]


def differences(field: Field, baseline: str) -> Differences:
    """Compare the competitors of a field with its baseline.

    Args:
        field: all competitors on the test set.
        baseline: name of a loss, or of a foreign competitor.
    """
    rows = [_row(field, own, other) for own, other in compared(field, baseline)]
    return Differences(rows, [_said(row) for row in rows], {}, True, [])


def compared(field: Field, baseline: str) -> list[tuple[Competitor, Competitor]]:
    """Pairs of a competitor and what it is compared with."""
    plain = field.named(baseline)
    tuned = field.named(competitor_name(baseline, TUNED))
    if plain is None:
        return []
    pairs = []
    for own in field.competitors:
        other = tuned if own.decision == TUNED and own is not tuned and tuned is not None else plain
        if own is not other:
            pairs.append((own, other))
    return pairs


def _row(field: Field, own: Competitor, other: Competitor) -> dict[str, Any]:
    metric = field.counting.metrics[0]
    scores, others = (field.counting.score(one.counts.sum(1), metric) for one in (own, other))
    by_seed = dict(zip(other.seeds, others, strict=False))
    common = [seed for seed in own.seeds if seed in by_seed]
    paired = dict(zip(own.seeds, scores, strict=False))
    return {
        "name": own.name,
        "baseline": other.name,
        "difference": float(np.mean(scores) - np.mean(others)),
        "seeds": common,
        "seed_differences": [float(paired[seed] - by_seed[seed]) for seed in common],
        "interval": None,
        "p": None,
        "p_holm": None,
        "sign_flip": {"reason": "not computed"},
        "effect": {},
        "detectable": None,
        "seeds_needed": None,
        "verdict": "not judged",
    }


def _said(row: dict[str, Any]) -> str:
    points = 100 * row["difference"]
    return f"{row['name']}: {points:+.1f} points against {row['baseline']}, not judged."
