r"""Ratios of counts: precision, recall, F1, curves; a ratio with the denominator 0 is 0.

.. math::
    P_c = \frac{\text{correct}_c}{\text{predicted}_c}, \quad
    R_c = \frac{\text{correct}_c}{\text{gold}_c}, \quad
    F_{1,c} = \frac{2\,\text{correct}_c}{\text{predicted}_c + \text{gold}_c}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

Counts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Correct, predicted and gold items."""


def ratio(part: Any, whole: Any) -> np.ndarray:
    """Part by whole, 0 where the whole is 0."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    found: np.ndarray = np.divide(
        part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole != 0
    )
    return found


def precision_recall_f1(correct: Any, predicted: Any, gold: Any) -> Counts:
    """Precision, recall and F1 of counts.

    Example:
        >>> [float(value) for value in precision_recall_f1(1.0, 2.0, 1.0)]
        [0.5, 1.0, 0.6666666666666666]
    """
    both = np.asarray(predicted) + np.asarray(gold)
    return ratio(correct, predicted), ratio(correct, gold), ratio(2 * np.asarray(correct), both)


def named_ratio(correct: Any, predicted: Any, gold: Any, name: str) -> np.ndarray:
    """Precision, recall or F1, by the name of a metric."""
    names = ("precision", "recall", "f1")
    return precision_recall_f1(correct, predicted, gold)[names.index(name)]


def counted(correct: Any, predicted: Any, gold: Any) -> dict[str, Any]:
    """Counts and their scores, as ``metrics.json`` has them."""
    precision, recall, f1 = map(float, precision_recall_f1(correct, predicted, gold))
    return {
        "correct": int(correct),
        "predicted": int(predicted),
        "support": int(gold),
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


Z95 = 1.959964
"""Half the width of a 95% interval, in standard errors."""


def wilson(share: float, half: float, wide: float) -> tuple[float, float]:
    """Wilson's interval of a share: every τ with (share - τ)² <= wide · τ(1 - τ).

    It is right for few items and near 0 and 1 as well. ``half`` is half the width of the plain
    interval; ``wide`` is z² / n for a share of n items.

    Example:
        >>> [round(bound, 3) for bound in wilson(0.8, 1.96 * 0.4 / 10**0.5, 1.96**2 / 10)]
        [0.49, 0.943]

    References:
        Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    middle = (share + wide / 2) / (1 + wide)
    reach = (half**2 + wide**2 / 4) ** 0.5 / (1 + wide)
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def label_table(classes: Iterable[str], blocks: Counts) -> dict[str, dict[str, Any]]:
    """Scores of each class that occurs, sorted by name."""
    found = {}
    for name, correct, predicted, gold in sorted(zip(classes, *blocks, strict=True)):
        if predicted or gold:
            scores = map(float, precision_recall_f1(correct, predicted, gold))
            row: dict[str, Any] = dict(zip(("precision", "recall", "f1"), scores, strict=True))
            found[name] = {**row, "support": int(gold), "predicted": int(predicted)}
    return found


def average_precision(truth: np.ndarray, scores: np.ndarray) -> float | None:
    r"""The area under the precision-recall curve by steps; ``None`` without a right item.

    .. math:: \text{AP} = \sum_n (R_n - R_{n-1}) P_n

    over the different scores from the highest down, without a threshold and without interpolation.
    """
    truth, scores = np.ravel(truth).astype(bool), np.ravel(scores)
    if not truth.any():
        return None
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    right = np.cumsum(truth[order])[ends]
    gains = np.diff(right, prepend=0)
    return float((gains * right / (ends + 1)).sum() / truth.sum())


def ranked(
    scores: np.ndarray,
    truth: np.ndarray,
    last: int | None = None,
    gold: int | None = None,
    steps: int = 120,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correct, predicted and gold items where the k highest scores are positive.

    Among equal scores the correct items are spread evenly, as their order is arbitrary.

    Args:
        scores: of all items.
        truth: whether each is right.
        last: the largest k; by default, and at most, all items.
        gold: number of right items, if some have no score here.
        steps: points of the curve.
    """
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order])
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))[: len(scores)] + 1
    places = np.unique(np.linspace(1, last or len(scores), steps).round().astype(int))
    predicted = np.minimum(places, len(scores)).astype(float)
    correct = np.interp(predicted, np.append(0, ends), np.append(0, right[ends - 1]))
    return correct, predicted, np.full(len(places), float(truth.sum() if gold is None else gold))
