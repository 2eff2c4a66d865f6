"""Hard-negative selection: all positives, and the k hardest negatives for each positive.

    chosen = positives + the ceil(k · number of positives) negatives with the highest score

With 500 or 2,000 negatives for each positive, most negatives are so easy that they only dilute a
mean. The score of a negative is its logit of being positive: the logit of its sigmoid or position,
and ``logsumexp(other classes) - background`` in a softmax.

What it is not: a loss, or a weight. The selection is a mask that every loss takes, without a
gradient. The items of one call are ranked together, so that a loss with the mask is no mean over
items any more; of ``positions`` each text is ranked by itself.

References:
    Shrivastava et al., "Training Region-based Object Detectors with Online Hard Example Mining",
    CVPR 2016; Li et al., ACL 2020, whose released code has a ratio of this kind.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses._base import number
from dicetune.losses._inputs import Items, check_background, items_of


def hardest_negatives(
    logits: Tensor,
    target: Tensor,
    *,
    per_positive: float,
    kind: str,
    mask: Tensor | None = None,
    class_mask: Tensor | None = None,
    background: int | None = None,
    least: int = 1,
) -> Tensor:
    """Which decisions are chosen: all positives, and the hardest negatives for each positive.

    Args:
        logits: raw scores; the choice has no gradient.
        target: class numbers or 0/1 labels, as every loss takes them; -100 is ignored. A label of
            at least 0.5 is positive.
        per_positive: k > 0, negatives for each positive; ``ceil(k · positives)`` are chosen in all.
        kind: ``classes`` (negatives are the items of the background), ``labels`` (negatives are
            the labels that are 0, all items and classes ranked together) or ``positions``
            (negatives are a text's wrong positions, each text ranked by itself).
        mask: items that count; others are never chosen.
        class_mask: classes (labels, positions) that exist; others are never chosen.
        background: the class that means "nothing"; needed for ``classes``.
        least: number of negatives in a call without a positive, so that the model also learns from
            a batch without positives; 0 chooses none.

    Shape:
        logits (..., C); target (...) or (..., C).

    Returns:
        A bool mask. ``classes``: (...), to be used as ``mask``. ``labels`` and ``positions``: the
        logits' shape, to be used as ``class_mask``. Where there are fewer negatives, all are
        chosen; of equal scores the earlier negative is chosen.

    Raises:
        InputError: for values, shapes and kinds that have no meaning.

    Example:
        >>> logits = torch.tensor([2.0, -1.0, 3.0, 0.5, -2.0])
        >>> target = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
        >>> hardest_negatives(logits, target, per_positive=2, kind="labels").tolist()
        [True, False, True, True, False]
    """
    check_selection(per_positive, kind, background)
    number("least", least)
    items = items_of(
        logits.detach(), target, kind=kind, mask=mask, class_mask=class_mask, background=background
    )
    check_background(items)
    rows = items.mask
    if rows is None:
        rows = torch.ones_like(items.logits[:, 0], dtype=torch.bool)
    if kind == "classes" and background is not None:
        return _hardest_items(items, rows, background, per_positive, least)
    exists = rows[:, None].expand(items.logits.shape)
    exists = exists if items.class_mask is None else exists & items.class_mask
    one_set = (1, -1) if kind == "labels" else items.logits.shape
    scores, positive = items.logits.reshape(one_set), (exists & _positive(items)).reshape(one_set)
    chosen = _choose(scores, positive, exists.reshape(one_set), per_positive, least)
    return chosen.reshape(logits.shape)


def check_selection(
    per_positive: float, kind: str | None = None, background: int | None = None
) -> None:
    """Refuse a selection without a meaning, before anything is computed.

    Raises:
        InputError: for k that is not > 0, or ``classes`` without a background.
    """
    number("hard negatives for each positive", per_positive, above_0=True)
    if kind == "classes" and background is None:
        raise InputError(
            "expected a background class to select hard negatives of kind 'classes', got none: "
            'negatives are the items of the background; where no class means "nothing", leave '
            "the selection out"
        )


def _hardest_items(
    items: Items, rows: Tensor, background: int, per_positive: float, least: int
) -> Tensor:
    """The chosen items of ``classes``, scored by log(p(anything else) / p(background))."""
    if not items.hard:
        raise InputError(
            "expected class numbers to select hard negatives of kind 'classes', got shares: an "
            "item that is background in part is neither negative nor positive"
        )
    others = torch.arange(items.logits.shape[1], device=items.logits.device) != background
    rest = torch.where(others, items.logits, -torch.inf).logsumexp(1)
    scores = rest - items.logits[:, background]
    positive = rows & (items.target != background)
    chosen = _choose(scores[None], positive[None], rows[None], per_positive, least)
    return chosen.reshape(items.leading)


def _positive(items: Items) -> Tensor:
    """(N, C): labels that are set, or gold positions."""
    if items.kind == "labels":
        return items.target >= 0.5
    if not items.hard:
        return items.target > 0
    positions = torch.arange(items.logits.shape[1], device=items.logits.device)
    return items.target[:, None] == positions


def _choose(
    scores: Tensor, positive: Tensor, exists: Tensor, per_positive: float, least: int
) -> Tensor:
    """In each row the positives and as many of the best-scored others as they allow."""
    negative = exists & ~positive
    wanted = _times(per_positive, positive.sum(1), scores.shape[1]).clamp(min=least)
    # Counting the negatives in their order is exact where a threshold is not: among equal scores.
    order = scores.argsort(dim=1, descending=True, stable=True)
    ranked = negative.gather(1, order)
    chosen = ranked & (ranked.cumsum(1) <= wanted[:, None])
    return positive | torch.zeros_like(negative).scatter(1, order, chosen)


def _times(factor: float, count: Tensor, most: int) -> Tensor:
    """The whole number ceil(factor · count): 0.1 · 30 is 3, not a float a little above 3.

    A factor above ``most`` selects everything too.
    """
    ratio = Fraction(min(factor, float(max(most, 1)))).limit_denominator(10**9)
    whole, rest = divmod(ratio.numerator, ratio.denominator)
    up = rest * count + ratio.denominator - 1
    return whole * count + up.div(ratio.denominator, rounding_mode="floor")
