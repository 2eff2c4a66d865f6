r"""Calibration: probabilities that mean what they say, by a slope and shifts of the log-odds.

For a softmax :math:`p'_c \propto e^{a \log p_c + s_c}`, for independent labels
:math:`\operatorname{logit} p'_c = a \operatorname{logit} p_c + s_c`. The slope :math:`a` is one
over the temperature: below 1 the model was too sure. Slope and shifts maximise the likelihood of
the gold times a prior, :math:`\log a \sim N(0, 0.5^2)` and :math:`s_c \sim N(0, 1)`, which a small
or separable set needs. Of two labels of a softmax the second alone has a shift.

References: Platt, 1999; Guo et al., On Calibration of Modern Neural Networks, 2017; Alexandari et
al., Maximum Likelihood with Bias-Corrected Calibration, 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dicetune.problems.decisions import vector
from dicetune.problems.score_rows import log_sigmoid, logit

FURTHEST = 60.0
"""Log-odds beyond are cut: they say nothing more, and infinity times a slope is no number."""

BINS = 15
SLOPE, SHIFT = 0.5, 1.0
"""Standard deviations of the log-slope and of a shift before any data."""


@dataclass(frozen=True)
class Calibration:
    """A slope on the log-odds, and a shift for each label.

    Args:
        slope: above 0; 1 changes nothing.
        shifts: by label; a missing shift is 0.
    """

    slope: float = 1.0
    shifts: dict[str, float] = field(default_factory=dict)

    def apply(self, table: np.ndarray, labels: Sequence[str], alone: bool) -> np.ndarray:
        """Log-probabilities, (..., C), after the calibration.

        Args:
            table: log-probabilities.
            labels: of the columns.
            alone: whether the labels are independent, not a softmax.
        """
        odds = self.slope * log_odds(table, alone) + vector(self.shifts, labels)
        if alone:
            return log_sigmoid(odds)
        found: np.ndarray = odds - np.logaddexp.reduce(odds, axis=-1, keepdims=True)
        return found

    def __str__(self) -> str:
        """The calibration in words."""
        several = f" and {len(self.shifts)} shifts" if len(self.shifts) > 1 else " and a shift"
        return f"slope {self.slope:.2f}{several if self.shifts else ''} on the log-odds"

    @classmethod
    def fit(
        cls,
        table: np.ndarray,
        truth: np.ndarray,
        labels: Sequence[str],
        alone: bool,
        shifts: bool = False,
    ) -> Calibration:
        """The calibration that is likeliest for gold.

        Args:
            table: (N, C) log-probabilities.
            truth: (N, C) bool, the gold.
            labels: of the columns.
            alone: whether the labels are independent.
            shifts: whether each label has a shift beside the slope.
        """
        from scipy.optimize import minimize  # takes long to import

        odds = log_odds(table, alone)
        moved = list(range(len(labels))) if shifts else []
        moved = moved[1:] if len(labels) == 2 and not alone else moved
        target = truth.astype(np.float64)
        spread = np.array([SLOPE, *[SHIFT] * len(moved)]) ** 2

        def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
            slope = np.exp(values[0])
            shift = np.zeros(len(labels))
            shift[moved] = values[1:]
            raised = slope * odds + shift
            if alone:
                missed = np.logaddexp(0.0, raised) - target * raised
                chance = np.exp(log_sigmoid(raised))
            else:
                whole = np.logaddexp.reduce(raised, axis=1, keepdims=True)
                missed = target * (whole - raised)
                chance = np.exp(raised - whole)
            far = chance - target
            value = missed.sum() + (values**2 / spread).sum() / 2
            slopes = np.append((far * odds).sum() * slope, far.sum(0)[moved])
            return float(value), slopes + values / spread

        found = minimize(loss, np.zeros(1 + len(moved)), jac=True, method="L-BFGS-B").x
        by_label = {labels[place]: float(one) for place, one in zip(moved, found[1:], strict=True)}
        return cls(float(np.exp(found[0])), by_label)


def log_odds(table: np.ndarray, alone: bool) -> np.ndarray:
    """Log-probabilities of a softmax, or logits of independent labels, cut where they are far."""
    found = np.maximum(np.asarray(table, dtype=np.float64), -FURTHEST)
    return np.minimum(logit(found), FURTHEST) if alone else found


def reliability(table: np.ndarray, truth: np.ndarray, alone: bool) -> dict[str, float]:
    """Log loss for each decision, and the expected calibration error (ECE).

    The decisions are the labels that are independent, the second of two labels, or the likeliest of
    several. Sorted by their probability they fall into ``BINS`` bins of equal size; the ECE is the
    mean distance of the mean probability from the share that is right.

    Args:
        table: (N, C) log-probabilities.
        truth: (N, C) bool, the gold.
        alone: whether the labels are independent.

    Example:
        >>> table = np.log([[0.8, 0.2]] * 4)
        >>> found = reliability(table, np.array([[1, 0]] * 4, dtype=bool), alone=False)
        >>> round(found["ece"], 2), round(found["log_loss"], 3)
        (0.2, 0.223)
    """
    said, right = _decided(table, truth, alone)
    order = np.argsort(said, kind="stable")
    bins = np.array_split(order, min(BINS, max(len(order), 1)))
    apart = sum(abs(said[part].sum() - right[part].sum()) for part in bins)
    decisions = max(len(said), 1)
    loss = log_losses(table, truth, alone).sum()
    return {"log_loss": float(loss) / decisions, "ece": float(apart) / decisions}


def _decided(table: np.ndarray, truth: np.ndarray, alone: bool) -> tuple[np.ndarray, np.ndarray]:
    """The probability of each decision, and whether it is right."""
    chance = np.exp(np.maximum(table, -FURTHEST))
    if alone:
        return chance.ravel(), truth.ravel()
    if table.shape[1] == 2:
        return chance[:, 1], truth[:, 1]
    best = np.arange(len(table)), table.argmax(1)
    return chance[best], truth[best]


def reliability_bins(
    table: np.ndarray, truth: np.ndarray, alone: bool, bins: int = 10
) -> np.ndarray:
    """Count, sum of probabilities and right decisions in bins of equal width, (bins, 3).

    The decisions are those of ``reliability``. Arrays of several models add up.

    Args:
        table: (N, C) log-probabilities.
        truth: (N, C) bool, the gold.
        alone: whether the labels are independent.
        bins: number of bins from 0 to 1.

    Example:
        >>> table = np.log([[0.8, 0.2]] * 4)
        >>> reliability_bins(table, np.array([[1, 0]] * 4, dtype=bool), alone=False)[2].round(2)
        array([4. , 0.8, 0. ])
    """
    said, right = _decided(table, truth, alone)
    place = np.minimum((said * bins + 1e-12).astype(np.int64), bins - 1)
    weights = (np.ones(len(said)), said, right.astype(np.float64))
    return np.stack([np.bincount(place, weight, bins) for weight in weights], axis=1)


def log_losses(table: np.ndarray, truth: np.ndarray, alone: bool) -> np.ndarray:
    """Minus the log-probability of the gold of each row, (N,); arguments as ``reliability``."""
    chance = np.exp(np.maximum(table, -FURTHEST))
    missed = -np.where(truth, np.log(chance), 0.0)
    if alone:
        missed = missed - np.where(truth, 0.0, np.log1p(-np.minimum(chance, 1 - 1e-15)))
    found: np.ndarray = missed.sum(1)
    return found
