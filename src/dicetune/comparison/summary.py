"""Summary: everything that a comparison found, as plain data, from its records alone.

``summary.json`` is what the report, the Markdown table and the command line print; nothing that
they show is computed anywhere else. Scores and differences are fractions. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dicetune import numbers
from dicetune.comparison.curves import learning_curves, loss_against_metric, precision_recall
from dicetune.comparison.differences import differences, sampled
from dicetune.comparison.folder import reading
from dicetune.comparison.items import differing_items
from dicetune.comparison.plan import SPLITS, Plan
from dicetune.comparison.results import Results, read_results
from dicetune.comparison.runs import FinishedRun, RunState, check_runs
from dicetune.errors import InputError, listed, quoted
from dicetune.problems import problem_of
from dicetune.records import read_json, replace_text, write_json

SUMMARY_VERSION = 1
SUMMARY_FILE = "summary.json"
MARKDOWN_FILE = "summary.md"
SPLIT = "test"
INSPECTION_FILE = "inspection.json"
"""``Inspection.to_dict()`` of the three splits, where the comparison made one."""

_COUNTED = {
    "examples": "examples",
    "longest_subwords": "longest in sub-words",
    "subwords": "sub-words",
    "truncated": "texts cut short",
}

_INSPECTED = {"splits", "labels_title", "leaks", "conflicts", "conflict_examples", "warnings"}


def write_summary(folder: str | Path) -> dict[str, Any]:
    """Write ``summary.json`` and ``summary.md`` of a comparison.

    Args:
        folder: of the comparison.

    Returns:
        The summary.

    Raises:
        InputError: no comparison, or no finished run in it.
    """
    folder = Path(folder)
    summary = summarise(folder)
    write_json(folder / SUMMARY_FILE, summary)
    replace_text(folder / MARKDOWN_FILE, markdown(summary))
    return summary


def summarise(folder: str | Path) -> dict[str, Any]:
    """Everything that a comparison found.

    Args:
        folder: of the comparison, with ``comparison.json``, ``cells`` and perhaps ``foreign``.

    Raises:
        InputError: no comparison, or no finished run in it.
        DataError: records that cannot be read, or runs on other data.
    """
    folder = Path(folder)
    plan = Plan.load(folder)
    runs = FinishedRun.of_plan(plan, folder)
    if not runs:
        raise InputError(
            f"expected at least one finished run in {quoted(Path(folder))}, got none of "
            f"{len(plan.runs)}: go on with `dicetune compare --out {folder}`"
        )
    for run in runs:
        run.check()
    unchecked = check_runs(plan, folder, runs)
    results = read_results(plan, folder, runs, SPLIT)
    curves = learning_curves(runs, plan.metric)
    items, differing = differing_items(results)
    found = differences(results, plan.baseline)
    unit, several = results.units
    return {
        "version": SUMMARY_VERSION,
        "task": plan.task,
        "title": _title(plan),
        "metric": results.problem.metrics[0],
        "metric_title": results.problem.metric_title(results.problem.metrics[0]),
        "unit": unit,
        "units": len(results.rows),
        "units_title": several,
        "sampled_title": sampled(results),
        "class_unit": results.problem.items_title or several,
        "split": SPLIT,
        "baseline": plan.baseline,
        "descriptive": found.descriptive,
        "verdict": found.verdict,
        "competitors": _competitors(results, found.intervals),
        "comparisons": found.rows,
        "method": found.method,
        "curves": curves,
        "loss_against_metric": loss_against_metric(curves),
        "precision_recall": precision_recall(results, runs, SPLIT),
        "items": items,
        "items_differing": differing,
        "several_readings": results.problem.several_readings,
        "data": data_facts(folder, runs),
        "how": _how(plan, folder, runs, unchecked),
    }


def _title(plan: Plan) -> str:
    path = plan.files[SPLIT].path if SPLIT in plan.files else ""
    return f"{plan.task} on {path.rsplit('/', 1)[-1]}" if path else plan.task


def _competitors(results: Results, intervals: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": competitor.name,
            "loss": competitor.loss,
            "decision": competitor.decision,
            "objective": competitor.objective,
            "seeds": list(competitor.seeds),
            **results.scores(competitor),
            "interval": intervals.get(competitor.name),
            "seconds": competitor.seconds,
            "foreign": competitor.external,
        }
        for competitor in results.competitors
    ]


def _how(
    plan: Plan, folder: Path, runs: Sequence[FinishedRun], unchecked: Sequence[str]
) -> dict[str, Any]:
    """How it was run: what was typed, with what, at which budget, and the state of each run."""
    finished = {run.planned.id: run for run in runs}
    rows = []
    for planned in plan.runs:
        row = asdict(planned)
        if planned.id in finished:
            training = finished[planned.id].record.training
            row |= {
                "state": "done",
                "seconds": training["seconds"],
                "steps": training["steps"],
                "best_step": training["best_step"],
                "evaluations": len(training["history"]),
                "reason": None,
            }
        else:
            state = RunState.read(plan, folder, planned)
            row |= {"state": state.state, "seconds": None, "reason": state.reason}
        rows.append(row)
    notes: dict[str, int] = {}
    for run in runs:
        for note in run.record.notes:
            notes[note] = notes.get(note, 0) + 1
    return {
        "command": plan.command,
        "versions": runs[0].record.versions,
        "model": {**plan.model, "parameters": runs[0].record.model.get("parameters")},
        "device": sorted({run.record.training.get("device", "") for run in runs}),
        "files": {split: asdict(file) for split, file in plan.files.items()},
        "options": plan.options,
        "trainer": plan.trainer,
        "settings": plan.settings,
        "search": None
        if plan.search is None
        else {"trials": plan.search.trials, "found": plan.search.found},
        "foreign": plan.external,
        "cells": rows,
        "notes": [*plan.notes, *unchecked, *notes],
    }


def data_facts(folder: Path, runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """The inspection of the data in the layout of ``Inspection.to_dict``."""
    path = folder / INSPECTION_FILE
    if path.is_file():
        with reading(path, "delete it and run the same command again"):
            found = read_json(path)
            if missing := _INSPECTED - found.keys():
                raise KeyError(listed(sorted(missing)))
        return {"inspected": True, **found}
    run = runs[0]
    return {
        "inspected": False,
        "splits": [_split(run, split) for split in SPLITS if split in run.record.data],
        "leaks": [],
        "conflicts": 0,
        "conflict_examples": [],
        "paper_ratios": {},
        "warnings": [],
        "labels_title": "Gold in the predictions of dev and test",
    }


def _split(run: FinishedRun, split: str) -> dict[str, Any]:
    told = run.record.data[split]
    facts: dict[str, Any] = {words: told[name] for name, words in _COUNTED.items() if name in told}
    if told.get("subwords"):
        facts["unknown sub-words"] = told.get("unknown_subwords", 0) / told["subwords"]
    gold = [row["gold"] for row in run.predictions(split)]
    return {
        "name": split,
        "source": told["source"],
        "facts": facts,
        "labels": dict(problem_of(run.problem, gold).gold_labels(gold).most_common()),
        "ratio": None,
        "notes": [],
    }


def markdown(summary: Mapping[str, Any]) -> str:
    """The tables of a summary."""
    parts = [f"# {_text(summary['title'])}"]
    if summary["verdict"]:
        parts.append("\n".join(f"- {_text(sentence)}" for sentence in summary["verdict"]))
    parts.append(
        f"{_text(summary['metric_title'])} on {summary['split']}, in percent, "
        f"{numbers.count(summary['units'])} {summary['units_title']}; intervals are 95%."
    )
    parts.append(_scores(summary))
    if summary["comparisons"]:
        parts.append(_differences(summary))
    if any(own["per_class"] for own in summary["competitors"]):
        parts.append(f"F1 of each class (support: {summary['class_unit']})")
        parts.append(_classes(summary))
    return "\n\n".join(parts) + "\n"


def _scores(summary: Mapping[str, Any]) -> str:
    rows = [
        [
            own["name"],
            numbers.points(own["mean"]),
            numbers.interval(own["interval"]),
            " ".join(numbers.points(score) for score in own["scores"]),
            numbers.duration(own["seconds"]),
        ]
        for own in summary["competitors"]
    ]
    return table(["objective", "mean", "interval", "of each seed", "time of a run"], rows)


def _differences(summary: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{own['name']} − {own['baseline']}",
            numbers.signed(own["difference"]),
            numbers.interval(own["interval"], sign=True),
            numbers.chance(own["p_holm"]),
            numbers.points(own["detectable"]),
            own["verdict"],
        ]
        for own in summary["comparisons"]
    ]
    return table(["difference", "points", "interval", "p (Holm)", "detectable", "verdict"], rows)


def _classes(summary: Mapping[str, Any]) -> str:
    competitors = summary["competitors"]
    support = {row["name"]: row["support"] for own in competitors for row in own["per_class"]}
    found = [{row["name"]: row["f1"] for row in own["per_class"]} for own in competitors]
    rows = [
        [name, numbers.count(support[name]), *(numbers.points(own.get(name)) for own in found)]
        for name in support
    ]
    return table(["class", "support", *(own["name"] for own in competitors)], rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""A Markdown table, first column to the left and all others to the right.

    Example:
        >>> print(table(["loss", "F1"], [["ce|dice", "41.2"]]))
        | loss | F1 |
        |---|---:|
        | ce\|dice | 41.2 |
    """
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    text = ["| " + " | ".join(map(_text, line)) + " |" for line in lines]
    text[1] = text[1].replace(" ", "")
    return "\n".join(text)


def _text(value: Any) -> str:
    """Text that Markdown prints as it is, on one line."""
    text = " ".join(str(value).split())
    for mark in ("\\", "|", "`", "*", "<", "["):
        text = text.replace(mark, "\\" + mark)
    return text
