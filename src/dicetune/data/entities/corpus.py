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
    """One entity.

    Args:
        type: its type.
        start: first word.
        end: one past the last word.
    """

    type: str
    start: int
    end: int


@dataclass(frozen=True)
class EntitySentence:
    """One sentence.

    Args:
        tokens: the words, exactly as in the file.
        spans: its entities, each once, in the order of their places.
        id: the source's own name for it, where it has one.
        line: 1-based line on which it starts, where lines mean anything.
        document: what it is a part of, where the source says so; not part of equality.
    """

    tokens: tuple[str, ...]
    spans: tuple[EntitySpan, ...] = ()
    id: str | None = None
    line: int | None = None
    document: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class EntityCorpus:
    """The sentences of one file or split.

    Args:
        sentences: in the order of the file.
        source: the file or data set they came from.
        notes: repairs and oddities, counted.
        queries: what the file itself asks for each type; empty for files without questions.
        has_gold: whether the spans were read; ``False`` for text to be predicted.
        texts: where the sentences were cut from plain text, that text.
        places: first and one past the last character of each word of each such text.
    """

    sentences: tuple[EntitySentence, ...]
    source: str
    notes: tuple[Note, ...] = ()
    queries: Mapping[str, str] = field(default_factory=dict)
    has_gold: bool = True
    texts: tuple[str | None, ...] = ()
    places: tuple[tuple[tuple[int, int], ...], ...] = ()

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
    """The spans that the tags of a corpus spell; untagged sentences have none.

    Example:
        >>> from dicetune.data.tagged.corpus import Sentence
        >>> tagged = Corpus((Sentence(("in", "Bonn"), ("O", "B-LOC")),), "a.conll", scheme="iob2")
        >>> entity_corpus(tagged).sentences[0].spans
        (EntitySpan(type='LOC', start=1, end=2),)
    """
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
