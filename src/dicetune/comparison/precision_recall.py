"""Precision and recall over all thresholds, and where each decision rule stands.

A curve runs over the number of positive decisions: texts called positive, labels given, words that
are part of an entity, candidate spans that are one. Seeds are averaged where they make equally
many, so that each point of the mean is the mean of decisions that can really be made, and nothing
is interpolated between precision and recall (which would be too good: Davis & Goadrich, ICML 2006).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dicetune.comparison.competitors import Competitor, Field
from dicetune.comparison.runs import FinishedRun
from dicetune.decide.likely import END, FIRST, KIND, side_by_side, weakest_logits
from dicetune.metrics.counting.by_class import precision_recall_f1
from dicetune.metrics.counting.entities import entity_of
from dicetune.metrics.counting.tag_spans import spans_of

STEPS = 120
"""Points of a curve."""

_MOST = 4
"""A span curve ends where so many times more words, or spans, are positive than gold has."""

Counts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Correct, predicted and gold items at each step."""


def precision_recall(
    field: Field, cells: Sequence[FinishedRun], split: str
) -> dict[str, dict[str, Any]]:
    """For each loss the mean curve of its seeds and the points that its decisions chose.

    Args:
        field: all competitors.
        cells: finished ones, with their scores.
        split: whose curve it is.

    Returns:
        By loss ``curve`` ([recall, precision] pairs), ``chosen`` by decision, ``seeds`` (chosen
        points of each seed) and ``what`` is decided; empty where no threshold trades the one for
        the other (answers, one tag a word).
    """
    making = _curve_of(field)
    if making is None:
        return {}
    what, counts_of = making
    found = {}
    for loss in dict.fromkeys(own.planned.loss for own in cells):
        runs = [counts_of(own.scores(split)) for own in cells if own.planned.loss == loss]
        decided = [own for own in field.competitors if own.loss == loss and not own.foreign]
        points = {own.decision: _chosen(field, own) for own in decided}
        found[loss] = {
            "what": what,
            "curve": _mean_curve(runs),
            "chosen": {name: np.mean(own, axis=0).tolist() for name, own in points.items()},
            "seeds": points,
        }
    return found


def _curve_of(field: Field) -> tuple[str, Callable[[list[np.ndarray]], Counts]] | None:
    """What is decided, and from scores to counts; ``None`` where there is no such curve."""
    problem, gold = field.problem, field.gold
    labels: list[str] = list(problem.get("labels") or ())
    if problem["kind"] == "label" and problem.get("positive") is not None:
        positive = problem["positive"]
        truth = np.array([label == positive for label in gold])
        return f"whether it is “{positive}”", lambda scores: _ranked(
            _margin(scores, labels.index(positive)), truth
        )
    if problem["kind"] == "label":
        truth = np.array([[label == name for name in labels] for label in gold])
        return "each label against the rest, all labels together", lambda scores: _ranked(
            np.concatenate(scores).ravel(), truth.ravel()
        )
    if problem["kind"] == "label_set":
        truth = np.array([[name in own for name in labels] for own in gold])
        return "each label of each text, all labels together", lambda scores: _ranked(
            np.concatenate(scores).ravel(), truth.ravel()
        )
    if problem["kind"] == "spans":
        return "how readily a word is part of an entity (bias on O)", lambda scores: _swept(
            scores, gold, problem
        )
    if problem["kind"] == "entities":
        return (
            "how readily a candidate is an entity (one bias on all its logits)",
            lambda scores: _proposed(scores, gold, problem),
        )
    return None


def _margin(scores: Sequence[np.ndarray], positive: int) -> np.ndarray:
    """Log-probability of the positive class over that of the likeliest other one."""
    table = np.concatenate(scores)
    margin: np.ndarray = table[:, positive] - np.delete(table, positive, axis=1).max(axis=1)
    return margin


