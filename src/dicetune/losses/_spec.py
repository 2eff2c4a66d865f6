"""Losses as text: ``"dice:smooth=1,level=set"``, ``"ce+0.5*tversky:alpha=0.3,beta=0.7"``.

spec   = term ("+" term)*
term   = [number "*"] name [":" option ("," option)*]
name   = one of ``LOSSES``, or "py(" module ":" class or function ")" of a user's own
option = key "=" value          lists of numbers are written 1/5/5; of a user's own loss a value
                                is a number, true, false or a word
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name
from dicetune.losses._base import Loss, option_defaults
from dicetune.losses._imported import import_loss
from dicetune.losses._own import OwnLoss
from dicetune.losses._presets import LOSSES
from dicetune.losses._sum import SumLoss

_PLUS = re.compile(r"(?<!\d[eE])\+")  # not the plus of 1e+3
_TERM = re.compile(
    r"(?:(?P<factor>[^:(]*)\*)?\s*(?P<name>py\([^()]*\)?|[^:]*?)\s*(?::(?P<options>.*))?",
    re.DOTALL,
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def build(spec: str) -> Loss:
    """The loss that a text describes.

    Args:
        spec: a name of ``LOSSES`` with options after a colon, or a sum of such terms. A name
            ``py(module:Class)`` imports that module, which runs its code.

    Returns:
        A Module called as ``loss(logits, target)``.

    Raises:
        InputError: for an unknown name or option (with the nearest valid one) and for values that
            cannot be used; for a module that cannot be imported.

    Example:
        >>> build("dice:smooth=0.5").spec
        'dice:smooth=0.5'
        >>> build("ce+py(torch.nn:CrossEntropyLoss):label_smoothing=0.1").spec
        'ce+py(torch.nn:CrossEntropyLoss):label_smoothing=0.1'
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
    if loss.imported is not None:
        return _text(loss.imported, loss.options(), _own_defaults(loss), _own_value_text)
    if isinstance(loss, OwnLoss):
        return getattr(loss.function, "__name__", type(loss.function).__name__)
    texts = [
        _text(name, loss.options(), _defaults(name), _value_text)
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


def _own_defaults(loss: Loss) -> Mapping[str, Any]:
    """Of a user's own ``Loss`` those of its class; what wraps a function knows of none."""
    return {} if isinstance(loss, OwnLoss) else option_defaults(type(loss))


def _term(text: str, spec: str) -> tuple[float, Loss]:
    match = _TERM.fullmatch(text)
    factor, name, tail = match.group("factor", "name", "options") if match else (None, "", None)
    if not name:
        raise InputError(
            f"expected a loss such as 'ce+0.5*dice:smooth=1', got {quoted(spec)}: a name is missing"
        )
    if name == "auto":
        raise InputError(
            "expected a loss, got 'auto': that is a recipe, which may have two phases; it cannot "
            "be part of a sum or take options"
        )
    own = re.match(r"py\s*\(", name) is not None
    if not own and name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    coefficient = 1.0 if factor is None else _parse_number("a coefficient", factor.strip())
    options = {} if own else dict(LOSSES[name].options)
    given = set()
    for part in filter(None, (part.strip() for part in (tail or "").split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not own and key not in _defaults(name):
            raise unknown_name(f"option of {quoted(name)}", key, _defaults(name))
        if not equals or not value:
            raise InputError(f"expected {key}=value in {quoted(spec)}, got {quoted(part)}")
        if key in given:
            raise InputError(f"expected {key} once in {quoted(spec)}, got it again: {quoted(part)}")
        given.add(key)
        options[key] = _parse_own(value) if own else _parse(key, value, _defaults(name)[key])
    loss = import_loss(name, options) if own else LOSSES[name].factory(**options)
    return coefficient, loss


def _parse_own(value: str) -> object:
    """A number, true, false or a word: what a user's own loss expects is not known."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if _NUMBER.fullmatch(value):
        return int(value) if value.lstrip("+-").isdigit() else float(value)
    return value


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


def _text(
    name: str,
    options: Mapping[str, Any],
    defaults: Mapping[str, Any],
    value_text: Callable[[object], str],
) -> str:
    changed = [
        f"{key}={value_text(value)}"
        for key, value in options.items()
        if key not in defaults or value != defaults[key]
    ]
    return f"{name}:{','.join(changed)}" if changed else name


def _own_value_text(value: object) -> str:
    """As ``_parse_own`` reads it back, 3 as 3 and 3.0 as 3.0."""
    return str(value).lower() if isinstance(value, bool) else str(value)


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
