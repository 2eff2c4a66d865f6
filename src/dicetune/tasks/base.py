"""Task: text to tensors and back, for one kind of problem.

A task knows its files and options, how texts become model inputs with targets, and how outputs
become predictions and scores. A task never sees a loss, and no other part tells tasks apart: the
trainer, the command line, the predictor and the record use these members. They are in the order in
which data flows through them. A new task must write the abstract members.
"""

from __future__ import annotations

import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from dicetune.data import Entries
from dicetune.data.files.tables import (
    RULE_COLUMN,
    WRITTEN,
    joined_objects,
    joined_table,
    table_text,
)
from dicetune.decide import DecisionRule
from dicetune.errors import InputError, quoted, unknown_name
from dicetune.loss_input import IGNORED, LossInput, LossTarget, item_count
from dicetune.problems import Problem
from dicetune.tasks.encoded import Features, Outputs

if TYPE_CHECKING:
    from torch import Tensor

Scores = dict[str, Any]
"""Metric names to numbers; one level of tables ("per_type") is allowed."""

Arrays = Sequence[np.ndarray]
"""The scores of each example, (rows, columns)."""

File = str | Path


Data = Entries[Any]
"""One split as the reader of a task returns it: examples in the order of the file."""


@dataclass(frozen=True)
class Source:
    """A file to read: a path, a data set, or "-" for the input stream."""

    path: File
    format: str = "auto"  # "auto" looks at the content
    split: str | None = None  # which rows to read, where they name several splits


@dataclass(frozen=True)
class Encoded:
    """Model inputs of one split, with the way back to its texts."""

    # one mapping a window, in the order of feeding: model inputs and ``targets`` by name
    features: Features
    # where the scores of each example are in the outputs; ``None`` where windows are missing
    back: Any
    facts: dict[str, Any]  # counts for the record; "subwords" and "unknown_subwords" always
    notes: tuple[str, ...] = ()  # what a user should know before training, in sentences


@dataclass(frozen=True)
class Trained:
    """The training of a model, as far as it decides how other files are read."""

    options: Mapping[str, Any] = field(default_factory=dict)  # of the task, by name
    labels: tuple[str, ...] = ()  # names of the model's outputs, in their order


@dataclass(frozen=True)
class ModelClass:
    """The class of a model by name, imported on first use: files are scored without torch."""

    name: str
    module: str = "transformers"

    def __get__(self, task: Any, owner: type) -> Any:
        return getattr(importlib.import_module(self.module), self.name)