def _ranked(
    scores: np.ndarray, truth: np.ndarray, last: int | None = None, gold: int | None = None
) -> Counts:
    """Counts where the k highest scores are called positive.

    Among equal scores the correct ones are spread evenly: any order of them is as good.

    Args:
        scores: of all items.
        truth: whether each is right.
        last: the largest k; by default all items. Where there are fewer, all of them are positive.
        gold: right items, where some of them are not among these.
    """
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order])
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))[: len(scores)] + 1
    steps = np.unique(np.linspace(1, last or len(scores), STEPS).round().astype(int))
    predicted = np.minimum(steps, len(scores)).astype(float)
    correct = np.interp(predicted, np.append(0, ends), np.append(0, right[ends - 1]))
    return correct, predicted, np.full(len(steps), float(truth.sum() if gold is None else gold))


def _proposed(
    scores: Sequence[np.ndarray], gold: Sequence[Sequence[Any]], problem: Mapping[str, Any]
) -> Counts:
    """Counts of entities where the k likeliest candidates are taken."""
    labels = problem["labels"]
    strengths, truth, right = [np.zeros(0)], [], 0
    for own, entities in zip(scores, gold, strict=True):
        known = {entity_of(one) for one in entities}
        right += len(known)
        least = weakest_logits(own)
        kept = list(range(len(own))) if problem.get("nested", True) else side_by_side(own, least)
        strengths.append(least[kept])
        places = own[kept][:, [KIND, FIRST, END]].astype(int).tolist()
        truth += [(labels[kind], first, end) in known for kind, first, end in places]
    return _ranked(np.concatenate(strengths), np.array(truth, dtype=bool), _MOST * right, right)


def _swept(
    scores: Sequence[np.ndarray], gold: Sequence[Sequence[str]], problem: Mapping[str, Any]
) -> Counts:
    """Counts of spans where the k words that look least like O get their likeliest other tag.

    From step to step only the sentences that gained a word are decoded again.
    """
    labels: list[str] = list(problem["labels"])
    outside = labels.index(problem.get("background") or "O")
    scheme = problem.get("scheme") or "iob2"
    convention = problem.get("convention") or "strict"
    table = np.concatenate(scores).astype(float)
    others = np.delete(table, outside, axis=1)
    names = [name for number, name in enumerate(labels) if number != outside]
    margin = others.max(axis=1) - table[:, outside]
    best = others.argmax(axis=1)
    lengths = [len(own) for own in scores]
    sentence = np.repeat(np.arange(len(scores)), lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    right = [set(spans_of(own, scheme, convention)) for own in gold]
    made = [["O"] * length for length in lengths]
    counted = np.zeros((len(gold), 2))
    order = np.argsort(-margin, kind="stable")
    tagged = sum(tag != "O" for own in gold for tag in own)
    last = min(len(order), max(1, _MOST * tagged))
    steps = np.unique(np.linspace(1, last, STEPS).round().astype(int))
    sums, begun = [], 0
    for end in steps:
        for word in order[begun:end]:
            made[sentence[word]][word - starts[sentence[word]]] = names[best[word]]
        for unit in np.unique(sentence[order[begun:end]]):
            found = set(spans_of(made[unit], scheme, convention))
            counted[unit] = len(found & right[unit]), len(found)
        sums.append(counted.sum(axis=0))
        begun = end
    correct, predicted = np.array(sums).T
    return correct, predicted, np.full(len(steps), float(sum(map(len, right))))


def _mean_curve(runs: Sequence[Counts]) -> list[list[float]]:
    """[recall, precision] of the mean over seeds, at each step where something is predicted."""
    points = np.mean([precision_recall_f1(*own)[:2] for own in runs], axis=0)
    some = np.min([own[1] for own in runs], axis=0) > 0
    return [[round(float(r), 5), round(float(p), 5)] for p, r in points.T[some]]


def _chosen(field: Field, competitor: Competitor) -> list[list[float]]:
    """[recall, precision] of each seed."""
    sums = competitor.counts.sum(axis=1)
    names = {"recall", "precision"} <= set(field.counting.metrics)
    if names:
        pairs = [field.counting.score(sums, name) for name in ("recall", "precision")]
    else:  # one label of several a text: right or not
        pairs = [field.counting.score(sums, "accuracy")] * 2
    return [[float(r), float(p)] for r, p in zip(*pairs, strict=True)]
