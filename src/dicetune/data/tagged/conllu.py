"""CoNLL-U: ten columns by tabs, one syntactic word a row.

- Rows such as ``1-2`` (a written word of several syntactic ones) and ``24.1`` (an empty node)
  are skipped and counted: the words that carry parts of speech are the plain numbers.
- Lines that start with ``#`` are comments; ``# sent_id = …`` becomes the sentence's id.
- Sentences end at a blank line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dicetune.data.files.notes import NoteBook
from dicetune.data.tagged.corpus import Sentence
from dicetune.errors import DataError, InputError, quoted

WIDTH = 10
_NAMES = {"form": 1, "lemma": 2, "upos": 3, "xpos": 4, "deprel": 7}
_PLAIN = re.compile(r"\d+")
_MULTI = re.compile(r"\d+-\d+")
_EMPTY = re.compile(r"\d+\.\d+")
_DECLARED = re.compile(r"#\s*global\.columns\s*=\s*(.*\S)")
_COLUMNS = "ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC"
_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b(?:\s+id\s*=\s*(.*\S))?")
_SENT_ID = re.compile(r"#\s*sent_id\s*=\s*(.*\S)")

MULTI_WORD = "multi-word rows (1-2): skipped, their syntactic words are read"
EMPTY_NODE = "empty nodes (24.1): skipped"


def parse_conllu(
    lines: Sequence[str],
    path: str | Path,
    task: str,
    token_column: int | str | None,
    tag_column: int | str | None,
    wanted: bool,
    notes: NoteBook,
) -> list[Sentence]:
    r"""Lines to sentences with the tags of one column (default UPOS).

    Raises:
        DataError: a row without ten columns or with another first column, a missing tag.

    Example:
        >>> lines = ["# sent_id = a1", "1-2\tdon't" + "\t_" * 8,
        ...          "1\tdo\tdo\tAUX" + "\t_" * 6, "2\tn't\tnot\tPART" + "\t_" * 6]
        >>> parse_conllu(lines, "a.conllu", "pos", None, None, True, NoteBook())
        [Sentence(tokens=('do', "n't"), tags=('AUX', 'PART'), line=3, id='a1')]
    """
    if wanted and task == "ner" and tag_column is None:
        raise DataError(
            path,
            "expected entity tags, got CoNLL-U, which holds parts of speech: use task 'pos', or "
            "choose the column of the entity tags",
        )
    token_index = _index(token_column, "form", "token_column")
    tag_index = _index(tag_column, "upos", "tag_column")
    sentences: list[Sentence] = []
    tokens: list[str] = []
    tags: list[str] = []
    numbers: list[int] = []
    name: str | None = None
    document: str | None = None
    for number, line in enumerate([*lines, ""], 1):
        if not line.strip():
            if tokens:
                sentences.append(
                    Sentence(
                        tuple(tokens),
                        tuple(tags),
                        numbers[0],
                        name,
                        lines=tuple(numbers),
                        document=document,
                    )
                )
            tokens, tags, numbers, name = [], [], [], None
            continue
        if line.startswith("#"):
            if (declared := _DECLARED.match(line)) and declared[1].split() != _COLUMNS.split():
                raise DataError(
                    path,
                    f"expected the columns of CoNLL-U ({_COLUMNS}), got {quoted(declared[1])}: "
                    "convert the file",
                    line=number,
                )
            match = _SENT_ID.match(line)
            name = match[1] if match else name
            if begun := _NEW_DOCUMENT.match(line):
                document = begun[1] or f"line {number}"
            continue
        cells = line.split("\t")
        if len(cells) != WIDTH:
            raise DataError(
                path, f"expected {WIDTH} columns separated by tabs, got {len(cells)}", line=number
            )
        if _MULTI.fullmatch(cells[0]):
            notes.add(MULTI_WORD, f"{path}:{number}")
        elif _EMPTY.fullmatch(cells[0]):
            notes.add(EMPTY_NODE, f"{path}:{number}")
        elif _PLAIN.fullmatch(cells[0]):
            tokens.append(cells[token_index])
            numbers.append(number)
            if wanted:
                tags.append(_tag(cells, tag_index, path, number))
        else:
            raise DataError(
                path,
                f"expected a word number such as 7, 1-2 or 24.1 in the first column, "
                f"got {quoted(cells[0])}",
                line=number,
            )
    return sentences


def _tag(cells: list[str], index: int, path: str | Path, line: int) -> str:
    tag = cells[index]
    if tag in ("", "_"):
        raise DataError(
            path,
            f"expected a tag in column {index}, got {quoted(tag)} for {quoted(cells[1])}: "
            "choose another tag column (upos, xpos)",
            line=line,
        )
    return tag


def _index(column: int | str | None, default: str, what: str) -> int:
    if column is None:
        return _NAMES[default]
    name = str(column).lower()
    if name in _NAMES:
        return _NAMES[name]
    if name.isdecimal() and int(name) < WIDTH:
        return int(name)
    raise InputError(
        f"expected {what} to be one of {', '.join(_NAMES)} or a number from 0 to {WIDTH - 1} "
        f"for CoNLL-U, got {quoted(column)}"
    )
