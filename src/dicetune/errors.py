"""Exceptions for what a user can mend: what was expected, what came, what to do.

Everything dicetune raises on purpose is a ``DicetuneError``; the command line prints its
message and exits with code 2. Anything else that escapes is a fault of ours and keeps its
traceback.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

_LONGEST_VALUE = 80
_LONGEST_MESSAGE = 4_000
# controls, which a terminal may obey, but the line end; and marks that turn the direction of text
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Text as a terminal may show it: what it would obey is written as an escape.

    Args:
        text: from a file, or from anywhere else.

    Example:
        >>> printable("a\x1b[31mb")
        'a\\x1b[31mb'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def quoted(value: object) -> str:
    r"""A value as messages quote it: escaped, and of a long one its beginning and its length.

    Args:
        value: what came: a cell, an option, anything with a ``repr``. A ``Path`` is never
            shortened: what a message names must be found.

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
    # an int of more digits than the interpreter prints raises
    try:
        text = repr(value)
    except ValueError:
        return f"a {type(value).__name__} too long to print"
    return printable(text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…")


def listed(names: Iterable[object], most: int = 12) -> str:
    """Names one after the other; of many the first ones and how many more there are.

    Args:
        names: of columns, labels, keys.
        most: shown at most.

    Example:
        >>> listed(["text", "label"]), listed(range(20), most=2)
        ('text, label', '0, 1 and 18 more')
    """
    found = [str(name) for name in names]
    short = [name if len(name) <= _LONGEST_VALUE else quoted(name) for name in found[:most]]
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return printable(", ".join(short)) + more


class DicetuneError(Exception):
    """Base of every exception that dicetune raises on purpose.

    Args:
        message: what was expected, what came, what to do. What a terminal would obey is escaped.
    """

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
    """Ctrl-C where no training step is there to be ended first."""


class DataError(InputError):
    """Something wrong in a data file, with the file and, where known, the line.

    Args:
        path: the file.
        message: what was expected, what came, what to do.
        line: 1-based line number, or ``None`` where the whole file is meant.

    Example:
        >>> str(DataError("a.conll", "expected 2 columns, got 3", line=7))
        'a.conll:7: expected 2 columns, got 3'
    """

    def __init__(self, path: str | Path, message: str, line: int | None = None) -> None:
        self.path = str(path)
        self.line = line
        where = self.path if line is None else f"{self.path}:{line}"
        super().__init__(f"{where}: {message}")


def unknown_name(what: str, name: str, valid: Iterable[str]) -> InputError:
    """The error for a name that is not one of ``valid``, with the nearest valid one.

    Example:
        >>> str(unknown_name("loss", "dcie", ["dice", "ce"]))
        "unknown loss 'dcie': did you mean 'dice'? Valid: ce, dice"
    """
    names = sorted(valid)
    near = get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f": did you mean {quoted(near[0])}?" if near else "."
    return InputError(f"unknown {what} {quoted(name)}{hint} Valid: {listed(names, most=30)}")
