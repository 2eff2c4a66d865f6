"""Cross-entropy that knows the training items of each class: three corrections.

Class-balanced weights are the inverse of the effective number of items. Logit adjustment adds the
log-prior of the classes to the logits. Majority or minority (MoM) is cross-entropy, and once more
over the items of the majority class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Unpack

import torch
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses._base import Preset, number
from dicetune.losses._cross_entropy import CountedLoss, as_counts, counts_beside, cross_entropy_of
from dicetune.losses._inputs import Given, Items, check_background, items_of


def effective_number_weights(
    class_counts: Tensor | Sequence[float], beta: float = 0.9999
) -> Tensor:
    """Weights ∝ (1 - β) / (1 - β^n_c) that sum to the number of classes.

    (1 - β^n) / (1 - β) is the effective number of n items: the more items a class has, the less the
    next item adds. It is at most 1 / (1 - β), 10,000 for β = 0.9999: classes with a few times more
    items weigh the same. β = 0 gives equal weights; for β -> 1 the weights go towards 1/n_c.

    Args:
        class_counts: (C,) number of training items of each class; or (C, 2), for each label the
            items without the label and with it.
        beta: β in [0, 1).

    Returns:
        Weights of the same shape, > 0; of labels each row sums to 2.

    Raises:
        InputError: for a class without items and for β outside [0, 1).

    Example:
        >>> effective_number_weights([2, 1], beta=0.5)  # 1 / (1 - 1/4) : 1 / (1 - 1/2)
        tensor([0.8000, 1.2000])
    """
    beta = _check_beta(beta)
    counts = as_counts(
        class_counts, "its weight is infinite; leave the class out, or count it as one item"
    )
    # 1 - β^n without cancellation where β is near 1; the numerator is lost in the normalisation
    log_beta = math.log(beta) if beta > 0 else -math.inf
    weights = -1 / torch.expm1(counts * log_beta)
    return weights * (counts.shape[-1] / weights.sum(-1, keepdim=True))


def _check_beta(beta: float) -> float:
    beta = number("beta", beta)
    if beta >= 1:
        raise InputError(
            f"expected beta in [0, 1), got {beta:g}: the effective number is then infinite; "
            "0.999999 is close to weights of 1/n"
        )
    return beta


def class_balanced_loss(
    logits: Tensor,
    target: Tensor,
    *,
    beta: float = 0.9999,
    class_counts: Tensor | Sequence[float] | None = None,
    reduction: str = "mean",
    **given: Unpack[Given],
) -> Tensor:
    """Class-balanced cross-entropy: -(1/N) Σ_i w_t log p_it, t the gold class of item i.

    Each of the ``labels`` is a problem of two classes, absent and set.

    Args:
        logits, target, class_counts, reduction, **given: see ``Given`` and ``Call``.
        beta: β in [0, 1); see ``effective_number_weights`` for the weights w.

    Raises:
        InputError: also for a class without training items, and for ``positions``.

    References:
        Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, arXiv
        1901.05555.

    Example:
        >>> logits, target = torch.zeros(1, 2), torch.tensor([1])
        >>> class_balanced_loss(logits, target, class_counts=[2, 1], beta=0.5)  # 1.2 · log 2
        tensor(0.8318)
    """
    items = items_of(logits, target, class_counts=class_counts, **given)
    weight = effective_number_weights(counts_beside(items), beta)
    return cross_entropy_of(items, weight, reduction)


class ClassBalancedLoss(CountedLoss):
    """Class-balanced cross-entropy as a Module."""

    function = staticmethod(class_balanced_loss)
    presets: ClassVar = {
        "cb": Preset(
            "-1/N Σ w_t log p_gold, w ∝ (1-β)/(1-β^n_t), Σw = C",
            "Cui et al. 2019",
            "a long tail of classes with few training items each",
        )
    }
    beta: float

    def check(self) -> None:
        """Refuse a β for which the effective number is infinite."""
        super().check()
        _check_beta(self.beta)

    def check_counts(self, class_counts: tuple[float, ...]) -> None:
        """Refuse counts that give no weights."""
        effective_number_weights(class_counts, self.beta)


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


def _majority_of(items: Items) -> Tensor:
    """1 for the majority class, else 0, (C,); for ``labels`` a row for each label, (C, 2)."""
    check_background(items)
    if items.kind == "classes" and items.background is not None:
        classes = torch.arange(items.logits.shape[1], device=items.logits.device)
        return (classes == items.background).to(items.logits.dtype)
    counts = counts_beside(items)
    classes = torch.arange(counts.shape[-1], device=counts.device)
    return (classes == counts.argmax(-1, keepdim=True)).to(counts.dtype)


def majority_or_minority_loss(
    logits: Tensor,
    target: Tensor,
    *,
    majority_weight: float = 1.0,
    class_counts: Tensor | Sequence[float] | None = None,
    reduction: str = "mean",
    **given: Unpack[Given],
) -> Tensor:
    """Majority or minority: CE + λ · CE over the items whose gold class is the majority class M.

        L = CE + λ CE_M,    CE_M = -(1/N) Σ_{i: t_i = M} log p_it,    t_i the gold class of i

    M is the ``background`` where the call names one (O in tagging), else the class with the largest
    of the ``class_counts``; of equal classes the first. λ = 0 is cross-entropy. Each of the
    ``labels`` is a problem of two classes, and M is absent or set, whichever has more items. For
    shares y of the classes an item counts in CE_M by its share y_M. Both sums are divided by the
    number of all items N, so that L is a mean over items: it is cross-entropy in which M weighs 1 +
    λ.

    What it is not: a weight for rare classes. The odds of M are, at the optimum, 1 + λ times the
    true odds: M is predicted more often, and other classes only with more confidence.

    Args:
        logits, target, class_counts, reduction, **given: see ``Given`` and ``Call``.
        majority_weight: λ >= 0.

    Raises:
        InputError: also for neither a background nor counts, and for ``positions``.

    References:
        Nemoto, Kitada and Iyatomi, "Majority or Minority: Data Imbalance Learning Method for Named
        Entity Recognition", IEEE Access 2024, arXiv 2401.11431.

    Example:
        >>> logits, target = torch.zeros(2, 2), torch.tensor([0, 1])
        >>> majority_or_minority_loss(logits, target, background=0)  # (log 2 + log 2 + log 2) / 2
        tensor(1.0397)
    """
    majority_weight = number("majority_weight", majority_weight)
    items = items_of(logits, target, class_counts=class_counts, **given)
    weight = 1 + majority_weight * _majority_of(items)
    return cross_entropy_of(items, weight, reduction)


class MajorityOrMinorityLoss(CountedLoss):
    """Majority or minority as a Module."""

    function = staticmethod(majority_or_minority_loss)
    presets: ClassVar = {
        "mom": Preset(
            "-1/N Σ (1 + λ [t is the majority]) log p_gold",
            "Nemoto et al. 2024",
            "rare classes are predicted too often; the majority is the background or the "
            "largest class",
        )
    }
