"""TextCorpus: texts, or pairs of texts, with their labels, as every reader of them returns them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from dicetune.data.files.rows import Numbers, Once, Rows, Texts
from dicetune.data.files.tables import InputTable
from dicetune.data.files.text import Entries, Note
from dicetune.data.inspect import Contents, Inspection, Item, Ratio, SubwordCounter, inspect_splits
from dicetune.errors import listed


@dataclass(frozen=True, slots=True)
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
class TextCorpus(Entries[TextExample]):
    """The examples of one file or split, in the order of the file."""

    parts: ClassVar[tuple[str, ...]] = ("examples", "table")

    examples: Sequence[TextExample]  # kept as columns
    source: str
    notes: tuple[Note, ...] = ()
    names: tuple[str, ...] = ()  # of all labels, where a file of names or a ClassLabel has them
    table: InputTable | None = None  # of texts to be labelled, where their file is a table

    def __post_init__(self) -> None:
        object.__setattr__(self, "examples", text_columns(self.examples))

    @property
    def is_labelled(self) -> bool:
        """Whether texts have labels."""
        return any(labels is not None for labels in self._label_sets)

    def ties_of(self, entry: TextExample) -> list[Hashable]:
        """The text, or both texts in either order."""
        return [frozenset(entry.texts)]

    def strata_of(self, entry: TextExample) -> list[str]:
        """The labels."""
        return list(entry.labels or ())

    @cached_property
    def label_counts(self) -> Counter[str]:
        """Number of examples with each label."""
        found: Counter[str] = Counter()
        for labels, count in self._label_sets.items():
            found.update(dict.fromkeys(labels or (), count))
        return found

    @property
    def _label_sets(self) -> Counter[tuple[str, ...] | None]:
        """Number of examples with the same labels."""
        examples: Any = self.examples
        found: Counter[tuple[str, ...] | None] = examples.columns["labels"].counts()
        return found

    @property
    def label_names(self) -> list[str]:
        """The names, else the labels that occur, sorted: by value if all are numbers."""
        labels = self.label_counts
        numbers = all(label.isascii() and label.isdigit() for label in labels)
        by_value = sorted(labels, key=lambda label: (int(label) if numbers else 0, label))
        return list(self.names) or by_value


def text_columns(examples: Iterable[TextExample]) -> Rows[TextExample]:
    """Texts as columns."""
    if isinstance(examples, Rows):
        return examples
    columns = {"pair": Texts(), "labels": Once(), "line": Numbers(), "id": Texts()}
    return Rows(TextExample, text=Texts(), **columns).extend(examples)


def inspect_texts(
    splits: Mapping[str, TextCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of labelled texts or pairs, the training split first.

    Two texts are the same if all their characters are, two pairs if their texts are in either
    order. The ratio is the most frequent label to the rarest.
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
    def item(example: TextExample) -> Item:
        return Item(
            example.text if example.pair is None else frozenset(example.texts),
            corpus.place_of(example),
            None if example.labels is None else frozenset(example.labels),
            example.texts,
            sum(len(text.split()) for text in example.texts),
        )

    items = Rows(item, example=corpus.examples)
    facts: dict[str, Any] = {
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
