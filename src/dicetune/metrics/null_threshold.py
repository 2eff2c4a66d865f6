"""The best threshold on null odds: below it a question is answered, above it left unanswered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class BestThreshold:
    """What the best threshold gives.

    Args:
        score: mean score with it, from 0 to 1.
        threshold: a question whose null odds are above it is left unanswered; where answering
            none is best, 0 as in the official script.
    """

    score: float
    threshold: float


def best_threshold(
    scores: Sequence[float],
    answerable: Sequence[bool],
    answered: Sequence[bool],
    null_odds: Sequence[float],
) -> BestThreshold:
    """The threshold that gives the highest mean score, as the official SQuAD 2.0 script finds it.

    All questions start as unanswered, which is right for those without gold. They are answered
    in the order of their odds: one with gold adds its score, one without takes its point away.

    Args:
        scores: of each question's answer, from 0 to 1.
        answerable: whether it has gold answers.
        answered: whether there is an answer at all.
        null_odds: higher is likelier to be unanswerable.

    Example:
        >>> best_threshold([1.0, 0.0, 1.0], [True, False, True], [True] * 3, [-5.0, 3.0, -1.0])
        BestThreshold(score=1.0, threshold=-1.0)
    """
    current = best = float(sum(not has for has in answerable))
    threshold = 0.0
    for number in sorted(range(len(scores)), key=lambda number: null_odds[number]):
        if answerable[number]:
            current += scores[number]
        elif answered[number]:
            current -= 1
        if current > best:
            best, threshold = current, float(null_odds[number])
    return BestThreshold(best / len(scores), threshold)
