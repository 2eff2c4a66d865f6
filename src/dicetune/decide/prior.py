r"""Post-hoc logit adjustment: the prior of the training data taken off again.

.. math::
    \hat y = \arg\max_c\,(\log p_c - \tau \log \pi_c), \qquad \pi_c = n_c / \textstyle\sum_k n_k

A model of :math:`p(c \mid x)` that was trained on classes of unequal size favours the large ones.
With :math:`\tau = 1` what is left decides as if all classes were equally frequent, which is
optimal for the balanced error (the mean over classes of the share that is missed), not for accuracy
nor for F1. Nothing is fitted; the classes' sizes in training are all it takes.

Reference: Menon et al., Long-Tail Learning via Logit Adjustment, ICLR 2021 (arXiv 2007.07314,
Eq. 9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dicetune.errors import InputError, quoted

NAME = "logit-adjustment"


def prior_biases(
    labels: Sequence[str], counts: Sequence[float], tau: float = 1.0
) -> dict[str, float]:
    """-tau log prior of each label.

    Args:
        labels: their names.
        counts: training items of each; one without any counts as having one.
        tau: how much of the prior is taken off.

    Raises:
        InputError: as many counts as labels are asked for, none below 0; tau finite.

    Example:
        >>> biases = prior_biases(["ham", "spam"], [75, 25])
        >>> {label: round(bias, 3) for label, bias in biases.items()}
        {'ham': 0.288, 'spam': 1.386}
    """
    numbers = np.asarray(counts, dtype=np.float64)
    if numbers.shape != (len(labels),) or not (numbers >= 0).all() or not numbers.any():
        raise InputError(
            f"expected {len(labels)} numbers of training items, one for each label, got "
            f"{quoted(counts)}"
        )
    if not np.isfinite(tau):
        raise InputError(f"expected a finite tau, got {tau}")
    numbers = np.maximum(numbers, 1.0)
    biases = -tau * np.log(numbers / numbers.sum())
    return dict(zip(labels, biases.tolist(), strict=True))


def class_counts(problem: Mapping[str, Any], gold: Sequence[Any]) -> tuple[list[float], str]:
    """Items of each label in training where the problem tells, else in the gold; and which."""
    labels = problem["labels"]
    if problem.get("class_counts"):
        return list(problem["class_counts"]), "the training data"
    flat = list(gold) if problem["kind"] == "label" else [tag for own in gold for tag in own]
    return [float(flat.count(label)) for label in labels], "dev gold"
