"""What tagged text holds: entities or labels of words, and how rare they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dicetune.data.inspect import (
    Conflict,
    Fact,
    Inspection,
    Leak,
    Ratio,
    SplitReport,
    SubwordCounter,
    duplicates,
    find_conflicts,
    find_leaks,
    place_of,
    subword_facts,
)
from dicetune.data.tagged.corpus import Corpus, Sentence
from dicetune.data.tagged.labels import spans

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
        leaks=sentence_leaks(splits),
        conflicts=sentence_conflicts(splits),
        paper_ratios=PAPER_RATIOS if any(c.scheme for c in splits.values()) else {},
        labels_title="Entities of each type" if are_spans else "Words of each label",
    )


def sentence_leaks(splits: Mapping[str, Corpus]) -> tuple[Leak, ...]:
    """Sentences of a split whose words an earlier split has too."""
    keys = {name: [(s.tokens, _place(c, s)) for s in c] for name, c in splits.items()}
    return find_leaks(keys, "sentences")


def sentence_conflicts(splits: Mapping[str, Corpus], between: str = " ") -> tuple[Conflict, ...]:
    """Sentences that are tagged in more than one way, with the first word that differs.

    Args:
        splits: name to corpus.
        between: what stands between two words of a text that is shown.
    """

    def describe(
        tokens: tuple[str, ...], first: tuple[str, ...], second: tuple[str, ...]
    ) -> tuple[str, str]:
        triples = zip(tokens, first, second, strict=True)
        word, a, b = next((word, a, b) for word, a, b in triples if a != b)
        return between.join(tokens), f"{word!r}: {a} / {b}"

    tagged = ((s.tokens, s.tags, _place(c, s)) for c in splits.values() for s in c if s.tags)
    return find_conflicts(tagged, describe)


def longest_sentence(corpus: Corpus, unit: str) -> str | None:
    """Length and place of the longest sentence; ``None`` for a corpus without any."""
    longest = max(corpus, key=lambda sentence: len(sentence.tokens), default=None)
    return f"{len(longest.tokens)} {unit}, {_place(corpus, longest)}" if longest else None


def _entities(corpus: Corpus) -> Counter[str]:
    if corpus.scheme is None:
        return Counter()
    scheme = corpus.scheme
    return Counter(kind for sentence in corpus for kind, _, _ in spans(sentence.tags, scheme))


def _facts(corpus: Corpus, entities: int | None) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "scheme": _scheme(corpus),
        "sentences": len(corpus),
        "words": sum(len(sentence.tokens) for sentence in corpus),
    }
    if entities is not None:
        facts["entities"] = entities
    facts["duplicates inside"] = duplicates(sentence.tokens for sentence in corpus)
    facts["longest text"] = longest_sentence(corpus, "words")
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


def _place(corpus: Corpus, sentence: Sentence) -> str:
    return place_of(corpus.source, sentence.line)
