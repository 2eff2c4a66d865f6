"""Task: text to tensors and back, for one kind of problem.

A task knows its files and options, how texts become model inputs, which ``LossInput``s the outputs
are, and how outputs become predictions and scores. It never sees a loss, and nobody else sees its
kind: the trainer, the command line, the predictor and the record ask what stands here. Members
stand in the order in which data flows through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from torch import Tensor

from dicetune.data import Inspection, Note, SubwordCounter
from dicetune.loss_input import LossInput

Scores = dict[str, Any]
"""Metric names to numbers; one level of tables ("per_type") is allowed."""

Outputs = np.ndarray | tuple[np.ndarray, ...]
"""What a model put out for all windows: what ``shrink`` left, one array or one for each output."""

IGNORED = -100
"""Target of an item that no loss counts."""


class Data(Protocol):
    """One split as a task's reader returns it: examples in the order of the file."""

    source: str
    notes: tuple[Note, ...]

    def __len__(self) -> int:
        """Number of examples."""

    def __iter__(self) -> Iterator[Any]:
        """Examples."""

    def first(self, count: int) -> Self:
        """The same source with its first examples alone."""


class Answer(Protocol):
    """What the model says of one example."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines."""


@dataclass(frozen=True)
class Encoded:
    """Model inputs of one split, with the way back to its texts.

    Args:
        features: one mapping a window, in the order in which they are fed: lists of one value a
            position under the model's input names and the task's ``targets``, or single numbers.
        back: whatever the task needs to put predictions back in place.
        facts: counts for the record; "subwords" and "unknown_subwords" always.
        notes: what a user should hear of before training (cut texts), in sentences.
    """

    features: list[dict[str, Any]]
    back: Any
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trained:
    """How a model was trained, as far as it says how other files may be read.

    Args:
        options: of the task, by name.
        labels: names of the model's outputs, in their order.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()


def document_of(name: str | None) -> dict[str, str]:
    """The "document" of a row, where there is one.

    Example:
        >>> document_of("a"), document_of(None)
        ({'document': 'a'}, {})
    """
    return {} if name is None else {"document": name}


class Task(Protocol):
    """What the trainer, the command line and the predictor ask of a task.

    Class members:
        name: key in ``TASKS``.
        title: what a model of it is, in words, for the model card ("named-entity").
        Options: frozen dataclass of what a user may choose for this task, checked on its own;
            the configuration's ``options`` and ``-o KEY=VALUE`` fill it.
        scored: what those scores are, in one sentence.
        auto_class: what ``from_pretrained`` is called on.
        aligns: whether words or characters must be found again among the sub-words, which takes a
            fast tokenizer.
        reads_as_train: whether what a cell holds may be told by the labels of the training split.
        pipeline: the library's pipeline that serves the saved folder, or ``None``.
        targets: keys of a batch that are targets and no model inputs, each with the value that
            pads it (0 where it is a single number).
        model_config: values that the saved model's configuration has for other tools.
        extra_inputs: model inputs that the tokenizer does not know, with their padding value.
        inputs: names of the texts that one example needs at prediction ("question", "context").
        out_formats: what ``render`` writes, the default first.

    Members of an instance:
        labels: names of the model's outputs, in their order.
        main_metric: the dev score that chooses the checkpoint; higher is better.
        shown: the scores that tables and model cards print, most important last.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Options: ClassVar[type]
    scored: ClassVar[str]
    auto_class: ClassVar[Any]
    aligns: ClassVar[bool]
    reads_as_train: ClassVar[bool]
    pipeline: ClassVar[str | None]
    model_config: ClassVar[Mapping[str, Any]]
    targets: ClassVar[Mapping[str, int]]
    extra_inputs: ClassVar[Mapping[str, int]]
    inputs: ClassVar[tuple[str, ...]]
    out_formats: ClassVar[tuple[str, ...]]
    labels: tuple[str, ...]
    main_metric: str

    @property
    def shown(self) -> tuple[str, ...]:
        """See above; a class variable will do."""

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
    ) -> Data:
        """Read one split; without ``gold``, text to be predicted, whose gold is not read.

        ``trained`` says how a model was trained: its columns are the default in a file that has
        such columns. ``report`` takes a line where something had to be guessed; oddities go to
        ``notes``.
        """

    @classmethod
    def inspect(cls, splits: Mapping[str, Any], count_subwords: SubwordCounter) -> Inspection:
        """Describe one or more splits; the counter tells (sub-words, unknown ones) of a text."""

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
        """Score the predictions of any tool.

        ``format`` is that of the predictions, ``gold_format`` that of the file of gold beside
        them. Of predictions of several splits, one is scored: ``split``.
        """

    # one task

    @classmethod
    def of(cls, train: Any, options: Any, labels: Sequence[str] | None = None) -> Self:
        """The task of a training split; ``labels`` where they are more than it shows."""

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model: ``settings`` as they were saved, or empty for a foreign one.

        Raises:
            InputError: where a foreign model's labels do not fit this task.
        """

    def settings(self) -> dict[str, Any]:
        """What ``restore`` needs beside the labels, as plain data for the record."""

    def problem(self, train: Any = None) -> dict[str, Any]:
        """What is decided and how it is scored, as plain data that needs no torch to be read.

        "kind" (a key of ``metrics.counting.KINDS``), "labels", "metric", and what the kind asks
        for beside them. A run keeps it with its scores, so that decision rules and comparisons
        read its folder alone. With the training split: "class_counts", items of each label,
        where one of several labels is chosen, and what only the texts tell.
        """

    def check(self, data: Any) -> None:
        """Refuse gold that this task cannot teach or score, with file and line."""

    def texts(self, data: Any) -> Iterable[str]:
        """Everything that the tokenizer will see of a split."""

    # text to tensors

    def encode(
        self, data: Any, tokenizer: Any, max_length: int, *, training: bool = False
    ) -> Encoded:
        """Turn examples into windows of sub-words, with targets where there is gold.

        Windows come longest first, so that batches need little padding. ``training`` may leave
        windows out (sampled negatives); otherwise every example has its windows.
        """

    def loss_inputs(self, outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        """Say what the outputs of a batch should have been."""

    def item_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Count the items of each of ``loss_inputs`` from the targets alone."""

    def class_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Count the items of each class, as ``LossInput.class_counts`` holds them.

        From the targets alone, so that batches add up; positions have no classes and no entry.
        """

    def sigmoid_biases(self, model: Any) -> dict[str, Tensor]:
        """Biases of the sigmoid outputs as views that can be written, (C,), by input name.

        Empty where outputs are softmaxes.
        """

    # tensors to text

    def shrink(self, outputs: Any, labels: Any) -> Any:
        """Reduce outputs (one tensor, or a tuple of several) to what decoding needs."""

    def decode(self, outputs: Outputs, encoded: Encoded) -> list[np.ndarray]:
        """Put window outputs back together: for each example its scores, (rows, columns)."""

    def predict(
        self,
        scores: Sequence[np.ndarray],
        data: Any,
        biased: Sequence[np.ndarray] | None = None,
    ) -> list[Any]:
        """Decide: scores to predictions.

        ``biased`` are the scores after a decision rule (``decide.DecisionRule.apply``): they
        decide in place of the scores, while every probability that is reported stays the
        model's own.
        """

    def score(self, data: Any, predictions: Sequence[Any]) -> Scores:
        """Compare predictions with the gold of ``data``."""

    def rows(self, data: Any, predictions: Sequence[Any]) -> Iterable[dict[str, Any]]:
        """For ``predictions.jsonl``: id, text, gold and prediction of each example.

        Where the data says of which document each is a part, that is "document" (``document_of``):
        a comparison then resamples documents.
        """

    def match_file(
        self,
        path: str | Path,
        rows: Sequence[Mapping[str, Any]],
        *,
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> list[Any]:
        """Read what any tool predicted for the examples of ``rows``, as ``rows`` has it.

        By id where both have the same ids, else by their order. Of a file that names several
        splits, ``split`` is taken.

        Raises:
            DataError: predictions of other examples.
        """

    # use

    def ask(self, values: Mapping[str, Sequence[Any]]) -> Data:
        """Examples without gold from plain values: for each of ``inputs`` equally many texts."""

    def answers(
        self, data: Any, predictions: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> list[Answer]:
        """What the model says of each example, for people and programs."""

    def render(self, data: Any, answers: Sequence[Any], out_format: str) -> str:
        """The text of an output file, in one of ``out_formats``."""
