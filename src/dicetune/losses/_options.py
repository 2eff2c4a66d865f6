"""Checks of hyper-parameters, made once when a loss is built: impossible values are refused."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name

REDUCTIONS = ("none", "sum", "mean")


def number(name: str, value: object, *, low: float = 0.0, above: bool = False) -> float:
    """``value`` as a float, where it is finite and not below ``low`` (``above``: greater).

    Example:
        >>> number("gamma", 2)
        2.0
        >>> number("gamma", -1)
        Traceback (most recent call last):
        dicetune.errors.InputError: expected gamma to be a finite number >= 0, got -1
    """
    wanted = f"expected {name} to be a finite number {'>' if above else '>='} {low:g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputTypeError(f"{wanted}, got {quoted(value)}")
    if not math.isfinite(value) or value < low or (above and value == low):
        raise InputError(f"{wanted}, got {quoted(value)}")
    return float(value)


def choice(name: str, value: object, valid: Sequence[str]) -> str:
    """``value``, where it is one of ``valid``; else an error with the nearest valid one."""
    if not isinstance(value, str):
        raise InputTypeError(
            f"expected {name} to be one of {', '.join(valid)}, got {quoted(value)}"
        )
    if value not in valid:
        raise unknown_name(f"value for {name}", value, valid)
    return value


def flag(name: str, value: object) -> bool:
    """``value``, where it is True or False."""
    if not isinstance(value, bool):
        raise InputTypeError(f"expected {name} to be True or False, got {quoted(value)}")
    return value


def class_weights(
    value: Sequence[float] | Tensor | None, name: str = "class_weight"
) -> tuple[float, ...] | None:
    """``value`` as one finite weight >= 0 a class, not all 0."""
    if value is None:
        return None
    weights = value.tolist() if isinstance(value, Tensor) else list(value)
    if not weights or not all(isinstance(weight, int | float) for weight in weights):
        raise InputTypeError(
            f"expected {name} to be one number for each class, got {quoted(value)}"
        )
    checked = tuple(number(f"every {name}", weight) for weight in weights)
    if not any(checked):
        raise InputError(f"expected {name} with at least one weight > 0, got {list(checked)}")
    return checked


def weight_vector(
    weights: tuple[float, ...] | Tensor | None, logits: Tensor, *, sides: bool = False
) -> Tensor | None:
    """Class weights as a tensor beside ``logits``, checked against its number of classes.

    With ``sides`` they may also be (C, 2), a weight for a label's absence and one for its presence.
    """
    if weights is None:
        return None
    vector = torch.as_tensor(weights, dtype=logits.dtype, device=logits.device)
    classes = logits.shape[1]
    if vector.shape != (classes,) and not (sides and vector.shape == (classes, 2)):
        raise InputError(
            f"expected one class_weight for each of {classes} classes, got "
            + (f"{vector.numel()}" if vector.ndim < 2 else f"the shape {tuple(vector.shape)}")
        )
    return vector
