"""Column files: one word a line, its tags beside it, a blank line after each sentence.

What is read, and by which rule:

- **Separator.** Tab if most rows hold one (words may then hold spaces), else runs of spaces and
  tabs. No other white space separates: U+00A0 and U+3000 are parts of words.
- **Sentence break.** A line of nothing but white space.
- **Columns.** The most frequent number of columns is the file's; a row that differs is an error.
- **Document boundary.** A row that starts with ``-DOCSTART-`` ends a sentence and is none.
- **Comments.** A line that starts with ``#`` and a space and lacks the file's number of columns.
  Where spaces separate, it may have that number by chance: it is then a row only if its last
  column also occurs on a line that does not start so. ``# O`` is a word with a tag.
- **Names of columns.** A first row of names (``token tag``, ``Sentence #,Word,POS,Tag``) and a
  line that declares another layout (CoNLL-U Plus, WebAnno, brat) are errors, never words.
- **Empty last columns.** Where every row ends in a tab, what is behind it is no column.
- **Empty words.** A row whose word is empty keeps its place and tag; its word is ``""``.

This module knows no schemes: it returns rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from dicetune.data.files.notes import NoteBook
from dicetune.errors import DataError, InputError, quoted

DOCUMENT = "-DOCSTART-"
EMPTY_COLUMN = "empty last columns: left out (every row ends in a tab)"
_DECLARED = re.compile(r"# global\.columns|#FORMAT=WebAnno|T\d+\t\S+ \d+ \d+[\d ;]*\t")
_WORD_NAMES = {"word", "words", "token", "tokens", "form", "text"}
_TAG_NAMES = {
    *("tag", "tags", "ne", "ner", "label", "labels", "entity", "iob", "bio", "pos", "upos", "xpos"),
    *("gold", "predicted", "prediction", "pred"),
}
_NUMBER = re.compile(r"([0-9]{1,9})(?:[-.][0-9]+)?")
_SPACES = re.compile(r"[ \t]+")


@dataclass
class Rows:
    """One sentence's rows, the line of each, and its document where the file parts documents."""

    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    document: str | None = None


@dataclass(frozen=True)
class Table:
    """A column file: its sentences, its number of columns."""

    sentences: list[Rows]
    width: int


def parse_columns(lines: Sequence[str], path: str | Path, notes: NoteBook) -> Table:
    r"""Lines to sentences of rows, all of one width.

    Raises:
        DataError: a ragged row, or no row at all.

    Example:
        >>> table = parse_columns(["Bonn\tB-LOC", "#\tO", "", "hi\tO"], "a.conll", NoteBook())
        >>> [sentence.rows for sentence in table.sentences]
        [[['Bonn', 'B-LOC'], ['#', 'O']], [['hi', 'O']]]
    """
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    plain = [line for _, line in numbered if not _is_special(line)]
    sample = plain or [line for _, line in numbered if not line.startswith(DOCUMENT)]
    if not sample:
        raise DataError(path, "expected rows of a word and its tag, got none")
    _check_declared(numbered, path)
    by_tab = 2 * sum("\t" in line for line in sample) >= len(sample)
    parted = [cells(line, by_tab) for line in sample]
    width, rows = Counter(map(len, parted)).most_common(1)[0]
    if 2 * rows < len(parted):
        raise DataError(
            path,
            "the format cannot be told: expected JSON lines, CoNLL-U or one word a line with its "
            f"tag, got lines of {min(map(len, parted))} to {max(map(len, parted))} columns",
        )
    known = {row[-1] for row in parted} if plain else None

    sentences = [Rows()]
    document: str | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            sentences.append(Rows(document=document))
            continue
        row = cells(line, by_tab)
        if row[0] == DOCUMENT:
            notes.add("document boundaries (-DOCSTART-): no sentences", f"{path}:{number}")
            document = str(int(document or 0) + 1)
            sentences.append(Rows(document=document))
        elif line.startswith("# ") and not _is_row(row, width, by_tab, known):
            notes.add("comment lines: skipped", f"{path}:{number}")
        elif len(row) != width:
            raise DataError(path, _ragged(line, len(row), width, by_tab), line=number)
        else:
            sentences[-1].rows.append(row)
            sentences[-1].lines.append(number)
    return _without_empty([sentence for sentence in sentences if sentence.rows], width, path, notes)


def column(table: Table, index: int, what: str, path: str | Path) -> Iterator[list[str]]:
    """The cells of one column, sentence by sentence; negative numbers count from the last.

    Raises:
        DataError: there is no such column.
    """
    if not -table.width <= index < table.width:
        raise DataError(
            path,
            f"expected a column {index} for the {what}, got {table.width} column"
            f"{'s' if table.width != 1 else ''} (numbered from 0)",
        )
    return ([row[index] for row in sentence.rows] for sentence in table.sentences)


