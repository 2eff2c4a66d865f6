"""Scores of texts that are classified: one label each, or any number of labels each.

A thin face over scikit-learn, free of NaN: a score whose denominator is 0 is 0. Macro-F1 is the
plain mean of F1 over the labels that occur, in gold or predicted (``zero_division=0``): a label
that nobody uses does not count.

The F1 of one class says little alone: where its class is the larger one (label 1 in MRPC), calling
everything positive scores well. So the F1 of the other class always stands beside it.

Average precision is the area under the precision-recall curve by steps, which no threshold
enters; it needs probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dicetune.errors import InputError, listed, quoted
from dicetune.metrics.labels import LabelCounts, label_scores

if TYPE_CHECKING:  # numpy loads when something is scored, not when files are read
    import numpy as np

POSITIVE_NAMES = ("1", "positive", "label_1")
"""Names of a positive class, in any case: GLUE's, sentiment's, and those of unnamed models."""


@dataclass(frozen=True)
class ClassScores:
    """Scores of one label each; fractions from 0 to 1, MCC from -1 to 1.

    Args:
        accuracy: share of texts with the right label.
        macro_f1: mean F1 over the labels that occur in gold or predicted.
        micro_f1: F1 of the pooled counts; equal to accuracy where each text has one label.
        mcc: Matthews correlation; 0 where gold or predicted have one label only.
        support: number of texts.
        positive: the class that the next four are about; ``None`` where there is none.
        precision: of it.
        recall: of it.
        f1: of it.
        average_precision: of its probability; ``None`` without probabilities or without a gold
            text of it.
        other: the other class, where there are two.
        f1_other: of the other class.
        per_label: scores of each label that occurs.
    """

    accuracy: float
    macro_f1: float
    micro_f1: float
    mcc: float
    support: int
    positive: str | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    average_precision: float | None = None
    other: str | None = None
    f1_other: float | None = None
    per_label: dict[str, LabelCounts] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, without what there is not."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class LabelSetScores:
    """Scores of any number of labels each; fractions from 0 to 1.

    Args:
        exact_match: share of texts with exactly the right labels.
        micro_f1: F1 of the counts of all labels together.
        macro_f1: mean F1 over the labels that occur in gold or predicted.
        precision: micro.
        recall: micro.
        support: number of texts.
        average_precision: micro, over all (text, label) pairs; ``None`` without probabilities.
        macro_average_precision: mean over the labels that some gold text has.
        per_label: scores of each label that occurs.
    """

    exact_match: float
    micro_f1: float
    macro_f1: float
    precision: float
    recall: float
    support: int
    average_precision: float | None = None
    macro_average_precision: float | None = None
    per_label: dict[str, LabelCounts] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, without what there is not."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def positive_class(counts: Mapping[str, int], chosen: str | None = None) -> str | None:
    """The class whose F1 is reported: chosen, "1" or "positive", or the rarer of two.

    Args:
        counts: number of (training) texts of each label.
        chosen: of the user.

    Returns:
        ``None`` where nothing was chosen and the labels are not two.

    Raises:
        InputError: a chosen class that there is not.

    Example:
        >>> positive_class({"0": 5, "1": 9}), positive_class({"ham": 9, "spam": 5})
        ('1', 'spam')
    """
    if chosen is not None:
        if chosen not in counts:
            raise InputError(
                f"expected the positive class to be one of {listed(counts)}, got {quoted(chosen)}"
            )
        return chosen
    if len(counts) != 2:
        return None
    plain = {label.casefold(): label for label in counts}
    named = next((plain[name] for name in POSITIVE_NAMES if name in plain), None)
    return named or min(sorted(counts), key=lambda label: counts[label])


def class_scores(
    gold: Sequence[str],
    predicted: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    positive: str | None = None,
    probabilities: Sequence[float] | None = None,
) -> ClassScores:
    """Scores of one label each.

    Args:
        gold: the right labels.
        predicted: a model's, as many.
        labels: all that there are; by default those that occur.
        positive: the class whose precision, recall, F1 and average precision are asked for.
        probabilities: of the positive class, one for each text.

    Raises:
        InputError: unequal lengths.

    Example:
        >>> scores = class_scores(["spam", "ham", "ham"], ["spam", "spam", "ham"], positive="spam")
        >>> round(scores.f1, 3), round(scores.f1_other, 3), round(scores.mcc, 3)
        (0.667, 0.667, 0.5)
    """
    plain = label_scores(list(gold), list(predicted))
    found: dict[str, Any] = {
        "accuracy": plain.accuracy,
        "macro_f1": plain.macro_f1,
        "micro_f1": plain.accuracy,
        "mcc": _correlation(gold, predicted),
        "support": plain.support,
        "per_label": plain.per_label,
    }
    if positive is None:
        return ClassScores(**found)
    none = LabelCounts(0.0, 0.0, 0.0, 0, 0)
    counts = plain.per_label.get(positive, none)
    names = dict.fromkeys([*(labels or []), *plain.per_label])
    others = [label for label in names if label != positive]
    other = others[0] if len(others) == 1 else None
    return ClassScores(
        **found,
        positive=positive,
        precision=counts.precision,
        recall=counts.recall,
        f1=counts.f1,
        average_precision=_average_precision([label == positive for label in gold], probabilities),
        other=other,
        f1_other=None if other is None else plain.per_label.get(other, none).f1,
    )


def label_set_scores(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    labels: Sequence[str] | None = None,
    probabilities: np.ndarray | None = None,
) -> LabelSetScores:
    """Scores of any number of labels each.

    Args:
        gold: the right labels of each text.
        predicted: a model's, as many lists.
        labels: all that there are, in the order of the columns of ``probabilities``; by default
            those that occur.
        probabilities: (texts, labels), of each label.

    Raises:
        InputError: unequal lengths, or a label that is not one of ``labels``.

    Example:
        >>> scores = label_set_scores([["joy"], ["joy", "fear"]], [["joy"], ["fear", "anger"]])
        >>> scores.exact_match, round(scores.micro_f1, 3), round(scores.macro_f1, 3)
        (0.5, 0.667, 0.556)
    """
    if len(gold) != len(predicted):
        raise InputError(
            f"expected as many predicted texts as gold ones ({len(gold)}), got {len(predicted)}"
        )
    names = list(labels or sorted({label for own in (*gold, *predicted) for label in own}))
    truth, made = _indicators(gold, names), _indicators(predicted, names)
    if not len(truth) or not names:
        return LabelSetScores(float(not names), 0.0, 0.0, 0.0, 0.0, len(gold))
    # counted here: scikit-learn takes one label alone for two classes
    right, support, numbers = (truth * made).sum(axis=0), truth.sum(axis=0), made.sum(axis=0)
    per_label = {
        label: _label_counts(*map(int, own))
        for label, *own in zip(names, right, support, numbers, strict=True)
        if own[1] or own[2]
    }
    pooled = _label_counts(int(right.sum()), int(support.sum()), int(numbers.sum()))
    average, macro_average = None, None
    if probabilities is not None:
        average = _average_precision(truth.ravel(), probabilities.ravel())
        each = [_average_precision(truth[:, n], probabilities[:, n]) for n in range(len(names))]
        known = [value for value in each if value is not None]
        macro_average = sum(known) / len(known) if known else None
    return LabelSetScores(
        exact_match=float((truth == made).all(axis=1).mean()),
        micro_f1=pooled.f1,
        macro_f1=sum(own.f1 for own in per_label.values()) / max(len(per_label), 1),
        precision=pooled.precision,
        recall=pooled.recall,
        support=len(gold),
        average_precision=average,
        macro_average_precision=macro_average,
        per_label=per_label,
    )


def _label_counts(right: int, support: int, predicted: int) -> LabelCounts:
    return LabelCounts(
        right / predicted if predicted else 0.0,
        right / support if support else 0.0,
        2 * right / (support + predicted) if support + predicted else 0.0,
        support,
        predicted,
    )


def _indicators(texts: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    """0/1 for each text and label: (texts, labels)."""
    import numpy as np

    place = {name: number for number, name in enumerate(names)}
    found = np.zeros((len(texts), len(names)), dtype=np.int64)
    for row, own in enumerate(texts):
        for label in own:
            if label not in place:
                raise InputError(f"expected labels of {listed(names, most=8)}, got {quoted(label)}")
            found[row, place[label]] = 1
    return found


def _correlation(gold: Sequence[str], predicted: Sequence[str]) -> float:
    # scikit-learn gives 0 here as well, after a warning
    if len(set(gold)) < 2 or len(set(predicted)) < 2:
        return 0.0
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(list(gold), list(predicted)))


def _average_precision(truth: Any, probabilities: Any) -> float | None:
    import numpy as np

    if probabilities is None or not np.any(truth):
        return None
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(np.asarray(truth), np.asarray(probabilities)))
