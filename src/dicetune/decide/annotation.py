"""How incomplete and how wrong an annotation is, by models that have not seen what they score.

The scores must be out of fold (``train --folds``). With q(i) the probability that item i is marked
(a word of an entity, a text of the positive class, a label that is set), M the marked items and T
the items of the highest q, a tenth as many as M:

- **Marked at the surest**: the share of T that is marked. Where the model is sure, and marks are
  left out at random, it is the share c of all positives that is marked (g(x) = c p(x) with p = 1).
- **Elkan and Noto**: the mean of q over M, their estimator e1 of c. Items that are hard to tell
  lower it, so that it is rather a lower bound.
- **Rejected**: the share of M with q / c < 1/2, c the share at the surest: marks that models of
  other texts would not make once the missing marks are allowed for. They are wrong or hard, so that
  at most about as many are wrong.

Intervals are percentiles over resamplings of whole units (sentences, texts). Those of the first and
the third share reach at least as far as Wilson's (1927) for as many units, because a share of 0 or
1 does not vary when it is resampled.

When this fails: c asks that marks are left out at random, equally often in each class, and that the
model is sure of some items. Where whole kinds of entities are left out, as by a list of names, a
model learns to leave them out too, and c comes out near 1. Right marks of a class that is marked
less completely than the others count among the rejected. A mark that is wrong in the same way each
time is learnt, and not rejected. A weak model is sure of nothing: c comes out low, and many marks
are rejected. The chances must be those of cross-entropy without weights or a sampler, as other
losses make a model more or less sure than it is right.

Reference: Elkan and Noto, "Learning Classifiers from Only Positive and Unlabeled Data", KDD 2008,
section 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.decide.run_scores import read_scores
from dicetune.errors import InputError, listed, quoted
from dicetune.problems import problem_of
from dicetune.records import PREDICTIONS_FILE, RunRecord, read_json_lines

SUREST, FEWEST_SUREST = 0.1, 25
RESAMPLINGS = 500
FEWEST = 100
"""Fewer marked items say nothing about the surest of them."""
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
    """The estimates for items.

    Args:
        chance: (N,) out-of-fold probability that an item is marked.
        marked: (N,) bool.
        unit: (N,) number of the unit of each item, from 0; units are resampled whole.

    Raises:
        InputError: fewer than ``FEWEST`` marked items, or none that is not.

    Example:
        >>> chance = np.repeat([0.5, 0.01], [200, 800])  # half of 200 positives are marked
        >>> marked = np.arange(1000) % 2 * (np.arange(1000) < 200) == 1
        >>> found = estimate_annotation(chance, marked, np.arange(1000))
        >>> round(found.elkan_noto.value, 3), found.rejected.value
        (0.5, 0.0)
    """
    count = int(marked.sum())
    if count < FEWEST or count == len(marked):
        raise InputError(
            f"expected at least {FEWEST} marked items and others beside them, got {count} of "
            f"{len(marked)}: less says nothing about an annotation"
        )
    order = np.argsort(-chance, kind="stable")
    chance, marked, unit = chance[order], marked[order], unit[order]
    rng = np.random.default_rng(0)
    size = int(unit.max()) + 1
    plain = _estimates(chance, marked, np.ones(len(chance)))
    drawn = np.array(
        [
            _estimates(
                chance, marked, np.bincount(rng.integers(size, size=size), minlength=size)[unit]
            )
            for _ in range(RESAMPLINGS)
        ]
    )
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    top = _surest(chance, np.ones(len(chance)), count)
    seen = len(np.unique(unit[top])), None, len(np.unique(unit[marked]))
    surest, mean, rejected = map(_share, plain, low, high, seen)
    return Annotation(len(marked), count, surest, mean, rejected)


def _share(value: float, low: float, high: float, units: int | None) -> Share:
    """A share with an interval that reaches at least as far as Wilson's for as many units."""
    if units is not None:
        odd = _WITHIN**2 / units
        middle = (value + odd / 2) / (1 + odd)
        half = math.sqrt(value * (1 - value) * odd + odd**2 / 4) / (1 + odd)
        low, high = min(low, middle - half), max(high, middle + half)
    return Share(float(value), float(max(low, 0)), float(min(high, 1)))


def _surest(chance: np.ndarray, weight: np.ndarray, total: float) -> np.ndarray:
    """Which items the models are surest of, (N,) bool; the highest chance comes first."""
    top: np.ndarray = np.cumsum(weight) <= max(SUREST * total, FEWEST_SUREST)
    top |= chance >= chance[max(int(top.sum()) - 1, 0)]  # with those that are equally sure
    return top


def _estimates(chance: np.ndarray, marked: np.ndarray, weight: np.ndarray) -> Sequence[float]:
    """The three shares of items in the order of their chances, the highest first, weighted."""
    held = weight * marked
    total = held.sum()
    if not total:
        return np.nan, np.nan, np.nan
    top = _surest(chance, weight, total)
    surest = (held * top).sum() / max((weight * top).sum(), 1)
    rejected = (held * (chance < surest / 2)).sum() / total
    return surest, (held * chance).sum() / total, rejected
