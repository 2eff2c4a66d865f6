r"""Tables: rows of cells, read from CSV, TSV and Excel files and written to them.

The separator and the quoting of a file are detected. Where two separators part every row alike, the
user is asked.

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
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any, Literal, Self

from dicetune.data.files.rows import Lists, Numbers, Parsed, Rows, Texts
from dicetune.data.files.text import NoteBook, without_returns
from dicetune.errors import DataError, listed, of_extra, quoted, unknown_name

QUOTING = ("auto", "on", "off")
SEPARATORS = ("\t", ",", ";", "|")
NAMED_SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
BLANK = "blank lines: no rows"

_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SHEET = re.compile(r"(.*?\.xls[xm])#(.+)", re.IGNORECASE | re.DOTALL)
_SAMPLE, _AT_ONCE = 100, 1 << 16  # lines, characters


@dataclass(frozen=True)
class Grid:
    """The rows of a table, all of one width, without quotes; the line on which each row begins."""

    rows: Sequence[list[str]]
    lines: Sequence[int]
    separator: str  # none in Excel
    quoted: bool

    @property
    def described(self) -> str:
        """The layout in words, up to the header."""
        return {"": "excel", "\t": "tsv"}.get(self.separator, "csv")

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
        _refuse_two_readings(lines, source, separator)
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
    """One of ``SEPARATORS``: equally often on each of the first lines, else on most lines."""
    sample = list(_unquoted(lines[:_SAMPLE]))
    for separator in SEPARATORS:
        counts = {line.count(separator) for line in sample}
        if len(counts) == 1 and counts != {0}:
            return separator
    counted = Counter({s: sum(s in line for line in sample) for s in SEPARATORS})
    best, count = counted.most_common(1)[0] if sample else (",", 0)
    return best if count else ","


def read_separator(text: str) -> str:
    r"""A separator from its name, or one character; "" for "auto".

    Example:
        >>> read_separator("tab"), read_separator("^"), read_separator("auto")
        ('\t', '^', '')
    """
    found = "" if text == "auto" else NAMED_SEPARATORS.get(text, text)
    if len(found) > 1 or found in ('"', "\n", "\r"):
        raise unknown_name("delimiter", text, ["auto", *NAMED_SEPARATORS, "any one character"])
    return found


def _unquoted(lines: Sequence[str]) -> Iterator[str]:
    return (_QUOTED.sub("", line) for line in without_returns(lines) if line)


def _refuse_two_readings(lines: Sequence[str], source: str | Path, separator: str) -> None:
    """Refuse a table that another separator parts as evenly; tabs are hardly ever in texts."""
    others = [other for other in SEPARATORS if other not in ("\t", separator)]
    counts = [{line.count(other) for line in _unquoted(lines[:_SAMPLE])} for other in others]
    even = [
        other
        for other, first in zip(others, counts, strict=True)
        if separator != "\t" and len(first) == 1 and first != {0}
        if len({line.count(other) for line in _unquoted(lines)}) == 1
    ]
    if even and len({line.count(separator) for line in _unquoted(lines)}) == 1:
        both = [separator, *even]
        raise DataError(
            source,
            f"expected one separator, got {len(both)} that part all rows alike, "
            f"{listed(map(quoted, both))}: choose one, for example -o delimiter={separator!r}",
        )


def is_excel(path: str | Path) -> bool:
    """Whether a path is an Excel workbook (.xlsx, .xlsm: a zip file of that name), or its sheet."""
    file, _ = sheet_of(path)
    if file.suffix.lower() not in (".xlsx", ".xlsm") or not file.is_file():
        return False
    with file.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def sheet_of(path: str | Path) -> tuple[Path, str | None]:
    """The file of a workbook and the sheet that a path names: "a.xlsx#Sheet"."""
    found = None if Path(path).is_file() else _SHEET.fullmatch(str(path))
    return (Path(path), None) if found is None else (Path(found[1]), found[2])


def excel_sheet(path: str | Path, **how: Any) -> tuple[str, Any]:
    """The name and the frame of the sheet that a path names, or of the one sheet with rows.

    Args:
        path: workbook, or "a.xlsx#Sheet".
        how: as ``pandas.read_excel`` takes it.

    Raises:
        InputError: openpyxl is not installed, or there is no such sheet.
        DataError: a damaged workbook, no rows, or several sheets of which none is named.
    """
    file, wanted = sheet_of(path)
    of_extra("openpyxl", "excel", f"the Excel file {quoted(file)}")
    import pandas

    try:
        found = pandas.read_excel(
            file, sheet_name=None, header=None, na_filter=False, engine="openpyxl", **how
        )
    except Exception as error:  # openpyxl raises what zip, XML and its own checks raise
        raise DataError(
            file, f"expected an Excel workbook, got a damaged one ({error}): save it again"
        ) from None
    sheets = {str(name): sheet for name, sheet in found.items()}
    if wanted is not None and wanted not in sheets:
        raise unknown_name(f"sheet of {quoted(file)}", wanted, sheets)
    filled = {name: one for name, one in sheets.items() if one.size and wanted in (None, name)}
    if len(filled) == 1:
        return next(iter(filled.items()))
    if filled:
        raise DataError(
            file,
            f"expected one sheet with rows, got {len(filled)} ({listed(filled)}): name one, such "
            f"as {quoted(f'{file.name}#{next(iter(filled))}')}",
        )
    raise DataError(file, f"expected rows in {'a' if wanted is None else 'the'} sheet, got none")


def excel_grid(path: str | Path, notes: NoteBook) -> Grid:
    """The rows of a sheet of an Excel workbook (``excel_sheet``); every cell is text.

    Numbers become text as Python writes them, and a formula is its stored value.
    """
    rows, lines = [], []
    for number, row in enumerate(excel_sheet(path, dtype=str)[1].values.tolist(), 1):
        if any(row):
            rows.append(list(map(str, row)))
            lines.append(number)
        else:
            notes.add(BLANK, f"{path}:{number}")
    return Grid(rows, lines, "", False)


@dataclass
class _Rows:
    """Rows of one reading, their lines, those without a row, and evidence on the reading."""

    rows: Any
    lines: Numbers
    blank: Numbers
    in_quotes: Counter[int] = field(default_factory=Counter)  # cells in quotes, of each column
    doubled: int = 0  # quotes that are doubled inside such cells
    stray: int = 0  # quotes in cells without quotes around them

    def is_even(self) -> bool:
        """Whether all rows have the same number of cells, and more than one."""
        return len({len(row) for row in self.rows}) == 1 and len(self.rows[0]) > 1


def _read_plain(lines: Sequence[str], separator: str) -> _Rows:
    plain, filled, blank = without_returns(lines), Numbers(), Numbers()
    for number, line in enumerate(plain, 1):
        (filled if line else blank).append(number)
    return _Rows(Parsed(plain, filled, lambda line: line.split(separator)), filled, blank)


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
    mark = re.escape(separator)
    # without a second group something follows the closing quote
    in_quotes = re.compile(rf'"((?:[^"]|"")*+)"([{mark}]|\r?\n)?')
    bare = re.compile(rf"([^{mark}\n]*+)([{mark}\n])")
    found = _Rows(Lists(Texts(), list), Numbers(), Numbers())
    row: list[str] = []
    rest, text, place, line, first = iter(lines), "", 0, 1, 1
    has_returns = lines[0].endswith("\r")
    while True:
        is_quoted = text.startswith('"', place)
        match = (in_quotes if is_quoted else bare).match(text, place)
        if match is None:  # the text is used up, or a cell goes on
            more = _next_lines(rest, max(len(text) - place, _AT_ONCE))
            text, place = text[place:] + more, 0
            if more:
                continue
            if not text:
                return found
        if match is None or match[2] is None:
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
            is_blank = row == [""] and not is_quoted
            (found.blank if is_blank else found.lines).append(first)
            if not is_blank:
                found.rows.append(row)
            line += 1
            row, first = [], line


def _next_lines(lines: Iterator[str], least: int) -> str:
    """The next lines, of this number of characters or more where there are as many."""
    found = StringIO()
    for line in lines:
        found.write(f"{line}\n")
        if found.tell() >= least:
            break
    return found.getvalue()


def _check_widths(found: _Rows, source: str | Path, separator: str, in_quotes: bool) -> None:
    width = Counter(map(len, found.rows)).most_common(1)[0][0]
    name = {"\t": "tabs", ",": "commas", ";": "semicolons"}.get(separator, quoted(separator))
    for row, line in zip(found.rows, found.lines, strict=True):
        if len(row) != width:
            raise DataError(
                source,
                f"expected {width} cells separated by {name}, as in most rows, got {len(row)} in "
                f"{quoted(separator.join(row))} (quoting {'on' if in_quotes else 'off'}): mend the "
                f"row, or choose quoting={'off' if in_quotes else 'on'} if quotes were misread",
                line=line,
            )


# tables that are written

WRITTEN = {"csv": ",", "tsv": "\t"}
"""Output formats that are tables, with what is between their cells."""

RULE_COLUMN = "decision"
"""The column, or the key, of output that holds the decision rule in words."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class InputTable:
    """The columns of a file that is predicted for, which the output keeps."""

    names: tuple[str, ...]
    rows: Sequence[Sequence[Any]]  # cells, or values of JSON; None where an object lacks a key
    used: frozenset[str]  # names of the columns that the answers show

    @classmethod
    def of(cls, rows: Sequence[Row], used: frozenset[str]) -> Self:
        """The columns of rows by name, which need not have them all."""
        names = tuple(_names(rows))
        return cls(names, Rows(lambda row: [row.get(name) for name in names], row=rows), used)

    def __getitem__(self, place: slice) -> InputTable:
        return replace(self, rows=self.rows[place])


