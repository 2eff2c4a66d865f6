r"""One of several classes: the score along one bias, in the time that its items take.

A breakpoint moves one item from its best other class to the class of the bias, so that the counts
of two classes change and those of all others stay. Every score of all classes together is a
function of sums over classes,

.. math::
    \text{score} = f\Big(\sum_c \phi(\text{correct}_c, \text{predicted}_c, \text{gold}_c)\Big),

of which a breakpoint changes two addends. With :math:`N` items and :math:`C` classes one bias costs
:math:`O(N \log N + C)` in place of :math:`O(N C)`, and a turn over all biases costs no more than
the table of scores has cells, times the logarithm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dicetune.problems.decisions import Biases, vector
from dicetune.problems.goal import FBETA, Goal
from dicetune.problems.ratios import ratio

OF_CLASSES = ("accuracy", "micro_f1", "macro_f1", "mcc", FBETA)
"""Goals whose score is a function of sums over classes."""


class ClassSearch:
    """Items of some units, and the decisions on them with the biases of the moment.

    Args:
        goal: one of ``OF_CLASSES``.
        scores: (N, C) log-probabilities of the items.
        gold: (N,) numbers of the classes; C or more where the model has no such label.
        reach: the largest size of a breakpoint that is searched.
    """

    def __init__(self, goal: Goal, scores: np.ndarray, gold: np.ndarray, reach: float) -> None:
        self.goal, self.reach = goal, reach
        self._scores, self._gold = scores, gold
        self._labels = goal.problem.labels
        self._size = len(goal.problem.classes)
        self._found = np.bincount(gold, minlength=self._size)
        self._squares = float((self._found.astype(np.float64) ** 2).sum())
        self._biases = np.zeros(len(self._labels))
        self._moved = scores.copy()
        self._best = np.empty((2, len(scores)), dtype=np.int64)
        self._rank(np.arange(len(scores)))

    def along(self, column: int, biases: Biases) -> tuple[np.ndarray, np.ndarray]:
        """The different breakpoints of one bias, (P,), and the scores between them, (P + 1,)."""
        self._move(biases)
        first, second = self._best
        other = np.where(first == column, second, first)
        items = np.arange(len(other))
        with np.errstate(invalid="ignore"):  # no class of an item is possible
            at = self._moved[items, other] - self._scores[:, column]
        begun = np.where((at == -np.inf) | (at < -self.reach), column, other)
        order = np.flatnonzero(np.isfinite(at) & (np.abs(at) <= self.reach))
        order = order[np.argsort(at[order], kind="stable")]
        at, other, gold = at[order], other[order], self._gold[order]
        predicted = np.bincount(begun, minlength=self._size)
        correct = np.bincount(begun[begun == self._gold], minlength=self._size)
        sums = np.empty((len(at) + 1, len(self._addends(0, 0, 0))))
        sums[0] = self._addends(correct, predicted, self._found).sum(-1)
        # the class of the bias gains every item
        gained = np.append(0, np.cumsum(gold == column))
        own = self._addends(
            correct[column] + gained,
            predicted[column] + np.arange(len(at) + 1),
            self._found[column],
        )
        # its item loses each other class, which lost those before it
        by_class = np.argsort(other, kind="stable")
        kind = other[by_class]
        right = gold[by_class] == kind
        begins = np.flatnonzero(np.diff(kind, prepend=-1))
        number = np.repeat(begins, np.diff(np.append(begins, len(kind))))
        before = np.append(0, np.cumsum(right))
        lost, gone = before[:-1] - before[number], np.arange(len(kind)) - number
        counts = correct[kind] - lost, predicted[kind] - gone, self._found[kind]
        then = self._addends(*counts)
        now = self._addends(counts[0] - right, counts[1] - 1, counts[2])
        change = np.diff(own, axis=-1).T
        change[by_class] += (now - then).T
        np.cumsum(change, axis=0, out=sums[1:])
        sums[1:] += sums[0]
        edges = np.flatnonzero(np.diff(at, prepend=-np.inf))
        pieces = np.append(0, np.append(edges[1:], len(at)) if len(at) else [])
        return at[edges], self._whole(sums[pieces.astype(np.int64)])

    def _move(self, biases: Biases) -> None:
        """Set the biases, and decide again the items whose two best classes may be others."""
        wanted = vector(biases, self._labels)
        for column in np.flatnonzero(wanted != self._biases).tolist():
            now = self._scores[:, column] + wanted[column]
            self._moved[:, column] = now
            first, second = self._best
            least = self._moved[np.arange(len(now)), second]
            ranked = (first == column) | (second == column) | (now >= least)
            self._rank(np.flatnonzero(ranked))
        self._biases = wanted

    def _rank(self, items: np.ndarray) -> None:
        """The best and the second-best class of some items; of equal ones the lower number."""
        rows = self._moved[items]
        place = np.arange(len(rows))
        first = rows.argmax(1)
        rows[place, first] = -np.inf
        second = rows.argmax(1)
        # where all others are impossible, any class but the first
        second = np.where(second == first, (first == 0).astype(np.int64), second)
        self._best[:, items] = first, second

    def _addends(self, *counts: ArrayLike) -> np.ndarray:
        """What classes with these correct, predicted and gold items add to the sums, (K, ...)."""
        correct, predicted, gold = (np.asarray(part, dtype=np.float64) for part in counts)
        name = self.goal.name
        if name in ("accuracy", "micro_f1"):
            return correct[None]
        if name == "mcc":
            return np.stack([correct, predicted * gold, predicted**2])
        weight = self.goal.beta**2
        score = ratio((1 + weight) * correct, predicted + weight * gold)
        return np.stack([score, (predicted + gold > 0).astype(np.float64)])

    def _whole(self, sums: np.ndarray) -> np.ndarray:
        """The score of the sums, (P, K) to (P,)."""
        items = float(len(self._gold))
        if self.goal.name in ("accuracy", "micro_f1"):
            return ratio(sums[:, 0], items)
        if self.goal.name == "mcc":
            right, both, predicted = sums.T
            apart = (items**2 - predicted) * (items**2 - self._squares)
            return ratio(right * items - both, np.sqrt(np.maximum(apart, 0)))
        return ratio(sums[:, 0], sums[:, 1])
