"""Suspicious labels: items whose given label a model finds least likely, as label errors are.

The scores must be of texts that the model was not trained on: of the folds of ``train --folds``, or
of dev and test of a run. With the probability p(i, c) of class c for item i:

- **Threshold** of a class, its mean self-confidence: t(c), the mean of p(i, c) over the items that
  are labelled c. Classes that the model always finds hard, such as rare ones, have a low threshold.
- **Score** of an item that is labelled g: p(i, g) - t(g), self-confidence normalised by its class.
  The lowest come first.
- **Likely** class: of the classes with p(i, c) >= t(c), the most probable one. An item whose likely
  class is another one is counted as an error by confident learning (off the diagonal of the
  confident joint).

A sentence has the score of its worst word. Where labels are independent, each label of a text is an
item of two classes, there or not, and the text has the score of the worst.

Reference: Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset
Labels, Journal of Artificial Intelligence Research 70, 2021.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.decide.run_scores import read_scores
from dicetune.errors import InputError, quoted
from dicetune.problems import Problem, problem_of
from dicetune.records import PREDICTIONS_FILE, read_json_lines


@dataclass(frozen=True)
class Suspect:
    """One label that the model doubts."""

    split: str
    row: int  # of the split, from 0
    id: str
    text: str
    given: str  # the label, the tag of the word, or whether one of several labels is there
    likely: str | None  # the class that confident learning finds; None where it finds no other
    chance: float  # of the given label
    usual: float  # the mean chance of this label where it is given
    word: int | None = None  # number of the word in its sentence
    place: str | None = None  # "file:line"

    @property
    def score(self) -> float:
        """Self-confidence normalised by the class; the lowest is the most suspicious."""
        return self.chance - self.usual


@dataclass(frozen=True)
class Suspicion:
    """The most suspicious labels of a run, in order, and how many confident learning counts."""

    suspects: Sequence[Suspect]
    units: int  # texts or sentences that were looked at
    doubted: int  # of them, with a label that confident learning counts as an error
    thresholds: Mapping[str, float] = field(default_factory=dict)  # by label
    notes: Sequence[str] = ()
    out_of_fold: bool = False  # of every text; else of dev and test

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; each suspect with its score."""
        rows = [{**asdict(one), "score": one.score} for one in self.suspects]
        return {**asdict(self), "suspects": rows}


def suspicious_labels(folder: str | Path, most: int) -> Suspicion:
    """The ``most`` suspicious labels of a run, by its predictions and scores.

    Raises:
        InputError: a folder without scores, a type whose scores are no probabilities of labels.
    """
    tables, settings = read_scores(folder)
    if settings is None or most < 1:
        got = f"--suspicious {most}" if most < 1 else f"scores of an earlier version in {folder}"
        raise InputError(
            f"expected at least 1 suspicious label of a run of this version, got {got}"
        )
    problem = problem_of(settings)
    try:
        problem.chances([], [])
    except InputError:
        raise InputError(
            f"expected a run with a probability of each label for --suspicious, got {problem.kind} "
            f"in {quoted(Path(folder))}: it is for texts with labels and for tagged words"
        ) from None
    numbers = dict.fromkeys(tables, 0)
    rows, units = [], []
    for row in read_json_lines(Path(folder) / PREDICTIONS_FILE):
        split = row.get("split")
        if split not in tables or "gold" not in row:
            continue
        number = numbers[split]
        numbers[split] += 1
        rows.append((number, row))
        units.append(problem.chances([row["gold"]], [tables[split][number]]))
    return _found(problem, rows, units, most)


def _found(
    problem: Problem,
    rows: Sequence[tuple[int, Mapping[str, Any]]],
    units: Sequence[tuple[np.ndarray, np.ndarray]],
    most: int,
) -> Suspicion:
    tables = [np.exp(table.astype(float)) for table, _ in units]
    truths = [truth for _, truth in units]
    alone = bool(problem.independent)
    chance, truth = np.concatenate(tables), np.concatenate(truths)
    held, usual = _means(chance, truth), _means(1 - chance, ~truth)
    found, doubted = [], 0
    for (number, row), table, gold in zip(rows, tables, truths, strict=True):
        if not gold.size:
            continue
        if alone:
            given = np.where(gold, table, 1 - table)
            normal = np.where(gold, held, usual)
            other, other_normal = 1 - given, np.where(gold, usual, held)
            is_doubted = (other >= other_normal) & (other > given)
        else:
            given, normal = table[gold], np.broadcast_to(held, table.shape)[gold]
            likely = np.where(table >= held, table, -1.0)
            is_doubted = (likely.max(-1) >= 0) & (likely.argmax(-1) != gold.argmax(-1))
        doubted += bool(is_doubted.any())
        worst = np.unravel_index(int((given - normal).argmin()), given.shape)
        at = int(worst[0])
        if alone:
            label = str(problem.labels[worst[1]])
            there = bool(gold[worst])
            said = (label, f"no {label}") if there else (f"no {label}", label)
        else:
            best = problem.labels[int(likely[at].argmax())]
            said = (str(problem.labels[int(gold[at].argmax())]), str(best))
        tokens = row.get("tokens")
        found.append(
            Suspect(
                str(row["split"]),
                number,
                str(row.get("id", number)),
                _text(row, at),
                said[0],
                said[1] if is_doubted[worst] else None,
                float(given[worst]),
                float(normal[worst]),
                None if tokens is None else at,
            )
        )
    found.sort(key=lambda one: one.score)
    names = map(str, problem.labels)
    return Suspicion(
        found[:most], len(found), doubted, dict(zip(names, held.round(6).tolist(), strict=True))
    )


def _means(chance: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The mean chance of each class where it holds, (C,); above 1 where it never does."""
    count = truth.sum(0)
    sums = np.where(truth, chance, 0).sum(0)
    return np.where(count > 0, sums / np.maximum(count, 1), 2.0)


def _text(row: Mapping[str, Any], word: int) -> str:
    """The texts of a row; of a sentence the words around one, which is in brackets."""
    tokens = row.get("tokens")
    if tokens is None:
        return " | ".join(str(row[name]) for name in ("text", "text_b") if name in row)
    first, last = max(word - 6, 0), word + 7
    around = [*tokens[first:word], f"[{tokens[word]}]", *tokens[word + 1 : last]]
    return " ".join(["…"] * (first > 0) + around + ["…"] * (last < len(tokens)))
