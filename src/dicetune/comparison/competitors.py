"""Competitors: what a loss with its decision rule, or a foreign tool, predicted for the test set.

All of them predicted the same units in the same order, so that counts can be compared unit by unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.comparison.cells import FinishedCell, Row, in_order
from dicetune.comparison.naming import ARGMAX, TUNED, competitor_name
from dicetune.comparison.plan import Plan
from dicetune.comparison.stored import reading
from dicetune.errors import DataError, quoted
from dicetune.problems import Problem, problem_of
from dicetune.records import PREDICTIONS_FILE, read_json_lines

FOREIGN = "foreign"


@dataclass(frozen=True)
class Competitor:
    """One way to decide, with all its seeds.

    Args:
        name: as tables show it.
        loss: that it was trained with; of a foreign one its name.
        decision: "argmax" or "tuned".
        objective: what it was trained with, in full; ``None`` of a foreign one.
        seeds: of its runs; none of a foreign one, which is one file.
        predicted: for each seed one prediction a unit.
        counts: of each seed and unit, (S, U, M).
        seconds: mean time of training, where it is known.
        foreign: whether another tool made it.
    """

    name: str
    loss: str
    decision: str
    objective: str | None
    seeds: tuple[int, ...]
    predicted: tuple[list[Any], ...]
    counts: np.ndarray
    seconds: float | None = None
    foreign: bool = False


@dataclass(frozen=True)
class Field:
    """All competitors on one test set.

    Args:
        problem: what is predicted and how it is counted.
        rows: of the test set, with their gold.
        competitors: plain decisions of every loss, then tuned ones, then foreign ones.
    """

    problem: Problem
    rows: list[Row]
    competitors: list[Competitor]

    @property
    def gold(self) -> list[Any]:
        """Of each unit."""
        return [row["gold"] for row in self.rows]

    @property
    def units(self) -> tuple[str, str]:
        """What is resampled, one of it and several."""
        return self.problem.units(self.rows)

    @property
    def documents(self) -> list[str] | None:
        """Of each unit, where all are known and some document has several units."""
        names = [row.get("document") for row in self.rows]
        if None in names or len(set(names)) == len(names):
            return None
        return [str(name) for name in names]

    def named(self, name: str) -> Competitor | None:
        """The competitor of that name, if it is there."""
        return next((own for own in self.competitors if own.name == name), None)


def read_field(plan: Plan, folder: Path, cells: Sequence[FinishedCell], split: str) -> Field:
    """Gather the predictions of all finished cells and foreign files for one split.

    Args:
        plan: of the comparison.
        folder: where it lies.
        cells: finished ones, at least one.
        split: that is compared.

    Raises:
        DataError: runs that predicted other units, or hold other gold.
    """
    rows = cells[0].predictions(split)
    groups: list[tuple[dict[str, Any], list[list[Any]]]] = []
    for decision in (ARGMAX, TUNED):
        for loss in plan.objectives:
            told = [
                (own, _decided(own, decision, split, rows))
                for own in cells
                if own.cell.loss == loss
            ]
            found = [(own, predicted) for own, predicted in told if predicted is not None]
            if found:
                groups.append((_head([own for own, _ in found], decision), [p for _, p in found]))
    for name in plan.foreign:
        path = folder / FOREIGN / name / PREDICTIONS_FILE
        with reading(path, f"give them again: --predictions {quoted(f'{name}=FILE')}"):
            own = in_order(list(read_json_lines(path)), rows, path)
            head = {
                "name": name,
                "loss": name,
                "decision": ARGMAX,
                "objective": None,
                "seeds": (),
                "foreign": True,
            }
            groups.append((head, [_predicted(own, rows, path)]))
    gold = [row["gold"] for row in rows]
    every = [unit for _, seeds in groups for predicted in seeds for unit in predicted]
    problem = problem_of(cells[0].problem, gold, every)
    return Field(
        problem,
        rows,
        [
            Competitor(
                **head,
                predicted=tuple(seeds),
                counts=np.stack([problem.counts(gold, predicted) for predicted in seeds]),
            )
            for head, seeds in groups
        ],
    )


def _head(cells: Sequence[FinishedCell], decision: str) -> dict[str, Any]:
    first = cells[0].cell
    seconds = [own.record.training["seconds"] for own in cells]
    return {
        "name": competitor_name(first.loss, decision),
        "loss": first.loss,
        "decision": decision,
        "objective": first.objective,
        "seeds": tuple(own.cell.seed for own in cells),
        "seconds": float(np.mean(seconds)),
    }


def _decided(own: FinishedCell, decision: str, split: str, rows: Sequence[Row]) -> list[Any] | None:
    """What one run predicted by a decision, in the order of ``rows``; ``None`` without it."""
    found = own.predictions(split) if decision == ARGMAX else own.tuned(split)
    if found is None:
        return None
    return _predicted(in_order(found, rows, own.folder), rows, own.folder)


def _predicted(own: Sequence[Row], rows: Sequence[Row], path: Path) -> list[Any]:
    """The predictions of rows whose gold is that of the others."""
    for row, like in zip(own, rows, strict=True):
        if row["gold"] != like["gold"]:
            raise DataError(
                path,
                f"expected the gold that the other runs have, got another for {quoted(row['id'])}: "
                "compare runs on the same test file",
            )
    return [row["predicted"] for row in own]


def scores_of(field: Field, competitor: Competitor) -> dict[str, Any]:
    """Scores of a competitor: of each seed, their mean, other metrics, and each class.

    Args:
        field: in which it stands.
        competitor: one of it.
    """
    problem = field.problem
    sums = competitor.counts.sum(axis=1)
    headline, *others = problem.metrics
    scores = problem.score(sums, headline)
    return {
        "scores": [float(score) for score in scores],
        "mean": float(scores.mean()),
        "other": {name: float(problem.score(sums, name).mean()) for name in others},
        "per_class": _per_class(problem, sums),
    }


def _per_class(problem: Problem, sums: np.ndarray) -> list[dict[str, Any]]:
    """Means over the seeds; a class that one seed neither has nor predicts scores 0 there."""
    seeds = [{row.name: row for row in problem.per_class(own)} for own in sums]
    rows = []
    for name in dict.fromkeys(name for own in seeds for name in own):
        known = [own[name] for own in seeds if name in own]
        each = {
            what: [getattr(own[name], what) if name in own else 0.0 for own in seeds]
            for what in ("precision", "recall", "f1")
        }
        rows.append(
            {
                "name": name,
                "support": known[0].support,
                **{what: float(np.mean(values)) for what, values in each.items()},
                "f1_seeds": each["f1"],
            }
        )
    return rows
