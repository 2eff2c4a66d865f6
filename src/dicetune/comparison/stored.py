"""What is read back from a folder that may come from anywhere: names, links, damage."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dicetune.errors import DataError, DicetuneError, InputError, quoted

_FOLDER_NAME = re.compile(r"[\w+-][\w.+ -]*")
_LONGEST_NAME = 200
"""Bytes; file systems allow 255, and endings follow."""


def is_folder_name(name: object) -> bool:
    """Whether a name may become a folder below that of a comparison, and nothing else.

    Example:
        >>> [is_folder_name(name) for name in ("ce-seed1-43477994", "other tool", "../x", "/x", "")]
        [True, True, False, False, False]
    """
    return (
        isinstance(name, str)
        and _FOLDER_NAME.fullmatch(name) is not None
        and len(name.encode()) <= _LONGEST_NAME
    )


def refuse_links(folder: Path) -> None:
    """Refuse a folder with links in it: they lead elsewhere, to be read or written over.

    Raises:
        DataError: the first link.
    """
    for place, names, files in os.walk(folder):
        for name in (*names, *files):
            path = Path(place) / name
            if path.is_symlink():
                raise DataError(
                    path,
                    "expected a file or folder of a comparison, got a link to another place: put "
                    "what it leads to in its place, or remove it",
                )


@contextlib.contextmanager
def reading(path: Path, mend: str) -> Iterator[None]:
    """Whatever is wrong with a record becomes one message, with what heals it.

    Args:
        path: of the record.
        mend: what to do.

    Raises:
        DataError: for anything that a damaged file may cause.
    """
    try:
        yield
    except DicetuneError as error:
        said = str(error).removeprefix(f"{path}: ")
        raise DataError(path, f"{said}; {mend}") from None
    except (PermissionError, BlockingIOError):  # the file may be whole
        raise
    except Exception as error:  # a damaged file may break whatever reads it
        why = quoted(str(error).partition("\n")[0])
        raise DataError(
            path,
            f"expected a whole record, got a damaged one ({type(error).__name__}: {why}); {mend}",
        ) from None


def check_place(out: Path) -> None:
    """Refuse a folder that cannot be made or written in, before anything is done.

    Raises:
        InputError: below a file, or not to be written in.
    """
    there = next((own for own in (out, *out.absolute().parents) if _exists(own)), out)
    if not there.is_dir():
        raise InputError(f"expected a folder for the comparison, got the file {quoted(there)}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(
            f"expected a folder that can be written in, got {quoted(there)}: give another --out"
        )


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:
        return False
    return True
