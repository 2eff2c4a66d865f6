"""Dice loss, plain (Eq. 6 to 8) or self-adjusting (Eq. 12), per example or over a set."""

from __future__ import annotations

from typing import ClassVar, Unpack

from torch import Tensor

from dicetune.losses._base import Preset, Range
from dicetune.losses._inputs import Given, items_of, mean_of, probabilities
from dicetune.losses._overlap import IndexOptions, Overlap
from dicetune.losses._tversky import OverlapLoss, overlap_loss


def dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    level: str = "set",
    squared: bool = True,
    smooth: float = 1.0,
    **options: Unpack[IndexOptions],
) -> Tensor:
    """Dice loss: 1 - (2 Σ p y + γ) / (Σ p² + Σ y² + γ).

    At ``set`` level (Eq. 8) the sums run over all items: one index for each class, then the mean
    over classes. At ``example`` level (Eq. 7) each sum has one term: one index for each item and
    class, then the mean. It is the soft Tversky index at α = β = ½ and γ/2.

    What it is not: a sum over classes, as in some implementations; the loss does not grow with the
    number of classes. A class that is absent from a set counts too: its false positives cost.

    Args:
        logits, target, **options: see ``IndexOptions`` and ``Given``.
        level: ``set`` or ``example``; for ``positions`` the set is one text.
        squared: Σ p² and Σ y² below the line; ``False``: Σ p and Σ y (1 - Eq. 6).
        smooth: γ > 0.

    References:
        Milletari et al., "V-Net", 3DV 2016; Li et al., ACL 2020, Eq. 6 to 8.

    Example:
        >>> import torch
        >>> logits, target = torch.tensor([0.0, 0.0]), torch.tensor([1, 0])  # p = 1/2, 1/2
        >>> dice_loss(logits, target)  # 1 - (2·.5 + 1) / (.25 + .25 + 1 + 1)
        tensor(0.2000)
    """
    return self_adjusting_dice_loss(
        logits,
        target,
        decay=0.0,
        form="target",
        level=level,
        squared=squared,
        smooth=smooth,
        **options,
    )


class DiceLoss(OverlapLoss):
    """Dice loss as a Module."""

    function = staticmethod(dice_loss)
    index = Overlap.dice
    ranges: ClassVar = {"smooth": Range(0.01, 10.0, log=True)}
    presets: ClassVar = {
        "dl": Preset(
            "1/N Σ 1 - (2py + γ)/(p² + y² + γ)",
            "Eq. 7",
            "to replicate the paper with two classes; many classes do not train from a new head",
            {"level": "example"},
        ),
        "dice": Preset(
            "1 - (2Σpy + γ)/(Σp² + Σy² + γ)",
            "Eq. 8",
            "the metric is F1; one index a class over the batch",
        ),
    }


def self_adjusting_dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    decay: float = 1.0,
    form: str = "target",
    level: str = "set",
    squared: bool = True,
    smooth: float = 1.0,
    **options: Unpack[IndexOptions],
) -> Tensor:
    """Self-adjusting dice: dice in which easy entries have a low weight (1-p)^decay.

        default:  1 - (2 Σ w p y + γ) / (Σ w p² + Σ w y² + γ),   w = (1 - p_t)^decay, no gradient
        printed:  1 - (2 (1-p)^decay p y + γ) / ((1-p)^decay p + y + γ),   decay = 1

    decay = 0 is ``dice_loss``. ``form="literal"`` is Eq. 12 as printed at ``example`` level, not
    squared (preset ``dsc-paper``), and the loss of the released scripts with decay 0.01, squared
    (preset ``dsc-released``). The printed form has its optimum at p = 1/(1+decay), p = 0.5 for
    decay 1, and rewards a false positive with p near 1 as much as a true negative.

    Args:
        logits, target, **options: see ``IndexOptions`` and ``Given``.
        decay: exponent >= 0 of the weight.
        form: ``target``, ``detached`` or ``literal``; see ``overlap_loss``.
        level: ``set`` or ``example``.
        squared: squares below the line.
        smooth: γ > 0.

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
        alpha=0.5,
        beta=0.5,
        smooth=smooth / 2,
        decay=decay,
        form=form,
        level=level,
        squared=squared,
        **options,
    )


class SelfAdjustingDiceLoss(OverlapLoss):
    """Self-adjusting dice as a Module."""

    function = staticmethod(self_adjusting_dice_loss)
    index = Overlap.dice
    ranges: ClassVar = {"decay": Range(0.1, 2.0), "smooth": Range(0.01, 10.0, log=True)}
    presets: ClassVar = {
        "dsc": Preset(
            "1 - (2Σwpy + γ)/(Σwp² + Σwy² + γ), w = (1-p_t)^decay",
            "Eq. 12, weight detached and over a set",
            "easy entries dominate the sums; recall is often higher than precision",
        ),
        "dsc-paper": Preset(
            "1/N Σ 1 - (2(1-p)p y + γ)/((1-p)p + y + γ)",
            "Eq. 12 as printed",
            "only to replicate the paper: the optimum is p = 0.5",
            {"level": "example", "squared": False, "form": "literal"},
        ),
        "dsc-released": Preset(
            "1 - (2Σqy + γ)/(Σq² + Σy² + γ), q = (1-p)^0.01 p, a sigmoid a class",
            "the released scripts' settings",
            "only to replicate the scripts: in effect squared dice on sigmoids",
            {"decay": 0.01, "form": "literal", "activation": "sigmoid"},
        ),
    }


def share_past_turning_point(
    logits: Tensor,
    target: Tensor,
    *,
    decay: float = 1.0,
    activation: str = "auto",
    **given: Unpack[Given],
) -> Tensor:
    """Share of items with a p above 1/(1+decay), which ``form="literal"`` pushes the wrong way.

    With q = (1-p)^decay p the literal loss is monotone in q, and the slope of q changes its sign:
    dq/dp = (1-p)^(decay-1) (1 - (1+decay) p), for gold and for every other class alike, whatever γ,
    squared or not, per example or over a set.

    Args:
        logits, target, **given: see ``Given``.
        decay: the exponent of the weight.
        activation: ``auto`` or ``sigmoid``.

    Returns:
        A scalar in [0, 1], without a gradient; 0 over nothing.

    References:
        Li et al., ACL 2020, Eq. 12.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[3.0, 0.0], [0.1, 0.0], [0.0, 0.0]])
        >>> share_past_turning_point(logits, torch.tensor([0, 0, 1]), decay=1.0)
        tensor(0.6667)
    """
    choice = Overlap(decay=decay, activation=activation)
    items = items_of(logits.detach(), target, **given, sigmoid=choice.activation == "sigmoid")
    past = (probabilities(items.logits, items.sigmoid) > 1 / (1 + decay)).any(1)
    if items.mask is not None:
        past = past & items.mask
    return mean_of(past.to(items.logits.dtype).sum(), items)
