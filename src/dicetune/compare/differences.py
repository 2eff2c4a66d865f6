"""Differences between competitors: who is compared with whom, and what the statistics say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dicetune.compare.competitors import Field


@dataclass(frozen=True)
class Differences:
    """What the statistics say of all competitors."""

    rows: list[dict[str, Any]]
    verdict: list[str]
    intervals: dict[str, list[float] | None]
    descriptive: bool
    method: list[str]


def differences(field: Field, baseline: str) -> Differences:
    """Placeholder until the statistics are merged."""
    return Differences([], [], {}, True, [])
