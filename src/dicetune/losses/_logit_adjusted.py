"""Logit adjustment in training: cross-entropy of logits to which the log-prior was added.

    L = -(1/N) Σ_i log softmax(z_i + τ log π)_t,        π_c = n_c / n,  t the gold class of i

with n_c training items of class c among n. The model itself says z, without the prior: what a rare
class lacks in items it makes up in its logit. Special cases: τ = 0 is cross-entropy; of ``labels``
each is a problem of two classes, z + τ log(π / (1 - π)) goes into its sigmoid.

What it is not: the adjustment of a finished model, z - τ log π after cross-entropy, which has the
same aim and costs no training. Nor a loss for F1: the class of the largest z is, at τ = 1, the best
for the mean recall of the classes, which F1 is not; expect rare classes too often.

References:
    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, arXiv 2007.07314, Eq. 10.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from dicetune.losses import _options as check
from dicetune.losses._class_counts import (
    CountedLoss,
    as_counts,
    check_none_absent,
    counts_beside,
)
from dicetune.losses._cross_entropy import cross_entropy_of
from dicetune.losses._inputs import prepare


def log_prior(class_counts: Tensor | Sequence[float]) -> Tensor:
    """Log π of each class; of labels log(π / (1 - π)), the logit of being set.

    Args:
        class_counts: (C,) number of training items of each class; or (C, 2), for each label the
            items without it and with it.

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
    counts = as_counts(class_counts)
    check_none_absent(
        counts, "its log-prior is infinite; leave the class out, or count it as one item"
    )
    logs = counts.log()
    if counts.ndim == 2:
        return logs[:, 1] - logs[:, 0]
    return logs - counts.sum().log()


def logit_adjusted_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    class_counts: Tensor | Sequence[float] | None = None,
    tau: float = 1.0,
    reduction: str = "mean",
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Logit-adjusted cross-entropy: -(1/N) Σ_i log softmax(z_i + τ log π)_t.

    Args:
        logits: raw scores z.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes`` or ``labels``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        class_counts: training items of each class, (C,); of ``labels`` the items without and with
            each, (C, 2).
        tau: τ >= 0, how much of the prior is taken out of the model.
        reduction: ``none``, ``sum`` or ``mean``.
        denominator: number of items to divide by in place of this call's own.

    Shape:
        logits (..., C); target (...) or (..., C); keep (...); class_keep broadcastable to logits.

    Returns:
        A scalar; of shape (...) for ``none``. The mean over nothing is 0 with zero gradient.

    Raises:
        InputError: for values and shapes that cannot be used, a class without training items, and
            for ``positions``.

    References:
        Menon et al., ICLR 2021, arXiv 2007.07314, Eq. 10.

    Example:
        >>> import torch
        >>> logits, target = torch.zeros(1, 2), torch.tensor([1])
        >>> logit_adjusted_loss(logits, target, class_counts=[90, 10])  # -log 0.1
        tensor(2.3026)
    """
    tau = check.number("tau", tau)
    check.choice("reduction", reduction, check.REDUCTIONS)
    items = prepare(logits, target, kind=kind, keep=keep, class_keep=class_keep)
    offset = tau * log_prior(counts_beside(items, class_counts))
    adjusted = items._replace(logits=items.logits + offset)
    return cross_entropy_of(adjusted, None, reduction, denominator)


class LogitAdjustedLoss(CountedLoss):
    """Logit-adjusted cross-entropy as a Module; see ``logit_adjusted_loss``.

    Args:
        tau: τ >= 0, how much of the prior is taken out of the model.
        class_counts: training items of each class; where ``None`` they come with each call. Of one
            logit a text: the items without and with the label. Of several ``labels`` they are
            (C, 2) and come with the call.
        reduction: ``none``, ``sum`` or ``mean``.

    Example:
        >>> import torch
        >>> loss = LogitAdjustedLoss(tau=1.0, class_counts=[90, 10])
        >>> loss(torch.zeros(1, 2), torch.tensor([1]))
        tensor(2.3026)
    """

    def __init__(
        self,
        *,
        tau: float = 1.0,
        class_counts: Sequence[float] | Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.tau = check.number("tau", tau)
        self.reduction = check.choice("reduction", reduction, check.REDUCTIONS)
        self.keep_counts(class_counts)
        if self.class_counts is not None:
            log_prior(self.class_counts)  # refuses a class without items

    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        kind: str | None = None,
        keep: Tensor | None = None,
        class_keep: Tensor | None = None,
        background: int | None = None,
        class_counts: Tensor | None = None,
        denominator: float | Tensor | None = None,
    ) -> Tensor:
        """The loss; see ``Loss``."""
        if kind is not None:
            self.check_kind(kind, background)
        return logit_adjusted_loss(
            logits,
            target,
            kind=kind,
            keep=keep,
            class_keep=class_keep,
            class_counts=self.own_or(class_counts),
            tau=self.tau,
            reduction=self.reduction,
            denominator=denominator,
        )
