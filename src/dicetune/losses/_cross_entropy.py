"""Cross-entropy, plain (Eq. 1) or weighted (Eq. 2), and the class counts that weights need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.errors import InputError
from dicetune.losses._base import Loss, Preset, Range, number, numbers_beside, weight_vector
from dicetune.losses._blocks import Part
from dicetune.losses._inputs import Given, Items, items_of, mean_of, reduce_items
from dicetune.losses._targets import IGNORED, refuse_if


def cross_entropy_of(items: Items, class_weight: Tensor | None, reduction: str) -> Tensor:
    """The formula on clean items."""
    if items.sigmoid:
        if class_weight is not None and class_weight.ndim == 2:
            losses = _weighted_sides(items, class_weight)
            class_weight = None
        else:
            losses = F.binary_cross_entropy_with_logits(
                items.logits, items.target, reduction="none"
            )
        losses = label_mean(losses, class_weight, items)
    elif items.hard:
        gold = items.target
        if items.mask is not None:
            gold = torch.where(items.mask, gold, IGNORED)
        plain = items.mask is None and class_weight is None and items.logits.shape[0] > 0
        if plain and items.num_items is None and reduction == "mean":
            return F.cross_entropy(items.logits, gold)
        if reduction == "mean":  # the sum of torch, divided here by the number of items
            total = F.cross_entropy(items.logits, gold, class_weight, reduction="sum")
            return mean_of(total, items)
        losses = F.cross_entropy(items.logits, gold, class_weight, reduction="none")
    else:
        losses = F.cross_entropy(items.logits, items.target, class_weight, reduction="none")
    return reduce_items(losses, items, reduction)


def _weighted_sides(items: Items, class_weight: Tensor) -> Tensor:
    """Binary cross-entropy with a weight for each label's absence and one for its presence."""
    absent, present = class_weight.unbind(1)
    present = present * items.target * F.softplus(-items.logits)  # -log p
    return present + absent * (1 - items.target) * F.softplus(items.logits)  # -log (1 - p)


def label_mean(losses: Tensor, class_weight: Tensor | None, items: Items) -> Tensor:
    """One loss for each item: the mean over the labels of the item that exist."""
    if class_weight is not None:
        losses = losses * class_weight
    if items.class_mask is None:
        return losses.mean(1)
    return losses.sum(1) / items.class_mask.sum(1).clamp(min=1)


def cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    class_weight: Tensor | Sequence[float] | None = None,
    reduction: str = "mean",
    **given: Unpack[Given],
) -> Tensor:
    """Cross-entropy: -(1/N) Σ_i α_i Σ_c y_ic log p_ic, α_i the weight of the gold class of item i.

    ``labels`` is the binary cross-entropy of each sigmoid, averaged over the labels of an item that
    exist; ``positions`` is a softmax over the positions of a text. What it is not: torch's weighted
    mean. Torch divides by Σ α_i, so that a batch of one class is not weighted at all; Eq. 2, and
    this function, divide by the number of items.

    Args:
        logits, target, reduction, **given: see ``Given``, also for result and errors.
        class_weight: one weight for each class; of ``labels`` also a tensor (C, 2), the weights
            where a label is absent and where it is set.

    References:
        Li et al., ACL 2020, Eq. 1; with ``class_weight`` Eq. 2.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> cross_entropy_loss(logits, torch.tensor([0, 1])) # (0.1269 + 0.6931) / 2
        tensor(0.4100)
    """
    items = items_of(logits, target, **given)
    sides = items.kind == "labels"
    weight = weight_vector(class_weight, items.logits, items.kind, sides=sides)
    return cross_entropy_of(items, weight, reduction)


class CrossEntropyLoss(Loss):
    """Cross-entropy as a Module."""

    class_weight: tuple[float, ...] | None
    function = staticmethod(cross_entropy_loss)
    presets: ClassVar = {
        "ce": Preset("-1/N Σ log p_gold", "Eq. 1", "accuracy is the metric; also as the baseline")
    }

    def fast_part(self, coefficient: float) -> Part | None:
        """The loss as a part of a sum; see ``Loss``."""
        plain = type(self).value is Loss.value and self.function is cross_entropy_loss
        plain = plain and self.is_only_its_value
        return Part(coefficient, None, self.class_weight) if plain else None


class CountedLoss(Loss):
    """Base of the losses that need the training items of each class.

    Where ``class_counts`` is ``None`` the counts come with each call. A Module is built with the
    counts of classes, or of one logit a text; counts of several ``labels`` come with the call.
    """

    kinds = frozenset({"classes", "labels"})
    class_counts: tuple[float, ...] | None

    @property
    def needs_class_counts(self) -> bool:
        """Whether the loss was built without counts."""
        return self.class_counts is None

    def check(self) -> None:
        """Refuse counts that the formula cannot use, where the loss is built with counts."""
        super().check()
        if self.class_counts is not None:
            self.check_counts(self.class_counts)

    def check_counts(self, class_counts: tuple[float, ...]) -> None:
        """Refuse counts that the formula cannot use."""


