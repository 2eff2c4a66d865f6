"""qa: extractive question answering, the answer is a span of the context.

Worked example, from raw text to logits and back (WordPiece, windows long enough)::

    question "Where ?"  context "Pump down at Quay Nine"  answer "Quay Nine", characters 13 to 22
    encode   [CLS] where ? [SEP] pump down at qu ##ay nine [SEP]
             start_positions 7, end_positions 9 (no answer in the window: both 0, its CLS)
             answer_mask 1 at 0 and 4 to 9
    model    start_logits, end_logits (1, 11)
    inputs   softmax: LossInput("start", start_logits, 7, kind="positions", class_mask=answer_mask)
             sigmoid: LossInput("start", start_logits[..., None], one-hot, kind="labels",
             mask=answer_mask), and the same for "end"; half the weight each
    decode   rows of start, end, window, first character, last: (7, 5), null row at -1, -1
    predict  the best span of at most max_answer sub-words: characters 13 to 22
    score    exact match 1, F1 1

Both forms see the same positions: the context's sub-words and the null row. An unanswerable
question, and a window that does not show the answer, is gold at the null row in both, as in the
scripts of BERT and of the paper. The null score of a question is the least over its windows of
start plus end there (in the sigmoid form of their log-probabilities).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForQuestionAnswering

from dicetune.data import (
    Inspection,
    NoteBook,
    Question,
    QuestionCorpus,
    SubwordCounter,
    inspect_questions,
    match_answers,
    read_answers,
    read_questions,
)
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.loss_input import LossInput
from dicetune.metrics import question_scores
from dicetune.models import output_bias
from dicetune.tasks.base import IGNORED, Encoded, Outputs, Scores, Trained, document_of
from dicetune.tasks.qa.answers import (
    OUT_FORMATS,
    Prediction,
    QaAnswer,
    decide,
    render_answers,
)
from dicetune.tasks.qa.encode import encode_questions
from dicetune.tasks.qa.options import QaOptions
from dicetune.tasks.qa.predictions import (
    language_notes,
    language_of_contexts,
    score_answer_file,
)


class QaTask:
    """Spans that answer questions, by any ``AutoModelForQuestionAnswering``.

    Args:
        options: what was chosen.
        null: whether a question may be left unanswered: whether training data has such questions.
    """

    name: ClassVar[str] = "qa"
    title: ClassVar[str] = "extractive question-answering"
    Options: ClassVar[type] = QaOptions
    main_metric: ClassVar[str] = "f1"
    shown: ClassVar[tuple[str, ...]] = ("exact", "f1")
    scored: ClassVar[str] = "Exact match and F1 of words as in SQuAD, in percent."
    auto_class: ClassVar[Any] = AutoModelForQuestionAnswering
    aligns: ClassVar[bool] = True
    reads_as_train: ClassVar[bool] = False
    pipeline: ClassVar[str | None] = None
    model_config: ClassVar[Mapping[str, Any]] = {}
    targets: ClassVar[Mapping[str, int]] = {
        "start_positions": 0,
        "end_positions": 0,
        "answer_mask": 0,
    }
    extra_inputs: ClassVar[Mapping[str, int]] = {}
    inputs: ClassVar[tuple[str, ...]] = ("question", "context")
    out_formats: ClassVar[tuple[str, ...]] = OUT_FORMATS
    labels: tuple[str, ...] = ("start", "end")

    def __init__(self, options: QaOptions, null: bool) -> None:
        self.options = options
        self.null = null

    # files

    @classmethod
    def read(
        cls,
        path: str | Path,
        options: QaOptions,
        *,
        format: str = "auto",
        gold: bool = True,
        trained: Trained | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> QuestionCorpus:
        """Read SQuAD's JSON, JSON lines or a data set, and say how its answers are compared."""
        corpus = read_questions(path, format=format, gold=gold)
        if not gold or options.language != "auto":
            return corpus
        notes = language_notes(language_of_contexts(corpus), "contexts", len(corpus))
        return replace(corpus, notes=(*corpus.notes, *notes))

    @classmethod
    def inspect(cls, splits: Mapping[str, Any], count_subwords: SubwordCounter) -> Inspection:
        """Count questions, answers, offsets that do not fit, leaks and sub-words."""
        return inspect_questions(splits, count_subwords)

    @classmethod
    def score_file(
        cls,
        predictions: str | Path,
        gold: str | Path | None,
        options: QaOptions,
        *,
        format: str = "auto",
        gold_format: str = "auto",
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> Scores:
        """Score ``{id: text}`` or JSON lines against a file of questions, or lines with gold."""
        return score_answer_file(
            predictions,
            gold,
            options.language,
            format=format,
            gold_format=gold_format,
            split=split,
            null_odds=options.null_odds,
            null_threshold=options.null_threshold,
            report=report,
        )

    # one task

    @classmethod
    def of(
        cls, train: QuestionCorpus, options: QaOptions, labels: Sequence[str] | None = None
    ) -> Self:
        """The task of a training split.

        Raises:
            DataError: where it has no answer to learn from.
        """
        if not any(_trainable(question) for question in train):
            raise DataError(
                train.source,
                f"expected answers that stand in their contexts, got none in {len(train)} "
                "questions: there is nothing to learn",
            )
        return cls(options, any(question.impossible for question in train))

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model.

        A threshold says that questions may be left unanswered also of a foreign model, and of
        one whose training data had no such questions.

        Raises:
            InputError: where the model's outputs are not a start and an end.
        """
        if len(labels) != len(cls.labels):
            raise InputError(
                f"expected a model with two outputs, start and end, got {len(labels)}: "
                f"{listed(labels, most=5)}"
            )
        known = {field.name for field in fields(QaOptions)}
        options = QaOptions(**{name: value for name, value in settings.items() if name in known})
        return cls(options, bool(settings.get("null", "null_threshold" in settings)))

    def settings(self) -> dict[str, Any]:
        """The options, and that a question may be left unanswered where it may."""
        values = asdict(self.options)
        if self.null:
            return {**values, "null": True}
        del values["null_threshold"]  # it had no meaning: at prediction one may be given
        return values

    def problem(self, train: QuestionCorpus | None = None) -> dict[str, Any]:
        """One answer a question, or none."""
        return {
            "kind": "answer",
            "labels": list(self.labels),
            "metric": self.main_metric,
            "null": self.null,
            "null_threshold": self.options.null_threshold or 0.0,
            "form": self.options.form,
            "language": self.options.language if train is None else self._language(train),
        }

    def check(self, data: QuestionCorpus) -> None:
        """Refuse questions without gold.

        Raises:
            DataError: they were read without it.
        """
        if not data.gold:
            raise DataError(data.source, "expected questions with gold answers, got none")

    def texts(self, data: QuestionCorpus) -> Iterable[str]:
        """Each question, and each context once."""
        yield from (question.question for question in data)
        yield from dict.fromkeys(question.context for question in data)

    # text to tensors

    def encode(
        self, data: QuestionCorpus, tokenizer: Any, max_length: int, *, training: bool = False
    ) -> Encoded:
        """Windows of a question and a piece of its context; with gold, where the answer stands."""
        return encode_questions(data, tokenizer, max_length, self.options, training=training)

    def loss_inputs(self, outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        """The start and the end, half the weight each."""
        mask = labels["answer_mask"].bool()
        inputs = []
        for side in ("start", "end"):
            logits, gold = outputs[f"{side}_logits"], labels[f"{side}_positions"]
            if self.options.form == "softmax":
                item = LossInput(
                    side, logits, gold, kind="positions", class_mask=mask, coefficient=0.5
                )
            else:
                target = torch.zeros_like(logits).scatter_(1, gold.clamp(min=0)[:, None], 1.0)
                item = LossInput(
                    side,
                    logits[..., None],
                    target[..., None],
                    kind="labels",
                    mask=mask & (gold != IGNORED)[:, None],
                    coefficient=0.5,
                )
            inputs.append(item)
        return inputs

    def item_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Windows in the softmax form, positions in the sigmoid form."""
        counts = {}
        for side in ("start", "end"):
            known = labels[f"{side}_positions"] != IGNORED
            if self.options.form == "sigmoid":
                known = labels["answer_mask"].bool() & known[:, None]
            counts[side] = known.sum()
        return counts

    def class_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """In the sigmoid form the positions that are no start (end) and those that are one."""
        if self.options.form == "softmax":
            return {}
        counts = {}
        for side, items in self.item_counts(labels).items():
            right = (labels[f"{side}_positions"] != IGNORED).sum()
            counts[side] = torch.stack([items - right, right])[None]
        return counts

    def sigmoid_biases(self, model: Any) -> dict[str, Tensor]:
        """Those of the start and the end in the sigmoid form."""
        if self.options.form == "softmax":
            return {}
        both = output_bias(model, 2)
        return {"start": both[:1], "end": both[1:]}

    # tensors to text

    def shrink(self, outputs: Any, labels: Any) -> Any:
        """The start and end logits alone; some models put out more."""
        return outputs[0].float(), outputs[1].float()

    def decode(self, outputs: Outputs, encoded: Encoded) -> list[np.ndarray]:
        """For each question (rows, 5): start, end, window, first character, one past the last."""
        return encoded.back.gather(outputs[0], outputs[1])

    def predict(
        self,
        scores: Sequence[np.ndarray],
        data: QuestionCorpus,
        biased: Sequence[np.ndarray] | None = None,
    ) -> list[Prediction]:
        """The best span of each question, or none."""
        decisive = [None] * len(scores) if biased is None else biased
        return [
            decide(rows, question.context, self.options, self.null, which)
            for rows, question, which in zip(scores, data, decisive, strict=True)
        ]

    def score(self, data: QuestionCorpus, predictions: Sequence[Prediction]) -> Scores:
        """Exact match and F1, split by answerable and not where both are there."""
        return question_scores(
            [[answer.text for answer in question.answers] for question in data],
            [prediction.text for prediction in predictions],
            spans=[prediction.span for prediction in predictions],
            null_odds=[prediction.null_odds for prediction in predictions],
            language=self._language(data),
        ).to_dict()

    def _language(self, data: QuestionCorpus) -> str:
        """The language of the definitions: as was chosen, else as the contexts show."""
        chosen = self.options.language
        return language_of_contexts(data) if chosen == "auto" else chosen

    def rows(
        self, data: QuestionCorpus, predictions: Sequence[Prediction]
    ) -> Iterator[dict[str, Any]]:
        """What scores and thresholds need, and how answers are compared."""
        language = self._language(data)
        for question, prediction in zip(data, predictions, strict=True):
            yield {
                "id": question.id,
                **document_of(question.title),
                "question": question.question,
                "gold": [answer.text for answer in question.answers],
                "predicted": prediction.text,
                "span": prediction.span,
                "score": prediction.score,
                "null_score": prediction.null_score,
                "language": language,
            }

    def match_file(
        self,
        path: str | Path,
        rows: Sequence[Mapping[str, Any]],
        *,
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> list[str | None]:
        """Predicted answers to the rows' questions, by id; ``None`` where the file has none."""
        answers, notes = read_answers(path, split=split), NoteBook()
        found = match_answers(answers, [row["id"] for row in rows], path, notes)
        for note in notes.notes():
            report(str(note))
        return [own.text for own in found]

    # use

    def ask(self, values: Mapping[str, Sequence[Any]]) -> QuestionCorpus:
        """Questions without gold from plain texts.

        Raises:
            InputError: an empty question or context, or not as many of one as of the other.
        """
        asked, contexts = values["question"], values["context"]
        if len(asked) != len(contexts):
            raise InputError(
                f"expected one context for each question, got {len(asked)} questions and "
                f"{len(contexts)} contexts"
            )
        for what, texts in (("question", asked), ("context", contexts)):
            for number, text in enumerate(texts, 1):
                if not isinstance(text, str) or not text.strip():
                    raise InputError(f"expected {what} {number} to be a text, got {quoted(text)}")
        pairs = zip(asked, contexts, strict=True)
        questions = tuple(Question(str(n), q, c) for n, (q, c) in enumerate(pairs, 1))
        return QuestionCorpus(questions, "text", gold=False)

    def answers(
        self,
        data: QuestionCorpus,
        predictions: Sequence[Prediction],
        scores: Sequence[np.ndarray],
    ) -> list[QaAnswer]:
        """Each question with its answer and the n best."""
        pairs = zip(data, predictions, strict=True)
        return [QaAnswer(question.id, question.question, own) for question, own in pairs]

    def render(self, data: QuestionCorpus, answers: Sequence[QaAnswer], out_format: str) -> str:
        """JSON lines, the answers alone, or the official documents."""
        return render_answers(answers, out_format)


def _trainable(question: Question) -> bool:
    return any(answer.start is not None for answer in question.answers)
