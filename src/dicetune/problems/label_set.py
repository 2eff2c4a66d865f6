r"""Any number of labels for each text.

A decision rule is a threshold for each label, as an additive bias on its logit:

.. math::
    c \in \hat y \iff \operatorname{logit} p_c + b_c > 0 \iff p_c > \frac{1}{1 + e^{b_c}}

Each score of a label is one breakpoint, at :math:`b_c = -\operatorname{logit} p_c`. The F-score of
a label depends only on its threshold, so the mean over labels is highest where each F-score is
highest (Lipton et al., 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from dicetune.problems.base import Problem
from dicetune.problems.decisions import (
    EQUAL,
    Biases,
    Decisions,
    Steps,
    best_point,
    gold_notes,
    vector,
)
from dicetune.problems.goal import Goal
from dicetune.problems.ratios import (
    Counts,
    average_precision,
    label_table,
    named_ratio,
    ranked,
    ratio,
)
from dicetune.problems.ruled import chance_over
from dicetune.problems.score_rows import (
    ScoreRow,
    column_names,
    log_probability_table,
    log_sigmoid,
    logit,
    one_table,
)
from dicetune.problems.thresholds import (
    Ranked,
    common_prior,
    curve,
    falling,
    shortfall,
    threshold_interval,
    trusted,
)

HALF = float(np.log(0.5))
MICRO = "micro_f1"
TOGETHER = ("exact_match", "precision", "recall")
"""Metrics that are no mean over labels, beside micro-F1."""

AT_ONCE = 64
"""Labels whose scores are ranked together: copies of all would fill the memory."""


class LabelSet(Problem):
    """Any number of labels a text; precision and recall are micro."""

    kind: ClassVar[str] = "label_set"
    unit: ClassVar[tuple[str, str]] = ("text", "texts")
    scored: ClassVar[tuple[str, ...]] = ("macro_f1", MICRO, "exact_match", "precision", "recall")
    more: ClassVar[tuple[str, ...]] = ("exact", "texts")
    independent: ClassVar[bool | None] = True

    def items(self, row: Iterable[str]) -> list[tuple[str, str]]:
        """Each label."""
        return [(name, name) for name in row]

    def touch(self, place: Any, other: Any) -> bool:
        """All labels are of the same text."""
        return True

    def counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Counts of each text, (U, M)."""
        self.check_pairs(gold, predicted)
        return self.tally(self.indicators(gold), self.indicators(predicted)).astype(np.float64)

    def indicators(self, rows: Sequence[Iterable[str]]) -> np.ndarray:
        """Which labels each text has, (texts, labels) bool."""
        found = np.zeros((len(rows), len(self.classes)), dtype=bool)
        for text, row in enumerate(rows):
            found[text, [self.number(label) for label in row]] = True
        return found

    def tally(self, truth: np.ndarray, made: np.ndarray) -> np.ndarray:
        """Counts of indicators, or weights, (texts, labels) each, to (texts, M)."""
        size = truth.shape[1]
        # of indicators a byte each, and no copies beside: there may be many labels
        found = np.ones((len(truth), 3 * size + 2), dtype=np.result_type(truth, made))
        np.multiply(truth, made, out=found[:, :size])
        found[:, size : 2 * size], found[:, 2 * size : -2] = made, truth
        found[:, -2] = (truth == made).all(axis=1)
        return found

    def focus(self, sums: np.ndarray) -> tuple[tuple[str, ...], Counts]:
        """All labels."""
        return self.classes, self.blocks(sums)

    def metric(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """Macro or micro F1, micro precision and recall, or the share of exact texts."""
        if metric == "macro_f1":
            return self.macro_f1(sums)
        if metric == "exact_match":
            return ratio(sums[..., -2], sums[..., -1])
        return named_ratio(*self.micro(sums), metric.removeprefix("micro_"))

    def scores(
        self,
        gold: Sequence[Any],
        predicted: Sequence[Any],
        probabilities: np.ndarray | None = None,
    ) -> dict[str, Any]:
        """Scores of all labels together, and of each.

        Args:
            gold: the right labels of each text.
            predicted: a model's, as many lists.
            probabilities: (texts, labels), of each label of the settings, for average precision.
        """
        problem = self.seeing(gold, predicted)
        problem.check_pairs(gold, predicted)
        # not ``counts``: of many labels the counts of each text fill the memory
        tally = problem.tally(problem.indicators(gold), problem.indicators(predicted))
        sums = tally.sum(0, dtype=np.float64)
        names = ("exact_match", MICRO, "macro_f1", "precision", "recall")
        found: dict[str, Any] = {name: float(problem.metric(sums, name)) for name in names}
        if not problem.classes:
            found["exact_match"] = 1.0
        found["support"] = len(gold)
        if probabilities is not None and len(gold):
            truth = problem.indicators(gold)[:, : len(self.labels)]
            each = map(average_precision, truth.T, np.asarray(probabilities).T)
            areas = {
                "average_precision": average_precision(truth, probabilities),
                "macro_average_precision": _mean([area for area in each if area is not None]),
            }
            found |= {name: area for name, area in areas.items() if area is not None}
        return {**found, "per_label": label_table(problem.classes, problem.blocks(sums))}

    def tradeoff(
        self, gold: Sequence[Any]
    ) -> tuple[str, Callable[[Sequence[np.ndarray]], Counts]] | None:
        """Every label of every text."""
        truth = np.array([[name in row for name in self.labels] for row in gold]).ravel()
        return (
            "each label of each text, all labels together",
            lambda scores: ranked(np.concatenate(scores).ravel(), truth),
        )

    @classmethod
    def move(
        cls, scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """The log-probabilities after the biases are added to the logits."""
        added = vector(biases, labels)
        moved = added != 0  # other scores stay the same to the last bit
        found = []
        for table in scores:
            table = np.array(table, dtype=np.float64)
            table[:, moved] = log_sigmoid(logit(table[:, moved]) + added[moved])
            found.append(table)
        return found

    @classmethod
    def rule_words(cls, biases: Biases, labels: Sequence[str]) -> dict[str, str]:
        """A threshold for each label."""
        return {name: f"{name} if p > {chance_over(biases.get(name, 0.0))}" for name in labels}

    def chances(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """A row a text."""
        size = len(self.labels)
        table = np.concatenate([np.zeros((0, size)), *scores])
        return table, self.indicators(gold)[:, :size]

    def marks(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Each label of each text."""
        logs, truth = self.chances(gold, scores)
        return np.exp(logs.astype(float)), truth > 0

    def decide(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray], extras: Sequence[Any] | None
    ) -> Decisions:
        """Biases on the logits of the labels."""
        return LabelSetDecisions(self, gold, scores)

    @classmethod
    def shown_by(cls, row: ScoreRow) -> bool:
        """Scores by label beside a list of gold labels."""
        return isinstance(row.raw, Mapping) and isinstance(row.values.get("gold"), list)

    @classmethod
    def score_labels(cls, rows: Sequence[ScoreRow]) -> list[str]:
        """The names of the columns."""
        return column_names(rows)

    def read_scores(self, row: ScoreRow) -> np.ndarray:
        """Each label has an independent probability."""
        return log_probability_table(row, self.labels, 1, alone=True)

    def write_scores(self, scores: np.ndarray) -> dict[str, Any]:
        """Scores by label."""
        return {"log_probabilities": dict(zip(self.labels, scores[0].tolist(), strict=True))}

    def readings(self, row: Mapping[str, Any], prediction: Any) -> tuple[str, ...]:
        """Each label."""
        return tuple(map(str, prediction))


class LabelSetDecisions(Decisions):
    """Which labels each text has."""

    problem: LabelSet

    def __init__(
        self, problem: LabelSet, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> None:
        self.problem = problem
        self.labels = self.names = problem.labels
        self._truth = problem.indicators(gold)
        self._scores = one_table(scores, len(self.labels))
        self._orders: dict[int, np.ndarray] = {}
        self._alone = LabelSet({"labels": ["a"]})  # counts of one label, whichever it is
        known = np.flatnonzero(self._truth.any(axis=0))
        absent = [label for place, label in enumerate(self.labels) if place not in known]
        kept = "a rule for an F-score follows the other labels there, any other keeps the default"
        self.notes = gold_notes(absent, problem.classes[len(self.labels) :], kept)

    def predicted(self, biases: Biases) -> list[list[str]]:
        """The labels of each text, in their order."""
        made = self._made(biases)
        return [[self.labels[number] for number in np.flatnonzero(row)] for row in made]

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each text, (U, M)."""
        return self.counts_of(slice(None), biases)

    def counts_of(self, units: Any, biases: Biases) -> np.ndarray:
        """Only these texts are decided."""
        made = self._padded(self._made(biases, units))
        return self.problem.tally(self._truth[units], made)

    def steps(self, name: str, biases: Biases) -> Steps:
        """A text gets the label ``name`` at its breakpoint."""
        column, size = self.problem.number(name), len(self.problem.classes)
        made = self._padded(self._made(biases))
        made[:, column] = False
        truth = self._truth[:, column]
        wrong = made != self._truth
        others = wrong.sum(1) == wrong[:, column]
        exact = np.where(truth, 1.0, -1.0) * others
        change = np.stack([truth.astype(np.float64), np.ones(len(made)), exact], axis=1)
        columns = np.array([column, size + column, 3 * size])
        base = self.problem.tally(self._truth, made).astype(np.float64)
        at = -logit(self._scores[:, column])
        return Steps.of(base, at, np.arange(len(made)), columns, change)

    def present(self, mask: np.ndarray) -> list[str]:
        """The labels that some text under the mask has, and some has not."""
        truth = self._truth[mask]
        known = truth.any(0) & ~truth.all(0) if len(truth) else np.zeros(truth.shape[1], dtype=bool)
        return [name for number, name in enumerate(self.labels) if known[number]]

    def fit(self, goal: Goal, mask: np.ndarray) -> dict[str, float]:
        """The best biases; exact where the goal is a mean over labels, or micro-F1."""
        if goal.name in TOGETHER:
            return super().fit(goal, mask)
        return self._best(goal, mask, self.present(mask))

    def estimate(self, goal: Goal, mask: np.ndarray) -> dict[str, float]:
        """As ``fit``, with trusted weights for gold; labels without gold follow the others."""
        own = self._truth[mask, : len(self.labels)]
        if goal.name in TOGETHER or goal.is_operating_point or not own.any() or own.all():
            return self.fit(goal, mask)
        names = self.names if len(self.names) > 1 else self.present(mask)
        return self._best(goal, mask, names, trusting=True)

    def intervals(self, goal: Goal, biases: Biases) -> dict[str, tuple[float, float]]:
        """Of the threshold of each label with gold, for the F-score of the label."""
        if not goal.is_f_score or goal.name == MICRO:
            return {}
        every = np.ones(len(self._truth), dtype=bool)
        names = set(self.present(every))
        return {
            name: threshold_interval(at, truth, biases[name], goal.beta)
            for part in self._columns(every)
            for name, at, truth in zip(self.labels[part.place], part.at, part.gold, strict=True)
            if name in names
        }

    def shortfall(self, mask: np.ndarray) -> float:
        """Over all labels together; of a default that invents too many, as of one label.

        Many labels together are always sure that the default is not the best, but with few
        positives a rule for each is no better.
        """
        found = shortfall(*self._wrong[:, mask].sum(1).tolist())
        return found if found > 0 else found / len(self.labels) ** 0.5

    @cached_property
    def _wrong(self) -> np.ndarray:
        """Labels that the default decision misses and invents, (2, texts)."""
        made = self._padded(self._made({}))
        return np.stack([(self._truth & ~made).sum(1), (made & ~self._truth).sum(1)])

    def _columns(self, mask: np.ndarray) -> Iterator[Ranked]:
        """The labels on the texts under the mask, some at a time."""
        smallest = np.min_scalar_type(len(mask))
        for first in range(0, len(self.labels), AT_ONCE):
            place = slice(first, min(first + AT_ONCE, len(self.labels)))
            scores = np.ascontiguousarray(self._scores[:, place].T)
            if first not in self._orders:  # each fit is of a part of the same texts
                self._orders[first] = falling(scores).astype(smallest)
            order = self._orders[first].astype(np.intp)
            if not mask.all():
                order = order[mask[order]].reshape(len(order), -1)
            at = -logit(np.take_along_axis(scores, order, axis=1))
            yield Ranked(place, at, np.take_along_axis(self._truth[:, place].T, order, axis=1))

    def _best(
        self, goal: Goal, mask: np.ndarray, names: Sequence[str], trusting: bool = False
    ) -> dict[str, float]:
        r"""The best biases of these labels on the texts under the mask.

        A mean over labels is highest where each label is. Micro-F1 depends on all together:

        .. math::
            F = \frac{2 \sum_c \text{TP}_c(b_c)}
                {\sum_c \big(\text{predicted}_c(b_c) + \text{gold}_c\big)}

        For a guess :math:`\lambda` the numerator minus :math:`\lambda` times the denominator is a
        sum over labels, and each label has an exact search. The maximum is above 0 if and only if
        some thresholds score above :math:`\lambda`; their score is the next guess (Dinkelbach,
        1967). The guesses rise and have finitely many values, so the last guess is the global
        optimum.
        """
        best: dict[str, float] = dict.fromkeys(self.names, 0.0)
        wanted, curves = set(names), {}
        gold = float(self._truth[mask, len(self.labels) :].sum())
        prior = None
        if trusting and len(self.labels) > 1:
            prior = common_prior(self._scores, self._truth[:, : len(self.labels)], mask)
        for part in self._columns(mask):
            weights = part.gold.astype(np.float64)
            if trusting:
                weights = trusted(-part.at.T, part.gold.T, prior).T
            for name, at, weight in zip(self.labels[part.place], part.at, weights, strict=True):
                gold += (positives := float(weight.sum()))
                if name not in wanted and goal.name != MICRO:
                    continue
                edges, correct, predicted = curve(at, weight)
                if goal.name == MICRO:
                    curves[name] = edges, correct, predicted
                    continue
                key = self._key(goal, correct, predicted, positives)
                best[name], _ = best_point(edges, key, 0.0)
        if goal.name != MICRO:
            return best

        def micro_f1(biases: Biases) -> float:
            sums = np.zeros(2)
            for name, (edges, *counts) in curves.items():
                place = np.searchsorted(edges, biases[name])
                sums += [count[place] for count in counts]
            return float(named_ratio(sums[0], sums[1], gold, "f1"))

        score = micro_f1(best)
        while True:
            biases: dict[str, float] = dict.fromkeys(self.names, 0.0)
            for name in names:
                edges, correct, predicted = curves[name]
                biases[name], _ = best_point(edges, 2 * correct - score * predicted, 0.0)
            reached = micro_f1(biases)
            if reached <= score + EQUAL:
                return best
            best, score = biases, reached

    def _key(
        self, goal: Goal, correct: np.ndarray, predicted: np.ndarray, gold: float
    ) -> np.ndarray:
        """``Goal.key`` of one label alone."""
        if goal.name == "macro_f1":
            return ratio(2 * correct, predicted + gold)
        sums = np.zeros((len(self._alone.columns), len(correct)))
        sums[0], sums[1], sums[2] = correct, predicted, gold
        return replace(goal, problem=self._alone).key(sums.T)

    def _made(self, biases: Biases, units: Any = slice(None)) -> np.ndarray:
        """Which labels each of the texts gets, (U, C) bool: log p above minus log(1 + e^b)."""
        added = vector(biases, self.labels)
        least = np.where(added == 0, HALF, -np.logaddexp(0.0, added))
        made: np.ndarray = self._scores[units] > least
        return made

    def _padded(self, made: np.ndarray) -> np.ndarray:
        """The decisions with columns for classes that only gold has."""
        more = self._truth.shape[1] - made.shape[1]
        return np.pad(made, ((0, 0), (0, more))) if more else made


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
