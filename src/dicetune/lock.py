"""One process at a time in a folder: a lock of the system, which no kill can leave behind."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from dicetune.errors import InputError, quoted

LOCK_FILE = ".lock"
_PATIENCE = 60.0


@contextlib.contextmanager
def locked(
    folder: Path,
    report: Callable[[str], None] = lambda line: None,
    patience: float = _PATIENCE,
    *,
    who: str = "another comparison, or a cell of one that was killed,",
) -> Iterator[list[int]]:
    """Hold the lock of a folder.

    A running cell inherits it: after a kill of the comparison the folder is free only when its cell
    has saved and ended too, which takes a step and is waited for.

    Args:
        folder: of a comparison or a run.
        report: takes a line where it has to be waited for.
        patience: seconds to wait.
        who: may be at work there, for the message.

    Yields:
        File descriptors that a cell inherits; none where the system has no such locks.

    Raises:
        InputError: where another process works in the folder.
    """
    try:
        import fcntl
    except ImportError:
        yield []
        return
    until = time.monotonic() + patience
    said = False
    while True:
        with (folder / LOCK_FILE).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                    yield []  # a file system without locks
                    return
                if time.monotonic() >= until:
                    raise InputError(
                        f"expected a folder that nobody else works in, got {quoted(folder)}: "
                        f"{who} is running there; wait for it or stop it"
                    ) from None
            else:
                if _is_current(file, folder):
                    yield [file.fileno()]
                    return
                continue
        if not said:
            report(f"waiting for another process that works in {folder}")
            said = True
        time.sleep(0.2)


def _is_current(file: IO[str], folder: Path) -> bool:
    """Whether others would find the file that was locked: who held it may have deleted it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK_FILE))
    except FileNotFoundError:
        return False
