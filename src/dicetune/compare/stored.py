"""What is read back from a folder that may come from anywhere: types, names, links, damage."""

from __future__ import annotations

import contextlib
import os
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from dicetune.errors import DataError, DicetuneError, InputError, quoted

Stored = TypeVar("Stored")

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


def checked(kind: type[Stored], values: Any) -> Stored:
    """A dataclass from plain data whose types are those of its fields.

    Raises:
        TypeError: another type, with the name of the field.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Point:
        ...     x: int
        >>> checked(Point, {"x": 1})
        Point(x=1)
    """
    if not isinstance(values, dict):
        raise TypeError(f"{kind.__name__}: expected an object, got {quoted(values)}")
    made = kind(**values)
    check_types(made)
    return made


def check_types(made: Any) -> None:
    """Refuse a dataclass one of whose fields has another type than it declares.

    Raises:
        TypeError: with the name of the field.
    """
    hints = typing.get_type_hints(type(made))
    for entry in fields(made):
        value = getattr(made, entry.name)
        if not _fits(value, hints[entry.name]):
            raise TypeError(f"{entry.name}: expected {entry.type}, got {quoted(value)}")


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, part) for part in parts)
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, origin or hint) or (isinstance(value, bool) and hint is not bool):
        return False
    if origin is dict:
        return all(_fits(key, parts[0]) and _fits(own, parts[1]) for key, own in value.items())
    if origin in (list, tuple):
        return all(_fits(own, parts[0]) for own in value)
    return True


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


@contextlib.contextmanager
def writing(out: Path) -> Iterator[None]:
    """An error of the system is one message that names the file.

    Args:
        out: folder of the comparison.

    Raises:
        InputError: with what the system said.
    """
    try:
        yield
    except OSError as error:
        where = Path(error.filename) if isinstance(error.filename, str) else out
        raise InputError(
            f"expected to read and write in the folder {quoted(out)}, got "
            f"{error.strerror or error} at {quoted(where)}: see that there is room and that it is "
            "yours to write in, or give another --out"
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
