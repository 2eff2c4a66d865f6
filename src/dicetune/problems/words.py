r"""Words with their tags, cut out of labelled characters: joint segmentation and tagging.

A word is the interval of its characters, :math:`[a, b)`, in the sentence without spaces. A word is
right where interval and tag are right; scores of words alone use the interval only. This is the
scoring of the SIGHAN bakeoffs. The joint score is never above the score of the words.

References: Sproat & Emerson, The First International Chinese Word Segmentation Bakeoff, 2003;
Ng & Low, Chinese Part-of-Speech Tagging: One-at-a-Time or All-at-Once?, EMNLP 2004.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from dicetune.errors import InputError, quoted
from dicetune.problems.base import Problem
from dicetune.problems.ratios import named_ratio, ratio
from dicetune.problems.schemes import check_lengths, check_tags, conlleval_spans, types_of

Sentence = Sequence[tuple[str, str]]
"""The words of a sentence, each with its tag."""

ALONE = ("word_precision", "word_recall", "word_f1")


class Words(Problem):
    """Words with their tags, and words alone; a row holds a label for each character.

    Every character is in exactly one word, so there is no bias that could be moved.
    """

    kind: ClassVar[str] = "words"
    items_title: ClassVar[str | None] = "words"
    scored: ClassVar[tuple[str, ...]] = (
        "f1", "precision", "recall", "word_f1", "word_precision", "word_recall", "tag_accuracy",
    )  # fmt: skip
    more: ClassVar[tuple[str, ...]] = ("word_correct",)
    titles = {"f1": "F1 of words with their tag"}  # noqa: RUF012
    misses_only: ClassVar[bool] = True
    tunable: ClassVar[bool] = False
    apart: ClassVar[str | None] = (
        "words are found by a search over scores and text, which records do not repeat"
    )

    def named_classes(self) -> Iterable[str]:
        """The tags of the labels."""
        return types_of(self.labels)

    def classes_of(self, row: Sequence[str]) -> Iterable[str]:
        """The tags of the labels of a row."""
        return types_of(row)

    def items(self, row: Sequence[str]) -> list[tuple[tuple[int, int], str]]:
        """Place and tag of each word."""
        return [((start, end), tag) for tag, start, end in conlleval_spans(row)]

    def check_pairs(self, gold: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Refuse sentences that do not pair up, and labels of another scheme."""
        super().check_pairs(gold, predicted)
        check_lengths(gold, predicted)
        check_tags(gold, "iobes", "gold")
        check_tags(predicted, "iobes", "predicted")

    def counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        words = super().counts(gold, predicted)
        cut = [
            len(
                {place for place, _ in self.items(right)}
                & {place for place, _ in self.items(found)}
            )
            for right, found in zip(gold, predicted, strict=True)
        ]
        return np.hstack([words, np.array(cut, dtype=np.float64).reshape(-1, 1)])

    def metric(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """Scores of words with their tags, or of words alone (``word_…``)."""
        correct, predicted, gold = self.micro(sums)
        cut = sums[..., -1]
        if metric == "tag_accuracy":
            return ratio(correct, cut)
        right = cut if metric in ALONE else correct
        return named_ratio(right, predicted, gold, metric.removeprefix("word_"))

    def _item_scores(self, sums: np.ndarray) -> dict[str, Any]:
        found = super()._item_scores(sums)
        per_type = found.pop("per_type")
        return {
            **found,
            **{name: float(self.metric(sums, name)) for name in ALONE},
            "word_correct": int(sums[-1]),
            "tag_accuracy": float(self.metric(sums, "tag_accuracy")),
            "per_type": per_type,
        }

    def word_scores(
        self, gold: Sequence[Sentence], predicted: Sequence[Sentence]
    ) -> dict[str, Any]:
        """``scores`` of sentences that are cut into words.

        Raises:
            InputError: another number of sentences, other characters, or an empty word.
        """
        check_characters(gold, predicted)
        return self.scores(
            _character_labels(gold, "gold"), _character_labels(predicted, "predicted")
        )

    def why_fixed(self, gold: Sequence[Any]) -> str | None:
        """See the class."""
        return (
            "Every character is in exactly one word, so there is no background whose bias could "
            "be moved: the default is kept."
        )


def check_characters(gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> None:
    """Refuse two lists of sentences that do not hold the same characters.

    Raises:
        InputError: the first sentence that differs (numbered from 0), and where.
    """
    if len(gold) != len(predicted):
        raise InputError(
            f"expected as many predicted sentences as gold ones ({len(gold)}), got {len(predicted)}"
        )
    for number, pair in enumerate(zip(gold, predicted, strict=True)):
        right, found = ("".join(word for word, _ in sentence) for sentence in pair)
        if right != found:
            place = next(
                (i for i, (a, b) in enumerate(zip(right, found, strict=False)) if a != b),
                min(len(right), len(found)),
            )
            raise InputError(
                f"sentence {number}: expected the characters of the gold text, "
                f"{quoted(right[place : place + 10])} from character {place} on, got "
                f"{quoted(found[place : place + 10])}"
            )


def _character_labels(sentences: Sequence[Sentence], which: str) -> list[list[str]]:
    labels = []
    for number, sentence in enumerate(sentences):
        if not all(word for word, _ in sentence):
            raise InputError(f"{which} sentence {number}: expected words, got an empty one")
        row = [[f"B-{tag}", *[f"I-{tag}"] * (len(word) - 1)] for word, tag in sentence]
        labels.append([label for word in row for label in word])
    return labels
