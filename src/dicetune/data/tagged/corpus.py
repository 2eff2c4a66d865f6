"""Corpus: tagged sentences as every reader returns them, with what was noticed on the way.

A reader never drops or changes a row silently: repairs and oddities are counted in ``notes``
with the first places where they were met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from dicetune.data.files.notes import Note

Scheme = Literal["iob2", "iobes"]


@dataclass(frozen=True)
class Sentence:
    """One sentence: its tokens, one tag each, and where it was read.

    Args:
        tokens: the words, exactly as in the file.
        tags: one tag each; empty where the source has none (text to be tagged).
        line: 1-based line on which it starts, or ``None`` where lines mean nothing.
        id: the source's own name for it, where it has one.
        lines: the line of each token, where each has its own; not part of equality.
        document: what it is a part of, where the source says so; not part of equality.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...] = ()
    line: int | None = None
    id: str | None = None
    lines: tuple[int, ...] = field(default=(), compare=False, repr=False)
    document: str | None = field(default=None, compare=False, repr=False)

    def line_of(self, position: int) -> int | None:
        """Line of the token at a position, or the sentence's where tokens have none."""
        return self.lines[position] if self.lines else self.line


@dataclass(frozen=True)
class Corpus:
    """The sentences of one file or split.

    Args:
        sentences: in the order of the file.
        source: the file or data set it came from.
        scheme: the span scheme its tags are in now ("iob2", "iobes"); ``None`` where the tags
            are no spans (part of speech) or absent.
        found_scheme: the scheme of the file, before it was brought to ``scheme``.
        notes: repairs and oddities, counted.
        format: of the file ("conll", "jsonl", …), where it was read from one.
    """

    sentences: tuple[Sentence, ...]
    source: str
    scheme: Scheme | None = None
    found_scheme: str | None = None
    notes: tuple[Note, ...] = field(default=())
    format: str = ""

    def first(self, count: int) -> Self:
        """The same source with its first sentences alone."""
        return replace(self, sentences=self.sentences[:count])

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[Sentence]:
        return iter(self.sentences)

    @property
    def tag_counts(self) -> Counter[str]:
        """Number of tokens of each tag."""
        return Counter(tag for sentence in self.sentences for tag in sentence.tags)
