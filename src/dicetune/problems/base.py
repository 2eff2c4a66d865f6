r"""Problem: one type of prediction, with everything that depends on the type.

Counts add up: a score of any selection of units (resampled, without one unit, cross-fitted) is
computed from summed counts and never averaged. Micro scores are over the sums of all classes;
macro-F1 is the mean over the classes that occur in gold or predicted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.errors import InputError, quoted, unknown_name
from dicetune.problems.ratios import Counts, counted, named_ratio, precision_recall_f1, ratio
from dicetune.problems.ruled import Ruled
from dicetune.problems.score_rows import (
    ScoreRow,
    log_probability_table,
    mean_probabilities,
    named_gold,
)

METRIC_TITLES = {
    "f1": "F1",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "exact_match": "exact match",
    "exact": "exact match",
    "token_accuracy": "accuracy of tags",
    "tag_accuracy": "accuracy of tags",
    "mcc": "MCC",
    "word_f1": "F1 of words",
    "word_precision": "precision of words",
    "word_recall": "recall of words",
}


@dataclass(frozen=True)
class ClassRow:
    """Scores of one class, as a table shows them; fractions from 0 to 1."""

    name: str
    support: int
    precision: float
    recall: float
    f1: float


class Listed(list[Any]):
    """Gold or predictions of many units, as they are."""

    def packed(self) -> Self:
        """All of them."""
        return self


class Problem(Ruled):
    """A type of prediction, for the labels and options of one model or data set.

    Gold and predictions are as ``predictions.jsonl`` has them, one for each unit. The columns of
    the counts are the correct items of every class, then predicted, then gold, then ``more``.

    Args:
        settings: plain data, as a run stores it: "labels" in the order of the model's outputs,
            "metric" (the headline), and settings of the type.
        gold: rows whose classes are counted beside the classes in the settings.
        predicted: as ``gold``.

    Raises:
        InputError: an unknown metric.
    """

    kind: ClassVar[str]
    unit: ClassVar[tuple[str, str]] = ("sentence", "sentences")
    items_title: ClassVar[str | None] = None
    """Name of the items that the support of a class counts, in the plural; by default the units."""
    titles: ClassVar[Mapping[str, str]] = {}
    """Titles of metrics that differ from ``METRIC_TITLES``."""
    scored: ClassVar[tuple[str, ...]]
    """Metrics of summed counts; the default headline is first."""
    more: ClassVar[tuple[str, ...]] = ()
    several_readings: ClassVar[bool] = True
    """Whether a prediction has several parts that can be right or wrong."""
    misses_only: ClassVar[bool] = False
    """Whether an item shows only the readings that some competitor misses."""
    tunable: ClassVar[bool] = True
    """Whether score files can be tuned."""
    has_classes: ClassVar[bool] = True
    one_of_several: ClassVar[bool] = False
    """Whether one of several classes is chosen, so that the classes have a prior."""
    ruled_options: ClassVar[frozenset[str]] = frozenset()
    """Options of a task that a decision rule sets."""
    gold_shape: ClassVar[Any] = [str]
    """Gold of a stored row, as ``records.check_shape`` takes it."""
    row_shape: ClassVar[Mapping[str, Any]] = {}
    """Other keys of a stored row, as ``records.check_shape`` takes them."""
    apart: ClassVar[str | None] = None
    """Why scores of several models cannot be averaged; by default they are log-probabilities."""

    def __init__(
        self, settings: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
    ) -> None:
        self.settings = dict(settings)
        self.labels = tuple(settings.get("labels") or ())
        self.check_settings()
        seen = {name for row in (*gold, *predicted) for name in self.classes_of(row)}
        self.classes = tuple(dict.fromkeys([*self.named_classes(), *sorted(seen)]))
        blocks = ("correct", "predicted", "gold")
        self.columns = (
            *(f"{name}:{block}" for block in blocks for name in self.classes),
            *self.more,
        )
        self._number = {name: number for number, name in enumerate(self.classes)}
        self.metrics = self._metrics(settings.get("metric"))

    def column(self) -> Any:
        """Takes gold or predictions one by one (``append``), and gives all (``packed``)."""
        return Listed()

    def check_settings(self) -> None:
        """Refuse settings that the type cannot use, and read the settings of the type."""

    def _metrics(self, headline: str | None) -> tuple[str, ...]:
        metrics = self.offered_metrics()
        if headline is None:
            return metrics
        if headline not in metrics:
            raise unknown_name("metric", headline, metrics)
        return (headline, *(name for name in metrics if name != headline))

    def offered_metrics(self) -> tuple[str, ...]:
        """The metrics of the type with these settings."""
        return self.scored

    def seeing(self, gold: Sequence[Any], predicted: Sequence[Any] = ()) -> Self:
        """The same problem with the classes of other rows."""
        return type(self)(self.settings, gold, predicted)

    # classes and counts

    def named_classes(self) -> Iterable[str]:
        """The classes that the settings name."""
        return self.labels

    def classes_of(self, row: Any) -> Iterable[str]:
        """The classes of one gold or predicted row."""
        return (name for _, name in self.items(row))

    def items(self, row: Any) -> Iterable[tuple[Hashable, str]]:
        """Place and class of each item in a row."""
        raise NotImplementedError

    def touch(self, place: Any, other: Any) -> bool:
        """Whether items at two places are about the same: one place, or spans that share words."""
        if isinstance(place, tuple):
            return bool(place[0] < other[1] and other[0] < place[1])
        return bool(place == other)

    def confused(self, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """How often each class was predicted for each gold class, (C + 1, C + 2).

        Missed and invented items that touch are a confusion. The last row has what was invented
        where gold has nothing; the last columns have the same class with other borders, and what
        was missed where nothing was predicted.
        """
        size = len(self.classes)
        found = np.zeros((size + 1, size + 2))
        for right, said in zip(gold, predicted, strict=True):
            wanted, made = set(self.items(right)), set(self.items(said))
            for _, name in wanted & made:
                found[self.number(name), self.number(name)] += 1
            touched = set()
            for item in wanted - made:
                row = self.number(item[1])
                others = {other for other in made - wanted if self.touch(item[0], other[0])}
                touched |= others
                for _, name in others:
                    found[row, size if name == item[1] else self.number(name)] += 1
                found[row, size + 1] += not others
            for _, name in made - wanted - touched:
                found[size, self.number(name)] += 1
        return found

    def number(self, name: Any) -> int:
        """The place of a class.

        Raises:
            InputError: a class that the problem does not have.
        """
        if name not in self._number:
            shown = ", ".join(self.classes[:8]) + (", …" if len(self.classes) > 8 else "")
            raise InputError(f"expected one of the classes {shown}, got {quoted(name)}")
        return self._number[name]

    def check_pairs(self, gold: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Refuse gold and predictions that do not pair up."""
        if len(gold) != len(predicted):
            one, several = self.unit
            raise InputError(
                f"expected {len(gold)} predicted {several}, one for each gold {one}, got "
                f"{len(predicted)}"
            )

    def counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Counts of each unit, (U, M) float64; an item given twice counts once.

        Raises:
            InputError: unequal lengths, or a class that the problem does not have.
        """
        self.check_pairs(gold, predicted)
        right, found = (
            {(unit, *item) for unit, row in enumerate(rows) for item in self.items(row)}
            for rows in (gold, predicted)
        )
        counts = np.zeros((len(gold), 3, len(self.classes)))
        for block, items in enumerate((right & found, found, right)):
            for unit, _, name in items:
                counts[unit, block, self.number(name)] += 1
        return counts.reshape(len(gold), 3 * len(self.classes))

    def blocks(self, sums: np.ndarray) -> Counts:
        """Correct, predicted and gold items of each class: (..., M) to three arrays (..., C)."""
        classes = np.asarray(sums, dtype=np.float64)[..., : 3 * len(self.classes)]
        correct, predicted, gold = np.split(classes, 3, axis=-1)
        return correct, predicted, gold

    def micro(self, sums: np.ndarray) -> Counts:
        """Correct, predicted and gold of all classes together, (...)."""
        correct, predicted, gold = (block.sum(-1) for block in self.blocks(sums))
        return correct, predicted, gold

    def macro_f1(self, sums: np.ndarray) -> np.ndarray:
        """Mean F1 over the classes that occur."""
        correct, predicted, gold = self.blocks(sums)
        both = predicted + gold
        return ratio(ratio(2 * correct, both).sum(-1), (both > 0).sum(-1))

    def focus(self, sums: np.ndarray) -> tuple[tuple[str, ...], Counts]:
        """Names and counts, (..., C), of the classes in precision, recall and F-beta."""
        correct, predicted, gold = (block.sum(-1, keepdims=True) for block in self.blocks(sums))
        return ("all",), (correct, predicted, gold)

    # scores

    def score(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """The score of summed counts, (..., M) to (...); a fraction, 0 where it is undefined.

        Raises:
            InputError: a metric that the counts do not give.
        """
        if metric not in self.metrics:
            raise unknown_name("metric", metric, self.metrics)
        return self.metric(np.asarray(sums, dtype=np.float64), metric)

    def metric(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """``score`` of a metric that the type has."""
        return named_ratio(*self.micro(sums), metric)

    def scores(self, gold: Sequence[Any], predicted: Sequence[Any]) -> dict[str, Any]:
        """The scores of a split for ``metrics.json``: every score, and a table of the classes.

        Raises:
            InputError: unequal lengths.
        """
        problem = self.seeing(gold, predicted)
        return problem._item_scores(problem.counts(gold, predicted).sum(0))

    def _item_scores(self, sums: np.ndarray) -> dict[str, Any]:
        """Counts and scores of all items, then of each class under "per_type"."""
        each = zip(self.classes, *self.blocks(sums), strict=True)
        per_type = {name: counted(*counts) for name, *counts in sorted(each) if any(counts[1:])}
        return {**counted(*self.micro(sums)), "per_type": per_type}

    def per_class(self, sums: np.ndarray) -> list[ClassRow]:
        """Scores of each class that occurs in gold or predicted, for one vector of sums."""
        return [
            ClassRow(name, int(g), *(float(value) for value in precision_recall_f1(c, p, g)))
            for name, c, p, g in zip(self.classes, *self.blocks(sums), strict=True)
            if p or g
        ]

    def operating_point(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Recall and precision of summed counts; a type without them has accuracy as both."""
        if {"recall", "precision"} <= set(self.metrics):
            return self.score(sums, "recall"), self.score(sums, "precision")
        return self.score(sums, "accuracy"), self.score(sums, "accuracy")

    def tradeoff(
        self, gold: Sequence[Any]
    ) -> tuple[str, Callable[[Sequence[np.ndarray]], Counts]] | None:
        """The decision of a precision-recall curve in words, and the counts at each of its steps.

        ``None`` where no threshold trades precision for recall.
        """
        return None

    # scores of several models

    @classmethod
    def average(cls, models: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        """The scores of several models as those of one; see ``apart`` for types without it."""
        return mean_probabilities(models)

    # score rows

    @classmethod
    def shown_by(cls, row: ScoreRow) -> bool:
        """Whether a row of a score file is of this type; the types are asked in turn."""
        return False

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[ScoreRow],
        positive: str | None = None,
        note: Callable[[str, str], None] = lambda rule, place: None,
    ) -> tuple[Self, list[ScoreRow]]:
        """The problem of a score file, and its rows with gold in the names of the scores.

        Args:
            rows: with gold.
            positive: the class whose F1 is asked for, of the user.
            note: called with a rule and a place where gold or scores are not read as written.

        Raises:
            DataError: rows that no decision can be fitted on.
        """
        if positive is not None:
            raise InputError(f"expected no positive class for {cls.kind}, got {quoted(positive)}")
        labels = cls.score_labels(rows)
        settings = {"kind": cls.kind, "labels": labels, **cls.row_settings(labels)}
        return cls(settings), [cls.with_gold(labels, row, note) for row in rows]

    @classmethod
    def score_labels(cls, rows: Sequence[ScoreRow]) -> list[str]:
        """The names of the columns of the scores.

        Raises:
            DataError: none, a name that comes twice, or other names than in the first row.
        """
        raise NotImplementedError

    @classmethod
    def row_settings(cls, labels: Sequence[str]) -> dict[str, Any]:
        """The settings that the labels of a score file show."""
        return {}

    @classmethod
    def with_gold(
        cls, labels: Sequence[str], row: ScoreRow, note: Callable[[str, str], None]
    ) -> ScoreRow:
        """The row with gold in the names of the scores; by default a list of labels.

        Raises:
            DataError: gold of another form, or a label that has no score.
        """
        return named_gold(labels, row, row.gold_list(), note)

    def read_scores(self, row: ScoreRow) -> np.ndarray:
        """The scores of one row, as ``decisions`` takes them.

        Raises:
            DataError: what is missing or no number, and in which line.
        """
        rows, _ = self.score_shape(row.values["gold"])
        return log_probability_table(row, self.labels, rows or 0)

    def write_scores(self, scores: np.ndarray) -> dict[str, Any]:
        """The scores of one unit as the keys of a row that ``read_scores`` reads."""
        return {"log_probabilities": scores.tolist(), "labels": list(self.labels)}

    @classmethod
    def extra(cls, row: Mapping[str, Any]) -> Any:
        """The value of a stored row that decisions need beside the scores."""
        return None

    # words for people

    def metric_title(self, metric: str) -> str:
        """A metric in words."""
        return self.titles.get(metric) or METRIC_TITLES.get(metric, metric.replace("_", " "))

    def units(self, rows: Sequence[Mapping[str, Any]] = ()) -> tuple[str, str]:
        """The name of a unit, singular and plural."""
        return self.unit

    def readings(self, row: Mapping[str, Any], prediction: Any) -> tuple[str, ...]:
        """One short text for each part of a prediction that can be right or wrong.

        Args:
            row: of the unit, for its words.
            prediction: or gold; a prediction that finds nothing has no readings.
        """
        return tuple(
            f"{name}: {words_of(row['tokens'], place)}" for place, name in self.items(prediction)
        )

    def right_units(
        self, rows: Sequence[Mapping[str, Any]], predicted: Sequence[Any], counts: np.ndarray
    ) -> np.ndarray:
        """Whether all of each unit is right, (U,) bool."""
        return np.array(
            [
                found == row["gold"]
                or set(self.readings(row, found)) == set(self.readings(row, row["gold"]))
                for row, found in zip(rows, predicted, strict=True)
            ],
            dtype=bool,
        )

    def gold_labels(self, gold: Sequence[Any]) -> Counter[str]:
        """Number of gold items of each class."""
        return Counter(name for row in gold for _, name in self.items(row))


def is_unspaced(tokens: Sequence[str]) -> bool:
    """Whether tokens are the characters of a text without spaces between words."""
    return len(tokens) > 1 and all(len(token) == 1 for token in tokens)


def words_of(tokens: Sequence[str], place: Any) -> str:
    """The words of a span, with their place if the text has the same words elsewhere."""
    start, end = place
    words, length = list(tokens), end - start
    same = sum(words[at : at + length] == words[start:end] for at in range(len(words)))
    text = ("" if is_unspaced(tokens) else " ").join(words[start:end])
    return text + (f" (word {start + 1})" if same > 1 else "")