def as_counts(class_counts: Tensor | Sequence[float], without: str) -> Tensor:
    """Training items of each class as floating-point numbers, (C,) or of ``labels`` (C, 2).

    The trainer counts a class without items as one item: the class is gold nowhere, so that its
    weight, which would be infinite, multiplies nothing. Here such a class is refused; ``without``
    says what would be infinite and what to do.
    """
    counts = torch.as_tensor(class_counts)
    counts = counts if counts.is_floating_point() else counts.to(torch.get_default_dtype())
    if counts.ndim not in (1, 2) or counts.shape[-1] < 2 or counts.shape[1:] not in ((), (2,)):
        raise InputError(
            "expected class_counts with one number for each class, or (C, 2) for labels, got shape "
            f"{tuple(counts.shape)}"
        )
    absent = ~((counts > 0) & torch.isfinite(counts))

    def text() -> str:
        places = absent.nonzero().squeeze(1).tolist()
        return f"expected training items of every class, got none of class {places}: {without}"

    refuse_if(f"counts: {without}", absent.any(), text)
    return counts


def counts_beside(items: Items) -> Tensor:
    """The class counts of a call, on the device and in the precision of the items.

    They are (C,) for ``classes`` and (C, 2) for ``labels``, each of which is a problem of two
    classes, absent and set. The positions of a text are not classes and have no counts.
    """
    if items.kind == "positions":
        raise InputError(
            "expected kind classes or labels beside class_counts, got 'positions': the positions "
            "of a text are not classes"
        )
    if items.class_counts is None:
        raise InputError(
            "expected class_counts, the training items of each class, with the call or when the "
            "loss is built, got neither"
        )
    like, classes = items.logits, items.logits.shape[1]
    counts = numbers_beside(items.class_counts, like)
    if items.kind == "labels":
        if counts.numel() != 2 * classes or (counts.ndim == 1 and classes > 1):
            raise InputError(
                f"expected class_counts of shape ({classes}, 2) for kind 'labels', the training "
                f"items without and with each label, got {tuple(counts.shape)}"
            )
        return counts.reshape(classes, 2)
    if counts.shape != (classes,):
        got = counts.numel() if counts.ndim == 1 else f"the shape {tuple(counts.shape)}"
        raise InputError(
            f"expected class_counts with one number for each of {classes} classes, got {got}"
        )
    return counts


def inverse_frequency_weights(class_counts: Tensor | Sequence[float], k: float = 1.0) -> Tensor:
    """The weights of Eq. 2: log10((n - n_t) / n_t + k), n_t training items of class t of n.

    Args:
        class_counts: (C,) number of training items of each class; or (C, 2), for each label the
            items without the label and with it.
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
    k = number("k", k)
    counts = as_counts(
        class_counts,
        "its weight is infinite for every k; leave the class out, or count it as one item (with "
        "k=1 its weight is then the logarithm of the number of items)",
    )
    total = counts.sum(-1, keepdim=True)
    weights = torch.log10((total - counts) / counts + k)

    def text() -> str:
        needed = float((2 - total / counts).max())
        worst = (weights == weights.min()).nonzero()[0].tolist()
        return (
            f"expected weights >= 0, got {float(weights.min()):.3g} for class "
            f"{worst[0] if len(worst) == 1 else worst} with k={k:g}: k={needed:.4g} or more would "
            "do; k=1 always does"
        )

    refuse_if(f"k={k:g}", (weights < 0).any(), text)
    return weights


def weighted_cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    k: float = 1.0,
    class_counts: Tensor | Sequence[float] | None = None,
    reduction: str = "mean",
    **given: Unpack[Given],
) -> Tensor:
    """Weighted cross-entropy: -(1/N) Σ_i log10((n - n_t)/n_t + k) log p_it, t gold of item i.

    Each of the ``labels`` is a problem of two classes, absent and set, with a weight for each. What
    it is not: a correction of the class prior. The weights grow with the logarithm of the ratio
    only: 1 : 1,000 weighs 3.

    Args:
        logits, target, class_counts, reduction, **given: see ``Given`` and ``Call``.
        k: the constant K of the weights; see ``inverse_frequency_weights``.

    Raises:
        InputError: also for a class without training items, and for ``positions``.

    References:
        Li et al., ACL 2020, Eq. 2.

    Example:
        >>> logits, target = torch.zeros(1, 2), torch.tensor([1])
        >>> weighted_cross_entropy_loss(logits, target, class_counts=[90, 10])  # lg 10 · log 2
        tensor(0.6931)
    """
    items = items_of(logits, target, class_counts=class_counts, **given)
    weight = inverse_frequency_weights(counts_beside(items), k)
    return cross_entropy_of(items, weight, reduction)


class WeightedCrossEntropyLoss(CountedLoss):
    """Weighted cross-entropy as a Module."""

    function = staticmethod(weighted_cross_entropy_loss)
    ranges: ClassVar = {"k": Range(1.0, 100.0, log=True)}
    presets: ClassVar = {
        "wce": Preset(
            "-1/N Σ log10((n-n_t)/n_t + k) log p_gold",
            "Eq. 2",
            "rare classes are missed and every class has training items",
        )
    }
    k: float

    def check_counts(self, class_counts: tuple[float, ...]) -> None:
        """Refuse counts and a k that give no weights."""
        inverse_frequency_weights(class_counts, self.k)
