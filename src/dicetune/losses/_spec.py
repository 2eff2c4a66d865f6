"""Losses as text: ``"dice:smooth=1,level=set"``, ``"ce+0.5*tversky:alpha=0.3,beta=0.7"``.

spec   = term ("+" term)*
term   = [number "*"] name [":" option ("," option)*]
option = key "=" value          lists of numbers are written 1/5/5
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name
from dicetune.losses._base import Loss, option_defaults
from dicetune.losses._presets import LOSSES
from dicetune.losses._sum import SumLoss

_PLUS = re.compile(r"(?<!\d[eE])\+")  # not the plus of 1e+3


def build(spec: str) -> Loss:
    """The loss that a text describes.

    Args:
        spec: a name of ``LOSSES`` with options after a colon, or a sum of such terms.

    Returns:
        A Module called as ``loss(logits, target)``.

    Raises:
        InputError: for an unknown name or option (with the nearest valid one) and for values that
            cannot be used.

    Example:
        >>> build("dice:smooth=0.5").spec
        'dice:smooth=0.5'
        >>> build("ce + 0.5*tversky:alpha=0.3,beta=0.7").spec
        'ce+0.5*tversky'
        >>> build("dcie")
        Traceback (most recent call last):
        dicetune.errors.InputError: unknown loss 'dcie': did you mean 'dice'? Valid: asl, cb, ...
    """
    if not isinstance(spec, str):
        raise InputTypeError(f"expected a loss as text, got {type(spec).__name__}")
    terms = [_term(text.strip(), spec) for text in _PLUS.split(spec)]
    if len(terms) == 1 and terms[0][0] == 1.0:
        return terms[0][1]
    return SumLoss(terms)


def describe(loss: Loss) -> str:
    """The shortest text that ``build`` reads back to an equal loss."""
    if isinstance(loss, SumLoss):
        parts = loss.terms()
        return "+".join(
            term.spec if c == 1 and len(parts) > 1 else f"{_number(c)}*{term.spec}"
            for c, term in parts
        )
    texts = [
        _text(name, loss.options())
        for name, preset in LOSSES.items()
        if preset.factory is type(loss)
    ]
    return min(texts, key=lambda text: text.count("=")) if texts else type(loss).__name__


def option_texts(name: str) -> list[str]:
    """The options of a named loss with their defaults, as text."""
    return [f"{key}={_value_text(value)}" for key, value in _defaults(name).items()]


def _defaults(name: str) -> dict[str, Any]:
    preset = LOSSES[name]
    return {**option_defaults(preset.factory), **preset.options}


def _term(text: str, spec: str) -> tuple[float, Loss]:
    head, _, tail = text.partition(":")
    factor, star, name = head.rpartition("*")
    name = name.strip()
    if not name:
        raise InputError(
            f"expected a loss such as 'ce+0.5*dice:smooth=1', got {quoted(spec)}: a name is missing"
        )
    if name == "auto":
        raise InputError(
            "expected a loss, got 'auto': that is a recipe, which may have two phases; it cannot "
            "be part of a sum or take options"
        )
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    coefficient = _parse_number("a coefficient", factor.strip()) if star else 1.0
    options = dict(LOSSES[name].options)
    for part in filter(None, (part.strip() for part in tail.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in _defaults(name):
            raise unknown_name(f"option of {quoted(name)}", key, _defaults(name))
        if not equals or not value:
            raise InputError(f"expected {key}=value in {quoted(spec)}, got {quoted(part)}")
        options[key] = _parse(key, value, _defaults(name)[key])
    return coefficient, LOSSES[name].factory(**options)


def _parse(key: str, value: str, default: object) -> object:
    if default is None:
        if value.lower() == "none":
            return None
        return tuple(_parse_number(key, item) for item in value.split("/"))
    if isinstance(default, bool):
        if value.lower() not in ("true", "false"):
            raise InputError(f"expected {key}=true or {key}=false, got {quoted(value)}")
        return value.lower() == "true"
    return _parse_number(key, value) if isinstance(default, float) else value


def _parse_number(key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"expected a number for {key}, got {quoted(value)}") from None


def _text(name: str, options: Mapping[str, Any]) -> str:
    defaults = _defaults(name)
    changed = [
        f"{key}={_value_text(value)}" for key, value in options.items() if value != defaults[key]
    ]
    return f"{name}:{','.join(changed)}" if changed else name


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, tuple):
        return "/".join(_number(item) for item in value)
    return str(value).lower() if value is None else str(value)


def _number(value: float) -> str:
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else repr(float(value))
