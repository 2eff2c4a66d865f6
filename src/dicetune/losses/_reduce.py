"""From one loss an item to what the caller asked for: mean over what counts, sum, or none."""

from __future__ import annotations

import torch
from torch import Tensor

from dicetune.errors import InputError, quoted
from dicetune.losses._inputs import Items


def reduce_items(
    losses: Tensor,
    items: Items,
    reduction: str,
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Reduce additive losses.

    Args:
        losses: (N,), one loss an item; what masked rows hold does not matter as long as it is
            finite.
        items: what they were computed from.
        reduction: ``none`` (the items' shape, 0 where masked), ``sum`` or ``mean`` (over the items
            that count; 0 with zero gradient where none does, unlike torch, which says NaN).
        denominator: number of items to divide by in place of the local one, for a mean over more
            than this call sees.

    Returns:
        A scalar, or the items' shape for ``none``.

    Raises:
        InputError: for a denominator beside a reduction other than ``mean``.
    """
    if denominator is not None and reduction != "mean":
        raise InputError(
            f"expected reduction='mean' beside a denominator, got {quoted(reduction)}: a sum "
            f"is not "
            "divided"
        )
    if items.keep is not None:
        losses = torch.where(items.keep, losses, 0.0)
    if reduction == "none":
        return losses.reshape(items.leading)
    total = losses.sum()
    if reduction == "sum":
        return total
    return mean_of(total, items, denominator)


def mean_of(total: Tensor, items: Items, denominator: float | Tensor | None) -> Tensor:
    """A sum over items, divided by their number or by ``denominator``; over nothing it is 0."""
    if isinstance(denominator, Tensor):
        return total / denominator.to(total).clamp(min=1)
    if denominator is not None:
        return total / max(denominator, 1)
    if items.keep is not None:
        return total / items.keep.sum().clamp(min=1)
    return total / max(items.logits.shape[0], 1)
