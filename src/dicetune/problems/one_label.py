r"""One of several classes for each item: labels of texts, tags of words.

A decision rule adds a bias to each log-probability before the arg-max,

.. math::
    \hat y = \arg\max_c\,(\log p_c + b_c).

As a function of one bias :math:`b_c` the decision on an item has one breakpoint, where :math:`c`
equals the best other class: :math:`b_c = \max_{k \ne c}(\log p_k + b_k) - \log p_c`. Two classes
need one bias, on the positive class: it is the threshold :math:`p > 1 / (1 + e^{b})`.

A class without gold in the data of the fit has the bias 0, as nothing is known about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.errors import InputError, listed, quoted
from dicetune.problems.base import Problem
from dicetune.problems.class_search import OF_CLASSES, ClassSearch
from dicetune.problems.decisions import Biases, Decisions, Steps, best_point, vector
from dicetune.problems.goal import FBETA, Goal
from dicetune.problems.ratios import Counts, label_table
from dicetune.problems.ruled import chance_over, factor_of
from dicetune.problems.score_rows import ScoreRow, column_names
from dicetune.problems.thresholds import shortfall, threshold_interval, trusted

REACH = 5.0
"""Biases of a quick search; a log-probability that is further off rarely decides."""


class OneLabel(Problem):
    """Items with one class each; a unit is a text, or a sentence whose words are the items."""

    has_prior: ClassVar[bool] = True
    independent: ClassVar[bool | None] = False

    def focus(self, sums: np.ndarray) -> tuple[tuple[str, ...], Counts]:
        """All classes."""
        return self.classes, self.blocks(sums)

    def counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Counts of each unit, (U, M)."""
        self.check_pairs(gold, predicted)
        unit, right = self.numbers(gold)
        return self.tally(unit, right, self.numbers(predicted)[1], len(gold))

    def numbers(self, rows: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        """The unit and the number of the class of each item."""
        found = [
            (unit, self.number(name))
            for unit, row in enumerate(rows)
            for _, name in self.items(row)
        ]
        unit, number = np.array(found, dtype=np.int64).reshape(-1, 2).T
        return unit, number

    def tally(
        self, unit: np.ndarray, gold: np.ndarray, predicted: np.ndarray, units: int
    ) -> np.ndarray:
        """Counts of items whose gold and predicted classes are given by number, (units, M)."""
        size = len(self.classes)
        right = gold == predicted
        pairs = ((unit[right], gold[right]), (unit, predicted), (unit, gold))
        blocks = [
            np.bincount(where * size + which, minlength=units * size).reshape(units, size)
            for where, which in pairs
        ]
        return np.hstack(blocks).astype(np.float64)

    def label_table(self, sums: np.ndarray) -> dict[str, dict[str, Any]]:
        """Scores of each label that occurs, by name, as ``metrics.json`` has them."""
        return label_table(self.classes, self.blocks(sums))

    def decide(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray], extras: Sequence[Any] | None
    ) -> Decisions:
        """Biases on the classes."""
        return ClassDecisions(self, gold, scores)

    @classmethod
    def move(
        cls, scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """Each bias on the column of its label."""
        return [np.asarray(table, dtype=np.float64) + vector(biases, labels) for table in scores]

    @classmethod
    def rule_words(cls, biases: Biases, labels: Sequence[str]) -> dict[str, str]:
        """Of two labels a threshold; else how many times each label counts."""
        if len(labels) == 2 and len(biases) == 1:
            ((name, bias),) = biases.items()
            return {name: f"{name} if p > {chance_over(bias)}"}
        factors = {name: factor_of(bias) for name, bias in biases.items()}
        return {
            name: f"{name} counts {factor} times"
            for name, factor in factors.items()
            if factor != "1"
        }

    @classmethod
    def least_cost(
        cls, scores: Sequence[np.ndarray], costs: np.ndarray, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """The mean cost of each label under the probabilities."""
        return [-np.exp(np.asarray(table, dtype=np.float64)) @ costs for table in scores]

    def chances(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """A row an item; gold that the model has no label for is left out."""
        number = self.numbers(gold)[1]
        known = number < len(self.labels)
        table = np.concatenate([np.zeros((0, len(self.labels))), *scores])[known]
        return table, number[known][:, None] == np.arange(len(self.labels))

    def together(self, unit_names: Sequence[str], lengths: Sequence[int]) -> list[Any]:
        """The names of all items, split into units of these lengths."""
        ends = np.cumsum(lengths)
        return [list(unit_names[end - n : end]) for end, n in zip(ends, lengths, strict=True)]

    def prior(self, gold: Sequence[Any]) -> tuple[list[float], str]:
        """Items of each label in training (if the settings have them) or in gold; the source."""
        if self.settings.get("class_counts"):
            return list(self.settings["class_counts"]), "the training data"
        names = [name for row in gold for _, name in self.items(row)]
        return [float(names.count(label)) for label in self.labels], "dev gold"

    def prior_biases(self, counts: Sequence[float], tau: float = 1.0) -> dict[str, float]:
        """Post-hoc logit adjustment: -tau log prior of each label.

        A model p(c | x) that was trained on classes of unequal size decides as if all classes were
        equally frequent. With tau = 1 this is optimal for the balanced error (the mean over classes
        of the share of errors), not for accuracy nor for F1. Nothing is fitted.

        Args:
            counts: training items of each label; a label without items counts as one item.
            tau: share of the log prior that is subtracted.

        Raises:
            InputError: another number of counts than of labels, a count below 0, no finite tau.

        References:
            Menon et al., Long-Tail Learning via Logit Adjustment, ICLR 2021, Eq. 9.
        """
        numbers = np.asarray(counts, dtype=np.float64)
        if numbers.shape != (len(self.labels),) or not (numbers >= 0).all() or not numbers.any():
            raise InputError(
                f"expected {len(self.labels)} numbers of training items, one for each label, got "
                f"{quoted(counts)}"
            )
        if not np.isfinite(tau):
            raise InputError(f"expected a finite tau, got {tau}")
        numbers = np.maximum(numbers, 1.0)
        biases = -tau * np.log(numbers / numbers.sum())
        return dict(zip(self.labels, biases.tolist(), strict=True))

    @classmethod
    def score_labels(cls, rows: Sequence[ScoreRow]) -> list[str]:
        """The names of the columns."""
        return column_names(rows)


class ClassDecisions(Decisions):
    """Labels of texts, or tags of words.

    Attributes:
        reach: the largest size of a breakpoint that is searched.
    """

    problem: OneLabel
    reach: float = np.inf
    _search: tuple[object, ClassSearch] | None = None  # of the last goal and units

    def __init__(
        self, problem: OneLabel, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> None:
        self.problem = problem
        self.labels = problem.labels
        self._rows = gold
        self._lengths = [len(table) for table in scores]
        self._unit, self._gold = problem.numbers(gold)
        empty = np.zeros((0, len(self.labels)))
        self._scores = np.concatenate([empty, *scores]).astype(np.float64)
        self.names = self.labels
        if len(self.labels) == 2:
            self.names = (problem.settings.get("positive") or self.labels[1],)
        known = set(self._gold.tolist())
        absent = [label for number, label in enumerate(self.labels) if number not in known]
        self.notes = gold_notes(absent, problem.classes[len(self.labels) :])

    def predicted(self, biases: Biases) -> list[Any]:
        """The label, or the tags, of each unit."""
        names = [self.labels[number] for number in self._chosen(biases)]
        return self.problem.together(names, self._lengths)

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each unit, (U, M)."""
        return self._tally(self._chosen(biases))

    def steps(self, name: str, biases: Biases) -> Steps:
        """An item turns from the best other class to ``name`` at its breakpoint."""
        column, size = self.labels.index(name), len(self.problem.classes)
        scores = self._scores + vector(biases, self.labels)
        scores[:, column] = -np.inf
        other = scores.argmax(1)
        at = scores.max(1, initial=-np.inf) - self._scores[:, column]
        base = self._tally(np.where(at < -self.reach, column, other))
        near = np.abs(at) <= self.reach
        at, other, gold, unit = at[near], other[near], self._gold[near], self._unit[near]
        item = np.arange(len(at))
        change = np.zeros((len(at), 2 * size))
        change[:, column] += gold == column
        change[item, other] -= gold == other
        change[:, size + column] += 1
        change[item, size + other] -= 1
        return Steps.of(base, at, unit, np.arange(2 * size), change)

    def along(
        self, goal: Goal, name: str, biases: Biases, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same from ``ClassSearch``, where the goal is of all classes."""
        of_one = goal.name == FBETA and not goal.problem.one_of_several
        if goal.name not in OF_CLASSES or of_one:
            return super().along(goal, name, biases, mask)
        key = (goal.name, goal.value, mask.tobytes())
        if self._search is None or self._search[0] != key:
            chosen = mask[self._unit]
            scores, gold = self._scores[chosen], self._gold[chosen]
            self._search = key, ClassSearch(goal, scores, gold, self.reach)
        return self._search[1].along(self.labels.index(name), biases)

    def quick(self) -> Self:
        """Of several labels: each bias is searched once, from -5 to 5."""
        if len(self.names) == 1:
            return self
        found = copy(self)
        found.turns, found.reach = 1, REACH
        found.__dict__.pop("_kept_steps", None)
        found._search = None
        return found

    def dials(self) -> dict[str, tuple[str, ...]]:
        """The positive class alone, where there is one."""
        positive = self.problem.settings.get("positive")
        return {name: (name,) for name in self.names if positive in (None, name)}

    def present(self, mask: np.ndarray) -> list[str]:
        """The labels that some item under the mask has in gold."""
        known = set(self._gold[mask[self._unit]].tolist())
        if len(self.names) == 1:
            return list(self.names) if len(known) > 1 else []
        return [name for number, name in enumerate(self.labels) if number in known]

    def starts(self, mask: np.ndarray) -> Sequence[Biases]:
        """Minus the log prior, where there are more than two labels and the search is whole."""
        if len(self.labels) <= 2 or self.reach < np.inf:
            return ()
        gold = [row for row, chosen in zip(self._rows, mask, strict=True) if chosen]
        return (self.problem.prior_biases(self.problem.prior(gold)[0]),)

    def estimate(self, goal: Goal, mask: np.ndarray) -> dict[str, float]:
        """Of two labels as ``fit``, with trusted weights for gold."""
        if len(self.names) > 1 or goal.is_operating_point or not self.present(mask):
            return self.fit(goal, mask)
        column, size = self.labels.index(self.names[0]), len(self.problem.classes)
        chosen = mask[self._unit] & (self._gold < len(self.labels))
        gold = self._gold[chosen] == column
        at = self._scores[chosen, 1 - column] - self._scores[chosen, column]
        weight = trusted(-at[:, None], gold[:, None])[:, 0]
        unknown = np.bincount(self._gold[mask[self._unit] & ~chosen], minlength=size)
        # no item is the positive class at first, then one after the other
        base = np.zeros(2 * size)
        base[1 - column], base[size + 1 - column] = (1 - weight).sum(), len(weight)
        totals = unknown.astype(np.float64)
        totals[[column, 1 - column]] += weight.sum(), (1 - weight).sum()
        one = np.ones(len(weight))
        change = np.stack([weight, weight - 1, one, -one], axis=1)
        columns = np.array([column, 1 - column, size + column, size + 1 - column])
        unit = np.zeros(len(weight), dtype=np.int64)
        steps = Steps.of(np.concatenate([base, totals])[None], at, unit, columns, change)
        edges, sums = steps.curve()
        return {self.names[0]: best_point(edges, goal.key(sums), 0.0)[0]}

    def intervals(self, goal: Goal, biases: Biases) -> dict[str, tuple[float, float]]:
        """Of the threshold of two labels."""
        every = np.ones(len(self._lengths), dtype=bool)
        is_rare = self.problem.settings.get("positive") is not None
        if len(self.names) > 1 or not (goal.is_f_score and is_rare and self.present(every)):
            return {}
        (name,) = self.names
        column = self.labels.index(name)
        at = self._scores[:, 1 - column] - self._scores[:, column]
        return {name: threshold_interval(at, self._gold == column, biases[name], goal.beta)}

    def shortfall(self, mask: np.ndarray) -> float | None:
        """Of the positive class, or of the rarer of two."""
        if len(self.names) > 1:
            return None
        chosen = mask[self._unit]
        gold, made = self._gold[chosen], self._chosen({})[chosen]
        rare = self.labels.index(self.names[0])
        if self.problem.settings.get("positive") is None and 2 * (gold == rare).sum() > len(gold):
            rare = 1 - rare
        missed, invented = (gold == rare) & (made != rare), (gold != rare) & (made == rare)
        return shortfall(int(missed.sum()), int(invented.sum()))

    def _chosen(self, biases: Biases) -> np.ndarray:
        chosen: np.ndarray = (self._scores + vector(biases, self.labels)).argmax(1)
        return chosen

    def _tally(self, chosen: np.ndarray) -> np.ndarray:
        return self.problem.tally(self._unit, self._gold, chosen, len(self._lengths))


def gold_notes(
    absent: Sequence[str], unknown: Sequence[str], kept: str = "the default is kept there"
) -> tuple[str, ...]:
    """Notes on labels without gold, and on gold that the model has no label for."""
    notes = []
    if absent:
        notes.append(f"no dev gold of {listed(absent, most=5)}: {kept}")
    if unknown:
        notes.append(
            "gold that is no label of the model, so that every decision misses it: "
            f"{listed(unknown, most=5)}"
        )
    return tuple(notes)
