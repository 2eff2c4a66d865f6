"""Scores as functions of counts that add up over units.

A unit is what the test set was drawn by: a sentence, a text, a question, a document. Each run
leaves a few counts a unit, their sum over the units gives the score, and so the score of any other
choice of units is the score of another sum: it is computed anew, never averaged.

The layouts, all along the last axis:

- classes or entity types: ``(correct, predicted, gold)`` of each, one after the other, 3C columns;
  micro F1 needs one triple alone.
- a mean (exact match and F1 of answers, accuracy): ``(score, 1)``.

A score whose denominator is 0 is 0, as in ``dicetune.metrics``. Average precision is no function of
such sums; ``Runs`` (``compare.runs``) can be built from its scores and influence values directly.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dicetune.errors import InputError

Floats = NDArray[np.float64]
Metric = Callable[[Floats], Floats]
"""Sums ``(..., M)`` to scores ``(...)``."""


def micro_f1(sums: Floats) -> Floats:
    """F1 of the pooled counts: ``2 Σ correct / (Σ predicted + Σ gold)``; of one triple, its F1.

    Example:
        >>> float(micro_f1(np.array([3.0, 4.0, 6.0])))
        0.6
    """
    correct, predicted, gold = _pooled(sums)
    return _ratio(2 * correct, predicted + gold)


def precision(sums: Floats) -> Floats:
    """Micro precision: ``Σ correct / Σ predicted``."""
    correct, predicted, _ = _pooled(sums)
    return _ratio(correct, predicted)


def recall(sums: Floats) -> Floats:
    """Micro recall: ``Σ correct / Σ gold``; with one label a text, accuracy."""
    correct, _, gold = _pooled(sums)
    return _ratio(correct, gold)


def macro_f1(sums: Floats) -> Floats:
    """Mean F1 over the classes that occur, in gold or predicted.

    Example:
        >>> float(macro_f1(np.array([1.0, 1, 1, 1, 4, 4, 0, 0, 0])))
        0.625
    """
    classes = _triples(sums)
    either = classes[..., 1] + classes[..., 2]
    occurring = np.count_nonzero(either, axis=-1)
    return _ratio(_ratio(2 * classes[..., 0], either).sum(axis=-1), occurring)


def matthews(sums: Floats) -> Floats:
    """Matthews correlation over any number of classes, one label a text.

    With c texts right of s, and p_k predicted and t_k gold texts of class k:
    ``(c s - Σ p_k t_k) / sqrt((s² - Σ p_k²)(s² - Σ t_k²))``; 0 where one class has everything.

    Source: Gorodkin, "Comparing two K-category assignments by a K-category correlation
    coefficient", 2004.

    Example:
        >>> round(float(matthews(np.array([1.0, 2, 1, 1, 1, 2]))), 3)
        0.5
    """
    classes = _triples(sums)
    correct, predicted, gold = (classes[..., column] for column in range(3))
    total = gold.sum(axis=-1)
    above = correct.sum(axis=-1) * total - (predicted * gold).sum(axis=-1)
    spread = (total**2 - (predicted**2).sum(axis=-1)) * (total**2 - (gold**2).sum(axis=-1))
    return _ratio(above, np.sqrt(np.maximum(spread, 0)))


def mean(sums: Floats) -> Floats:
    """Mean of the units' scores: ``Σ score / Σ 1``; the layout is ``(score, 1)``.

    Example:
        >>> float(mean(np.array([3.5, 5.0])))
        0.7
    """
    return _ratio(sums[..., 0], sums[..., 1])


def class_f1(number: int) -> Metric:
    """F1 of one class out of 3C columns, by its place from 0.

    Example:
        >>> float(class_f1(1)(np.array([0.0, 0, 9, 3, 4, 6])))
        0.6
    """

    def f1(sums: Floats) -> Floats:
        return micro_f1(sums[..., 3 * number : 3 * number + 3])

    return f1


def by_document(counts: ArrayLike, documents: Sequence[Hashable]) -> Floats:
    """Counts of documents from those of their sentences, in the order of first appearance.

    Sentences of one document are alike: where a test set was drawn by the document, the document
    is the unit, else every interval is too narrow.

    Args:
        counts: ``(seeds, sentences, M)``.
        documents: the document of each sentence.

    Returns:
        ``(seeds, documents, M)``.

    Raises:
        InputError: as many documents as sentences are not given.

    Example:
        >>> by_document([[[1.0], [2.0], [4.0]]], ["a", "b", "a"]).tolist()
        [[[5.0], [2.0]]]
    """
    array = np.asarray(counts, dtype=np.float64)
    if array.ndim != 3 or array.shape[1] != len(documents):
        raise InputError(
            "expected counts (seeds, sentences, M) and the document of each sentence, "
            f"got counts {array.shape} and {len(documents)} documents"
        )
    place: dict[Hashable, int] = {}
    rows = [place.setdefault(document, len(place)) for document in documents]
    summed = np.zeros((array.shape[0], len(place), array.shape[2]))
    np.add.at(summed, (slice(None), np.asarray(rows)), array)
    return summed


def _triples(sums: Floats) -> Floats:
    if sums.shape[-1] % 3:
        raise InputError(
            "expected (correct, predicted, gold) of each class, a multiple of 3 columns, "
            f"got {sums.shape[-1]}"
        )
    return sums.reshape(*sums.shape[:-1], -1, 3)


def _pooled(sums: Floats) -> tuple[Floats, Floats, Floats]:
    pooled = _triples(sums).sum(axis=-2)
    return pooled[..., 0], pooled[..., 1], pooled[..., 2]


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros(np.shape(below)), where=below > 0)
