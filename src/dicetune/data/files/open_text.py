r"""Files to lines: UTF-8, gzip or plain, and a message for all else.

Lines end at ``\n`` alone, with one ``\r`` before it dropped. ``str.splitlines`` and
``str.strip`` are never used to find records: they also cut at U+0085, U+2028, U+001C and drop
U+00A0, which real text holds inside its words.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path

from dicetune.errors import DataError

STDIN = "-"


def read_lines(path: str | Path) -> list[str]:
    """The lines of a text file, without their ends; a byte order mark is dropped.

    Args:
        path: a file, plain or gzip (told by its first bytes, not its name); ``-`` is stdin.

    Raises:
        DataError: no such file, a folder, unreadable, empty, not UTF-8.
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
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if not lines[-1]:
        lines.pop()
    return lines


def source_name(path: str | Path) -> str:
    """How messages call a path: ``<stdin>`` for ``-``."""
    return "<stdin>" if str(path) == STDIN else str(path)


def _bytes(path: str | Path) -> bytes:
    if str(path) == STDIN:
        return sys.stdin.buffer.read()
    file = Path(path)
    if file.is_dir():
        raise DataError(path, "expected a file, got a directory: name one file in it")
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise DataError(path, "no such file: check the path") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            path, f"expected a whole gzip file, got a damaged one ({error}): fetch it again"
        ) from None


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
