r"""Files to lines: UTF-8, gzip or plain, and a message for all else.

Lines end at ``\n`` alone, with one ``\r`` before it dropped. ``str.splitlines`` and
``str.strip`` are never used to find records: they also cut at U+0085, U+2028, U+001C and drop
U+00A0, which real text holds inside its words.

A plain file may have any size. A gzip file that holds more than 256 MB in less than a hundredth of
that is refused while it is unpacked: a few bytes would fill the memory.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from dicetune.errors import DataError, InputError, quoted

STDIN = "-"
LIMIT = "DICETUNE_MAX_EXPANDED_MB"
"""Name of the environment variable that moves the limit of unpacked gzip files."""

_MB = 1_000_000
_LARGEST = 256
_DENSEST = 100


def read_lines(path: str | Path, *, returns: bool = False) -> list[str]:
    r"""The lines of a text file, without their ends; a byte order mark is dropped.

    Args:
        path: a file, plain or gzip (told by its first bytes, not its name); ``-`` is stdin.
        returns: whether the ``\r`` of a line end is left: in a table it may be part of a cell.

    Raises:
        DataError: no such file, a folder, unreadable, empty, not UTF-8, a gzip file that is
            damaged or a bomb.
    """
    raw = _bytes(path)
    text = _decode(raw, path).removeprefix("\ufeff")
    if not text.strip():
        raise DataError(path, "expected text, got an empty file: check how it was made")
    if "\n" not in text.rstrip("\r\n") and "\r" in text.rstrip("\r\n"):
        raise DataError(
            path,
            "expected lines that end in LF or CR LF, got CR alone: "
            "convert it, for example with `tr '\\r' '\\n'`",
        )
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines if returns else without_returns(lines)


def without_returns(lines: Iterable[str]) -> list[str]:
    r"""Lines without the ``\r`` of their ends."""
    return [line.removesuffix("\r") for line in lines]


def source_name(path: str | Path) -> str:
    """How messages call a path: ``<stdin>`` for ``-``."""
    return "<stdin>" if str(path) == STDIN else str(path)


def _bytes(path: str | Path) -> bytes:
    if str(path) == STDIN:
        raw = sys.stdin.buffer.read()
    elif Path(path).is_dir():
        raise DataError(path, "expected a file, got a directory: name one file in it")
    else:
        try:
            raw = Path(path).read_bytes()
        except FileNotFoundError:
            raise DataError(path, "no such file: check the path") from None
        except OSError as error:
            raise DataError(path, f"cannot be read: {error.strerror or error}") from None
    return _unpacked(raw, path) if raw.startswith(b"\x1f\x8b") else raw


def _unpacked(raw: bytes, path: str | Path) -> bytes:
    """What a gzip file holds, as far as it is no bomb."""
    most = _limit() * _MB
    found: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=BytesIO(raw)) as stream:
            while piece := stream.read(_MB):
                found.append(piece)
                size += len(piece)
                if size > most and size > _DENSEST * len(raw):
                    raise DataError(
                        path,
                        f"expected a gzip file of at most {most // _MB} MB unpacked, got more in "
                        f"{len(raw) / _MB:.1f} MB: unpack it first, or set {LIMIT} to more",
                    )
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            path, f"expected a whole gzip file, got a damaged one ({error}): fetch it again"
        ) from None
    return b"".join(found)


def _limit() -> int:
    chosen = os.environ.get(LIMIT, str(_LARGEST))
    if not (chosen.isascii() and chosen.isdigit()):
        raise InputError(f"expected {LIMIT} to be a whole number of MB, got {quoted(chosen)}")
    return int(chosen)


def _decode(raw: bytes, path: str | Path) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            path,
            "expected UTF-8, got UTF-16 (by its byte order mark): convert it, for example with "
            "`iconv -f UTF-16 -t UTF-8`",
            line=1,
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line_start = before.rfind(b"\n") + 1
        raise DataError(
            path,
            f"expected UTF-8, got the byte 0x{raw[error.start]:02x} "
            f"at byte {error.start - line_start + 1} of the line: convert the file, for example "
            "with `iconv -f ISO-8859-1 -t UTF-8`",
            line=before.count(b"\n") + 1,
        ) from None
