"""The baselines of a fair comparison as plain loops, in the manner of ``oracles``.

The training items of each class come as rows of numbers: one a class, or of ``labels`` two a label,
without it and with it.
"""

import cmath
import math

from oracles import probabilities, raised, reduced

COUNTS = [40, 3, 200, 9, 25, 11, 2]


def counts_for(case):
    """Training items of each class of a case: no two classes have the same number."""
    counts = COUNTS[: case.logits.shape[1]]
    return [[100, n] for n in counts] if case.kind == "labels" else counts


def weighted(case, rows, weights, reduction="mean"):
    """Cross-entropy in which a class, or each side of a label, has a weight."""
    by_item = []
    for row, shares, exists in zip(rows, case.shares, case.exists, strict=True):
        sigmoid = case.kind == "labels"
        p, rest = probabilities(row, exists, sigmoid)
        total = 0.0
        for j in (j for j, there in enumerate(exists) if there):
            y = shares[j]
            if not sigmoid:
                total -= weights[j] * y * cmath.log(p[j])
            else:
                total -= weights[j][1] * y * cmath.log(p[j])
                total -= weights[j][0] * (1 - y) * cmath.log(rest[j])
        by_item.append(total / max(sum(exists), 1) if sigmoid else total)
    return reduced(by_item, case.keep, reduction)


def majority_or_minority(
    case, rows, *, counts=None, background=None, majority_weight=1.0, reduction="mean", frozen=None
):
    """CE + λ · CE over the majority class's items, as two sums."""
    plain = 1.0
    if case.kind == "labels":
        ones = [[plain, plain] for _ in counts]
        extra = [[float(a >= b), float(b > a)] for a, b in counts]
    else:
        majority = counts.index(max(counts)) if background is None else background
        ones = [plain for _ in case.exists[0]]
        extra = [float(j == majority) for j in range(len(ones))]
    everything = weighted(case, rows, ones, reduction)
    again = weighted(case, rows, extra, reduction)
    if reduction == "none":
        return [a + majority_weight * b for a, b in zip(everything, again, strict=True)]
    return everything + majority_weight * again


def logit_adjusted(case, rows, *, counts, tau=1.0, reduction="mean", frozen=None):
    """Cross-entropy of z + τ log π; of labels z + τ log(π / (1 - π))."""
    if case.kind == "labels":
        shift = [tau * math.log((b / (a + b)) / (a / (a + b))) for a, b in counts]
        ones = [[1.0, 1.0] for _ in counts]
    else:
        shift = [tau * math.log(n / sum(counts)) for n in counts]
        ones = [1.0 for _ in counts]
    moved = [[z + add for z, add in zip(row, shift, strict=True)] for row in rows]
    return weighted(case, moved, ones, reduction)


def effective_number(n, beta):
    """1 + β + β² + … of n items: the first counts whole, each further one less."""
    return sum(beta**k for k in range(n))


def balanced(counts, beta):
    """Inverse effective numbers that sum to how many they are."""
    inverse = [1 / effective_number(n, beta) for n in counts]
    return [len(counts) * weight / sum(inverse) for weight in inverse]


def class_balanced(case, rows, *, counts, beta, reduction="mean", frozen=None):
    """Cross-entropy weighted by inverse effective numbers."""
    labels = case.kind == "labels"
    weights = [balanced(sides, beta) for sides in counts] if labels else balanced(counts, beta)
    return weighted(case, rows, weights, reduction)


def asymmetric(
    case,
    rows,
    *,
    gamma_pos=0.0,
    gamma_neg=4.0,
    margin=0.05,
    detach=False,
    reduction="mean",
    frozen=None,
):
    """Every class a sigmoid; positives and negatives with an exponent each, negatives shifted."""
    by_item = []
    still = frozen if detach and frozen is not None else rows
    for row, held, shares, exists in zip(rows, still, case.shares, case.exists, strict=True):
        p, rest = probabilities(row, exists, True)
        held_p, held_rest = probabilities(held, exists, True)
        total = 0.0
        for j in (j for j, there in enumerate(exists) if there):
            y = shares[j]
            shifted = held_p[j] - margin if p[j].real > margin else 0.0
            left = rest[j] + margin if p[j].real > margin else 1.0
            total -= y * raised(held_rest[j], gamma_pos) * cmath.log(p[j])
            total -= (1 - y) * raised(shifted, gamma_neg) * cmath.log(left)
        by_item.append(total / max(sum(exists), 1))
    return reduced(by_item, case.keep, reduction)


def generalised(
    case, rows, *, q_pos=0.7, q_neg=0.7, background=None, reduction="mean", frozen=None
):
    """(1 - p^q) / q of what is gold, with a q of its own for what is nothing."""

    def cost(p, q):
        return (1 - raised(p, q)) / q if q else -cmath.log(p)

    by_item = []
    for row, shares, exists in zip(rows, case.shares, case.exists, strict=True):
        sigmoid = case.kind == "labels"
        p, rest = probabilities(row, exists, sigmoid)
        total = 0.0
        for j in (j for j, there in enumerate(exists) if there):
            y = shares[j]
            total += y * cost(p[j], q_neg if j == background and not sigmoid else q_pos)
            if sigmoid:
                total += (1 - y) * cost(rest[j], q_neg)
        by_item.append(total / max(sum(exists), 1) if sigmoid else total)
    return reduced(by_item, case.keep, reduction)


def inverse_frequency(case, rows, *, counts, k=1.0, reduction="mean", frozen=None):
    """Cross-entropy weighted as in Eq. 2, by lg of how many other items come to an item."""

    def weights(some):
        return [math.log10((sum(some) - n) / n + k) for n in some]

    labels = case.kind == "labels"
    of_class = [weights(sides) for sides in counts] if labels else weights(counts)
    return weighted(case, rows, of_class, reduction)
