"""``read_tokens``: any tagged file to a Corpus; which format a file has; the packaged sample.

Path -> format -> reader (words and tags as in the source) -> tags brought to one scheme -> Corpus.

The content of a file tells its format. ``detect_format`` asks in this order:

0. An export of an annotation tool, by its name (``.spacy``, ``.ann``), its folder or its first
   object: ``EXPORTS`` (``data/exports/read.py``).
1. A folder with a data set that ``datasets`` saved, or with Parquet or Arrow files; or no file, and
   the name of a data set with a split (``name:split``): ``hub``.
2. The first line is a JSON object: ``jsonl``.
3. The name ends in ``.conllu``, or the first row has ten columns by tabs, of which the first is a
   number: ``conllu``.
4. ``#begin document`` comes first, or a row with the columns of OntoNotes: ``conll2012``.
5. The first line, markup aside, opens a tree with a bracket: ``treebank``.
6. Each word has a tag after ``_`` or ``/``, and some lines have several words: ``word_tag``.
7. Else ``conll``, if rows have at least two columns or each line is one word.

Text to be tagged may also be prose, so columns need evidence (``guess_format``). Rules 0 to 6 are
the same; then:

7. A name that promises columns (``.conll``, ``.tsv``, …) or a ``-DOCSTART-`` row: ``conll``.
8. A table, that is the same number of cells, at least two, in every row that is not blank:
   ``conll`` if each row holds a tab; by spaces only if there are rows and a sentence break.
9. Else ``text``, one text a line.

A table of only words and spaces, and text that is nearly a table, is a guess: ``Guess.doubt`` says
why.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from itertools import dropwhile
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.data.exports.documents import Export, ExportChoice
from dicetune.data.exports.read import (
    EXPORTS,
    NO_TEXTS,
    export_at,
    export_in,
    plain_export,
    tagged_sentences,
)
from dicetune.data.files.hub import names_data_set
from dicetune.data.files.text import read_lines, source_name
from dicetune.data.tagged.conll import DOCUMENT, names_columns, parse_conll, rows_of
from dicetune.data.tagged.conll2012 import is_conll2012, parse_conll2012
from dicetune.data.tagged.conllu import is_conllu, parse_conllu
from dicetune.data.tagged.corpus import Column, Corpus, Reading, Scheme, no_scheme
from dicetune.data.tagged.jsonl import parse_jsonl, read_hub
from dicetune.data.tagged.kept import KEPT_FORMATS, KeptLines, cells
from dicetune.data.tagged.schemes import normalise, target_scheme
from dicetune.data.tagged.sentences import Sentence, Sentences
from dicetune.data.tagged.treebank import is_treebank, is_word_tags, parse_treebank, parse_word_tags
from dicetune.errors import DataError, quoted, unknown_name
from dicetune.problems.schemes import Span, to_tags

EMPTY_WORD = "empty words: kept, as words without text"

_PARSERS: dict[str, Callable[[Reading], Iterable[Sentence]]] = {
    "conll": parse_conll,
    "conllu": parse_conllu,
    "conll2012": parse_conll2012,
    "jsonl": parse_jsonl,
    "word_tag": parse_word_tags,
    "treebank": parse_treebank,
}
NO_LINES = ("hub", *NO_TEXTS)
"""Formats of paths that are no files of text."""

WORD_FORMATS = (*_PARSERS, "hub")
"""Formats with a tag for each word."""

FORMATS = (*WORD_FORMATS, *EXPORTS)

SAMPLE_SPLITS = ("train", "dev", "test")
_ENTITY_OR_WORD = re.compile(r"\[\[([^|]+)\|([A-Z]+)\]\]|\S+")
# before a tab it is a word of columns
_JSON_BEGINS = re.compile(r'\s*(\[\s*)?\{\s*"[^"\t]*"\s*:[^\t]*')
_COLUMN_NAMES = (".conll", ".tsv", ".bio", ".iob", ".iob2", ".col", ".conllu")
_ALMOST = 0.9
"""Share of rows of one width above which a file with sentence breaks may be a damaged table."""


def read_tokens(
    path: str | Path,
    *,
    spans: bool = True,
    format: str = "auto",
    scheme: str = "auto",
    token_column: Column = None,
    tag_column: Column = None,
    require_tags: bool = True,
    trained: Mapping[str, Any] | None = None,
    lines: Sequence[str] | None = None,
    choice: ExportChoice | None = None,
) -> Corpus:
    """Sentences with one tag for each word; notes count what was repaired or odd.

    Tags that spell ``spans`` are brought to IOB2 or IOBES; other tags are read as they are. Columns
    have numbers from 0, or names in JSON lines, data sets, CoNLL-U and CoNLL-2012; the last column
    is the default for tags. Without ``require_tags``, tags are not read unless ``tag_column`` is
    given, and sentences without words are kept: the output has as many sentences as the input. It
    keeps what else the lines hold. ``trained`` holds the options of a model, whose columns are the
    default for files of columns; ``lines`` holds the lines of a file that was read already, such as
    a stream. In an export of an annotation tool ``token_column`` names the text and ``tag_column``
    the spans; ``choice`` says what else is open there.
    """
    if format != "auto" and format not in FORMATS:
        raise unknown_name("data format", format, ["auto", *FORMATS])
    if format == "auto":
        format, lines = detect_format(path, lines)
    elif lines is None and format not in NO_LINES:
        lines = read_lines(path)
    wanted = require_tags or tag_column is not None
    choice = choice or ExportChoice()
    if format not in EXPORTS:
        choice.refuse(source_name(path))
    if trained is not None and format in ("conll", "conllu"):
        token_column = trained.get("token_column") if token_column is None else token_column
        if tag_column is None and wanted:
            tag_column = trained.get("tag_column")
    reading = Reading(lines or (), source_name(path), spans, token_column, tag_column, wanted)
    if format in EXPORTS:
        return _exported(path, reading, scheme, format, choice)
    found = read_hub(path, reading) if format == "hub" else _PARSERS[format](reading)
    corpus = _corpus(Sentences.of(found), scheme, format, reading)
    if require_tags or format not in KEPT_FORMATS:
        return corpus
    return replace(corpus, kept=KeptLines(reading.lines, format, corpus.numbered))


def _exported(
    path: str | Path, reading: Reading, scheme: str, format: str, choice: ExportChoice
) -> Corpus:
    """The sentences of an export; its texts where no tags are wanted."""
    no_scheme("exports of annotation tools", scheme)
    if not reading.spans and reading.wants_tags:
        raise reading.error(
            f"expected a tag for each word, got an export of {format}, which has spans: tasks ner "
            "and mrc-ner read it"
        )
    export = Export(
        path,
        reading.lines,
        reading.source,
        reading.token_column,
        reading.tag_column,
        choice,
        reading.wants_tags,
        reading.notes,
    )
    if not reading.wants_tags:
        return plain_export(export, format)
    return _corpus(Sentences.of(tagged_sentences(export, format)), "iob2", format, reading)


def _corpus(sentences: Sentences, scheme: str, format: str, reading: Reading) -> Corpus:
    """The corpus of the sentences, checked, with the tags of spans in one scheme."""
    if not sentences:
        raise reading.error("expected sentences, got none: check the file and the format")
    if "" in sentences.words.names:
        for place in np.flatnonzero(sentences.words.numbers == sentences.words.names.index("")):
            reading.note(EMPTY_WORD, sentences.line_at(int(place)))
    reading.check_filled(sentences)
    new_scheme: Scheme | None = None
    found: str | None = None
    if reading.wants_tags and reading.spans:
        sentences, found = normalise(sentences, scheme, reading)
        new_scheme = target_scheme(found)
    if reading.wants_tags:
        reading.note_one_label(set(sentences.own_tags.firsts()))
    notes = reading.notes.notes()
    return Corpus(sentences, reading.source, new_scheme, found, notes, format)


def detect_format(
    path: str | Path, lines: Sequence[str] | None = None
) -> tuple[str, Sequence[str]]:
    """The format of a path, one of ``FORMATS``, by the rules above; and the lines of the file."""
    if lines is None:
        if named := export_at(path):
            return named, []
        if names_data_set(path):
            return "hub", []
        lines = read_lines(path)
    if told := export_in(lines):
        return told, lines
    name = Path(path).name.removesuffix(".gz")
    first = next(line for line in lines if line.strip())
    if _is_json_object(lines, path):
        return "jsonl", lines
    if name.endswith(".conllu") or is_conllu(lines):
        return "conllu", lines
    if is_conll2012(lines):
        return "conll2012", lines
    if is_treebank(lines):
        return "treebank", lines
    if name.endswith((".json", ".jsonl", ".ndjson")):
        raise DataError(
            path,
            f"expected JSON lines, one object a line, got {quoted(first[:40])}: check the file, "
            "or give the format",
            line=1,
        )
    return ("word_tag" if is_word_tags(lines) else "conll"), lines


def _is_json_object(lines: Sequence[str], path: str | Path) -> bool:
    """Whether the first line that is not blank is a JSON object; other JSON is refused."""
    first = next(line for line in lines if line.strip())
    if not first.lstrip().startswith(("{", "[")):
        return False
    try:
        is_json, value = True, json.loads(first)
    except (ValueError, RecursionError):
        is_json, value = False, None
    if isinstance(value, dict):
        return True
    # JSON over several lines has no JSON on its first line; a lone bracket may be a word, too
    has_more = ".json" in Path(path).name and first.strip() in ("[", "[{", "{")
    if not is_json and _JSON_BEGINS.fullmatch(first):
        raise DataError(
            path,
            f"expected JSON, got {quoted(first)}: mend the line, or give the format",
            line=lines.index(first) + 1,
        )
    if is_json or has_more:
        raise DataError(
            path,
            "expected JSON lines, one object a line, got JSON of another shape: "
            "convert it, for example a list with `jq -c '.[]'`, or give the format",
            line=1,
        )
    return False


@dataclass(frozen=True)
class Guess:
    """The format of text to be tagged: ``text``, or one of ``FORMATS``."""

    format: str
    lines: Sequence[str]  # none for ``hub``
    doubt: str | None = None  # why the file may have another format


def guess_format(path: str | Path, lines: Sequence[str] | None = None) -> Guess:
    """The format of text to be tagged; a file or stream whose lines are not given is read once."""
    format, lines = detect_format(path, lines)
    if format == "conll" and not Path(path).name.removesuffix(".gz").endswith(_COLUMN_NAMES):
        return _prose_or_columns(lines)
    return Guess(format, lines)


def _prose_or_columns(lines: Sequence[str]) -> Guess:
    if any(line.startswith(DOCUMENT) for line in lines):
        return Guess("conll", lines)
    has_tab = Counter("\t" in line for line in rows_of(lines))
    if not has_tab:
        return Guess("text", lines)
    tabs, rows = has_tab[True], has_tab.total()
    widths = Counter(len(cells(row, by_tab=2 * tabs >= rows)) for row in rows_of(lines))
    width, same = widths.most_common(1)[0]
    is_table = same == rows and width > 1
    first = next(rows_of(lines))
    has_breaks = not all(map(str.strip, dropwhile(first.__ne__, lines)))
    doubt = None
    if is_table and tabs == rows:
        return Guess("conll", lines, None if rows > 1 else "its only row holds a tab")
    if is_table and has_breaks and rows > 1:
        return Guess("conll", lines, f"each row has {width} words, with blank lines between")
    if names_columns(first):
        doubt = f"the first line, {quoted(first)}, names columns, but tabs part none"
    elif tabs:
        doubt = "some rows hold tabs, but they make no table"
    elif same == rows and rows > 1:
        doubt = f"each row has {width} word{'s' if width > 1 else ''}"
    elif width > 1 and has_breaks and rows > 1 and same >= _ALMOST * rows:
        doubt = f"{same} of {rows} rows have {width} words"
    return Guess("text", lines, doubt)


def sample_text(split: str) -> str:
    """The file of one split, as it is."""
    folder = resources.files("dicetune.data") / "sample_corpus"
    return (folder / f"{split}.txt").read_text(encoding="utf-8")


def sample_corpora() -> dict[str, Corpus]:
    """The splits of the packaged sample, with IOB2 tags.

    The sample is reports of a port logistics operation, written for this project (CC0 1.0); its
    ``README.md`` has the annotation guideline. A file has one sentence a line, words apart by
    spaces, and entities in double brackets with their types::

        # a comment: a line that begins with '#'
        [[Harbor Sync|SERVICE]] is slow again .

    A blank line ends a report. The id of a sentence is "report.sentence", both counted from 1.
    """
    return {split: _sample_corpus(sample_text(split), f"sample:{split}") for split in SAMPLE_SPLITS}


def _sample_corpus(text: str, source: str) -> Corpus:
    sentences: list[Sentence] = []
    report, place, between = 0, 0, True
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("#"):
            continue
        if not line:
            between = True
            continue
        if between:
            report, place, between = report + 1, 0, False
        place += 1
        tokens: list[str] = []
        found: list[Span] = []
        for match in _ENTITY_OR_WORD.finditer(line):
            words = (match[1] or match[0]).split(" ")
            if match[2]:
                found.append((match[2], len(tokens), len(tokens) + len(words)))
            tokens += words
        tags = tuple(to_tags(found, len(tokens)))
        sentences.append(Sentence(tuple(tokens), tags, number, f"{report}.{place}"))
    return Corpus(tuple(sentences), source, "iob2", "iob2")
