r"""Bracketed treebanks to words with parts of speech (Penn Treebank, Chinese Treebank).

``(IP-HLN (NP-PN (NR 上海) (NN 浦东)) (VP (VV 开发)))`` becomes 上海/NR 浦东/NN 开发/VV.

- A sentence is a tree. Its words are the pre-terminals, whose labels are kept as they are
  (``NN-SHORT`` too).
- Traces (``-NONE-``) are no words: dropped and counted; so are trees of nothing else.
- Lines of markup between trees (``<S ID=1>``, ``<DOC>``) are skipped and counted.
- ``-LRB-``, ``\/`` and their like are read as what they stand for, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dicetune.data.files.brackets import is_markup, parse_brackets, plain_word
from dicetune.data.files.notes import NoteBook
from dicetune.data.tagged.corpus import Sentence
from dicetune.data.tagged.refuse import no_columns
from dicetune.errors import DataError

TRACE = "-NONE-"
TRACES = "traces (-NONE-): dropped, they are no words"
NO_WORDS = "trees without a word: dropped"
ESCAPED = "names of brackets and slashes (-LRB-): read as what they stand for"
_FIRST = re.compile(r"[ \t]*\([ \t]*(\(|[^ \t()]+[ \t]*(\(|[^ \t()]+[ \t]*\)))")


def is_treebank(lines: Sequence[str]) -> bool:
    """Whether lines are bracketed trees, by the first that is no markup.

    Example:
        >>> is_treebank(["<S ID=1>", "( (IP (NR 上海)"]), is_treebank(["( PU", "a NN"])
        (True, False)
    """
    first = next((line for line in lines if line.strip() and not is_markup(line)), "")
    return bool(_FIRST.match(first))


def parse_treebank(
    lines: Sequence[str],
    path: str | Path,
    task: str,
    token_column: int | str | None,
    tag_column: int | str | None,
    wanted: bool,
    notes: NoteBook,
) -> list[Sentence]:
    """Lines to sentences.

    Args:
        lines: without their ends.
        path: the file, for messages.
        task: with tags, ``pos`` alone.
        token_column: none: there are no columns.
        tag_column: none.
        wanted: whether tags are read.
        notes: where traces and markup are counted.

    Raises:
        DataError: entities are asked for, or the brackets are broken.
        InputError: a column.

    Example:
        >>> lines = ["(IP (NP (-NONE- *pro*)) (NP (NR 上海)", " (NN 浦东)))"]
        >>> (sentence,) = parse_treebank(lines, "a.fid", "pos", None, None, True, NoteBook())
        >>> sentence.tokens, sentence.tags
        (('上海', '浦东'), ('NR', 'NN'))
    """
    if wanted and task == "ner":
        raise DataError(
            path, "expected entity tags, got a treebank, which holds parts of speech: use task pos"
        )
    no_columns("trees", token_column, tag_column)
    sentences = []
    for tree in parse_brackets(lines, path, notes):
        words, tags, places = [], [], []
        for leaf in tree.leaves():
            if leaf.label == TRACE:
                notes.add(TRACES, f"{path}:{leaf.line}")
                continue
            word = plain_word(leaf.word or "")
            if word != leaf.word:
                notes.add(ESCAPED, f"{path}:{leaf.line}")
            words.append(word)
            tags.append(leaf.label)
            places.append(leaf.line)
        if not words:
            notes.add(NO_WORDS, f"{path}:{tree.line}")
            continue
        own = tuple(tags) if wanted else ()
        sentences.append(Sentence(tuple(words), own, tree.line, lines=tuple(places)))
    return sentences
