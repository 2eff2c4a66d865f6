r"""Goal: the score of summed counts for which a decision rule is fitted.

- The name of a metric of the problem: ``f1``, ``macro_f1``, ``micro_f1``, ``accuracy``, ``mcc``,
  ``exact_match``, ``exact``, ….
- ``fbeta:B``: :math:`F_\beta = (1 + \beta^2) P R / (\beta^2 P + R)`; recall weighs more above 1.
- ``precision@recall:R``: the highest precision at a recall of at least R; where no rule reaches R,
  the highest recall. ``recall@precision:P`` is the same with the two exchanged. These are operating
  points that the user chose, not estimates of the best point, so a rule for them is never shrunk
  towards the default.

``Problem.focus`` says whose precision and recall count: of one label for each text the positive
class (without a positive class the mean of F-beta over classes), of several labels each label (then
the mean over labels), else all spans together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dicetune.errors import InputError, quoted, unknown_name
from dicetune.problems.base import Problem
from dicetune.problems.ratios import Z95, ratio, wilson

FBETA = "fbeta"
PRECISION_AT, RECALL_AT = "precision@recall", "recall@precision"
POINTS = {PRECISION_AT: ("recall", "precision"), RECALL_AT: ("precision", "recall")}
"""Of an operating point, the share that has a floor and the share that is maximised."""


@dataclass(frozen=True)
class Goal:
    """A score that a rule is fitted for.

    Args:
        problem: whose counts are scored.
        name: of a metric, ``fbeta``, ``precision@recall`` or ``recall@precision``.
        value: beta, or the share that is asked for; ``None`` for a metric.
    """

    problem: Problem
    name: str
    value: float | None = None

    @classmethod
    def parse(cls, text: str | None, problem: Problem) -> Goal:
        """The goal that a text names; by default the headline of the problem.

        Raises:
            InputError: a metric that the problem does not have, or a number that cannot be used.

        Example:
            >>> from dicetune.problems import Spans
            >>> spans = Spans({"labels": ["O", "B-x", "I-x"]})
            >>> str(Goal.parse("fbeta:2", spans)), str(Goal.parse(None, spans))
            ('fbeta:2', 'f1')
        """
        if text is None:
            return cls(problem, problem.metrics[0])
        name, colon, value = text.partition(":")
        if name not in (FBETA, *POINTS) or not problem.has_classes:
            if colon or name not in problem.metrics:
                more = ["fbeta:B", "precision@recall:R", "recall@precision:P"]
                known = [*problem.metrics, *(more if problem.has_classes else [])]
                raise unknown_name(f"objective for {problem.kind}", text, known)
            return cls(problem, name)
        share = POINTS[name][0] if name in POINTS else ""
        if share and problem.one_of_several:
            raise InputError(
                f"expected an objective of all classes, got {quoted(text)}: there is no positive "
                f"class whose {share} it could ask for"
            )
        try:
            number = float(value)
        except ValueError:
            number = np.nan
        if name == FBETA and not 0 < number < np.inf:
            raise InputError(
                f"expected fbeta:B with a B above 0, such as fbeta:2, got {quoted(text)}"
            )
        if share and not 0 < number <= 1:
            raise InputError(
                f"expected {name}:{share[0].upper()} with a {share} above 0 and at most 1, such as "
                f"{name}:0.9, got {quoted(text)}"
            )
        return cls(problem, name, number)

    def __str__(self) -> str:
        """The text that ``parse`` reads."""
        return self.name if self.value is None else f"{self.name}:{self.value:g}"

    @property
    def is_operating_point(self) -> bool:
        """Whether the goal is a recall or a precision to reach, not the best score."""
        return self.name in POINTS

    @property
    def floor(self) -> float:
        """The share that is asked for; 0 for other goals."""
        return float(self.value or 0.0) if self.is_operating_point else 0.0

    @property
    def is_f_score(self) -> bool:
        """Whether a default decision that finds too few loses most of the score."""
        return self.name in ("f1", "macro_f1", "micro_f1", FBETA)

    @property
    def beta(self) -> float:
        """The beta of an F-score: 1, or the number of ``fbeta:B``."""
        return float(self.value or 1.0) if self.name == FBETA else 1.0

    def key(self, sums: np.ndarray) -> np.ndarray:
        """The key that a search maximises, (..., M) to (...)."""
        if self.is_operating_point:
            share, other, occurs = self._shares(sums)
            return _mean(np.where(share >= self.floor, 1.0 + other, share), occurs)
        return self.score(sums)

    def score(self, sums: np.ndarray) -> np.ndarray:
        """The reported score, (..., M) to (...); of an operating point the share that is free."""
        if self.value is None:
            return self.problem.score(sums, self.name)
        if self.is_operating_point:
            _, other, occurs = self._shares(sums)
            return _mean(other, occurs)
        precision, recall, occurs = self._precision_recall(sums)
        beta = self.value**2
        return _mean(ratio((1 + beta) * precision * recall, beta * precision + recall), occurs)

    def all_scores(self, sums: np.ndarray) -> dict[str, float]:
        """The goal, then every metric of the problem."""
        found = {str(self): float(self.score(sums))}
        metrics = self.problem.metrics
        return found | {name: float(self.problem.score(sums, name)) for name in metrics}

    def reached(self, sums: np.ndarray, where: str) -> list[str]:
        """The share that is reached on the units ``where``, beside the floor of the goal.

        On dev the rule was chosen for this floor; elsewhere the share may be lower. It is a share
        of items, so it has Wilson's interval.

        Returns:
            One sentence; nothing where no floor was asked for.
        """
        if not self.is_operating_point:
            return []
        share, _ = POINTS[self.name]
        names, (correct, predicted, gold) = self.problem.focus(sums)
        found = sorted(
            (float(right / total), name, share_interval(float(right), float(total)))
            for name, right, total in zip(names, correct, self.totals(predicted, gold), strict=True)
            if total
        )
        if not found:
            what = "gold" if share == "recall" else "prediction"
            return [f"the {share} on {where} is unknown: there is no {what} of it"]
        lowest, name, (low, high) = found[0]
        interval = f"{100 * lowest:.2f} (95% interval {100 * low:.2f} to {100 * high:.2f})"
        missed = sum(one < self.floor for one, _, _ in found)
        asked = f"the {100 * self.floor:g}"
        if len(found) == 1:
            what = "below" if missed else "at least"
            return [f"{share} on {where} is {interval}, {what} {asked} that was asked for"]
        how = f"{missed} of {len(found)} labels is below" if missed else "every label is at least"
        return [f"{share} of {how} {asked} on {where}, lowest {quoted(name)} with {interval}"]

    def totals(self, predicted: np.ndarray, gold: np.ndarray) -> np.ndarray:
        """Of an operating point, the items that the share with a floor is a share of."""
        return gold if POINTS[self.name][0] == "recall" else predicted

    def _shares(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The share with a floor, the other share, and whether each class occurs."""
        precision, recall, occurs = self._precision_recall(sums)
        both = {"precision": precision, "recall": recall}
        floored, free = POINTS[self.name]
        return both[floored], both[free], occurs

    def _precision_recall(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Precision and recall of the classes that count, (..., C), and whether each occurs."""
        _, (correct, predicted, gold) = self.problem.focus(sums)
        return ratio(correct, predicted), ratio(correct, gold), predicted + gold > 0

    def gain(self, default: np.ndarray, counts: np.ndarray) -> tuple[float, float, float]:
        r"""Score, gain over the default decision, and the jackknife's standard error of the gain.

        Both scores are computed again without each unit in turn:

        .. math::
            \text{se}^2 = \frac{U - 1}{U} \sum_u \big(g_{-u} - \bar g\big)^2

        Args:
            default: (U, M) counts of the default decision.
            counts: (U, M) of another.

        References:
            Efron & Stein, The Jackknife Estimate of Variance, 1981.
        """
        before, after = float(self.score(default.sum(0))), float(self.score(counts.sum(0)))
        return after, after - before, spread(self._without(counts) - self._without(default))

    def error(self, counts: np.ndarray) -> float:
        """The jackknife's standard error of the score."""
        return spread(self._without(counts))

    def _without(self, counts: np.ndarray) -> np.ndarray:
        """The score without each unit, (U,)."""
        sums = counts.sum(0)
        return np.concatenate([self.score(sums - part) for part in _parts(counts)])

    def items(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predicted and gold items of each unit, of the classes in precision and recall, (U,)."""
        _, predicted, gold = np.hstack(
            [[block.sum(-1) for block in self.problem.focus(part)[1]] for part in _parts(counts)]
        )
        return predicted, gold


def _parts(counts: np.ndarray) -> list[np.ndarray]:
    """The counts of some units at a time: as numbers those of all may fill the memory."""
    return np.array_split(counts, 1 + counts.size // 2**18)


def spread(without: np.ndarray) -> float:
    """The standard error of a score, from the score without each unit."""
    return float(np.sqrt(((without - without.mean()) ** 2).mean() * (len(without) - 1)))


def _mean(values: np.ndarray, occurs: np.ndarray) -> np.ndarray:
    return ratio((values * occurs).sum(-1), occurs.sum(-1))


def share_interval(right: float, total: float) -> tuple[float, float]:
    """The 95% interval of the share of ``right`` items among ``total``, which is above 0."""
    share = right / total
    return wilson(share, Z95 * math.sqrt(share * (1 - share) / total), Z95**2 / total)
