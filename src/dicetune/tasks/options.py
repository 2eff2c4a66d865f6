"""Options of a task: a frozen dataclass, filled from plain values and checked here.

A field declares in which uses it has a meaning (``option``); other uses refuse it, never ignore it.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, field, fields
from typing import Any, Literal, TypeVar

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name

Chosen = TypeVar("Chosen")

Use = Literal["train", "evaluate", "predict", "ask", "score", "compare", "inspect"]

USES: dict[Use, str] = {
    "train": "training a model",
    "evaluate": "a model on data with gold",
    "predict": "a model on data without gold",
    "ask": "a model on texts given in the call",
    "score": "a file of predictions and gold",
    "compare": "a file of predictions beside a file of gold",
    "inspect": "looking at data with gold",
}
"""The uses of options, in words."""

MODEL: tuple[Use, ...] = ("train", "evaluate", "predict", "ask")
"""Uses in which a model runs."""

GOLD: tuple[Use, ...] = ("train", "evaluate", "inspect")
"""Uses in which the task's reader reads gold."""

FILES: tuple[Use, ...] = (*GOLD, "predict", "score", "compare")
"""Uses in which a file is read."""


def option(
    default: Any,
    *,
    uses: Iterable[Use],
    choices: Sequence[str] | None = None,
    least: float | None = None,
) -> Any:
    """A field of ``Options`` with a meaning in some uses; a plain default has one in all uses."""
    return field(default=default, metadata={"uses": (*uses,), "choices": choices, "least": least})


class TaskOptions:
    """Base of a task's options: every value is checked against the declaration of its field."""

    def __post_init__(self) -> None:
        for entry in fields(self):  # type: ignore[arg-type]
            value = getattr(self, entry.name)
            choices = entry.metadata.get("choices")
            if choices is not None and value not in choices:
                raise unknown_name(entry.name, value, choices)
            if (least := entry.metadata.get("least")) is not None:
                at_least(entry.name, value, least)


def build_options(options_class: type[Chosen], values: Mapping[str, Any], *, use: Use) -> Chosen:
    """Options from names and values."""
    if use not in USES:
        raise unknown_name("use of options", use, USES)
    hints = typing.get_type_hints(options_class)
    values = read_option_texts(hints, values)
    entries = {entry.name: entry for entry in fields(options_class)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in entries:
            raise unknown_name("option", name, list(entries))
        if use not in (uses := _uses(entries[name])):
            raise InputError(
                f"expected options of {use} ({USES[use]}), got {name}={quoted(value)}: it is for "
                f"{', '.join(uses)}; leave it out"
            )
        check_type(name, hints[name], value)
    return options_class(**values)


def check_needs_no_file(options_class: type, values: Mapping[str, Any], instead: str) -> None:
    """Refuse options that say how a file with gold is read, where no such file is read."""
    for entry in fields(options_class):
        if entry.name in values and "inspect" in entry.metadata.get("uses", USES):
            raise InputError(
                f"expected no {entry.name} beside {instead}, got {quoted(values[entry.name])}: it "
                "says how a file is read; leave it out"
            )


def at_least(name: str, value: float | None, least: float) -> None:
    """Refuse a number below ``least``; ``None`` means the default."""
    if value is not None and not value >= least:  # NaN neither
        raise InputError(f"expected {name} of at least {least}, got {value}")


_WHOLE = re.compile("[-+]?[0-9]{1,30}", re.ASCII)
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?inf|nan", re.ASCII)
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOTHING = ("", "~", "none", "None", "null", "Null", "NULL")


def read_text(hint: Any, value: Any) -> Any:
    """A text from a command line or a YAML file as a value of a type; other values unchanged.

    Numbers are decimal. A type that takes a text keeps the text; if the type takes an integer too,
    digits without a leading zero are an integer. A text that does not fit is left for
    ``check_type`` to refuse. Values of a mapping have no types: a text in the form of a number or a
    flag is a number or a flag.
    """
    plain = plain_types(hint)
    if isinstance(value, Mapping) and dict in plain:
        return {key: read_text(bool | float | int, entry) for key, entry in value.items()}
    if not isinstance(value, str):
        return value
    if bool in plain and value in _FLAGS:
        return _FLAGS[value]
    if int in plain and _WHOLE.fullmatch(value):
        if str not in plain or str(int(value)) == value:
            return int(value)
        return value
    if str in plain:
        return value
    if float in plain and _NUMBER.fullmatch(value):
        return int(value) if _WHOLE.fullmatch(value) else float(value)
    return None if type(None) in plain and value in _NOTHING else value


def read_option_texts(hints: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Names and values, each read by the type of its name; unknown names are unchanged."""
    return {name: read_text(hints.get(name), value) for name, value in values.items()}


def check_type(name: str, hint: Any, value: Any) -> None:
    """Refuse a value that its hint does not allow; an integer is a number too."""
    plain = plain_types(hint)
    accepted = (*plain, int) if float in plain else plain
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in plain):
        names = " or ".join(
            "nothing" if option is type(None) else option.__name__ for option in plain
        )
        raise InputTypeError(
            f"expected {name} as {names}, got {quoted(value)} ({type(value).__name__})"
        )


def plain_types(hint: Any) -> tuple[Any, ...]:
    """The plain types that a hint allows."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    options = typing.get_args(hint) if union else (hint,)
    return tuple(typing.get_origin(option) or option for option in options)


def describe_options(options_class: type) -> list[dict[str, str]]:
    """Name, values, default, uses and meaning (of the docstring) of each option of a class."""
    meanings: dict[str, str] = {}
    hints = typing.get_type_hints(options_class)
    for base in reversed(options_class.__mro__):
        meanings |= _meanings(vars(base).get("__doc__") or "")
    return [
        {
            "option": entry.name,
            "values": _values(entry, hints[entry.name]),
            "default": "" if entry.default is None else str(entry.default),
            "for": "all" if len(_uses(entry)) == len(USES) else ", ".join(_uses(entry)),
            "meaning": meanings.get(entry.name, ""),
        }
        for entry in fields(options_class)
    ]


_NAMES = {bool: "true|false", int: "N", float: "NUMBER", str: "TEXT"}


def _values(entry: Field[Any], hint: Any) -> str:
    """The values that an option takes: its choices, else its types in words."""
    if choices := entry.metadata.get("choices"):
        return "|".join(choices)
    return "|".join(_NAMES[plain] for plain in plain_types(hint) if plain in _NAMES)


def _uses(entry: Field[Any]) -> list[Use]:
    """The uses in which an option has a meaning, in the order of ``USES``."""
    declared = entry.metadata.get("uses", USES)
    return [use for use in USES if use in declared]


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
