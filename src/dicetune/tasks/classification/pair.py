"""pair: one label for each pair of texts (paraphrase, duplicate question, entailment).

Worked example, from raw texts to logits and back (WordPiece, labels 0, 1)::

    texts    "the pump is down" and "is it fine"        label "1"
    encode   [CLS] the pump is down [SEP] is it fine [SEP]
             token_type_ids 0 for the first text, 1 for the second; labels 1
    model    logits (1, 2)
    inputs   LossInput("label", logits, [1], kind="classes")
    decode   log-probabilities (1, 2)
    predict  arg-max: "1"
    score    F1 of 1, as in GLUE, and of 0 beside it

A pair longer than the limit loses sub-words of its longer text first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dicetune.data.files.tables import QUOTING
from dicetune.data.texts.columns import HEADERS
from dicetune.tasks.classification.text import METRICS, TextTask, check_choices
from dicetune.tasks.options import FILES, GOLD, option


@dataclass(frozen=True)
class PairOptions:
    """What can be chosen for pairs of texts.

    Args:
        text_column: name or number (from 0) of the first text; default: known names, else the two
            columns with the longest cells.
        pair_column: name or number of the second text.
        label_column: name or number of the label; default: a known name, else the column with the
            fewest different cells.
        id_column: name or number of the id; default: a known name.
        header: whether a table's first row names its columns: on, off; auto looks for known names.
        quoting: whether cells of a table may stand in quotes: on, off; auto looks at all of it.
        label_names: file with the names of all labels, one a line, where rows have numbers.
        positive: class whose F1 is reported; default: 1, else the rarer of two.
        metric: dev score that chooses the checkpoint: accuracy, f1, macro_f1, micro_f1, mcc; auto
            is f1 of the positive class where there is one, else macro_f1.
        gold_column: name or number of the gold labels in a file of predictions.
        predicted_column: name or number of the predicted labels in a file of predictions.
    """

    text_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    pair_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    label_column: int | str | None = option(None, uses=(*GOLD, "compare"))
    id_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    header: str = option("auto", uses=FILES)
    quoting: str = option("auto", uses=FILES)
    label_names: str | None = option(None, uses=(*GOLD, "score", "compare"))
    positive: int | str | None = option(None, uses=("train", "evaluate", "score", "compare"))
    metric: str = option("auto", uses=["train"])
    gold_column: int | str | None = option(None, uses=["score"])
    predicted_column: int | str | None = option(None, uses=("score", "compare"))

    def __post_init__(self) -> None:
        check_choices(self, {"header": HEADERS, "quoting": QUOTING, "metric": METRICS})


class PairTask(TextTask):
    """One label for each pair of texts, by softmax."""

    name = "pair"
    title: ClassVar[str] = "text-pair-classification"
    Options: ClassVar[type] = PairOptions
    scored: ClassVar[str] = (
        "Pairs, in percent; F1 is that of the positive class, where there is one."
    )
    inputs: ClassVar[tuple[str, ...]] = ("text", "text_b")
