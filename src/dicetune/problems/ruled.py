"""Ruled: what a decision rule does to a type of prediction, and how the type says its rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.errors import InputError
from dicetune.problems.decisions import Biases, Decisions, vector


class Ruled:
    """The part of a problem that rules move: by default the column of each label."""

    kind: ClassVar[str]
    independent: ClassVar[bool | None] = None
    """Whether its labels have probabilities of their own, or share one (False); else ``None``."""
    may_be_silent: ClassVar[bool] = False
    """Whether a rule may leave a unit without a prediction."""
    labels: tuple[str, ...]

    def seeing(self, gold: Sequence[Any], predicted: Sequence[Any] = ()) -> Self:
        """The same problem with the classes of other rows."""
        raise NotImplementedError

    @classmethod
    def move(
        cls, scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """The scores as a rule changes them, float64 arrays of the same shapes."""
        added = vector(biases, labels) if biases else 0.0
        return [np.asarray(table, dtype=np.float64) + added for table in scores]

    @classmethod
    def output_biases(cls, biases: Biases, labels: Sequence[str]) -> list[np.ndarray]:
        """What a rule adds to the biases of each head of a model, in the order of the heads.

        The default decision on the moved outputs, arg-max or one half, is that of the rule: a bias
        on a log-probability of a softmax, or on a logit, is one on the output itself.

        Raises:
            InputError: a type whose rule moves outputs of one head apart.
        """
        if cls.independent is None:
            raise InputError(
                f"expected a rule that biases of a head express, got one for {cls.kind}, which "
                "moves some positions of a text and not others: use the rule with `dicetune "
                "predict`, or export with --to onnx, which keeps it"
            )
        return [vector(biases, labels)]

    @classmethod
    def shrink(cls, biases: Biases, factor: float) -> dict[str, float]:
        """A rule shrunk towards the default decision: factor 0 is the default, 1 the rule."""
        return {name: factor * bias + 0.0 for name, bias in biases.items()}  # no -0.0

    @classmethod
    def rule_words(cls, biases: Biases, labels: Sequence[str]) -> dict[str, str]:
        """A rule in words, one phrase for each label or part that it moves, by name."""
        return {}

    @classmethod
    def least_cost(
        cls, scores: Sequence[np.ndarray], costs: np.ndarray, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """Minus the expected cost of each label, which the default decision then maximises.

        Args:
            scores: of each unit.
            costs: (gold, predicted) of the labels.
            labels: of the model.

        Raises:
            InputError: a type whose items are not one of several labels.
        """
        raise InputError(
            f"expected one label of several for costs, got {cls.kind}: give an objective instead"
        )

    def chances(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities, (N, C), and whether each label is gold, (N, C) bool.

        Raises:
            InputError: a type whose scores are no probabilities of its labels.
        """
        raise InputError(
            f"expected probabilities of labels to calibrate, got {self.kind}: leave --calibrate out"
        )

    def marks(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The chance of each item to have a mark of each class, (N, K), and whether it has one.

        Raises:
            InputError: a type in which no item is left unmarked.
        """
        raise InputError(
            "expected marks that may be missing for --estimate-annotation (a run of ner, of "
            "multilabel, or of text or pair with a positive class), got a run that decides "
            f"{self.kind}"
        )

    def why_fixed(self, gold: Sequence[Any]) -> str | None:
        """Why no rule can be fitted on this gold, in one sentence; ``None`` where one can."""
        return None

    def score_shape(self, gold: Any) -> tuple[int | None, int]:
        """Rows (``None`` for any number) and columns of the scores of a unit with this gold."""
        return 1, len(self.labels)

    @classmethod
    def ruling(cls, table: np.ndarray) -> np.ndarray:
        """Which rows of scores a rule needs beside ``extra``: (R, columns) to (R,) bool."""
        return np.ones(len(table), dtype=bool)

    def decisions(
        self,
        gold: Sequence[Any],
        scores: Sequence[np.ndarray],
        extras: Sequence[Any] | None = None,
    ) -> Decisions:
        """The decisions on units with gold.

        Args:
            gold: of each unit.
            scores: of each unit, as the task's ``decode`` gives them.
            extras: of each unit, the value of ``extra`` for its row.

        Raises:
            InputError: no gold, scores that do not fit the gold, or scores that are no numbers.
        """
        self.check_scores(gold, scores)
        return self.seeing(gold).decide(gold, scores, extras)

    def decide(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray], extras: Sequence[Any] | None
    ) -> Decisions:
        """``decisions`` on scores that were checked."""
        raise InputError(self.why_fixed(gold) or f"no decision of {self.kind} can be moved")

    def check_scores(self, gold: Sequence[Any], scores: Sequence[np.ndarray]) -> None:
        """Refuse scores that do not fit the gold, and scores that are no numbers.

        Raises:
            InputError: the first unit that is wrong, numbered from 0.
        """
        if not len(gold):
            raise InputError("expected at least one unit with gold to fit a decision on, got none")
        if len(gold) != len(scores):
            raise InputError(f"expected the scores of {len(gold)} units, got {len(scores)}")
        for number, (right, table) in enumerate(zip(gold, scores, strict=True)):
            if right is None:
                raise InputError(f"expected gold for each unit, got none for unit {number}")
            rows, columns = self.score_shape(right)
            if table.ndim != 2 or table.shape[1] != columns or rows not in (None, len(table)):
                wanted = f"({'rows' if rows is None else rows}, {columns})"
                raise InputError(
                    f"unit {number}: expected scores of the shape {wanted}, got {table.shape}"
                )
            if np.isnan(table).any() or (table == np.inf).any():
                raise InputError(
                    f"unit {number}: expected scores that are numbers, got NaN or infinity: the "
                    "model that gave them has diverged"
                )


def chance_over(bias: float) -> str:
    """The probability over which a logit plus a bias is positive, with two digits that count.

    Example:
        >>> chance_over(0.0), chance_over(4.5), chance_over(-4.5), chance_over(-13.0)
        ('0.5', '0.011', '0.989', '1 - 2.3e-06')
        >>> chance_over(700.0), chance_over(-700.0)  # always, never
        ('0', '1')
    """
    if abs(bias) >= 700.0:
        return "0" if bias > 0 else "1"
    rest = 1 / (1 + math.exp(abs(bias)))
    if bias >= 0:
        return f"{rest:.2g}"
    return (
        f"{1 - rest:.{max(2, 1 - math.floor(math.log10(rest)))}f}"
        if rest > 1e-5
        else (f"1 - {rest:.2g}")
    )


def factor_of(bias: float) -> str:
    """The number that a bias on a log-probability multiplies the probability by.

    Example:
        >>> factor_of(0.83), factor_of(-0.83), factor_of(6.0)
        ('2.3', '0.44', '403')
    """
    factor = math.exp(min(max(bias, -700.0), 700.0))
    return f"{factor:.0f}" if 99.5 <= factor < 1e6 else f"{factor:.2g}"
