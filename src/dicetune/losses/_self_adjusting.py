"""Self-adjusting dice: easy entries weigh less, by (1-p)^decay (Eq. 12).

    as printed:  L = 1 - (2 (1-p)^decay p y + γ) / ((1-p)^decay p + y + γ)      decay = 1
    default:     L = 1 - (2 Σ w p y + γ) / (Σ w p² + Σ w y² + γ),   w = (1 - p_t)^decay, no gradient

Special cases: decay = 0 is ``dice_loss``. ``form="literal", level="example", squared=False`` is
Eq. 12 (preset ``dsc-paper``). The released scripts use ``literal`` with decay 0.01, squared (preset
``dsc-released``).

What it is not, by default: the printed formula. That has its optimum at p = 1/(1+decay), p = 0.5
for decay 1, and rewards a false positive with p near 1 as much as a true negative.

References:
    Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, Eq. 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from dicetune.losses._overlap import OverlapLoss, overlap_loss
from dicetune.losses._ranges import Range, Ranges


def self_adjusting_dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    background: int | None = None,
    decay: float = 1.0,
    form: str = "target",
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
    """Self-adjusting dice: dice with entries weighed by (1 - p_t)^decay.

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes``, ``labels``, ``positions``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        background: the class that means "nothing".
        decay: exponent >= 0 of the weight; 0 is dice.
        form: ``target``, ``detached`` or ``literal``; see ``overlap_loss``.
        level: ``set`` or ``example`` (Eq. 12).
        squared: squares below the line.
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
        Li et al., ACL 2020, Eq. 12.

    Example:
        >>> import torch
        >>> logits, target = torch.tensor([0.0, 0.0]), torch.tensor([1, 0])  # p = w = 1/2
        >>> self_adjusting_dice_loss(logits, target)  # 1 - (2·.25 + 1) / (.125 + .125 + .5 + 1)
        tensor(0.1429)
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
        decay=decay,
        form=form,
        classes=classes,
        average=average,
        class_weight=class_weight,
        activation=activation,
        reduction=reduction,
        denominator=denominator,
    )


class SelfAdjustingDiceLoss(OverlapLoss):
    """Self-adjusting dice as a Module; options as in ``self_adjusting_dice_loss``.

    Example:
        >>> import torch
        >>> SelfAdjustingDiceLoss(decay=0.0)(torch.tensor([0.0, 0.0]), torch.tensor([1, 0]))
        tensor(0.2000)
    """

    ranges: ClassVar[Ranges] = {"decay": Range(0.1, 2.0), "smooth": Range(0.01, 10.0, log=True)}

    def __init__(
        self,
        *,
        decay: float = 1.0,
        form: str = "target",
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
            decay=decay,
            form=form,
            classes=classes,
            average=average,
            class_weight=class_weight,
            activation=activation,
            reduction=reduction,
        )
        self.smooth = smooth  # dice's γ is twice that of the Tversky index
