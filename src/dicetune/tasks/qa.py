"""qa: extractive question answering, the answer is a span of the context.

Worked example, from raw text to logits and back (WordPiece, windows long enough)::

    question "Where ?"  context "Pump down at Quay Nine"  answer "Quay Nine", characters 13 to 22
    encode   [CLS] where ? [SEP] pump down at qu ##ay nine [SEP]
             start_positions 7, end_positions 9 (no answer in the window: both 0, its CLS)
             answer_mask 1 at 0 and 4 to 9
    model    start_logits, end_logits (1, 11)
    targets  softmax: LossTarget("start", 7, kind="positions", class_mask=answer_mask)
             sigmoid: LossTarget("start", one-hot (1, 11, 1), kind="labels", mask=answer_mask)
             and the same for "end"; half the weight each
    decode   rows of start, end, window, first character, last: (7, 5), null row at -1, -1
    predict  the best span of at most max_answer sub-words: characters 13 to 22
    score    exact match 1, F1 1

Both forms see the same positions: the context's sub-words and the null row. An unanswerable
question, and a window that does not show the answer, is gold at the null row in both, as in the
scripts of BERT and of the paper. The null score of a question is the least over its windows of
start plus end there (in the sigmoid form of their log-probabilities).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from dicetune.data import (
    NoteBook,
    Question,
    QuestionCorpus,
    inspect_questions,
    log_notes,
    match_answers,
    read_answers,
    read_questions,
)
from dicetune.data.files.rows import Rows
from dicetune.data.files.tables import WRITTEN
from dicetune.data.questions.read import QUESTION_FORMATS
from dicetune.decide import DecisionRule
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.loss_input import IGNORED, LossTarget
from dicetune.problems import Answer
from dicetune.problems.answer_text import LANGUAGES
from dicetune.tasks.base import Arrays, Encoded, ModelClass, Scores, Source, Task, Trained
from dicetune.tasks.encoded import FeatureWriter
from dicetune.tasks.options import MODEL, TaskOptions, Use, option
from dicetune.tasks.qa_answers import (
    Prediction,
    QaAnswer,
    RowWriter,
    decide,
    language_notes,
    language_of_contexts,
    score_answer_file,
)
from dicetune.tasks.windows import ContextWindow, Room, cut_context, cut_question

if TYPE_CHECKING:
    from torch import Tensor

_SCORED: tuple[Use, ...] = ("train", "evaluate", "score", "compare")


@dataclass(frozen=True)
class QaOptions(TaskOptions):
    """Options of question answering.

    Args:
        form: softmax (one start and one end among the positions of a window) or sigmoid (each
            position has a probability of being the start, and of being the end).
        stride: sub-words that neighbouring windows of a long context share; at most a quarter of
            the room beside the question.
        max_question: longest question in sub-words; longer questions are cut and counted.
        max_answer: longest answer in sub-words.
        n_best: number of answers that predictions list.
        null_threshold: give no answer where the null score exceeds the score of the best span by
            more than this number, such as -1.5; default 0, but models whose training data had no
            unanswerable question always answer. For a file of answers: the limit of null odds.
        negative_windows: share of the windows without the answer, from 0 to 1, on which training
            runs, of questions with an answer; chosen by id, the same in each run.
        language: how answers are compared: en (by words), zh (CMRC 2018), characters (Japanese,
            Korean, Thai and others); auto looks at the contexts.
        null_odds: file of null odds, {id: number}, beside a file of answers in the official
            format; the best null thresholds are found with it.
    """

    # a saved model decodes as it was trained
    form: str = option("softmax", uses=["train"], choices=("softmax", "sigmoid"))
    stride: int = option(128, uses=MODEL, least=0)
    max_question: int = option(64, uses=MODEL, least=1)
    max_answer: int = option(30, uses=MODEL, least=1)
    n_best: int = option(20, uses=("predict", "ask"), least=1)
    null_threshold: float | None = option(None, uses=(*MODEL, "score", "compare"))
    negative_windows: float = option(1.0, uses=["train"])
    language: str = option("auto", uses=_SCORED, choices=("auto", *LANGUAGES))
    null_odds: str | None = option(None, uses=("score", "compare"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if math.isnan(self.null_threshold or 0.0):
            raise InputError("expected a number as null_threshold, got nan")
        if not 0 <= self.negative_windows <= 1:
            raise InputError(f"expected negative_windows from 0 to 1, got {self.negative_windows}")


class QaTask(Task):
    """Spans that answer questions, by any ``AutoModelForQuestionAnswering``."""

    name = "qa"
    title = "extractive question-answering"
    predicts = Answer
    Options = QaOptions
    formats = QUESTION_FORMATS
    main_metric = "f1"
    shown = ("exact", "f1")
    scored = "Exact match and F1 of words as in SQuAD, in percent."
    auto_class = ModelClass("AutoModelForQuestionAnswering")
    targets: ClassVar = dict.fromkeys(("start_positions", "end_positions", "answer_mask"), 0)
    inputs = ("question", "context")
    out_formats = ("jsonl", "text", "squad", "squad-null-odds", *WRITTEN)
    inspect = staticmethod(inspect_questions)
    document_name = "title"
    labels = ("start", "end")
    at_once = 512

    def __init__(self, options: QaOptions, null: bool) -> None:
        self.options = options
        self.null = null
        self._sigmoid = options.form == "sigmoid"

    @classmethod
    def read_source(
        cls, source: Source, options: QaOptions, gold: bool, trained: Trained
    ) -> QuestionCorpus:
        """Read SQuAD's JSON, JSON lines or a data set; a note says how answers are compared."""
        corpus = read_questions(source.path, format=source.format, gold=gold)
        if not gold or options.language != "auto":
            return corpus
        notes = language_notes(language_of_contexts(corpus), "contexts", len(corpus))
        return replace(corpus, notes=(*corpus.notes, *notes))

    @classmethod
    def score_source(cls, source: Source, gold: Source | None, options: QaOptions) -> Scores:
        """Score ``{id: text}`` or JSON lines against a file of questions, or lines with gold."""
        return score_answer_file(source, gold, options)

    @classmethod
    def of(
        cls, train: QuestionCorpus, options: QaOptions, labels: Sequence[str] | None = None
    ) -> Self:
        """The task of a training split."""
        if not any(answer.start is not None for q in train for answer in q.answers):
            raise DataError(
                train.source,
                f"expected answers that are in their contexts, got none in {len(train)} "
                "questions: there is nothing to learn",
            )
        return cls(options, any(question.impossible for question in train))

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model.

        With a threshold a model may leave questions unanswered, even a model of another tool or a
        model whose training data had no such questions.
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
        """The options, and whether a question may be left unanswered."""
        values = asdict(self.options)
        if self.null:
            return {**values, "null": True}
        del values["null_threshold"]  # it had no meaning: at prediction it may be given
        return values

    def problem_settings(self, train: QuestionCorpus | None) -> dict[str, Any]:
        """Whether a question may have no answer, and how answers are compared."""
        return {
            "null": self.null,
            "null_threshold": self.options.null_threshold or 0.0,
            "form": self.options.form,
            "language": self.options.language if train is None else self._language(train),
        }

    def check(self, data: QuestionCorpus) -> None:
        """Refuse questions that were read without gold."""
        if not data.gold:
            raise DataError(data.source, "expected questions with gold answers, got none")

    def texts(self, data: QuestionCorpus) -> Iterable[str]:
        """Each question, and each different context."""
        yield from (question.question for question in data)
        yield from dict.fromkeys(question.context for question in data)

    def encode(
        self, data: QuestionCorpus, tokenizer: Any, max_length: int, *, training: bool = False
    ) -> Encoded:
        """Windows of a question and a piece of its context, longest first.

        A window that shows the whole answer has the first and the last sub-word of the answer as
        targets. Any other window of the question has its null row as target, even if it cuts
        through the answer: another window shows the answer. Where no window does (the answer is
        longer than windows overlap, the tokenizer drops it, or the context does not hold it), no
        target is true for any window of the question: all are ignored, and left out in training.
        """
        tokenizer.padding_side = tokenizer.truncation_side = "right"
        counts: Counter[str] = Counter()
        writer, places = FeatureWriter(), RowWriter()
        longest = 0
        for question in data:
            text, asked = cut_question(question.question, tokenizer, self.options.max_question)
            counts["truncated_questions"] += text != question.question
            room = Room(max_length, self.options.stride, len(asked), data.place_of(question))
            windows = cut_context(text, question.context, tokenizer, room)
            subwords = sum(window.subwords for window in windows)
            longest = max(longest, len(asked) + subwords)
            counts["subwords"] += len(asked) + subwords
            counts["unknown_subwords"] += asked.count(tokenizer.unk_token_id)
            counts["unknown_subwords"] += sum(window.unknown for window in windows)
            targets = _targets(question, windows, counts) if data.gold else [None] * len(windows)
            for number, (window, target) in enumerate(zip(windows, targets, strict=True)):
                if training and not self._is_trained(question, number, window, target):
                    counts["windows_left_out"] += 1
                    continue
                feature: dict[str, Any] = dict(window.inputs)
                if target is not None:
                    feature["start_positions"], feature["end_positions"] = target
                    feature["answer_mask"] = window.mask()
                    counts["windows_without_answer"] += target[0] == window.null
                if not training:
                    places.add(number, len(writer), window)
                writer.add(feature)
            places.end_question()
        if training and not len(writer):
            raise DataError(data.source, "expected windows to train on, got none: raise max_length")
        names = ["subwords", "unknown_subwords", "longest_subwords", "truncated_questions"]
        names += ["windows_without_answer", "cut_answers", "not_aligned"] if data.gold else []
        names += ["windows_left_out"] if training else []
        counts["longest_subwords"] = longest
        facts = {"questions": len(data), "windows": len(writer)}
        facts |= {name: counts[name] for name in names}
        reasons = {
            "truncated_questions": "questions are longer than max_question and were cut",
            "cut_answers": f"answers are shown whole by no window of {max_length} sub-words: "
            "not trained on, scored by their text",
        }
        notes = tuple(f"{facts[name]} {text}" for name, text in reasons.items() if facts.get(name))
        features, place_of = writer.features().longest_first()
        back = None if training else places.places(place_of)
        return Encoded(features, back, facts, notes)

    def _is_trained(
        self, question: Question, number: int, window: ContextWindow, target: Any
    ) -> bool:
        """Whether a window is trained on: windows without the answer are sampled by their name."""
        if target is None or target[0] == IGNORED:
            return False
        if question.impossible or target[0] != window.null:
            return True
        digest = hashlib.sha1(f"{question.id}:{number}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < self.options.negative_windows * 2**64

    def loss_targets(self, labels: Mapping[str, Tensor]) -> list[LossTarget]:
        """The start and the end, half the weight each."""
        import torch

        mask = labels["answer_mask"].bool()
        found = []
        for side in ("start", "end"):
            gold = labels[f"{side}_positions"]
            if self._sigmoid:
                target = torch.zeros(mask.shape, device=gold.device)
                target.scatter_(1, gold.clamp(min=0)[:, None], 1.0)
                known = (gold != IGNORED)[:, None]
                item = LossTarget(side, target[..., None], "labels", mask=mask & known)
            else:
                item = LossTarget(side, gold, "positions", class_mask=mask)
            found.append(replace(item, coefficient=0.5, output=f"{side}_logits"))
        return found

    def head_biases(self, model: Any) -> dict[str, Tensor]:
        """Biases of the start and the end in the sigmoid form."""
        if not self._sigmoid:
            return {}
        from dicetune.models import output_bias

        both = output_bias(model, 2)
        return {"start": both[:1], "end": both[1:]}

    def preprocess_logits(self, outputs: Any, labels: Any) -> Any:
        """The start and end logits alone; some models have further outputs."""
        return outputs[0].float(), outputs[1].float()

    def choose(self, scores: Arrays, data: QuestionCorpus, deciding: Arrays) -> list[Prediction]:
        """The best span of each question, or none."""
        return [
            decide(rows, question.context, self.options, self.null, decisive)
            for rows, question, decisive in zip(scores, data, deciding, strict=True)
        ]

    def bare(self, prediction: Prediction) -> Prediction:
        """With the best span alone."""
        return replace(prediction, n_best=prediction.n_best[:1])

    def score(self, data: QuestionCorpus, predictions: Sequence[Prediction]) -> Scores:
        """Exact match and F1, also of answerable and unanswerable questions if both occur."""
        gold = Rows(lambda one: [answer.text for answer in one.answers], one=data.questions)
        return Answer({"language": self._language(data)}).scores(
            gold,
            [prediction.text for prediction in predictions],
            spans=[prediction.span for prediction in predictions],
            null_odds=[prediction.null_odds for prediction in predictions],
        )

    def _language(self, data: QuestionCorpus) -> str:
        """The language of the definitions: the chosen language, else by the contexts."""
        chosen = self.options.language
        return language_of_contexts(data) if chosen == "auto" else chosen

    def rows(
        self, data: QuestionCorpus, predictions: Sequence[Prediction]
    ) -> Iterator[dict[str, Any]]:
        """Rows with the scores that thresholds need, and how answers are compared."""
        language = self._language(data)
        return (row | {"language": language} for row in super().rows(data, predictions))

    def row(self, example: Question, prediction: Prediction) -> dict[str, Any]:
        """Question, gold answers, predicted answer, the best span and its scores."""
        return {
            "question": example.question,
            "gold": [answer.text for answer in example.answers],
            "predicted": prediction.text,
            "span": prediction.span,
            "score": prediction.score,
            "null_score": prediction.null_score,
        }

    def match_source(self, source: Source, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Predicted answers to the rows' questions, by id; ``None`` where the file has none."""
        answers, notes = read_answers(source.path, split=source.split), NoteBook()
        found = match_answers(answers, [row["id"] for row in rows], source.path, notes)
        log_notes(notes.notes())
        return [answer.text for answer in found]

    def ask(self, values: Mapping[str, Sequence[Any]]) -> QuestionCorpus:
        """Questions without gold from plain texts."""
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
        self, data: QuestionCorpus, predictions: Sequence[Prediction], scores: Arrays
    ) -> list[QaAnswer]:
        """Each question with its answer and the n best."""
        pairs = zip(data, predictions, strict=True)
        return [QaAnswer(question.id, question.question, found) for question, found in pairs]

    def cells(self, answers: Sequence[QaAnswer]) -> list[dict[str, Any]]:
        """The answer, which may be empty, and its probability."""
        found = (answer.prediction for answer in answers)
        return [{"answer": one.text, "probability": f"{one.probability:.6f}"} for one in found]

    def other_text(
        self,
        data: QuestionCorpus,
        answers: Sequence[QaAnswer],
        out_format: str,
        rule: DecisionRule | None,
    ) -> str:
        """JSON lines, one answer a line ("text"), or the official documents.

        "squad" is ``{id: text}``; "squad-null-odds" is ``{id: number}`` for the script of SQuAD
        2.0: a question with a higher number is likelier unanswerable.
        """
        if out_format == "jsonl":
            return super().other_text(data, answers, out_format, rule)
        if out_format == "text":
            return "".join(" ".join(answer.prediction.text.split()) + "\n" for answer in answers)
        value = "text" if out_format == "squad" else "null_odds"
        document = {answer.id: getattr(answer.prediction, value) for answer in answers}
        return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _targets(
    question: Question, windows: Sequence[ContextWindow], counts: Counter[str]
) -> list[tuple[int, int]]:
    """Start and end position of the answer in each window."""
    if question.impossible:
        return [(window.null, window.null) for window in windows]
    nothing = [(IGNORED, IGNORED)] * len(windows)
    places = [(answer.start, answer.end) for answer in question.answers]
    aligned = [(a, b) for a, b in places if a is not None and b is not None]
    if not aligned:
        counts["not_aligned"] += 1
        return nothing
    start, end = Counter(aligned).most_common(1)[0][0]
    shown = [window.characters_of(start, end) for window in windows]
    seen = [characters for characters in shown if characters is not None]
    whole = (min(a for a, _ in seen), max(b for _, b in seen)) if seen else None
    if whole not in shown or whole is None:
        counts["cut_answers"] += 1
        return nothing
    return [
        window.span(start, end) if characters == whole else (window.null, window.null)
        for window, characters in zip(windows, shown, strict=True)
    ]
