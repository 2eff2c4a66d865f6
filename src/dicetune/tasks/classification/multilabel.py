"""multilabel: any number of labels for each text.

Worked example, from raw text to logits and back (WordPiece, labels anger, fear, joy)::

    text     "Dock four is fine"            labels "joy", "fear"
    encode   [CLS] dock four is fine [SEP]
             labels [0, 1, 1]
    model    logits (1, 3)
    inputs   LossInput("label", logits, [[0, 1, 1]], kind="labels")
    decode   log-probabilities of each label on its own (1, 3)
    predict  those above one half: "fear", "joy"
    score    micro and macro F1, exact match
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from dicetune.data import TextCorpus, TextExample
from dicetune.data.files.tables import QUOTING
from dicetune.data.texts.columns import HEADERS
from dicetune.errors import InputError, quoted
from dicetune.loss_input import Kind
from dicetune.metrics import label_set_scores
from dicetune.tasks.base import Scores
from dicetune.tasks.classification.classified import (
    Decision,
    Labelled,
    label_probabilities,
    labelled,
)
from dicetune.tasks.classification.layout import label_columns
from dicetune.tasks.classification.sequence import SequenceTask, label_order, row_of
from dicetune.tasks.classification.text import check_choices
from dicetune.tasks.options import FILES, GOLD, option

METRICS = ("auto", "macro_f1", "micro_f1", "exact_match")
_HALF = float(np.log(0.5))


@dataclass(frozen=True)
class MultiLabelOptions:
    """What can be chosen for texts of any number of labels each.

    Args:
        text_column: name or number (from 0) of the text; default: a known name, else the column
            with the longest cells.
        label_column: name or number of the labels, a list or joined by a separator; default:
            a known name, else the column with the fewest different cells.
        label_columns: names or numbers of columns of 0 and 1, one for each label, joined by commas
            (default: where no column has a known name for labels, those of 0 and 1); or the
            names of the places in lists of 0 and 1.
        separator: between the labels of a cell; none: each cell is one label; auto looks at the
            whole column.
        id_column: name or number of the id; default: a known name.
        header: whether a table's first row names its columns: on, off; auto looks for known names.
        quoting: whether cells of a table may stand in quotes: on, off; auto looks at all of it.
        label_names: file with the names of all labels, one a line, where rows have numbers.
        metric: dev score that chooses the checkpoint: macro_f1 (also auto), micro_f1, exact_match.
        gold_column: name or number of the gold labels in a file of predictions.
        predicted_column: name or number of the predicted labels in a file of predictions.
    """

    text_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    label_column: int | str | None = option(None, uses=(*GOLD, "compare"))
    label_columns: str | None = option(None, uses=(*GOLD, "score", "compare"))
    separator: str = option("auto", uses=(*GOLD, "score", "compare"))
    id_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    header: str = option("auto", uses=FILES)
    quoting: str = option("auto", uses=FILES)
    label_names: str | None = option(None, uses=(*GOLD, "score", "compare"))
    metric: str = option("auto", uses=["train"])
    gold_column: int | str | None = option(None, uses=["score"])
    predicted_column: int | str | None = option(None, uses=("score", "compare"))

    def __post_init__(self) -> None:
        check_choices(self, {"header": HEADERS, "quoting": QUOTING, "metric": METRICS})
        if not self.separator:
            raise InputError(
                "expected a separator between labels, got an empty one: give it, or separator=none "
                "if each cell is one label"
            )
        chosen = label_columns(vars(self))
        if self.label_columns is not None and (
            len({*chosen}) < max(len(chosen), 2) or "" in chosen
        ):
            raise InputError(
                f"expected two or more names for label_columns, each once, got "
                f"{quoted(self.label_columns)}: give -o label_columns=a,b,c"
            )


class MultiLabelTask(SequenceTask):
    """Any number of labels for each text, a sigmoid each."""

    name = "multilabel"
    title: ClassVar[str] = "multi-label text-classification"
    Options: ClassVar[type] = MultiLabelOptions
    scored: ClassVar[str] = "Labels of texts above a probability of one half, in percent."
    model_config: ClassVar[Mapping[str, Any]] = {"problem_type": "multi_label_classification"}
    several: ClassVar[bool] = True
    reads_as_train: ClassVar[bool] = True
    kind: ClassVar[Kind] = "labels"

    @property
    def shown(self) -> tuple[str, ...]:
        """Scores of a table."""
        names = ("exact_match", "micro_f1", "macro_f1")
        return (*(name for name in names if name != self.main_metric), self.main_metric)

    @classmethod
    def of(
        cls, train: TextCorpus, options: Any = None, labels: Sequence[str] | None = None
    ) -> Self:
        """The task of a training split; ``labels`` where they are more than it shows.

        Raises:
            InputError: one label alone.
        """
        options = cls.Options() if options is None else options
        names = label_order(train, labels)
        return cls(names, metric=_metric(options.metric))

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model."""
        return cls(labels, metric=_metric(settings.get("metric")))

    def settings(self) -> dict[str, Any]:
        """The score that chose the checkpoint."""
        return {"metric": self.main_metric}

    def problem(self, train: TextCorpus | None = None) -> dict[str, Any]:
        """Any number of labels a text."""
        return {"kind": "label_set", "labels": list(self.labels), "metric": self.main_metric}

    def target(self, example: TextExample) -> list[float]:
        """1 for each label of the example."""
        own = set(example.labels or ())
        return [float(label in own) for label in self.labels]

    def class_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """For each label the texts without it and with it."""
        target = labels["labels"]
        sides = [((target == side).sum(0)) for side in (0, 1)]
        return {"label": torch.stack(sides, dim=-1)}

    def shrink(self, outputs: Any, labels: Any) -> Tensor:
        """Log-probabilities of each label on its own."""
        return torch.nn.functional.logsigmoid(outputs.float())

    def predict(
        self,
        scores: Sequence[np.ndarray],
        data: Any,
        biased: Sequence[np.ndarray] | None = None,
    ) -> list[Decision]:
        """The labels with a probability above one half."""
        decisive = scores if biased is None else biased
        return [
            Decision(
                tuple(label for label, p in zip(self.labels, which[0], strict=True) if p > _HALF),
                tuple(map(float, np.exp(own[0]))),
            )
            for own, which in zip(scores, decisive, strict=True)
        ]

    @classmethod
    def score_labels(cls, found: Any, labels: Sequence[str], options: Any) -> Scores:
        """Scores of a file of predictions."""
        # a tool may use a label that no gold text of this file has
        used = (one for own in (*found.gold, *found.predicted) for one in own)
        names = list(dict.fromkeys([*labels, *used]))
        chances = None
        if found.probabilities and all({*names} <= {*own} for own in found.probabilities):
            # all labels that the rows tell of: average precision asks for each
            told = set.intersection(*({*own} for own in found.probabilities))
            names = [name for name in found.probabilities[0] if name in told]
            chances = np.array([[own[name] for name in names] for own in found.probabilities])
        return label_set_scores(
            found.gold, found.predicted, labels=names or None, probabilities=chances
        ).to_dict()

    def score(self, data: TextCorpus, predictions: Sequence[Decision]) -> Scores:
        """Micro and macro F1, exact match, average precision; fractions in [0, 1]."""
        return label_set_scores(
            [example.labels or () for example in data],
            [own.labels for own in predictions],
            labels=self.labels,
            probabilities=np.array([own.probabilities for own in predictions]),
        ).to_dict()

    def rows(self, data: TextCorpus, predictions: Sequence[Decision]) -> Iterable[dict[str, Any]]:
        """id, text, gold and predicted labels, probabilities."""
        for number, (example, own) in enumerate(zip(data, predictions, strict=True)):
            row = dict(row_of(example, number))
            row |= {"gold": list(example.labels or ()), "predicted": list(own.labels)}
            yield row | {"probabilities": label_probabilities(self.labels, own)}

    def answers(
        self,
        data: TextCorpus,
        predictions: Sequence[Decision],
        scores: Sequence[np.ndarray],
    ) -> list[Labelled]:
        """Each text's labels with all probabilities."""
        return [labelled(self.labels, own) for own in predictions]


def _metric(chosen: str | None) -> str:
    return "macro_f1" if chosen in (None, "auto") else str(chosen)
