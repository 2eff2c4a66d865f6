"""Results: what each loss with its decision rule, or an external tool, predicted for the test set.

All of them predicted the same units in the same order, so that counts can be compared unit by unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.comparison.folder import EXTERNAL, reading
from dicetune.comparison.plan import Plan
from dicetune.comparison.runs import FinishedRun, Row, in_order
from dicetune.errors import DataError, quoted
from dicetune.problems import Problem, problem_of
from dicetune.records import DEFAULT as ARGMAX
from dicetune.records import PREDICTIONS_FILE, TUNED, read_json_lines


def competitor_name(loss: str, decision: str) -> str:
    """How a loss with its decision rule is called.

    Example:
        >>> competitor_name("ce", "argmax"), competitor_name("ce", "tuned")
        ('ce', 'ce, tuned')
    """
    return loss if decision == ARGMAX else f"{loss}, {TUNED}"


@dataclass(frozen=True)
class Competitor:
    """One way to decide, with all its seeds: a loss and a decision rule, or an external tool."""

    name: str  # as tables show it
    loss: str  # that it was trained with; of an external tool the tool's name
    decision: str  # "argmax" or "tuned"
    objective: str | None  # what it was trained with, in full; None of an external tool
    seeds: tuple[int, ...]  # of its runs; none of an external tool, which is one file
    predicted: tuple[list[Any], ...]  # for each seed one prediction a unit
    counts: np.ndarray  # of each seed and unit, (S, U, M)
    seconds: float | None = None  # mean time of training, where it is known
    external: bool = False


@dataclass(frozen=True)
class Results:
    """All competitors on one test set: plain decisions of every loss, tuned ones, external ones."""

    problem: Problem
    rows: list[Row]  # of the test set, with their gold
    competitors: list[Competitor]

    @property
    def gold(self) -> list[Any]:
        """The gold of each unit."""
        return [row["gold"] for row in self.rows]

    @property
    def units(self) -> tuple[str, str]:
        """What is resampled, in the singular and in the plural."""
        return self.problem.units(self.rows)

    @property
    def documents(self) -> list[str] | None:
        """The document of each unit, where all are known and a document has several units."""
        names = [row.get("document") for row in self.rows]
        if None in names or len(set(names)) == len(names):
            return None
        return [str(name) for name in names]

    def named(self, name: str) -> Competitor | None:
        """The competitor of that name, if it is there."""
        return next((known for known in self.competitors if known.name == name), None)

    def scores(self, competitor: Competitor) -> dict[str, Any]:
        """Scores of a competitor: of each seed, their mean, other metrics, and each class."""
        sums = competitor.counts.sum(axis=1)
        headline, *others = self.problem.metrics
        scores = self.problem.score(sums, headline)
        return {
            "scores": [float(score) for score in scores],
            "mean": float(scores.mean()),
            "other": {name: float(self.problem.score(sums, name).mean()) for name in others},
            "per_class": _per_class(self.problem, sums),
        }


def read_results(plan: Plan, folder: Path, runs: Sequence[FinishedRun], split: str) -> Results:
    """Gather the predictions of all finished runs and external files for one split."""
    rows = runs[0].predictions(split)
    groups: list[tuple[dict[str, Any], list[list[Any]]]] = []
    for decision in (ARGMAX, TUNED):
        for loss in plan.objectives:
            told = [
                (run, predicted)
                for run in runs
                if run.planned.loss == loss
                and (predicted := _decided(run, decision, split, rows)) is not None
            ]
            if told:
                head = _head([run for run, _ in told], decision)
                groups.append((head, [predicted for _, predicted in told]))
    for name in plan.external:
        path = folder / EXTERNAL / name / PREDICTIONS_FILE
        with reading(path, f"give them again: --predictions {quoted(f'{name}=FILE')}"):
            given = in_order(list(read_json_lines(path)), rows, path)
            head = {"name": name, "loss": name, "decision": ARGMAX, "objective": None}
            head |= {"seeds": (), "external": True}
            groups.append((head, [_predicted(given, rows, path)]))
    gold = [row["gold"] for row in rows]
    every = [unit for _, seeds in groups for predicted in seeds for unit in predicted]
    problem = problem_of(runs[0].problem, gold, every)
    competitors = [
        Competitor(
            **head,
            predicted=tuple(seeds),
            counts=np.stack([problem.counts(gold, predicted) for predicted in seeds]),
        )
        for head, seeds in groups
    ]
    return Results(problem, rows, competitors)


def _head(runs: Sequence[FinishedRun], decision: str) -> dict[str, Any]:
    first = runs[0].planned
    return {
        "name": competitor_name(first.loss, decision),
        "loss": first.loss,
        "decision": decision,
        "objective": first.objective,
        "seeds": tuple(run.planned.seed for run in runs),
        "seconds": float(np.mean([run.record.training["seconds"] for run in runs])),
    }


def _decided(run: FinishedRun, decision: str, split: str, rows: Sequence[Row]) -> list[Any] | None:
    """What one run predicted by a decision, in the order of ``rows``; ``None`` without it."""
    found = run.predictions(split) if decision == ARGMAX else run.tuned(split)
    if found is None:
        return None
    return _predicted(in_order(found, rows, run.folder), rows, run.folder)


def _predicted(given: Sequence[Row], rows: Sequence[Row], path: Path) -> list[Any]:
    """The predictions of rows whose gold is that of the others."""
    for row, like in zip(given, rows, strict=True):
        if row["gold"] != like["gold"]:
            raise DataError(
                path,
                f"expected the gold that the other runs have, got another for {quoted(row['id'])}: "
                "compare runs on the same test file",
            )
    return [row["predicted"] for row in given]


def _per_class(problem: Problem, sums: np.ndarray) -> list[dict[str, Any]]:
    """Means over the seeds; a class that one seed neither has nor predicts scores 0 there."""
    seeds = [{row.name: row for row in problem.per_class(seed_sums)} for seed_sums in sums]
    rows = []
    for name in dict.fromkeys(name for classes in seeds for name in classes):
        known = [classes[name] for classes in seeds if name in classes]
        each = {
            what: [getattr(row[name], what) if name in row else 0.0 for row in seeds]
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
