r"""Treebanks as words with parts of speech: bracketed trees, and lines of ``word_TAG``.

**Trees** (Penn Treebank, Chinese Treebank): ``(IP-HLN (NP-PN (NR 上海) (NN 浦东)) (VP (VV 开发)))``
becomes 上海/NR 浦东/NN 开发/VV.

- A sentence is a tree. Its words are the pre-terminals, whose labels are read as they are
  (``NN-SHORT`` too).
- Traces (``-NONE-``) are no words: dropped and counted; so are trees of nothing but traces.
- ``-LRB-``, ``\/`` and their like are read as the characters that they name, and counted.

**Lines of word_TAG**, one sentence a line, as Chinese treebanks are often passed on:
``中国_NR 经济_NN 发展_VV`` or ``中国/NR 经济/NN``. Only runs of spaces or tabs separate words:
U+3000 is part of a word. A file has one separator of tags, the most frequent; the last separator in
a word counts, so that ``__PU`` is the word ``_``. The People's Daily corpus also has:

- **Compounds** (People's Daily corpus, PKU): ``[中央/n 人民/n 广播/vn 电台/n]nt`` (also ``]/nt``).
  The words are read with their tags, the tag of the compound is ignored. A bracket that is a word,
  ``[/w``, stays a word. Brackets mean compounds in every file of ``word/TAG``, and in a file of
  ``word_TAG`` if some tag has a bracket behind it; else a bracket is a letter of its word.
- **Names of lines** (PKU): ``19980101-01-001-001/m`` before the words, that is date, page, article
  and paragraph, tagged like a number. Where every line has one, they are read as the names of the
  sentences; where only some lines have one, they are words.

In both, lines of markup between sentences (``<S ID=1>``, ``<DOC>``) are skipped and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dicetune.data.files.brackets import MARKUP, is_markup, parse_brackets, plain_word
from dicetune.data.tagged.corpus import NO_WORDS, Reading, no_columns
from dicetune.data.tagged.sentences import Sentence
from dicetune.errors import InputError, quoted

TRACE = "-NONE-"
TRACES = "traces (-NONE-): dropped, they are no words"
NO_LEAVES = "trees without a word: dropped"
ESCAPED = "names of brackets and slashes (-LRB-): read as what they stand for"
COMPOUNDS = "compounds ([...]nt): read as the words within, the compound's own tag is left out"
IDS = "names of lines (19980101-01-001-001/m): read as the names of the sentences, not as words"
SOME_IDS = "words such as 19980101-01-001-001 that begin some lines, not all: kept as words"
SEPARATORS = ("_", "/")
_FIRST = re.compile(r"[ \t]*\([ \t]*(\(|[^ \t()]+[ \t]*(\(|[^ \t()]+[ \t]*\)))")
_SPACES = re.compile(r"[ \t]+")
_TAG = re.compile(r"[^\d_/][^_/]{0,19}")
_COMPOUND_TAG = r"[^\d_/\[\]][^_/\[\]]{0,19}"
_CLOSED = {
    "/": re.compile(rf"(.*/{_COMPOUND_TAG})((?:\]/?{_COMPOUND_TAG})+)", re.DOTALL),
    "_": re.compile(rf"(.*_{_COMPOUND_TAG})((?:\]{_COMPOUND_TAG})+)", re.DOTALL),
}
_ID = re.compile(r"(\d{6,8}(?:-\d{1,4}){2,3})(?:[_/][^_/]+)?")
_LOOKED_AT = 100


def is_treebank(lines: Sequence[str]) -> bool:
    """Whether lines are bracketed trees, by the first line that is no markup."""
    first = next((line for line in lines if line.strip() and not is_markup(line)), "")
    return bool(_FIRST.match(first))


def parse_treebank(reading: Reading) -> list[Sentence]:
    """Trees to sentences."""
    if reading.wants_tags and reading.spans:
        raise reading.error(
            "expected entity tags, got a treebank, which holds parts of speech: use task pos"
        )
    no_columns("trees", reading.token_column, reading.tag_column)
    sentences = []
    for tree in parse_brackets(reading.lines, reading.source, reading.notes):
        words, tags, lines = [], [], []
        for leaf in tree.leaves():
            if leaf.label == TRACE:
                reading.note(TRACES, leaf.line)
                continue
            word = plain_word(leaf.word or "")
            if word != leaf.word:
                reading.note(ESCAPED, leaf.line)
            words.append(word)
            tags.append(leaf.label)
            lines.append(leaf.line)
        if not words:
            reading.note(NO_LEAVES, tree.line)
            continue
        read_tags = tuple(tags) if reading.wants_tags else ()
        sentences.append(Sentence(tuple(words), read_tags, tree.line, lines=tuple(lines)))
    return sentences


def is_word_tags(lines: Sequence[str]) -> bool:
    """Whether lines are ``word_TAG``: every word has a tag, and some line has several words."""
    rows = [words for line in lines[:_LOOKED_AT] if not is_markup(line) and (words := _words(line))]
    return any(len(words) > 1 for words in rows) and any(
        all(_is_tagged(word, separator) for words in rows for word in words)
        for separator in SEPARATORS
    )


def parse_word_tags(reading: Reading) -> list[Sentence]:
    """Lines of ``word_TAG`` to sentences; where no tags are wanted, a word needs no tag."""
    no_columns("word_TAG lines", reading.token_column, reading.tag_column)
    rows = []
    for number, line in enumerate(reading.lines, 1):
        if is_markup(line):
            reading.note(MARKUP, number)
        elif words := _words(line):
            rows.append((number, words))
    separator = max(SEPARATORS, key=lambda mark: sum(mark in w for _, words in rows for w in words))
    # brackets mean compounds in every file of word/TAG, else where a tag has a bracket behind it
    compounds = separator == "/" or any(_is_closing(w, separator) for _, row in rows for w in row)
    ids = _line_ids(rows, reading)
    sentences = []
    for place, (number, row) in enumerate(rows):
        words = row if ids is None else row[1:]
        if not words and reading.wants_tags:
            reading.note(NO_WORDS, number)
            continue
        if compounds:
            words = _without_compounds(words, separator, number, reading)
        pairs = [_pair(word, separator, number, reading) for word in words]
        tags = tuple(tag for _, tag in pairs) if reading.wants_tags else ()
        name = None if ids is None else ids[place]
        sentences.append(Sentence(tuple(word for word, _ in pairs), tags, number, name))
    return sentences


def format_word_tags(words: Sequence[str], tags: Sequence[str]) -> str:
    """One sentence as a line that ``parse_word_tags`` reads back the same."""
    for word, tag in zip(words, tags, strict=True):
        if not word or re.search(r"[ \t\r\n]", word):
            raise InputError(
                f"expected a word without spaces and line ends, got {quoted(word)}: word_TAG lines "
                "cannot hold it, write JSON lines instead"
            )
        if not tag or re.search(r"[ \t\r\n_\]]", tag):
            raise InputError(
                f"expected a tag without spaces, '_' and ']', got {quoted(tag)}: word_TAG lines "
                "cannot hold it, write JSON lines instead"
            )
    return " ".join(f"{word}_{tag}" for word, tag in zip(words, tags, strict=True))


def _words(line: str) -> list[str]:
    return [word for word in _SPACES.split(line) if word]


def _is_tagged(word: str, separator: str) -> bool:
    start, found, tag = word.rpartition(separator)
    return bool(start and found and _TAG.fullmatch(tag))


def _pair(word: str, separator: str, line: int, reading: Reading) -> tuple[str, str]:
    """A word and its tag, which may be missing where no tags are wanted."""
    start, found, tag = word.rpartition(separator)
    if start and tag:
        return start, tag
    if not reading.wants_tags and not found:
        return word, ""
    raise reading.error(
        f"expected words with their tags, as in 'word{separator}TAG', got {quoted(word)}", line
    )


def _without_compounds(
    words: Sequence[str], separator: str, line: int, reading: Reading
) -> list[str]:
    """The words of a line with their tags, without the brackets around compounds."""
    found = []
    opened: list[str] = []
    for word in words:
        closed = _CLOSED[separator].fullmatch(word)
        if closed is None and _is_closing(word, separator):
            raise reading.error(
                f"expected the tag of a compound behind ']', as in 'word{separator}TAG]TAG', got "
                f"{quoted(word)}",
                line,
            )
        body = word if closed is None else closed[1]
        while _opens(body, separator):
            opened.append(word)
            body = body[1:]
        for _ in range(closed[2].count("]") if closed else 0):
            if not opened:
                raise reading.error(
                    f"expected '[' before the compound that ends with {quoted(word)}, got none in "
                    "its line: mend the brackets",
                    line,
                )
            opened.pop()
            reading.note(COMPOUNDS, line)
        found.append(body)
    if opened:
        raise reading.error(
            f"expected ']' and a tag behind the compound that begins with {quoted(opened[-1])}, "
            "got the end of the line: mend the brackets",
            line,
        )
    return found


def _line_ids(rows: Sequence[tuple[int, Sequence[str]]], reading: Reading) -> list[str] | None:
    """The name of each line, given its number and its words; ``None`` where lines have no names."""
    found = [(number, _ID.fullmatch(words[0])) for number, words in rows]
    ids = [match[1] for _, match in found if match]
    are_names = len(ids) == len(found)
    for number, match in found:
        if match:
            reading.note(IDS if are_names else SOME_IDS, number)
    return ids if are_names and ids else None


def _is_closing(word: str, separator: str) -> bool:
    start, found, tag = word.rpartition(separator)
    return bool(start and found) and "]" in tag


def _opens(word: str, separator: str) -> bool:
    """Whether a word is behind the bracket; a word that closes the bracket keeps it as a letter."""
    start, found, _ = word[1:].rpartition(separator)
    return word.startswith("[") and bool(start and found) and "]" not in start
