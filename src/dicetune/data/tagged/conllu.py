"""CoNLL-U: ten columns by tabs, one syntactic word a row.

- Rows such as ``1-2`` (a written word of several syntactic words) and ``24.1`` (an empty node)
  are skipped and counted: the words that carry parts of speech are the plain numbers.
- Lines that start with ``#`` are comments; ``# sent_id = …`` becomes the id of the sentence.
- Sentences end at a blank line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from dicetune.data.tagged.corpus import Reading, column_place
from dicetune.data.tagged.kept import CONLLU
from dicetune.data.tagged.sentences import Sentence
from dicetune.errors import quoted

WIDTH = len(CONLLU)
_NAMES = {"form": 1, "lemma": 2, "upos": 3, "xpos": 4, "deprel": 7}
_PLAIN = re.compile(r"\d+")
_MULTI = re.compile(r"\d+-\d+")
_EMPTY = re.compile(r"\d+\.\d+")
_ID = re.compile(r"\d+([-.]\d+)?")
_DECLARED = re.compile(r"#\s*global\.columns\s*=\s*(.*\S)")
_COLUMNS = " ".join(CONLLU).upper()
_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b(?:\s+id\s*=\s*(.*\S))?")
_SENT_ID = re.compile(r"#\s*sent_id\s*=\s*(.*\S)")

MULTI_WORD = "multi-word rows (1-2): skipped, their syntactic words are read"
EMPTY_NODE = "empty nodes (24.1): skipped"


def is_conllu(lines: Iterable[str]) -> bool:
    """Whether the first row, comments aside, has ten columns and begins with a number."""
    row = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    cells = row.split("\t")
    return len(cells) == WIDTH and bool(_ID.fullmatch(cells[0]))


def parse_conllu(reading: Reading) -> Iterator[Sentence]:
    """Lines to sentences with the tags of one column (default UPOS)."""
    if reading.wants_tags and reading.spans and reading.tag_column is None:
        raise reading.error(
            "expected entity tags, got CoNLL-U, which holds parts of speech: use task 'pos', or "
            "choose the column of the entity tags"
        )
    token_index = column_place(
        reading.token_column, _NAMES, "form", "token_column", "CoNLL-U", WIDTH
    )
    tag_index = column_place(reading.tag_column, _NAMES, "upos", "tag_column", "CoNLL-U", WIDTH)
    rows: list[list[str]] = []
    numbers: list[int] = []
    name: str | None = None
    document: str | None = None
    for number, line in enumerate(chain(reading.lines, [""]), 1):
        if not line.strip():
            if rows:
                yield Sentence(
                    tuple(row[token_index] for row in rows),
                    tuple(row[tag_index] for row in rows) if reading.wants_tags else (),
                    numbers[0],
                    name,
                    lines=tuple(numbers),
                    document=document,
                )
            rows, numbers, name = [], [], None
        elif line.startswith("#"):
            if (declared := _DECLARED.match(line)) and declared[1].split() != _COLUMNS.split():
                raise reading.error(
                    f"expected the columns of CoNLL-U ({_COLUMNS}), got {quoted(declared[1])}: "
                    "convert the file",
                    number,
                )
            if named := _SENT_ID.match(line):
                name = named[1]
            if begun := _NEW_DOCUMENT.match(line):
                document = begun[1] or f"line {number}"
        elif row := _row(line.split("\t"), number, reading):
            if reading.wants_tags and row[tag_index] in ("", "_"):
                raise reading.error(
                    f"expected a tag in column {tag_index}, got {quoted(row[tag_index])} for "
                    f"{quoted(row[1])}: choose another tag column (upos, xpos)",
                    number,
                )
            rows.append(row)
            numbers.append(number)


def _row(cells: list[str], number: int, reading: Reading) -> list[str] | None:
    """The cells of a syntactic word; ``None`` for a row that is skipped."""
    if len(cells) != WIDTH:
        raise reading.error(f"expected {WIDTH} columns separated by tabs, got {len(cells)}", number)
    if _PLAIN.fullmatch(cells[0]):
        return cells
    if _MULTI.fullmatch(cells[0]):
        reading.note(MULTI_WORD, number)
    elif _EMPTY.fullmatch(cells[0]):
        reading.note(EMPTY_NODE, number)
    else:
        raise reading.error(
            "expected a word number such as 7, 1-2 or 24.1 in the first column, got "
            f"{quoted(cells[0])}",
            number,
        )
    return None
