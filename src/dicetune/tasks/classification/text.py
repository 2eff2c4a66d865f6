"""text: one label for each text.

Worked example, from raw text to logits and back (WordPiece, labels ham, spam)::

    text     "Quay Nine is down"            label "spam"
    encode   [CLS] qu ##ay nine is down [SEP]
             labels 1
    model    logits (1, 2)
    inputs   LossInput("label", logits, [1], kind="classes")
    decode   log-probabilities (1, 2)
    predict  arg-max: "spam"
    score    F1 of spam, and of ham beside it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.data import TextCorpus
from dicetune.data.files.tables import QUOTING
from dicetune.data.texts.columns import HEADERS
from dicetune.data.texts.read import CLASSES
from dicetune.errors import InputError, unknown_name
from dicetune.metrics import class_scores, positive_class
from dicetune.tasks.base import Scores
from dicetune.tasks.classification.classified import (
    Classified,
    Decision,
    classified,
    label_probabilities,
)
from dicetune.tasks.classification.sequence import SequenceTask, label_order, row_of
from dicetune.tasks.options import FILES, GOLD, option

METRICS = ("auto", "accuracy", "f1", "macro_f1", "micro_f1", "mcc")


@dataclass(frozen=True)
class TextOptions:
    """What can be chosen for texts of one label each.

    Args:
        text_column: name or number (from 0) of the text; default: a known name, else the column
            with the longest cells.
        label_column: name or number of the label; default: a known name, else the column with the
            fewest different cells.
        id_column: name or number of the id; default: a known name.
        header: whether a table's first row names its columns: on, off; auto looks for known names.
        quoting: whether cells of a table may stand in quotes: on, off; auto looks at all of it.
        label_names: file with the names of all labels, one a line, where rows have numbers.
        classes: of Sentiment Treebank files: fine (0 to 4) or binary (without neutral sentences).
        positive: class whose F1 is reported; default: 1 or positive, else the rarer of two.
        metric: dev score that chooses the checkpoint: accuracy, f1, macro_f1, micro_f1, mcc; auto
            is f1 of the positive class where there is one, else macro_f1.
        gold_column: name or number of the gold labels in a file of predictions.
        predicted_column: name or number of the predicted labels in a file of predictions.
    """

    text_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    label_column: int | str | None = option(None, uses=(*GOLD, "compare"))
    id_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    header: str = option("auto", uses=FILES)
    quoting: str = option("auto", uses=FILES)
    label_names: str | None = option(None, uses=(*GOLD, "score", "compare"))
    classes: str = option("fine", uses=(*GOLD, "compare"))
    positive: int | str | None = option(None, uses=("train", "evaluate", "score", "compare"))
    metric: str = option("auto", uses=["train"])
    gold_column: int | str | None = option(None, uses=["score"])
    predicted_column: int | str | None = option(None, uses=("score", "compare"))

    def __post_init__(self) -> None:
        check_choices(self, {"header": HEADERS, "quoting": QUOTING, "metric": METRICS})
        if self.classes not in CLASSES:
            raise unknown_name("classes of trees", self.classes, CLASSES)


def check_choices(options: Any, valid: Mapping[str, Sequence[str]]) -> None:
    """Refuse a value that is none of the valid ones.

    Raises:
        InputError: the option's name, its value and the nearest valid one.
    """
    for name, choices in valid.items():
        if getattr(options, name) not in choices:
            raise unknown_name(name, getattr(options, name), choices)


class TextTask(SequenceTask):
    """One label for each text, by softmax."""

    name = "text"
    title: ClassVar[str] = "text-classification"
    Options: ClassVar[type] = TextOptions
    scored: ClassVar[str] = (
        "Texts, in percent; F1 is that of the positive class, where there is one."
    )

    @property
    def shown(self) -> tuple[str, ...]:
        """Scores of a table: of two classes the F1 of both."""
        names = ["accuracy", "macro_f1"]
        if self.positive is not None:
            names = ["accuracy", *(["f1_other"] if len(self.labels) == 2 else []), "f1"]
        others = [name for name in names if name != self.main_metric]
        return (*others, self.main_metric)

    @classmethod
    def of(
        cls, train: TextCorpus, options: Any = None, labels: Sequence[str] | None = None
    ) -> Self:
        """The task of a training split; ``labels`` where they are more than it shows.

        Raises:
            InputError: one label alone, or a positive class that there is not.
        """
        options = cls.Options() if options is None else options
        names = label_order(train, labels)
        counts = {label: train.label_counts[label] for label in names}
        positive = positive_class(counts, _text(options.positive))
        return cls(names, positive=positive, metric=_metric(options.metric, positive))

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model.

        Raises:
            InputError: where there are fewer than two labels, or a positive class that there is
                not.
        """
        if len(labels) < 2:
            raise InputError(
                f"expected a model of at least two labels, got {len(labels)}: a regression is no "
                "classification"
            )
        positive = positive_class(dict.fromkeys(labels, 0), _text(settings.get("positive")))
        return cls(
            labels, positive=positive, metric=_metric(settings.get("metric") or "auto", positive)
        )

    def settings(self) -> dict[str, Any]:
        """The positive class and the score that chose the checkpoint."""
        return {"positive": self.positive, "metric": self.main_metric}

    def problem(self, train: TextCorpus | None = None) -> dict[str, Any]:
        """One label a text, with the class whose F1 is asked for."""
        found: dict[str, Any] = {
            "kind": "label",
            "labels": list(self.labels),
            "metric": self.main_metric,
            "positive": self.positive,
        }
        if train is not None:
            found["class_counts"] = [train.label_counts[label] for label in self.labels]
        return found

    @classmethod
    def score_labels(cls, found: Any, labels: Sequence[str], options: Any) -> Scores:
        """Scores of a file of predictions."""
        gold = [own[0] for own in found.gold]
        names = labels or sorted({*gold, *(own[0] for own in found.predicted)})
        positive = positive_class(
            {name: gold.count(name) for name in names}, _text(options.positive)
        )
        chances = None
        if positive and all(positive in own for own in found.probabilities):
            chances = [float(own[positive]) for own in found.probabilities] or None
        predicted = [own[0] for own in found.predicted]
        return class_scores(
            gold, predicted, labels=names, positive=positive, probabilities=chances
        ).to_dict()

    def score(self, data: TextCorpus, predictions: Sequence[Decision]) -> Scores:
        """Accuracy, F1 of the classes, MCC and average precision; fractions in [0, 1]."""
        chances = None
        if self.positive is not None:
            place = self.labels.index(self.positive)
            chances = [own.probabilities[place] for own in predictions]
        return class_scores(
            [(example.labels or ("",))[0] for example in data],
            [own.labels[0] for own in predictions],
            labels=self.labels,
            positive=self.positive,
            probabilities=chances,
        ).to_dict()

    def rows(self, data: TextCorpus, predictions: Sequence[Decision]) -> Iterable[dict[str, Any]]:
        """id, text, gold and predicted label; of two labels the probabilities."""
        for number, (example, own) in enumerate(zip(data, predictions, strict=True)):
            row = dict(row_of(example, number))
            row |= {"gold": (example.labels or (None,))[0], "predicted": own.labels[0]}
            if len(self.labels) == 2:
                row["probabilities"] = label_probabilities(self.labels, own)
            yield row

    def answers(
        self,
        data: TextCorpus,
        predictions: Sequence[Decision],
        scores: Sequence[np.ndarray],
    ) -> list[Classified]:
        """Each text's label with all probabilities."""
        return [classified(self.labels, own) for own in predictions]


def _text(label: int | str | None) -> str | None:
    """A label as files hold it: 1 on the command line is "1"."""
    return None if label is None else str(label)


def _metric(chosen: str, positive: str | None) -> str:
    if chosen == "auto":
        return "macro_f1" if positive is None else "f1"
    if chosen == "f1" and positive is None:
        raise InputError(
            "expected a positive class for metric=f1 where there are more than two labels, got "
            "none: choose positive=LABEL, or metric=macro_f1"
        )
    return chosen
