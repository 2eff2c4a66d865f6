r"""Spans that tags spell: named entities, side by side.

A decision rule is a bias on the tag outside of spans, and may have a bias for each type, on all its
tags,

.. math::
    \hat y_t = \arg\max_c\,(\log p_{t,c} + b_{\text{type}(c)}).

As a function of one bias a word has one breakpoint, where the best of the moved tags equals the
best other tag; ``SpanSteps`` says how the spans change there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.errors import unknown_name
from dicetune.problems.base import Problem
from dicetune.problems.decisions import Biases, Decisions, Steps
from dicetune.problems.goal import Goal
from dicetune.problems.ratios import Counts, named_ratio, ratio
from dicetune.problems.ruled import factor_of
from dicetune.problems.schemes import (
    LETTERS,
    OUTSIDE,
    Span,
    TagColumn,
    TagRows,
    check_lengths,
    check_tags,
    scheme_of,
    spans_of,
    types_of,
)
from dicetune.problems.score_rows import ScoreRow, column_names, one_table
from dicetune.problems.span_steps import SpanSteps

ANY = "*-"
"""Before a type: all its tags. No label begins so."""

TYPED_TURNS = 1
"""Turns of the search over the biases of types: further turns gain nothing on new data."""

AT_ONCE = 2048
"""Sentences that are counted together."""

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
    independent: ClassVar[bool | None] = False
    row_shape: ClassVar[Mapping[str, Any]] = {"predicted": [str]}

    def check_settings(self) -> None:
        """Scheme and convention."""
        self.scheme = self.settings.get("scheme") or "iob2"
        self.convention = self.settings.get("convention") or "strict"
        if self.scheme not in LETTERS:
            raise unknown_name("scheme to score in", self.scheme, LETTERS)
        if self.convention not in ("strict", "conlleval"):
            raise unknown_name("convention", self.convention, ("strict", "conlleval"))

    def column(self) -> TagColumn:
        """Tags as numbers."""
        return TagColumn()

    def named_classes(self) -> Iterable[str]:
        """The types of the labels."""
        return types_of(self.labels)

    def seeing(self, gold: Sequence[Any], predicted: Sequence[Any] = ()) -> Self:
        """The same problem with the classes of other rows; of columns, of their names."""
        both = (gold, predicted)
        return super().seeing(*([r.names] if isinstance(r, TagRows) else r for r in both))

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
        self.check_pairs(gold, predicted)
        parts = [slice(at, at + AT_ONCE) for at in range(0, max(len(gold), 1), AT_ONCE)]
        return np.concatenate([self._counts(gold[part], predicted[part]) for part in parts])

    def _counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        words = [
            (sum(a == b for a, b in zip(right, found, strict=False)), len(right))
            for right, found in zip(gold, predicted, strict=False)
        ]
        spans = super().counts(gold, predicted)
        return np.hstack([spans, np.array(words, dtype=np.float64).reshape(-1, 2)])

    def scores_of(self, gold: TagRows, predicted: TagRows) -> dict[str, Any]:
        """``scores`` of columns of tags for the same words, without a look at each sentence."""
        problem = self.seeing([gold.names], [predicted.names])
        check_tags([gold.names], self.scheme, "gold")
        check_tags([predicted.names], self.scheme, "predicted")
        sums = np.zeros(len(problem.columns))
        for pair in zip(gold.parts(), predicted.parts(), strict=True):
            sums += problem._sums(*pair)
        return problem._item_scores(sums)

    def _sums(self, gold: TagRows, predicted: TagRows) -> np.ndarray:
        """The counts of all sentences together, (M,)."""
        found = []
        for rows in (gold, predicted):
            kind, first, last = rows.spans(self.scheme, self.convention)
            classes = [self.number(name) for name in types_of(rows.names)]
            found.append((np.array(classes, dtype=np.int64)[kind], first, last))
        (right, first, last), (made, begun, ended) = found
        _, ours, theirs = np.intersect1d(first, begun, True, return_indices=True)
        same = (right[ours] == made[theirs]) & (last[ours] == ended[theirs])
        size = len(self.classes)
        blocks = [np.bincount(b, minlength=size) for b in (right[ours][same], made, right)]
        known = {name: place for place, name in enumerate(gold.names)}
        same_as = np.array([known.get(name, -1) for name in predicted.names], dtype=np.int32)
        is_right = same_as[predicted.numbers] == gold.numbers
        return np.concatenate([*blocks, [is_right.sum(), len(is_right)]])

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
    def rule_words(cls, biases: Biases, labels: Sequence[str]) -> dict[str, str]:
        """How much likelier than the best other tag O must be, and how many times types count."""
        found = {}
        for name, bias in biases.items():
            kind = name[2:] or None
            if factor_of(bias) == "1":
                continue
            if kind is None:
                how = "only" if bias < 0 else "already"
                times = f"{factor_of(-bias)} times as likely as the best other tag"
                found[name] = f"{name} {how} if it is {times}"
            else:
                found[kind] = f"{kind} counts {factor_of(bias)} times"
        return found

    def chances(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """A row a word; words whose tag the model does not have are left out."""
        tags = np.array([tag for row in gold for tag in row], dtype=object)
        table = np.concatenate([np.zeros((0, len(self.labels))), *scores])
        truth = tags[:, None] == np.array(self.labels, dtype=object)
        known = truth.any(1)
        return table[known], truth[known]

    def marks(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Each word, as part of an entity of each type."""
        if self.settings.get("background") not in self.labels:
            return super().marks(gold, scores)
        logs, truth = self.chances(gold, scores)
        kinds = {name[2:] for name in self.labels} - {""}
        columns = [[name[2:] == kind for name in self.labels] for kind in sorted(kinds)]
        found = (np.exp(logs.astype(float)), truth)
        chance, marked = (np.stack([table[:, own].sum(1) for own in columns], 1) for table in found)
        return chance, marked > 0

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
        self.names: tuple[str, ...] = (self.background,)
        check_tags(chain(gold, [self.labels]), problem.scheme, "gold")
        self._gold = TagRows.of(gold)
        parts = self._gold.parts()
        self._with_gold = np.concatenate([SpanSteps(problem, part).with_gold for part in parts])
        self._scores = one_table(scores, len(self.labels))

    def richer(self) -> Self | None:
        """The same with a bias for each type too, on all tags of the type."""
        kinds = types_of([label for label in self.labels if label != self.background])
        if len(kinds) < 2:
            return None
        found = copy(self)
        found.names = (self.background, *(ANY + kind for kind in kinds))
        found.turns = TYPED_TURNS
        return found

    def fit(self, goal: Goal, mask: np.ndarray) -> dict[str, float]:
        """The best biases, by label: all tags of a type have the bias of the type."""
        found = super().fit(goal, mask)
        return {
            label: found[name] for label in self.labels if (name := self._mover(label)) in found
        }

    def predicted(self, biases: Biases) -> Sequence[Any]:
        """The tags of each sentence."""
        numbers = np.concatenate([tags for _, tags in self._tags(biases)])
        return TagRows(self.labels, numbers, self._gold.starts)

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        pairs = self._tags(biases)
        return np.concatenate([SpanSteps(self.problem, gold).counts(tags) for gold, tags in pairs])

    def steps(self, name: str, biases: Biases) -> Steps:
        """A word turns from its best other tag to O, or to the best tag of a type."""
        moved = np.array([self._mover(label) == name for label in self.labels])
        added = self._biases({**biases, name: 0.0})
        found = []
        for gold, scores in self._moved(added):
            others, own = np.where(moved, -np.inf, scores), np.where(moved, scores, -np.inf)
            with np.errstate(invalid="ignore"):  # no tag of a word is possible
                at = others.max(-1, initial=-np.inf) - own.max(-1, initial=-np.inf)
            turns = others.argmax(-1), own.argmax(-1), at
            found.append(SpanSteps(self.problem, gold).steps(*turns))
        return Steps.joined(found)

    def dials(self) -> dict[str, tuple[str, ...]]:
        """O, for all spans together."""
        return {"all": (self.background,)}

    def present(self, mask: np.ndarray) -> list[str]:
        """O, where any sentence under the mask has a span, and the types of these spans."""
        if len(self.names) == 1:
            return list(self.names) if self._with_gold[mask].any() else []
        words = self._gold.numbers[np.repeat(mask, np.diff(self._gold.starts))]
        occurs = np.flatnonzero(np.bincount(words, minlength=1)).tolist()
        kinds = {ANY + kind for kind in types_of([self._gold.names[number] for number in occurs])}
        return [name for name in self.names if kinds and name in {self.background, *kinds}]

    def _mover(self, label: str) -> str:
        """The name of the bias that moves a label."""
        return label if label == self.background else ANY + label[2:]

    def _biases(self, biases: Biases) -> np.ndarray:
        """The bias of each label, from biases by label or by name, (C,)."""
        both = ((label, self._mover(label)) for label in self.labels)
        return np.array([biases.get(label, biases.get(name, 0.0)) for label, name in both])

    def _tags(self, biases: Biases) -> Iterator[tuple[TagRows, np.ndarray]]:
        """Gold of some sentences at a time, and the number of the tag of each word, (W,)."""
        kind = np.min_scalar_type(len(self.labels))
        for gold, scores in self._moved(self._biases(biases)):
            yield gold, scores.argmax(-1).astype(kind)

    def _moved(self, added: np.ndarray) -> Iterator[tuple[TagRows, np.ndarray]]:
        """Gold of some sentences at a time, and the moved scores of the words, (W, C) float64."""
        at = 0
        for part in self._gold.parts():
            yield part, self._scores[at : at + len(part.numbers)] + added
            at += len(part.numbers)
