"""One comparison at a time in a folder: a lock of the system, which no kill can leave behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dicetune.errors import InputError, quoted

LOCK_FILE = ".lock"
_PATIENCE = 60.0


@contextlib.contextmanager
def locked(
    folder: Path, report: Callable[[str], None] = lambda line: None, patience: float = _PATIENCE
) -> Iterator[list[int]]:
    """Hold the lock of a folder.

    A running cell inherits it: after a kill of the comparison the folder is free only when its cell
    has saved and ended too, which takes a step and is waited for.

    Args:
        folder: of the comparison.
        report: takes a line where it has to be waited for.
        patience: seconds to wait.

    Yields:
        File descriptors that a cell inherits; none where the system has no such locks.

    Raises:
        InputError: where another comparison works in the folder.
    """
    try:
        import fcntl
    except ImportError:
        yield []
        return
    with (folder / LOCK_FILE).open("w") as file:
        until = time.monotonic() + patience
        said = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    raise InputError(
                        f"expected a folder that nobody else works in, got {quoted(folder)}: "
                        "another comparison, or a cell of one that was killed, is running there; "
                        "wait for it or stop it"
                    ) from None
            if not said:
                report(f"waiting for another process that works in {folder}")
                said = True
            time.sleep(0.2)
        yield [file.fileno()]
