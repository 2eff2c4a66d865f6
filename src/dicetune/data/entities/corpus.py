"""EntityCorpus: sentences with spans that may lie inside or across one another.

Tags can only spell spans side by side. Here a span is its type and its place and nothing else: a
mention that occurs twice is two spans, and its text is never searched for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from dicetune.data.entities.queries import choose_queries
from dicetune.data.files.text import Note
from dicetune.data.inspect import (
    PAPER_RATIOS,
    Contents,
    Inspection,
    Item,
    Ratio,
    SubwordCounter,
    inspect_splits,
    place_of,
)
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


def inspect_entities(
    splits: Mapping[str, EntityCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of sentences with entities, the training split first.

    The ratio is that of the paper's Table 1: words outside of every entity to words inside an
    entity. A span is nested if it lies inside another span of its sentence, and crosses another
    span if they share words and neither lies inside the other. The queries are those of the file,
    or those that would be made from the names of its types.

    Example:
        >>> spans = (EntitySpan("ORG", 0, 3), EntitySpan("LOC", 2, 3))
        >>> corpus = EntityCorpus((EntitySentence(("Bank", "of", "Bonn", "said"), spans),), "a")
        >>> report = inspect_entities({"train": corpus}).splits[0]
        >>> report.facts["nested"], report.labels, round(report.ratio.value, 2)
        (1, {'ORG': 1, 'LOC': 1}, 0.33)
    """
    contents = {name: _contents(corpus) for name, corpus in splits.items()}
    return inspect_splits(
        contents, count_subwords, "sentences", "Entities of each type", _difference, PAPER_RATIOS
    )


def _contents(corpus: EntityCorpus) -> Contents:
    items = [
        Item(
            sentence.tokens,
            place_of(corpus.source, sentence.line),
            sentence.spans,
            (sentence.tokens,),
            len(sentence.tokens),
        )
        for sentence in corpus
    ]
    found = [span for sentence in corpus for span in sentence.spans]
    words = sum(item.length for item in items)
    inside = sum(
        len({word for span in sentence.spans for word in range(span.start, span.end)})
        for sentence in corpus
    )
    questions = len(corpus) * len(corpus.types)
    present = sum(len({span.type for span in sentence.spans}) for sentence in corpus)
    queries = choose_queries(corpus.types, None, corpus.queries, corpus.source)
    return Contents(
        corpus.source,
        items,
        {
            "sentences": len(corpus),
            "words": words,
            "entities": len(found),
            "nested": sum(_overlaps(sentence.spans)[0] for sentence in corpus),
            "crossing": sum(_overlaps(sentence.spans)[1] for sentence in corpus),
            "longest entity": f"{max((s.end - s.start for s in found), default=0)} words",
            "questions (sentences × types)": questions,
            "questions without an entity": (questions - present) / questions if questions else None,
        },
        dict(Counter(span.type for span in found).most_common()),
        Ratio.of(words - inside, inside, "words outside of entities : words in entities"),
        corpus.notes,
        "words",
        last_facts={f"query of {kind}": query for kind, query in queries.items()},
    )


def _overlaps(spans: tuple[EntitySpan, ...]) -> tuple[int, int]:
    """How many of the spans of a sentence lie inside another, and how many cross another."""
    nested = crossing = 0
    for span in spans:
        others = [other for other in spans if other[1:] != span[1:]]
        nested += any(other.start <= span.start and span.end <= other.end for other in others)
        crossing += any(
            other.start < span.start < other.end < span.end
            or span.start < other.start < span.end < other.end
            for other in others
        )
    return nested, crossing


def _difference(
    tokens: tuple[str, ...], first: tuple[EntitySpan, ...], second: tuple[EntitySpan, ...]
) -> tuple[str, str]:
    """The text, and the spans that only one of two annotations has."""

    def only(these: tuple[EntitySpan, ...], those: tuple[EntitySpan, ...]) -> str:
        alone = [span for span in these if span not in those]
        return ", ".join(f"{' '.join(tokens[s.start : s.end])!r} {s.type}" for s in alone) or "none"

    return " ".join(tokens), f"{only(first, second)} / {only(second, first)}"
