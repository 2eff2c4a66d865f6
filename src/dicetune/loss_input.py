"""LossInput: the one small type in which tasks, losses and the trainer meet.

A task turns a model's outputs into a list of these; a loss turns each into a number. Neither
knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # the type is light: `import dicetune` must not load torch
    from torch import Tensor

Kind = Literal["classes", "labels", "positions"]


@dataclass(frozen=True)
class LossInput:
    """One set of decisions that a model makes, and what they should have been.

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
