"""Tversky loss (Eq. 10), and the soft Tversky index with every choice open (Eq. 9)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Unpack

import torch
from torch import Tensor

from dicetune.losses._base import Loss, Preset, Range, class_numbers, weight_vector
from dicetune.losses._blocks import Part
from dicetune.losses._fast import fused, fused_sums
from dicetune.losses._inputs import Call, Given
from dicetune.losses._overlap import IndexOptions, Overlap, overlap_of, set_loss, set_sums


def overlap_loss(
    logits: Tensor,
    target: Tensor,
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
    class_weight: Tensor | Sequence[float] | None = None,
    activation: str = "auto",
    reduction: str = "mean",
    **given: Unpack[Given],
) -> Tensor:
    """1 - (S_tp + γ) / (S_tp + α S_fp + β S_fn + γ), in every variant.

    With p the probability, y the target and w the weight of an entry (item, class)::

        S_tp = Σ w p y      S_fp = Σ w p (1-y)      S_fn = Σ w y (1-p)      squared: Σ w (p-y)²

    α = β = ½ is dice at twice the γ; α = β = 1 the Jaccard index; β = b²/(1+b²) and α = 1/(1+b²)
    the soft F_b; γ -> 0 at ``example`` level with a softmax is 1 - p_gold (mean absolute error). At
    ``set`` level the loss is not additive: the mean of two batches' losses is not the loss of both.

    Args:
        logits, target, reduction, **given: see ``Given``, also for result and errors.
        alpha: α >= 0, the weight of false positives.
        beta: β >= 0, the weight of false negatives.
        smooth: γ > 0.
        level: what the sums run over: ``set`` (all items, one index a class; for ``positions`` the
            positions of one text) or ``example`` (one index for each item and class).
        squared: Σ p² and Σ y² in place of Σ p and Σ y; only with α = β.
        decay: exponent >= 0 of the self-adjusting weight (1-p)^decay; 0 is without.
        form: ``target``: w = (1 - p_t)^decay without a gradient, p_t = p where y = 1 and 1 - p
            where y = 0; it weighs p and y alike, so that a perfect prediction costs nothing; for
            shares w = |y - p|^decay. ``detached``: q = (1-p)^decay p replaces p, the factor without
            a gradient. ``literal``: the same with the gradient of the factor (Eq. 12 as printed).
        classes: ``all`` or ``foreground``; see ``IndexOptions`` for this option and the next four.
        average: ``macro`` or ``micro``.
        class_weight: one weight for each class.
        activation: ``auto`` or ``sigmoid``.

    References:
        Tversky, "Features of Similarity", 1977; Salehi et al., "Tversky loss function for image
        segmentation using 3D fully convolutional deep networks", 2017; Li et al., ACL 2020, Eq. 6
        to 10 and 12.

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
    return _overlap_loss(choice, class_weight, logits, target, given)


def _overlap_loss(
    choice: Overlap,
    class_weight: Tensor | Sequence[float] | None,
    logits: Tensor,
    target: Tensor,
    given: Given,
) -> Tensor:
    """The loss with checked choices, in one step where it can be."""

    def stepwise(logits: Tensor) -> Tensor:
        return overlap_of(choice.items(logits, target, given), choice, class_weight)

    loss = fused([Part(1.0, choice, class_weight)], logits, target, given, stepwise)
    return stepwise(logits) if loss is None else loss


class NonTrainingLossWarning(UserWarning):
    """A loss was built whose optimum is no correct classifier.

    The literal self-adjusting form has its optimum at p = 1/(1+decay): beyond, the gradient lowers
    the gold class and raises a wrong class. With decay 1 the optimum is p = 0.5, the decision
    boundary itself.
    """


