"""SequenceTask: labels for a whole text or pair, by ``AutoModelForSequenceClassification``.

``text``, ``pair`` and ``multilabel`` add inputs, decisions and scores; their files have worked
examples. One text is one window: longer texts are cut (of a pair, the longer text first), counted
and reported.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dicetune.data import (
    TextColumns,
    TextCorpus,
    TextExample,
    TextLayout,
    TextPredictions,
    inspect_texts,
    log_notes,
    read_text_predictions,
    read_texts,
)
from dicetune.data.files.tables import QUOTING, read_separator
from dicetune.data.texts.columns import HEADERS
from dicetune.data.texts.labels import AUTO, read_label_names
from dicetune.data.texts.read import TEXT_FORMATS
from dicetune.decide import DecisionRule
from dicetune.decide.run_scores import chances_beside
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.loss_input import Kind, LossTarget
from dicetune.tasks.base import (
    Arrays,
    Encoded,
    ModelClass,
    Scores,
    Source,
    Task,
    Trained,
    decided,
    present,
)
from dicetune.tasks.encoded import FeatureWriter, TextPlaces
from dicetune.tasks.options import FILES, GOLD, TaskOptions, option
from dicetune.tasks.tag_files import export_choice

if TYPE_CHECKING:
    from torch import Tensor

# names that a reader of joined labels cannot take for several, or for 0 and 1 of a list
_PLAIN = re.compile(r"(?![01]$)[\w.:-]+")

_OPEN = {
    "header": "auto",
    "quoting": "auto",
    "delimiter": "auto",
    "classes": "fine",
    "separator": AUTO,
}
"""Options that training may have settled, with their defaults."""

_COLUMNS = ("text", "pair", "label", "id")

_AT_ONCE = 256  # texts that are tokenized together

_NAMING = ("label_names", "label_columns")
"""Options that name a model's labels beside the rows of its files."""


@dataclass(frozen=True)
class LabelOptions(TaskOptions):
    """Options of texts with labels.

    Args:
        text_column: name or number (from 0) of the column of the text; default: a known name, else
            the column with the longest cells.
        label_column: name or number of the column of the label; default: a known name, else the
            column with the fewest different cells.
        id_column: name or number of the column of the id; default: a known name.
        header: whether the first row of a table names its columns: on, off; auto looks for known
            names.
        quoting: whether cells of a table may be in quotes: on, off; auto looks at the whole table.
        delimiter: between the cells of a table: tab, comma, semicolon, pipe, space, or any one
            character; auto looks at the whole table.
        label_names: file with the names of all labels, one a line, for rows with numbers.
        annotator: whose annotations are read, in an export of several annotators.
        gold_column: name or number of the column of gold labels in a file of predictions.
        predicted_column: name or number of the column of predicted labels in a file of predictions.
    """

    text_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    label_column: int | str | None = option(None, uses=(*GOLD, "compare"))
    id_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    header: str = option("auto", uses=FILES, choices=HEADERS)
    quoting: str = option("auto", uses=FILES, choices=QUOTING)
    delimiter: str = option("auto", uses=(*GOLD, "predict"))
    label_names: str | None = option(None, uses=(*GOLD, "score", "compare"))
    annotator: int | str | None = option(None, uses=(*GOLD, "compare"))
    gold_column: int | str | None = option(None, uses=["score"])
    predicted_column: int | str | None = option(None, uses=("score", "compare"))


@dataclass(frozen=True, slots=True)
class Decision:
    """The labels that were chosen for one text, with the probability of every label."""

    labels: tuple[str, ...]
    probabilities: Sequence[float]

    @property
    def label(self) -> str | None:
        """The label, if one of several was chosen; ``None`` where the rule says nothing."""
        return self.labels[0] if self.labels else None

    def named(self, names: Sequence[str]) -> dict[str, float]:
        """The probability of each label."""
        return dict(zip(names, self.probabilities, strict=True))