def word_column(
    value: int | str | None, table: Table, path: str | Path, tag_columns: int = 1
) -> int:
    """The number of the column of words: as chosen, else the first, if it can be one of words.

    Args:
        value: what was chosen, if anything.
        table: of the file.
        path: the file, for messages.
        tag_columns: how many columns of tags it should have.

    Raises:
        DataError: nothing was chosen and the first column numbers the words, or is empty in every
            row of a file that has a column to spare.
        InputError: what was chosen is no number.

    Example:
        >>> word_column(None, Table([Rows([["Bonn", "B-LOC"]], [1])], 2), "a.conll")
        0
    """
    if value is None and (found := _no_words(table, tag_columns)):
        raise DataError(
            path,
            f"expected words in the first column, got {found}: choose the column of the words, "
            "token_column=1 for example (token_column=0 takes the first all the same)",
            line=table.sentences[0].lines[0],
        )
    return column_number(value, 0, "token_column")


def _no_words(table: Table, tag_columns: int) -> str | None:
    """What the first column holds where it can hold no words."""
    cells = [[row[0] for row in sentence.rows] for sentence in table.sentences]
    if table.width > tag_columns + 1 and not any(cell for own in cells for cell in own):
        return "an empty cell in every row"
    found = [[_NUMBER.fullmatch(cell) for cell in own] for own in cells]
    numbers = [[int(match[1]) for match in own if match] for own in found]
    steps = [b - a for own in numbers for a, b in pairwise(own)]
    # numbers beside tags alone are the words: nothing else is there that could be
    numbered = table.width > tag_columns + 1 and all(match for own in found for match in own)
    return "running numbers" if numbered and steps and set(steps) <= {0, 1} else None


def names_columns(line: str) -> bool:
    r"""Whether a first row names the columns: one of words and one of tags.

    Example:
        >>> names_columns("Sentence #,Word,POS,Tag"), names_columns("Word\tO")
        (True, False)
    """
    separator = next((mark for mark in "\t,;" if mark in line), None)
    names = [name.strip("\"' ").lower() for name in line.split(separator)]
    return (
        "o" not in names
        and not _WORD_NAMES.isdisjoint(names)
        and any(not _TAG_NAMES.isdisjoint(re.split("[-_]", name)) for name in names)
    )


def column_number(value: int | str | None, default: int, name: str) -> int:
    """The number of a column, as a number or as text; ``default`` for ``None``.

    Raises:
        InputError: neither.
    """
    if value is None:
        return default
    try:
        return int(value)
    except ValueError:
        raise InputError(
            f"expected {name} to be a number (0 is the first column, -1 the last) for a file of "
            f"columns, got {quoted(value)}"
        ) from None


def _check_declared(numbered: Sequence[tuple[int, str]], path: str | Path) -> None:
    """Refuse a first row that names the columns, and lines that declare another layout."""
    for number, line in numbered:
        if _DECLARED.match(line):
            raise DataError(
                path,
                f"expected rows of a word and its tag, got {quoted(line)}, which declares a layout "
                "that is not read: convert the file, or remove the line and choose the columns "
                "with token_column and tag_column",
                line=number,
            )
    number, line = numbered[0]
    if names_columns(line):
        raise DataError(
            path,
            f"expected a word and its tag, got {quoted(line)}, which names the columns: remove "
            "the line, part the columns by tabs and the sentences by blank lines, and choose the "
            "columns by their numbers from 0, such as token_column=1",
            line=number,
        )


def _without_empty(sentences: list[Rows], width: int, path: str | Path, notes: NoteBook) -> Table:
    """The table without last columns that are empty in every row, beside a word and a tag."""
    rows = [row for sentence in sentences for row in sentence.rows]
    filled = max((n for row in rows for n, cell in enumerate(row, 1) if cell.strip()), default=0)
    kept = max(filled, min(width, 2))
    if kept < width:
        notes.add(EMPTY_COLUMN, f"{path}:{sentences[0].lines[0]}")
        for row in rows:
            del row[kept:]
    return Table(sentences, kept)


def _is_special(line: str) -> bool:
    return line.startswith(("# ", DOCUMENT))


def cells(line: str, by_tab: bool) -> list[str]:
    r"""The cells of one row.

    Args:
        line: without its end.
        by_tab: part at each tab; else at runs of spaces and tabs.

    Example:
        >>> cells("New York\tB-LOC", by_tab=True), cells("Bonn  B-LOC ", by_tab=False)
        (['New York', 'B-LOC'], ['Bonn', 'B-LOC'])
    """
    if by_tab:
        return line.split("\t")
    return _SPACES.split(line.rstrip(" \t"))


def _is_row(row: list[str], width: int, by_tab: bool, known: set[str] | None) -> bool:
    return len(row) == width and (by_tab or known is None or row[-1] in known)


def _ragged(line: str, got: int, width: int, by_tab: bool) -> str:
    separator = "tabs" if by_tab else "spaces"
    shown = line if len(line) <= 60 else line[:57] + "..."
    return (
        f"expected {width} columns separated by {separator}, as in most rows, got {got} in "
        f"{quoted(shown)}: mend the row (a comment starts with '# ', a sentence ends with a "
        f"blank line)"
    )
