"""What a model says of a question: its answer, the other candidates, and how that is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dicetune.errors import unknown_name
from dicetune.tasks.qa.best_spans import Span, best_spans, null_score
from dicetune.tasks.qa.options import QaOptions

OUT_FORMATS = ("jsonl", "text", "squad", "squad-null-odds")


@dataclass(frozen=True)
class Prediction:
    """The answer to one question.

    Args:
        text: as the context spells it; empty for no answer.
        start: its first character, ``None`` for no answer.
        end: one past its last character, ``None`` for no answer.
        score: of the best span, whether it is the answer or not.
        probability: of the answer, or of there being none.
        null_score: of there being no answer, on the same scale.
        n_best: the best spans with different texts.
    """

    text: str
    start: int | None
    end: int | None
    score: float
    probability: float
    null_score: float
    n_best: tuple[Span, ...]

    @property
    def span(self) -> str:
        """The text of the best span; empty only where the context shows no sub-word."""
        return self.n_best[0].text if self.n_best else ""

    @property
    def null_odds(self) -> float:
        """Null score less the best span's: above the threshold, a question stays unanswered."""
        return self.null_score - self.score


def decide(
    rows: np.ndarray,
    context: str,
    options: QaOptions,
    null: bool,
    biased: np.ndarray | None = None,
) -> Prediction:
    """The best span of one question, or none.

    Args:
        rows: scores of its sub-words, as ``best_spans`` takes them.
        context: which the answer is taken from.
        options: of the task.
        null: whether it may be left unanswered.
        biased: the rows after a decision rule, whose null rows decide in place of these.
    """
    found = best_spans(
        rows,
        context,
        max_answer=options.max_answer,
        count=options.n_best,
        sigmoid=options.form == "sigmoid",
        null=null,
    )
    if not found.spans:  # the tokenizer drops all of the context: it says that nothing is there
        return Prediction("", None, None, found.null_score, 1.0, found.null_score, ())
    best = found.spans[0]
    decisive = found.null_score
    if biased is not None:
        decisive = null_score(biased, sigmoid=options.form == "sigmoid")
    if null and decisive - best.score > (options.null_threshold or 0.0):
        return Prediction(
            "", None, None, best.score, found.null_probability, found.null_score, found.spans
        )
    return Prediction(
        best.text,
        best.start,
        best.end,
        best.score,
        best.probability,
        found.null_score,
        found.spans,
    )


@dataclass(frozen=True)
class QaAnswer:
    """A question and what the model says of it.

    Args:
        id: of the question.
        question: its text.
        prediction: the answer.
    """

    id: str
    question: str
    prediction: Prediction

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines."""
        values = asdict(self.prediction)
        n_best = values.pop("n_best")
        text = values.pop("text")
        return {
            "id": self.id,
            "question": self.question,
            "answer": text,
            **values,
            "span": self.prediction.span,
            "n_best": n_best,
        }


def render_answers(answers: Sequence[QaAnswer], out_format: str) -> str:
    """The text of an output file.

    Args:
        answers: one a question.
        out_format: "jsonl"; "text", one answer a line; "squad", the official ``{id: text}``;
            "squad-null-odds", the official ``{id: number}`` that the 2.0 script takes beside it,
            higher is likelier unanswerable.
    """
    if out_format == "jsonl":
        lines = (json.dumps(answer.to_dict(), ensure_ascii=False) for answer in answers)
        return "".join(line + "\n" for line in lines)
    if out_format == "text":
        return "".join(" ".join(own.prediction.text.split()) + "\n" for own in answers)
    if out_format == "squad":
        document: dict[str, Any] = {own.id: own.prediction.text for own in answers}
    elif out_format == "squad-null-odds":
        document = {own.id: own.prediction.null_odds for own in answers}
    else:
        raise unknown_name("output format", out_format, OUT_FORMATS)
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
