"""Dice loss, per example (Eq. 7) or over a set (Eq. 8).

    set:      L = 1 - (2 Σ p y + γ) / (Σ p² + Σ y² + γ), for each class, then their mean
    example:  the same with one term in each sum, then the mean over items and classes

Special cases: the soft Tversky index at α = β = ½ and γ/2. ``squared=False`` at ``example`` level
is 1 - Eq. 6.

What it is not: a sum over classes, as in some implementations, so that its size does not grow with
the number of classes; and a class that is absent from a set is not left out: its false positives
cost.

References:
    Milletari et al., "V-Net", 3DV 2016.
    Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, Eq. 6 to 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from dicetune.losses._overlap import OverlapLoss, overlap_loss
from dicetune.losses._ranges import Range, Ranges


def dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    background: int | None = None,
    level: str = "set",
    squared: bool = True,
    smooth: float = 1.0,
    classes: str = "all",
    average: str = "macro",
    class_weight: Tensor | Sequence[float] | None = None,
    activation: str = "auto",
    reduction: str = "mean",
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Dice loss: 1 - (2 Σ p y + γ) / (Σ p² + Σ y² + γ).

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes``, ``labels``, ``positions``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        background: the class that means "nothing".
        level: ``set`` (Eq. 8) or ``example`` (Eq. 7); for ``positions`` the set is one text.
        squared: Σ p² and Σ y² below the line; ``False``: Σ p and Σ y (Eq. 6).
        smooth: γ > 0.
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
        Milletari et al., 3DV 2016; Li et al., ACL 2020, Eq. 7 and 8.

    Example:
        >>> import torch
        >>> logits, target = torch.tensor([0.0, 0.0]), torch.tensor([1, 0])  # p = 1/2, 1/2
        >>> dice_loss(logits, target)  # 1 - (2·.5 + 1) / (.25 + .25 + 1 + 1)
        tensor(0.2000)
    """
    return overlap_loss(
        logits,
        target,
        kind=kind,
        keep=keep,
        class_keep=class_keep,
        background=background,
        alpha=0.5,
        beta=0.5,
        smooth=smooth / 2,
        level=level,
        squared=squared,
        classes=classes,
        average=average,
        class_weight=class_weight,
        activation=activation,
        reduction=reduction,
        denominator=denominator,
    )


class DiceLoss(OverlapLoss):
    """Dice loss as a Module; options as in ``dice_loss``.

    Example:
        >>> import torch
        >>> DiceLoss(level="example")(torch.tensor([0.0]), torch.tensor([1]))  # 1 - 2 / 2.25
        tensor(0.1111)
    """

    ranges: ClassVar[Ranges] = {"smooth": Range(0.01, 10.0, log=True)}

    def __init__(
        self,
        *,
        level: str = "set",
        squared: bool = True,
        smooth: float = 1.0,
        classes: str = "all",
        average: str = "macro",
        class_weight: Sequence[float] | Tensor | None = None,
        activation: str = "auto",
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            alpha=0.5,
            beta=0.5,
            smooth=smooth / 2,
            level=level,
            squared=squared,
            classes=classes,
            average=average,
            class_weight=class_weight,
            activation=activation,
            reduction=reduction,
        )
        self.smooth = smooth  # dice's γ is twice that of the Tversky index
