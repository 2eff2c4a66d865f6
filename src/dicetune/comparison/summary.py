"""Summary: everything that a comparison found, as plain data, from its records alone.

The report, the Markdown table and the command line print ``summary.json``; they compute nothing.
Scores and differences are fractions. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dicetune import numbers
from dicetune.comparison.best import BestModel
from dicetune.comparison.differences import differences
from dicetune.comparison.folder import reading
from dicetune.comparison.plan import SPLITS, Plan
from dicetune.comparison.recommend import recommend
from dicetune.comparison.results import SPLIT, differing_items, precision_recall, read_results
from dicetune.comparison.runs import FinishedRun, RunState, check_runs
from dicetune.comparison.statistics.significance import FEWEST, rank_correlation
from dicetune.comparison.together import all_together, make_together
from dicetune.errors import InputError, listed, quoted
from dicetune.problems import problem_of
from dicetune.records import TUNED, read_json, replace_text, write_json
from dicetune.reporting import SUMMARY_FILE, SUMMARY_VERSION

INSPECTION_FILE = "inspection.json"
"""``Inspection.to_dict()`` of the three splits, where the comparison made one."""

LEAST = 3
"""With fewer evaluations of a run, a rank correlation has no meaning."""

_COUNTED = {
    "examples": "examples",
    "longest_subwords": "longest in sub-words",
    "subwords": "sub-words",
    "truncated": "texts cut short",
}

_INSPECTED = {"splits", "labels_title", "leaks", "conflicts", "conflict_examples", "warnings"}


def write_summary(
    folder: Path, *, keep: bool = False, called: Path | None = None
) -> dict[str, Any]:
    """Write ``summary.json`` and ``summary.md`` of a comparison, and return the summary.

    The records of all seeds together are made where they are missing. With ``keep`` the recommended
    model is put into ``best/``. ``called`` is the folder in messages, where it will be moved there.
    """
    plan = Plan.load(folder)
    make_together(plan, folder, FinishedRun.of_plan(plan, folder))
    summary = summarise(folder, keep=keep, called=called)
    write_json(folder / SUMMARY_FILE, summary)
    replace_text(folder / "summary.md", markdown(summary))
    return summary


def summarise(folder: Path, *, keep: bool = False, called: Path | None = None) -> dict[str, Any]:
    """All results of a comparison; damaged or unfit records are refused."""
    plan = Plan.load(folder)
    runs = FinishedRun.of_plan(plan, folder)
    if not runs:
        raise InputError(
            f"expected at least one finished run in {quoted(folder)}, got none of "
            f"{len(plan.runs)}: go on with `dicetune compare --out {folder}`"
        )
    for run in runs:
        run.check()
    unchecked = check_runs(plan, folder, runs)
    results = read_results(plan, folder, runs)
    curves = learning_curves(runs, plan.metric)
    items, differing = differing_items(results)
    found = differences(results, plan.baseline)
    together, _ = all_together(plan, folder, runs)
    chosen = recommend(results, runs, together)
    whole = {one.planned.loss: one for one in together if chosen["together"]}
    best = BestModel(plan, folder, chosen, whole.get(chosen["loss"]), called)
    chosen["model"] = best.keep() if keep else best.state()
    unit, several = results.units
    file = plan.files[SPLIT].path.rsplit("/", 1)[-1] if SPLIT in plan.files else ""
    return {
        "version": SUMMARY_VERSION,
        "task": plan.task,
        "title": f"{plan.task} on {file}" if file else plan.task,
        "metric": results.problem.metrics[0],
        "metric_title": results.problem.metric_title(results.problem.metrics[0]),
        "unit": unit,
        "units": len(results.rows),
        "units_title": several,
        "sampled_title": found.sampled,
        "class_unit": results.problem.items_title or several,
        "split": SPLIT,
        "baseline": plan.baseline,
        "descriptive": found.descriptive,
        "recommendation": chosen,
        "verdict": [*chosen["said"], chosen["model"]["said"], *found.verdict],
        "competitors": [
            {
                "name": competitor.name,
                "loss": competitor.loss,
                "decision": competitor.decision,
                "objective": competitor.objective,
                "seeds": list(competitor.seeds),
                **results.scores(competitor),
                "interval": found.intervals[competitor.name],
                "seconds": competitor.seconds,
                "foreign": competitor.external,
                "members": list(competitor.members),
            }
            for competitor in results.competitors
        ],
        "comparisons": found.rows,
        "method": found.method,
        "curves": curves,
        "loss_against_metric": loss_against_metric(curves),
        "precision_recall": precision_recall(results, runs),
        "items": items,
        "items_differing": differing,
        "several_readings": results.problem.several_readings,
        "data": _data(folder, runs),
        "how": _how(plan, folder, runs, unchecked),
    }


def learning_curves(runs: Sequence[FinishedRun], metric: str) -> dict[str, list[dict[str, Any]]]:
    """For each loss and seed, losses and the dev metric by both decisions at each evaluation."""
    curves: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        history = run.record.training["history"]
        curves.setdefault(run.planned.loss, []).append(
            {
                "seed": run.planned.seed,
                "steps": [row["step"] for row in history],
                "train_loss": [row.get("train_loss") for row in history],
                "dev_loss": [row.get("eval_loss") for row in history],
                "dev_metric": [row.get(f"eval_{metric}") for row in history],
                "dev_tuned": [row.get(f"eval_{metric}_{TUNED}") for row in history],
                "best_step": run.record.training["best_step"],
                "best_steps": run.record.training.get("best_steps", {}),
            }
        )
    return curves


def loss_against_metric(
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """How well each loss tracked the error, 1 - metric, on dev (from ``learning_curves``).

    The value is Spearman's rank correlation between loss and error over the evaluations of a run,
    then the mean over seeds: 1 if the error fell with every fall of the loss. ``train`` is the loss
    in training (the mean since the previous evaluation), ``dev`` the same objective on dev;
    ``None`` with fewer than ``LEAST`` evaluations, or if loss or error never changed.
    """
    found = {}
    for loss, runs in curves.items():
        traces = [
            [
                {
                    "seed": run["seed"],
                    "step": step,
                    "train_loss": train,
                    "dev_loss": dev,
                    "error": None if score is None else 1 - score,
                }
                for step, train, dev, score in zip(
                    run["steps"], run["train_loss"], run["dev_loss"], run["dev_metric"], strict=True
                )
            ]
            for run in runs
        ]
        found[loss] = {
            "train": _tracking(traces, "train_loss"),
            "dev": _tracking(traces, "dev_loss"),
            "evaluations": min((len(run["steps"]) for run in runs), default=0),
            "points": [point for trace in traces for point in trace],
        }
    return found


def _tracking(traces: Sequence[Sequence[Mapping[str, Any]]], name: str) -> dict[str, Any]:
    """The rank correlation of a loss with the error, mean and of each run."""
    per_seed = []
    for trace in traces:
        pairs = [(point[name], point["error"]) for point in trace]
        pairs = [pair for pair in pairs if None not in pair]
        enough = len(pairs) >= LEAST
        per_seed.append(rank_correlation(*zip(*pairs, strict=True)) if enough else None)
    known = [value for value in per_seed if value is not None]
    return {"spearman": float(np.mean(known)) if known else None, "per_seed": per_seed}


def _how(
    plan: Plan, folder: Path, runs: Sequence[FinishedRun], unchecked: Sequence[str]
) -> dict[str, Any]:
    """How the comparison was run: command, versions, budget, and the state of each run."""
    finished = {run.planned.id: run.record for run in runs}
    rows = []
    for planned in plan.runs:
        row = asdict(planned)
        if planned.id in finished:
            training = finished[planned.id].training
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
    first = runs[0].record
    return {
        "command": plan.command,
        "versions": first.versions,
        "model": {**plan.model, "parameters": first.model.get("parameters")},
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
        "notes": [
            *plan.notes,
            *_of_budget(plan),
            *_of_starts(runs),
            *unchecked,
            *dict.fromkeys(note for run in runs for note in run.record.notes),
        ],
    }


def _of_budget(plan: Plan) -> list[str]:
    """How many seeds a budget gave, and what they do not allow."""
    if plan.budget is None:
        return []
    said = f"a budget of {plan.budget:g} minutes gave {plan.seeds_shown} of every loss"
    if len(plan.seeds) < FEWEST:
        said += f"; an exact test over seeds needs {FEWEST}"
    return [said]


def _of_starts(runs: Sequence[FinishedRun]) -> list[str]:
    """Which losses had another start of the head than others."""
    starts: dict[bool, dict[str, None]] = {}
    for run in runs:
        at_prior = bool(run.record.objective.get("prior_bias"))
        starts.setdefault(at_prior, {})[run.planned.loss] = None
    if len(starts) < 2:
        return []
    return [
        f"not equal for all: the head started at the share of the positives for "
        f"{listed(starts[True])}, evenly for {listed(starts[False])}; prior_bias true or false "
        "makes it alike"
    ]


def _data(folder: Path, runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """The inspection of the data, or facts of the records, in ``Inspection.to_dict``'s layout."""
    path = folder / INSPECTION_FILE
    if path.is_file():
        with reading(path, "delete it and run the same command again"):
            found = read_json(path)
            if missing := _INSPECTED - found.keys():
                raise KeyError(listed(sorted(missing)))
        return {"inspected": True, **found}
    run = runs[0]
    splits = [split for split in SPLITS if split in run.record.data]
    return {
        "inspected": False,
        "splits": [_split(run, split) for split in splits],
        "leaks": [],
        "conflicts": 0,
        "conflict_examples": [],
        "paper_ratios": {},
        "warnings": [],
        "labels_title": "Gold in the predictions of dev and test",
    }


