r"""Whether a question is left unanswered: one bias on the null rows of its windows.

The bias is added to the start and to the end of each null row. In the softmax form the null score
of a question, the least of start plus end over its windows, rises by :math:`2b`, so that

.. math::
    \text{no answer} \iff \min_w (s_w + e_w) + 2b - \text{best} > \tau
    \iff b > \tfrac12 \big(\tau + \text{best} - \min_w (s_w + e_w)\big);

SQuAD's threshold on the null odds becomes :math:`\tau - 2b`. In the sigmoid form both logits move,
and the score is the sum of their log-probabilities. With :math:`x = e^{-b}` a window is level where
:math:`(1 + e^{-s} x)(1 + e^{-e} x) = e^{-(\text{best} + \tau)}`: one positive root of a quadratic.
The largest over the windows is the question's only breakpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from dicetune.decide.decisions import Biases
from dicetune.decide.steps import Steps
from dicetune.metrics.counting import AnswerCounting

NULL = "null"
START, END, WINDOW, FIRST, LAST = range(5)
NULL_ROW = -1
"""In the column of the first character."""


class NullDecisions:
    """The answer of each question, or none.

    Args:
        problem: with "form" ("softmax" or "sigmoid") and "null_threshold".
        gold: a list of answers for each question, empty where it is unanswerable.
        scores: (rows, 5) of each question: start, end, window, first character (-1 in the null
            row of a window), one past the last.
        spans: the text and the score of each question's best span; an empty text where the context
            shows none.
    """

    names: ClassVar[tuple[str, ...]] = (NULL,)
    notes: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        problem: Mapping[str, Any],
        gold: Sequence[Any],
        scores: Sequence[np.ndarray],
        spans: Sequence[tuple[str, float]],
    ) -> None:
        self.counting = AnswerCounting.of(problem, gold)
        self._gold = [list(own) for own in gold]
        self._spans = [text for text, _ in spans]
        threshold = float(problem.get("null_threshold") or 0.0)
        level = (
            breakpoint_softmax
            if problem.get("form", "softmax") == "softmax"
            else (breakpoint_sigmoid)
        )
        self._at = np.array(
            [
                # without a span there is nothing to answer with, without a null row no way out
                (-np.inf if not text else np.inf)
                if not text or not (own[:, FIRST] == NULL_ROW).any()
                else level(own[own[:, FIRST] == NULL_ROW, : END + 1], best + threshold)
                for own, (text, best) in zip(scores, spans, strict=True)
            ],
            dtype=np.float64,
        )

    @staticmethod
    def apply(
        scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """The bias on start and end of the null rows."""
        found = []
        for own in scores:
            own = np.array(own, dtype=np.float64)
            own[own[:, FIRST] == NULL_ROW, : END + 1] += biases.get(NULL, 0.0)
            found.append(own)
        return found

    def predicted(self, biases: Biases) -> list[str]:
        """The text of each answer, empty for none."""
        empty = self._at < biases.get(NULL, 0.0)
        return ["" if none else text for none, text in zip(empty, self._spans, strict=True)]

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each question, (U, M)."""
        return self.counting.counts(self._gold, self.predicted(biases))

    def steps(self, name: str, biases: Biases) -> Steps:
        """A question is given up at its breakpoint."""
        answered = self.counting.counts(self._gold, self._spans)
        silent = self.counting.counts(self._gold, [""] * len(self._gold))
        columns = np.arange(2)
        change = (silent - answered)[:, columns]
        return Steps.of(answered, self._at, np.arange(len(answered)), columns, change)

    def present(self, keep: np.ndarray) -> list[str]:
        """The null bias, where kept questions are of both kinds."""
        kinds = {bool(self._gold[unit]) for unit in np.flatnonzero(keep)}
        return [NULL] if len(kinds) == 2 else []


def breakpoint_softmax(nulls: np.ndarray, best: float) -> float:
    """The bias at which the null score draws level.

    Args:
        nulls: (windows, 2) start and end of the null rows.
        best: score of the best span, with the threshold on it.

    Example:
        >>> breakpoint_softmax(np.array([[1.0, 2.0], [4.0, 4.0]]), 5.0)
        1.0
    """
    return float((best - nulls.astype(np.float64).sum(1).min()) / 2)


def breakpoint_sigmoid(nulls: np.ndarray, best: float) -> float:
    """The same for logits of a sigmoid each; infinite where the null row can never win.

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
