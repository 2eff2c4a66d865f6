"""TextCorpus: texts, or pairs of texts, with their labels, as every reader of them returns them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from dicetune.data.files.notes import Note


@dataclass(frozen=True)
class TextExample:
    """One text or one pair of texts, exactly as in the file."""

    text: str
    pair: str | None = None  # the second text
    labels: tuple[str, ...] | None = None  # None for a text to be labelled
    line: int | None = None  # on which the example begins, from 1
    id: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The text alone, or both texts of a pair."""
        return (self.text,) if self.pair is None else (self.text, self.pair)


@dataclass(frozen=True)
class TextCorpus:
    """The examples of one file or split, in the order of the file."""

    examples: tuple[TextExample, ...]
    source: str
    notes: tuple[Note, ...] = ()
    names: tuple[str, ...] = ()  # of all labels, where a file of names or a ClassLabel has them

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[TextExample]:
        return iter(self.examples)

    def first(self, count: int) -> Self:
        """The corpus cut to the first ``count`` examples."""
        return replace(self, examples=self.examples[:count])

    @property
    def label_counts(self) -> Counter[str]:
        """Number of examples with each label."""
        return Counter(label for example in self.examples for label in example.labels or ())

    @property
    def label_names(self) -> list[str]:
        """The names, else the labels that occur, sorted: by value if all are numbers."""
        labels = self.label_counts
        numbers = all(label.isascii() and label.isdigit() for label in labels)
        by_value = sorted(labels, key=lambda label: (int(label) if numbers else 0, label))
        return list(self.names) or by_value
