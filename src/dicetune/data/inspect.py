"""What a tagged data set holds, as plain data: sizes, imbalance, leaks, conflicts, long texts.

Nothing is printed here and no tokenizer is loaded: the caller may hand in a function that counts
sub-words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dicetune.data.corpus import Corpus, Note, Sentence
from dicetune.data.labels import spans

SubwordCounter = Callable[[Sequence[str]], tuple[int, int]]
"""From the words of a sentence to its number of sub-words and how many of them are unknown."""

PAPER_RATIOS = {"CoNLL03": 4.98, "OntoNotes5.0": 8.18}
"""Negative words to entity words, NER rows of Table 1 of the paper (Li et al., ACL 2020)."""

_EXAMPLES = 5
MANY_UNKNOWN = 0.05
"""Share of unknown sub-words above which a tokenizer was not made for a text."""


@dataclass(frozen=True)
class Ratio:
    """How imbalanced the labels are.

    Args:
        value: ``many`` divided by ``few``.
        many: O words; for parts of speech the words of the most frequent label.
        few: words in entities; for parts of speech the words of the rarest label.
        meaning: what is divided by what, in words.
    """

    value: float
    many: int
    few: int
    meaning: str


@dataclass(frozen=True)
class SplitReport:
    """One file or split.

    Args:
        name: as the caller calls it.
        source: the file.
        scheme: of the tags as read; ``None`` for parts of speech.
        found_scheme: of the file.
        sentences: how many.
        words: how many.
        labels: words of each label, most frequent first.
        entities: spans of each type, most frequent first; empty for parts of speech.
        ratio: ``None`` where a side of it is empty.
        duplicates: sentences whose words stood in the same split before.
        longest_words: length of the longest sentence in words.
        longest_place: where it stands.
        longest_subwords: length of the longest sentence in sub-words, with a counter.
        subwords: how many in all, with a counter.
        unknown_share: share of them that the tokenizer does not know, with a counter.
        notes: repairs and oddities of the reader.
    """

    name: str
    source: str
    scheme: str | None
    found_scheme: str | None
    sentences: int
    words: int
    labels: dict[str, int]
    entities: dict[str, int]
    ratio: Ratio | None
    duplicates: int
    longest_words: int
    longest_place: str
    longest_subwords: int | None
    subwords: int | None
    unknown_share: float | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Leak:
    """Sentences of one split whose words also stand in an earlier one.

    Args:
        split: the later split, such as test.
        other: the earlier one, such as train.
        count: sentences of ``split`` with a twin in ``other``.
        share: of all sentences of ``split``.
        places: the first few.
    """

    split: str
    other: str
    count: int
    share: float
    places: tuple[str, ...]


@dataclass(frozen=True)
class Conflict:
    """One text that is tagged in more than one way.

    Args:
        text: its words, joined by spaces.
        places: one for each way, the first that has it.
        differences: the first word that differs, and its tags.
    """

    text: str
    places: tuple[str, ...]
    differences: str


@dataclass(frozen=True)
class Inspection:
    """All that ``inspect_tokens`` found.

    Args:
        splits: one report each, in the order given.
        leaks: for each pair of splits, if any.
        conflicts: how many texts have more than one tagging, over all splits.
        conflict_examples: the first few.
        paper_ratios: what the paper's Table 1 prints for its data sets; empty for parts of
            speech.
        warnings: what should be mended before training, in sentences.
    """

    splits: tuple[SplitReport, ...]
    leaks: tuple[Leak, ...]
    conflicts: int
    conflict_examples: tuple[Conflict, ...]
    paper_ratios: dict[str, float]
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def inspect_tokens(
    splits: Mapping[str, Corpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of a data set.

    Args:
        splits: name to corpus, the training split first.
        count_subwords: see ``SubwordCounter``; without it, sub-words are not counted.

    Example:
        >>> corpus = Corpus((Sentence(("in", "Bonn"), ("O", "B-LOC")),), "a.conll", scheme="iob2")
        >>> found = inspect_tokens({"train": corpus})
        >>> found.splits[0].ratio.value, found.splits[0].entities
        (1.0, {'LOC': 1})
    """
    conflicts = _conflicts(splits)
    reports = tuple(_report(name, corpus, count_subwords) for name, corpus in splits.items())
    return Inspection(
        reports,
        tuple(_leaks(splits)),
        len(conflicts),
        tuple(conflicts[:_EXAMPLES]),
        dict(PAPER_RATIOS) if any(c.scheme is not None for c in splits.values()) else {},
        tuple(_warnings(reports)),
    )


