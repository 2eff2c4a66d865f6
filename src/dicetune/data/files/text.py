r"""Text files: read as lines of UTF-8 (gzip too), written whole or not at all; notes of a reader.

Lines end at ``\n`` alone, and one ``\r`` before ``\n`` is dropped. Readers never find records by
``str.splitlines`` or ``str.strip``: both also cut at U+0085, U+2028 and U+001C and drop U+00A0,
which real text holds inside its words.

Lines are kept as bytes: a list of short lines takes six times the file. A plain file may have any
size. A gzip file that holds more than 256 MB in less than a hundredth of that size is refused while
it is unpacked: a few bytes would fill the memory.
"""

from __future__ import annotations

import gzip
import logging
import os
import sys
import zlib
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TextIO

from dicetune.data.files.rows import Entry, OnDemand
from dicetune.errors import DataError, InputError, NoGoldError, quoted

_log = logging.getLogger(__name__)
STDIN = "-"
LIMIT = "DICETUNE_MAX_EXPANDED_MB"
"""Name of the environment variable for the limit of unpacked gzip files, in MB."""

_MB = 1_000_000
_LARGEST = 256
_DENSEST = 100
_PLACES = 5
_MARK = "\ufeff".encode()
_BLOCK = 1 << 16  # bytes that are decoded at once

Target = str | Path | TextIO
"""A file, an open text stream, or ``-`` for stdout."""


@dataclass(frozen=True)
class Note:
    """Something that a reader met: the rule by which it was read, how often, the first places."""

    rule: str
    count: int
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        first = f"; first at {', '.join(self.places)}" if self.places else ""
        return f"{self.rule} ({self.count}{first})"


class Piece(str):
    """A part of the input stream that was read before, in place of its path ``-``."""

    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        """The path with its bytes."""
        path = super().__new__(cls, STDIN)
        path.raw = raw
        return path


class Entries(Generic[Entry]):
    """Rows of a file. The first of ``parts`` names their field; the other parts run beside it."""

    parts: ClassVar[tuple[str, ...]]
    in_blocks: ClassVar[bool] = False  # whether entries may be lines between blank lines
    is_document: bool | property = False  # whether entries are parts of JSON, not lines
    source: str  # the file, as messages name it
    notes: tuple[Note, ...]  # what was odd in it

    @property
    def is_labelled(self) -> bool:
        """Whether gold was read."""
        raise NotImplementedError

    def ties_of(self, entry: Any) -> list[Hashable]:
        """What an equal entry shares, such as its text; then what must stay together too."""
        raise NotImplementedError

    def strata_of(self, entry: Any) -> list[str]:
        """The labels whose shares should be equal in all parts of a split."""
        raise NotImplementedError

    def kept_of(self, entries: Sequence[Any], document: Any) -> Any:
        """The JSON document of the file with these entries alone."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(getattr(self, self.parts[0]))

    def __iter__(self) -> Iterator[Entry]:
        return iter(getattr(self, self.parts[0]))

    def part(self, begin: int, end: int) -> Self:
        """The corpus cut to the entries of a range."""
        this: Any = self
        parts = {name: getattr(this, name) for name in self.parts}
        there = {name: part for name, part in parts.items() if part is not None}
        cut: Self = replace(this, **{name: part[begin:end] for name, part in there.items()})
        return cut

    def first(self, count: int) -> Self:
        """The corpus cut to the first ``count`` entries."""
        return self.part(0, count)

    def place_of(self, entry: Any) -> str:
        """The place of an entry: "file:line", or the file alone."""
        return str(Place(self.source, entry.line))


@dataclass(frozen=True)
class Place:
    """A place in a file, as messages and notes name it."""

    source: str
    line: int | None = None
    path: str = ""  # inside the JSON of the file: "data[3].paragraphs[0].qas[2]"

    def __str__(self) -> str:
        head = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{head}: {self.path}" if self.path else head

    def error(self, message: str) -> DataError:
        """An error that names this place."""
        text = f"{self.path}: {message}" if self.path else message
        return DataError(self.source, text, line=self.line)


class NoteBook:
    """Counts by rule, with the first few places of each rule."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}

    def add(self, rule: str, place: Place | str, count: int = 1) -> None:
        """Count one case of a rule, or several that begin at one place."""
        self._counts[rule] = self._counts.get(rule, 0) + count
        places = self._places.setdefault(rule, [])
        if len(places) < _PLACES:
            places.append(str(place))

    def notes(self) -> tuple[Note, ...]:
        """All rules with a case, in the order of their first cases."""
        return tuple(
            Note(rule, count, tuple(self._places[rule])) for rule, count in self._counts.items()
        )


