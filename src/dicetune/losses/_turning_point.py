"""How much of a batch the literal self-adjusting form trains the wrong way.

With q = (1-p)^decay p the loss is monotone in q, and dq/dp = (1-p)^(decay-1) (1 - (1+decay) p)
changes its sign at p = 1/(1+decay), for gold and for every other class alike, whatever γ, squared
or not, per example or over a set. An entry beyond it is pushed the wrong way.
"""

from __future__ import annotations

from torch import Tensor

from dicetune.losses import _options as check
from dicetune.losses._inputs import prepare
from dicetune.losses._probability import probabilities


def share_past_turning_point(
    logits: Tensor,
    target: Tensor,
    *,
    decay: float = 1.0,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    activation: str = "auto",
) -> Tensor:
    """Share of items with a probability above 1/(1+decay), which ``form="literal"`` mistrains.

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        decay: the exponent of the weight.
        kind: ``classes``, ``labels``, ``positions``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        activation: ``auto`` or ``sigmoid``.

    Shape:
        logits (..., C); target (...) or (..., C).

    Returns:
        A scalar in [0, 1], without a gradient; 0 over nothing.

    Raises:
        InputError: for values and shapes that cannot be used.

    References:
        Li et al., ACL 2020, Eq. 12.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[3.0, 0.0], [0.1, 0.0], [0.0, 0.0]])
        >>> share_past_turning_point(logits, torch.tensor([0, 0, 1]), decay=1.0)
        tensor(0.6667)
    """
    decay = check.number("decay", decay)
    check.choice("activation", activation, ("auto", "sigmoid"))
    items = prepare(
        logits.detach(),
        target,
        kind=kind,
        keep=keep,
        class_keep=class_keep,
        sigmoid=activation == "sigmoid",
    )
    p = probabilities(items.logits, items.sigmoid)
    past = (p > 1 / (1 + decay)).any(1)
    if items.keep is None:
        return past.to(p.dtype).sum() / max(past.shape[0], 1)
    return (past & items.keep).to(p.dtype).sum() / items.keep.sum().clamp(min=1)
