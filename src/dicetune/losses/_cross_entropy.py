"""Cross-entropy, plain (Eq. 1) and class-weighted (Eq. 2).

    L = -(1/N) Σ_i α_i Σ_c y_ic log p_ic,        α_i = class_weight[gold of i], 1 where not given

Special cases: ``labels`` is the binary cross-entropy of each sigmoid, averaged over the labels of
an item that exist; ``positions`` is a softmax over the positions of a text.

What it is not: torch's weighted mean. That divides by Σ α_i, so that a batch of one class is not
weighted at all; Eq. 2, and this, divide by the number of items.

References:
    Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, Eq. 1 and 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses import _options as check
from dicetune.losses._base import Loss
from dicetune.losses._inputs import IGNORED, Items, infer_kind, prepare
from dicetune.losses._reduce import mean_of, reduce_items


def cross_entropy_of(
    items: Items,
    class_weight: Tensor | None,
    reduction: str,
    denominator: float | Tensor | None,
) -> Tensor:
    """The formula on clean items."""
    if items.sigmoid:
        losses = F.binary_cross_entropy_with_logits(items.logits, items.target, reduction="none")
        losses = label_mean(losses, class_weight, items)
    elif items.hard:
        gold = items.target
        if items.keep is not None:
            gold = torch.where(items.keep, gold, IGNORED)
        plain = items.keep is None and class_weight is None and items.logits.shape[0] > 0
        if plain and denominator is None and reduction == "mean":
            return F.cross_entropy(items.logits, gold)
        if reduction == "mean":  # the library's sum; the division is ours
            total = F.cross_entropy(items.logits, gold, class_weight, reduction="sum")
            return mean_of(total, items, denominator)
        losses = F.cross_entropy(items.logits, gold, class_weight, reduction="none")
    else:
        losses = F.cross_entropy(items.logits, items.target, class_weight, reduction="none")
    return reduce_items(losses, items, reduction, denominator)


def label_mean(losses: Tensor, class_weight: Tensor | None, items: Items) -> Tensor:
    """One loss an item from one a label: the mean over the labels that exist."""
    if class_weight is not None:
        losses = losses * class_weight
    if items.class_keep is None:
        return losses.mean(1)
    return losses.sum(1) / items.class_keep.sum(1).clamp(min=1)


def check_class_weight(kind: str, class_weight: object) -> None:
    """Positions of a text are not classes: the third position of one text is not that of another.

    Raises:
        InputError: for class weights beside ``positions``.
    """
    if kind == "positions" and class_weight is not None:
        raise InputError(
            "expected no class_weight for kind 'positions', got one: positions are not classes"
        )


def inverse_frequency_weights(class_counts: Tensor | Sequence[float], k: float = 1.0) -> Tensor:
    """The weights of Eq. 2: log10((n - n_t) / n_t + k), n_t training items of class t of n.

    Args:
        class_counts: (C,) number of training items of each class.
        k: the constant K; with 1 the weight is log10(n / n_t), which is never negative.

    Returns:
        (C,) weights.

    Raises:
        InputError: for a class without items and for a negative weight; the message says which k
            would do.

    Example:
        >>> inverse_frequency_weights(torch.tensor([900.0, 90.0, 10.0]))
        tensor([0.0458, 1.0458, 2.0000])
    """
    k = check.number("k", k)
    counts = torch.as_tensor(class_counts)
    counts = counts if counts.is_floating_point() else counts.to(torch.get_default_dtype())
    if counts.ndim != 1 or counts.numel() < 2:
        raise InputError(
            f"expected class_counts with one number for each class, got shape {tuple(counts.shape)}"
        )
    weights = torch.log10((counts.sum() - counts) / counts + k)
    if not torch.compiler.is_compiling():
        _check_weights(counts, weights, k)
    return weights


def _check_weights(counts: Tensor, weights: Tensor, k: float) -> None:
    if not bool(((counts > 0) & torch.isfinite(counts)).all()):
        absent = [number for number, count in enumerate(counts.tolist()) if not count > 0]
        raise InputError(
            f"expected training items of every class, got none of class {absent}: its weight is "
            "infinite for every k; leave the class out, or count it as one item (with k=1 its "
            f"weight is then {float(torch.log10(counts.sum() + 1)):.3g})"
        )
    if bool((weights < 0).any()):
        needed = float((2 - counts.sum() / counts).max())
        worst = int(weights.argmin())
        raise InputError(
            f"expected weights >= 0, got {float(weights[worst]):.3g} for class {worst} with "
            f"k={k:g}: k={needed:.4g} or more would do; k=1 always does"
        )


def cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    class_weight: Tensor | Sequence[float] | None = None,
    reduction: str = "mean",
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy: -(1/N) Σ_i α_i Σ_c y_ic log p_ic.

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes``, ``labels``, ``positions``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        class_weight: one weight a class; the mean still divides by the number of items.
        reduction: ``none``, ``sum`` or ``mean``.
        denominator: number of items to divide by in place of this call's own.

    Shape:
        logits (..., C); target (...) or (..., C); keep (...); class_keep broadcastable to logits.

    Returns:
        A scalar; of shape (...) for ``none``. The mean over nothing is 0 with zero gradient.

    Raises:
        InputError: for values and shapes that cannot be used.

    References:
        Li et al., ACL 2020, Eq. 1; with ``class_weight`` Eq. 2.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> cross_entropy_loss(logits, torch.tensor([0, 1])) # (0.1269 + 0.6931) / 2
        tensor(0.4100)
    """
    check.choice("reduction", reduction, check.REDUCTIONS)
    items = prepare(logits, target, kind=kind, keep=keep, class_keep=class_keep)
    check_class_weight(items.kind, class_weight)
    if class_weight is not None and not isinstance(class_weight, Tensor):
        class_weight = check.class_weights(class_weight)
    weight = check.weight_vector(class_weight, items.logits)
    return cross_entropy_of(items, weight, reduction, denominator)


