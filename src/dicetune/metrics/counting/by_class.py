r"""Three counts of each class: items that are right, predicted, and gold.

.. math::
    P_c = \frac{\text{correct}_c}{\text{predicted}_c}, \quad
    R_c = \frac{\text{correct}_c}{\text{gold}_c}, \quad
    F_{1,c} = \frac{2\,\text{correct}_c}{\text{predicted}_c + \text{gold}_c},

micro over the sums of all classes; macro-F1 is the plain mean over the classes that occur in gold
or predicted. What has the denominator 0 is 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dicetune.errors import InputError, quoted

PER_CLASS = ("correct", "predicted", "gold")


@dataclass(frozen=True)
class ClassRow:
    """Scores of one class, as a table shows them; fractions from 0 to 1."""

    name: str
    support: int
    precision: float
    recall: float
    f1: float


class ByClass:
    """Columns of three counts a class, all correct ones first, then predicted, then gold.

    Args:
        classes: their names.
        more: names of columns behind them.
    """

    def __init__(self, classes: Sequence[str], more: Sequence[str] = ()) -> None:
        self.classes = tuple(classes)
        self.columns = (*(f"{own}:{what}" for what in PER_CLASS for own in self.classes), *more)
        self._number = {name: number for number, name in enumerate(self.classes)}

    def number(self, name: Any) -> int:
        """The place of a class.

        Raises:
            InputError: a class that is none of ``classes``.
        """
        if name not in self._number:
            shown = ", ".join(self.classes[:8]) + (", …" if len(self.classes) > 8 else "")
            raise InputError(f"expected one of the classes {shown}, got {quoted(name)}")
        return self._number[name]

    def blocks(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Correct, predicted and gold of each class: (..., M) to three of (..., C)."""
        own = np.asarray(sums, dtype=np.float64)[..., : 3 * len(self.classes)]
        correct, predicted, gold = np.split(own, 3, axis=-1)
        return correct, predicted, gold

    def micro(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Correct, predicted and gold of all classes together, (...)."""
        correct, predicted, gold = (block.sum(-1) for block in self.blocks(sums))
        return correct, predicted, gold

    def macro_f1(self, sums: np.ndarray) -> np.ndarray:
        """Mean F1 over the classes that occur."""
        correct, predicted, gold = self.blocks(sums)
        both = predicted + gold
        return ratio(ratio(2 * correct, both).sum(-1), (both > 0).sum(-1))

    def per_class(self, sums: np.ndarray) -> list[ClassRow]:
        """Scores of each class that occurs in gold or predicted."""
        return [
            ClassRow(name, int(g), *(float(value) for value in precision_recall_f1(c, p, g)))
            for name, c, p, g in zip(self.classes, *self.blocks(sums), strict=True)
            if p or g
        ]

    def count_items(
        self,
        gold: Iterable[tuple[int, Hashable, str]],
        predicted: Iterable[tuple[int, Hashable, str]],
        units: int,
    ) -> np.ndarray:
        """Counts of items that are right where unit, place and class agree; (units, 3 C).

        Args:
            gold: of each item its unit, its place there, and its class.
            predicted: the same; an item given twice counts once.
            units: how many there are.
        """
        right, own = set(gold), set(predicted)
        size = len(self.classes)
        counts = np.zeros((units, 3, size))
        for block, items in enumerate((right & own, own, right)):
            for unit, _, name in items:
                counts[unit, block, self.number(name)] += 1
        return counts.reshape(units, 3 * size)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part by whole, 0 where the whole is 0."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    found: np.ndarray = np.divide(
        part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole != 0
    )
    return found


def precision_recall_f1(
    correct: np.ndarray, predicted: np.ndarray, gold: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of counts.

    Example:
        >>> [float(value) for value in precision_recall_f1(1.0, 2.0, 1.0)]
        [0.5, 1.0, 0.6666666666666666]
    """
    predicted, gold = np.asarray(predicted), np.asarray(gold)
    return (
        ratio(correct, predicted),
        ratio(correct, gold),
        ratio(2 * np.asarray(correct), predicted + gold),
    )


def known_classes(named: Iterable[str], seen: Iterable[str]) -> list[str]:
    """The classes of a problem in its order, then those that rows show, by name."""
    return list(dict.fromkeys([*named, *sorted(set(seen))]))
