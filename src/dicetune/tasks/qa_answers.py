"""Answers of a question: the best spans, the decision, and the files of any tool.

A span begins and ends in one window, holds at most ``max_answer`` sub-words, and scores the sum
of its start and its end. The best spans are exact, since every span is scored: a window of n
sub-words gives a band of n times ``max_answer`` sums, not n times n.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dicetune.data import (
    Note,
    NoteBook,
    QuestionCorpus,
    log_notes,
    match_answers,
    read_answers,
    read_null_odds,
    read_questions,
    with_null_odds,
    with_null_threshold,
)
from dicetune.errors import DataError
from dicetune.problems import Answer
from dicetune.problems.answer_text import RULES, language_of
from dicetune.tasks.base import Scores, Source
from dicetune.tasks.windows import ContextWindow

START, END, WINDOW, FIRST, LAST = range(5)
"""Columns of the scores of one question: start, end, window, first character, one past the last."""

NULL = -1
"""First and last character of a window's null row."""


@dataclass(frozen=True, slots=True)
class AnswerSpan:
    """One answer span."""

    text: str  # as the context spells it
    start: int  # first character
    end: int  # one past the last character
    score: float  # of the start plus of the end
    probability: float  # share among all spans and null rows; in the sigmoid form of both ends


@dataclass(frozen=True)
class BestSpans:
    """The best spans of one question."""

    spans: tuple[AnswerSpan, ...]  # with different texts, the best first
    null_score: float  # the least over the windows: only a window that shows the answer knows it
    null_probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one question."""

    text: str  # as the context spells it; empty for no answer
    start: int | None  # first character
    end: int | None  # one past the last character
    score: float  # of the best span, whether it is the answer or not
    probability: float  # of the answer, or of there being none
    null_score: float  # of there being no answer, on the scale of ``score``
    n_best: tuple[AnswerSpan, ...]  # with different texts, the best first

    @property
    def span(self) -> str:
        """The text of the best span; empty only where the context shows no sub-word."""
        return self.n_best[0].text if self.n_best else ""

    @property
    def null_odds(self) -> float:
        """Null score minus score of the best span: above the threshold there is no answer."""
        return self.null_score - self.score


@dataclass(frozen=True)
class QaAnswer:
    """A question and the answer of a model."""

    id: str
    question: str
    prediction: Prediction

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines."""
        values = asdict(self.prediction)
        n_best, text = values.pop("n_best"), values.pop("text")
        named = {"id": self.id, "question": self.question, "answer": text}
        return {**named, **values, "span": self.prediction.span, "n_best": n_best}


