r"""One of several classes for each item: labels of texts, tags of words.

A decision rule adds a bias to each log-probability before the arg-max,

.. math::
    \hat y = \arg\max_c\,(\log p_c + b_c).

As a function of one bias :math:`b_c` the decision on an item has one breakpoint, where :math:`c`
equals the best other class: :math:`b_c = \max_{k \ne c}(\log p_k + b_k) - \log p_c`. Two classes
need one bias, on the positive class: it is the threshold :math:`p > 1 / (1 + e^{b})`.

A breakpoint changes the counts of two classes. Every score of all classes together is

.. math::
    \text{score} = f\Big(\sum_c \phi(\text{correct}_c, \text{predicted}_c, \text{gold}_c)\Big),

so that one bias of :math:`C` classes costs :math:`O(N \log N + C)` for :math:`N` items.

A class without gold in the data of the fit has the bias 0, as nothing is known about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from dicetune.errors import InputError, quoted
from dicetune.problems.base import Problem
from dicetune.problems.decisions import Biases, Decisions, Steps, best_point, gold_notes, vector
from dicetune.problems.goal import FBETA, Goal
from dicetune.problems.ratios import Counts, label_table, ratio
from dicetune.problems.ruled import chance_over, factor_of
from dicetune.problems.score_rows import ScoreRow, column_names, one_table
from dicetune.problems.thresholds import shortfall, threshold_interval, trusted

OF_CLASSES = ("accuracy", "micro_f1", "macro_f1", "mcc", FBETA)
"""Goals whose score is a function of sums over classes."""

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
        gained = np.append(0, np.cumsum(gold == column))
        own = self._addends(
            correct[column] + gained,
            predicted[column] + np.arange(len(at) + 1),
            self._found[column],
        )
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
        self._scores = one_table(scores, len(self.labels)).astype(np.float64)
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
