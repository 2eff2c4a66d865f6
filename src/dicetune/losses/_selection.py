"""Hard-negative selection: keep the positives and the k hardest negatives for each of them.

    kept = positives + the ceil(k · number of positives) negatives with the highest score

Where negatives are 500 or 2,000 to a positive, most are so easy that they only dilute a mean. The
score of a negative is its logit of being positive: its own logit where each has a sigmoid or is a
position of a text, and ``logsumexp(other classes) - background`` in a softmax.

What it is not: a loss, or a weight. It returns a mask that every loss takes; nothing in it has a
gradient. It ranks what one call sees, so that a loss behind it is no mean over items any more,
but for ``positions``, where each text is ranked on its own.

References:
    Shrivastava et al., "Training Region-based Object Detectors with Online Hard Example Mining",
    CVPR 2016; Li et al., ACL 2020, whose released code has a ratio of this kind.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses import _options as check
from dicetune.losses._inputs import Items, prepare


def hardest_negatives(
    logits: Tensor,
    target: Tensor,
    *,
    per_positive: float,
    kind: str,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    background: int | None = None,
    least: int = 1,
) -> Tensor:
    """Which decisions stay: all positives, and the hardest negatives for each of them.

    Args:
        logits: raw scores; no gradient flows through the choice.
        target: class numbers or 0/1 labels, as every loss takes them; -100 is ignored. A label of
            at least 0.5 is positive.
        per_positive: k > 0, negatives for each positive; ``ceil(k · positives)`` stay in all.
        kind: ``classes`` (negatives are the items of the background), ``labels`` (negatives are
            the labels that are 0, all items and classes ranked together) or ``positions``
            (negatives are a text's wrong positions, each text ranked on its own).
        keep: items that count; others are never chosen.
        class_keep: classes (labels, positions) that exist; others are never chosen.
        background: the class that means "nothing"; needed for ``classes``.
        least: negatives that stay where there is no positive, so that a batch without one still
            says that nothing is there; 0 keeps nothing of it.

    Shape:
        logits (..., C); target (...) or (..., C).

    Returns:
        A bool mask. ``classes``: (...), to be used as ``keep``. ``labels`` and ``positions``: the
        logits' shape, to be used as ``class_keep``. Where there are fewer negatives, all stay; of
        equal scores the earlier one stays.

    Raises:
        InputError: for values, shapes and kinds that have no meaning.

    Example:
        >>> logits = torch.tensor([2.0, -1.0, 3.0, 0.5, -2.0])
        >>> target = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
        >>> hardest_negatives(logits, target, per_positive=2, kind="labels").tolist()
        [True, False, True, True, False]
    """
    check_selection(per_positive, kind, background)
    check.number("least", least)
    items = prepare(
        logits.detach(),
        target,
        kind=kind,
        keep=keep,
        class_keep=class_keep,
        background=background,
    )
    exists = _existing(items)
    if kind == "classes" and background is not None:
        positive = exists & (items.target != background)
        scores = _against_background(items.logits, background)
        chosen = _choose(scores[None], positive[None], exists[None], per_positive, least)
        return chosen.reshape(items.leading)
    positive = exists & _positive(items)
    one_set = (1, -1) if kind == "labels" else items.logits.shape
    scores, positive, exists = (part.reshape(one_set) for part in (items.logits, positive, exists))
    return _choose(scores, positive, exists, per_positive, least).reshape(logits.shape)


def check_selection(
    per_positive: float, kind: str | None = None, background: int | None = None
) -> None:
    """Refuse a selection without a meaning, before anything is computed.

    Raises:
        InputError: for k that is not > 0, or ``classes`` without a background.
    """
    check.number("hard negatives for each positive", per_positive, above=True)
    if kind == "classes" and background is None:
        raise InputError(
            "expected a background class to select hard negatives of kind 'classes', got none: "
            'negatives are the items of the background; where no class means "nothing", leave '
            "the selection out"
        )


def _existing(items: Items) -> Tensor:
    """What may be chosen: (N,) for classes, (N, C) for the others."""
    rows = items.keep
    if rows is None:
        rows = torch.ones_like(items.logits[:, 0], dtype=torch.bool)
    if items.kind == "classes":
        if not items.hard:
            raise InputError(
                "expected class numbers to select hard negatives of kind 'classes', got shares: an "
                "item that is background in part is neither negative nor positive"
            )
        return rows
    alive = rows[:, None].expand(items.logits.shape)
    return alive if items.class_keep is None else alive & items.class_keep


def _positive(items: Items) -> Tensor:
    """(N, C): labels that are set, or gold positions."""
    if items.kind == "labels":
        return items.target >= 0.5
    if not items.hard:
        return items.target > 0
    positions = torch.arange(items.logits.shape[1], device=items.logits.device)
    return items.target[:, None] == positions


def _against_background(logits: Tensor, background: int) -> Tensor:
    """log(p(anything else) / p(background)) of each item."""
    others = torch.arange(logits.shape[1], device=logits.device) != background
    return torch.where(others, logits, -torch.inf).logsumexp(1) - logits[:, background]


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
    """The whole number ceil(factor · count): 0.1 · 30 is 3 and no float a little above.

    A factor above ``most`` wants everything as well.
    """
    whole, upper, lower = _ratio(min(factor, float(max(most, 1))))
    rest: Tensor = (upper * count + lower - 1).div(lower, rounding_mode="floor")
    return whole * count + rest


def _ratio(factor: float) -> tuple[int, int, int]:
    """The whole part, and numerator and denominator of the rest."""
    ratio = Fraction(factor).limit_denominator(10**9)
    whole, rest = divmod(ratio, 1)
    return int(whole), rest.numerator, rest.denominator
