"""Exceptions for faults that a user can mend: what was expected, what came, what to do.

Everything that dicetune raises on purpose is a ``DicetuneError``: the command line prints the
message and exits with code 2. Any other exception is a fault of dicetune and keeps its traceback.
"""

import importlib
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

_LONGEST_VALUE = 80
_LONGEST_MESSAGE = 4_000
# control characters that a terminal may obey (all but the line end), and marks that turn text
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Text that a terminal may show: control characters are written as escapes.

    Example:
        >>> printable("a\x1b[31mb")
        'a\\x1b[31mb'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def quoted(value: object) -> str:
    r"""A value as messages quote it: escaped, a long value as its beginning and its length.

    A ``Path`` is never shortened: the reader of the message must find the file.

    Example:
        >>> quoted("a\tb"), quoted(7)
        ("'a\\tb'", '7')
        >>> quoted("x" * 500)[-25:]
        "xxx'… (of 500 characters)"
    """
    if isinstance(value, Path):
        return printable(repr(str(value)))
    if isinstance(value, str):
        if len(value) > _LONGEST_VALUE:
            return f"{printable(repr(value[: _LONGEST_VALUE - 20]))}… (of {len(value)} characters)"
        return printable(repr(value))
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than the interpreter prints
        return f"a {type(value).__name__} too long to print"
    return printable(text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…")


def listed(names: Iterable[object], most: int = 12) -> str:
    """Names joined by commas; of more than ``most`` names the beginning and how many follow.

    Example:
        >>> listed(["text", "label"]), listed(range(20), most=2)
        ('text, label', '0, 1 and 18 more')
    """
    found = [str(name) for name in names]
    short = [name if len(name) <= _LONGEST_VALUE else quoted(name) for name in found[:most]]
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return printable(", ".join(short)) + more


class DicetuneError(Exception):
    """Base of every exception that dicetune raises on purpose; control characters are escaped."""

    def __init__(self, message: str = "") -> None:
        if len(message) > _LONGEST_MESSAGE:
            half = _LONGEST_MESSAGE // 2
            message = f"{message[:half]} … {message[-half:]}"
        super().__init__(printable(message))


class InputError(DicetuneError, ValueError):
    """A value that cannot be used: an option, a shape, a name, a file."""


class InputTypeError(DicetuneError, TypeError):
    """A value of a type that cannot be used."""


class InterruptedRunError(DicetuneError):
    """A run was stopped by the user; its folder can be resumed."""


class StopRequestedError(InterruptedRunError):
    """Ctrl-C outside the training loop, where no step has to end first."""


class DataError(InputError):
    """A fault in a data file, with the file and, where it is known, the line (from 1).

    Example:
        >>> str(DataError("a.conll", "expected 2 columns, got 3", line=7))
        'a.conll:7: expected 2 columns, got 3'
    """

    def __init__(self, path: str | Path, message: str, line: int | None = None) -> None:
        self.path = str(path)
        self.line = line
        where = self.path if line is None else f"{self.path}:{line}"
        super().__init__(f"{where}: {message}")


class NoGoldError(DataError):
    """A data file without gold, where gold was expected: it may be text to predict."""


def unknown_name(what: str, name: str, valid: Iterable[str]) -> InputError:
    """The error for a name that is not in ``valid``, with the nearest valid name.

    Example:
        >>> str(unknown_name("loss", "dcie", ["dice", "ce"]))
        "unknown loss 'dcie': did you mean 'dice'? Valid: ce, dice"
    """
    names = sorted(valid)
    near = get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f": did you mean {quoted(near[0])}?" if near else "."
    return InputError(f"unknown {what} {quoted(name)}{hint} Valid: {listed(names, most=30)}")


def of_extra(module: str, extra: str, use: str) -> Any:
    """A module that an extra of dicetune installs.

    Args:
        module: such as "optuna".
        extra: that installs it, such as "search".
        use: what needs it, such as "--search".

    Raises:
        InputError: where the module is not installed, with what to type.

    Example:
        >>> try:
        ...     of_extra("no_such_module", "search", "--search")
        ... except InputError as error:
        ...     print(error)
        expected no_such_module for --search, got none: pip install 'dicetune[search]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != module.split(".")[0]:
            raise  # it is there, and something that it needs is not
        raise InputError(
            f"expected {module} for {use}, got none: pip install 'dicetune[{extra}]'"
        ) from None