@dataclass(frozen=True)
class RowPlaces:
    """Where the rows of all questions are in the model's outputs; made by ``RowWriter``.

    Args:
        window: (windows,) the place of each window in the order of feeding.
        number: (windows,) of the window in its question.
        begins: (windows + 1,) where the rows of each window begin.
        starts: (questions + 1,) where the windows of each question begin.
        position: (rows,) in the window.
        characters: (rows, 2) first character and one past the last, or ``NULL``.
    """

    window: np.ndarray
    number: np.ndarray
    begins: np.ndarray
    starts: np.ndarray
    position: np.ndarray
    characters: np.ndarray

    def gather(self, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Outputs of start and end, (windows, positions), to (rows, 5) a question."""
        rows = np.diff(self.begins)
        table = np.empty((len(self.position), 5), dtype=np.float32)
        places = np.repeat(self.window, rows), self.position
        table[:, START], table[:, END] = outputs[0][places], outputs[1][places]
        table[:, WINDOW], table[:, FIRST:] = np.repeat(self.number, rows), self.characters
        return [table[a:b] for a, b in pairwise(self.begins[self.starts])]


class RowWriter:
    """Takes the windows of one question after the other."""

    def __init__(self) -> None:
        self._window, self._number, self._position = array("i"), array("i"), array("i")
        self._characters = array("i")
        self._begins, self._starts = array("q", [0]), array("q", [0])

    def add(self, number: int, place: int, window: ContextWindow) -> None:
        """Write a window of the question: its number there, and its place among all windows."""
        self._window.append(place)
        self._number.append(number)
        self._position.extend([window.null, *window.positions.tolist()])
        self._characters.extend([NULL, NULL, *window.characters.ravel().tolist()])
        self._begins.append(len(self._position))

    def end_question(self) -> None:
        """The windows that follow are of another question."""
        self._starts.append(len(self._window))

    def places(self, place_of: np.ndarray) -> RowPlaces:
        """The rows of all questions, whose windows got other places."""
        return RowPlaces(
            place_of[np.asarray(self._window, dtype=np.int64)],
            np.asarray(self._number),
            np.asarray(self._begins),
            np.asarray(self._starts),
            _small(self._position),
            _small(self._characters).reshape(-1, 2),
        )


def _small(numbers: Sequence[int]) -> np.ndarray:
    values = np.asarray(numbers)
    return values.astype(np.min_scalar_type(-1 - int(values.max(initial=0))))


def decide(
    rows: np.ndarray, context: str, options: Any, null: bool, deciding: np.ndarray
) -> Prediction:
    """The best span of one question, or no answer where the null rows of ``deciding`` win."""
    sigmoid = options.form == "sigmoid"
    found = best_spans(
        rows,
        context,
        max_answer=options.max_answer,
        count=options.n_best,
        sigmoid=sigmoid,
        null=null,
    )
    unanswered = found.null_score
    if not found.spans:  # the tokenizer drops the whole context: there is nothing to answer with
        return Prediction("", None, None, unanswered, 1.0, unanswered, ())
    best = found.spans[0]
    gain = null_score(deciding, sigmoid=sigmoid) - best.score
    if null and gain > (options.null_threshold or 0.0):
        none, p = ("", None, None), found.null_probability
        return Prediction(*none, best.score, p, unanswered, found.spans)
    span = (best.text, best.start, best.end)
    return Prediction(*span, best.score, best.probability, unanswered, found.spans)


def best_spans(
    scores: np.ndarray,
    context: str,
    *,
    max_answer: int,
    count: int,
    sigmoid: bool = False,
    null: bool = True,
) -> BestSpans:
    """The best spans and the null score of one question, from its rows of scores, (rows, 5).

    ``sigmoid``: log-probabilities are added; ``null``: no answer takes part in the probabilities.
    """
    points = _points(scores, sigmoid)
    is_null = scores[:, FIRST] == NULL
    nulls = points[is_null].sum(1)
    least = _least(nulls)
    sums, firsts, lasts = _bands(points, scores, is_null, max_answer)
    everything = np.append(sums, nulls.min()) if null and len(nulls) else sums
    top = everything.max(initial=-np.inf)
    whole = 0.0 if sigmoid or top == -np.inf else top + np.log(np.exp(everything - top).sum())
    probability = np.exp(sums - whole)

    def distinct(order: np.ndarray) -> tuple[AnswerSpan, ...]:
        spans: dict[str, AnswerSpan] = {}
        for place in order:
            start, end = int(scores[firsts[place], FIRST]), int(scores[lasts[place], LAST])
            text = context[start:end]
            if text not in spans:
                score, share = float(sums[place]), float(probability[place])
                spans[text] = AnswerSpan(text, start, end, score, share)
                if len(spans) == count:
                    break
        return tuple(spans.values())

    # overlapping windows show the same text twice, so more than ``count`` may be needed
    near = _highest(sums, 8 * count)
    spans = distinct(near)
    if len(spans) < count and len(near) < len(sums):
        spans = distinct(_highest(sums, len(sums)))
    share = float(np.exp(least - whole)) if null else 0.0
    return BestSpans(spans, least, share)


def null_score(scores: np.ndarray, *, sigmoid: bool = False) -> float:
    """The score of "no answer": the lowest null row, minus infinity without null rows."""
    return _least(_points(scores[scores[:, FIRST] == NULL], sigmoid).sum(1))


def _points(scores: np.ndarray, sigmoid: bool) -> np.ndarray:
    """The scores of starts and ends, (rows, 2)."""
    points = scores[:, :2].astype(np.float64)
    return -np.logaddexp(0.0, -points) if sigmoid else points


def _least(nulls: np.ndarray) -> float:
    return float(nulls.min()) if len(nulls) else -np.inf


def _bands(
    points: np.ndarray, scores: np.ndarray, is_null: np.ndarray, max_answer: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score, first row and last row of every span that is allowed."""
    sums, firsts, lasts = [], [], []
    for window in np.unique(scores[:, WINDOW]):
        rows = np.flatnonzero((scores[:, WINDOW] == window) & ~is_null)
        width = min(max_answer, len(rows))
        if not width:
            continue
        ends = np.append(points[rows, END], np.full(width - 1, -np.inf))
        band = points[rows, START, None] + np.lib.stride_tricks.sliding_window_view(ends, width)
        first, further = np.nonzero(
            np.arange(len(rows))[:, None] + np.arange(width)[None, :] < len(rows)
        )
        sums.append(band[first, further])
        firsts.append(rows[first])
        lasts.append(rows[first + further])
    if not sums:
        empty = np.zeros(0, dtype=np.int64)
        return np.zeros(0), empty, empty
    return np.concatenate(sums), np.concatenate(firsts), np.concatenate(lasts)


def _highest(sums: np.ndarray, count: int) -> np.ndarray:
    """Places of at least the ``count`` highest sums, from the highest down, ties in text order."""
    near = np.arange(len(sums))
    if len(sums) > count:
        near = np.flatnonzero(sums >= np.partition(sums, len(sums) - count)[len(sums) - count])
    return near[np.argsort(-sums[near], kind="stable")]


def language_of_contexts(corpus: QuestionCorpus) -> str:
    """The language whose rules compare the answers of a set, from the contexts."""
    return language_of(dict.fromkeys(question.context for question in corpus))


def language_notes(language: str, by: str, count: int) -> tuple[Note, ...]:
    """A note where answers are not compared as in SQuAD; ``by`` is what told the language."""
    if language == "en":
        return ()
    rule = (
        f"answers compared {RULES[language]}, told by the {by}: -o language= compares them "
        "otherwise"
    )
    return (Note(rule, count),)


def score_answer_file(source: Source, gold: Source | None, options: Any) -> Scores:
    """Exact match and F1, with the best null thresholds where the file has null scores.

    A language "auto" comes from the file of predictions, else the contexts, else the gold answers.
    """
    rows = read_answers(source.path, format=source.format, split=source.split)
    notes = NoteBook()
    gold_texts: list[Sequence[str]]
    if gold is not None:
        corpus = read_questions(gold.path, format=gold.format)
        log_notes(corpus.notes)
        rows = match_answers(rows, [question.id for question in corpus], source.path, notes)
        gold_texts = [[answer.text for answer in question.answers] for question in corpus]
    else:
        gold_texts = [row.gold for row in rows if row.gold is not None]
        if len(gold_texts) < len(rows) or not rows:
            raise DataError(
                source.path,
                f"expected gold answers, got none in {len(rows) - len(gold_texts)} of {len(rows)} "
                "rows: give the file of questions after it",
            )
    if options.null_odds is not None:
        rows = with_null_odds(rows, read_null_odds(options.null_odds), options.null_odds)
    if options.null_threshold is not None:
        rows = with_null_threshold(rows, options.null_threshold, source.path)
    language = options.language
    language_note: tuple[Note, ...] = ()
    if language == "auto":
        stored = {row.language for row in rows if row.text is not None}
        if len(stored) == 1 and (name := stored.pop()):
            language, by = name, "file of predictions"
        elif gold is not None:
            language, by = language_of_contexts(corpus), "contexts"
        else:
            language, by = language_of(text for answers in gold_texts for text in answers), "gold"
        language_note = language_notes(language, by, len(rows))
    log_notes((*notes.notes(), *language_note))
    has_odds = all(row.text is None or None not in (row.span, row.null_odds) for row in rows)
    return Answer({"language": language}).scores(
        gold_texts,
        [row.text for row in rows],
        spans=[row.span for row in rows] if has_odds else None,
        null_odds=[row.null_odds or 0.0 for row in rows] if has_odds else None,
    )
