"""EntityCorpus: sentences with spans that may lie inside or across one another.

Tags can only spell spans side by side. Here a span is its type and its place and nothing else: a
mention that occurs twice is two spans, and its text is never searched for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from dicetune.data.files.notes import Note
from dicetune.data.tagged.corpus import Corpus
from dicetune.data.tagged.labels import spans


class EntitySpan(NamedTuple):
    """One entity."""

    type: str  # its type
    start: int  # first word
    end: int  # one past the last word


@dataclass(frozen=True)
class EntitySentence:
    """One sentence."""

    tokens: tuple[str, ...]  # the words, exactly as in the file
    spans: tuple[EntitySpan, ...] = ()  # its entities, each once, in the order of their places
    id: str | None = None  # the source's own name for it, where it has one
    line: int | None = None  # 1-based line on which it starts, where lines mean anything
    document: str | None = field(default=None, compare=False, repr=False)  # what it is a part of, where the source says so; not part of equality


@dataclass(frozen=True)
class EntityCorpus:
    """The sentences of one file or split."""

    sentences: tuple[EntitySentence, ...]  # in the order of the file
    source: str  # the file or data set they came from
    notes: tuple[Note, ...] = ()  # repairs and oddities, counted
    queries: Mapping[str, str] = field(default_factory=dict)  # what the file itself asks for each type; empty for files without questions
    has_gold: bool = True  # whether the spans were read; ``False`` for text to be predicted
    texts: tuple[str | None, ...] = ()  # where the sentences were cut from plain text, that text
    places: tuple[tuple[tuple[int, int], ...], ...] = ()  # first and one past the last character of each word of each such text

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[EntitySentence]:
        return iter(self.sentences)

    def first(self, count: int) -> Self:
        """The same source with its first sentences alone."""
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
