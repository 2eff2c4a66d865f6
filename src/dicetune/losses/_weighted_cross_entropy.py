"""Cross-entropy weighted by how rare a class is among the training items (Eq. 2).

    L = -(1/N) Σ_i α_t log p_it,        α_t = log10((n - n_t) / n_t + k),  t the gold class of i

with n_t training items of class t among n. Special case: of ``labels`` each is a problem of two
classes, absent and set, with weights of its own.

What it is not: a correction of the class prior. The weights grow with the logarithm of the ratio
only: 1 : 1,000 weighs 3.

References:
    Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, Eq. 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses import _options as check
from dicetune.losses._base import Loss
from dicetune.losses._cross_entropy import cross_entropy_loss
from dicetune.losses._inputs import infer_kind
from dicetune.losses._ranges import Range, Ranges


def inverse_frequency_weights(class_counts: Tensor | Sequence[float], k: float = 1.0) -> Tensor:
    """The weights of Eq. 2: log10((n - n_t) / n_t + k), n_t training items of class t of n.

    Args:
        class_counts: (C,) number of training items of each class; or (C, 2), for each label the
            items without it and with it.
        k: the constant K; with 1 the weight is log10(n / n_t), which is never negative.

    Returns:
        Weights of the same shape.

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
    if counts.ndim not in (1, 2) or counts.shape[-1] < 2 or counts.shape[1:] not in ((), (2,)):
        raise InputError(
            "expected class_counts with one number for each class, or (C, 2) for labels, got shape "
            f"{tuple(counts.shape)}"
        )
    total = counts.sum(-1, keepdim=True)
    weights = torch.log10((total - counts) / counts + k)
    if not torch.compiler.is_compiling():
        _check_weights(counts, total, weights, k)
    return weights


def _check_weights(counts: Tensor, total: Tensor, weights: Tensor, k: float) -> None:
    usable = (counts > 0) & torch.isfinite(counts)
    if not bool(usable.all()):
        absent = (~usable).nonzero().squeeze(1).tolist()
        raise InputError(
            f"expected training items of every class, got none of class {absent}: its weight is "
            "infinite for every k; leave the class out, or count it as one item (with k=1 its "
            f"weight is then {float(torch.log10(total.max() + 1)):.3g})"
        )
    if bool((weights < 0).any()):
        needed = float((2 - total / counts).max())
        worst = (weights == weights.min()).nonzero()[0].tolist()
        raise InputError(
            f"expected weights >= 0, got {float(weights.min()):.3g} for class "
            f"{worst[0] if len(worst) == 1 else worst} with k={k:g}: k={needed:.4g} or more would "
            "do; k=1 always does"
        )


class WeightedCrossEntropyLoss(Loss):
    """Cross-entropy weighted by how rare a class is in training (Eq. 2).

    ``-(1/N) Σ_i log10((n - n_t)/n_t + k) log p_i,t`` with t the gold class of i; of ``labels``
    each is a problem of two classes.

    Args:
        k: the constant K of the weights; see ``inverse_frequency_weights``.
        class_counts: training items of each class; where ``None`` they come with each call. Of one
            logit a text: the items without and with the label. Of several ``labels`` they are
            (C, 2) and come with the call.
        reduction: ``none``, ``sum`` or ``mean``.

    Example:
        >>> loss = WeightedCrossEntropyLoss()
        >>> loss(torch.zeros(1, 2), torch.tensor([1]), class_counts=torch.tensor([90, 10]))
        tensor(0.6931)
    """

    kinds = frozenset({"classes", "labels"})
    ranges: ClassVar[Ranges] = {"k": Range(1.0, 100.0, log=True)}

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
        kind = infer_kind(logits, target) if kind is None else kind
        self.check_kind(kind, background)
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
        if kind == "labels":
            weight = _both_sides(weight, 1 if logits.ndim == 1 else logits.shape[-1])
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

    @property
    def needs_class_counts(self) -> bool:
        """Whether they have to come with each call."""
        return self.weight is None


def _both_sides(weight: Tensor, labels: int) -> Tensor:
    """Weights of each label's absence and presence, (labels, 2)."""
    if weight.numel() != 2 * labels or (weight.ndim == 1 and labels > 1):
        raise InputError(
            f"expected class_counts of shape ({labels}, 2) for kind 'labels', the training items "
            f"without and with each label, got {tuple(weight.shape)}"
        )
    return weight.reshape(labels, 2)
