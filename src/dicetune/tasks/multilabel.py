"""multilabel: any number of labels for each text.

Worked example, from raw text to logits and back (WordPiece, labels anger, fear, joy)::

    text     "Dock four is fine"            labels "joy", "fear"
    encode   [CLS] dock four is fine [SEP]
             labels [0, 1, 1]
    model    logits (1, 3)
    targets  LossTarget("label", [[0, 1, 1]], kind="labels")
    decode   log-probabilities of the sigmoid of each label (1, 3)
    predict  labels above one half: "fear", "joy"
    score    micro and macro F1, exact match
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from dicetune.data import TextCorpus, TextExample, TextPredictions
from dicetune.errors import InputError, quoted
from dicetune.loss_input import Kind
from dicetune.problems import LabelSet
from dicetune.tasks.base import Scores
from dicetune.tasks.options import GOLD, option
from dicetune.tasks.sequence import (
    Decision,
    Labelled,
    LabelOptions,
    SequenceTask,
    chosen_label_columns,
    label_order,
)

if TYPE_CHECKING:
    from torch import Tensor

METRICS = ("auto", "macro_f1", "micro_f1", "exact_match")
_HALF = float(np.log(0.5))


@dataclass(frozen=True)
class MultiLabelOptions(LabelOptions):
    """Options of texts with any number of labels.

    Args:
        label_column: name or number of the labels, a list or joined by a separator; default:
            a known name, else the column with the fewest different cells.
        label_columns: names or numbers of columns of 0 and 1, one for each label, joined by commas,
            such as toxic,insult; or names of the places in lists of 0 and 1; default: all
            columns of 0 and 1, if no column has a known name for labels.
        separator: text between the labels of a cell, such as a comma; none: each cell is one label;
            auto looks at the whole column.
        metric: dev score that chooses the checkpoint: macro_f1 (also auto), micro_f1, exact_match.
    """

    label_columns: str | None = option(None, uses=(*GOLD, "score", "compare"))
    separator: str = option("auto", uses=(*GOLD, "score", "compare"))
    metric: str = option("auto", uses=["train"], choices=METRICS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.separator:
            raise InputError(
                "expected a separator between labels, got an empty one: give it, or separator=none "
                "if each cell is one label"
            )
        chosen = chosen_label_columns(vars(self))
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
    title = "multi-label text-classification"
    predicts = LabelSet
    Options = MultiLabelOptions
    scored = "Labels with a probability above one half, in percent."
    model_config: ClassVar[Mapping[str, Any]] = {"problem_type": "multi_label_classification"}
    several = True
    answer_class = Labelled
    reads_as_train = True
    kind: ClassVar[Kind] = "labels"

    @property
    def shown(self) -> tuple[str, ...]:
        """Scores of a table."""
        names = ("exact_match", "micro_f1", "macro_f1")
        return (*(name for name in names if name != self.main_metric), self.main_metric)

    @classmethod
    def score_labels(cls, found: TextPredictions, labels: list[str], options: Any) -> Scores:
        """Score a file of predictions."""
        # a tool may use a label that no gold text of this file has
        used = (label for row in (*found.gold, *found.predicted) for label in row)
        names = list(dict.fromkeys([*labels, *used]))
        chances = None
        if found.probabilities and all({*names} <= {*row} for row in found.probabilities):
            # all labels that every row has: average precision asks for each
            common = set.intersection(*({*row} for row in found.probabilities))
            names = [name for name in found.probabilities[0] if name in common]
            chances = np.array([[row[name] for name in names] for row in found.probabilities])
        return LabelSet({"labels": names}).scores(found.gold, found.predicted, chances)

    @classmethod
    def of(
        cls, train: TextCorpus, options: Any = None, labels: Sequence[str] | None = None
    ) -> Self:
        """The task of a training split; ``labels`` where the split does not show all of them."""
        options = cls.Options() if options is None else options
        return cls(label_order(train, labels), metric=_metric(options.metric))

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model."""
        return cls(labels, metric=_metric(settings.get("metric")))

    def settings(self) -> dict[str, Any]:
        """The score that chose the checkpoint."""
        return {"metric": self.main_metric}

    def target(self, labels: Sequence[str]) -> list[float]:
        """1 for each label of the text."""
        return [float(label in labels) for label in self.labels]

    def preprocess_logits(self, outputs: Any, labels: Any) -> Tensor:
        """Log-probabilities of the sigmoid of each label."""
        import torch

        logits = outputs.float()
        if not torch.compiler.is_exporting():
            return torch.nn.functional.logsigmoid(logits)
        # ONNX has no log(1 + u) that is exact for a small u: this is Kahan's
        small = (-logits.abs()).exp()
        whole = 1 + small
        exact = torch.where(whole == 1, small, whole.log() * small / (whole - 1))
        return logits.clamp(max=0) - exact

    def chosen(self, scores: np.ndarray) -> tuple[str, ...]:
        """The labels with a probability above one half."""
        return tuple(name for name, p in zip(self.labels, scores, strict=True) if p > _HALF)

    def score(self, data: TextCorpus, predictions: Sequence[Decision]) -> Scores:
        """Micro and macro F1, exact match, average precision; fractions in [0, 1]."""
        return LabelSet({"labels": self.labels}).scores(
            [example.labels or () for example in data],
            [decision.labels for decision in predictions],
            np.array([decision.probabilities for decision in predictions]),
        )

    def row(self, example: TextExample, prediction: Decision) -> dict[str, Any]:
        """Text, gold and predicted labels."""
        return super().row(example, prediction) | {
            "gold": list(example.labels or ()),
            "predicted": list(prediction.labels),
        }


def _metric(chosen: str | None) -> str:
    return "macro_f1" if chosen in (None, "auto") else str(chosen)