class OverlapLoss(Loss):
    """The general overlap loss as a Module.

    At ``set`` level the loss is no mean over items: ``sums`` of several batches add up, and
    ``from_sums`` makes the loss of the whole set from the total.
    """

    function: ClassVar[Callable[..., Tensor]] = staticmethod(overlap_loss)
    index: ClassVar[Callable[..., Overlap]] = Overlap
    """Makes the choices of the index from the options of the class."""
    shared: ClassVar = ("classes", "average", "class_weight", "activation", "reduction")
    presets: ClassVar = {
        "overlap": Preset(
            "1 - (S_tp + γ)/(S_tp + α S_fp + β S_fn + γ)",
            "Eq. 9, every choice open",
            "a combination of options that no other name has",
        )
    }

    def check(self) -> None:
        """Refuse choices without a meaning; warn of a form that does not train."""
        options = {name: getattr(self, name) for name in self._function_defaults}
        self.class_weight = class_numbers(options.pop("class_weight"))
        self.choice = self.index(**options)
        if self.turning_point is not None:
            warnings.warn(
                f"form='literal' with decay={self.choice.decay:g} has its optimum at p = "
                f"{self.turning_point:.3g}: beyond it gold is pushed down and a wrong class up. It "
                "serves to replicate the formula as printed; to train use form='target'",
                NonTrainingLossWarning,
                stacklevel=3,
            )

    @property
    def turning_point(self) -> float | None:
        """The p at which the literal gradient changes its sign; ``None`` for other forms."""
        literal = self.choice.form == "literal" and self.choice.decay > 0
        return 1 / (1 + self.choice.decay) if literal else None

    @property
    def outweighs_few(self) -> bool:
        """Whether p near 0 counts in full, neither squared nor with a decay; see ``Loss``."""
        return not (self.choice.squared or self.choice.decay)

    def value(self, logits: Tensor, target: Tensor, given: Call) -> Tensor:
        """The loss with the choices that were checked when it was built."""
        return _overlap_loss(self.choice, self.class_weight, logits, target, given)

    def fast_part(self, coefficient: float) -> Part | None:
        """The loss as a part of a sum; see ``Loss``."""
        plain = type(self).value is OverlapLoss.value and self.is_only_its_value
        return Part(coefficient, self.choice, self.class_weight) if plain else None

    def is_additive(self, kind: str) -> bool:
        """True at ``example`` level and for ``positions``; see ``Loss``."""
        return self.choice.is_additive(kind)

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse what has no meaning for ``kind``; see ``Loss``."""
        super().check_kind(kind, background)
        self.choice.check_kind(kind, background)

    def sums(self, logits: Tensor, target: Tensor, **given: Unpack[Given]) -> Tensor:
        """S_tp, E and the items of each class, (3, C): they add up over batches; see ``Loss``."""

        def stepwise(logits: Tensor) -> tuple[Tensor, ...]:
            items = self.choice.items(logits, target, given)
            if self.is_additive(items.kind):
                raise self._without_sums()
            tp, error, number = set_sums(items, self.choice)
            if number is None:
                kept = items.logits.shape[0] if items.mask is None else items.mask.sum()
                number = torch.ones_like(tp) * kept
            return items.logits.new_zeros(()), torch.stack((tp, error, number.to(tp)))

        found = fused_sums([Part(1.0, self.choice, None)], logits, target, given, stepwise)
        _, sums = stepwise(logits) if found is None else found
        return sums.to(torch.promote_types(logits.dtype, torch.float32))

    def from_sums(self, sums: Tensor, background: int | None = None) -> Tensor:
        """The loss of the set with these per-class sums; see ``Loss``."""
        if self.choice.level == "example":
            raise self._without_sums()
        tp, error, number = sums.unbind()
        weight = weight_vector(self.class_weight, sums)
        return set_loss(tp, error, number, self.choice, weight, background)


def tversky_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    smooth: float = 1.0,
    level: str = "set",
    **options: Unpack[IndexOptions],
) -> Tensor:
    """Tversky loss: 1 - (TP + γ) / (TP + α FP + β FN + γ).

    TP = Σ p y, FP = Σ p (1-y), FN = Σ (1-p) y. α = β = ½ is dice (not squared) at 2γ; α > β favours
    precision, β > α recall. Of ``positions`` p sums to 1, so that FP = FN in each text and only α +
    β matters. There is no squared form: with α ≠ β it is no index.

    Args:
        logits, target, **options: see ``IndexOptions`` and ``Given``.
        alpha: α >= 0, the weight of false positives.
        beta: β >= 0, the weight of false negatives.
        smooth: γ > 0.
        level: ``set`` or ``example`` (Eq. 10 as printed).

    References:
        Salehi et al., MLMI 2017; Li et al., ACL 2020, Eq. 10.

    Example:
        >>> logits, target = torch.tensor([0.0, 0.0]), torch.tensor([1, 0])  # p = 1/2, 1/2
        >>> tversky_loss(logits, target)  # 1 - 1.5 / (.5 + .3·.5 + .7·.5 + 1)
        tensor(0.2500)
    """
    return overlap_loss(
        logits,
        target,
        alpha=alpha,
        beta=beta,
        smooth=smooth,
        level=level,
        squared=False,
        decay=0.0,
        form="target",
        **options,
    )


class TverskyLoss(OverlapLoss):
    """Tversky loss as a Module."""

    function = staticmethod(tversky_loss)
    index = staticmethod(partial(Overlap, squared=False))
    ranges: ClassVar = {"alpha": Range(0.1, 0.9), "beta": Range(0.1, 0.9)}
    presets: ClassVar = {
        "tversky": Preset(
            "1 - (TP + γ)/(TP + α FP + β FN + γ)",
            "Eq. 10 over a set",
            "precision and recall are not equally important: beta > alpha favours recall",
        )
    }
