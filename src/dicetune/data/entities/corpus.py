"""EntityCorpus: sentences with spans that may lie inside or across one another.

Tags can only spell spans side by side. Here a span is its type and its place and nothing else: a
mention that occurs twice is two spans, and its text is never searched for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

from dicetune.data.entities.queries import choose_queries
from dicetune.data.files.text import Note, NoteBook
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
from dicetune.errors import DataError, quoted
from dicetune.problems.schemes import spans

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


def inspect_entities(
    splits: Mapping[str, EntityCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of sentences with entities, the training split first.

    The ratio is that of the paper's Table 1: words outside of every entity to words inside an
    entity. A span is nested if it lies inside another span of its sentence, and crosses another
    span if they share words and neither lies inside the other. The queries are those of the file,
    or those that would be made from the names of its types.
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
