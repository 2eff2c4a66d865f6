"""The best answer spans of a question, exact, from the scores of its sub-words.

A span begins and ends in one window, holds at most ``max_answer`` sub-words, and scores the sum
of its start and its end. Every such span is looked at: a window of n sub-words gives a band of n
times ``max_answer`` sums, not n times n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

START, END, WINDOW, FIRST, LAST = range(5)
"""Columns of the scores of one question: start, end, window, first character, one past the last."""

NULL = -1
"""First and last character of a window's null row."""


@dataclass(frozen=True)
class Span:
    """One answer span.

    Args:
        text: as the context spells it.
        start: its first character.
        end: one past its last.
        score: of its start plus of its end.
        probability: share among all spans of all windows (and the null rows where there may be
            no answer) in the softmax form; of both ends in the sigmoid form.
    """

    text: str
    start: int
    end: int
    score: float
    probability: float


@dataclass(frozen=True)
class BestSpans:
    """What was found for one question.

    Args:
        spans: with different texts, the best first.
        null_score: of the null row that scores least over the windows: a window that shows the
            answer says so, the others cannot know.
        null_probability: its share, as for spans.
    """

    spans: tuple[Span, ...]
    null_score: float
    null_probability: float


def best_spans(
    scores: np.ndarray,
    context: str,
    *,
    max_answer: int,
    count: int,
    sigmoid: bool = False,
    null: bool = True,
) -> BestSpans:
    """The best spans and the null score of one question.

    Args:
        scores: (rows, 5), columns as above; rows in the order of the windows and their positions.
        context: which texts are taken from.
        max_answer: longest span in sub-words.
        count: how many spans.
        sigmoid: the scores are logits of a sigmoid each: log-probabilities are added.
        null: whether "no answer" takes part in the probabilities.

    Example:
        >>> rows = [[0, 0, 0, -1, -1], [5, 0, 0, 0, 4], [0, 4, 0, 5, 9]]
        >>> found = best_spans(np.array(rows, dtype=float), "Quay Nine", max_answer=5, count=2)
        >>> [(span.text, span.score) for span in found.spans], found.null_score
        ([('Quay Nine', 9.0), ('Quay', 5.0)], 0.0)
    """
    points = _points(scores, sigmoid)
    is_null = scores[:, FIRST] == NULL
    nulls = points[is_null].sum(1)
    least = _least(nulls)
    sums, firsts, lasts = _bands(points, scores, is_null, max_answer)
    everything = np.append(sums, nulls.min()) if null and len(nulls) else sums
    whole = 0.0 if sigmoid or not len(everything) else _log_sum(everything)
    probability = np.exp(sums - whole)

    def distinct(order: np.ndarray) -> tuple[Span, ...]:
        spans: dict[str, Span] = {}
        for place in order:
            start, end = int(scores[firsts[place], FIRST]), int(scores[lasts[place], LAST])
            text = context[start:end]
            if text not in spans:
                score, share = float(sums[place]), float(probability[place])
                spans[text] = Span(text, start, end, score, share)
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
    """The score of there being no answer: the least of the null rows, minus infinity without any.

    Args:
        scores: (rows, 5), columns as above.
        sigmoid: the scores are logits of a sigmoid each.
    """
    return _least(_points(scores[scores[:, FIRST] == NULL], sigmoid).sum(1))


def _points(scores: np.ndarray, sigmoid: bool) -> np.ndarray:
    """What starts and ends add to a span, (rows, 2)."""
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


def _log_sum(values: np.ndarray) -> float:
    top = values.max()
    return float(top + np.log(np.exp(values - top).sum()))
