r"""Thresholds from a small dev set: the gold that a search trusts, and an interval.

With few positives the best threshold on dev is mostly luck: the F1 of a threshold jumps with each
positive. The scores themselves say more. They are calibrated with two parameters,

.. math::
    q = \sigma(e^{a} s + b), \qquad a \sim N(a_0, 0.7^2),\ b \sim N(b_0, 3^2),

at the highest posterior density, where s is the logit of the model's probability. A prior on the
log-slope a stays fair to scores that are several times too large. Then the search for the threshold
counts a weight in place of each gold label y,

.. math::
    w = \lambda y + (1 - \lambda) q, \qquad \lambda = \frac{n}{n + 100},

for n positives of the label: with few positives the threshold of the best *expected* F1, with
thousands the exact threshold. Between 50 and 400 little changes (``benchmarks/decisions.py``).

A single decision has :math:`a_0 = b_0 = 0`: the scores are taken at their word until dev says
otherwise. Several labels share strength: :math:`(a_0, b_0)` is fitted on all labels together, and
the labels differ from it with standard deviations of 0.5 and 1, so that a label with three
positives, or none, follows what the others say about the scores.

References: Platt, Probabilistic outputs for support vector machines, 1999 (two parameters); Lipton,
Elkan & Naryanaswamy, Optimal thresholding of classifiers to maximize F1 measure, 2014 (expected
F1); Abrevaya & Huang, On the bootstrap of the maximum score estimator, 2005.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dicetune.problems.score_rows import log_sigmoid, logit

TRUST = 100.0
"""Positives at which the gold and the calibrated probability weigh the same."""

ALONE = (0.7, 3.0)
SHARED = (0.5, 1.0)
"""Standard deviations of log-slope and intercept: of the only label, and of a label of several."""

FEW, MANY = 1024, 2**20
"""Items of one of several labels, and scores of all, of which no two are taken together."""

MOST_STEPS = 50
CLOSE = 1e-9
ONE_SIDED = 1.644854  # standard errors of 95%
SURE = 20.0
"""Logits beyond say no more than that they are certain: shares of votes, for example, may be 0."""


@dataclass(frozen=True)
class Ranked:
    """Labels side by side with their items from the highest score.

    Args:
        place: of the labels among all.
        at: (C, N) the bias from which on each item is positive, rising.
        gold: (C, N) bool.
    """

    place: slice
    at: np.ndarray
    gold: np.ndarray


def trusted(logits: np.ndarray, truth: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
    """The weight that a search for thresholds counts in place of each gold label.

    Args:
        logits: (N, C) of the model for each item and label. Logits of more than 20, which may be
            infinite, count as one more than the others: they would rule the slope.
        truth: (N, C) bool.
        prior: ``common_prior``, where the labels are several; the items of each label then come
            in the order of their logits.

    Returns:
        (N, C) weights from 0 to 1.

    Example:
        >>> truth = np.array([[True], [False], [False], [False]])
        >>> trusted(np.array([[3.0], [1.0], [-4.0], [-5.0]]), truth).round(2)
        array([[0.83],
               [0.35],
               [0.  ],
               [0.  ]])
    """
    scores, gold = _bounded(logits), truth.astype(np.float64)
    centre, spread = np.zeros(2), ALONE
    if prior is not None:
        centre, spread = prior, SHARED
    totals = sums_of_positives(scores, gold)
    many = prior is not None and len(scores) > FEW
    means, items = _grouped(scores) if many else (scores, 1.0)
    slope, intercept = slope_and_intercept(means, totals, centre, spread, items).T
    chance = _sigmoid(np.exp(slope) * scores + intercept)
    own = totals[1] / (totals[1] + TRUST)
    found: np.ndarray = own * gold + (1 - own) * chance
    return found


def common_prior(scores: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What all labels together say of the log-slope and the intercept of one, (2,).

    Of many scores those that share their first 17 bits (as log p, one in 256 of their size) count
    as one.

    Args:
        scores: (N, C) log-probabilities.
        truth: (N, C) bool.
        mask: (N,) bool, the items that count.
    """
    items = np.flatnonzero(mask)
    if scores.dtype != np.float32 or len(items) * scores.shape[1] <= MANY:
        logits, gold = _bounded(logit(scores[items])).reshape(-1, 1), truth[items].reshape(-1, 1)
        totals = sums_of_positives(logits, gold)
        (found,) = slope_and_intercept(logits, totals, np.zeros(2), ALONE)
        return np.array(found)
    parts = np.array_split(items, 1 + len(items) * scores.shape[1] // MANY)
    sure = [np.float32(log_sigmoid(np.array(bound))) for bound in (-SURE, SURE)]
    low, high = np.full((2, 1, scores.shape[1]), [[[np.inf]], [[-np.inf]]], np.float32)
    for part in parts:
        found = scores[part]
        known = (found > sure[0]) & (found < sure[1])
        low = np.minimum(low, found.min(0, where=known, initial=np.inf))
        high = np.maximum(high, found.max(0, where=known, initial=-np.inf))
    none = low > high
    low, high = (np.where(none, 0.0, logit(np.where(none, -1.0, one))) for one in (low, high))
    low, high = (log_sigmoid(one).astype(np.float32) for one in (low - 1, high + 1))
    counts, pull, positives = np.zeros(2**17), 0.0, 0
    for part in parts:
        found = np.clip(scores[part], low, high)
        counts += np.bincount((-found).view(np.uint32).ravel() >> 14, minlength=2**17)
        gold = logit(found[truth[part]])
        pull, positives = pull + gold.sum(), positives + len(gold)
    bins = np.flatnonzero(counts)
    middle = (bins.astype(np.uint32) << 14 | 1 << 13).view(np.float32)
    totals = np.array([[pull], [positives]])
    logits = logit(-middle)[:, None]
    (both,) = slope_and_intercept(logits, totals, np.zeros(2), ALONE, counts[bins, None])
    return np.array(both)


def falling(scores: np.ndarray) -> np.ndarray:
    """The order of log-probabilities from the highest, (C, N); equal ones as they come."""
    if scores.dtype != np.float32:
        return np.argsort(-scores, axis=1, kind="stable")
    # of numbers of at least 0 the bits rise with the numbers; integers are sorted fastest
    bits = (np.maximum(-scores, np.float32(0)) + np.float32(0)).view(np.uint32)
    keys = bits.astype(np.uint64) << np.uint64(32) | np.arange(scores.shape[1], dtype=np.uint64)
    keys.sort(axis=1)
    order: np.ndarray = (keys & np.uint64(2**32 - 1)).astype(np.intp)
    return order


def curve(at: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``Steps.curve`` of one label: breakpoints, (P,), weight and number of items, (P + 1,) each.

    Args:
        at: (N,) rising.
        weight: (N,) of the items.
    """
    first, last = at.searchsorted(-np.inf, "right"), at.searchsorted(np.inf)
    finite, sums = at[first:last], np.concatenate([[0.0], weight.cumsum()])
    differs = finite[1:] != finite[:-1]
    if differs.all():
        return finite, sums[first : last + 1], np.arange(first, last + 1.0)
    inner = first + 1 + np.flatnonzero(differs)
    ends = np.concatenate([[first], inner, [last]])
    return at[ends[:-1]], sums[ends], ends.astype(np.float64)


def _bounded(logits: np.ndarray) -> np.ndarray:
    """Logits whose certain ones lie 1 beyond the others of their label."""
    known = np.abs(logits) < SURE
    low = np.where(known, logits, np.inf).min(0, initial=np.inf)
    high = np.where(known, logits, -np.inf).max(0, initial=-np.inf)
    none = ~known.any(0)
    low[none], high[none] = 0.0, 0.0
    found: np.ndarray = np.clip(logits, low - 1, high + 1)
    return found


def shortfall(missed: int, invented: int) -> float:
    """``Decisions.shortfall`` from the missed and the invented items.

    Example:
        >>> shortfall(9, 6), shortfall(0, 0)
        (0.75, 0.0)
    """
    return float((missed - invented) / (missed + invented + 1) ** 0.5)


def sums_of_positives(scores: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(2, C) summed logits, and number, of the positive items of each label."""
    return np.stack([(gold * scores).sum(0), gold.sum(0)])


def _grouped(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and numbers, (G, 1), of neighbours in order: the farther from both ends, the more."""
    half = len(scores) // 2
    sizes = np.maximum(1, np.arange(half) // 32)
    starts, place = [], 0
    while place < half:
        starts.append(place)
        place += int(sizes[place])
    begins = np.array([*starts, *(len(scores) - place for place in starts[:0:-1])])
    items = np.diff(begins, append=len(scores))[:, None]
    return np.add.reduceat(scores, begins, axis=0) / items, items.astype(np.float64)


def slope_and_intercept(
    scores: np.ndarray,
    totals: np.ndarray,
    centre: np.ndarray,
    spread: tuple[float, float],
    items: np.ndarray | float = 1.0,
) -> np.ndarray:
    """The log-slope and the intercept of each label, at the highest posterior density, (C, 2).

    Args:
        scores: (N, C) finite logits.
        totals: ``sums_of_positives``.
        centre: (2,) mean of the prior.
        spread: standard deviations of the prior.
        items: number of items of each score, (N, 1) or (N, C), or the same for all.
    """
    precision = 1 / np.square(spread)
    found = np.tile(np.asarray(centre, dtype=np.float64), (scores.shape[1], 1))

    columns = np.arange(len(found))  # of the labels that are not done
    at, scores = found, np.asfortranarray(scores)

    def cost(at: np.ndarray) -> np.ndarray:
        given = np.exp(at[:, 0]) * scores + at[:, 1]
        # log(1 + exp(given)), which np.logaddexp takes several times as long for
        misfit: np.ndarray = np.maximum(given, 0) + np.log(1 + np.exp(-np.abs(given)))
        misfit = (items * misfit).sum(0) - np.exp(at[:, 0]) * totals[0] - at[:, 1] * totals[1]
        misfit += ((at - centre) ** 2 * precision).sum(1) / 2
        return misfit

    costs = cost(at)
    for _ in range(MOST_STEPS):
        sloped = np.exp(at[:, 0]) * scores
        chance = _sigmoid(sloped + at[:, 1])
        made, weight = items * chance, items * chance * (1 - chance)
        pull = np.stack([(made * sloped).sum(0), made.sum(0)], axis=1)
        pull -= np.stack([np.exp(at[:, 0]) * totals[0], totals[1]], axis=1)
        gradient = pull + (at - centre) * precision
        # the slope's own part may be concave: without it each step still goes down
        bend = (weight * sloped**2).sum(0) + np.maximum(pull[:, 0], 0) + precision[0]
        lift, mixed = weight.sum(0) + precision[1], (weight * sloped).sum(0)
        first, second = gradient.T
        step = np.stack([lift * first - mixed * second, bend * second - mixed * first], axis=1)
        step /= (bend * lift - mixed**2)[:, None]
        least = (gradient * step).sum(1) * 1e-4
        size = np.ones(len(at))
        for _ in range(30):
            tried = cost(at - size[:, None] * step)
            worse = tried > costs - size * least
            if not worse.any():
                break
            size[worse] /= 2
        kept = tried <= costs
        at = np.where(kept[:, None], at - size[:, None] * step, at)
        found[columns] = at
        going = np.where(kept, costs - tried, 0.0) >= CLOSE
        if not going.any():
            break
        costs, at, columns = np.where(kept, tried, costs)[going], at[going], columns[going]
        if not going.all():
            scores, totals = scores[:, going], totals[:, going]
    return found


def threshold_interval(
    at: np.ndarray, truth: np.ndarray, bias: float, beta: float = 1.0
) -> tuple[float, float]:
    r"""The biases that may be best on new items, from the lowest to the highest; 95%.

    The bootstrap fails for the place of a maximum (Abrevaya & Huang, 2005). So the test of each
    bias is inverted: a bias :math:`t` is left out where it scores significantly less on these
    items than the estimate :math:`b`,

    .. math::
        F(b) - F(t) > 1.645\,\Big(\sum_i \big(\psi_i(t) - \psi_i(b)\big)^2\Big)^{1/2},
        \qquad \psi_i(t) = \frac{(1 + \beta^2)\,y_i d_i - F(t)\,(d_i + \beta^2 y_i)}
            {\sum_j (d_j + \beta^2 y_j)},

    with the influence :math:`\psi` of an item on :math:`F_\beta`, its gold y and its decision d.
    The best bias scores no less than the estimate, so that the test is one-sided.

    Args:
        at: (N,) the bias from which on each item is positive.
        truth: (N,) bool; at least one is true.
        bias: the estimate.
        beta: of the F-score.

    Example:
        >>> at = np.arange(40) / 10
        >>> low, high = threshold_interval(at, at < 1.95, 2.0)
        >>> round(low, 1), round(high, 1)
        (1.7, 2.2)
    """
    order = np.argsort(at, kind="stable")
    gold = truth[order].astype(np.float64)
    taken = int(np.searchsorted(at[order], bias))
    made = np.arange(len(at) + 1.0)
    right = np.concatenate([[0.0], np.cumsum(gold)])
    positives, squared = right[-1], beta**2
    size = made + squared * positives
    scores = (1 + squared) * right / np.maximum(size, 1e-9)

    def influence(is_gold: int, is_made: int, place: Any) -> Any:
        whole = np.maximum(size[place], 1e-9)
        gained = (1 + squared) * is_gold * is_made
        return (gained - scores[place] * (is_made + squared * is_gold)) / whole

    spread = np.zeros(len(scores))
    every = slice(None)
    for is_gold, found, total in ((1, right, positives), (0, made - right, len(at) - positives)):
        both = np.minimum(found, found[taken])
        none = total - np.maximum(found, found[taken])
        for items, now, then in (
            (both, 1, 1), (found - both, 1, 0), (found[taken] - both, 0, 1), (none, 0, 0),
        ):  # fmt: skip
            apart = influence(is_gold, now, every) - influence(is_gold, then, taken)
            spread += items * apart**2
    kept = np.flatnonzero(scores[taken] - scores <= ONE_SIDED * np.sqrt(spread))
    edges = np.concatenate([[-np.inf], at[order], [np.inf]])
    return float(edges[kept[0]]), float(edges[kept[-1] + 1])


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    found: np.ndarray = (1 + np.tanh(logit / 2)) / 2
    return found
