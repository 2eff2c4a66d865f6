"""What labelled texts hold: how long they are, how rare their labels, what stands twice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from dicetune.data.inspect import (
    Fact,
    Inspection,
    Ratio,
    SplitReport,
    SubwordCounter,
    duplicates,
    find_conflicts,
    find_leaks,
    place_of,
    subword_facts,
)
from dicetune.data.texts.corpus import TextCorpus, TextExample
from dicetune.errors import listed


def inspect_texts(
    splits: Mapping[str, TextCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of labelled texts or pairs.

    Two texts are the same if all their characters are, two pairs if their texts are in either
    order. The ratio is the most frequent label to the rarest.

    Args:
        splits: name to corpus, the training split first.
        count_subwords: see ``SubwordCounter``; without it, sub-words are not counted.

    Example:
        >>> corpus = TextCorpus((TextExample("hi", labels=("ham",)),
        ...                      TextExample("hi", labels=("spam",))), "a.tsv")
        >>> found = inspect_texts({"train": corpus})
        >>> found.splits[0].facts["duplicates inside"], found.conflict_examples[0].differences
        (1, 'ham / spam')
    """
    reports = [_report(name, corpus, count_subwords) for name, corpus in splits.items()]
    pairs = any(example.pair is not None for corpus in splits.values() for example in corpus)
    places = {
        name: [(_key(example), place_of(corpus.source, example.line)) for example in corpus]
        for name, corpus in splits.items()
    }
    golds = [
        (_key(example), frozenset(example.labels), place_of(corpus.source, example.line))
        for corpus in splits.values()
        for example in corpus
        if example.labels is not None
    ]
    return Inspection.of(
        reports,
        leaks=find_leaks(places, "pairs" if pairs else "texts"),
        conflicts=find_conflicts(golds, _difference),
        labels_title=f"{'Pairs' if pairs else 'Texts'} with each label",
    )


def _report(name: str, corpus: TextCorpus, count: SubwordCounter | None) -> SplitReport:
    counts = corpus.label_counts
    labels = {label: counts[label] for label in corpus.label_names}
    ordered = dict(sorted(labels.items(), key=lambda item: -item[1]))
    facts = _facts(corpus)
    facts.update(subword_facts((example.texts for example in corpus), _of_all(count)))
    return SplitReport(name, corpus.source, facts, ordered, Ratio.of_labels(counts), corpus.notes)


def _facts(corpus: TextCorpus) -> dict[str, Fact]:
    pairs = any(example.pair is not None for example in corpus)
    lengths = [sum(len(text.split()) for text in example.texts) for example in corpus]
    longest = max(range(len(lengths)), key=lengths.__getitem__, default=None)
    facts: dict[str, Fact] = {
        "pairs" if pairs else "texts": len(corpus),
        "words": sum(lengths),
        "characters": sum(len(text) for example in corpus for text in example.texts),
    }
    numbers = [len(example.labels) for example in corpus if example.labels is not None]
    if any(number != 1 for number in numbers):
        facts["labels of a text"] = (
            f"{sum(numbers) / len(numbers):.2f} on average, {min(numbers)} to {max(numbers)}"
        )
    facts["duplicates inside"] = duplicates(_key(example) for example in corpus)
    if longest is not None:
        place = place_of(corpus.source, corpus.examples[longest].line)
        facts["longest text"] = f"{lengths[longest]} words, {place}"
    return facts


def _of_all(count: SubwordCounter | None) -> SubwordCounter | None:
    """A counter for one text or a pair, from one for a text."""
    if count is None:
        return None

    def count_all(texts: str | Sequence[str]) -> tuple[int, int]:
        each = [count(text) for text in texts]
        return sum(number for number, _ in each), sum(unknown for _, unknown in each)

    return count_all


def _key(example: TextExample) -> Hashable:
    return example.text if example.pair is None else frozenset(example.texts)


def _difference(
    key: str | frozenset[str], first: frozenset[str], second: frozenset[str]
) -> tuple[str, str]:
    """The text or texts, and the two sets of labels."""
    text = key if isinstance(key, str) else " | ".join(sorted(key))
    return text, " / ".join(listed(sorted(labels)) or "none" for labels in (first, second))
