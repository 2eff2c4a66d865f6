"""What a file of sentences holds beside their words, which the output of predictions keeps.

JSON lines have further keys. Files of columns have further columns and comments: beside predicted
tags each row stays as it is and gets one cell more, and so do the lines between the rows. A row
whose cells are parted by spaces gets its tag behind a space. In CoNLL-U a row that is no syntactic
word gets ``_``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from dicetune.data.files.tables import InputTable
from dicetune.data.tagged.sentences import Sentence, Sentences

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
"""The columns of CoNLL-U."""

_NAMES: Mapping[str, Sequence[str]] = {"conll": (), "conllu": CONLLU, "conll2012": ()}
KEPT_FORMATS = (*_NAMES, "jsonl")
"""Formats with lines that hold more than words."""

_SPACES = re.compile(r"[ \t]+")


@dataclass(frozen=True, eq=False)
class KeptLines:
    """The lines of a file, and its sentences, which know their lines; a slice takes sentences."""

    lines: Sequence[str]
    format: str
    sentences: Sentences
    begin: int = 0  # number of the lines before those of the sentences
    end: int | None = None  # ``None``: the lines behind the last sentence belong to it

    @property
    def has_columns(self) -> bool:
        """Whether the file has one word a row."""
        return self.format in _NAMES

    def __getitem__(self, place: slice) -> KeptLines:
        first, stop, _ = place.indices(len(self.sentences))
        begin = _last_line(self.sentences[first - 1]) if first else self.begin
        end = _last_line(self.sentences[stop - 1]) if 0 < stop < len(self.sentences) else self.end
        return replace(self, sentences=self.sentences[place], begin=begin, end=end)

    def tagged(self, tags: Sequence[Sequence[str]]) -> str:
        """The lines, each row with the tag of its word as its last cell."""
        tag_of = {
            number: tag
            for sentence, predicted in zip(self.sentences, tags, strict=True)
            for number, tag in zip(sentence.lines, predicted, strict=True)
        }
        found, other = [], "_" if self.format == "conllu" else None
        for number, line in enumerate(self.lines[self.begin : self.end], self.begin + 1):
            is_row = bool(line.strip()) and not line.startswith("#")
            tag = tag_of.get(number, other if is_row else None)
            found.append(line if tag is None else _with_cell(line, tag))
        if self.end is None and found[-1].strip():
            found.append("")
        text = "".join(line + "\n" for line in found)
        # a reader drops one byte order mark
        return "\ufeff" + text if self.begin == 0 and text.startswith("\ufeff") else text

    def table(self) -> InputTable | None:
        """Further columns or keys behind the id and the words as a text; ``None`` without any."""
        read = self._columns if self.has_columns else self._keys
        more = [read(sentence, own) for sentence, own in self._own()]
        if not any(more):
            return None
        rows = [
            {name: value for name, value in named.items() if value is not None} | row
            for sentence, row in zip(self.sentences, more, strict=True)
            for named in [{"id": sentence.id, "text": " ".join(sentence.tokens)}]
        ]
        return InputTable.of(rows, frozenset({"id", "text"}.difference(*more)))

    def _own(self) -> Iterator[tuple[Sentence, list[tuple[int, str]]]]:
        """Each sentence with its numbered lines: from the sentence before to its last row."""
        at, lines = self.begin, iter(enumerate(self.lines[self.begin : self.end], self.begin + 1))
        for sentence in self.sentences:
            last = _last_line(sentence)
            yield sentence, list(islice(lines, last - at))
            at = last

    def _keys(self, sentence: Sentence, own: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """The further keys of an object."""
        record, words = json.loads(own[-1][1]), list(sentence.tokens)
        return {name: value for name, value in record.items() if name != "id" and value != words}

    def _columns(self, sentence: Sentence, own: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """The further columns of a sentence, and the comments before its last row."""
        words = {*sentence.lines}
        rows = [line for number, line in own if number in words]
        by_tab, names = all("\t" in row for row in rows), _NAMES[self.format]
        columns = map(list, zip(*(cells(row, by_tab) for row in rows), strict=False))
        found: dict[str, Any] = {
            names[place] if names else f"column {place}": column
            for place, column in enumerate(columns)
            if column != list(sentence.tokens)
        }
        said = [line for n, line in own if line.startswith("#") and n not in words]
        return found | ({"comments": said} if said else {})


def cells(line: str, by_tab: bool) -> list[str]:
    """The cells of one row, parted at each tab, or else at runs of spaces and tabs."""
    if by_tab:
        return line.split("\t")
    return _SPACES.split(line.rstrip(" \t"))


def _with_cell(line: str, cell: str) -> str:
    """A row with one more cell."""
    if " " in line and "\t" not in line:
        return f"{line.rstrip(' ')} {cell}"
    return f"{line}\t{cell}"


def _last_line(sentence: Sentence) -> int:
    """The line of a sentence, or of its last row."""
    return (sentence.lines or (sentence.line or 0,))[-1]
