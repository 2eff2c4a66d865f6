"""What text holds that is to be cut into words with parts of speech."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dicetune.data.inspect import (
    Fact,
    Inspection,
    Ratio,
    SplitReport,
    SubwordCounter,
    duplicates,
    subword_facts,
)
from dicetune.data.tagged.corpus import Corpus
from dicetune.data.tagged.inspect import longest_sentence, sentence_conflicts, sentence_leaks
from dicetune.data.tagged.segmentation import corpus_words


def inspect_segmentation(
    splits: Mapping[str, Corpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of labelled characters (``to_characters``).

    As ``inspect_tokens``, with words where that has entities: the labels are the words of each
    part of speech, the ratio is that of the most frequent to the rarest.

    Args:
        splits: name to corpus, the training split first.
        count_subwords: see ``SubwordCounter``; without it, sub-words are not counted.

    Example:
        >>> from dicetune.data.tagged.corpus import Sentence
        >>> from dicetune.data.tagged.segmentation import to_characters
        >>> words = Corpus((Sentence(("上海", "的"), ("NR", "DEG")),), "a.txt")
        >>> report = inspect_segmentation({"train": to_characters(words)}).splits[0]
        >>> report.facts["words"], report.facts["characters"], report.labels
        (2, 3, {'NR': 1, 'DEG': 1})
    """
    reports = []
    for name, corpus in splits.items():
        labels = Counter(tag for words in corpus_words(corpus) for _, tag in words)
        facts: dict[str, Fact] = {
            "sentences": len(corpus),
            "characters": sum(len(sentence.tokens) for sentence in corpus),
            "words": labels.total(),
            "duplicates inside": duplicates(sentence.tokens for sentence in corpus),
            "longest text": longest_sentence(corpus, "characters"),
        }
        facts.update(subword_facts((sentence.tokens for sentence in corpus), count_subwords))
        ratio = Ratio.of_labels(labels)
        counts = dict(labels.most_common())
        reports.append(SplitReport(name, corpus.source, facts, counts, ratio, corpus.notes))
    return Inspection.of(
        reports,
        leaks=sentence_leaks(splits),
        conflicts=sentence_conflicts(splits, between=""),
        labels_title="Words of each part of speech",
    )
