r"""Inline markup: tagged text that a person can read and write without a tool.

One sentence a line, words apart by spaces, entities in double brackets with their type::

    # a comment: a line that begins with '#'
    [[Harbor Sync|SERVICE]] is slow again .
    Nobody has touched it since noon .

    The next report begins after a blank line .

The reports are counted, and each sentence has the id "report.sentence", from 1. A backslash makes
the next ``[``, ``]``, ``|``, ``#`` or backslash an ordinary character (``\[[`` is a literal
``[[``); before anything else a backslash is a backslash. A single bracket, a ``|`` outside an
entity and a ``#`` inside a line are ordinary anyway.

The packaged sample has this format: reports of a port logistics operation, written for this project
(CC0 1.0), in three fixed splits, with the entity types SERVICE, SITE, MACHINE and ORG.
``sample_corpus/README.md`` has the annotation guideline.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NoReturn

from dicetune.data.files.text import read_lines
from dicetune.data.tagged.corpus import Corpus, Sentence
from dicetune.errors import DataError, InputError, quoted
from dicetune.problems.schemes import Span, spans, to_tags

OPEN, CLOSE, BAR, COMMENT = "[[", "]]", "|", "#"
_SPACE = re.compile(r"[ \t]+")
_MARK = re.compile(r"\\[\[\]|#\\]|\[\[|\]\]|\|")
_ESCAPED = re.compile(r"\\([\[\]|#\\])")
_TYPE = re.compile(r"[^\s\[\]|\\]+")
SPLITS = ("train", "dev", "test")
_HINT = "write [[words|TYPE]], and \\[[ for literal brackets"


def read_inline(path: str | Path) -> Corpus:
    """The sentences of a file in inline markup, with IOB2 tags."""
    return parse_inline(read_lines(path), path)


def sample_text(split: str) -> str:
    """The file of one split of the sample, as it is."""
    folder = resources.files("dicetune.data") / "sample_corpus"
    return (folder / f"{split}.txt").read_text(encoding="utf-8")


def sample_corpora() -> dict[str, Corpus]:
    """The splits ``train``, ``dev`` and ``test`` of the sample, with IOB2 tags.

    Example:
        >>> corpora = sample_corpora()
        >>> corpora["dev"].source
        'sample:dev'
        >>> sorted({tag[2:] for tag in corpora["train"].tag_counts if tag != "O"})
        ['MACHINE', 'ORG', 'SERVICE', 'SITE']
    """
    return {
        split: parse_inline(sample_text(split).split("\n"), f"sample:{split}") for split in SPLITS
    }


def parse_inline(lines: Sequence[str], source: str | Path) -> Corpus:
    r"""Lines in inline markup to a Corpus with IOB2 tags, which calls the text ``source``.

    Example:
        >>> corpus = parse_inline(["# log", "[[Harbor Sync|SERVICE]] is slow ."], "log.txt")
        >>> corpus.sentences[0].tokens
        ('Harbor', 'Sync', 'is', 'slow', '.')
        >>> corpus.sentences[0].tags
        ('B-SERVICE', 'I-SERVICE', 'O', 'O', 'O')
        >>> parse_inline(["Atlas]] is slow ."], "log.txt")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        dicetune.errors.DataError: log.txt:1: expected an open entity, got ']]' at column 6: ...
    """
    sentences: list[Sentence] = []
    report, place, between = 0, 0, True
    for number, line in enumerate(lines, 1):
        if line.startswith(COMMENT):
            continue
        if not line.strip(" \t"):
            between = True
            continue
        if between:
            report, place, between = report + 1, 0, False
        place += 1
        tokens, found = _parse_line(line, source, number)
        tags = to_tags(found, len(tokens))
        sentences.append(Sentence(tuple(tokens), tuple(tags), number, f"{report}.{place}"))
    if not sentences:
        raise DataError(source, "expected sentences, got only comments and blank lines")
    return Corpus(tuple(sentences), str(source), "iob2", "iob2")


def format_inline(sentence: Sentence) -> str:
    r"""One sentence with IOB2 tags as a line that ``parse_inline`` reads back the same.

    Example:
        >>> tags = ("B-SERVICE", "I-SERVICE", "O", "O", "O")
        >>> print(format_inline(Sentence(("Harbor", "Sync", "[1]", "is", "up"), tags)))
        [[Harbor Sync|SERVICE]] \[1\] is up
    """
    words = [_escaped(word) for word in sentence.tokens]
    if not words:
        raise InputError("expected a sentence with words, got none: a line cannot hold it")
    if words[0].startswith(COMMENT):
        words[0] = "\\" + words[0]
    for kind, start, end in spans(sentence.tags):
        if not _TYPE.fullmatch(kind):
            raise InputError(
                f"expected a type without spaces, brackets and bars, got {quoted(kind)}"
            )
        words[start] = OPEN + words[start]
        words[end - 1] += f"{BAR}{kind}{CLOSE}"
    return " ".join(words)


def _parse_line(line: str, source: str | Path, number: int) -> tuple[list[str], list[Span]]:
    def fail(message: str) -> NoReturn:
        raise DataError(source, f"{message}: {_HINT}", line=number)

    tokens: list[str] = []
    found: list[Span] = []
    begin = -1  # where the text of the open entity begins; -1: none is open
    bars: list[int] = []
    done = 0  # all before this position is in tokens
    for mark in _MARK.finditer(line):
        if mark[0] == OPEN:
            if begin >= 0:
                fail(f"expected the entity opened at column {begin - 1} to be closed, got another")
            if mark.start() and line[mark.start() - 1] not in " \t":
                fail(f"expected a space before the entity at column {mark.start() + 1}")
            tokens += _words(line[done : mark.start()])
            begin, bars = mark.end(), []
        elif mark[0] == BAR and begin >= 0:
            bars.append(mark.start())
        elif mark[0] == CLOSE:
            if begin < 0:
                fail(f"expected an open entity, got ']]' at column {mark.start() + 1}")
            if mark.end() < len(line) and line[mark.end()] not in " \t":
                fail(f"expected a space after the entity that ends at column {mark.end()}")
            text = line[begin : mark.start()]
            if not bars:
                fail(f"expected a type after '|', got the entity {quoted(text)} without one")
            if len(bars) > 1:
                fail(f"expected one '|' in the entity, got {len(bars)} in {quoted(text)}")
            words, kind = _words(line[begin : bars[0]]), line[bars[0] + 1 : mark.start()].strip()
            if not words:
                fail(f"expected words in the entity at column {begin - 1}, got none")
            if not _TYPE.fullmatch(kind):
                fail(f"expected a type after '|', one word, got {quoted(kind)}")
            found.append((kind, len(tokens), len(tokens) + len(words)))
            tokens += words
            begin, done = -1, mark.end()
    if begin >= 0:
        fail(f"expected ']]' after the entity opened at column {begin - 1}, got the line's end")
    return tokens + _words(line[done:]), found


def _words(text: str) -> list[str]:
    return [_ESCAPED.sub(r"\1", word) for word in _SPACE.split(text) if word]


def _escaped(word: str) -> str:
    if not word or re.search(r"[ \t\r\n]", word):
        raise InputError(
            f"expected a word without white space, got {quoted(word)}: inline markup cannot hold it"
        )
    return re.sub(r"[\[\]|\\]", r"\\\g<0>", word)
