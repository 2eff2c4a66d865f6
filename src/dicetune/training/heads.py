"""LossInputs of any transformers head, for users who bring their own model and data.

The three heads that share the library's label names are told apart by shape:

- sequence and token classification: integer ``labels`` beside ``logits`` with one more axis
  (``classes``), or float ``labels`` of the logits' shape (``labels``, a sigmoid each);
- extractive question answering: ``start_positions`` and ``end_positions`` beside
  ``start_logits`` and ``end_logits`` (``positions``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from dicetune.errors import InputError
from dicetune.loss_input import Kind, LossInput

LossInputs = Callable[[Any, Mapping[str, Tensor]], list[LossInput]]
ItemCounts = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def head_inputs(background: int | None = None) -> tuple[LossInputs, ItemCounts]:
    """The pair of functions that the trainer needs, for a standard head.

    Args:
        background: index of the class that means "nothing", where there is one.

    Returns:
        ``loss_inputs(outputs, labels)`` and ``item_counts(labels)``.
    """

    def loss_inputs(outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        if set(labels) == {"start_positions", "end_positions"}:
            return [
                LossInput(
                    side,
                    outputs[f"{side}_logits"],
                    labels[f"{side}_positions"],
                    kind="positions",
                    coefficient=0.5,
                )
                for side in ("start", "end")
            ]
        if set(labels) != {"labels"}:
            raise InputError(
                "expected batches with the key 'labels', or 'start_positions' and 'end_positions', "
                f"got {sorted(labels) or 'neither'}: give loss_inputs= and item_counts= to "
                "ObjectiveTrainer for a head of your own"
            )
        logits, target = outputs["logits"], labels["labels"]
        kind: Kind = "labels" if target.shape == logits.shape else "classes"
        if kind == "labels" and not target.is_floating_point():
            raise InputError(
                f"expected float labels of the logits' shape {tuple(logits.shape)} for a sigmoid "
                f"each, got {target.dtype}: convert them with .float()"
            )
        if kind == "classes" and logits.shape[:-1] != target.shape:
            raise InputError(
                f"expected labels of shape {tuple(logits.shape[:-1])} (one class each) or "
                f"{tuple(logits.shape)} (one sigmoid each), got {tuple(target.shape)}"
            )
        return [
            LossInput(
                "labels",
                logits,
                target,
                kind=kind,
                background=background if kind == "classes" else None,
            )
        ]

    def item_counts(labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        counts = {}
        for name, target in labels.items():
            kept = target != -100
            if target.is_floating_point() and target.ndim > 1:  # an item is a row of labels
                kept = kept.any(-1)
            counts[name.removesuffix("_positions")] = kept.sum()
        return counts

    return loss_inputs, item_counts
