"""The folder of a comparison: names of its files, and checks of a folder from elsewhere."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dicetune.errors import DataError, DicetuneError, InputError, quoted
from dicetune.records import LOCK_FILE, read_json

PLAN_FILE = "comparison.json"
RUNS, EXTERNAL, SEARCH = "cells", "foreign", "search"
"""Folders of the runs, of the external predictions, and of the trials of the search."""

TOGETHER, BEST = "together", "best"
"""Folders of the records of all seeds together, and of the recommended model."""

FAILED = ".failed.json"
"""Ending of the file beside the folder of a run with the reason of its failure."""

WEIGHTS = "model*.safetensors*"
"""Files of a run that are dropped after the verdict, except those of the recommended model."""

_FOLDER_NAME = re.compile(r"[\w+-][\w.+ -]*")
_LONGEST_NAME = 200
"""Bytes; file systems allow 255, and endings are added."""


def is_folder_name(name: object) -> bool:
    """Whether a name may become a folder below the folder of a comparison, and nowhere else.

    Example:
        >>> [is_folder_name(name) for name in ("ce-seed1-43477994", "other tool", "../x", "/x", "")]
        [True, True, False, False, False]
    """
    return (
        isinstance(name, str)
        and _FOLDER_NAME.fullmatch(name) is not None
        and len(name.encode()) <= _LONGEST_NAME
    )


def check_predictions(predictions: Mapping[str, str]) -> None:
    """Refuse names and files of external predictions that cannot be used, before any training."""
    for name, file in predictions.items():
        if not is_folder_name(name):
            raise InputError(
                f"expected a name of letters, digits, spaces and . + - _ for external predictions, "
                f"got {quoted(name)}: --predictions NAME=FILE"
            )
        if not Path(file).is_file():
            raise InputError(
                f"expected a file of predictions for {quoted(name)}, got {quoted(file)}: no such"
            )


def refuse_links(folder: Path) -> None:
    """Refuse a folder with links: their targets would be read or overwritten."""
    for place, names, files in os.walk(folder):
        for name in (*names, *files):
            path = Path(place) / name
            if path.is_symlink():
                raise DataError(
                    path,
                    "expected a file or folder of a comparison, got a link to another place: put "
                    "its target in place of the link, or remove the link",
                )


@contextlib.contextmanager
def reading(path: Path, mend: str) -> Iterator[None]:
    """Turn any error of a damaged record into one ``DataError`` that says how to mend it."""
    try:
        yield
    except DicetuneError as error:
        said = str(error).removeprefix(f"{path}: ")
        raise DataError(path, f"{said}; {mend}") from None
    except (PermissionError, BlockingIOError):  # the file may be whole
        raise
    except Exception as error:  # a damaged file may break any code that reads it
        why = quoted(str(error).partition("\n")[0])
        raise DataError(
            path,
            f"expected a whole record, got a damaged one ({type(error).__name__}: {why}); {mend}",
        ) from None


def failure_of(folder: Path) -> str | None:
    """The reason why the last try of a run failed, if it failed."""
    path = folder.with_name(folder.name + FAILED)
    if not path.is_file():
        return None
    try:
        return str(read_json(path)["reason"])
    except (DataError, KeyError):
        return "failed"


def check_writable(out: Path) -> None:
    """Refuse a folder that cannot be made or written, before anything is done."""
    there = next((path for path in (out, *out.absolute().parents) if os.path.lexists(path)), out)
    if not there.is_dir():
        raise InputError(f"expected a folder for the comparison, got the file {quoted(there)}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(
            f"expected a folder that can be written in, got {quoted(there)}: give another --out"
        )


def check_out(out: Path) -> None:
    """Refuse a folder that holds anything but a comparison, or cannot be written in."""
    check_writable(out)
    begun = {LOCK_FILE, f"{PLAN_FILE}.part"}  # files that a kill may leave before there is a plan
    if (
        out.is_dir()
        and {path.name for path in out.iterdir()} - begun
        and not (out / PLAN_FILE).is_file()
    ):
        raise InputError(
            f"expected a new or empty folder, or the folder of a comparison, got {quoted(out)} "
            f"without {PLAN_FILE}: give another --out"
        )