@dataclass(frozen=True)
class Classified:
    """One text with its one label, or none where the rule says nothing."""

    label: str | None
    probability: float  # of the label, else of the likeliest
    probabilities: dict[str, float]

    @classmethod
    def of(cls, names: Sequence[str], decision: Decision) -> Classified:
        """The answer to a decision for one of ``names``."""
        probabilities = decision.named(names)
        label = decision.label
        chance = max(decision.probabilities) if label is None else probabilities[label]
        return cls(label, chance, probabilities)

    @property
    def names(self) -> list[str]:
        """The label."""
        return [] if self.label is None else [self.label]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines output."""
        return asdict(self)

    def cells(self, joined: bool) -> list[str]:
        """Label and probability, as a table has them."""
        return [self.label or "", f"{self.probability:.6f}"]


@dataclass(frozen=True)
class Labelled:
    """One text with any number of labels."""

    labels: list[str]  # those that the rule chose, by default above one half; likeliest first
    probabilities: dict[str, float]  # of all labels; they need not sum to 1

    @property
    def names(self) -> list[str]:
        """The labels."""
        return self.labels

    @classmethod
    def of(cls, names: Sequence[str], decision: Decision) -> Labelled:
        """The answer to a decision for any of ``names``."""
        probabilities = decision.named(names)
        return cls(sorted(decision.labels, key=lambda name: -probabilities[name]), probabilities)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines output."""
        return asdict(self)

    def cells(self, joined: bool) -> list[str]:
        """Labels and probabilities, joined by commas; else the labels are a JSON list."""
        labels = ",".join(self.labels) if joined else json.dumps(self.labels, ensure_ascii=False)
        return [labels, ",".join(f"{self.probabilities[label]:.6f}" for label in self.labels)]


