r"""Spans that tags spell: named entities, side by side.

A decision rule is one bias on the tag outside of spans,

.. math::
    \hat y_t = \arg\max_c\,(\log p_{t,c} + b\,[c = \text{O}]).

A word has one breakpoint, where O equals the best other tag; ``SpanSteps`` says how the spans
change there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from dicetune.errors import unknown_name
from dicetune.problems.base import Problem
from dicetune.problems.decisions import Biases, Decisions, Steps, vector
from dicetune.problems.ratios import Counts, named_ratio, ratio
from dicetune.problems.ruled import factor_of
from dicetune.problems.schemes import (
    LETTERS,
    OUTSIDE,
    Span,
    check_lengths,
    check_tags,
    scheme_of,
    spans_of,
    types_of,
)
from dicetune.problems.score_rows import ScoreRow, column_names
from dicetune.problems.span_steps import SpanSteps

STEPS = 120
"""Points of a precision-recall curve."""

MOST = 4
"""A curve ends at this number times the words in gold spans."""


class Spans(Problem):
    """Whole spans by type, micro, and the share of words with the right tag.

    Settings of the type: "scheme" of the tags ("iob2" or "iobes"), "convention" ("strict" or
    "conlleval"), "background" (the tag outside of spans, if the model has this tag).
    """

    kind: ClassVar[str] = "spans"
    items_title: ClassVar[str | None] = "entities"
    scored: ClassVar[tuple[str, ...]] = ("f1", "precision", "recall", "token_accuracy")
    more: ClassVar[tuple[str, ...]] = ("right_tags", "words")

    def check_settings(self) -> None:
        """Scheme and convention."""
        self.scheme = self.settings.get("scheme") or "iob2"
        self.convention = self.settings.get("convention") or "strict"
        if self.scheme not in LETTERS:
            raise unknown_name("scheme to score in", self.scheme, LETTERS)
        if self.convention not in ("strict", "conlleval"):
            raise unknown_name("convention", self.convention, ("strict", "conlleval"))

    def named_classes(self) -> Iterable[str]:
        """The types of the labels."""
        return types_of(self.labels)

    def classes_of(self, row: Sequence[str]) -> Iterable[str]:
        """The types of the tags, also of tags that begin no span."""
        return types_of(row)

    def items(self, row: Sequence[str]) -> list[tuple[tuple[int, int], str]]:
        """Place and type of each span."""
        return [((start, end), name) for name, start, end in self.spans(row)]

    def spans(self, row: Sequence[str]) -> list[Span]:
        """The spans of a sentence."""
        return spans_of(row, self.scheme, self.convention)

    def check_pairs(self, gold: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Refuse sentences that do not pair up, and tags of another scheme."""
        super().check_pairs(gold, predicted)
        check_lengths(gold, predicted)
        check_tags(gold, self.scheme, "gold")
        check_tags(predicted, self.scheme, "predicted")

    def counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        words = [
            (sum(a == b for a, b in zip(right, found, strict=False)), len(right))
            for right, found in zip(gold, predicted, strict=False)
        ]
        spans = super().counts(gold, predicted)
        return np.hstack([spans, np.array(words, dtype=np.float64).reshape(-1, 2)])

    def metric(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """Micro precision, recall or F1 of spans, or the share of words with the right tag."""
        if metric == "token_accuracy":
            return ratio(sums[..., -2], sums[..., -1])
        return named_ratio(*self.micro(sums), metric)

    def _item_scores(self, sums: np.ndarray) -> dict[str, Any]:
        return {
            **super()._item_scores(sums),
            "token_accuracy": float(self.metric(sums, "token_accuracy")),
            "scheme": self.scheme,
            "convention": self.convention,
        }

    def score_shape(self, gold: Any) -> tuple[int | None, int]:
        """A row a word."""
        return len(gold), len(self.labels)

    def why_fixed(self, gold: Sequence[Any]) -> str | None:
        """Labels without O have no bias."""
        if self.settings.get("background") in self.labels:
            return None
        return "The labels have no background (O) whose bias could be moved: the default is kept."

    @classmethod
    def move(
        cls, scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """Each bias on the column of its label."""
        return [np.asarray(table, dtype=np.float64) + vector(biases, labels) for table in scores]

    @classmethod
    def rule_words(cls, biases: Biases, labels: Sequence[str]) -> dict[str, str]:
        """How much likelier than the best other tag O must be."""
        return {
            name: f"{name} only if it is {factor_of(-bias)} times as likely as the best other tag"
            for name, bias in biases.items()
            if bias
        }

    def decide(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray], extras: Sequence[Any] | None
    ) -> Decisions:
        """A bias on O."""
        return SpanDecisions(self, gold, scores)

    def tradeoff(
        self, gold: Sequence[Any]
    ) -> tuple[str, Callable[[Sequence[np.ndarray]], Counts]] | None:
        """The k words with the lowest score of O get their likeliest other tag."""
        return (
            "how readily a word is part of an entity (bias on O)",
            lambda scores: self._swept(scores, gold),
        )

    def _swept(self, scores: Sequence[np.ndarray], gold: Sequence[Sequence[str]]) -> Counts:
        """The counts of each step; only sentences that changed are read again."""
        outside = self.labels.index(self.settings.get("background") or OUTSIDE)
        table = np.concatenate(scores).astype(float)
        others = np.delete(table, outside, axis=1)
        names = [name for number, name in enumerate(self.labels) if number != outside]
        margin = others.max(axis=1) - table[:, outside]
        best = others.argmax(axis=1)
        lengths = [len(rows) for rows in scores]
        sentence = np.repeat(np.arange(len(scores)), lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        right = [set(self.spans(tags)) for tags in gold]
        made = [[OUTSIDE] * length for length in lengths]
        counted = np.zeros((len(gold), 2))
        order = np.argsort(-margin, kind="stable")
        tagged = sum(tag != OUTSIDE for tags in gold for tag in tags)
        last = min(len(order), max(1, MOST * tagged))
        steps = np.unique(np.linspace(1, last, STEPS).round().astype(int))
        sums, begun = [], 0
        for end in steps:
            for word in order[begun:end]:
                made[sentence[word]][word - starts[sentence[word]]] = names[best[word]]
            for unit in np.unique(sentence[order[begun:end]]):
                found = set(self.spans(made[unit]))
                counted[unit] = len(found & right[unit]), len(found)
            sums.append(counted.sum(axis=0))
            begun = end
        correct, predicted = np.array(sums).T
        return correct, predicted, np.full(len(steps), float(sum(map(len, right))))

    @classmethod
    def shown_by(cls, row: ScoreRow) -> bool:
        """Lists of scores whose columns are O and tags with letters."""
        if row.raw is None:
            return False
        labels = column_names([row])
        return OUTSIDE in labels and scheme_of(labels) is not None

    @classmethod
    def score_labels(cls, rows: Sequence[ScoreRow]) -> list[str]:
        """The names of the columns."""
        return column_names(rows)

    @classmethod
    def row_settings(cls, labels: Sequence[str]) -> dict[str, Any]:
        """The scheme that the letters show."""
        return {"scheme": scheme_of(labels) or "iob2", "background": OUTSIDE}

    def metric_title(self, metric: str) -> str:
        """F1 names its convention."""
        if metric == "f1":
            return "strict span F1" if self.convention == "strict" else "span F1 (conlleval)"
        return super().metric_title(metric)


class SpanDecisions(Decisions):
    """The tags of each sentence."""

    problem: Spans

    def __init__(self, problem: Spans, gold: Sequence[Any], scores: Sequence[np.ndarray]) -> None:
        self.problem = problem
        self.labels = problem.labels
        self.background = str(problem.settings["background"])
        self.names = (self.background,)
        check_tags([*gold, self.labels], problem.scheme, "gold")
        self._reader = SpanSteps(problem, gold)
        self._ends = np.cumsum([len(table) for table in scores])
        empty = np.zeros((0, len(self.labels)))
        self._scores = np.concatenate([empty, *scores]).astype(np.float64)

    def predicted(self, biases: Biases) -> list[list[str]]:
        """The tags of each sentence."""
        tags = np.split(np.array(self.labels, dtype=object)[self._tags(biases)], self._ends[:-1])
        return [row.tolist() for row in tags]

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        return self._reader.counts(self._tags(biases))

    def steps(self, name: str, biases: Biases) -> Steps:
        """A word turns from its best tag to O at its breakpoint."""
        column = self.labels.index(name)
        others = self._scores.copy()
        others[:, column] = -np.inf
        best = others.argmax(-1)
        with np.errstate(invalid="ignore"):  # no tag of a word is possible
            at = others.max(-1, initial=-np.inf) - self._scores[:, column]
        return self._reader.steps(best, np.full_like(best, column), at)

    def dials(self) -> dict[str, tuple[str, ...]]:
        """O, for all spans together."""
        return {"all": (self.background,)}

    def present(self, mask: np.ndarray) -> list[str]:
        """O, where any sentence under the mask has a span."""
        return list(self.names) if self._reader.with_gold[mask].any() else []

    def _tags(self, biases: Biases) -> np.ndarray:
        """The number of the tag of each word, (W,)."""
        (moved,) = self.problem.move([self._scores], biases, self.labels)
        tags: np.ndarray = moved.argmax(-1)
        return tags
