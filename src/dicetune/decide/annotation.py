"""How incomplete and how wrong an annotation is, by models that have not seen what they score.

The scores must be out of fold (``train --folds``). With q(i) the probability that item i has a mark
of a class (an entity type, the positive class, a label), M the marked items and T the items of the
highest q, a tenth as many as M:

- **Marked at the surest**: the share of T that is marked. Where the model is sure, and marks are
  left out at random, it is the share c of all positives that is marked (g(x) = c p(x) with p = 1).
- **Elkan and Noto**: the mean of q over M, their estimator e1 of c. Items that are hard to tell
  lower it, so that it is rather a lower bound.
- **Rejected**: the share of M with q / c < 1/2, c the share at the surest: marks that models of
  other texts would not make once the missing marks are allowed for. They are wrong or hard, so that
  at most about as many are wrong.

Each class has a c of its own, as some may be marked less completely; classes of few marks share
one. The shares told are those of all marks, Σ m_k / Σ (m_k / c_k) for m_k marks of class k.

Intervals are percentiles over resamplings of whole units (sentences, texts), those of the first and
the third share at least Wilson's (1927): a share of 0 or 1 does not vary when it is resampled.

When this fails: c asks that marks are left out at random, and that the model is sure of some items.
Where whole kinds of entities are left out, as by a list of names, a model learns to leave them out
too, and c comes out near 1. A mark that is wrong in the same way each time is learnt, and not
rejected. A weak model is sure of nothing: c comes out low, and many marks are rejected. The chances
must be those of plain cross-entropy: other losses make a model more or less sure than it is right.

Reference: Elkan and Noto, "Learning Classifiers from Only Positive and Unlabeled Data", KDD 2008,
section 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from dicetune.decide.run_scores import read_scores
from dicetune.errors import InputError, listed, quoted
from dicetune.problems import problem_of
from dicetune.records import PREDICTIONS_FILE, RunRecord, read_json_lines

SUREST, FEWEST_SUREST = 0.1, 25
RESAMPLINGS = 200
FEWEST = 100
"""Fewer marks say nothing about the surest of them."""
_WITHIN = 1.96  # standard errors of an interval of 95%
_MOVES = ("sampler", "class_weight", "hard_negatives", "start_loss")  # what moves the chances


@dataclass(frozen=True)
class Share:
    """A share with its interval of 95%, in [0, 1]."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Annotation:
    """What out-of-fold scores say of an annotation; see the module for each share."""

    items: int
    marked: int
    surest: Share
    elkan_noto: Share
    rejected: Share

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def annotation_of(folder: str | Path) -> Annotation:
    """The estimates for the texts of a run with folds, by its predictions and scores.

    Raises:
        InputError: another loss than cross-entropy, scores of another kind, or too few marks.
    """
    record = RunRecord.load(folder)
    moved = [name for name in _MOVES if record.config.get(name)]
    if (loss := record.objective["loss"]) != "ce" or moved:
        raise InputError(
            f"expected the chances of plain cross-entropy, got those of {quoted(loss)}"
            f"{' with ' if moved else ''}{listed(moved)} in {quoted(folder)}, which are surer or "
            "less sure than the models are right: train the folds with --loss ce alone"
        )
    scores, settings = read_scores(folder)
    if settings is None:
        raise InputError(
            f"expected a run of this version, got scores of an earlier version in {quoted(folder)}"
        )
    problem = problem_of(settings)
    tables, number = scores["dev"], 0
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for row in read_json_lines(Path(folder) / PREDICTIONS_FILE):
        if row.get("split") == "dev" and "gold" in row:
            found.append(problem.marks([row["gold"]], [tables[number]]))
            number += 1
    chance, marked = (np.concatenate(parts) for parts in zip(*found, strict=True))
    unit = np.repeat(np.arange(len(found)), [len(one) for one, _ in found])
    return estimate_annotation(chance, marked, unit)