class CrossEntropyLoss(Loss):
    """Cross-entropy as a Module; see ``cross_entropy_loss``.

    Args:
        class_weight: one weight a class.
        reduction: ``none``, ``sum`` or ``mean``.

    Example:
        >>> CrossEntropyLoss()(torch.zeros(2, 4), torch.tensor([0, 3]))
        tensor(1.3863)
    """

    weight: Tensor | None

    def __init__(
        self, *, class_weight: Sequence[float] | Tensor | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.class_weight = check.class_weights(class_weight)
        self.reduction = check.choice("reduction", reduction, check.REDUCTIONS)
        weight = None if self.class_weight is None else torch.tensor(self.class_weight)
        self.register_buffer("weight", weight, persistent=False)

    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        kind: str | None = None,
        keep: Tensor | None = None,
        class_keep: Tensor | None = None,
        background: int | None = None,
        class_counts: Tensor | None = None,
        denominator: float | Tensor | None = None,
    ) -> Tensor:
        """The loss; see ``Loss``."""
        return cross_entropy_loss(
            logits,
            target,
            kind=kind,
            keep=keep,
            class_keep=class_keep,
            class_weight=self.weight,
            reduction=self.reduction,
            denominator=denominator,
        )

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse class weights over positions; see ``Loss``."""
        super().check_kind(kind, background)
        check_class_weight(kind, self.class_weight)


class WeightedCrossEntropyLoss(Loss):
    """Cross-entropy weighted by how rare a class is in training (Eq. 2).

    ``-(1/N) Σ_i log10((n - n_t)/n_t + k) log p_i,t`` with t the gold class of i.

    Args:
        k: the constant K of the weights; see ``inverse_frequency_weights``.
        class_counts: training items of each class; where ``None`` they come with each call.
        reduction: ``none``, ``sum`` or ``mean``.

    Example:
        >>> loss = WeightedCrossEntropyLoss()
        >>> loss(torch.zeros(1, 2), torch.tensor([1]), class_counts=torch.tensor([90, 10]))
        tensor(0.6931)
    """

    kinds = frozenset({"classes"})

    weight: Tensor | None

    def __init__(
        self,
        *,
        k: float = 1.0,
        class_counts: Sequence[float] | Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.k = check.number("k", k)
        self.class_counts = check.class_weights(class_counts, "class_counts")
        self.reduction = check.choice("reduction", reduction, check.REDUCTIONS)
        weight = None
        if self.class_counts is not None:
            weight = inverse_frequency_weights(self.class_counts, self.k)
        self.register_buffer("weight", weight, persistent=False)

    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        kind: str | None = None,
        keep: Tensor | None = None,
        class_keep: Tensor | None = None,
        background: int | None = None,
        class_counts: Tensor | None = None,
        denominator: float | Tensor | None = None,
    ) -> Tensor:
        """The loss; see ``Loss``."""
        weight = self.weight
        if weight is None:
            if class_counts is None:
                raise InputError(
                    "expected class_counts, the training items of each class, with the call or "
                    "when the loss is built, got neither"
                )
            exact = logits.dtype == torch.float64
            counts = class_counts.to(logits.device, logits.dtype if exact else torch.float32)
            weight = inverse_frequency_weights(counts, self.k)
        kind = infer_kind(logits, target) if kind is None else kind
        self.check_kind(kind, background)
        return cross_entropy_loss(
            logits,
            target,
            kind=kind,
            keep=keep,
            class_keep=class_keep,
            class_weight=weight,
            reduction=self.reduction,
            denominator=denominator,
        )
