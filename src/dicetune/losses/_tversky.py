"""Tversky loss: false positives and false negatives weighed apart (Eq. 10).

    L = 1 - (TP + γ) / (TP + α FP + β FN + γ),   TP = Σ p y,  FP = Σ p (1-y),  FN = Σ (1-p) y

Special cases: α = β = ½ is dice (not squared) at 2γ. α > β favours precision, β > α recall.

What it is not: a choice between precision and recall for ``positions``, where p sums to 1 and so
FP = FN in each text: only α + β matters there. It has no squared form: with α ≠ β that is no index.

References:
    Tversky, "Features of Similarity", 1977; Salehi et al., MLMI 2017.
    Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, Eq. 9 and 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from dicetune.losses._overlap import OverlapLoss, overlap_loss
from dicetune.losses._ranges import Range, Ranges


def tversky_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    background: int | None = None,
    alpha: float = 0.3,
    beta: float = 0.7,
    smooth: float = 1.0,
    level: str = "set",
    classes: str = "all",
    average: str = "macro",
    class_weight: Tensor | Sequence[float] | None = None,
    activation: str = "auto",
    reduction: str = "mean",
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Tversky loss: 1 - (TP + γ) / (TP + α FP + β FN + γ).

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes``, ``labels``, ``positions``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        background: the class that means "nothing".
        alpha: α >= 0, the weight of false positives.
        beta: β >= 0, the weight of false negatives.
        smooth: γ > 0.
        level: ``set`` or ``example`` (Eq. 10 as printed).
        classes: ``all`` or ``foreground``.
        average: ``macro`` or ``micro``, over the classes of a set.
        class_weight: one weight a class.
        activation: ``auto`` or ``sigmoid``.
        reduction: ``none``, ``sum`` or ``mean``; see ``overlap_loss``.
        denominator: number of items to divide by in place of this call's own; not for a set.

    Shape:
        logits (..., C); target (...) or (..., C); keep (...); class_keep broadcastable to logits.

    Returns:
        A scalar, or what ``reduction`` says. Over nothing it is 0 with zero gradient.

    Raises:
        InputError: for values, shapes and combinations that have no meaning.

    References:
        Salehi et al., MLMI 2017; Li et al., ACL 2020, Eq. 10.

    Example:
        >>> import torch
        >>> logits, target = torch.tensor([0.0, 0.0]), torch.tensor([1, 0])  # p = 1/2, 1/2
        >>> tversky_loss(logits, target)  # 1 - 1.5 / (.5 + .3·.5 + .7·.5 + 1)
        tensor(0.2500)
    """
    return overlap_loss(
        logits,
        target,
        kind=kind,
        keep=keep,
        class_keep=class_keep,
        background=background,
        alpha=alpha,
        beta=beta,
        smooth=smooth,
        level=level,
        squared=False,
        classes=classes,
        average=average,
        class_weight=class_weight,
        activation=activation,
        reduction=reduction,
        denominator=denominator,
    )


class TverskyLoss(OverlapLoss):
    """Tversky loss as a Module; options as in ``tversky_loss``.

    Example:
        >>> import torch
        >>> TverskyLoss(alpha=0.7, beta=0.3)(torch.tensor([0.0, 0.0]), torch.tensor([1, 0]))
        tensor(0.2500)
    """

    ranges: ClassVar[Ranges] = {"alpha": Range(0.1, 0.9), "beta": Range(0.1, 0.9)}

    def __init__(
        self,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
        smooth: float = 1.0,
        level: str = "set",
        classes: str = "all",
        average: str = "macro",
        class_weight: Sequence[float] | Tensor | None = None,
        activation: str = "auto",
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            alpha=alpha,
            beta=beta,
            smooth=smooth,
            level=level,
            squared=False,
            classes=classes,
            average=average,
            class_weight=class_weight,
            activation=activation,
            reduction=reduction,
        )
