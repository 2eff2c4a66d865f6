"""Decisions: what is predicted for all units, and counted, as a function of a few biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from dicetune.decide.steps import Steps
from dicetune.metrics.counting import Counting

Biases = Mapping[str, float]
"""By name; a name that is not there has the bias 0, which is the default decision."""


class Decisions(Protocol):
    """The decisions on some units whose gold is known.

    Members:
        names: of the biases, in the order in which they are searched.
        counting: how predictions are scored.
        notes: what a user should hear of.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """See above; an attribute will do."""

    @property
    def counting(self) -> Counting:
        """See above."""

    @property
    def notes(self) -> tuple[str, ...]:
        """See above."""

    @staticmethod
    def apply(
        scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """The scores with the biases on them, float64; nothing else is changed."""

    def predicted(self, biases: Biases) -> list[Any]:
        """What is predicted for each unit, as ``predictions.jsonl`` has it."""

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each unit, (U, M)."""

    def steps(self, name: str, biases: Biases) -> Steps:
        """Counts as functions of the bias ``name`` alone, the others as they are."""

    def present(self, keep: np.ndarray) -> list[str]:
        """The names whose bias the kept units say something about; keep is (U,) bool."""


class Fixed:
    """Decisions that no bias moves, and why.

    Args:
        reason: one sentence.
        counting: how predictions are scored.
    """

    names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, reason: str, counting: Counting) -> None:
        self.reason = reason
        self.counting = counting

    @staticmethod
    def apply(
        scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """The scores as they are."""
        return list(scores)
