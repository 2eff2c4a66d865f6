r"""Which format text to be tagged comes in, where plain text is one of the choices.

``formats`` asks which tagged format a file has, so that any prose is a column file to it. Here
prose is the rule and columns need evidence:

1. JSON objects, CoNLL-U, CoNLL-2012, trees and word_TAG lines: as ``formats`` knows them.
2. A name that promises columns (``.conll``, ``.tsv``, …) or a ``-DOCSTART-`` row: **conll**.
3. A table, that is the same number of cells, at least two, in every row that is not blank:
   **conll** if each row holds a tab; by spaces only if there are rows and a sentence break.
4. Else **text**, one text a line.

What rests on a table of words and spaces alone, and text that comes near a table, is a guess: it
says so, for the caller to pass on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dicetune.data.files.columns import DOCUMENT, cells, names_columns
from dicetune.data.files.hub import names_data_set
from dicetune.data.files.open_text import read_lines
from dicetune.data.tagged.formats import format_of
from dicetune.errors import quoted

_COLUMN_NAMES = (".conll", ".tsv", ".bio", ".iob", ".iob2", ".col", ".conllu")
_ALMOST = 0.9
"""Share of rows of one width above which a file with sentence breaks may be a damaged table."""


@dataclass(frozen=True)
class Guess:
    """The format of text to be tagged.

    Args:
        format: ``text``, or one of ``FORMATS``.
        lines: of the file; none for ``hub``.
        doubt: why it may be another, ``None`` where it is clear.
    """

    format: str
    lines: list[str]
    doubt: str | None = None


def guess_format(path: str | Path, lines: list[str] | None = None) -> Guess:
    """Read a file or stream once and say what it holds.

    Args:
        path: a file, ``-`` for stdin, or a data set as ``read_tokens`` takes it.
        lines: of the file, where it was read already.

    Raises:
        DataError: no such file, unreadable, empty, or JSON that is no JSON lines.
    """
    if lines is None:
        if names_data_set(path):
            return Guess("hub", [])
        lines = read_lines(path)
    format, doubt = _format(lines, path)
    return Guess(format, lines, doubt)


def _format(lines: Sequence[str], path: str | Path) -> tuple[str, str | None]:
    """The format and what speaks against it.

    Example:
        >>> _format(["The pump is down.", "", "All quiet again at Quay Nine."], "-")
        ('text', None)
        >>> _format(["Quay B-SITE", "Nine I-SITE", "", "all O"], "eng.testb")
        ('conll', 'each row has 2 words, with blank lines between')
    """
    format = format_of(lines, path)
    if format != "conll" or Path(path).name.removesuffix(".gz").endswith(_COLUMN_NAMES):
        return format, None
    if any(line.startswith(DOCUMENT) for line in lines):
        return "conll", None
    rows = [line for line in lines if line.strip() and not line.startswith("# ")]
    if not rows:
        return "text", None
    tabs = sum("\t" in row for row in rows)
    widths = Counter(len(cells(row, by_tab=2 * tabs >= len(rows))) for row in rows)
    width, same = widths.most_common(1)[0]
    first = lines.index(rows[0])
    broken = any(not line.strip() for line in lines[first:])
    if same == len(rows) and width > 1 and tabs == len(rows):
        return "conll", None if len(rows) > 1 else "its only row holds a tab"
    if same == len(rows) and width > 1 and broken and len(rows) > 1:
        return "conll", f"each row has {width} words, with blank lines between"
    if names_columns(rows[0]):
        return "text", f"the first line, {quoted(rows[0])}, names columns, but tabs part none"
    if tabs:
        return "text", "some rows hold tabs, but they make no table"
    if len(rows) == 1:
        return "text", None
    if same == len(rows):
        return "text", f"each row has {width} word{'s' if width > 1 else ''}"
    if width > 1 and broken and same >= _ALMOST * len(rows):
        return "text", f"{same} of {len(rows)} rows have {width} words"
    return "text", None
