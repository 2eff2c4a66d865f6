"""TextCorpus: texts, or pairs of texts, with their labels, as every reader of them returns them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from dicetune.data.files.notes import Note


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