class SequenceTask(Task):
    """A label, or labels, for each text; a subclass chooses and scores them."""

    auto_class = ModelClass("AutoModelForSequenceClassification")
    aligns = False
    formats: ClassVar[tuple[str, ...]] = tuple(name for name in TEXT_FORMATS if name != "text")
    pipeline = "text-classification"
    head = "label"
    # problem_type for pipelines of transformers: softmax, or a sigmoid for each label
    model_config: ClassVar[Mapping[str, Any]] = {"problem_type": "single_label_classification"}
    inspect = staticmethod(inspect_texts)
    named_by = ("id", "text", "text_b")
    several: ClassVar[bool] = False
    kind: ClassVar[Kind] = "classes"
    answer_class: ClassVar[type[Classified | Labelled]] = Classified

    def __init__(self, labels: Sequence[str], *, positive: str | None = None, metric: str) -> None:
        self.labels = tuple(labels)
        self.positive = positive
        self.main_metric = metric
        self._number = {label: number for number, label in enumerate(self.labels)}

    @classmethod
    def read_source(cls, source: Source, options: Any, gold: bool, trained: Trained) -> TextCorpus:
        """Read texts with labels; without ``gold`` plain text too, one text a line.

        Options are as given, else as in the training of the model. In a file with gold, labels show
        a wrong layout. A text to predict is read by the columns of the training only: if the header
        of the training were assumed too, a text could be lost.
        """
        before = trained if gold else Trained()
        layout = TextLayout(
            _columns(vars(options)),
            _columns(trained.options),
            pair=cls._is_pair(),
            gold=gold,
            quoting=_settled("quoting", options, before),
            delimiter=read_separator(_settled("delimiter", options, before)),
            header=_settled("header", options, before),
            labels=before.labels if any(map(before.options.get, _NAMING)) else (),
            separator=_settled("separator", options, before),
            seen=before.labels,
        )
        return read_texts(
            source.path,
            layout,
            format=source.format,
            several=cls.several,
            label_names=options.label_names if gold else None,
            classes=_settled("classes", options, trained),
            choice=export_choice(options),
        )

    @classmethod
    def score_source(cls, source: Source, gold: Source | None, options: Any) -> Scores:
        """Score a file with gold and predicted labels, or predictions beside a file of gold."""
        gold_corpus = None if gold is None else cls.read_source(gold, options, True, Trained())
        found = cls._predictions(source, gold_corpus, options)
        log_notes((*(gold_corpus.notes if gold_corpus else ()), *found.notes))
        labels = gold_corpus.label_names if gold_corpus else _names(options)
        return cls.score_labels(found, list(labels), options)

    @classmethod
    @abstractmethod
    def score_labels(cls, found: TextPredictions, labels: list[str], options: Any) -> Scores:
        """Score gold and predicted labels; ``labels`` are labels that are known beside them."""

    @classmethod
    def _predictions(cls, source: Source, gold: TextCorpus | None, options: Any) -> TextPredictions:
        return read_text_predictions(
            source.path,
            gold,
            format=source.format,
            several=cls.several,
            gold_column=options.gold_column,
            predicted_column=options.predicted_column,
            names=_names(options),
            quoting=options.quoting,
            header=options.header,
            split=source.split,
            label_columns=chosen_label_columns(vars(options)),
            separator=_settled("separator", options, Trained()),
            chances=partial(chances_beside, source.path),
        )

    @classmethod
    def _is_pair(cls) -> bool:
        return len(cls.inputs) == 2

    def check(self, data: TextCorpus) -> None:
        """Refuse labels that the model has no output for."""
        for label, count in data.label_counts.items():
            if label not in self._number:
                shown = listed(self.labels, most=8)
                raise DataError(
                    data.source,
                    f"expected labels that the model knows ({shown}), got {quoted(label)} "
                    f"({count} in this file): train with texts of it, "
                    "give label_names where rows have numbers, or rename it here",
                    line=next(one.line for one in data if label in (one.labels or ())),
                )

    def texts(self, data: TextCorpus) -> Iterable[str]:
        """The texts, both of a pair."""
        return chain.from_iterable(example.texts for example in data)

    def encode(
        self, data: TextCorpus, tokenizer: Any, max_length: int, *, training: bool = False
    ) -> Encoded:
        """Sub-words of each text or pair in one window, cut off at ``max_length``."""
        writer = FeatureWriter()
        subwords = unknown = truncated = longest = 0
        special = tokenizer.num_special_tokens_to_add(pair=self._is_pair())
        examples = iter(data)
        while some := list(islice(examples, _AT_ONCE)):
            columns = map(list, zip(*(example.texts for example in some), strict=True))
            batch = tokenizer(*columns, verbose=False)
            names = [name for name in tokenizer.model_input_names if name in batch]
            for number, example in enumerate(some):
                window = {name: batch[name][number] for name in names}
                length = len(window["input_ids"])
                subwords += length - special
                longest = max(longest, length - special)
                unknown += window["input_ids"].count(tokenizer.unk_token_id)
                if length > max_length:
                    truncated += 1
                    cut = tokenizer(
                        *example.texts, truncation="longest_first", max_length=max_length
                    )
                    window = {name: cut[name] for name in names}
                if example.labels is not None:
                    window["labels"] = self.target(example.labels)
                writer.add(window)
        features, place = writer.features().longest_first()
        facts = {
            "texts": len(features),
            "subwords": subwords,
            "unknown_subwords": unknown,
            "longest_subwords": longest,
            "truncated": truncated,
        }
        what = "pairs" if self._is_pair() else "texts"
        note = (
            f"{truncated} of {len(features)} {what} are longer than {max_length} sub-words and "
            "were cut off"
        )
        return Encoded(features, TextPlaces(place), facts, (note,) if truncated else ())

    def target(self, labels: Sequence[str]) -> Any:
        """The target of a text with these labels."""
        (label,) = labels
        return self._number[label]

    def loss_targets(self, labels: Mapping[str, Tensor]) -> list[LossTarget]:
        """One decision a text."""
        return [LossTarget("label", labels["labels"], kind=self.kind)]

    def choose(self, scores: Arrays, data: Any, deciding: Arrays) -> list[Decision]:
        """The labels of each text, with the probabilities of all labels."""
        return [
            Decision(self.chosen(decisive[0]), array("d", np.exp(row[0])))
            for row, decisive in zip(scores, deciding, strict=True)
        ]

    def chosen(self, scores: np.ndarray) -> tuple[str, ...]:
        """The labels for the scores of one text, (labels,): by default the likeliest label.

        Scores of minus infinity alone are those of a rule that says nothing.
        """
        return (self.labels[int(scores.argmax())],) if np.isfinite(scores).any() else ()

    def answers(
        self, data: TextCorpus, predictions: Sequence[Decision], scores: Arrays
    ) -> list[Classified | Labelled]:
        """The label or labels of each text, with all probabilities."""
        return [self.answer_class.of(self.labels, decision) for decision in predictions]

    def row(self, example: TextExample, prediction: Decision) -> dict[str, Any]:
        """The text, or both of a pair; a subclass adds the labels."""
        return present({"text": example.text, "text_b": example.pair})

    def match_source(self, source: Source, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Predicted labels of the rows' texts."""
        examples = []
        for row in rows:
            labels = (row["gold"],) if isinstance(row["gold"], str) else tuple(row["gold"])
            examples.append(TextExample(row["text"], row.get("text_b"), labels, id=row["id"]))
        gold = TextCorpus(tuple(examples), "the test data", names=self.labels)
        found = self._predictions(source, gold, self.Options())
        log_notes(found.notes)
        return [list(labels) if self.several else labels[0] for labels in found.predicted]

    def ask(self, values: Mapping[str, Sequence[Any]]) -> TextCorpus:
        """Examples without labels from plain texts."""
        columns = [list(values[name]) for name in self.inputs]
        for name, column in zip(self.inputs, columns, strict=True):
            for value in column:
                if not isinstance(value, str):
                    raise InputError(
                        f"expected a string for each {name}, got {type(value).__name__}"
                    )
        examples = tuple(TextExample(*texts) for texts in zip(*columns, strict=True))
        return TextCorpus(examples, "text")

    def cells(self, answers: Sequence[Classified | Labelled]) -> list[dict[str, Any]]:
        """Labels and probabilities.

        Several labels are joined by commas, or JSON lists where a name is not of letters and digits
        alone.
        """
        joined = all(_PLAIN.fullmatch(name) for answer in answers for name in answer.probabilities)
        return [
            dict(zip(("predicted", "probability"), answer.cells(joined), strict=True))
            for answer in answers
        ]

    def other_text(
        self,
        data: TextCorpus,
        answers: Sequence[Classified | Labelled],
        out_format: str,
        rule: DecisionRule | None,
    ) -> str:
        """JSON lines with the id, the text and the other keys of the input."""
        own = [
            present(given) | decided(answer.to_dict(), rule, answer.names)
            for given, answer in zip(self.given(data, answers), answers, strict=True)
        ]
        return self.json_lines(data, own)


def label_order(train: TextCorpus, labels: Sequence[str] | None) -> list[str]:
    """Labels in the order of the model's outputs, of which training texts must show two."""
    if len(train.label_counts) < 2:
        raise InputError(
            f"expected at least two labels in the {len(train)} training texts of {train.source}, "
            f"got {len(train.label_counts)}: raise max_train, or check the column of the label"
        )
    return list(labels) if labels is not None else train.label_names


def chosen_label_columns(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that ``label_columns`` lists; only ``multilabel`` has such an option."""
    chosen = options.get("label_columns")
    return () if chosen is None else tuple(name.strip() for name in chosen.split(","))


def _names(options: Any) -> Sequence[str]:
    """The names of all labels in the file that options name."""
    return () if options.label_names is None else read_label_names(options.label_names)


def _settled(name: str, options: Any, trained: Trained) -> str:
    """The given option, else the option of the training."""
    if not hasattr(options, name):
        return _OPEN[name]
    chosen = getattr(options, name)
    return str(trained.options.get(name, chosen) if chosen == _OPEN[name] else chosen)


def _columns(options: Mapping[str, Any]) -> TextColumns:
    """The columns that options name."""
    text, pair, label, number = (options.get(f"{name}_column") for name in _COLUMNS)
    return TextColumns(text, pair, label, number, chosen_label_columns(options))