class Task(ABC):
    """Everything that the trainer, the command line and the predictor ask of a task."""

    # facts of a class
    name: ClassVar[str]  # key in ``TASKS``
    title: ClassVar[str]  # name of the task in the model card
    Options: ClassVar[type]  # frozen dataclass, filled by ``options`` and ``-o KEY=VALUE``
    predicts: ClassVar[type[Problem]]  # type of the predictions, which scores them
    scored: ClassVar[str]  # a sentence on the scores
    auto_class: Any  # class with the ``from_pretrained`` of the model, as a ``ModelClass``
    # whether words or characters must be found again among sub-words: takes a fast tokenizer
    aligns: ClassVar[bool] = True
    # whether other splits are read with the labels of the training split
    reads_as_train: ClassVar[bool] = False
    pipeline: ClassVar[str | None] = None  # of transformers, for the saved folder
    # keys of a batch that are targets and no model inputs, each with the value that pads it
    head: ClassVar[str | None] = None  # the target that has an output for each label
    targets: ClassVar[Mapping[str, int]] = {"labels": IGNORED}
    model_config: ClassVar[Mapping[str, Any]] = {}  # of the saved model, for other tools
    # model inputs that the tokenizer does not know, with their padding values
    extra_inputs: ClassVar[Mapping[str, int]] = {}
    inputs: ClassVar[tuple[str, ...]] = ("text",)  # texts that one example needs at prediction
    formats: ClassVar[tuple[str, ...]] = ()  # of files with gold
    out_formats: ClassVar[tuple[str, ...]] = ("jsonl", *WRITTEN)  # of ``render``, the default first
    inspect: ClassVar[Any]  # ``f(splits, count_subwords) -> Inspection``
    named_by: ClassVar[tuple[str, ...]] = ("id",)  # keys of JSON lines that name an answer
    document_name: ClassVar[str] = "document"  # attribute of an example that names its document
    at_once: ClassVar[int] = 16_384  # examples whose encodings and scores are in memory together
    most_rate: ClassVar[float] = float("inf")  # of learning rates chosen where none is given

    # facts of a task
    labels: tuple[str, ...]  # names of the model's outputs, in their order
    background: int | None = None  # number of the label of what is nothing (O), if there is one
    main_metric: str  # the dev score that chooses the checkpoint; higher is better

    @property
    def shown(self) -> tuple[str, ...]:
        """The scores that tables and model cards print, most important last."""
        return (self.main_metric,)

    # files

    @classmethod
    def read(
        cls,
        path: File,
        options: Any,
        *,
        format: str = "auto",
        gold: bool = True,
        trained: Trained | None = None,
    ) -> Data:
        """Read one split; without ``gold``, a text to predict, in which gold is ignored.

        ``trained`` says how a model was trained: the columns of the model are the default in a file
        that has such columns. The ``notes`` of the data count what was odd.
        """
        return cls.read_source(Source(path, format), options, gold, trained or Trained())

    @classmethod
    def sample(cls) -> dict[str, Data]:
        """The splits of the packaged corpus, which is for ``ner`` alone."""
        raise InputError(
            f"expected --train and --dev with files for task {quoted(cls.name)}, got the packaged "
            "sample, which is tagged text: it serves task ner"
        )

    @classmethod
    @abstractmethod
    def read_source(cls, source: Source, options: Any, gold: bool, trained: Trained) -> Data:
        """Read one split, as ``read`` says."""

    @classmethod
    def score_file(
        cls,
        predictions: File,
        gold: File | None,
        options: Any,
        *,
        format: str = "auto",
        gold_format: str = "auto",
        split: str | None = None,
    ) -> Scores:
        """Score the predictions of any tool.

        ``format`` is the format of the predictions, ``gold_format`` the format of the file of gold
        beside them. ``split`` chooses one of several splits.
        """
        beside = None if gold is None else Source(gold, gold_format)
        return cls.score_source(Source(predictions, format, split), beside, options)

    @classmethod
    def score_source(cls, source: Source, gold: Source | None, options: Any) -> Scores:
        """Score the predictions of any tool, as ``score_file`` says."""
        raise cls._reads_no_predictions()

    # one task

    @classmethod
    @abstractmethod
    def of(cls, train: Any, options: Any, labels: Sequence[str] | None = None) -> Self:
        """The task of a training split; ``labels`` if the split does not have all labels."""

    @classmethod
    @abstractmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model: ``settings`` as saved, or empty for another tool's model.

        Raises:
            InputError: where the labels of another tool's model do not fit the task.
        """

    def settings(self) -> dict[str, Any]:
        """The settings that ``restore`` needs beside the labels, as plain data for the record."""
        return {}

    def problem(self, train: Any = None) -> Problem:
        """The type of the predictions with everything that scores them.

        A run stores the settings of the problem with its scores, so that decision rules and
        comparisons read the folder of the run alone.
        """
        named = {
            "kind": self.predicts.kind,
            "labels": list(self.labels),
            "metric": self.main_metric,
        }
        return self.predicts(named | self.problem_settings(train))

    def problem_settings(self, train: Any) -> dict[str, Any]:
        """Settings of the type of the predictions beside labels and metric, as plain data.

        The training split adds "class_counts", items of each label, where one of several labels is
        chosen, and settings that depend on the texts.
        """
        return {}

    def check(self, data: Any) -> None:
        """Refuse gold that the task cannot teach or score, with file and line."""
        return

    @abstractmethod
    def texts(self, data: Any) -> Iterable[str]:
        """All texts of a split that the tokenizer gets."""

    # text to tensors

    @abstractmethod
    def encode(
        self, data: Any, tokenizer: Any, max_length: int, *, training: bool = False
    ) -> Encoded:
        """Turn examples into windows of sub-words, with targets where there is gold.

        Windows come longest first: batches then need little padding. ``training`` may leave
        windows out (sampled negatives); without it every example has all windows.
        """

    @abstractmethod
    def loss_targets(self, labels: Mapping[str, Tensor]) -> list[LossTarget]:
        """The right outputs for a batch, from the ``targets`` of the batch."""

    def loss_inputs(self, outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        """The targets of a batch beside the model's outputs."""
        return [target.loss_input(outputs) for target in self.loss_targets(labels)]

    def item_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Number of items of each target."""
        return {target.name: item_count(target) for target in self.loss_targets(labels)}

    def class_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Items of each class of each target, as ``LossInput.class_counts`` holds them."""
        found = {t.name: t.class_counts(len(self.labels)) for t in self.loss_targets(labels)}
        return {name: counts for name, counts in found.items() if counts is not None}

    def entity_words(self, train: Any) -> tuple[int, int] | None:
        """Words of entities and all words of a split, where a tag is what is nothing (O)."""
        return None

    def sampled_classes(self) -> list[str]:
        """The class of each label for a sampler that balances classes; "" for the background."""
        return ["" if n == self.background else name for n, name in enumerate(self.labels)]

    def head_biases(self, model: Any) -> dict[str, Tensor]:
        """Biases of the outputs as views that can be written, (C,), by target.

        By default of the target with an output for each label. Empty where a softmax is over the
        positions of a text, which have no prior.
        """
        from dicetune.models import output_bias

        return {} if self.head is None else {self.head: output_bias(model, len(self.labels))}

    # tensors to text

    def preprocess_logits(self, outputs: Any, labels: Any) -> Any:
        """Reduce outputs (one tensor, or a tuple of several) to the tensors that decoding needs.

        The default is the log-probabilities of a softmax.
        """
        return outputs.float().log_softmax(-1)

    def decode(self, outputs: Outputs, encoded: Encoded) -> list[np.ndarray]:
        """Join the outputs of windows: the scores of each example, (rows, columns)."""
        found: list[np.ndarray] = encoded.back.gather(outputs)
        return found

    def predict(self, scores: Arrays, data: Any, biased: Arrays | None = None) -> list[Any]:
        """Decide: scores to predictions.

        ``biased`` are the scores after a decision rule (``decide.DecisionRule.apply``), which
        decide in place of the scores. Reported probabilities are the model's in any case.
        """
        return self.choose(scores, data, scores if biased is None else biased)

    @abstractmethod
    def choose(self, scores: Arrays, data: Any, deciding: Arrays) -> list[Any]:
        """The predictions that the ``deciding`` scores give, with probabilities from the scores."""

    def bare(self, prediction: Any) -> Any:
        """What scores need of a prediction: it is kept for each example that is evaluated."""
        return prediction

    def score(self, data: Any, predictions: Sequence[Any]) -> Scores:
        """Compare predictions with the gold of ``data``; fractions in [0, 1]."""
        rows = (self.row(*pair) for pair in zip(data, predictions, strict=True))
        pairs = [(row["gold"], row["predicted"]) for row in rows]
        return self.problem().scores(*([pair[side] for pair in pairs] for side in (0, 1)))

    def rows(self, data: Any, predictions: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """For ``predictions.jsonl``: id, text, gold and prediction of each example.

        Where the data names the document of each example, a row has "document" too: a comparison
        then resamples documents.
        """
        for number, (example, prediction) in enumerate(zip(data, predictions, strict=True)):
            document = getattr(example, self.document_name, None)
            named = {} if document is None else {"document": document}
            yield {"id": example.id or str(number), **named, **self.row(example, prediction)}

    @abstractmethod
    def row(self, example: Any, prediction: Any) -> dict[str, Any]:
        """Text, "gold" and "predicted" of one example, as ``rows`` has them."""

    def match_source(self, source: Source, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Read what any tool predicted for the examples of ``rows``, spelled as in ``rows``.

        Examples are matched by id where both have the same ids, else by their order. The split of
        the source chooses the rows of a file with several splits.
        """
        raise self._reads_no_predictions()

    @classmethod
    def _reads_no_predictions(cls) -> InputError:
        return InputError(
            f"expected a task that reads the predictions of other tools, got {quoted(cls.name)}"
        )

    # use

    @abstractmethod
    def ask(self, values: Mapping[str, Sequence[Any]]) -> Data:
        """Examples without gold from plain values: equally many texts for each of ``inputs``."""

    @abstractmethod
    def answers(self, data: Any, predictions: Sequence[Any], scores: Arrays) -> list[Any]:
        """The prediction of each example, for people and programs; each has ``to_dict``."""

    def render(
        self, data: Any, answers: Sequence[Any], out_format: str, rule: DecisionRule | None = None
    ) -> str:
        """The text of an output file in one of ``out_formats``.

        Tables and JSON lines say by which ``rule`` each row was decided; formats of other tools
        have no place for it.
        """
        if out_format not in self.out_formats:
            raise unknown_name("output format", out_format, self.out_formats)
        if out_format in WRITTEN:
            return table_text(self.table(data, answers, rule), WRITTEN[out_format])
        return self.other_text(data, answers, out_format, rule)

    def other_text(
        self, data: Any, answers: Sequence[Any], out_format: str, rule: DecisionRule | None
    ) -> str:
        """``render`` in a format that is no table; by default JSON lines."""
        return self.json_lines(data, [decided(answer.to_dict(), rule) for answer in answers])

    def table(
        self, data: Any, answers: Sequence[Any], rule: DecisionRule | None = None
    ) -> list[list[Any]]:
        """The output as a table: the names of its columns, then a row for each example.

        The columns of an input that is a table come first, as they are; an input column with the
        name of an output column becomes ``input_NAME``.
        """
        found = [
            decided(cells, rule, getattr(answer, "names", ()))
            for cells, answer in zip(self.cells(answers), answers, strict=True)
        ]
        return joined_table(self.given(data, answers), found, getattr(data, "table", None))

    def given(self, data: Any, answers: Sequence[Any]) -> list[dict[str, Any]]:
        """What names each row of a table, where the input is none: id, question, text or words."""
        texts = getattr(data, "texts", None) or [None] * len(answers)
        return [
            {
                "id": one.id,
                "question": getattr(one, "question", None),
                "text": getattr(one, "text", text if words is None else " ".join(words)),
                "text_b": getattr(one, "pair", None),
            }
            for one, text in zip(data, texts, strict=True)
            for words in [getattr(one, "tokens", None) if text is None else None]
        ]

    @abstractmethod
    def cells(self, answers: Sequence[Any]) -> list[dict[str, Any]]:
        """The answers as cells of a table, by the names of the columns."""

    def json_lines(self, data: Any, found: Sequence[Mapping[str, Any]]) -> str:
        """One JSON object a line, with the other keys and columns of the input."""
        kept, rows = getattr(data, "table", None), iter(found)
        if kept is not None:
            rows = joined_objects(found, kept, self.named_by)
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def decided(
    row: Mapping[str, Any], rule: DecisionRule | None, labels: Iterable[str] = ()
) -> dict[str, Any]:
    """A row of output with the rule in words, on its labels where there are any."""
    told = {} if rule is None or rule.is_default else {RULE_COLUMN: rule.told(labels)}
    return {**row, **told}


def present(row: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a row that have a value."""
    return {key: value for key, value in row.items() if value is not None}
