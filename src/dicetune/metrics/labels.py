"""Label scores for parts of speech and classes: accuracy, macro-F1, a table by label.

A thin face over scikit-learn. Macro-F1 is the plain mean of F1 over the labels that occur, in
gold or predicted: a label that the tagger makes up costs it, one that nobody uses does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dicetune.metrics.spans import check_lengths


@dataclass(frozen=True)
class LabelCounts:
    """Scores of one label; fractions from 0 to 1, 0 where the denominator is 0."""

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class LabelScores:
    """Scores over all items, with the table by label.

    Args:
        accuracy: share of items with the right label.
        macro_f1: mean F1 over the labels that occur in gold or predicted.
        support: number of items.
        per_label: scores of each of these labels.
    """

    accuracy: float
    macro_f1: float
    support: int
    per_label: dict[str, LabelCounts] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def label_scores(
    gold: Sequence[str] | Sequence[Sequence[str]],
    predicted: Sequence[str] | Sequence[Sequence[str]],
) -> LabelScores:
    """Accuracy, macro-F1 and a table by label.

    Args:
        gold: the right labels, either one for each item or one list for each sentence.
        predicted: a tagger's, in the same shape.

    Raises:
        InputError: unequal lengths.

    Example:
        >>> scores = label_scores([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
        >>> round(scores.accuracy, 3), round(scores.macro_f1, 3)
        (0.667, 0.556)
    """
    right, own = _flat(gold, predicted)
    if not right:
        return LabelScores(0.0, 0.0, 0)
    # Imported here: scikit-learn costs a second that readers need not pay.
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    labels = sorted({*right, *own})
    table = precision_recall_fscore_support(right, own, labels=labels, zero_division=0)
    predicted_counts = Counter(own)
    per_label = {
        label: LabelCounts(float(p), float(r), float(f), int(n), predicted_counts[label])
        for label, p, r, f, n in zip(labels, *table, strict=True)
    }
    macro = sum(counts.f1 for counts in per_label.values()) / len(labels)
    return LabelScores(float(accuracy_score(right, own)), macro, len(right), per_label)


def _flat(gold: Sequence[Any], predicted: Sequence[Any]) -> tuple[list[str], list[str]]:
    if any(isinstance(item, str) for item in (*gold[:1], *predicted[:1])):
        gold, predicted = [gold], [predicted]
    check_lengths(gold, predicted)
    return [tag for s in gold for tag in s], [tag for s in predicted for tag in s]
