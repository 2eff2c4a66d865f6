"""Task: text to tensors and back, for one kind of problem.

A task knows its columns, how texts become model inputs, which ``LossInput``s the outputs are, and
how log-probabilities become predictions and scores. It never sees a loss. Members stand in the
order in which data flows through them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from dicetune.loss_input import LossInput

Scores = dict[str, Any]
"""Metric names to numbers; one level of tables ("per_type") is allowed."""


@dataclass(frozen=True)
class Encoded:
    """Model inputs of one split, with the way back to its texts.

    Args:
        features: one mapping of lists a window, in the order in which they are fed.
        back: whatever the task needs to put predictions back in place.
        facts: counts for the record: sub-words, unknown ones, windows.
    """

    features: list[dict[str, list[int]]]
    back: Any
    facts: dict[str, Any]


class Task(Protocol):
    """What the trainer, the command line and the predictor ask of a task."""

    name: str
    labels: tuple[str, ...]
    main_metric: str
    auto_class: Any

    def encode(self, texts: Sequence[Any], tokenizer: Any, max_length: int) -> Encoded:
        """Turn texts into windows of sub-words."""

    def loss_inputs(self, outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        """Say what the outputs of a batch should have been."""

    def item_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Count the items of each of ``loss_inputs`` from the labels alone."""

    def shrink(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Reduce outputs to what decoding needs, before they are gathered."""

    def decode(self, outputs: np.ndarray, encoded: Encoded) -> list[np.ndarray]:
        """Put window outputs back together: log-probabilities for each text."""

    def predict(self, scores: Sequence[np.ndarray]) -> list[Any]:
        """Decide: log-probabilities to predictions."""

    def score(self, texts: Sequence[Any], predictions: Sequence[Any]) -> Scores:
        """Compare predictions with the gold of ``texts``."""
