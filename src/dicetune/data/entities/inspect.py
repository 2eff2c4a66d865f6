"""What a data set of entities holds: types, nesting, imbalance, leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dicetune.data.entities.corpus import EntityCorpus, EntitySentence, EntitySpan
from dicetune.data.entities.mrc import choose_queries
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
from dicetune.data.tagged.inspect import PAPER_RATIOS


def inspect_entities(
    splits: Mapping[str, EntityCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of sentences with entities.

    The ratio is that of the paper's Table 1: words outside of every entity to words inside one. A
    span is nested if it lies inside another of its sentence, and crosses one if they share words
    and neither lies inside the other. The queries are the file's own, or those that would be made
    from the names of its types.

    Args:
        splits: name to corpus, the training split first.
        count_subwords: see ``SubwordCounter``; without it, sub-words are not counted.

    Example:
        >>> from dicetune.data.entities.corpus import EntitySentence
        >>> spans = (EntitySpan("ORG", 0, 3), EntitySpan("LOC", 2, 3))
        >>> corpus = EntityCorpus((EntitySentence(("Bank", "of", "Bonn", "said"), spans),), "a")
        >>> report = inspect_entities({"train": corpus}).splits[0]
        >>> report.facts["nested"], report.labels, round(report.ratio.value, 2)
        (1, {'ORG': 1, 'LOC': 1}, 0.33)
    """
    reports = []
    for name, corpus in splits.items():
        facts = _facts(corpus)
        facts.update(subword_facts((sentence.tokens for sentence in corpus), count_subwords))
        queries = choose_queries(corpus.types, None, corpus.queries, corpus.source)
        facts.update((f"query of {kind}", query) for kind, query in queries.items())
        counts = Counter(span.type for sentence in corpus for span in sentence.spans)
        labels = dict(counts.most_common())
        reports.append(
            SplitReport(name, corpus.source, facts, labels, _ratio(corpus), corpus.notes)
        )
    return Inspection.of(
        reports,
        leaks=find_leaks(
            {name: [(s.tokens, _place(c, s)) for s in c] for name, c in splits.items()}, "sentences"
        ),
        conflicts=find_conflicts(
            ((s.tokens, s.spans, _place(c, s)) for c in splits.values() for s in c), _difference
        ),
        paper_ratios=PAPER_RATIOS,
        labels_title="Entities of each type",
    )


def _facts(corpus: EntityCorpus) -> dict[str, Fact]:
    spans = [span for sentence in corpus for span in sentence.spans]
    longest = max(corpus, key=lambda sentence: len(sentence.tokens), default=None)
    pairs = len(corpus) * len(corpus.types)
    present = sum(len({span.type for span in sentence.spans}) for sentence in corpus)
    return {
        "sentences": len(corpus),
        "words": sum(len(sentence.tokens) for sentence in corpus),
        "entities": len(spans),
        "nested": sum(_counts(sentence.spans)[0] for sentence in corpus),
        "crossing": sum(_counts(sentence.spans)[1] for sentence in corpus),
        "longest entity": f"{max((s.end - s.start for s in spans), default=0)} words",
        "questions (sentences × types)": pairs,
        "questions without an entity": (pairs - present) / pairs if pairs else None,
        "duplicates inside": duplicates(sentence.tokens for sentence in corpus),
        "longest text": (
            f"{len(longest.tokens)} words, {_place(corpus, longest)}" if longest else None
        ),
    }


def _counts(spans: tuple[EntitySpan, ...]) -> tuple[int, int]:
    """How many of the spans of a sentence lie inside another, and how many cross one."""
    nested = crossing = 0
    for one in spans:
        others = [other for other in spans if other[1:] != one[1:]]
        nested += any(other.start <= one.start and one.end <= other.end for other in others)
        crossing += any(
            other.start < one.start < other.end < one.end
            or one.start < other.start < one.end < other.end
            for other in others
        )
    return nested, crossing


def _ratio(corpus: EntityCorpus) -> Ratio | None:
    inside = sum(
        len({word for span in sentence.spans for word in range(span.start, span.end)})
        for sentence in corpus
    )
    words = sum(len(sentence.tokens) for sentence in corpus)
    return Ratio.of(words - inside, inside, "words outside of entities : words in entities")


def _difference(
    tokens: tuple[str, ...], first: tuple[EntitySpan, ...], second: tuple[EntitySpan, ...]
) -> tuple[str, str]:
    """The text, and the spans that only one of two annotations has."""

    def only(these: tuple[EntitySpan, ...], those: tuple[EntitySpan, ...]) -> str:
        lone = [span for span in these if span not in those]
        return ", ".join(f"{' '.join(tokens[s.start : s.end])!r} {s.type}" for s in lone) or "none"

    return " ".join(tokens), f"{only(first, second)} / {only(second, first)}"


def _place(corpus: EntityCorpus, sentence: EntitySentence) -> str:
    return place_of(corpus.source, sentence.line)