def _warnings(reports: Sequence[SplitReport]) -> list[str]:
    return [
        f"{report.name}: {100 * report.unknown_share:.1f}% of the sub-words are unknown to the "
        "tokenizer, which was not made for this text: train with --add-characters, or choose "
        "another model"
        for report in reports
        if report.unknown_share is not None and report.unknown_share > MANY_UNKNOWN
    ]


def _report(name: str, corpus: Corpus, count_subwords: SubwordCounter | None) -> SplitReport:
    labels = corpus.tag_counts
    entities: Counter[str] = Counter()
    if corpus.scheme is not None:
        for sentence in corpus:
            entities.update(kind for kind, _, _ in spans(sentence.tags, corpus.scheme))
    longest = max(corpus, key=lambda sentence: len(sentence.tokens), default=None)
    counts = [count_subwords(s.tokens) for s in corpus] if count_subwords else []
    total = sum(number for number, _ in counts)
    unknown = sum(number for _, number in counts)
    return SplitReport(
        name=name,
        source=corpus.source,
        scheme=corpus.scheme,
        found_scheme=corpus.found_scheme,
        sentences=len(corpus),
        words=sum(len(sentence.tokens) for sentence in corpus),
        labels=dict(labels.most_common()),
        entities=dict(entities.most_common()),
        ratio=_ratio(labels, corpus.scheme is not None),
        duplicates=len(corpus) - len({sentence.tokens for sentence in corpus}),
        longest_words=len(longest.tokens) if longest else 0,
        longest_place=_place(corpus, longest) if longest else "",
        longest_subwords=max((n for n, _ in counts), default=0) if count_subwords else None,
        subwords=total if count_subwords else None,
        unknown_share=(unknown / total if total else 0.0) if count_subwords else None,
        notes=corpus.notes,
    )


def _ratio(labels: Counter[str], are_spans: bool) -> Ratio | None:
    if are_spans:
        many, few = labels["O"], labels.total() - labels["O"]
        meaning = "O words : words in entities"
    elif len(labels) > 1:
        (top, many), *_, (rarest, few) = labels.most_common()
        meaning = f"most frequent label ({top}) : rarest label ({rarest})"
    else:
        return None
    return Ratio(many / few, many, few, meaning) if few else None


def _leaks(splits: Mapping[str, Corpus]) -> list[Leak]:
    leaks = []
    names = list(splits)
    for later, name in enumerate(names):
        corpus = splits[name]
        for other in names[:later]:
            known = {sentence.tokens for sentence in splits[other]}
            twins = [sentence for sentence in corpus if sentence.tokens in known]
            if twins:
                places = tuple(_place(corpus, sentence) for sentence in twins[:_EXAMPLES])
                leaks.append(Leak(name, other, len(twins), len(twins) / len(corpus), places))
    return leaks


def _conflicts(splits: Mapping[str, Corpus]) -> list[Conflict]:
    ways: dict[tuple[str, ...], dict[tuple[str, ...], str]] = {}
    for corpus in splits.values():
        for sentence in corpus:
            if sentence.tags:
                ways.setdefault(sentence.tokens, {}).setdefault(
                    sentence.tags, _place(corpus, sentence)
                )
    found = []
    for tokens, taggings in ways.items():
        if len(taggings) > 1:
            first, second = list(taggings)[:2]
            word, a, b = next(
                (w, a, b) for w, a, b in zip(tokens, first, second, strict=True) if a != b
            )
            found.append(
                Conflict(" ".join(tokens), tuple(taggings.values()), f"{word!r}: {a} / {b}")
            )
    return found


def _place(corpus: Corpus, sentence: Sentence) -> str:
    return corpus.source if sentence.line is None else f"{corpus.source}:{sentence.line}"
