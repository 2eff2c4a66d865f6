r"""Lines of ``word_TAG``: one sentence a line, as Chinese treebanks are often passed on.

``中国_NR 经济_NN 发展_VV`` or ``中国/NR 经济/NN``. Words are apart by runs of spaces or tabs, and
by nothing else: U+3000 is part of a word. A file has one separator, the one that most of its
words have; the last one in a word counts, so that ``__PU`` is the word ``_``. Lines of markup
between sentences (``<S ID=1>``, as in the Chinese Treebank's own files) are skipped and counted.
The People's Daily corpus has compounds and names of lines beside: ``compounds``, ``line_ids``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dicetune.data.files.brackets import MARKUP, is_markup
from dicetune.data.files.notes import NoteBook
from dicetune.data.tagged.compounds import has_compounds, without_compounds
from dicetune.data.tagged.corpus import Sentence
from dicetune.data.tagged.jsonl import NO_WORDS
from dicetune.data.tagged.line_ids import line_ids
from dicetune.data.tagged.refuse import no_columns
from dicetune.errors import DataError, InputError, quoted

SEPARATORS = ("_", "/")
_SPACES = re.compile(r"[ \t]+")
_TAG = re.compile(r"[^\d_/][^_/]{0,19}")
_LOOKED_AT = 100


def is_word_tags(lines: Sequence[str]) -> bool:
    """Whether lines are ``word_TAG``: every word has a tag, and some line has several words.

    Example:
        >>> is_word_tags(["中国_NR 经济_NN", "发展_VV"]), is_word_tags(["at Quay_Nine"])
        (True, False)
    """
    rows = [words for line in lines[:_LOOKED_AT] if not is_markup(line) and (words := _words(line))]
    return any(len(words) > 1 for words in rows) and any(
        all(_is_tagged(word, separator) for words in rows for word in words)
        for separator in SEPARATORS
    )


def parse_word_tags(
    lines: Sequence[str],
    path: str | Path,
    task: str,
    token_column: int | str | None,
    tag_column: int | str | None,
    wanted: bool,
    notes: NoteBook,
) -> list[Sentence]:
    """Lines to sentences. Without ``wanted``, tags are cut off where there are any.

    Args:
        lines: without their ends.
        path: the file, for messages.
        task: any; the tags are what they are.
        token_column: none: there are no columns.
        tag_column: none.
        wanted: whether tags are read.
        notes: where lines of markup, compounds and names of lines are counted.

    Raises:
        DataError: a word without a tag, a tag without a word, a broken compound.
        InputError: a column.

    Example:
        >>> found = parse_word_tags(["上海_NR __PU"], "a.txt", "pos", None, None, True, NoteBook())
        >>> found[0].tokens, found[0].tags
        (('上海', '_'), ('NR', 'PU'))
    """
    no_columns("word_TAG lines", token_column, tag_column)
    rows = []
    for number, line in enumerate(lines, 1):
        if is_markup(line):
            notes.add(MARKUP, f"{path}:{number}")
        elif words := _words(line):
            rows.append((number, words))
    separator = max(SEPARATORS, key=lambda one: sum(one in w for _, words in rows for w in words))
    compounds = has_compounds((word for _, words in rows for word in words), separator)
    ids = line_ids(rows, path, notes)
    sentences = []
    for place, (number, words) in enumerate(rows):
        if ids is not None:
            words = words[1:]
        if not words and wanted:
            notes.add(NO_WORDS, f"{path}:{number}")
            continue
        if compounds:
            words = without_compounds(words, separator, path, number, notes)
        pairs = [_pair(word, separator, path, number, wanted) for word in words]
        tags = tuple(tag for _, tag in pairs) if wanted else ()
        name = None if ids is None else ids[place]
        sentences.append(Sentence(tuple(word for word, _ in pairs), tags, number, name))
    return sentences


def format_word_tags(words: Sequence[str], tags: Sequence[str]) -> str:
    """One sentence as a line that ``parse_word_tags`` reads back the same.

    Raises:
        InputError: a word or tag that a line cannot hold.

    Example:
        >>> format_word_tags(["上海", "_"], ["NR", "PU"])
        '上海_NR __PU'
    """
    for word, tag in zip(words, tags, strict=True):
        if not word or re.search(r"[ \t\r\n]", word):
            raise InputError(
                f"expected a word without spaces and line ends, got {quoted(word)}: word_TAG lines "
                "cannot hold it, write JSON lines instead"
            )
        if not tag or re.search(r"[ \t\r\n_\]]", tag):
            raise InputError(
                f"expected a tag without spaces, '_' and ']', got {quoted(tag)}: word_TAG "
                f"lines cannot "
                "hold it, write JSON lines instead"
            )
    return " ".join(f"{word}_{tag}" for word, tag in zip(words, tags, strict=True))


def _words(line: str) -> list[str]:
    return [word for word in _SPACES.split(line) if word]


def _is_tagged(word: str, separator: str) -> bool:
    start, found, tag = word.rpartition(separator)
    return bool(start and found and _TAG.fullmatch(tag))


def _pair(word: str, separator: str, path: str | Path, line: int, wanted: bool) -> tuple[str, str]:
    start, found, tag = word.rpartition(separator)
    if start and tag:
        return start, tag
    if not wanted and not found:
        return word, ""
    raise DataError(
        path,
        f"expected words with their tags, as in 'word{separator}TAG', got {quoted(word)}",
        line=line,
    )
