"""What can be chosen for extractive question answering."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dicetune.errors import InputError, unknown_name
from dicetune.tasks.options import MODEL, at_least, option
from dicetune.writing import LANGUAGES

FORMS = ("softmax", "sigmoid")


@dataclass(frozen=True)
class QaOptions:
    """What can be chosen for question answering.

    Args:
        form: softmax (start and end are each one choice among a window's positions) or sigmoid
            (each position is asked on its own whether it is the start, the end).
        stride: sub-words that neighbouring windows of a long context share; at most a quarter of
            the room that the question leaves.
        max_question: longest question in sub-words; the rest is cut off and counted.
        max_answer: longest answer in sub-words.
        n_best: how many answers predictions list.
        null_threshold: a question is left unanswered where its null score exceeds its best span's
            score by more than this, by default 0; without it, models whose training data had no
            such questions answer every one. Beside a file of answers: where its null odds are
            above this.
        negative_windows: share of the windows without the answer that are trained on, of
            questions that have one; chosen by id, the same each time.
        language: how answers are compared: en (by words), zh (CMRC 2018's scores), characters
            (Japanese, Korean, Thai and others); auto looks at the contexts.
        null_odds: file of null odds, {id: number}, beside a file of answers in the official
            format; the best null thresholds are found with it.
    """

    form: str = option("softmax", uses=["train"])  # a saved model decodes as it was trained
    stride: int = option(128, uses=MODEL)
    max_question: int = option(64, uses=MODEL)
    max_answer: int = option(30, uses=MODEL)
    n_best: int = option(20, uses=("predict", "ask"))
    null_threshold: float | None = option(None, uses=(*MODEL, "score", "compare"))
    negative_windows: float = option(1.0, uses=["train"])
    language: str = option("auto", uses=("train", "evaluate", "score", "compare"))
    null_odds: str | None = option(None, uses=("score", "compare"))

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise unknown_name("form", self.form, FORMS)
        if self.language not in (languages := ("auto", *LANGUAGES)):
            raise unknown_name("language", self.language, languages)
        at_least("stride", self.stride, 0)
        for name in ("max_question", "max_answer", "n_best"):
            at_least(name, getattr(self, name), 1)
        if math.isnan(self.null_threshold or 0.0):
            raise InputError("expected a number as null_threshold, got nan")
        if not 0 <= self.negative_windows <= 1:
            raise InputError(f"expected negative_windows from 0 to 1, got {self.negative_windows}")
