"""overlap_loss: the soft Tversky index with every choice open; see ``_index`` for the formula.

``dice_loss``, ``tversky_loss`` and ``self_adjusting_dice_loss`` are this with some choices made.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from dicetune.losses import _options as check
from dicetune.losses._base import Loss
from dicetune.losses._choice import Overlap
from dicetune.losses._index import overlap_of, set_loss, set_sums
from dicetune.losses._inputs import Items, prepare


class NonTrainingLossWarning(UserWarning):
    """A loss was built whose optimum is no correct classifier.

    The literal self-adjusting form has its optimum at p = 1/(1+decay): beyond it the gold class is
    pushed down and a wrong class up. With decay 1 that is p = 0.5, the decision boundary itself.
    """


def overlap_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str | None = None,
    keep: Tensor | None = None,
    class_keep: Tensor | None = None,
    background: int | None = None,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 0.5,
    level: str = "set",
    squared: bool = True,
    decay: float = 0.0,
    form: str = "target",
    classes: str = "all",
    average: str = "macro",
    class_weight: Tensor | Sequence[float] | None = None,
    activation: str = "auto",
    reduction: str = "mean",
    denominator: float | Tensor | None = None,
) -> Tensor:
    """1 - (S_tp + γ) / (S_tp + α S_fp + β S_fn + γ), in every variant.

    Args:
        logits: raw scores.
        target: class numbers, 0/1 labels or shares; -100 is ignored.
        kind: ``classes``, ``labels``, ``positions``; inferred where ``None`` (see ``Loss``).
        keep: items that count.
        class_keep: classes that exist.
        background: the class that means "nothing".
        alpha: α >= 0, the weight of false positives.
        beta: β >= 0, the weight of false negatives.
        smooth: γ > 0.
        level: what the sums run over: ``set`` (all items, one index a class; for ``positions`` the
            positions of one text) or ``example`` (one index for each item and class).
        squared: Σ p² and Σ y² in place of Σ p and Σ y; only with α = β.
        decay: exponent >= 0 of the self-adjusting weight (1-p)^decay; 0 is without.
        form: of that weight: ``target``, ``detached`` or ``literal``.
        classes: ``all``, or ``foreground``: without the background.
        average: over the classes of a set: ``macro`` (mean of their losses) or ``micro`` (loss of
            their summed sums).
        class_weight: one weight a class, in the mean (``macro``) or the sums (``micro``).
        activation: ``auto`` (what the kind says) or ``sigmoid`` (one a class, always).
        reduction: ``mean``; ``none`` gives one value an item (``example``, ``positions``) or one a
            class that counts (``set``, not weighted); ``sum`` only where losses are by item.
        denominator: number of items to divide by in place of this call's own; not for a set.

    Shape:
        logits (..., C); target (...) or (..., C); keep (...); class_keep broadcastable to logits.

    Returns:
        A scalar, or what ``reduction`` says. Over nothing it is 0 with zero gradient.

    Raises:
        InputError: for values, shapes and combinations that have no meaning.

    References:
        Tversky 1977; Salehi et al. 2017; Li et al., ACL 2020, Eq. 6 to 10 and 12.

    Example:
        >>> logits, target = torch.tensor([0.0, 0.0]), torch.tensor([1, 0])  # p = 1/2, 1/2
        >>> overlap_loss(logits, target, squared=False)  # 1 - (.5 + .5) / (.5 + .25 + .25 + .5)
        tensor(0.3333)
    """
    choice = Overlap(
        alpha=alpha,
        beta=beta,
        smooth=smooth,
        level=level,
        squared=squared,
        decay=decay,
        form=form,
        classes=classes,
        average=average,
        activation=activation,
        reduction=reduction,
    )
    if class_weight is not None and not isinstance(class_weight, Tensor):
        class_weight = check.class_weights(class_weight)
    items = _items(
        choice, class_weight is not None, logits, target, kind, keep, class_keep, background
    )
    weight = check.weight_vector(class_weight, items.logits)
    return overlap_of(items, choice, weight, denominator)


def _items(
    choice: Overlap,
    weighted: bool,
    logits: Tensor,
    target: Tensor,
    kind: str | None,
    keep: Tensor | None,
    class_keep: Tensor | None,
    background: int | None,
) -> Items:
    items = prepare(
        logits,
        target,
        kind=kind,
        keep=keep,
        class_keep=class_keep,
        background=background,
        sigmoid=choice.activation == "sigmoid",
    )
    choice.check_kind(items.kind, background, weighted)
    return items


class OverlapLoss(Loss):
    """The general overlap loss as a Module; options as in ``overlap_loss``.

    At ``set`` level it is no mean over items: ``sums`` of several batches add up, and ``from_sums``
    makes the loss of the whole set from the total.

    Example:
        >>> loss = OverlapLoss(alpha=0.3, beta=0.7, squared=False)
        >>> logits, target = torch.randn(8, 3), torch.arange(8) % 3
        >>> total = loss.sums(logits[:5], target[:5]) + loss.sums(logits[5:], target[5:])
        >>> torch.allclose(loss.from_sums(total), loss(logits, target))
        True
    """

    def __init__(
        self,
        *,
        alpha: float = 0.5,
        beta: float = 0.5,
        smooth: float = 0.5,
        level: str = "set",
        squared: bool = True,
        decay: float = 0.0,
        form: str = "target",
        classes: str = "all",
        average: str = "macro",
        class_weight: Sequence[float] | Tensor | None = None,
        activation: str = "auto",
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.choice = Overlap(
            alpha=alpha,
            beta=beta,
            smooth=smooth,
            level=level,
            squared=squared,
            decay=decay,
            form=form,
            classes=classes,
            average=average,
            activation=activation,
            reduction=reduction,
        )
        self.alpha, self.beta, self.smooth = alpha, beta, smooth
        self.level, self.squared = level, squared
        self.decay, self.form = decay, form
        self.classes, self.average = classes, average
        self.class_weight = check.class_weights(class_weight)
        self.activation, self.reduction = activation, reduction
        if self.turning_point is not None:
            warnings.warn(
                f"form='literal' with decay={decay:g} has its optimum at p = "
                f"{self.turning_point:.3g}: beyond it gold is pushed down and a wrong class up. It "
                "serves to replicate the formula as printed; to train use form='target'",
                NonTrainingLossWarning,
                stacklevel=2,
            )

    @property
    def turning_point(self) -> float | None:
        """Where the literal form's gradient changes its sign, 1/(1+decay); ``None`` for others."""
        literal = self.form == "literal" and self.decay > 0
        return 1 / (1 + self.decay) if literal else None

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
        items = _items(
            self.choice,
            self.class_weight is not None,
            logits,
            target,
            kind,
            keep,
            class_keep,
            background,
        )
        weight = check.weight_vector(self.class_weight, items.logits)
        return overlap_of(items, self.choice, weight, denominator)

    def is_additive(self, kind: str) -> bool:
        """True at ``example`` level and for ``positions``; see ``Loss``."""
        return self.choice.is_additive(kind)

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse what has no meaning for ``kind``; see ``Loss``."""
        super().check_kind(kind, background)
        self.choice.check_kind(kind, background, self.class_weight is not None)

    def sums(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        kind: str | None = None,
        keep: Tensor | None = None,
        class_keep: Tensor | None = None,
        background: int | None = None,
    ) -> Tensor:
        """S_tp, E and the items of each class, (3, C): they add up over batches; see ``Loss``."""
        items = _items(
            self.choice,
            self.class_weight is not None,
            logits,
            target,
            kind,
            keep,
            class_keep,
            background,
        )
        if self.is_additive(items.kind):
            return super().sums(logits, target)
        tp, error, number = set_sums(items, self.choice)
        if number is None:
            kept = items.logits.shape[0] if items.keep is None else items.keep.sum()
            number = torch.ones_like(tp) * kept
        return torch.stack((tp, error, number.to(tp))).to(items.logits.dtype)

    def from_sums(self, sums: Tensor, background: int | None = None) -> Tensor:
        """The loss of the set whose per-class sums these are; see ``Loss``."""
        if self.level == "example":
            return super().from_sums(sums)
        tp, error, number = sums.unbind()
        weight = check.weight_vector(self.class_weight, sums)
        return set_loss(tp, error, number, self.choice, weight, background)
