"""pos: a part of speech for each word.

Worked example: ``TokenTask`` (dicetune.tasks.tagging.token), whose labels are parts of speech here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicetune.metrics import label_scores
from dicetune.tasks.base import Scores
from dicetune.tasks.options import GOLD, MODEL, at_least, option
from dicetune.tasks.tagging.predictions import score_tag_file
from dicetune.tasks.tagging.token import TokenTask


@dataclass(frozen=True)
class PosOptions:
    """What can be chosen for parts of speech.

    Args:
        token_column: number (from 0) or key of the words; default: the first column.
        tag_column: number or key of the tags; default: the last column, upos in CoNLL-U.
        gold_column: number or key of the gold tags in a file of predictions.
        predicted_column: number or key of the predicted tags in a file of predictions.
        stride: sub-words that neighbouring windows of a long text share; default: 32, at most a
            quarter of the window.
    """

    token_column: int | str | None = option(None, uses=(*GOLD, "predict", "score"))
    tag_column: int | str | None = option(None, uses=GOLD)
    gold_column: int | str | None = option(None, uses=["score"])
    predicted_column: int | str | None = option(None, uses=["score"])
    stride: int | None = option(None, uses=MODEL)

    def __post_init__(self) -> None:
        at_least("stride", self.stride, 0)


class PosTask(TokenTask):
    """Parts of speech, scored by accuracy."""

    name = "pos"
    tags = "pos"
    title = "part-of-speech"
    Options = PosOptions
    main_metric = "accuracy"
    shown = ("macro_f1", "accuracy")
    scored = "Words, in percent."

    @classmethod
    def score_file(
        cls,
        predictions: str | Path,
        gold: str | Path | None,
        options: PosOptions,
        *,
        format: str = "auto",
        gold_format: str = "auto",
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> Scores:
        """Score columns word, gold, predicted, or JSON lines with tokens, gold, predicted."""
        return score_tag_file(predictions, gold, options, "pos", format, split, report)

    def score(self, data: Any, predictions: Sequence[Sequence[str]]) -> Scores:
        """Accuracy, macro F1, and a table for each label; fractions in [0, 1]."""
        gold = [list(sentence.tags) for sentence in data]
        return label_scores(gold, predictions).to_dict()
