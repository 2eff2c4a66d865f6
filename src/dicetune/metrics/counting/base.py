"""Counting: the counts of each unit that a kind's scores are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from dicetune.errors import InputError, unknown_name
from dicetune.metrics.counting.by_class import ClassRow


class Counting(Protocol):
    """Counts of units, additive, and the scores of their sums.

    Members:
        kind: of the predictions.
        columns: names of the M counts.
        metrics: scores that summed counts give, the headline first.
    """

    kind: ClassVar[str]
    columns: tuple[str, ...]
    metrics: tuple[str, ...]

    @classmethod
    def of(cls, problem: Mapping[str, Any], gold: Sequence[Any], predicted: Sequence[Any]) -> Self:
        """The counting of a problem, with the classes that the rows show beside its own."""

    def counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Counts of each unit, (U, M) float64.

        Raises:
            InputError: unequal lengths, or a class that the problem does not have.
        """

    def score(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """The score of summed counts, (..., M) to (...); a fraction, 0 where undefined.

        Raises:
            InputError: a metric that the counts do not give.
        """

    def per_class(self, sums: np.ndarray) -> list[ClassRow]:
        """Scores of each class that occurs, for one vector of sums; empty without classes."""


def headline_first(metrics: Sequence[str], headline: str | None) -> tuple[str, ...]:
    """The metrics with the problem's own in front.

    Raises:
        InputError: a headline that is none of them.

    Example:
        >>> headline_first(["f1", "precision", "recall"], "recall")
        ('recall', 'f1', 'precision')
    """
    if headline is None:
        return tuple(metrics)
    if headline not in metrics:
        raise unknown_name("metric", headline, metrics)
    return (headline, *(name for name in metrics if name != headline))


def check_metric(metric: str, metrics: Sequence[str]) -> None:
    """Refuse a metric that the counts do not give."""
    if metric not in metrics:
        raise unknown_name("metric", metric, metrics)


def check_pairs(gold: Sequence[Any], predicted: Sequence[Any]) -> None:
    """Refuse unequal numbers of rows."""
    if len(gold) != len(predicted):
        raise InputError(
            f"expected {len(gold)} predictions, one for each gold row, got {len(predicted)}"
        )


def check_words(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse rows of tags that do not pair up."""
    check_pairs(gold, predicted)
    for number, (right, own) in enumerate(zip(gold, predicted, strict=True)):
        if len(right) != len(own):
            raise InputError(
                f"row {number}: expected {len(right)} predicted tags, one for each gold tag, got "
                f"{len(own)}"
            )
