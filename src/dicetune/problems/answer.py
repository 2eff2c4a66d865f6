r"""Answers of questions, or none: exact match and F1 of texts.

A decision rule is one bias on the null rows of a question's windows, added to start and end. In the
softmax form the null score of a question, the lowest sum of start and end over its windows, rises
by :math:`2b`, so that

.. math::
    \text{no answer} \iff \min_w (s_w + e_w) + 2b - \text{best} > \tau
    \iff b > \tfrac12 \big(\tau + \text{best} - \min_w (s_w + e_w)\big);

SQuAD's threshold on the null odds becomes :math:`\tau - 2b`. In the sigmoid form both logits move,
and the score is the sum of their log-probabilities. With :math:`x = e^{-b}` a window is at the
threshold where :math:`(1 + e^{-s} x)(1 + e^{-e} x) = e^{-(\text{best} + \tau)}`: one positive root
of a quadratic. The largest over the windows is the question's only breakpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np

from dicetune.errors import InputError, quoted
from dicetune.problems.answer_text import best_threshold, language_of, score_answer, version_of
from dicetune.problems.base import Problem
from dicetune.problems.decisions import Biases, Decisions, Steps
from dicetune.problems.ratios import ratio
from dicetune.problems.score_rows import ScoreRow, numbers

NULL = "null"
START, END, WINDOW, FIRST, LAST = range(5)
NULL_ROW = -1
"""Value in the column of the first character."""


class Answer(Problem):
    """One text a question, empty for no answer; gold is a list of texts.

    Settings: "language" ("auto": as the gold answers show), "null" (whether the model can leave a
    question unanswered), "null_threshold", and "form" of its scores ("softmax" or "sigmoid").
    """

    kind: ClassVar[str] = "answer"
    unit: ClassVar[tuple[str, str]] = ("question", "questions")
    scored: ClassVar[tuple[str, ...]] = ("f1", "exact")
    titles = {"f1": "F1 of answers"}  # noqa: RUF012
    more: ClassVar[tuple[str, ...]] = ("exact", "f1", "questions")
    several_readings: ClassVar[bool] = False
    has_classes: ClassVar[bool] = False
    apart: ClassVar[str | None] = (
        "each run proposes answers of its own, without scores of those of another run"
    )
    ruled_options: ClassVar[frozenset[str]] = frozenset({"null_threshold"})
    row_shape: ClassVar[Mapping[str, Any]] = {"span": str, "score": int | float}

    def __init__(
        self, settings: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
    ) -> None:
        super().__init__(settings)
        self.language = settings.get("language") or "auto"
        if self.language == "auto":
            self.language = language_of(text for answers in gold for text in answers)
        self.version = version_of(self.language, gold)

    def named_classes(self) -> tuple[str, ...]:
        """Answers have no classes."""
        return ()

    def counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Exact match, F1 and 1 of each question, (U, 3)."""
        self.check_pairs(gold, predicted)
        pairs = zip(predicted, gold, strict=True)
        scored = ((*score_answer(text, answers, self.version), 1.0) for text, answers in pairs)
        return np.fromiter(chain.from_iterable(scored), dtype=np.float64).reshape(-1, 3)

    def metric(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """The mean over questions."""
        return ratio(sums[..., self.columns.index(metric)], sums[..., -1])

    def scores(
        self,
        gold: Sequence[Any],
        predicted: Sequence[Any],
        spans: Sequence[str | None] | None = None,
        null_odds: Sequence[float] | None = None,
    ) -> dict[str, Any]:
        """Exact match and F1 over all questions, and over those with and without gold answers.

        Args:
            gold: the gold answers of each question, none where it is unanswerable.
            predicted: one text for each question: empty for no answer, ``None`` for no prediction,
                which is always wrong.
            spans: the best span of each question; with ``null_odds`` and unanswerable questions,
                the best thresholds are found.
            null_odds: score of "no answer" for each question, on any scale; higher is likelier.

        Raises:
            InputError: unequal lengths, or no question.
        """
        problem = self.seeing(gold)
        given = {"predictions": predicted, "spans": spans, "null odds": null_odds}
        for name, values in given.items():
            if values is not None and len(values) != len(gold):
                raise InputError(f"expected {len(gold)} {name}, one a question, got {len(values)}")
        if not gold:
            raise InputError("expected at least one question to score, got none")
        counts = problem.counts(gold, predicted)
        found = {**_mean(counts), "version": problem.version, "language": problem.language}
        answerable = np.array([bool(answers) for answers in gold])
        if answerable.all():
            return found
        found |= {"has_answer": _mean(counts[answerable]), "no_answer": _mean(counts[~answerable])}
        if spans is not None and null_odds is not None:
            forced = problem.counts(gold, spans)
            # what has no prediction is right at no threshold
            could = [has or text is None for has, text in zip(answerable, predicted, strict=True)]
            said = [bool(text) for text in spans]
            for column, name in enumerate(("best_exact", "best_f1")):
                scores = forced[:, column].tolist()
                found[name] = best_threshold(scores, could, said, null_odds)
        return found

    def right_units(
        self, rows: Sequence[Mapping[str, Any]], predicted: Sequence[Any], counts: np.ndarray
    ) -> np.ndarray:
        """An answer is right where it is an exact match."""
        right: np.ndarray = counts[:, self.columns.index("exact")] == 1
        return right

    def gold_labels(self, gold: Sequence[Any]) -> Counter[str]:
        """Nothing: answers have no classes."""
        return Counter()

    def readings(self, row: Mapping[str, Any], prediction: Any) -> tuple[str, ...]:
        """Each different answer."""
        if prediction is None:
            return ("(no prediction)",)
        answers = [prediction] if isinstance(prediction, str) else list(prediction)
        return tuple(dict.fromkeys(answer for answer in answers if answer)) or ("(no answer)",)

    def operating_point(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """None: no threshold trades precision for recall."""
        raise InputError("answers have no precision and recall")

    def why_fixed(self, gold: Sequence[Any]) -> str | None:
        """A null threshold needs a model that can give no answer, and questions of both kinds."""
        if not self.settings.get("null"):
            return (
                "The model answers every question, since none of its training data was "
                "unanswerable: there is no null threshold, the default is kept."
            )
        if all(gold):
            return (
                "All questions are answerable, which says nothing about when to give up: the "
                "default null threshold is kept."
            )
        return None

    def score_shape(self, gold: Any) -> tuple[int | None, int]:
        """Start, end, window, first character, one past the last: of each candidate or null row."""
        return None, 5

    @classmethod
    def ruling(cls, table: np.ndarray) -> np.ndarray:
        """The null rows: the best span of each question is an extra."""
        found: np.ndarray = table[:, FIRST] == NULL_ROW
        return found

    @classmethod
    def move(
        cls, scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """The bias on start and end of the null rows."""
        found = []
        for table in scores:
            table = np.array(table, dtype=np.float64)
            table[table[:, FIRST] == NULL_ROW, : END + 1] += biases.get(NULL, 0.0)
            found.append(table)
        return found

    @classmethod
    def rule_words(cls, biases: Biases, labels: Sequence[str]) -> dict[str, str]:
        """What start and end of no answer get before they are compared with the best answer."""
        bias = biases.get(NULL, 0.0)
        return {NULL: f"no answer if it beats the best answer with {bias:+.2f} on start and end"}

    def decide(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray], extras: Sequence[Any] | None
    ) -> Decisions:
        """A bias on the null rows; the extras are text and score of each question's best span."""
        if extras is None or len(extras) != len(gold):
            raise InputError(
                f"expected the best span of each of {len(gold)} questions, got "
                f"{'none' if extras is None else len(extras)}"
            )
        return NullDecisions(self, gold, scores, extras)

    @classmethod
    def extra(cls, row: Mapping[str, Any]) -> tuple[str, float]:
        """Text and score of the best span; 0 where the odds are relative to it."""
        return str(row["span"]), 0.0 if "null_odds" in row else float(row["score"])

    @classmethod
    def shown_by(cls, row: ScoreRow) -> bool:
        """A span."""
        return "span" in row.values

    @classmethod
    def score_labels(cls, rows: Sequence[ScoreRow]) -> list[str]:
        """The two outputs of a model."""
        return ["start", "end"]

    @classmethod
    def row_settings(cls, labels: Sequence[str]) -> dict[str, Any]:
        """The softmax form, with a null score."""
        return {"null": True, "form": "softmax", "null_threshold": 0.0}

    @classmethod
    def with_gold(
        cls, labels: Sequence[str], row: ScoreRow, note: Callable[[str, str], None]
    ) -> ScoreRow:
        """Gold is a list of texts."""
        gold = row.values["gold"]
        if not isinstance(gold, list) or not all(isinstance(text, str) for text in gold):
            raise row.error(
                f"expected a list of answers as gold, empty where there is none, got {quoted(gold)}"
            )
        return row

    def read_scores(self, row: ScoreRow) -> np.ndarray:
        """One null row, whose start is the null score."""
        if not isinstance(row.values.get("span"), str):
            raise row.error(f"expected a text as 'span', got {quoted(row.values.get('span'))}")
        key = "null_odds" if "null_odds" in row.values else "null_score"
        null = float(numbers(row, lambda: float(row.values[key])))
        numbers(row, lambda: self.extra(row.values)[1])
        return np.array([[null, 0.0, 0.0, NULL_ROW, -1.0]])

    def write_scores(self, scores: np.ndarray) -> dict[str, Any]:
        """The null score of the likeliest window; span and score are of the stored row."""
        nulls = scores[scores[:, FIRST] == NULL_ROW]
        return {"null_score": float(nulls[:, : END + 1].sum(1).min())}


class NullDecisions(Decisions):
    """The answer of each question, or none."""

    problem: Answer
    names = (NULL,)

    def __init__(
        self,
        problem: Answer,
        gold: Sequence[Any],
        scores: Sequence[np.ndarray],
        spans: Sequence[tuple[str, float]],
    ) -> None:
        self.problem = problem
        self._answerable = np.array([bool(answers) for answers in gold], dtype=bool)
        self._spans = [text for text, _ in spans]
        self._answered = problem.counts(gold, self._spans)
        self._silent = problem.counts(gold, [""] * len(gold))
        threshold = float(problem.settings.get("null_threshold") or 0.0)
        is_softmax = problem.settings.get("form", "softmax") == "softmax"
        level = breakpoint_softmax if is_softmax else breakpoint_sigmoid
        at = []
        for table, (text, best) in zip(scores, spans, strict=True):
            nulls = table[table[:, FIRST] == NULL_ROW, : END + 1]
            # without a span there is no answer to give, without a null row always an answer
            if not text or not len(nulls):
                at.append(np.inf if text else -np.inf)
            else:
                at.append(level(nulls, best + threshold))
        self._at = np.array(at, dtype=np.float64)

    def predicted(self, biases: Biases) -> list[str]:
        """The text of each answer, empty for none."""
        empty = self._empty(biases)
        return ["" if none else text for none, text in zip(empty, self._spans, strict=True)]

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each question, (U, M)."""
        return np.where(self._empty(biases)[:, None], self._silent, self._answered)

    def steps(self, name: str, biases: Biases) -> Steps:
        """A question turns to no answer at its breakpoint."""
        columns, unit = np.arange(2), np.arange(len(self._at))
        change = (self._silent - self._answered)[:, columns]
        return Steps.of(self._answered, self._at, unit, columns, change)

    def present(self, mask: np.ndarray) -> list[str]:
        """The null bias, where the questions under the mask are of both kinds."""
        answerable = self._answerable[mask]
        return [NULL] if answerable.any() and not answerable.all() else []

    def _empty(self, biases: Biases) -> np.ndarray:
        """Whether each question is left unanswered, (U,) bool."""
        empty: np.ndarray = self._at < biases.get(NULL, 0.0)
        return empty


def breakpoint_softmax(nulls: np.ndarray, best: float) -> float:
    """The bias at which the null score reaches the score of the best span.

    Args:
        nulls: (windows, 2) start and end of the null rows.
        best: score of the best span, with the threshold on it.

    Example:
        >>> breakpoint_softmax(np.array([[1.0, 2.0], [4.0, 4.0]]), 5.0)
        1.0
    """
    return float((best - nulls.astype(np.float64).sum(1).min()) / 2)


def breakpoint_sigmoid(nulls: np.ndarray, best: float) -> float:
    """The same bias for sigmoids; infinite where the null row can never win.

    Example:
        >>> round(breakpoint_sigmoid(np.array([[-1.0, -1.0]]), 2 * np.log(0.5)), 6)
        1.0
    """
    if best >= 0:
        return np.inf
    far = np.expm1(min(-best, 700.0))
    first, second = np.exp(-np.clip(nulls.astype(np.float64), -300.0, 300.0)).T
    both, product = first + second, first * second
    with np.errstate(over="ignore"):
        root = 2 * far / (both + np.sqrt(both**2 + 4 * product * far))
    with np.errstate(divide="ignore"):
        return float(-np.log(root).min())


def _mean(counts: np.ndarray) -> dict[str, Any]:
    exact, f1 = (counts[:, :2].sum(0) / max(len(counts), 1)).tolist()
    return {"exact": exact, "f1": f1, "total": len(counts)}
