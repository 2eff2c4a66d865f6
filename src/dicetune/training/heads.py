"""LossInputs of any transformers head, for users who bring their own model and data.

The three heads that share the library's label names are told apart by shape:

- sequence and token classification: integer ``labels`` beside ``logits`` with one more axis
  (``classes``), or float ``labels`` of the logits' shape (``labels``, a sigmoid each); of a head
  with one logit also float ``labels`` without that last axis (``labels``, a sigmoid an item);
- extractive question answering: ``start_positions`` and ``end_positions`` beside
  ``start_logits`` and ``end_logits`` (``positions``). A position beyond the window is ignored, as
  the library's own head does.

Outputs may be a mapping, or a tuple that begins with the logits (``return_dict=False``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from dicetune.errors import InputError, listed
from dicetune.loss_input import Kind, LossInput
from dicetune.tasks import IGNORED

LossInputs = Callable[[Any, Mapping[str, Tensor]], list[LossInput]]
ItemCounts = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]

_POSITIONS = ("start_positions", "end_positions")


def head_inputs(
    background: int | None = None, one_logit: bool = False
) -> tuple[LossInputs, ItemCounts]:
    """The pair of functions that the trainer needs, for a standard head.

    Args:
        background: index of the class that means "nothing", where there is one.
        one_logit: whether the head has one logit an item.

    Returns:
        ``loss_inputs(outputs, labels)`` and ``item_counts(labels)``.
    """

    def loss_inputs(outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        if set(labels) == set(_POSITIONS):
            sides = _logits_of(outputs, "start_logits", "end_logits")
            return [
                LossInput(
                    name.removesuffix("_positions"),
                    logits,
                    labels[name],
                    kind="positions",
                    coefficient=0.5,
                )
                for name, logits in zip(_POSITIONS, sides, strict=True)
            ]
        if set(labels) != {"labels"}:
            raise InputError(
                "expected batches with the key 'labels', or 'start_positions' and 'end_positions', "
                f"got {sorted(labels) or 'neither'}: give loss_inputs= and item_counts= to "
                "ObjectiveTrainer for a head of your own"
            )
        (logits,), target = _logits_of(outputs, "logits"), labels["labels"]
        if logits.shape[-1] == 1 and target.shape == logits.shape[:-1]:
            target = target[..., None]
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
            # an item is a row of labels
            if target.is_floating_point() and target.ndim > 1 and not one_logit:
                kept = kept.any(-1)
            counts[name.removesuffix("_positions")] = kept.sum()
        return counts

    return loss_inputs, item_counts


def within_window(labels: Mapping[str, Tensor], inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """Labels in which an answer's end that the window does not hold is ignored.

    Args:
        labels: of one batch.
        inputs: of the same batch, whose texts are as long as its windows.

    Example:
        >>> import torch
        >>> labels = {"start_positions": torch.tensor([[1], [7]])}
        >>> within_window(labels, {"input_ids": torch.zeros(2, 5)})
        {'start_positions': tensor([   1, -100])}
    """
    found = dict(labels)
    for name in found.keys() & set(_POSITIONS):
        # the library's own head takes a column too
        target = found[name].squeeze(-1) if found[name].ndim > 1 else found[name]
        window = inputs.get("input_ids", inputs.get("inputs_embeds"))
        if isinstance(window, Tensor):
            target = target.masked_fill(target >= window.shape[1], IGNORED)
        found[name] = target
    return found


def _logits_of(outputs: Any, *names: str) -> list[Tensor]:
    """The logits of these names, or those with which a tuple begins."""
    if isinstance(outputs, Tensor):
        outputs = (outputs,)
    if isinstance(outputs, Mapping):
        found = [outputs.get(name) for name in names]
        got = f"the keys {listed(outputs)}"
    elif isinstance(outputs, tuple | list):
        found = list(outputs[: len(names)])
        got = f"a {type(outputs).__name__} of {listed(type(one).__name__ for one in outputs)}"
    else:
        found, got = [], type(outputs).__name__
    if len(found) < len(names) or not all(isinstance(one, Tensor) for one in found):
        raise InputError(
            f"expected outputs with {' and '.join(names)}, or a tuple that begins with them, got "
            f"{got}: give loss_inputs= and item_counts= to ObjectiveTrainer for a head of your own"
        )
    return [one for one in found if isinstance(one, Tensor)]
