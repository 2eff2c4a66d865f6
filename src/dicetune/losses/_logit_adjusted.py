"""Logit adjustment in training: cross-entropy of logits plus the log-prior of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Unpack

from torch import Tensor

from dicetune.losses._base import Preset, number
from dicetune.losses._cross_entropy import CountedLoss, as_counts, counts_beside, cross_entropy_of
from dicetune.losses._inputs import Given, items_of


def log_prior(class_counts: Tensor | Sequence[float]) -> Tensor:
    """Log π of each class; of labels log(π / (1 - π)), the logit of being set.

    Args:
        class_counts: (C,) number of training items of each class; or (C, 2), for each label the
            items without the label and with it.

    Returns:
        (C,).

    Raises:
        InputError: for a class without items.

    Example:
        >>> log_prior([90, 10]).exp()
        tensor([0.9000, 0.1000])
        >>> log_prior([[90, 10]])  # log(1/9)
        tensor([-2.1972])
    """
    counts = as_counts(
        class_counts, "its log-prior is infinite; leave the class out, or count it as one item"
    )
    logs = counts.log()
    if counts.ndim == 2:
        return logs[:, 1] - logs[:, 0]
    return logs - counts.sum().log()


def logit_adjusted_loss(
    logits: Tensor,
    target: Tensor,
    *,
    tau: float = 1.0,
    class_counts: Tensor | Sequence[float] | None = None,
    reduction: str = "mean",
    **given: Unpack[Given],
) -> Tensor:
    """Logit-adjusted cross-entropy: -(1/N) Σ_i log softmax(z_i + τ log π)_t, π_c = n_c / n.

    The model says z, the raw scores, without the prior π of the training items: a rare class makes
    up in its logit what it lacks in items. τ = 0 is cross-entropy. Each of the ``labels`` is a
    problem of two classes: z + τ log(π / (1 - π)) goes into its sigmoid.

    What it is not: the adjustment of a finished model, z - τ log π after cross-entropy, which has
    the same aim and costs no training. Nor a loss for F1: at τ = 1 the class of the largest z is
    best for the mean recall of the classes, and rare classes are predicted too often for F1.

    Args:
        logits, target, class_counts, reduction, **given: see ``Given`` and ``Call``.
        tau: τ >= 0, how much of the prior is taken out of the model.

    Raises:
        InputError: also for a class without training items, and for ``positions``.

    References:
        Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, arXiv 2007.07314,
        Eq. 10.

    Example:
        >>> import torch
        >>> logits, target = torch.zeros(1, 2), torch.tensor([1])
        >>> logit_adjusted_loss(logits, target, class_counts=[90, 10])  # -log 0.1
        tensor(2.3026)
    """
    tau = number("tau", tau)
    items = items_of(logits, target, class_counts=class_counts, **given)
    offset = tau * log_prior(counts_beside(items))
    return cross_entropy_of(items._replace(logits=items.logits + offset), None, reduction)


class LogitAdjustedLoss(CountedLoss):
    """Logit-adjusted cross-entropy as a Module."""

    function = staticmethod(logit_adjusted_loss)
    presets: ClassVar = {
        "la": Preset(
            "-1/N Σ log softmax(z + τ log π)_gold",
            "Menon et al. 2021, Eq. 10",
            "every class is equally important, as in mean recall",
        )
    }

    def check_counts(self, class_counts: tuple[float, ...]) -> None:
        """Refuse counts that give no prior."""
        log_prior(class_counts)
