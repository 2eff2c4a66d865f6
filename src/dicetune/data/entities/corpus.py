"""EntityCorpus: sentences with spans that may be nested, and the queries that ask for them.

Tags can only spell spans side by side. Here a span is a type and a place: two mentions of one name
are two spans, and no text is searched for.

A query asks for an entity type in NER as reading comprehension. The query comes from a file, or is
made from the name of the type. The encoder reads the query as text, so a good description of the
type helps the model: in Li et al. (ACL 2020) sentences from annotation guidelines were best, and
names alone were worst.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import yaml

from dicetune.data.files.tables import InputTable
from dicetune.data.files.text import Entries, Note, NoteBook, Place, read_lines
from dicetune.data.inspect import Contents, Inspection, Item, Ratio, SubwordCounter, inspect_splits
from dicetune.data.tagged.corpus import PAPER_RATIOS, Corpus
from dicetune.data.tagged.kept import KeptLines
from dicetune.errors import DataError, listed, quoted
from dicetune.problems.schemes import spans

TWICE = "spans given twice: counted once"


class EntitySpan(NamedTuple):
    """One entity: its type, its first word, and one past its last word."""

    type: str
    start: int
    end: int

    @classmethod
    def checked(cls, kind: str, start: int, end: int, length: int | None, place: Place) -> Self:
        """A span that lies in its sentence of ``length`` words, where that number is known."""
        if start >= end:
            raise place.error(
                f"expected a span that ends behind its start, got words {start} to {end} "
                f"(end exclusive) of {quoted(kind)}: mend the entry"
            )
        if start < 0 or (length is not None and end > length):
            size = "from 0"
            if length is not None:
                size = f"from 0 to {length - 1}, as the sentence has them"
            raise place.error(
                f"expected a span of words {size}, got words {start} to {end - 1} of "
                f"{quoted(kind)}: mend the entry"
            )
        return cls(kind, start, end)


def sorted_once(
    found: Sequence[EntitySpan], place: Place, notes: NoteBook
) -> tuple[EntitySpan, ...]:
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
class EntityCorpus(Entries[EntitySentence]):
    """The sentences of one file or split, in the order of the file."""

    parts: ClassVar[tuple[str, ...]] = ("sentences", "kept", "texts", "places")
    in_blocks: ClassVar[bool] = True

    sentences: tuple[EntitySentence, ...]
    source: str
    notes: tuple[Note, ...] = ()
    queries: Mapping[str, str] = field(default_factory=dict)  # of each type, where the file asks
    has_gold: bool = True  # False for text to be predicted
    texts: tuple[str | None, ...] = ()  # plain texts that the sentences were cut from
    places: tuple[tuple[tuple[int, int], ...], ...] = ()  # of each word in its plain text
    kept: KeptLines | None = None  # of text to be predicted

    @property
    def table(self) -> InputTable | None:
        """What the file holds beside the words, where it is kept."""
        return None if self.kept is None else self.kept.table()

    @property
    def is_labelled(self) -> bool:
        """Whether entities were read."""
        return self.has_gold

    def ties_of(self, entry: EntitySentence) -> list[Hashable]:
        """The words."""
        return [entry.tokens]

    def strata_of(self, entry: EntitySentence) -> list[str]:
        """The type of each span."""
        return [span.type for span in entry.spans]

    @property
    def is_document(self) -> bool:  # type: ignore[override]
        """Whether a sentence is asked for in several objects."""
        return bool(self.queries)

    def kept_of(self, entries: Sequence[EntitySentence], document: Any) -> Any:
        """The questions about these sentences."""
        contexts = {" ".join(entry.tokens) for entry in entries}
        return [record for record in document if record["context"] in contexts]

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
        kept=corpus.kept,
    )


def inspect_entities(
    splits: Mapping[str, EntityCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of sentences with entities, the training split first.

    The ratio is the ratio of Table 1 of the paper: words outside of every entity to words inside an
    entity. A span is nested if it lies inside another span of the sentence. Two spans cross if they
    share words and neither lies inside the other. A file without queries shows the queries that
    would be made from the names of the types.
    """
    contents = {name: _contents(corpus) for name, corpus in splits.items()}
    return inspect_splits(
        contents, count_subwords, "sentences", "Entities of each type", _difference, PAPER_RATIOS
    )


def _contents(corpus: EntityCorpus) -> Contents:
    items = [Item.of_words(s.tokens, corpus.place_of(s), s.spans) for s in corpus]
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
    """Number of spans of a sentence that lie inside another span, and that cross another span."""
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


