"""Options of a task: a frozen dataclass each, filled from plain values and checked here."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from dicetune.errors import InputError, InputTypeError, unknown_name

Chosen = TypeVar("Chosen")


def build_options(options_class: type[Chosen], values: Mapping[str, Any]) -> Chosen:
    """Options from names and values.

    Args:
        options_class: the task's ``Options``.
        values: names and values, as a configuration or ``-o`` holds them.

    Raises:
        InputError: an unknown name (with the nearest valid one), or a value that cannot be used.
        InputTypeError: a value of another type.
    """
    hints = typing.get_type_hints(options_class)
    for name, value in values.items():
        if name not in hints:
            raise unknown_name("option", name, list(hints))
        check_type(name, hints[name], value)
    return options_class(**values)


def at_least(name: str, value: float | None, least: float) -> None:
    """Refuse a number below ``least``; ``None`` stands for the default."""
    if value is not None and value < least:
        raise InputError(f"expected {name} of at least {least}, got {value}")


def check_type(name: str, hint: Any, value: Any) -> None:
    """Refuse a value that its hint does not allow; an integer is a number too.

    Raises:
        InputTypeError: expected type, value and its type.
    """
    plain = plain_types(hint)
    accepted = (*plain, int) if float in plain else plain
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in plain):
        names = " or ".join(
            "nothing" if option is type(None) else option.__name__ for option in plain
        )
        raise InputTypeError(f"expected {name} as {names}, got {value!r} ({type(value).__name__})")


def plain_types(hint: Any) -> tuple[Any, ...]:
    """The plain types that a hint allows."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    options = typing.get_args(hint) if union else (hint,)
    return tuple(typing.get_origin(option) or option for option in options)


def describe_options(options_class: type) -> list[dict[str, str]]:
    """Name, default and meaning of each option, as its docstring has them."""
    meanings = _meanings(options_class.__doc__ or "")
    return [
        {
            "option": entry.name,
            "default": "" if entry.default is None else str(entry.default),
            "meaning": meanings.get(entry.name, ""),
        }
        for entry in fields(options_class)
    ]


def _meanings(text: str) -> dict[str, str]:
    """The entries under ``Args:`` of a docstring."""
    found: dict[str, str] = {}
    name = None
    inside = False
    for line in text.split("\n"):
        if line.strip() == "Args:":
            inside = True
        elif inside and line.startswith(" " * 8) and not line.startswith(" " * 9):
            name, _, meaning = line.strip().partition(": ")
            found[name] = meaning
        elif inside and name is not None and line.startswith(" " * 12):
            found[name] += " " + line.strip()
        elif inside and line.strip():
            break
    return found
