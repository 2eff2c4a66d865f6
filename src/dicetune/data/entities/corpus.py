"""EntityCorpus: sentences with spans that may lie inside or across one another.

Tags can only spell spans side by side. Here a span is its type and its place and nothing else: a
mention that occurs twice is two spans, and its text is never searched for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

from dicetune.data.files.notes import Note, NoteBook
from dicetune.data.tagged.corpus import Corpus
from dicetune.data.tagged.labels import spans
from dicetune.errors import DataError, quoted

TWICE = "spans given twice: counted once"


class EntitySpan(NamedTuple):
    """One entity: its type, its first word, and one past its last word."""

    type: str
    start: int
    end: int

    @classmethod
    def checked(
        cls, kind: str, start: int, end: int, length: int | None, path: str | Path, line: int | None
    ) -> Self:
        """A span that lies in its sentence; ``length`` is ``None`` where it is not known."""
        if start >= end:
            raise DataError(
                path,
                f"expected a span that ends behind its start, got words {start} to {end} "
                f"(end exclusive) of {quoted(kind)}: mend the entry",
                line=line,
            )
        if start < 0 or (length is not None and end > length):
            size = "from 0"
            if length is not None:
                size = f"from 0 to {length - 1}, as the sentence has them"
            raise DataError(
                path,
                f"expected a span of words {size}, got words {start} to {end - 1} of "
                f"{quoted(kind)}: mend the entry",
                line=line,
            )
        return cls(kind, start, end)


def sorted_once(found: Sequence[EntitySpan], place: str, notes: NoteBook) -> tuple[EntitySpan, ...]:
    """Spans in the order of their places, each once; a repeated span is noted."""
    once = sorted(set(found), key=lambda span: (span.start, span.end, span.type))
    for _ in range(len(found) - len(once)):
        notes.add(TWICE, place)
    return tuple(once)


@dataclass(frozen=True)
class EntitySentence:
    """One sentence with its entities, each once, in the order of their places."""

    tokens: tuple[str, ...]
    spans: tuple[EntitySpan, ...] = ()
    id: str | None = None
    line: int | None = None  # on which the sentence starts, from 1
    document: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class EntityCorpus:
    """The sentences of one file or split, in the order of the file."""

    sentences: tuple[EntitySentence, ...]
    source: str
    notes: tuple[Note, ...] = ()
    queries: Mapping[str, str] = field(default_factory=dict)  # of each type, where the file asks
    has_gold: bool = True  # False for text to be predicted
    texts: tuple[str | None, ...] = ()  # plain texts that the sentences were cut from
    places: tuple[tuple[tuple[int, int], ...], ...] = ()  # of each word in its plain text

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[EntitySentence]:
        return iter(self.sentences)

    def first(self, count: int) -> Self:
        """The corpus cut to the first ``count`` sentences."""
        return replace(
            self,
            sentences=self.sentences[:count],
            texts=self.texts[:count],
            places=self.places[:count],
        )

    @property
    def types(self) -> list[str]:
        """Types that occur or are asked for, in alphabetical order."""
        return sorted({span.type for sentence in self for span in sentence.spans} | {*self.queries})


def entity_corpus(corpus: Corpus) -> EntityCorpus:
    """The spans that the tags of a corpus spell; untagged sentences have none."""
    sentences = tuple(
        EntitySentence(
            sentence.tokens,
            tuple(EntitySpan(*span) for span in spans(sentence.tags, corpus.scheme or "iob2")),
            sentence.id,
            sentence.line,
            sentence.document,
        )
        for sentence in corpus
    )
    return EntityCorpus(
        sentences,
        corpus.source,
        corpus.notes,
        has_gold=corpus.scheme is not None,
        texts=getattr(corpus, "texts", ()),
        places=getattr(corpus, "places", ()),
    )
