"""Heads: the loss inputs and item counts of the heads of transformers, by names and shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dicetune.errors import InputError, listed
from dicetune.loss_input import IGNORED, LossInput

LossInputs = Callable[[Any, Mapping[str, Tensor]], list[LossInput]]
ItemCounts = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
ClassCounts = Tensor | Mapping[str, Tensor]
"""One tensor for all loss inputs, or a tensor for each name of an input."""

_POSITIONS = ("start_positions", "end_positions")
_OTHER_HEAD = "give loss_inputs= and item_counts= to ObjectiveTrainer for a head of your own"


def standard_head(background: int | None, one_logit: bool) -> tuple[LossInputs, ItemCounts]:
    """``loss_inputs`` and ``item_counts`` of transformers heads, by names and shapes of tensors.

    - sequence and token classification: integer ``labels`` beside ``logits`` with one more axis
      (``classes``), or float ``labels`` of the logits' shape (``labels``, a sigmoid each); for a
      head with one logit also float ``labels`` without the last axis (a sigmoid an item);
    - extractive question answering: ``start_positions`` and ``end_positions`` beside
      ``start_logits`` and ``end_logits`` (``positions``).

    Outputs may be a mapping, or a tuple that begins with the logits (``return_dict=False``).
    """

    def loss_inputs(outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        if set(labels) == set(_POSITIONS):
            sides = _logits_of(outputs, "start_logits", "end_logits")
            return [
                LossInput(side, logits, labels[f"{side}_positions"], "positions", coefficient=0.5)
                for side, logits in zip(("start", "end"), sides, strict=True)
            ]
        if set(labels) != {"labels"}:
            raise InputError(
                "expected batches with the key 'labels', or 'start_positions' and 'end_positions', "
                f"got {sorted(labels) or 'neither'}: {_OTHER_HEAD}"
            )
        (logits,), target = _logits_of(outputs, "logits"), labels["labels"]
        if logits.shape[-1] == 1 and target.shape == logits.shape[:-1]:
            target = target[..., None]
        if target.shape == logits.shape:
            if not target.is_floating_point():
                raise InputError(
                    f"expected float labels of the logits' shape {tuple(logits.shape)} for a "
                    f"sigmoid each, got {target.dtype}: convert them with .float()"
                )
            return [LossInput("labels", logits, target, kind="labels")]
        if logits.shape[:-1] != target.shape:
            raise InputError(
                f"expected labels of shape {tuple(logits.shape[:-1])} (one class each) or "
                f"{tuple(logits.shape)} (one sigmoid each), got {tuple(target.shape)}"
            )
        return [LossInput("labels", logits, target, kind="classes", background=background)]

    def item_counts(labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        counts = {}
        for name, target in labels.items():
            mask = target != IGNORED
            # an item is a row of labels
            if target.is_floating_point() and target.ndim > 1 and not one_logit:
                mask = mask.any(-1)
            counts[name.removesuffix("_positions")] = mask.sum()
        return counts

    return loss_inputs, item_counts


def _logits_of(outputs: Any, *names: str) -> list[Tensor]:
    """The outputs of these names, or the first outputs of a tuple."""
    if isinstance(outputs, Tensor):
        outputs = (outputs,)
    if isinstance(outputs, Mapping):
        found = [outputs.get(name) for name in names]
        got = f"the keys {listed(outputs)}"
    elif isinstance(outputs, tuple | list):
        found = list(outputs[: len(names)])
        got = f"a {type(outputs).__name__} of {listed(type(item).__name__ for item in outputs)}"
    else:
        found, got = [], type(outputs).__name__
    tensors = [item for item in found if isinstance(item, Tensor)]
    if len(tensors) < len(names):
        raise InputError(
            f"expected outputs with {' and '.join(names)}, or a tuple that begins with them, got "
            f"{got}: {_OTHER_HEAD}"
        )
    return tensors


def within_window(labels: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
    """The labels of a standard head; positions beyond the window are ignored, as transformers does.

    The heads of transformers also take positions as a column.
    """
    found = dict(labels)
    window = batch.get("input_ids", batch.get("inputs_embeds"))
    for name in found.keys() & set(_POSITIONS):
        target = found[name].squeeze(-1) if found[name].ndim > 1 else found[name]
        if isinstance(window, Tensor):
            target = target.masked_fill(target >= window.shape[1], IGNORED)
        found[name] = target
    return found


def with_class_counts(loss_inputs: LossInputs, class_counts: ClassCounts) -> LossInputs:
    """The same loss inputs with their class counts."""
    there: dict[tuple[str, torch.device], Tensor] = {}  # a copy for each batch would wait for a GPU

    def counted(outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        items = list(loss_inputs(outputs, labels))
        for number, item in enumerate(items):
            name, device = item.name, item.logits.device
            counts = class_counts.get(name) if isinstance(class_counts, Mapping) else class_counts
            if counts is not None:
                if (name, device) not in there:
                    there[name, device] = counts.to(device)
                items[number] = replace(item, class_counts=there[name, device])
        return items

    return counted
