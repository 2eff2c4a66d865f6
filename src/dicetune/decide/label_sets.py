r"""Any number of labels: a threshold for each, as an additive bias on its logit.

.. math::
    c \in \hat y \iff \operatorname{logit} p_c + b_c > 0 \iff p_c > \frac{1}{1 + e^{b_c}}

With the scores of a label sorted, every threshold that could matter is one breakpoint, at
:math:`b_c = -\operatorname{logit} p_c`. F-scores of one label depend on its own threshold alone,
so that their mean over labels is highest where each is (Lipton et al., 2014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dicetune.decide.classes import gold_notes, vector
from dicetune.decide.decisions import Biases
from dicetune.decide.steps import Steps
from dicetune.metrics.counting import LabelSetCounting

HALF = float(np.log(0.5))


class LabelSetDecisions:
    """Which labels each text has.

    Args:
        problem: with "labels", in the order of the columns of the scores.
        gold: a list of labels for each text.
        scores: (1, labels) log-probabilities, each label on its own.
    """

    def __init__(
        self, problem: Mapping[str, Any], gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> None:
        self.labels = tuple(problem["labels"])
        self.counting = LabelSetCounting.of(problem, gold)
        self._truth = self.counting.indicators(gold)
        empty = np.zeros((0, len(self.labels)))
        self._scores = np.concatenate([empty, *scores]).astype(np.float64)
        self.names = self.labels
        known = np.flatnonzero(self._truth.any(axis=0))
        absent = [label for place, label in enumerate(self.labels) if place not in known]
        self.notes = gold_notes(absent, self.counting.classes[len(self.labels) :])

    @staticmethod
    def apply(
        scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """Log-probabilities whose logits have the biases on them."""
        added = vector(biases, labels)
        moved = added != 0  # the others stay as they are to the last bit
        found = []
        for own in scores:
            own = np.array(own, dtype=np.float64)
            own[:, moved] = log_sigmoid(logit(own[:, moved]) + added[moved])
            found.append(own)
        return found

    def predicted(self, biases: Biases) -> list[list[str]]:
        """The labels of each text, in their order."""
        return [
            [label for label, own in zip(self.labels, row, strict=True) if own]
            for row in self._made(biases)
        ]

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each text, (U, M)."""
        return self.counting.tally(self._truth, self._padded(self._made(biases)))

    def steps(self, name: str, biases: Biases) -> Steps:
        """A text takes the label ``name`` on at its breakpoint."""
        own, size = self.labels.index(name), len(self.counting.classes)
        made = self._padded(self._made(biases))
        made[:, own] = False
        truth = self._truth[:, own]
        others = np.delete(made == self._truth, own, axis=1).all(1)
        exact = np.where(truth, 1.0, -1.0) * others
        change = np.stack([truth.astype(np.float64), np.ones(len(made)), exact], axis=1)
        columns = np.array([own, size + own, 3 * size])
        at = -logit(self._scores[:, own])
        base = self.counting.tally(self._truth, made)
        return Steps.of(base, at, np.arange(len(made)), columns, change)

    def present(self, keep: np.ndarray) -> list[str]:
        """The labels that some kept text has, and some has not."""
        kept = self._truth[keep]
        known = kept.any(0) & ~kept.all(0) if len(kept) else np.zeros(kept.shape[1], dtype=bool)
        return [name for number, name in enumerate(self.labels) if known[number]]

    def _made(self, biases: Biases) -> np.ndarray:
        (moved,) = self.apply([self._scores], biases, self.labels)
        made: np.ndarray = moved > HALF
        return made

    def _padded(self, made: np.ndarray) -> np.ndarray:
        """With columns for classes that gold alone has."""
        return np.pad(made, ((0, 0), (0, self._truth.shape[1] - made.shape[1])))


def logit(log_probability: np.ndarray) -> np.ndarray:
    """The logit of p from log p, log p - log(1 - p), without loss where p is near 0 or 1.

    Example:
        >>> logit(np.log([0.5, 0.75])).round(6).tolist()
        [0.0, 1.098612]
    """
    own = np.asarray(log_probability, dtype=np.float64)
    with np.errstate(divide="ignore"):
        found: np.ndarray = own - np.log(-np.expm1(np.minimum(own, 0.0)))
    return found


def log_sigmoid(values: np.ndarray) -> np.ndarray:
    """log(1 / (1 + exp(-x))), stable at both ends."""
    found: np.ndarray = -np.logaddexp(0.0, -values)
    return found
