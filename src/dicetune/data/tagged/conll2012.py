"""CoNLL-2012 columns, as OntoNotes is given out in: one word a row, documents in parts.

====== =========================================================================
column content
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
- Entities become IOB2. Entities lie side by side: an entity inside another is an error, and so is
  a bracket that is not closed before the sentence ends.
- ``-LRB-`` and its like are read as the brackets that they name, and counted.
- A skeleton file (``…_skel``) has ``[WORD]`` in place of the words: an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dicetune.data.files.brackets import plain_word
from dicetune.data.tagged.corpus import COMMENTS, Reading, column_place
from dicetune.data.tagged.sentences import Sentence
from dicetune.errors import quoted

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
    """Whether lines are CoNLL-2012: a document begins, or the first row has all the columns."""
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


def parse_conll2012(reading: Reading) -> list[Sentence]:
    """Lines to sentences with entities in IOB2 (task ``ner``) or parts of speech (``pos``).

    A column is a number, or one of word, pos, lemma and ne.
    """
    token_index = column_place(reading.token_column, _COLUMNS, "word", "token_column", "CoNLL-2012")
    default = "ne" if reading.spans else "pos"
    tag_index = column_place(reading.tag_column, _COLUMNS, default, "tag_column", "CoNLL-2012")
    sentences: list[Sentence] = []
    numbers: dict[str, int] = {}
    for rows, lines in _sentences(reading):
        words = _column(rows, lines, token_index, "words", reading)
        for position, (word, line) in enumerate(zip(words, lines, strict=True)):
            if word == _MISSING:
                raise reading.error(
                    f"expected a word, got {_MISSING}: this is a skeleton (…_skel) whose words are "
                    "missing; put them in from your copy of OntoNotes with skeleton2conll",
                    line,
                )
            words[position] = plain_word(word)
            if words[position] != word:
                reading.note(ESCAPED, line)
        tags: list[str] = []
        if reading.wants_tags:
            tags = _column(rows, lines, tag_index, "tags", reading)
            if tag_index == _ENTITIES:
                tags = entity_tags(tags, lines, reading)
        document = ":".join(rows[0][:2])
        numbers[document] = numbers.get(document, 0) + 1
        sentences.append(
            Sentence(
                tuple(words),
                tuple(tags),
                lines[0],
                f"{document}:{numbers[document]}",
                lines=tuple(lines),
                document=document,
            )
        )
    return sentences


def entity_tags(cells: Sequence[str], lines: Sequence[int], reading: Reading) -> list[str]:
    """IOB2 tags from the column of entities, one cell a word."""
    tags = []
    kind, opened = "", 0
    for cell, line in zip(cells, lines, strict=True):
        match = _ENTITY.fullmatch(cell)
        if match is None or not (match[2] or (match[1] and match[3])):
            raise reading.error(
                f"expected an entity column such as (PERSON*, *, *) or (GPE), got {quoted(cell)}",
                line,
            )
        begins, ends = match[1], bool(match[3])
        if begins and kind:
            raise reading.error(
                f"expected the entity {kind} of line {opened} to be closed before another opens, "
                f"got {quoted(cell)}",
                line,
            )
        if ends and not (begins or kind):
            raise reading.error(f"expected an open entity, got {quoted(cell)}", line)
        if begins:
            kind, opened = begins, line
        tags.append(f"{'B' if begins else 'I'}-{kind}" if kind else "O")
        if ends:
            kind = ""
    if kind:
        raise reading.error(
            f"expected the entity {kind} to be closed before the sentence ends", opened
        )
    return tags


def _sentences(reading: Reading) -> Iterator[tuple[list[list[str]], list[int]]]:
    """The rows of each sentence, and their lines."""
    rows: list[list[str]] = []
    lines: list[int] = []
    for number, line in enumerate([*reading.lines, ""], 1):
        if not line.strip() or line.startswith("#"):
            if rows:
                yield rows, lines
                rows, lines = [], []
            if line.startswith("#") and not line.startswith(("#begin", "#end")):
                reading.note(COMMENTS, number)
            continue
        row = _cells(line)
        width = len(rows[0]) if rows else max(WIDTH, len(row))
        if len(row) != width:
            what = f"{width} columns, as in the first row of the sentence"
            raise reading.error(
                f"expected {what if rows else f'at least {WIDTH} columns (CoNLL-2012)'}, "
                f"got {len(row)}",
                number,
            )
        rows.append(row)
        lines.append(number)


def _cells(line: str) -> list[str]:
    return _SPACES.split(line.strip(" \t"))


def _column(
    rows: list[list[str]], lines: list[int], index: int, what: str, reading: Reading
) -> list[str]:
    """The cells of one column of a sentence, whose rows all have one width."""
    width = len(rows[0])
    if not -width <= index < width:
        raise reading.error(
            f"expected a column {index} for the {what}, got {width} columns", lines[0]
        )
    return [row[index] for row in rows]
