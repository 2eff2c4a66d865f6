"""TextCorpus: texts, or pairs of texts, with their labels, as every reader of them returns them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

from dicetune.data.files.text import Note
from dicetune.data.inspect import (
    Contents,
    Fact,
    Inspection,
    Item,
    Ratio,
    SubwordCounter,
    inspect_splits,
    place_of,
)
from dicetune.errors import listed


@dataclass(frozen=True)
class TextExample:
    """One text, or one pair of texts.

    Args:
        text: exactly as in the file.
        pair: the second text of a pair; ``None`` where there are no pairs.
        labels: of it: one where the classes exclude each other, any number where they do not;
            ``None`` for a text to be labelled.
        line: 1-based line on which it begins, or ``None`` where lines mean nothing.
        id: the source's own name for it, where it has one.
    """

    text: str
    pair: str | None = None
    labels: tuple[str, ...] | None = None
    line: int | None = None
    id: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The text alone, or both."""
        return (self.text,) if self.pair is None else (self.text, self.pair)


@dataclass(frozen=True)
class TextCorpus:
    """The examples of one file or split.

    Args:
        examples: in the order of the file.
        source: the file or data set it came from.
        notes: how it was read, and what was odd, counted.
        names: of all labels in their order, where the source knows them beside the examples (a
            file of names, a data set with a ``ClassLabel``); else empty.
    """

    examples: tuple[TextExample, ...]
    source: str
    notes: tuple[Note, ...] = ()
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[TextExample]:
        return iter(self.examples)

    def first(self, count: int) -> Self:
        """The same source with its first examples alone."""
        return replace(self, examples=self.examples[:count])

    @property
    def label_counts(self) -> Counter[str]:
        """Number of examples with each label."""
        return Counter(label for example in self.examples for label in example.labels or ())

    @property
    def label_names(self) -> list[str]:
        """What the source says, else the labels that occur: by value if all are numbers.

        Example:
            >>> TextCorpus((TextExample("a", labels=("10",)), TextExample("b", labels=("2",))),
            ...            "a.tsv").label_names
            ['2', '10']
        """
        return list(self.names) if self.names else in_order(self.label_counts)


def in_order(labels: Counter[str] | set[str]) -> list[str]:
    """Labels sorted, numbers by their value."""
    numbers = all(label.isascii() and label.isdigit() for label in labels)
    return sorted(labels, key=lambda label: (int(label) if numbers else 0, label))


def inspect_texts(
    splits: Mapping[str, TextCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of labelled texts or pairs, the training split first.

    Two texts are the same if all their characters are, two pairs if their texts are in either
    order. The ratio is the most frequent label to the rarest.

    Example:
        >>> corpus = TextCorpus((TextExample("hi", labels=("ham",)),
        ...                      TextExample("hi", labels=("spam",))), "a.tsv")
        >>> found = inspect_texts({"train": corpus})
        >>> found.splits[0].facts["duplicates inside"], found.conflict_examples[0].differences
        (1, 'ham / spam')
    """
    pairs = any(example.pair is not None for corpus in splits.values() for example in corpus)
    return inspect_splits(
        {name: _contents(corpus) for name, corpus in splits.items()},
        count_subwords,
        "pairs" if pairs else "texts",
        f"{'Pairs' if pairs else 'Texts'} with each label",
        _difference,
    )


def _contents(corpus: TextCorpus) -> Contents:
    items = [
        Item(
            example.text if example.pair is None else frozenset(example.texts),
            place_of(corpus.source, example.line),
            None if example.labels is None else frozenset(example.labels),
            example.texts,
            sum(len(text.split()) for text in example.texts),
        )
        for example in corpus
    ]
    facts: dict[str, Fact] = {
        "pairs" if any(example.pair is not None for example in corpus) else "texts": len(corpus),
        "words": sum(item.length for item in items),
        "characters": sum(len(text) for example in corpus for text in example.texts),
    }
    numbers = [len(example.labels) for example in corpus if example.labels is not None]
    if any(number != 1 for number in numbers):
        facts["labels of a text"] = (
            f"{sum(numbers) / len(numbers):.2f} on average, {min(numbers)} to {max(numbers)}"
        )
    counts = corpus.label_counts
    labels = {label: counts[label] for label in corpus.label_names}
    ordered = dict(sorted(labels.items(), key=lambda item: -item[1]))
    ratio = Ratio.of_labels(counts)
    return Contents(corpus.source, items, facts, ordered, ratio, corpus.notes, "words")


def _difference(
    key: str | frozenset[str], first: frozenset[str], second: frozenset[str]
) -> tuple[str, str]:
    """The text or texts, and the two sets of labels."""
    text = key if isinstance(key, str) else " | ".join(sorted(key))
    return text, " / ".join(listed(sorted(labels)) or "none" for labels in (first, second))