def _split(run: FinishedRun, split: str) -> dict[str, Any]:
    data = run.record.data[split]
    facts: dict[str, Any] = {words: data[name] for name, words in _COUNTED.items() if name in data}
    if data.get("subwords"):
        facts["unknown sub-words"] = data.get("unknown_subwords", 0) / data["subwords"]
    gold = [row["gold"] for row in run.predictions(split)]
    return {
        "name": split,
        "source": data["source"],
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
    heads = ["objective", "mean", "interval", "of each seed", "time of a run"]
    competitors = summary["competitors"]
    rows = [
        [
            competitor["name"],
            numbers.points(competitor["mean"]),
            numbers.interval(competitor["interval"]),
            " ".join(numbers.points(score) for score in competitor["scores"]),
            numbers.duration(competitor["seconds"]),
        ]
        for competitor in competitors
    ]
    parts.append(markdown_table(heads, rows))
    heads = ["difference", "points", "interval", "p (Holm)", "detectable", "verdict"]
    rows = [
        [
            f"{row['name']} − {row['baseline']}",
            numbers.signed(row["difference"]),
            numbers.interval(row["interval"], sign=True),
            numbers.chance(row["p_holm"]),
            numbers.points(row["detectable"]),
            row["verdict"],
        ]
        for row in summary["comparisons"]
    ]
    if rows:
        parts.append(markdown_table(heads, rows))
    support = {row["name"]: row["support"] for c in competitors for row in c["per_class"]}
    f1 = [{row["name"]: row["f1"] for row in c["per_class"]} for c in competitors]
    rows = [
        [name, numbers.count(support[name]), *(numbers.points(one.get(name)) for one in f1)]
        for name in support
    ]
    if rows:
        parts.append(f"F1 of each class (support: {summary['class_unit']})")
        parts.append(markdown_table(["class", "support", *(c["name"] for c in competitors)], rows))
    return "\n\n".join(parts) + "\n"


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""A Markdown table, first column to the left and all others to the right.

    Example:
        >>> print(markdown_table(["loss", "F1"], [["ce|dice", "41.2"]]))
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
