r"""Tables: rows of cells from CSV and TSV files, with their separator and quoting detected.

Quotes have two meanings in published files. A CSV writer puts a cell in quotes if the cell holds a
separator, a quote (then doubled) or a line end. Other files write cells unchanged, and a quote is a
character (MRPC read as CSV loses 114 of its 4,076 rows to stray quotes). The whole file decides
between the two, never its name:

1. No cell begins with a quote: **off**. All cells are in quotes: **on**.
2. Read with quotes, some quoted cell is not closed or continues after its closing quote: **off**.
3. Each line is a whole row without quoting, and quotes would remove a line end, or some quote is in
   a cell without quotes around it: **off**.
4. Each line is a whole row without quoting, and no cell needs its quotes: **off**, the quotes are
   text; but **on** where a quote is doubled inside, or a whole column is in quotes.
5. Else **on**: every quote is where a CSV writer would put it.

An empty line is no row. ``\r\n`` inside a quoted cell becomes ``\n`` if rows end in ``\r\n``, and
stays if rows end in ``\n``.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dicetune.data.files.text import NoteBook, without_returns
from dicetune.errors import DataError, quoted, unknown_name

QUOTING = ("auto", "on", "off")
SEPARATORS = ("\t", ",", ";")
BLANK = "blank lines: no rows"

_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SAMPLE = 100


@dataclass(frozen=True)
class Grid:
    """The rows of a table, all of one width, without quotes; the line on which each row begins."""

    rows: list[list[str]]
    lines: list[int]
    separator: str
    quoted: bool

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.rows[0])


def parse_grid(
    lines: Sequence[str],
    source: str | Path,
    notes: NoteBook,
    *,
    separator: str | None = None,
    quoting: str = "auto",
) -> Grid:
    r"""Lines, which may end in ``\r``, to rows; quoting "auto" follows the rules above."""
    if quoting not in QUOTING:
        raise unknown_name("quoting", quoting, QUOTING)
    if separator is None:
        separator = guess_separator(lines)
    plain = _read_plain(lines, separator)
    found = plain
    quoted = quoting == "on"
    if quoting != "off":
        quoted_rows = _read_quoted(lines, source, separator, quoting)
        if quoted_rows is not None and (quoting == "on" or _is_quoted(quoted_rows, plain)):
            found, quoted = quoted_rows, True
    if not found.rows:
        raise DataError(source, "expected rows, got none")
    for number in found.blank:
        notes.add(BLANK, f"{source}:{number}")
    _check_widths(found, source, separator, quoted)
    return Grid(found.rows, found.lines, separator, quoted)


def guess_separator(lines: Sequence[str]) -> str:
    """Tab, comma or semicolon: equally often on each of the first lines, else on most lines."""
    sample = [_QUOTED.sub("", line) for line in without_returns(lines[:_SAMPLE]) if line]
    for separator in SEPARATORS:
        counts = {line.count(separator) for line in sample}
        if len(counts) == 1 and counts != {0}:
            return separator
    counted = Counter({s: sum(s in line for line in sample) for s in SEPARATORS})
    best, count = counted.most_common(1)[0] if sample else (",", 0)
    return best if count else ","


@dataclass
class _Rows:
    """Rows of one reading, the line of each row, and evidence for and against the reading."""

    rows: list[list[str]]
    lines: list[int]
    in_quotes: Counter[int] = field(default_factory=Counter)  # cells in quotes, of each column
    doubled: int = 0  # quotes that are doubled inside such cells
    stray: int = 0  # quotes in cells without quotes around them
    blank: tuple[int, ...] = ()

    def is_even(self) -> bool:
        """Whether all rows have the same number of cells, and more than one."""
        return len({len(row) for row in self.rows}) == 1 and len(self.rows[0]) > 1


def _read_plain(lines: Sequence[str], separator: str) -> _Rows:
    numbered = list(enumerate(without_returns(lines), 1))
    return _Rows(
        [line.split(separator) for _, line in numbered if line],
        [number for number, line in numbered if line],
        blank=tuple(number for number, line in numbered if not line),
    )


def _is_quoted(quoted: _Rows, plain: _Rows) -> bool:
    if not quoted.in_quotes:
        return False
    if quoted.in_quotes.total() == sum(map(len, quoted.rows)):
        return True
    if not plain.is_even():
        return quoted.is_even() or not quoted.stray
    if quoted.stray or len(quoted.rows) != len(plain.rows):
        return False
    # one less than all: a header may be without quotes
    return quoted.doubled > 0 or max(quoted.in_quotes.values()) >= max(len(plain.rows) - 1, 1)


def _read_quoted(
    lines: Sequence[str], source: str | Path, separator: str, quoting: str
) -> _Rows | None:
    """The rows of a reading with quotes; ``None`` if it fails and quoting was not chosen."""
    text = "\n".join(lines) + "\n"
    in_quotes = re.compile(rf'"((?:[^"]|"")*+)"([{separator}]|\r?\n)')
    bare = re.compile(rf"([^{separator}\n]*+)([{separator}\n])")
    found = _Rows([], [])
    row: list[str] = []
    blank: list[int] = []
    place, line, first = 0, 1, 1
    has_returns = lines[0].endswith("\r")
    while place < len(text):
        is_quoted = text[place] == '"'
        match = (in_quotes if is_quoted else bare).match(text, place)
        if match is None:
            if quoting == "on":
                raise DataError(
                    source,
                    "expected a closing quote and then a separator or the end of the line, for "
                    "the cell that begins with a quote here: mend it, or choose quoting=off",
                    line=line,
                )
            return None
        cell, end = match.groups()
        if is_quoted:
            found.in_quotes[len(row)] += 1
            found.doubled += cell.count('""')
            line += cell.count("\n")
            cell = cell.replace('""', '"')
            cell = cell.replace("\r\n", "\n") if has_returns else cell
        else:
            cell = cell.removesuffix("\r") if end == "\n" else cell
            found.stray += '"' in cell
        row.append(cell)
        place = match.end()
        if end.endswith("\n"):
            if row == [""] and not is_quoted:
                blank.append(first)
            else:
                found.rows.append(row)
                found.lines.append(first)
            line += 1
            row, first = [], line
    found.blank = tuple(blank)
    return found


def _check_widths(found: _Rows, source: str | Path, separator: str, in_quotes: bool) -> None:
    width = Counter(map(len, found.rows)).most_common(1)[0][0]
    name = {"\t": "tabs", ",": "commas", ";": "semicolons"}.get(separator, repr(separator))
    for row, line in zip(found.rows, found.lines, strict=True):
        if len(row) != width:
            raise DataError(
                source,
                f"expected {width} cells separated by {name}, as in most rows, got {len(row)} in "
                f"{quoted(separator.join(row))} (quoting {'on' if in_quotes else 'off'}): mend the "
                f"row, or choose quoting={'off' if in_quotes else 'on'} if quotes were misread",
                line=line,
            )


def table_text(rows: Sequence[Sequence[object]], separator: str = "\t") -> str:
    """A table as text: all cells in quotes, or none where no cell needs them.

    A reader then never has to guess what a quote means.
    """
    needed = re.compile(f'["{separator}\r\n]')
    in_quotes = any(needed.search(str(cell)) for row in rows for cell in row)
    stream = StringIO()
    csv.writer(
        stream,
        delimiter=separator,
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if in_quotes else csv.QUOTE_NONE,
    ).writerows(rows)
    return stream.getvalue()
