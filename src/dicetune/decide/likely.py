"""Which candidate spans are entities: those that start, end and match all say yes to."""

from __future__ import annotations

import numpy as np

KIND, FIRST, END, START_LOGIT, END_LOGIT, MATCH_LOGIT = range(6)
COLUMNS = 6
"""Scores of a candidate: number of its type, first word, one past the last word, three logits."""


def weakest_logits(scores: np.ndarray) -> np.ndarray:
    """The least of the three logits of each candidate: positive where all three say yes."""
    least: np.ndarray = scores[:, START_LOGIT : MATCH_LOGIT + 1].min(axis=1, initial=np.inf)
    return least


def likely_spans(scores: np.ndarray, nested: bool = True) -> list[tuple[int, int, int]]:
    """The candidates of a sentence whose three logits are above 0.

    Args:
        scores: (spans, 6), columns as above, in the order of type and place.
        nested: whether those of one type may share words; else the likeliest of them stay.

    Returns:
        Number of the type, first word and one past the last, in the order of their places.
    """
    weakest = weakest_logits(scores)
    likely = scores[weakest > 0]
    if not nested:
        likely = likely[side_by_side(likely, weakest[weakest > 0])]
    rows = likely[:, [KIND, FIRST, END]].astype(int).tolist()
    return sorted(((k, a, b) for k, a, b in rows), key=lambda span: (span[1], span[2], span[0]))


def side_by_side(spans: np.ndarray, scores: np.ndarray) -> list[int]:
    """Which spans stay when, of those of one type that share a word, the likeliest stays.

    Whether one stays depends on likelier ones alone, so that a threshold never changes it.
    """
    kept: list[int] = []
    for number in np.argsort(-scores, kind="stable"):
        kind, first, end = spans[number, [KIND, FIRST, END]]
        if not any(
            spans[other, KIND] == kind and spans[other, FIRST] < end and first < spans[other, END]
            for other in kept
        ):
            kept.append(int(number))
    return kept
