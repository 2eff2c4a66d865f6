"""Text to files, which appear whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

from dicetune.data.files.open_text import STDIN
from dicetune.errors import InputError, quoted

Target = str | Path | TextIO


def write_text(target: Target, text: str) -> None:
    """Write text as UTF-8; a file appears whole or not at all.

    Args:
        target: a file, an open text stream, or ``-`` for stdout.
        text: all of it.

    Raises:
        InputError: a target that cannot be written, or half a surrogate pair in the text.
    """
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"expected whole characters, got half a surrogate pair {quoted(text[error.start])}"
        ) from None
    if str(target) == STDIN:
        sys.stdout.write(text)
    elif isinstance(target, (str, Path)):
        check_target(target)
        _replace(target, raw)
    else:
        target.write(text)


def check_target(target: Target) -> None:
    """Refuse a file that cannot be written before any work is spent on its content.

    Args:
        target: as ``write_text`` takes it; streams always pass.

    Raises:
        InputError: a folder, or a file in a folder that is not there or cannot be written.

    Example:
        >>> check_target("none/out.conll")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        dicetune.errors.InputError: expected a file in an existing folder, got 'none/out.conll': ...
    """
    if str(target) == STDIN or not isinstance(target, (str, Path)):
        return
    path = Path(target)
    if os.path.isdir(path):
        raise InputError(
            f"expected a file to write to, got the folder {quoted(Path(target))}: name a file in it"
        )
    if not os.path.isdir(path.parent):
        raise InputError(
            f"expected a file in an existing folder, got {quoted(Path(target))}: make the folder "
            f"{quoted(path.parent)} first"
        )
    if not os.access(path if _is_stream(path) else path.parent, os.W_OK):
        raise InputError(
            f"expected a file that can be written, got {quoted(Path(target))}: no permission "
            f"to write in "
            f"{quoted(path.parent)}, name a file elsewhere"
        )


def _replace(target: str | Path, raw: bytes) -> None:
    """Write beside the file, then rename: a reader never meets half of it."""
    # a link stays a link: the file behind it is replaced
    path = Path(os.path.realpath(target))
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        if _is_stream(path):
            path.write_bytes(raw)
            return
        try:
            partial.write_bytes(raw)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"expected a file that can be written, got {quoted(Path(target))}: "
            f"{error.strerror or error}"
        ) from None


def _is_stream(path: Path) -> bool:
    """A pipe or a device, such as /dev/null, which must not be renamed over."""
    return os.path.exists(path) and not os.path.isfile(path)
