r"""CoNLL-2012 columns, as OntoNotes is given out in: one word a row, documents in parts.

====== =========================================================================
column what stands there
====== =========================================================================
0, 1   document, part
2      number of the word in its sentence, from 0
3, 4   word, part of speech
5      parse bit (``(TOP(S(NP*``)
6-9    lemma, frameset, sense, speaker
10     entities in brackets: ``(PERSON*``, ``*``, ``*)``, ``(GPE)``
11 on  predicates and their arguments, as many as the sentence has; coreference last
====== =========================================================================

- Columns are apart by runs of spaces. ``#begin document`` and ``#end document`` lines are skipped;
  a sentence ends at a blank line. Its id is document, part and number: ``bc/cctv/00/x:0:7``.
- Entities become IOB2. They lie side by side: one in another is an error, and so is a bracket that
  is not closed before the sentence ends.
- ``-LRB-`` and its like are read as the brackets they stand for, and counted.
- A skeleton file (``…_skel``) has ``[WORD]`` in place of the words: an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dicetune.data.files.brackets import plain_word
from dicetune.data.files.notes import NoteBook
from dicetune.data.tagged.corpus import Sentence
from dicetune.errors import DataError, InputError, quoted

WIDTH = 12
"""The fewest columns of a row."""

ESCAPED = "names of brackets (-LRB-): read as the brackets they stand for"
_COLUMNS = {"word": 3, "pos": 4, "lemma": 6, "ne": 10}
_ENTITIES = _COLUMNS["ne"]
_MISSING = "[WORD]"
_SPACES = re.compile(r"[ \t]+")
_ENTITY = re.compile(r"(?:\(([^()*\s]+))?(\*?)(\)?)")
_PARSE = re.compile(r"[^*]*\*[^*]*")


def is_conll2012(lines: Sequence[str]) -> bool:
    """Whether lines are CoNLL-2012: a document begins, or the first row has all the columns.

    Example:
        >>> is_conll2012(["#begin document (bc/cctv/00/cctv_0000); part 000"])
        True
        >>> is_conll2012(["bc/x  0  0  Bonn  NNP  (TOP(NP*))  -  -  -  -  (GPE)  -"])
        True
        >>> is_conll2012(["Bonn NNP B-LOC"])
        False
    """
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("#begin document"):
        return True
    row = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    cells = _cells(row)
    return (
        len(cells) >= WIDTH
        and cells[1].isdecimal()
        and cells[2].isdecimal()
        and bool(_PARSE.fullmatch(cells[5]))
        and bool(_ENTITY.fullmatch(cells[_ENTITIES]))
    )


@dataclass
class _Open:
    """The sentence being read."""

    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def parse_conll2012(
    lines: Sequence[str],
    path: str | Path,
    task: str,
    token_column: int | str | None,
    tag_column: int | str | None,
    wanted: bool,
    notes: NoteBook,
) -> list[Sentence]:
    r"""Lines to sentences with entities in IOB2 (task ``ner``) or parts of speech (``pos``).

    Args:
        lines: without their ends.
        path: the file, for messages.
        task: which column the tags come from, if ``tag_column`` does not say.
        token_column: of the words; a number, or word, pos, lemma, ne.
        tag_column: of the tags; the column of entities is read from its brackets.
        wanted: whether tags are read.
        notes: where comments and names of brackets are counted.

    Raises:
        DataError: a row of too few columns, or of another number than its sentence; a skeleton
            without words; brackets of entities that do not close, or lie in each other.
        InputError: an unknown column.

    Example:
        >>> row = "bc/x  0  {}  {}  {}  *  -  -  -  -  {}  -".format
        >>> lines = [row(0, "New", "NNP", "(GPE*"), row(1, "York", "NNP", "*)")]
        >>> (sentence,) = parse_conll2012(lines, "a", "ner", None, None, True, NoteBook())
        >>> sentence.tokens, sentence.tags, sentence.id
        (('New', 'York'), ('B-GPE', 'I-GPE'), 'bc/x:0:1')
    """
    token_index = _index(token_column, "word", "token_column")
    tag_index = _index(tag_column, "ne" if task == "ner" else "pos", "tag_column")
    sentences: list[Sentence] = []
    numbers: dict[str, int] = {}
    for own in _sentences(lines, path, notes):
        words = []
        for row, line in zip(own.rows, own.lines, strict=True):
            word = _cell(row, token_index, "words", path, line)
            if word == _MISSING:
                raise DataError(
                    path,
                    f"expected a word, got {_MISSING}: this is a skeleton (…_skel) whose words are "
                    "missing; put them in from your copy of OntoNotes with skeleton2conll",
                    line=line,
                )
            plain = plain_word(word)
            if plain != word:
                notes.add(ESCAPED, f"{path}:{line}")
            words.append(plain)
        tags: Sequence[str] = ()
        if wanted:
            tags = [
                _cell(row, tag_index, "tags", path, line)
                for row, line in zip(own.rows, own.lines, strict=True)
            ]
            if tag_index == _ENTITIES:
                tags = entity_tags(tags, own.lines, path)
        document = ":".join(own.rows[0][:2])
        numbers[document] = numbers.get(document, 0) + 1
        sentences.append(
            Sentence(
                tuple(words),
                tuple(tags),
                own.lines[0],
                f"{document}:{numbers[document]}",
                lines=tuple(own.lines),
                document=document,
            )
        )
    return sentences


def entity_tags(cells: Sequence[str], lines: Sequence[int], path: str | Path) -> list[str]:
    """IOB2 tags from the column of entities.

    Args:
        cells: one a word.
        lines: of each word.
        path: the file, for messages.

    Raises:
        DataError: a cell that is no bracket, an entity in another, one that is not closed.

    Example:
        >>> entity_tags(["(PERSON*", "*)", "*", "(GPE)"], [1, 2, 3, 4], "a_conll")
        ['B-PERSON', 'I-PERSON', 'O', 'B-GPE']
    """
    tags = []
    kind, opened = "", 0
    for cell, line in zip(cells, lines, strict=True):
        match = _ENTITY.fullmatch(cell)
        if match is None or not (match[2] or (match[1] and match[3])):
            raise DataError(
                path,
                f"expected an entity column such as (PERSON*, *, *) or (GPE), got {quoted(cell)}",
                line=line,
            )
        begins, ends = match[1], bool(match[3])
        if begins and kind:
            raise DataError(
                path,
                f"expected the entity {kind} of line {opened} to be closed before another opens, "
                f"got {quoted(cell)}",
                line=line,
            )
        if ends and not (begins or kind):
            raise DataError(path, f"expected an open entity, got {quoted(cell)}", line=line)
        if begins:
            kind, opened = begins, line
        tags.append(f"{'B' if begins else 'I'}-{kind}" if kind else "O")
        if ends:
            kind = ""
    if kind:
        raise DataError(
            path, f"expected the entity {kind} to be closed before the sentence ends", line=opened
        )
    return tags


def _sentences(lines: Sequence[str], path: str | Path, notes: NoteBook) -> Iterator[_Open]:
    own = _Open()
    for number, line in enumerate([*lines, ""], 1):
        if not line.strip() or line.startswith("#"):
            if own.rows:
                yield own
                own = _Open()
            if line.startswith("#") and not line.startswith(("#begin", "#end")):
                notes.add("comment lines: skipped", f"{path}:{number}")
            continue
        row = _cells(line)
        width = len(own.rows[0]) if own.rows else max(WIDTH, len(row))
        if len(row) != width:
            what = f"{width} columns, as in the first row of the sentence"
            raise DataError(
                path,
                f"expected {what if own.rows else f'at least {WIDTH} columns (CoNLL-2012)'}, "
                f"got {len(row)}",
                line=number,
            )
        own.rows.append(row)
        own.lines.append(number)


def _cells(line: str) -> list[str]:
    return _SPACES.split(line.strip(" \t"))


def _cell(row: list[str], index: int, what: str, path: str | Path, line: int) -> str:
    if not -len(row) <= index < len(row):
        raise DataError(
            path, f"expected a column {index} for the {what}, got {len(row)} columns", line=line
        )
    return row[index]


def _index(column: int | str | None, default: str, what: str) -> int:
    if column is None:
        return _COLUMNS[default]
    name = str(column).lower()
    if name in _COLUMNS:
        return _COLUMNS[name]
    try:
        return int(name)
    except ValueError:
        raise InputError(
            f"expected {what} to be one of {', '.join(_COLUMNS)} or a number for CoNLL-2012, "
            f"got {quoted(column)}"
        ) from None
