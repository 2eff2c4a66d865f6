r"""Scores of joint word segmentation and part-of-speech tagging.

A word of a sentence is the interval of its characters, :math:`[a, b)`, counted over the sentence
without anything between words. With :math:`G` the gold words and :math:`P` the predicted ones, as
sets of (sentence, a, b, tag),

.. math::
    \text{precision} = \frac{|G \cap P|}{|P|}, \qquad
    \text{recall} = \frac{|G \cap P|}{|G|}, \qquad
    F_1 = \frac{2\,|G \cap P|}{|G| + |P|}.

The scores of words alone are the same over (sentence, a, b): a word is found where both its ends
are, whatever its tag. This is the scoring of the SIGHAN bakeoffs, and the joint score is never
above that of the words.

References: Sproat & Emerson, The First International Chinese Word Segmentation Bakeoff, 2003;
Ng & Low, Chinese Part-of-Speech Tagging: One-at-a-Time or All-at-Once?, EMNLP 2004.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dicetune.errors import InputError, quoted
from dicetune.metrics.spans import SpanCounts

Words = Sequence[tuple[str, str]]
"""One sentence: its words, each with its tag."""

_Word = tuple[int, int, int, str]  # sentence, first character, one past the last, tag


@dataclass(frozen=True)
class SegmentationScores(SpanCounts):
    """Micro scores of (word, tag), and of words alone.

    Args:
        word_precision: of words alone.
        word_recall: of words alone.
        word_f1: of words alone.
        word_correct: words with both ends right.
        tag_accuracy: share of these that have the right tag too.
        per_type: counts and scores of each tag.
    """

    word_precision: float = 0.0
    word_recall: float = 0.0
    word_f1: float = 0.0
    word_correct: int = 0
    tag_accuracy: float = 0.0
    per_type: dict[str, SpanCounts] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def segmentation_scores(gold: Sequence[Words], predicted: Sequence[Words]) -> SegmentationScores:
    """Precision, recall and F1 of (word, tag) and of words alone, micro over all sentences.

    Args:
        gold: for each sentence its words with their tags.
        predicted: the same sentences, cut and tagged by a tool.

    Raises:
        InputError: another number of sentences, other characters, or an empty word.

    Example:
        >>> gold = [[("上海", "NR"), ("浦东", "NR"), ("开发", "NN")]]
        >>> predicted = [[("上海", "NR"), ("浦东", "NN"), ("开", "VV"), ("发", "VV")]]
        >>> scores = segmentation_scores(gold, predicted)
        >>> scores.correct, scores.predicted, scores.support, round(scores.f1, 3)
        (1, 4, 3, 0.286)
        >>> scores.word_correct, round(scores.word_f1, 3), scores.tag_accuracy
        (2, 0.571, 0.5)
    """
    check_characters(gold, predicted)
    right, own = _intervals(gold, "gold"), _intervals(predicted, "predicted")
    both = right & own
    cut = {word[:3] for word in right} & {word[:3] for word in own}
    words = SpanCounts(len(cut), len(own), len(right))
    counts = [Counter(word[3] for word in one) for one in (both, own, right)]
    per_type = {
        tag: SpanCounts(counts[0][tag], counts[1][tag], counts[2][tag])
        for tag in sorted(counts[1] | counts[2])
    }
    return SegmentationScores(
        len(both),
        len(own),
        len(right),
        words.precision,
        words.recall,
        words.f1,
        words.correct,
        len(both) / len(cut) if cut else 0.0,
        per_type,
    )


def check_characters(gold: Sequence[Words], predicted: Sequence[Words]) -> None:
    """Refuse two lists of sentences that do not hold the same characters.

    Raises:
        InputError: the first sentence that differs (numbered from 0), and where.
    """
    if len(gold) != len(predicted):
        raise InputError(
            f"expected as many predicted sentences as gold ones ({len(gold)}), got {len(predicted)}"
        )
    for number, (words, own) in enumerate(zip(gold, predicted, strict=True)):
        right, text = ("".join(word for word, _ in one) for one in (words, own))
        if right != text:
            place = next(
                (i for i, (a, b) in enumerate(zip(right, text, strict=False)) if a != b),
                min(len(right), len(text)),
            )
            raise InputError(
                f"sentence {number}: expected the characters of the gold text, "
                f"{quoted(right[place : place + 10])} from character {place} on, got "
                f"{quoted(text[place : place + 10])}"
            )


def _intervals(sentences: Sequence[Words], which: str) -> set[_Word]:
    found: set[_Word] = set()
    for number, words in enumerate(sentences):
        start = 0
        for word, tag in words:
            if not word:
                raise InputError(f"{which} sentence {number}: expected words, got an empty one")
            found.add((number, start, start + len(word), tag))
            start += len(word)
    return found
