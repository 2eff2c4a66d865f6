"""What tagged text holds: entities or labels of words, and how rare they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dicetune.data.corpus import Corpus, Sentence
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
from dicetune.data.labels import spans

PAPER_RATIOS = {"CoNLL03": 4.98, "OntoNotes5.0": 8.18}
"""Negative words to entity words, NER rows of Table 1 of the paper (Li et al., ACL 2020)."""


def inspect_tokens(
    splits: Mapping[str, Corpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of tagged text.

    The labels counted are the entities of each type, or, where there are none, the words of each
    label. The ratio is that of the paper's Table 1 (O words to words in entities) for spans, and
    most frequent to rarest label for parts of speech.

    Args:
        splits: name to corpus, the training split first.
        count_subwords: see ``SubwordCounter``; without it, sub-words are not counted.

    Example:
        >>> corpus = Corpus((Sentence(("in", "Bonn"), ("O", "B-LOC")),), "a.conll", scheme="iob2")
        >>> found = inspect_tokens({"train": corpus})
        >>> found.splits[0].ratio.value, found.splits[0].labels
        (1.0, {'LOC': 1})
    """
    entities = {name: _entities(corpus) for name, corpus in splits.items()}
    are_spans = any(entities.values())
    reports = []
    for name, corpus in splits.items():
        facts = _facts(corpus, sum(entities[name].values()) if are_spans else None)
        facts.update(subword_facts((sentence.tokens for sentence in corpus), count_subwords))
        labels = dict((entities[name] if are_spans else corpus.tag_counts).most_common())
        reports.append(
            SplitReport(name, corpus.source, facts, labels, _ratio(corpus), corpus.notes)
        )
    return Inspection.of(
        reports,
        leaks=find_leaks(
            {name: [(s.tokens, _place(c, s)) for s in c] for name, c in splits.items()}, "sentences"
        ),
        conflicts=find_conflicts(
            ((s.tokens, s.tags, _place(c, s)) for c in splits.values() for s in c if s.tags),
            _difference,
        ),
        paper_ratios=PAPER_RATIOS if any(c.scheme for c in splits.values()) else {},
        labels_title="Entities of each type" if are_spans else "Words of each label",
    )


def _entities(corpus: Corpus) -> Counter[str]:
    if corpus.scheme is None:
        return Counter()
    scheme = corpus.scheme
    return Counter(kind for sentence in corpus for kind, _, _ in spans(sentence.tags, scheme))


def _facts(corpus: Corpus, entities: int | None) -> dict[str, Fact]:
    longest = max(corpus, key=lambda sentence: len(sentence.tokens), default=None)
    facts: dict[str, Fact] = {
        "scheme": _scheme(corpus),
        "sentences": len(corpus),
        "words": sum(len(sentence.tokens) for sentence in corpus),
    }
    if entities is not None:
        facts["entities"] = entities
    facts["duplicates inside"] = duplicates(sentence.tokens for sentence in corpus)
    facts["longest text"] = (
        f"{len(longest.tokens)} words, {_place(corpus, longest)}" if longest else None
    )
    return facts


def _scheme(corpus: Corpus) -> str:
    if corpus.scheme is None:
        return "no spans"
    if corpus.found_scheme == corpus.scheme:
        return corpus.scheme
    return f"{corpus.found_scheme}, read as {corpus.scheme}"


def _ratio(corpus: Corpus) -> Ratio | None:
    labels = corpus.tag_counts
    if corpus.scheme is None:
        return Ratio.of_labels(labels)
    return Ratio.of(labels["O"], labels.total() - labels["O"], "O words : words in entities")


def _difference(
    tokens: tuple[str, ...], first: tuple[str, ...], second: tuple[str, ...]
) -> tuple[str, str]:
    """The text, and its first word on which two taggings differ."""
    word, a, b = next((w, a, b) for w, a, b in zip(tokens, first, second, strict=True) if a != b)
    return " ".join(tokens), f"{word!r}: {a} / {b}"


def _place(corpus: Corpus, sentence: Sentence) -> str:
    return place_of(corpus.source, sentence.line)
