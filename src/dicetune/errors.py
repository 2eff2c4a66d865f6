"""Exceptions for what a user can mend: what was expected, what came, what to do.

Everything dicetune raises on purpose is a ``DicetuneError``; the command line prints its
message and exits with code 2. Anything else that escapes is a fault of ours and keeps its
traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class DicetuneError(Exception):
    """Base of every exception that dicetune raises on purpose."""


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
    hint = f": did you mean {near[0]!r}?" if near else "."
    return InputError(f"unknown {what} {name!r}{hint} Valid: {', '.join(names)}")
