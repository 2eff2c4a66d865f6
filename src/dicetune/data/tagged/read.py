"""``read_tokens``: any tagged file to a Corpus.

Path -> format -> reader (words and tags as in the source) -> tags brought to one scheme ->
Corpus. The readers know files, ``schemes`` knows tags, and this module joins them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from dicetune.data.files.columns import column, column_number, parse_columns, word_column
from dicetune.data.files.notes import NoteBook
from dicetune.data.files.open_text import read_lines, source_name
from dicetune.data.tagged.checks import check_filled, note_one_label
from dicetune.data.tagged.conll2012 import parse_conll2012
from dicetune.data.tagged.conllu import parse_conllu
from dicetune.data.tagged.corpus import Corpus, Scheme, Sentence
from dicetune.data.tagged.formats import FORMATS, detect_format
from dicetune.data.tagged.hub import read_hub
from dicetune.data.tagged.jsonl import parse_jsonl
from dicetune.data.tagged.positions import without_positions
from dicetune.data.tagged.schemes import normalise, target_scheme
from dicetune.data.tagged.treebank import parse_treebank
from dicetune.data.tagged.words_tags import parse_word_tags
from dicetune.errors import DataError, InputError, quoted, unknown_name

Task = Literal["ner", "pos"]
Column = int | str | None

EMPTY_WORD = "empty words: kept, as words without text"


def read_tokens(
    path: str | Path,
    *,
    task: Task = "ner",
    format: str = "auto",
    scheme: str = "auto",
    token_column: Column = None,
    tag_column: Column = None,
    split: str | None = None,
    require_tags: bool = True,
    trained: Mapping[str, Any] | None = None,
) -> Corpus:
    """Sentences with one tag for each word.

    Args:
        path: a file (gzip too, ``-`` is stdin), a data set saved by ``datasets``, or the name of
            one on the Hub, as ``name``, ``name:split`` or ``name:config:split``; a folder with
            several splits is named with one of them, ``folder:split``.
        task: ``ner``, whose tags spell spans and are brought to IOB2 (from IO, IOB1, IOB2) or
            IOBES (from IOBES, BMES, BILOU), or ``pos``, whose tags are kept as they are.
        format: ``conll`` (columns), ``conllu``, ``conll2012`` (OntoNotes), ``jsonl``, ``word_tag``
            (lines of word_TAG), ``treebank`` (bracketed), ``hub``; ``auto`` looks at the content.
        scheme: of the file's tags: ``io``, ``iob1``, ``iob2``, ``iobes``, ``bmes``, ``bilou``;
            ``auto`` looks at all tags of the file (``dicetune.data.tagged.schemes`` has the rules).
        token_column: number from 0 (columns; default the first) or name (JSON lines, Hub).
        tag_column: number or name; default: the last column; ``upos`` in CoNLL-U (``xpos`` is
            the other choice); entities or parts of speech, as the task is, in CoNLL-2012; the
            first known name in JSON lines and on the Hub.
        split: which split of a ``datasets`` data set.
        require_tags: ``False`` reads text to be tagged: a column of words is enough, and tags
            that are there are not read unless ``tag_column`` is given. Sentences without words
            are then kept, so that what comes out lines up with what went in.
        trained: options that a model was trained with; in files of columns, its columns are the
            default (their numbers are no keys of JSON).

    Returns:
        The corpus, with a note for all that was repaired, skipped or odd.

    Raises:
        DataError: what is wrong, in which file and line, what was expected and what to do.
        InputError: an unknown task, format or scheme.
    """
    _check_task(task)
    if format != "auto" and format not in FORMATS:
        raise unknown_name("data format", format, ["auto", *FORMATS])
    lines: list[str] = []
    if format == "auto":
        format, lines = detect_format(path)
    elif format != "hub":
        lines = read_lines(path)
    if split is not None and format != "hub":
        raise InputError(
            f"split {quoted(split)} was given for {quoted(Path(path))}, which is one file: "
            f"leave it out, "
            "or use format 'hub' for a data set with splits"
        )
    if format != "hub":
        return parse_tokens(
            lines,
            path,
            format,
            task=task,
            scheme=scheme,
            token_column=token_column,
            tag_column=tag_column,
            require_tags=require_tags,
            trained=trained,
        )
    wanted = require_tags or tag_column is not None
    notes = NoteBook()
    sentences = read_hub(path, split, task, token_column, tag_column, wanted, notes)
    return _corpus(sentences, source_name(path), task, scheme, wanted, notes, format)


def parse_tokens(
    lines: list[str],
    path: str | Path,
    format: str,
    *,
    task: Task = "ner",
    scheme: str = "auto",
    token_column: Column = None,
    tag_column: Column = None,
    require_tags: bool = True,
    trained: Mapping[str, Any] | None = None,
) -> Corpus:
    """Sentences from the lines of a file that was read already, such as a stream.

    Args:
        lines: of the file.
        path: the file, for messages.
        format: as for ``read_tokens``, but ``hub``.
        task: as for ``read_tokens``, like all that follow.
        scheme: of the tags.
        token_column: of the words.
        tag_column: of the tags.
        require_tags: whether there must be tags.
        trained: options that a model was trained with.

    Raises:
        DataError: what is wrong, in which file and line, what was expected and what to do.
        InputError: an unknown task, format or scheme.

    Example:
        >>> parse_tokens(["in", "Bonn"], "-", "conll", require_tags=False).sentences[0].tokens
        ('in', 'Bonn')
    """
    _check_task(task)
    wanted = require_tags or tag_column is not None
    source = source_name(path)
    notes = NoteBook()
    if trained is not None and format in ("conll", "conllu"):
        token_column = trained.get("token_column") if token_column is None else token_column
        if tag_column is None and wanted:
            tag_column = trained.get("tag_column")
    if format not in _PARSERS:
        raise unknown_name("format of lines", format, list(_PARSERS))
    parse = _PARSERS[format]
    sentences = parse(lines, source, task, token_column, tag_column, wanted, notes)
    return _corpus(sentences, source, task, scheme, wanted, notes, format)


def _check_task(task: str) -> None:
    if task not in ("ner", "pos"):
        raise unknown_name("tagging task", task, ["ner", "pos"])


def _corpus(
    sentences: list[Sentence],
    source: str,
    task: str,
    scheme: str,
    wanted: bool,
    notes: NoteBook,
    format: str,
) -> Corpus:
    if not sentences:
        raise DataError(source, "expected sentences, got none: check the file and the format")
    for sentence in sentences:
        for position in (i for i, token in enumerate(sentence.tokens) if not token):
            notes.add(EMPTY_WORD, f"{source}:{sentence.line_of(position)}")
    check_filled(sentences, source)
    new_scheme: Scheme | None = None
    found: str | None = None
    if wanted and task == "ner":
        tags, found = normalise(sentences, source, scheme, notes)
        new_scheme = target_scheme(found)
        sentences = [
            replace(sentence, tags=tuple(own))
            for sentence, own in zip(sentences, tags, strict=True)
        ]
    if wanted:
        note_one_label((sentence.tags for sentence in sentences), source, task, notes)
    return Corpus(tuple(sentences), source, new_scheme, found, notes.notes(), format)


def _conll(
    lines: Sequence[str],
    source: str,
    task: str,
    token_column: Column,
    tag_column: Column,
    wanted: bool,
    notes: NoteBook,
) -> list[Sentence]:
    tag_index = column_number(tag_column, -1, "tag_column")
    table = parse_columns(lines, source, notes)
    if wanted and table.width < 2:
        raise DataError(
            source,
            "expected at least 2 columns, a word and its tag, got 1: separate them by a tab "
            "or a space",
            line=table.sentences[0].lines[0],
        )
    words = column(table, word_column(token_column, table, source, int(wanted)), "words", source)
    tags = column(table, tag_index, "tags", source) if wanted else None
    sentences = []
    for rows, tokens in zip(table.sentences, words, strict=True):
        own = [] if tags is None else next(tags)
        sentences.append(
            Sentence(
                tuple(tokens),
                tuple(own),
                line=rows.lines[0],
                lines=tuple(rows.lines),
                document=rows.document,
            )
        )
    return without_positions(sentences, source, notes)


_PARSERS: dict[str, Callable[..., list[Sentence]]] = {
    "conll": _conll,
    "conllu": parse_conllu,
    "conll2012": parse_conll2012,
    "jsonl": parse_jsonl,
    "word_tag": parse_word_tags,
    "treebank": parse_treebank,
}
"""From lines, file, task, word column, tag column, whether tags are wanted, and notes."""