def table_text(rows: Sequence[Sequence[object]], separator: str = "\t") -> str:
    r"""A table as text.

    CSV has quotes around cells that need them, as spreadsheets write it. TSV has quotes around all
    cells, or around none where no cell needs them: a reader then never has to guess what a quote
    means.

    Example:
        >>> table_text([["text", "label"], ['a "b", c', "x"]], ",")
        'text,label\n"a ""b"", c",x\n'
    """
    needed = re.compile("[\r]" if separator == "," else f'["{separator}\r\n]')
    in_quotes = any(needed.search(str(cell)) for row in rows for cell in row)
    stream = StringIO()
    few: Literal[0, 3] = csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_NONE
    csv.writer(
        stream,
        delimiter=separator,
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if in_quotes else few,
    ).writerows(rows)
    return stream.getvalue()


def joined_table(
    given: Sequence[Row], found: Sequence[Row], kept: InputTable | None = None
) -> list[list[str]]:
    """The names of the columns, then a row for each example.

    Args:
        given: what names each row, where the input is no table.
        found: cells of the answers.
        kept: the input, where it is a table: its columns come first, as they are.

    Example:
        >>> joined_table([{"id": None, "text": "a"}], [{"label": "x"}])
        [['text', 'label'], ['a', 'x']]
    """
    names = _names(found)
    if kept is not None:
        heads, lefts = renamed(kept.names, names), kept.rows
    else:
        heads = _names({n: v for n, v in row.items() if v is not None} for row in given)
        lefts = [[row.get(name) for name in heads] for row in given]
    rows = [
        [*map(_cell, left), *(str(row.get(name, "")) for name in names)]
        for left, row in zip(lefts, found, strict=True)
    ]
    return [[*heads, *names], *rows]


def joined_objects(
    found: Sequence[Row], kept: InputTable, taken: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """The answers as objects, with the columns of the input that they do not show yet.

    ``taken`` are keys of answers beside the keys that these answers have.
    """
    names = renamed(kept.names, {*taken, *_names(found)})
    others = [place for place, name in enumerate(kept.names) if name not in kept.used]
    for row, left in zip(found, kept.rows, strict=True):
        more = {names[place]: left[place] for place in others if left[place] is not None}
        yield {**row, **more}


def renamed(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Names of input columns beside those of the output, each once.

    The name of the rule's column is never theirs, also where no rule decides.

    Example:
        >>> renamed(["text", "label", "input_label", "text"], ["label", "probability"])
        ['text', 'input_input_label', 'input_label', 'input_text']
    """
    names, used = list(names), {RULE_COLUMN, *taken}
    found, reserved = [], {*used, *names}
    for given in names:
        name = given
        while given in used and name in reserved:
            name = f"input_{name}"
        used.add(name)
        reserved.add(name)
        found.append(name)
    return found


def _names(rows: Iterable[Row]) -> list[str]:
    """The keys of all rows, in the order of their first."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: Any) -> str:
    """A value of an input: texts as they are, nothing as an empty cell, else JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