def estimate_annotation(chance: np.ndarray, marked: np.ndarray, unit: np.ndarray) -> Annotation:
    """The estimates for items that may have a mark of each class.

    Args:
        chance: (N, K) out-of-fold probability that an item has a mark of a class.
        marked: (N, K) bool.
        unit: (N,) number of the unit of each item, from 0; units are resampled whole.

    Raises:
        InputError: fewer than ``FEWEST`` marks, or nothing without a mark.

    Example:
        >>> chance = np.repeat([0.5, 0.01], [200, 800])  # half of 200 positives are marked
        >>> marked = np.arange(1000) % 2 * (np.arange(1000) < 200) == 1
        >>> found = estimate_annotation(chance[:, None], marked[:, None], np.arange(1000))
        >>> round(found.elkan_noto.value, 3), found.rejected.value
        (0.5, 0.0)
    """
    count = int(marked.sum())
    if count < FEWEST or count == marked.size:
        raise InputError(
            f"expected at least {FEWEST} marks and something without a mark, got {count} of "
            f"{marked.size}: less says nothing about an annotation"
        )
    rng, size = np.random.default_rng(0), int(unit.max()) + 1
    classes = [_Class.of(chance[:, own], marked[:, own], unit) for own in _parted(marked.sum(0))]
    plain = _estimates(classes, np.ones(size))
    even = np.full(size, 1 / size)
    drawn = [_estimates(classes, rng.multinomial(size, even)) for _ in range(RESAMPLINGS)]
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    top = [one.unit[one.surest(np.ones(size))] for one in classes]
    seen = len(np.unique(np.concatenate(top))), None, len(np.unique(unit[marked.any(1)]))
    surest, mean, rejected = map(_share, plain, low, high, seen)
    return Annotation(len(marked), count, surest, mean, rejected)


def _parted(marks: np.ndarray) -> list[np.ndarray]:
    """Classes that are looked at together, from the marks of each: those of too few marks are."""
    order = np.argsort(-marks, kind="stable")
    alone = int((marks >= FEWEST).sum())
    alone -= marks[order[alone:]].sum() < FEWEST  # too few together: the class before joins them
    return [*order[:alone, None], order[alone:]]


@dataclass(frozen=True)
class _Class:
    """Items of a class in the order of their chances, the highest first, each (N,)."""

    chance: np.ndarray
    marked: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, chance: np.ndarray, marked: np.ndarray, unit: np.ndarray) -> Self:
        """From columns of classes that are looked at together."""
        order = np.argsort(-chance, axis=None, kind="stable")
        units = np.repeat(unit, chance.shape[1])
        return cls(chance.ravel()[order], marked.ravel()[order], units[order])

    def surest(self, weight: np.ndarray) -> np.ndarray:
        """Which items the models are surest of, (N,) bool, with those that are equally sure."""
        own = weight[self.unit]
        most = max(SUREST * (own * self.marked).sum(), FEWEST_SUREST)
        top: np.ndarray = np.cumsum(own) <= most
        top |= self.chance >= self.chance[max(int(top.sum()) - 1, 0)]
        return top


def _estimates(classes: Sequence[_Class], weight: np.ndarray) -> Sequence[float]:
    """The three shares, for units with these weights."""
    marks = positives = mean = rejected = 0.0
    for one in classes:
        own, top = weight[one.unit], one.surest(weight)
        held = own * one.marked
        sure = (own * top).sum()
        kept = max((held * top).sum(), 0.5) / sure
        positives += held.sum() / kept
        marks += held.sum()
        mean += (held * one.chance).sum()
        rejected += (held * (one.chance < kept / 2)).sum()
    return (marks / positives, mean / marks, rejected / marks) if marks else (np.nan,) * 3


def _share(value: float, low: float, high: float, units: int | None) -> Share:
    """A share with an interval that reaches at least as far as Wilson's for as many units."""
    if units is not None:
        odd = _WITHIN**2 / units
        middle = (value + odd / 2) / (1 + odd)
        half = math.sqrt(value * (1 - value) * odd + odd**2 / 4) / (1 + odd)
        low, high = min(low, middle - half), max(high, middle + half)
    return Share(float(value), float(max(low, 0)), float(min(high, 1)))