class Reader:
    """Base of what reads one file: errors name the file, notes count what was odd in it."""

    source: str
    notes: NoteBook

    def note(self, rule: str, line: int | None = None, count: int = 1) -> None:
        """Count one case of a rule, or several of which the first one is on the line."""
        self.notes.add(rule, Place(self.source, line), count)

    def error(self, message: str, line: int | None = None) -> DataError:
        """An error in the file."""
        return DataError(self.source, message, line=line)

    def no_gold(self, message: str, line: int | None = None) -> NoGoldError:
        """The error of a file that has no gold at all."""
        return NoGoldError(self.source, message, line=line)


def log_notes(notes: Iterable[Note]) -> None:
    """Log what a reader noted, one line a rule."""
    for note in notes:
        _log.info("%s", note)


class Lines(OnDemand[str]):
    r"""The lines of UTF-8 text, each made when it is asked for.

    Args:
        raw: the text.
        returns: keep the ``\r`` of a line end.

    Raises:
        UnicodeDecodeError: where the text is no UTF-8.

    Example:
        >>> lines = Lines(b"one\r\ntwo\nthree")
        >>> list(lines), len(lines), lines[1]
        (['one', 'two', 'three'], 3, 'two')
    """

    def __init__(self, raw: bytes, returns: bool = False) -> None:
        self._raw, self._returns = raw, returns
        self.is_blank = True
        # where each block of lines begins, in bytes and in lines
        self._begins, self._counts = [0], [0]
        while self._begins[-1] < len(raw):
            begin = self._begins[-1]
            end = raw.find(b"\n", begin + _BLOCK) + 1 or len(raw)
            try:
                text = raw[begin:end].decode("utf-8")
            except UnicodeDecodeError as error:
                places = begin + error.start, begin + error.end
                raise UnicodeDecodeError("utf-8", raw, *places, error.reason) from None
            self.is_blank = self.is_blank and not text.strip()
            self._begins.append(end)
            self._counts.append(self._counts[-1] + text.count("\n") + (not text.endswith("\n")))
        self._numbers = range(self._counts[-1])

    def without_returns(self) -> Lines:
        r"""The same lines without the ``\r`` of their ends."""
        other = copy(self)
        other._returns = False
        return other

    def __len__(self) -> int:
        return len(self._numbers)

    def part(self, first: int, stop: int) -> Lines:
        """The lines of a range."""
        other = copy(self)
        other._numbers = self._numbers[first:stop]
        return other

    def __iter__(self) -> Iterator[str]:
        first, stop = self._numbers.start, self._numbers.stop
        block = bisect_right(self._counts, first) - 1
        skipped = self._counts[block]
        return islice(self._from(block), first - skipped, stop - skipped)

    def _from(self, block: int) -> Iterator[str]:
        """The lines from the beginning of a block on."""
        for number in range(block, len(self._begins) - 1):
            text = self._raw[self._begins[number] : self._begins[number + 1]].decode("utf-8")
            text = text.removesuffix("\n") + "\n"
            text = text if self._returns else text.replace("\r\n", "\n")
            yield from text[:-1].split("\n")


def read_lines(path: str | Path, *, returns: bool = False) -> Lines:
    r"""The lines of a text file, without their ends; a byte order mark is dropped.

    The first bytes of a gzip file tell that it is one, not its name; ``-`` is stdin. With
    ``returns`` the ``\r`` of a line end stays: in a table it may be part of a cell.
    """
    raw = read_bytes(path)
    try:
        lines = Lines(raw.removeprefix(_MARK), returns)
    except UnicodeDecodeError as error:
        raise no_utf8(raw, len(raw) - len(error.object) + error.start, path) from None
    if lines.is_blank:
        raise DataError(path, "expected text, got an empty file: check how it was made")
    first = raw.find(b"\n")
    if first < 0 or not raw[first : first + _MB].strip(b"\r\n"):
        body = raw.rstrip(b"\r\n")
        if b"\n" not in body and b"\r" in body:
            raise DataError(
                path,
                "expected lines that end in LF or CR LF, got CR alone: "
                "convert it, for example with `tr '\\r' '\\n'`",
            )
    return lines


