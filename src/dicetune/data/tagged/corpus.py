"""Corpus: tagged sentences as every reader returns them, and the checks that all sentences pass.

A reader never drops or changes a row silently: repairs and oddities are counted in ``notes`` with
the first places where a reader met them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal

from dicetune.data.files.rows import Rows
from dicetune.data.files.tables import InputTable
from dicetune.data.files.text import Entries, Note, NoteBook, Reader
from dicetune.data.inspect import Contents, Inspection, Item, Ratio, SubwordCounter, inspect_splits
from dicetune.data.tagged.kept import KeptLines
from dicetune.data.tagged.sentences import Sentence, Sentences
from dicetune.errors import DataError, InputError, InputTypeError, listed, quoted
from dicetune.problems.answer_text import UNSPACED
from dicetune.problems.schemes import spans, split_tag, to_tags

Scheme = Literal["iob2", "iobes"]
Column = int | str | None
Tagged = Sequence[Sequence[str]]
"""The tags of each sentence."""

NO_WORDS = "sentences without words: skipped"
COMMENTS = "comment lines: skipped"
NO_ENTITY = "gold without any entity: what is found counts as wrong, recall and F1 are 0"
ONE_LABEL = "gold of one label alone, {label}: a score on it says nothing about other labels"

PAPER_RATIOS = {"CoNLL03": 4.98, "OntoNotes5.0": 8.18}
"""Words outside of entities to words in entities, Table 1 of the paper (Li et al., ACL 2020)."""

# skin tones of an emoji, and selectors of a variant of a character
_MODIFIERS = "\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef"


@dataclass(frozen=True)
class Corpus(Entries[Sentence]):
    """The sentences of one file or split, and what its reader noted."""

    parts: ClassVar[tuple[str, ...]] = ("sentences", "kept")
    in_blocks: ClassVar[bool] = True

    sentences: Sequence[Sentence]  # kept as numbers
    source: str
    scheme: Scheme | None = None  # of the tags as they are here; ``None`` where they are no spans
    found_scheme: str | None = None  # of the file
    notes: tuple[Note, ...] = ()
    format: str = ""
    kept: KeptLines | None = None  # of words to be tagged

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentences", Sentences.of(self.sentences))

    @property
    def is_labelled(self) -> bool:
        """Whether words have tags."""
        return bool(self.tag_counts)

    def ties_of(self, entry: Sentence) -> list[Hashable]:
        """The words."""
        return [entry.tokens]

    def strata_of(self, entry: Sentence) -> list[str]:
        """The type of each span, or the tag of each word."""
        if self.scheme is None:
            return list(entry.tags)
        return [kind for kind, _, _ in spans(entry.tags, self.scheme)]

    @property
    def numbered(self) -> Sentences:
        """The sentences as numbers."""
        return Sentences.of(self.sentences)

    @property
    def table(self) -> InputTable | None:
        """What the file holds beside the words, where it is kept."""
        return None if self.kept is None else self.kept.table()

    @property
    def tag_counts(self) -> Counter[str]:
        """Number of tokens of each tag."""
        return self.numbered.tag_counts


@dataclass(frozen=True)
class PlainCorpus(Corpus):
    """Untagged sentences that know the text they were cut from, and the place of each word."""

    parts: ClassVar[tuple[str, ...]] = ("sentences", "kept", "texts", "places")

    texts: tuple[str | None, ...] = ()  # ``None`` for a sentence that came as words
    places: tuple[tuple[tuple[int, int], ...], ...] = ()  # first character, one past the last


def cut_words(text: str) -> list[tuple[int, int]]:
    """Where the words of a text begin and end, as corpora have them.

    Punctuation is a word; a hyphen, a point or an apostrophe inside a word is not, but "'s" at the
    end is a word. Scripts without spaces (Chinese, Japanese, Thai, Lao, Burmese, Khmer) have a
    word for each character. A combining mark belongs to the character before it.

    Example:
        >>> [text[a:b] for text in ["Quay's 2.5 km.", "上海 is"] for a, b in cut_words(text)]
        ['Quay', "'s", '2.5', 'km', '.', '上', '海', 'is']
    """
    return [match.span() for match in _words_pattern().finditer(text)]


@cache
def _words_pattern() -> re.Pattern[str]:
    marks = (chr(n) for n in range(0x300, 0x10000) if unicodedata.category(chr(n))[0] == "M")
    mark = f"[{''.join(marks)}{_MODIFIERS}]*"
    letters = rf"(?:[^\W{UNSPACED}]{mark})+"
    own_s = r"['’][sS]\b"
    symbol = rf"[^\w\s]{mark}"
    return re.compile(
        rf"[{UNSPACED}]{mark}|(?<=\w){own_s}|{letters}(?:(?!{own_s})[-'’.]{letters})*"
        rf"|{symbol}(?:\u200d{symbol})*"
    )


def plain_corpus(texts: Sequence[str | Sequence[str]], source: str = "text") -> PlainCorpus:
    """Sentences without tags from plain texts, or from texts that come as words."""
    places = tuple(tuple(cut_words(text)) if isinstance(text, str) else () for text in texts)
    sentences = Sentences.of(
        Sentence(tuple(text[a:b] for a, b in cuts) if isinstance(text, str) else _words(text))
        for text, cuts in zip(texts, places, strict=True)
    )
    kept = tuple(text if isinstance(text, str) else None for text in texts)
    return PlainCorpus(sentences, source, format="text", texts=kept, places=places)


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, Sequence) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise InputTypeError(f"expected texts, or lists of words, got {type(value).__name__}")


@dataclass(frozen=True)
class Reading(Reader):
    """The input of a reader of tagged lines: the lines, the options, and a notebook."""

    lines: Sequence[str]  # without their ends; none for a data set
    source: str  # the file, as messages name it
    spans: bool = True  # whether the tags spell spans: decides the default column of the tags
    token_column: Column = None
    tag_column: Column = None
    wants_tags: bool = True
    notes: NoteBook = field(default_factory=NoteBook)

    def check_filled(self, sentences: Sentences) -> None:
        """Refuse a tag that is empty or white space."""
        for tag, place in sentences.own_tags.firsts().items():
            if not tag.strip():
                raise self.error("expected a tag, got an empty one", sentences.line_at(place))

    def note_one_label(self, labels: set[str]) -> None:
        """Note where all words have one label: gold to score on, not to learn from."""
        if self.spans and labels <= {"O"}:
            self.note(NO_ENTITY)
        elif not self.spans and len(labels) == 1:
            self.note(ONE_LABEL.format(label=quoted(labels.pop())))


def column_place(
    column: Column,
    names: Mapping[str, int],
    default: str,
    option: str,
    layout: str,
    width: int | None = None,
) -> int:
    """The place of a column that is chosen by its name or number, for an ``option`` of a layout."""
    name = default if column is None else str(column).lower()
    if name in names:
        return names[name]
    try:
        number: int | None = int(name)
    except ValueError:
        number = None
    if number is None or (width is not None and not 0 <= number < width):
        numbers = "a number" if width is None else f"a number from 0 to {width - 1}"
        raise InputError(
            f"expected {option} to be one of {', '.join(names)} or {numbers} for {layout}, "
            f"got {quoted(column)}"
        )
    return number


def no_columns(what: str, token_column: Column, tag_column: Column) -> None:
    """Refuse the choice of a column where a format (``what``, in the plural) has no columns."""
    for name, value in (("token_column", token_column), ("tag_column", tag_column)):
        if value is not None:
            raise InputError(
                f"expected no {name} for {what}, which have no columns, got {quoted(value)}"
            )


def no_scheme(what: str, scheme: str) -> None:
    """Refuse a span scheme where a format (``what``, in the plural) gives spans without tags."""
    if scheme != "auto":
        raise InputError(
            f"expected no scheme for {what}, which have no tags, got {quoted(scheme)}: it means "
            "nothing there, leave it out"
        )


def label_names(corpus: Corpus) -> list[str]:
    """The labels of a model for this corpus, ``O`` first.

    Parts of speech: the labels that occur. Spans: ``O`` and, for each type that occurs, every
    letter of the scheme, as a corpus may have a type without any span of two words.
    """
    if corpus.scheme is None:
        return sorted(corpus.tag_counts)
    # a span of three words and a span of one word together hold every letter of a scheme
    shapes = to_tags([("", 0, 3), ("", 4, 5)], 5, corpus.scheme)
    letters = list(dict.fromkeys(tag[0] for tag in shapes if tag != "O"))
    kinds = sorted({split_tag(tag)[1] for tag in corpus.tag_counts if tag != "O"})
    return ["O", *(f"{letter}-{kind}" for kind in kinds for letter in letters)]


def check_labels(known_labels: Sequence[str], other: Corpus, scheme: str | None = None) -> None:
    """Refuse a dev or test corpus with a label that training set and scheme do not have."""
    # tags of no entity are spelled alike in every scheme
    if other.scheme != scheme and other.tag_counts.keys() != {"O"}:
        raise DataError(
            other.source,
            f"expected tags of the scheme {scheme}, which the model knows, got {other.scheme} "
            f"(found: {other.found_scheme}): convert one of the files",
        )
    known = set(known_labels)
    for tag, place in other.numbered.own_tags.firsts().items():
        if tag not in known:
            raise DataError(
                other.source,
                f"expected labels that the model knows ({listed(known_labels)}), got "
                f"{quoted(tag)} ({other.tag_counts[tag]} in this file): a model cannot predict "
                "what it was never shown. Add training sentences with it, or remove or rename "
                "it here",
                line=other.numbered.line_at(place),
            )


def inspect_tokens(
    splits: Mapping[str, Corpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of tagged text, the training split first.

    The labels are the entities of each type, or without entities the words of each label. The ratio
    of spans is as in Table 1 of the paper (O words to words in entities); for parts of speech it is
    the most frequent label to the rarest.
    """
    entities = {name: _entities(corpus) for name, corpus in splits.items()}
    are_spans = any(entities.values())
    contents = {}
    for name, corpus in splits.items():
        found = corpus.found_scheme
        if corpus.scheme is None:
            found = "no spans"
        elif found != corpus.scheme:
            found = f"{found}, read as {corpus.scheme}"
        facts: dict[str, Any] = {
            "scheme": found,
            "sentences": len(corpus),
            "words": sum(len(sentence.tokens) for sentence in corpus),
        }
        if are_spans:
            facts["entities"] = entities[name].total()
        tags = corpus.tag_counts
        ratio = Ratio.of_labels(tags)
        if corpus.scheme is not None:
            inside = tags.total() - tags["O"]
            ratio = Ratio.of(tags["O"], inside, "O words : words in entities")
        labels = dict((entities[name] if are_spans else tags).most_common())
        contents[name] = Contents(
            corpus.source, sentence_items(corpus), facts, labels, ratio, corpus.notes, "words"
        )
    return inspect_splits(
        contents,
        count_subwords,
        "sentences",
        "Entities of each type" if are_spans else "Words of each label",
        lambda tokens, first, second: (" ".join(tokens), tag_difference(tokens, first, second)),
        PAPER_RATIOS if any(corpus.scheme for corpus in splits.values()) else None,
    )


def sentence_items(corpus: Corpus) -> Sequence[Item]:
    """The sentences of a corpus as an inspection takes them."""

    def item(one: Sentence) -> Item:
        return Item.of_words(one.tokens, corpus.place_of(one), one.tags or None)

    return Rows(item, one=corpus.numbered)


def tag_difference(
    tokens: Sequence[str], first_tags: Sequence[str], second_tags: Sequence[str]
) -> str:
    """The first token that two annotations tag differently."""
    triples = zip(tokens, first_tags, second_tags, strict=True)
    token, first, second = next(triple for triple in triples if triple[1] != triple[2])
    return f"{token!r}: {first} / {second}"


def _entities(corpus: Corpus) -> Counter[str]:
    if corpus.scheme is None:
        return Counter()
    scheme = corpus.scheme
    return Counter(kind for sentence in corpus for kind, _, _ in spans(sentence.tags, scheme))
