r"""One of several classes: an additive bias on each log-probability before the arg-max.

.. math::
    \hat y = \arg\max_c\,(\log p_c + b_c)

Of one bias :math:`b_c` an item is a step function with one breakpoint, where :math:`c` draws level
with the best of the others: :math:`b_c = \max_{k \ne c}(\log p_k + b_k) - \log p_c`. Of two classes
one bias does, on the positive one: it is the threshold :math:`p > 1 / (1 + e^{b})`.

A class without gold in the data that a rule is fitted on keeps the bias 0: nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dicetune.decide.decisions import Biases
from dicetune.decide.steps import Steps
from dicetune.metrics.counting import LabelCounting, TagCounting, counting_of
from dicetune.metrics.counting.tags import tally


class ClassDecisions:
    """Labels of texts (kind ``label``), or tags of words (kind ``tags``).

    Args:
        problem: with "labels", in the order of the columns of the scores.
        gold: a label, or a list of tags, for each unit.
        scores: (1, labels) or (words, labels) for each unit.
    """

    def __init__(
        self, problem: Mapping[str, Any], gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> None:
        self.labels = tuple(problem["labels"])
        self.counting: LabelCounting | TagCounting = counting_of(problem, gold)  # type: ignore[assignment]
        self._whole = problem["kind"] == "label"
        rows = [[own] for own in gold] if self._whole else gold
        self._lengths = [len(own) for own in scores]
        self._unit = np.repeat(np.arange(len(gold)), self._lengths)
        self._gold = np.array(
            [self.counting.number(tag) for own in rows for tag in own], dtype=np.int64
        )
        empty = np.zeros((0, len(self.labels)))
        self._scores = np.concatenate([empty, *scores]).astype(np.float64)
        self.names = self.labels
        if len(self.labels) == 2:
            self.names = (problem.get("positive") or self.labels[1],)
        known = set(self._gold.tolist())
        absent = [label for number, label in enumerate(self.labels) if number not in known]
        self.notes = gold_notes(absent, self.counting.classes[len(self.labels) :])

    @staticmethod
    def apply(
        scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """Each bias on the column of its label."""
        added = vector(biases, labels)
        return [np.asarray(own, dtype=np.float64) + added for own in scores]

    def predicted(self, biases: Biases) -> list[Any]:
        """The label, or the tags, of each unit."""
        names = [self.labels[number] for number in self._chosen(biases)]
        if self._whole:
            return names
        ends = np.cumsum(self._lengths)
        return [names[end - length : end] for end, length in zip(ends, self._lengths, strict=True)]

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each unit, (U, M)."""
        return self._tally(self._chosen(biases))

    def steps(self, name: str, biases: Biases) -> Steps:
        """An item turns from the best of the others to ``name`` at its breakpoint."""
        own, size = self.labels.index(name), len(self.counting.classes)
        scores = self._scores + vector(biases, self.labels)
        scores[:, own] = -np.inf
        other = scores.argmax(1)
        at = scores.max(1, initial=-np.inf) - self._scores[:, own]
        item = np.arange(len(at))
        change = np.zeros((len(at), 2 * size))
        change[:, own] += self._gold == own
        change[item, other] -= self._gold == other
        change[:, size + own] += 1
        change[item, size + other] -= 1
        return Steps.of(self._tally(other), at, self._unit, np.arange(2 * size), change)

    def present(self, keep: np.ndarray) -> list[str]:
        """The labels that some kept item has in gold."""
        known = set(self._gold[keep[self._unit]].tolist())
        if len(self.names) == 1:
            return list(self.names) if len(known) > 1 else []
        return [name for number, name in enumerate(self.labels) if number in known]

    def _chosen(self, biases: Biases) -> np.ndarray:
        chosen: np.ndarray = (self._scores + vector(biases, self.labels)).argmax(1)
        return chosen

    def _tally(self, chosen: np.ndarray) -> np.ndarray:
        size = len(self.counting.classes)
        return tally(self._unit, self._gold, chosen, len(self._lengths), size)


def vector(biases: Biases, labels: Sequence[str]) -> np.ndarray:
    """The biases in the order of the labels, 0 where there is none."""
    return np.array([biases.get(label, 0.0) for label in labels], dtype=np.float64)


def gold_notes(absent: Sequence[str], foreign: Sequence[str]) -> tuple[str, ...]:
    """What is said of labels without gold, and of gold that is none of the labels."""
    notes = []
    if absent:
        notes.append(f"no dev gold of {_listed(absent)}: the default is kept there")
    if foreign:
        notes.append(
            f"gold that is no label of the model, so that every decision misses it: "
            f"{_listed(foreign)}"
        )
    return tuple(notes)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