def without_returns(lines: Sequence[str]) -> Sequence[str]:
    r"""Lines without the ``\r`` of their ends."""
    if isinstance(lines, Lines):
        return lines.without_returns()
    return [line.removesuffix("\r") for line in lines]


def source_name(path: str | Path) -> str:
    """How messages call a path: ``<stdin>`` for ``-``."""
    return "<stdin>" if str(path) == STDIN else str(path)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file, those inside of a gzip file."""
    if isinstance(path, Piece):
        raw = path.raw
    elif str(path) == STDIN:
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
    """The content of a gzip file; a file that unpacks to too much is refused."""
    most = most_unpacked(len(raw))
    found: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=BytesIO(raw)) as stream:
            while piece := stream.read(_MB):
                found.append(piece)
                size += len(piece)
                if size > most:
                    raise DataError(
                        path,
                        f"expected a gzip file of at most {_limit()} MB unpacked, got more in "
                        f"{len(raw) / _MB:.1f} MB: unpack it first, or set {LIMIT} to more",
                    )
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            path, f"expected a whole gzip file, got a damaged one ({error}): fetch it again"
        ) from None
    return b"".join(found)


def most_unpacked(size: int) -> int:
    """Bytes that a packed file of some size may hold."""
    return max(_limit() * _MB, _DENSEST * size)


def _limit() -> int:
    chosen = os.environ.get(LIMIT, str(_LARGEST))
    if not (chosen.isascii() and chosen.isdigit()):
        raise InputError(f"expected {LIMIT} to be a whole number of MB, got {quoted(chosen)}")
    return int(chosen)


def no_utf8(raw: bytes, start: int, path: str | Path) -> DataError:
    """What is said of a file whose byte at ``start`` is the first that is no UTF-8."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return DataError(
            path,
            "expected UTF-8, got UTF-16 (by its byte order mark): convert it, for example with "
            "`iconv -f UTF-16 -t UTF-8`",
            line=1,
        )
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        message = "expected UTF-8, got an Excel or zip file: save it as CSV or JSON lines"
        return DataError(path, message)
    before = raw[:start]
    line_start = before.rfind(b"\n") + 1
    return DataError(
        path,
        f"expected UTF-8, got the byte 0x{raw[start]:02x} at byte {start - line_start + 1} of the "
        "line: convert the file, for example with `iconv -f ISO-8859-1 -t UTF-8`",
        line=before.count(b"\n") + 1,
    )


def write_text(target: Target, text: str) -> None:
    """Write text as UTF-8; a reader never sees half a file."""
    write_parts(target, (text,))


def write_parts(target: Target, parts: Iterable[str]) -> None:
    """Write parts of a text as they come, none of which is kept; see ``write_text``."""
    if str(target) != STDIN and isinstance(target, (str, Path)):
        check_target(target)
        _replace(target, map(_utf8, parts))
        return
    stream = sys.stdout if isinstance(target, (str, Path)) else target
    for part in parts:
        _utf8(part)
        stream.write(part)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"expected whole characters, got half a surrogate pair {quoted(text[error.start])}"
        ) from None


def check_target(target: Target) -> None:
    """Refuse a file that cannot be written before any work is spent; a stream always passes."""
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
            f"expected a file that can be written, got {quoted(Path(target))}: no permission to "
            f"write in {quoted(path.parent)}, name a file elsewhere"
        )


def _replace(target: str | Path, parts: Iterable[bytes]) -> None:
    """Write beside the file, then rename: no reader ever meets half a file."""
    # a link stays a link: the file behind it is replaced
    path = Path(os.path.realpath(target))
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        if _is_stream(path):
            with path.open("wb") as file:
                file.writelines(parts)
            return
        try:
            with partial.open("wb") as file:
                file.writelines(parts)
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
