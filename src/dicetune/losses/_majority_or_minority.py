"""Majority or minority (MoM): cross-entropy, and once more over the items of the majority class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.losses._base import Preset, number
from dicetune.losses._cross_entropy import CountedLoss, counts_beside, cross_entropy_of
from dicetune.losses._inputs import Given, Items, check_background, items_of


def _majority_of(items: Items) -> Tensor:
    """1 for the majority class, else 0, (C,); for ``labels`` a row for each label, (C, 2)."""
    check_background(items)
    if items.kind == "classes" and items.background is not None:
        classes = torch.arange(items.logits.shape[1], device=items.logits.device)
        return (classes == items.background).to(items.logits.dtype)
    counts = counts_beside(items)
    return F.one_hot(counts.argmax(-1), counts.shape[-1]).to(counts.dtype)


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