KNOWN = {
    "PER": "Find people, including fictional ones.",
    "PERSON": "Find people, including fictional ones.",
    "LOC": "Find locations such as mountains, rivers, regions and places.",
    "LOCATION": "Find locations such as mountains, rivers, regions and places.",
    "ORG": "Find organizations such as companies, agencies and institutions.",
    "ORGANIZATION": "Find organizations such as companies, agencies and institutions.",
    "MISC": "Find names of events, nationalities, products and works of art.",
    "GPE": "Find countries, cities and states.",
    "FAC": "Find buildings, airports, highways and bridges.",
    "FACILITY": "Find buildings, airports, highways and bridges.",
    "NORP": "Find nationalities, religious groups and political groups.",
    "VEH": "Find vehicles such as cars, ships and aircraft.",
    "WEA": "Find weapons such as guns, bombs and missiles.",
    "EVENT": "Find named events such as battles, wars, storms and sports events.",
    "LAW": "Find documents that were made into laws.",
    "LANGUAGE": "Find named languages.",
    "DATE": "Find dates and periods of a day or longer.",
    "TIME": "Find times shorter than a day.",
    "MONEY": "Find amounts of money, including the unit.",
    "PERCENT": "Find percentages.",
    "QUANTITY": "Find measurements such as weight and distance.",
    "ORDINAL": "Find ordinal numbers such as first and second.",
    "CARDINAL": "Find numbers that are no dates, amounts or measurements.",
    "NUM": "Find numbers.",
}
"""Queries for types whose name is an abbreviation or a term of annotation guidelines."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W_A-Z]+|\d+")
_UNCOUNTED = ("art", "software", "money", "food", "equipment", "information")


def default_query(kind: str) -> str:
    """A query made from the name of a type."""
    if kind.upper() in KNOWN:
        return KNOWN[kind.upper()]
    words = [word.lower() for word in _WORD.findall(kind)]
    if not words:
        return f"Find {kind} in the text."
    words[-1] = _plural(words[-1])
    return f"Find {' '.join(words)} in the text."


def read_queries(path: str | Path) -> dict[str, str]:
    """Queries of a file: a YAML or JSON mapping, or lines of a type, a tab and its query."""
    lines = read_lines(path)
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    found: list[tuple[Any, Any, int | None]]
    if all("\t" in line for _, line in filled):
        parted = [(line.split("\t", 1), number) for number, line in filled]
        found = [(kind, query, number) for (kind, query), number in parted]
    else:
        found = [(kind, query, None) for kind, query in _mapping("\n".join(lines), path).items()]
    queries: dict[str, str] = {}
    for kind, query, line in found:
        place = Place(str(path), line)
        if not isinstance(kind, str) or not isinstance(query, str) or not query.strip() or not kind:
            raise place.error(f"expected a type and its query, got {quoted(kind)}: {quoted(query)}")
        if kind in queries:
            raise place.error(f"expected one query for a type, got a second for {quoted(kind)}")
        queries[kind] = query
    return queries


def choose_queries(
    kinds: Iterable[str], given: Mapping[str, str] | None, found: Mapping[str, str], source: str
) -> dict[str, str]:
    """The query of each type: as given, else as in the data, else made from the type's name."""
    names = list(kinds)
    if given is None:
        return {kind: found.get(kind) or default_query(kind) for kind in names}
    missing = [kind for kind in names if kind not in given]
    if missing:
        raise DataError(
            source,
            f"expected a query for every type, got none for {listed(missing)} (the file has "
            f"{listed(given)}): add a line for each, such as {missing[0]}<TAB>"
            f"{default_query(missing[0])}",
        )
    return {kind: given[kind] for kind in names}


def _mapping(text: str, path: str | Path) -> dict[Any, Any]:
    try:
        # JSON is read as JSON: YAML takes no tabs in it
        value = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except json.JSONDecodeError as error:
        message = f"expected a mapping from type to query, got no JSON ({error.msg})"
        raise DataError(path, message, error.lineno) from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", "")
        message = f"expected a mapping from type to query, got no YAML ({problem})"
        raise DataError(path, message, None if mark is None else mark.line + 1) from None
    if not isinstance(value, dict) or not value:
        raise DataError(
            path,
            "expected a mapping from type to query (YAML or JSON), or lines of a type, a tab and "
            f"its query, got {type(value).__name__}",
        )
    return value


def _plural(word: str) -> str:
    if word in _UNCOUNTED or word.endswith("s"):
        return word
    if word.endswith("y") and word[-2:-1] not in ("a", "e", "o", "u"):
        return word[:-1] + "ies"
    if word.endswith(("x", "ch", "sh")):
        return word + "es"
    return word + "s"
