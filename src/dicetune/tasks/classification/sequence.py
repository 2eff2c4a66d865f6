"""SequenceTask: labels for a whole text or pair, by ``AutoModelForSequenceClassification``.

``text``, ``pair`` and ``multilabel`` are this with inputs, decisions and scores of their own;
their worked examples stand there. One text is one window: what is longer than the model's limit is
cut off (of a pair, from the longer text first), counted and said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from dicetune.data import (
    Inspection,
    SubwordCounter,
    TextCorpus,
    TextExample,
    inspect_texts,
    read_text_predictions,
    read_texts,
)
from dicetune.data.texts.labels import read_label_names
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.loss_input import Kind, LossInput
from dicetune.models import output_bias
from dicetune.tasks.base import IGNORED, Encoded, Outputs, Scores, Trained
from dicetune.tasks.classification.classified import OUT_FORMATS, Decision, render_classified
from dicetune.tasks.classification.encode import encode_texts
from dicetune.tasks.classification.layout import (
    classes_of,
    label_columns,
    separator_of,
    text_layout,
)


class SequenceTask:
    """A label, or labels, for each text. A task of its own says which, and how they are scored.

    Args:
        labels: label names in the order of the model's outputs.
        positive: the class whose F1 is reported, where there is one.
        metric: the dev score that chooses the checkpoint.
    """

    name: ClassVar[str]
    Options: ClassVar[type]
    auto_class: ClassVar[Any] = AutoModelForSequenceClassification
    aligns: ClassVar[bool] = False
    reads_as_train: ClassVar[bool] = False
    pipeline: ClassVar[str | None] = "text-classification"
    targets: ClassVar[Mapping[str, int]] = {"labels": IGNORED}
    extra_inputs: ClassVar[Mapping[str, int]] = {}
    inputs: ClassVar[tuple[str, ...]] = ("text",)
    out_formats: ClassVar[tuple[str, ...]] = OUT_FORMATS
    # what the library's pipeline asks for: softmax, or a sigmoid each
    model_config: ClassVar[Mapping[str, Any]] = {"problem_type": "single_label_classification"}
    several: ClassVar[bool] = False
    kind: ClassVar[Kind] = "classes"

    def __init__(
        self,
        labels: Sequence[str],
        *,
        positive: str | None = None,
        metric: str,
    ) -> None:
        self.labels = tuple(labels)
        self.positive = positive
        self.main_metric = metric
        self._number = {label: number for number, label in enumerate(self.labels)}

    # files

    @classmethod
    def read(
        cls,
        path: str | Path,
        options: Any,
        *,
        format: str = "auto",
        gold: bool = True,
        trained: Trained | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> TextCorpus:
        """Read texts with labels; without ``gold`` plain text too, one text a line."""
        trained = Trained() if trained is None else trained
        return read_texts(
            path,
            text_layout(options, trained, pair=cls.is_pair(), gold=gold),
            format=format,
            several=cls.several,
            label_names=options.label_names if gold else None,
            classes=classes_of(options, trained),
            report=report,
        )

    @classmethod
    def inspect(
        cls, splits: Mapping[str, TextCorpus], count_subwords: SubwordCounter
    ) -> Inspection:
        """Describe sizes, imbalance, leaks, conflicts and unknown sub-words."""
        return inspect_texts(splits, count_subwords)

    @classmethod
    def score_file(
        cls,
        predictions: str | Path,
        gold: str | Path | None,
        options: Any,
        *,
        format: str = "auto",
        gold_format: str = "auto",
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> Scores:
        """Score a file with gold and predicted labels, or predictions beside a file of gold."""
        right = None if gold is None else cls.read(gold, options, format=gold_format, report=report)
        names = () if options.label_names is None else read_label_names(options.label_names)
        found = read_text_predictions(
            predictions,
            right,
            format=format,
            several=cls.several,
            gold_column=options.gold_column,
            predicted_column=options.predicted_column,
            names=names,
            quoting=options.quoting,
            header=options.header,
            split=split,
            label_columns=label_columns(vars(options)),
            separator=separator_of(options),
        )
        for note in (*(right.notes if right else ()), *found.notes):
            report(str(note))
        labels = list(right.label_names if right else names)
        return cls.score_labels(found, labels, options)

    @classmethod
    def score_labels(cls, found: Any, labels: Sequence[str], options: Any) -> Scores:
        """Score what a file of predictions holds."""
        raise NotImplementedError

    # one task

    @classmethod
    def is_pair(cls) -> bool:
        """Whether an example is two texts."""
        return len(cls.inputs) == 2

    def check(self, data: TextCorpus) -> None:
        """Refuse labels that the model has no output for.

        Raises:
            DataError: the label, its first line, and what to do.
        """
        for example in data:
            for label in example.labels or ():
                if label not in self._number:
                    shown = listed(self.labels, most=8)
                    raise DataError(
                        data.source,
                        f"expected labels that the model knows ({shown}), got {quoted(label)} "
                        f"({data.label_counts[label]} in this file): train with texts of it, "
                        "give label_names where rows have numbers, or rename it here",
                        line=example.line,
                    )

    def texts(self, data: TextCorpus) -> Iterable[str]:
        """The texts, both of a pair."""
        return chain.from_iterable(example.texts for example in data)

    # text to tensors

    def encode(
        self, data: TextCorpus, tokenizer: Any, max_length: int, *, training: bool = False
    ) -> Encoded:
        """Sub-words of each text or pair in one window, cut off at ``max_length``."""
        return encode_texts(data, tokenizer, max_length, self.target, pairs=self.is_pair())

    def target(self, example: TextExample) -> Any:
        """What the model should put out for an example with gold."""
        (label,) = example.labels or ()
        return self._number[label]

    def loss_inputs(self, outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        """One decision a text."""
        return [LossInput("label", outputs["logits"], labels["labels"], kind=self.kind)]

    def item_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Texts."""
        target = labels["labels"]
        kept = target != IGNORED
        return {"label": (kept if target.ndim == 1 else kept.any(-1)).sum()}

    def class_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Texts of each label."""
        known = labels["labels"][labels["labels"] != IGNORED]
        return {"label": torch.bincount(known, minlength=len(self.labels))}

    def sigmoid_biases(self, model: Any) -> dict[str, Tensor]:
        """Those of the labels, where each has a sigmoid."""
        return {"label": output_bias(model, len(self.labels))} if self.several else {}

    # tensors to text

    def shrink(self, outputs: Any, labels: Any) -> Tensor:
        """Log-probabilities, so that nothing after this needs torch."""
        return outputs.float().log_softmax(-1)

    def decode(self, outputs: Outputs, encoded: Encoded) -> list[np.ndarray]:
        """Log-probabilities of each text, (1, labels)."""
        rows = np.asarray(outputs)
        return [rows[place][None] for place in encoded.back]

    def predict(
        self,
        scores: Sequence[np.ndarray],
        data: Any,
        biased: Sequence[np.ndarray] | None = None,
    ) -> list[Decision]:
        """The likeliest label of each text."""
        decisive = scores if biased is None else biased
        return [
            Decision((self.labels[int(which[0].argmax())],), tuple(map(float, np.exp(own[0]))))
            for own, which in zip(scores, decisive, strict=True)
        ]

    def match_file(
        self,
        path: str | Path,
        rows: Sequence[Mapping[str, Any]],
        *,
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> list[Any]:
        """Predicted labels of the rows' texts."""
        examples = tuple(
            TextExample(row["text"], row.get("text_b"), tuple(_listed(row["gold"])), id=row["id"])
            for row in rows
        )
        gold = TextCorpus(examples, "the test data", names=self.labels)
        found = read_text_predictions(path, gold, several=self.several, split=split)
        for note in found.notes:
            report(str(note))
        return [list(own) if self.several else own[0] for own in found.predicted]

    # use

    def ask(self, values: Mapping[str, Sequence[Any]]) -> TextCorpus:
        """Examples without labels from plain texts.

        Raises:
            InputError: something that is no text.
        """
        columns = [list(values[name]) for name in self.inputs]
        for name, column in zip(self.inputs, columns, strict=True):
            for value in column:
                if not isinstance(value, str):
                    raise InputError(
                        f"expected a string for each {name}, got {type(value).__name__}"
                    )
        return TextCorpus(
            tuple(TextExample(*texts) for texts in zip(*columns, strict=True)), "text"
        )

    def render(self, data: TextCorpus, answers: Sequence[Any], out_format: str) -> str:
        """JSON lines, or a table of text, label and probability."""
        return render_classified(data, answers, out_format)


def _listed(labels: str | Sequence[str]) -> Sequence[str]:
    return [labels] if isinstance(labels, str) else labels


def label_order(train: TextCorpus, labels: Sequence[str] | None) -> list[str]:
    """Labels in the order of the model's outputs, of which training texts must show two.

    Raises:
        InputError: where one label is all there is.
    """
    if len(train.label_counts) < 2:
        raise InputError(
            f"expected at least two labels in the {len(train)} training texts of {train.source}, "
            f"got {len(train.label_counts)}: raise max_train, or check the column of the label"
        )
    return list(labels) if labels is not None else train.label_names


def row_of(example: TextExample, number: int) -> Iterator[tuple[str, Any]]:
    """What a row of predictions says of the example itself."""
    yield "id", example.id or str(number)
    yield "text", example.text
    if example.pair is not None:
        yield "text_b", example.pair
