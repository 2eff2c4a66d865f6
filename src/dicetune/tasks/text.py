"""text and pair: one label for each text, or for each pair of texts.

Worked example of ``text``, from raw text to logits and back (WordPiece, labels ham, spam)::

    text     "Quay Nine is down"            label "spam"
    encode   [CLS] qu ##ay nine is down [SEP]
             labels 1
    model    logits (1, 2)
    targets  LossTarget("label", [1], kind="classes")
    decode   log-probabilities (1, 2)
    predict  arg-max: "spam"
    score    F1 of spam, and of ham beside it

``pair`` (paraphrase, duplicate question, entailment) differs in the encoding alone::

    texts    "the pump is down" and "is it fine"        label "1"
    encode   [CLS] the pump is down [SEP] is it fine [SEP]
             token_type_ids 0 for the first text, 1 for the second; labels 1

A pair longer than the limit loses sub-words of its longer text first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from dicetune.data import TextCorpus, TextExample, TextPredictions
from dicetune.data.texts.read import CLASSES
from dicetune.errors import InputError
from dicetune.problems import Label, positive_class
from dicetune.tasks.base import Scores
from dicetune.tasks.options import GOLD, option
from dicetune.tasks.sequence import Decision, LabelOptions, SequenceTask, label_order

METRICS = ("auto", "accuracy", "f1", "macro_f1", "micro_f1", "mcc")


@dataclass(frozen=True)
class OneLabelOptions(LabelOptions):
    """Options of texts with one label.

    Args:
        positive: class whose F1 is reported, such as spam; default: 1 or positive, else the rarer
            class of two.
        metric: dev score that chooses the checkpoint: accuracy, f1, macro_f1, micro_f1, mcc; auto
            is f1 of the positive class if there is one, else macro_f1.
    """

    positive: int | str | None = option(None, uses=("train", "evaluate", "score", "compare"))
    metric: str = option("auto", uses=["train"], choices=METRICS)


@dataclass(frozen=True)
class TextOptions(OneLabelOptions):
    """Options of single texts with one label.

    Args:
        classes: labels of Sentiment Treebank files: fine (0 to 4), or binary (0 and 1, without
            neutral sentences).
    """

    classes: str = option("fine", uses=(*GOLD, "compare"), choices=tuple(CLASSES))


class TextTask(SequenceTask):
    """One label for each text, by softmax."""

    name = "text"
    title = "text-classification"
    predicts = Label
    Options: ClassVar[type] = TextOptions
    scored = "Texts, in percent; F1 of the positive class, if there is one."

    @property
    def shown(self) -> tuple[str, ...]:
        """Scores of a table: of two classes the F1 of both."""
        names = ["accuracy", "macro_f1"]
        if self.positive is not None:
            names = ["accuracy", *(["f1_other"] if len(self.labels) == 2 else []), "f1"]
        return (*(name for name in names if name != self.main_metric), self.main_metric)

    @classmethod
    def score_labels(cls, found: TextPredictions, labels: list[str], options: Any) -> Scores:
        """Score a file of predictions."""
        gold, predicted = ([labels[0] for labels in rows] for rows in (found.gold, found.predicted))
        names = labels or sorted({*gold, *predicted})
        counts = {name: gold.count(name) for name in names}
        positive = positive_class(counts, _text(options.positive))
        chances = None
        if positive and all(positive in row for row in found.probabilities):
            chances = [float(row[positive]) for row in found.probabilities] or None
        return Label({"labels": names, "positive": positive}).scores(gold, predicted, chances)

    @classmethod
    def of(
        cls, train: TextCorpus, options: Any = None, labels: Sequence[str] | None = None
    ) -> Self:
        """The task of a training split; ``labels`` where the split does not show all of them."""
        options = cls.Options() if options is None else options
        names = label_order(train, labels)
        counts = {label: train.label_counts[label] for label in names}
        positive = positive_class(counts, _text(options.positive))
        return cls(names, positive=positive, metric=_metric(options.metric, positive))

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model."""
        if len(labels) < 2:
            raise InputError(
                f"expected a model of at least two labels, got {len(labels)}: a regression is no "
                "classification"
            )
        positive = positive_class(dict.fromkeys(labels, 0), _text(settings.get("positive")))
        metric = _metric(settings.get("metric") or "auto", positive)
        return cls(labels, positive=positive, metric=metric)

    def settings(self) -> dict[str, Any]:
        """The positive class and the score that chose the checkpoint."""
        return {"positive": self.positive, "metric": self.main_metric}

    def problem_settings(self, train: TextCorpus | None) -> dict[str, Any]:
        """The class whose F1 is asked for, and the texts of each label in training."""
        found: dict[str, Any] = {"positive": self.positive}
        if train is not None:
            found["class_counts"] = [train.label_counts[label] for label in self.labels]
        return found

    def score(self, data: TextCorpus, predictions: Sequence[Decision]) -> Scores:
        """Accuracy, F1 of the classes, MCC and average precision; fractions in [0, 1]."""
        chances = None
        if self.positive is not None:
            place = self.labels.index(self.positive)
            chances = [decision.probabilities[place] for decision in predictions]
        return Label({"labels": self.labels, "positive": self.positive}).scores(
            [(example.labels or ("",))[0] for example in data],
            [decision.label for decision in predictions],
            chances,
        )

    def row(self, example: TextExample, prediction: Decision) -> dict[str, Any]:
        """Text, gold and predicted label."""
        gold = (example.labels or (None,))[0]
        return super().row(example, prediction) | {"gold": gold, "predicted": prediction.label}


@dataclass(frozen=True)
class PairOptions(OneLabelOptions):
    """Options of pairs of texts.

    Args:
        text_column: name or number (from 0) of the column of the first text; default: known names,
            else the two columns with the longest cells.
        pair_column: name or number of the column of the second text.
    """

    pair_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))


class PairTask(TextTask):
    """One label for each pair of texts, by softmax."""

    name = "pair"
    title = "text-pair-classification"
    Options = PairOptions
    scored = "Pairs, in percent; F1 of the positive class, if there is one."
    inputs = ("text", "text_b")
    most_rate = 5e-5  # measured: docs/guide.md


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
