"""Results: the predictions of each loss and decision rule, and of external tools, for the test set.

All competitors predicted the same units in the same order, so that counts are compared by unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.comparison.folder import EXTERNAL, reading
from dicetune.comparison.plan import Plan
from dicetune.comparison.runs import FinishedRun, Row, in_order
from dicetune.comparison.together import all_together
from dicetune.errors import DataError, quoted
from dicetune.problems import Problem, problem_of
from dicetune.problems.base import is_unspaced
from dicetune.problems.ratios import Counts, precision_recall_f1
from dicetune.records import DEFAULT as ARGMAX
from dicetune.records import PREDICTIONS_FILE, TUNED, TUNED_FILE, read_json_lines

SPLIT = "test"

MOST_ITEMS = 500
"""Units that the summary holds, those on which competitors differ most first."""

LONGEST = 2000
"""Characters of a text that the summary holds."""


def competitor_name(loss: str, decision: str, together: bool = False) -> str:
    """The name of a loss with its decision rule, or of all its seeds together.

    Example:
        >>> competitor_name("ce", "argmax"), competitor_name("ce", "tuned")
        ('ce', 'ce, tuned')
        >>> competitor_name("ce", "tuned", together=True)
        'ce, all seeds'
    """
    if together:
        return f"{loss}, all seeds"
    return loss if decision == ARGMAX else f"{loss}, {TUNED}"


@dataclass(frozen=True)
class Competitor:
    """One way to decide, with all its seeds: a loss and a decision rule, or an external tool."""

    name: str  # as tables show it
    loss: str  # name of the loss, or of the external tool
    decision: str  # "argmax" or "tuned"
    objective: str | None  # the loss in full; None for an external tool
    seeds: tuple[int, ...]  # seeds of the runs; none for what is one file of predictions
    predicted: tuple[list[Any], ...]  # for each seed one prediction a unit
    counts: np.ndarray  # counts of each seed and unit, (S, U, M)
    seconds: float | None = None  # median time of training, where it is known
    external: bool = False
    members: tuple[int, ...] = ()  # seeds whose averaged scores decide together

    @property
    def is_single(self) -> bool:
        """Whether it is one file of predictions, which has no seeds that vary."""
        return self.external or bool(self.members)


@dataclass(frozen=True)
class Results:
    """All competitors on one test set: every loss with each decision, and external tools."""

    problem: Problem
    rows: list[Row]  # of the test set, with their gold
    competitors: list[Competitor]
    notes: tuple[str, ...] = ()  # why a loss has no row of all seeds together
    split: str = SPLIT

    @property
    def units(self) -> tuple[str, str]:
        """The name of the resampled units, singular and plural."""
        return self.problem.units(self.rows)

    @property
    def repeats(self) -> list[str]:
        """Names of the tuned competitors that decide every unit as the plain decision does."""
        plain = {one.loss: one for one in self.competitors if one.decision == ARGMAX}
        return [
            one.name
            for one in self.competitors
            if one.decision == TUNED
            and not one.members
            and one.seeds == plain[one.loss].seeds
            and one.predicted == plain[one.loss].predicted
        ]

    def scores(self, competitor: Competitor) -> dict[str, Any]:
        """Scores of a competitor: each seed, the mean, other metrics, and each class."""
        sums = competitor.counts.sum(axis=1)
        headline, *others = self.problem.metrics
        scores = self.problem.score(sums, headline)
        return {
            "scores": [float(score) for score in scores],
            "mean": float(scores.mean()),
            "other": {name: float(self.problem.score(sums, name).mean()) for name in others},
            "per_class": _per_class(self.problem, sums),
        }


def read_results(
    plan: Plan, folder: Path, runs: Sequence[FinishedRun], split: str = SPLIT
) -> Results:
    """Gather the predictions of all finished runs and external files for a split."""
    rows = runs[0].predictions(split)
    groups: list[tuple[dict[str, Any], list[list[Any]]]] = []
    for decision in (ARGMAX, TUNED):
        for loss in plan.objectives:
            deciding, predictions = [], []
            for run in runs:
                if run.planned.loss == loss:
                    predicted = _decided(run, decision, rows, split)
                    if predicted is not None:
                        deciding.append(run)
                        predictions.append(predicted)
            if deciding:
                seconds = [run.record.training["seconds"] for run in deciding]
                facts = {
                    "name": competitor_name(loss, decision),
                    "loss": loss,
                    "decision": decision,
                    "objective": deciding[0].planned.objective,
                    "seeds": tuple(run.planned.seed for run in deciding),
                    "seconds": float(np.median(seconds)),
                }
                groups.append((facts, predictions))
    together, notes = all_together(plan, folder, runs)
    for one in together:
        if (predicted := _decided(one, TUNED, rows, split)) is not None:
            loss, seconds = one.planned.loss, [r.record.training["seconds"] for r in one.members]
            facts = {"name": competitor_name(loss, TUNED, together=True), "loss": loss}
            facts |= {"decision": TUNED, "objective": one.planned.objective, "seeds": ()}
            facts |= {"seconds": float(np.sum(seconds)), "members": one.seeds}
            groups.append((facts, [predicted]))
    for name in plan.external:
        path = folder / EXTERNAL / name / PREDICTIONS_FILE
        with reading(path, f"give them again: --predictions {quoted(f'{name}=FILE')}"):
            facts = {"name": name, "loss": name, "decision": ARGMAX, "objective": None}
            facts |= {"seeds": (), "external": True}
            groups.append((facts, [_predicted(list(read_json_lines(path)), rows, path)]))
    gold = [row["gold"] for row in rows]
    every = [unit for _, seeds in groups for predicted in seeds for unit in predicted]
    problem = problem_of(runs[0].problem, gold, every)
    competitors = [
        Competitor(
            **facts,
            predicted=tuple(seeds),
            counts=np.stack([problem.counts(gold, predicted) for predicted in seeds]),
        )
        for facts, seeds in groups
    ]
    return Results(problem, rows, competitors, tuple(notes), split)


def _decided(run: FinishedRun, decision: str, rows: Sequence[Row], split: str) -> list[Any] | None:
    """The predictions of a run by a decision, in the order of ``rows``; ``None`` without it."""
    file = PREDICTIONS_FILE if decision == ARGMAX else TUNED_FILE
    found = run.decided(split, decision)
    return None if found is None else _predicted(found, rows, run.folder / file)


def _predicted(given: Sequence[Row], rows: Sequence[Row], path: Path) -> list[Any]:
    """The predictions for the examples of ``rows``, whose gold must be the same."""
    ordered = in_order(given, rows, path)
    for row, like in zip(ordered, rows, strict=True):
        if row["gold"] != like["gold"]:
            raise DataError(
                path,
                f"expected the gold that the other runs have, got another for {quoted(row['id'])}: "
                "compare runs on the same test file",
            )
    return [row["predicted"] for row in ordered]


def _per_class(problem: Problem, sums: np.ndarray) -> list[dict[str, Any]]:
    """Means over the seeds; a class that one seed neither has nor predicts scores 0 there."""
    seeds = [{row.name: row for row in problem.per_class(seed_sums)} for seed_sums in sums]
    rows = []
    for name in dict.fromkeys(name for classes in seeds for name in classes):
        each = {
            what: [getattr(row[name], what) if name in row else 0.0 for row in seeds]
            for what in ("precision", "recall", "f1")
        }
        rows.append(
            {
                "name": name,
                "support": next(classes[name].support for classes in seeds if name in classes),
                **{what: float(np.mean(values)) for what, values in each.items()},
                "f1_seeds": each["f1"],
            }
        )
    return rows


def precision_recall(results: Results, runs: Sequence[FinishedRun]) -> dict[str, dict[str, Any]]:
    """For each loss the mean curve of its seeds and the points that its decisions chose.

    A curve runs over the number of positive decisions (``Problem.tradeoff``): positive texts, given
    labels, words of an entity, candidate spans that are entities. Seeds are averaged at equal
    numbers, so that each point of the mean is a mean of possible decisions, and nothing is
    interpolated between precision and recall (which is too good: Davis & Goadrich, ICML 2006).
    """
    tradeoff = results.problem.tradeoff([row["gold"] for row in results.rows])
    if tradeoff is None:
        return {}
    what, counts_of = tradeoff
    found = {}
    for loss in dict.fromkeys(run.planned.loss for run in runs):
        curves = [counts_of(run.scores(results.split)) for run in runs if run.planned.loss == loss]
        points = {}
        for competitor in results.competitors:
            if competitor.loss == loss and not competitor.is_single:
                chosen = results.problem.operating_point(competitor.counts.sum(axis=1))
                points[competitor.decision] = np.stack(chosen, axis=-1).tolist()
        found[loss] = {
            "what": what,
            "curve": _mean_curve(curves),
            "chosen": {name: np.mean(seeds, axis=0).tolist() for name, seeds in points.items()},
            "seeds": points,
        }
    return found


def _mean_curve(curves: Sequence[Counts]) -> list[list[float]]:
    """[recall, precision] of the mean over seeds, at each step where something is predicted."""
    points = np.mean([precision_recall_f1(*counts)[:2] for counts in curves], axis=0)
    some = np.min([predicted for _, predicted, _ in curves], axis=0) > 0
    return [[round(float(r), 5), round(float(p), 5)] for p, r in points.T[some]]


def told_items(
    results: Results, wrong: bool = False, surprise: np.ndarray | None = None
) -> tuple[list[dict[str, Any]], int]:
    """The units on which competitors differ in the share of seeds that are right, and their number.

    A unit is right where all of it is: every entity of a sentence, every label of a text. An answer
    is right where it is an exact match. Units whose shares are furthest apart come first.

    Args:
        results: of the competitors.
        wrong: the units that a competitor gets wrong in their place; for a single run.
        surprise: of each unit; units with the highest come first.
    """
    right = {
        competitor.name: np.array(
            [
                results.problem.right_units(results.rows, predicted, counts)
                for predicted, counts in zip(competitor.predicted, competitor.counts, strict=True)
            ],
            dtype=float,
        )
        for competitor in results.competitors
    }
    shares = np.stack([seeds.mean(axis=0) for seeds in right.values()])
    apart = (1 if wrong else shares.max(axis=0)) - shares.min(axis=0)
    order = np.argsort(-(apart if surprise is None else surprise), kind="stable")
    chosen = [int(unit) for unit in order if apart[unit] > 0]
    return [_item(results, right, unit) for unit in chosen[:MOST_ITEMS]], len(chosen)


def _item(results: Results, right: dict[str, np.ndarray], unit: int) -> dict[str, Any]:
    row = results.rows[unit]
    gold = list(results.problem.readings(row, row["gold"]))
    predicted: dict[str, list[dict[str, Any]]] = {}
    for competitor in results.competitors:
        said = Counter(
            (results.problem.readings(row, predictions[unit]), bool(is_right))
            for predictions, is_right in zip(
                competitor.predicted, right[competitor.name][:, unit], strict=True
            )
        )
        predicted[competitor.name] = [
            {"says": list(says), "right": is_right, "seeds": count}
            for (says, is_right), count in said.most_common()
        ]
    if results.problem.misses_only:
        variants = [variant for found in predicted.values() for variant in found]
        missed = {reading for variant in variants for reading in {*gold} ^ {*variant["says"]}}
        gold = [reading for reading in gold if reading in missed]
        for variant in variants:
            variant["says"] = [reading for reading in variant["says"] if reading in missed]
    text = text_of(row)
    said_of_all = [seeds[unit] for one in results.competitors for seeds in one.predicted]
    return {
        "id": str(row["id"]),
        "text": text,
        "marks": _marks(results, row, said_of_all, len(text)),
        "gold": gold,
        "predicted": predicted,
        "right": {name: round(float(seeds[:, unit].mean()), 4) for name, seeds in right.items()},
    }


def _marks(
    results: Results, row: Row, predictions: Sequence[Any], length: int
) -> list[dict[str, Any]]:
    """The spans of a sentence: those of gold, and those that some competitor invented.

    Where spans share words, only the first of gold, and of the longest, is marked.
    """
    tokens, problem = row.get("tokens"), results.problem
    if tokens is None or problem.misses_only:
        return []
    gap = 0 if is_unspaced(tokens) else 1
    begins = np.cumsum([0, *(len(token) + gap for token in tokens)]).tolist()
    found: list[dict[str, Any]] = []
    gold = set(problem.items(row["gold"]))
    invented = {item for said in predictions for item in problem.items(said)} - gold
    for is_gold, items in ((True, gold), (False, invented)):
        spans = [(*place, name) for place, name in items if isinstance(place, tuple)]
        for first, end, name in sorted(spans, key=lambda span: (span[0] - span[1], span)):
            start, stop = begins[first], begins[end] - gap
            if stop <= length and not any(start < m["end"] and m["start"] < stop for m in found):
                found.append({"start": start, "end": stop, "name": name, "gold": is_gold})
    return sorted(found, key=lambda mark: mark["start"])


def text_of(row: Mapping[str, Any]) -> str:
    r"""The text of a row, the second text of a pair on a new line.

    Example:
        >>> text_of({"tokens": ["Dock", "four"]}), text_of({"text": "up?", "text_b": "is it up?"})
        ('Dock four', 'up?\nis it up?')
    """
    tokens = row.get("tokens")
    if tokens is not None:
        text = ("" if is_unspaced(tokens) else " ").join(tokens)
    else:
        parts = (row.get(key) for key in ("question", "text", "text_b"))
        text = "\n".join(str(part) for part in parts if part)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
