"""LossTarget and LossInput: the small types in which tasks, losses and the trainer meet.

A task states the targets of a batch, and a loss turns targets and model outputs into a number.
Tasks and losses do not know each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # the types are light: `import dicetune` must not load torch
    from torch import Tensor

Kind = Literal["classes", "labels", "positions"]

IGNORED = -100
"""Target of an item that no loss counts, as in torch."""


@dataclass(frozen=True)
class LossInput:
    """One set of decisions that a model makes, and the right decisions.

    Args:
        name: what is decided ("tags", "start", "end"): names the loss in logs.
        logits: raw scores. ``classes``: (..., C); ``labels``: (..., C), one sigmoid each;
            ``positions``: (N, T), the classes are the positions of a text.
        target: ``classes`` and ``positions``: integers of the leading shape, -100 is ignored;
            ``labels``: 0/1 of the logits' shape.
        kind: ``classes`` (softmax over the last axis), ``labels`` (a sigmoid each) or
            ``positions`` (softmax over the positions of a text).
        mask: optional bool mask of the leading shape: items that count.
        class_mask: optional bool mask, broadcastable to the logits: classes (positions, labels)
            that exist for an item; padding and question positions are masked here.
        background: index of the class that means "nothing" ("O" in tagging), where there is one.
        class_counts: for class-weighted losses: number of training items of each class, (C,); of
            ``labels`` the items without and with each label, (C, 2).
        coefficient: weight of this input in the sum over a task's inputs.
    """

    name: str
    logits: Tensor
    target: Tensor
    kind: Kind = "classes"
    mask: Tensor | None = None
    class_mask: Tensor | None = None
    background: int | None = None
    class_counts: Tensor | None = None
    coefficient: float = 1.0


@dataclass(frozen=True)
class LossTarget:
    """A ``LossInput`` before the model has run: ``output`` names the model output with its logits.

    A target of ``labels`` has an axis of labels, of size 1 where each item is one decision.
    """

    name: str
    target: Tensor
    kind: Kind = "classes"
    mask: Tensor | None = None
    class_mask: Tensor | None = None
    background: int | None = None
    coefficient: float = 1.0
    output: str = "logits"

    def loss_input(self, outputs: Mapping[str, Tensor]) -> LossInput:
        """The target beside its logits."""
        logits = outputs[self.output]
        if self.kind == "labels" and logits.ndim < self.target.ndim:
            logits = logits[..., None]
        shared = {name: value for name, value in vars(self).items() if name != "output"}
        return LossInput(logits=logits, **shared)

    def class_counts(self, classes: int) -> Tensor | None:
        """``LossInput.class_counts`` of this batch: batches add up, positions have no classes."""
        if self.kind == "positions":
            return None
        there = self.target != IGNORED
        if self.mask is not None:
            there = there & (self.mask if self.kind == "classes" else self.mask[..., None])
        if self.kind == "classes":
            return self.target[there].bincount(minlength=classes)
        import torch

        sides = [((self.target == side) & there).flatten(0, -2).sum(0) for side in (0, 1)]
        return torch.stack(sides, dim=-1)


def item_count(item: LossInput | LossTarget) -> Tensor:
    """Number of items that count, (): items that are neither masked nor ignored."""
    there = item.target != IGNORED
    if item.kind == "labels":
        if item.class_mask is not None:
            there = there & item.class_mask
        # an item is a row of labels, or one label where the target has no axis of labels
        there = there.any(-1) if item.target.ndim > 1 else there
    return (there if item.mask is None else there & item.mask).sum()
