r"""What a decision rule is fitted for: a score of summed counts.

- The name of a metric of the problem: ``f1``, ``macro_f1``, ``micro_f1``, ``accuracy``, ``mcc``,
  ``exact_match``, ``exact``, ….
- ``fbeta:B``: :math:`F_\beta = (1 + \beta^2) P R / (\beta^2 P + R)`; recall weighs more above 1.
- ``precision@recall:R``: the highest precision at a recall of at least R; where no rule reaches it,
  the highest recall. This is an operating point that was asked for, not an estimate of what is
  best, so that no rule of it is shrunk towards the default.

Precision and recall are those of the positive class where one of several labels is chosen (the mean
of F-beta over classes without one), of each label apart where there may be several (and then the
mean over labels), and of all spans together otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dicetune.errors import InputError, quoted, unknown_name
from dicetune.metrics.counting import ByClass, Counting
from dicetune.metrics.counting.by_class import ratio

FBETA = "fbeta"
PRECISION_AT = "precision@recall"


@dataclass(frozen=True)
class Objective:
    """A score that a rule is fitted for.

    Args:
        name: of a metric, ``fbeta`` or ``precision@recall``.
        value: beta, or the recall that is asked for; ``None`` for a metric.
    """

    name: str
    value: float | None = None

    def __str__(self) -> str:
        """The text that ``parse`` reads."""
        return self.name if self.value is None else f"{self.name}:{self.value:g}"

    @property
    def is_operating_point(self) -> bool:
        """Whether it asks for a point and not for the best score."""
        return self.name == PRECISION_AT

    def key(self, counting: Counting, sums: np.ndarray) -> np.ndarray:
        """What a search maximises, (..., M) to (...); higher is better."""
        if self.name == PRECISION_AT:
            precision, recall, occurs = _precision_recall(counting, sums)
            reached = recall >= float(self.value or 0.0)
            return _mean(np.where(reached, 1.0 + precision, recall), occurs)
        return self.score(counting, sums)

    def score(self, counting: Counting, sums: np.ndarray) -> np.ndarray:
        """The score that is reported, (..., M) to (...): of an operating point the precision."""
        if self.value is None:
            return counting.score(sums, self.name)
        precision, recall, occurs = _precision_recall(counting, sums)
        if self.name == PRECISION_AT:
            return _mean(precision, occurs)
        beta = self.value**2
        return _mean(ratio((1 + beta) * precision * recall, beta * precision + recall), occurs)


def parse_objective(text: str | None, counting: Counting) -> Objective:
    """The objective that a text names; by default the problem's own metric.

    Raises:
        InputError: a metric that the problem does not have, or a number that cannot be used.

    Example:
        >>> from dicetune.metrics.counting import counting_of
        >>> spans = counting_of({"kind": "spans", "labels": ["O", "B-x", "I-x"]})
        >>> str(parse_objective("fbeta:2", spans)), str(parse_objective(None, spans))
        ('fbeta:2', 'f1')
    """
    if text is None:
        return Objective(counting.metrics[0])
    name, colon, value = text.partition(":")
    if name not in (FBETA, PRECISION_AT):
        if colon or name not in counting.metrics:
            valid = [*counting.metrics]
            if isinstance(counting, ByClass):
                valid += ["fbeta:B", "precision@recall:R"]
            raise unknown_name(f"objective for {counting.kind}", text, valid)
        return Objective(name)
    if not isinstance(counting, ByClass):
        raise unknown_name(f"objective for {counting.kind}", text, counting.metrics)
    if name == PRECISION_AT and _is_one_of_many(counting):
        raise InputError(
            f"expected an objective of all classes, got {quoted(text)}: there is no positive "
            f"class whose "
            "recall it could ask for"
        )
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    if name == FBETA and not 0 < number < np.inf:
        raise InputError(f"expected fbeta:B with a B above 0, such as fbeta:2, got {quoted(text)}")
    if name == PRECISION_AT and not 0 < number <= 1:
        raise InputError(
            "expected precision@recall:R with a recall above 0 and at most 1, such as "
            f"precision@recall:0.9, got {quoted(text)}"
        )
    return Objective(name, number)


def _is_one_of_many(counting: Any) -> bool:
    return counting.kind == "tags" or (counting.kind == "label" and counting.positive is None)


def counts_of(
    counting: Any, sums: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Names of the classes that count, and right, predicted and gold items of each, (..., C)."""
    names, blocks = counting.classes, counting.blocks(sums)
    if counting.kind == "label" and counting.positive is not None:
        place = counting.number(counting.positive)
        names = (counting.positive,)
        blocks = [block[..., place : place + 1] for block in blocks]
    elif counting.kind not in ("label", "tags", "label_set"):
        names = ("all",)
        blocks = [block.sum(-1, keepdims=True) for block in blocks]
    return names, *blocks


def _precision_recall(counting: Any, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall of the classes that count, (..., C), and whether each occurs."""
    _, correct, predicted, gold = counts_of(counting, sums)
    return ratio(correct, predicted), ratio(correct, gold), predicted + gold > 0


def _mean(values: np.ndarray, occurs: np.ndarray) -> np.ndarray:
    return ratio((values * occurs).sum(-1), occurs.sum(-1))
