"""Sentences of tagged words, kept as numbers: equal words and equal tags are kept once.

A sentence of 18 words takes 6 kB as strings and lists, and 200 bytes here. Each sentence is made
when it is asked for.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dicetune.data.files.rows import Numbering, OnDemand

_AT_ONCE = 4096
_NO_TAG = -1


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: its tokens, one tag each, and where it was read."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...] = ()  # empty for text to be tagged
    line: int | None = None  # from 1; ``None`` where lines mean nothing
    id: str | None = None
    lines: Sequence[int] = field(default=(), compare=False, repr=False)
    document: str | None = field(default=None, compare=False, repr=False)

    def line_of(self, position: int) -> int | None:
        """Line of the token at a position, or of the sentence where tokens have none."""
        return self.lines[position] if self.lines else self.line


@dataclass(frozen=True)
class Numbered:
    """Texts by their numbers; ``names`` may hold texts that do not occur."""

    names: Sequence[str]
    numbers: np.ndarray

    def compact(self) -> Numbered:
        """The same texts, with the names that occur, in as few bytes as hold them."""
        occurs = np.zeros(len(self.names) + 1, dtype=bool)
        occurs[self.numbers] = True
        occurs[_NO_TAG] = False
        place = (np.cumsum(occurs) - 1).astype(np.min_scalar_type(-int(occurs.sum()) - 1))
        place[_NO_TAG] = _NO_TAG
        kept = np.flatnonzero(occurs).tolist()
        return Numbered([self.names[number] for number in kept], place[self.numbers])

    def firsts(self) -> dict[str, int]:
        """Where each text occurs first, in this order."""
        numbers, places = np.unique(self.numbers, return_index=True)
        pairs = sorted(zip(places.tolist(), numbers.tolist(), strict=True))
        return {self.names[number]: place for place, number in pairs if number != _NO_TAG}


@dataclass(frozen=True, eq=False)
class Sentences(OnDemand[Sentence]):
    """Sentences in the order of a file; made by ``of``, or of the columns of a table."""

    words: Numbered  # sentence after sentence
    tags: Numbered  # of each word, -1 without a tag
    starts: np.ndarray  # (sentences + 1,) where the words of each sentence begin
    line: np.ndarray  # (sentences,) 0 for none
    one_by_one: bool  # whether the words of a sentence have one line each, in order
    lines: np.ndarray | None  # of each word, where they are not in order, 0 for none
    ids: Sequence[str | None]
    documents: Sequence[str | None]

    @classmethod
    def of(cls, sentences: Iterable[Sentence]) -> Sentences:
        """The sentences, taken one by one."""
        if isinstance(sentences, Sentences):
            return sentences
        word_numbers, tag_numbers = Numbering(), Numbering()
        words, tags, lines = array("i"), array("i"), array("i")
        starts, first_lines = array("q", [0]), array("i")
        ids: list[str | None] = []
        documents: list[str | None] = []
        for sentence in sentences:
            size = len(sentence.tokens)
            words.extend(map(word_numbers.__getitem__, sentence.tokens))
            tags.extend([tag_numbers[tag] for tag in sentence.tags] or [_NO_TAG] * size)
            lines.extend(sentence.lines or [0] * size)
            starts.append(len(words))
            first_lines.append(sentence.line or 0)
            ids.append(sentence.id)
            documents.append(sentence.document)
        return cls.of_columns(
            Numbered(list(word_numbers), np.asarray(words)),
            Numbered(list(tag_numbers), np.asarray(tags)),
            np.asarray(starts),
            np.asarray(first_lines),
            np.asarray(lines),
            ids,
            documents,
        )

    @classmethod
    def of_columns(
        cls,
        words: Numbered,
        tags: Numbered,
        starts: np.ndarray,
        line: np.ndarray,
        lines: np.ndarray,
        ids: Sequence[str | None],
        documents: Sequence[str | None],
    ) -> Sentences:
        """The sentences of columns as the class has them; what says nothing is left out."""
        sizes = np.diff(starts)
        in_order = np.repeat(line - starts[:-1], sizes) + np.arange(len(lines))
        one_by_one = bool(lines.any() and np.array_equal(lines, in_order))
        return cls(
            words.compact(),
            tags.compact(),
            starts,
            line.astype(np.int32),
            one_by_one,
            None if one_by_one or not lines.any() else lines,
            ids or [None] * len(line),
            documents,
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    def at(self, number: int) -> Sentence:
        """One sentence."""
        return next(self._made(number, number + 1))

    def part(self, first: int, stop: int) -> Sentences:
        """The sentences of a range."""
        return replace(
            self,
            starts=self.starts[first : stop + 1],
            line=self.line[first:stop],
            ids=self.ids[first:stop],
            documents=self.documents[first:stop],
        )

    def __iter__(self) -> Iterator[Sentence]:
        for begin in range(0, len(self), _AT_ONCE):
            yield from self._made(begin, min(begin + _AT_ONCE, len(self)))

    def _made(self, first: int, stop: int) -> Iterator[Sentence]:
        """The sentences of a range."""
        starts = self.starts[first : stop + 1].tolist()
        base = starts[0]
        words = [self.words.names[n] for n in self.words.numbers[base : starts[-1]].tolist()]
        tags = self.tags.numbers[base : starts[-1]].tolist()
        lines = None if self.lines is None else self.lines[base : starts[-1]].tolist()
        names = self.tags.names
        for number, line in enumerate(self.line[first:stop].tolist()):
            runs = bool(line and self.one_by_one)
            a, b = starts[number] - base, starts[number + 1] - base
            yield Sentence(
                tuple(words[a:b]),
                () if a == b or tags[a] == _NO_TAG else tuple([names[tag] for tag in tags[a:b]]),
                line or None,
                self.ids[first + number],
                tuple(filter(None, lines[a:b])) if lines else range(line, line + (b - a) * runs),
                self.documents[first + number],
            )

    @property
    def own_tags(self) -> Numbered:
        """The tags of these sentences."""
        numbers = self.tags.numbers[self.starts[0] : self.starts[-1]]
        return replace(self.tags, numbers=numbers)

    @property
    def tag_counts(self) -> Counter[str]:
        """Number of words of each tag, in the order in which tags occur."""
        tags = self.own_tags
        counts = np.bincount(tags.numbers + 1, minlength=len(tags.names) + 1)[1:].tolist()
        by_name = dict(zip(tags.names, counts, strict=True))
        return Counter({name: by_name[name] for name in tags.firsts()})

    def line_at(self, place: int) -> int | None:
        """Line of a word, by its place among the words of these sentences."""
        at = int(self.starts[0]) + place
        number = int(np.searchsorted(self.starts, at, side="right")) - 1
        return self.at(number).line_of(at - int(self.starts[number]))
