"""Summary: everything that a comparison found, as plain data, from its records alone.

The report, the Markdown table and the command line print ``summary.json``; they compute nothing.
Scores and differences are fractions. Needs no torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dicetune import numbers
from dicetune.comparison.best import BestModel
from dicetune.comparison.competitor import PlannedLoss
from dicetune.comparison.differences import Differences, differences
from dicetune.comparison.folder import PLAN_FILE, reading
from dicetune.comparison.plan import SPLITS, DataFile, Plan, PlannedRun
from dicetune.comparison.recommend import recommend
from dicetune.comparison.results import (
    SPLIT,
    Results,
    competitor_name,
    precision_recall,
    read_results,
    told_items,
)
from dicetune.comparison.runs import FinishedRun, RunState, check_runs
from dicetune.comparison.statistics.significance import FEWEST
from dicetune.comparison.together import all_together, make_together
from dicetune.comparison.views import (
    calibration,
    confusions,
    costs,
    dials,
    learning_curves,
    loss_against_metric,
)
from dicetune.decide import DecisionRule
from dicetune.decide.folder import DEV
from dicetune.decide.suspicious import Suspicion
from dicetune.errors import DataError, DicetuneError, InputError, listed, quoted
from dicetune.problems import problem_of
from dicetune.problems.reliability import log_losses
from dicetune.records import (
    DEFAULT,
    RUN_FILE,
    TUNED,
    RunRecord,
    read_json,
    replace_text,
    write_json,
)
from dicetune.reporting import (
    SUMMARY_FILE,
    SUMMARY_VERSION,
    data_name,
    repeats_in_words,
    without_repeats,
)

INSPECTION_FILE = "inspection.json"
"""``Inspection.to_dict()`` of the three splits, where the comparison made one."""

_COUNTED = {
    "examples": "examples",
    "longest_subwords": "longest in sub-words",
    "subwords": "sub-words",
    "truncated": "texts cut short",
}

_INSPECTED = {"splits", "labels_title", "leaks", "conflicts", "conflict_examples", "warnings"}


def write_summary(
    folder: Path,
    *,
    keep: bool = False,
    called: Path | None = None,
    name: str | None = None,
    suspicion: Suspicion | None = None,
) -> dict[str, Any]:
    """Write ``summary.json`` and ``summary.md`` of a comparison or a run, and return the summary.

    The records of all seeds together are made where they are missing. With ``keep`` the recommended
    model is put into ``best/``. ``called`` is the folder in messages, where it will be moved there.
    ``name`` is the data in the title, by default as before, else their folder. It is kept in the
    plan of a comparison. ``suspicion`` has the suspicious labels of a run.
    """
    if (folder / RUN_FILE).is_file() and not (folder / PLAN_FILE).is_file():
        if name is None:
            with contextlib.suppress(DicetuneError):
                name = read_json(folder / SUMMARY_FILE).get("name")
        doubted = {"suspicious": suspicion and suspicion.to_dict()}
        summary = summarise_run(folder, name) | doubted
    else:
        plan = Plan.load(folder)
        if name is not None:
            (plan := replace(plan, name=name)).save(folder)
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
    found = differences(results, plan.baseline)
    together, _ = all_together(plan, folder, runs)
    chosen = recommend(results, runs, together)
    whole = {one.planned.loss: one for one in together if chosen["together"]}
    best = BestModel(plan, folder, chosen, whole.get(chosen["loss"]), called)
    chosen["model"] = best.keep() if keep else best.state()
    model = whole.get(chosen["loss"]) or next(
        run for run in runs if run.planned.id == chosen["runs"][0]
    )
    return {
        **_contents(plan, folder, runs, results, found, unchecked),
        "recommendation": chosen,
        "verdict": [*chosen["said"], chosen["model"]["said"], *found.verdict],
        "dials": dials(results, model, chosen["name"], chosen["decision"]),
    }


def summarise_run(folder: Path, name: str | None = None) -> dict[str, Any]:
    """What a comparison says of its runs, of one run: on test, or else on dev.

    Raises:
        DataError: records that cannot be read, or without predictions.
    """
    record = RunRecord.load(folder)
    config, loss = record.config, PlannedLoss.of(record.objective)
    run = FinishedRun(PlannedRun(folder.name, str(loss), str(loss), config["seed"]), folder, record)
    run.check()
    split = next((split for split in (SPLIT, DEV) if split in run.splits), None)
    if split is None:
        raise DataError(folder, "expected predictions of dev or test, got none")
    files = {
        name: DataFile(data["source"], data["sha256"], data["examples"])
        for name, data in record.data.items()
    }
    plan = Plan(
        task=config["task"],
        metric=run.problem["metric"],
        files=files,
        model={key: record.model[key] for key in ("name", "sha256")},
        objectives={str(loss): loss},
        seeds=(config["seed"],),
        baseline=str(loss),
        options=config["options"],
        trainer=config["trainer"],
        merged=(run.planned,),
        name=name,
    )
    results = read_results(plan, folder, [run], split)
    surprise = None
    if results.problem.independent is not None:
        gold, scores = [row["gold"] for row in results.rows], run.scores(split)
        table, truth = results.problem.chances(gold, scores)
        if len(table) == len(gold) == sum(map(len, scores)):
            surprise = log_losses(table, truth, results.problem.independent)
    items, wrong = told_items(results, wrong=True, surprise=surprise)
    whole = _contents(plan, folder, [run], results, differences(results, str(loss)))
    means = {row["name"]: row["mean"] for row in whole["competitors"]}
    told = [row for row in means if row not in results.repeats]
    tuned = competitor_name(str(loss), TUNED)
    decision = TUNED if tuned in told and config.get("decision") != DEFAULT else DEFAULT
    in_use = competitor_name(str(loss), decision)
    kinds = {str(loss): "default", tuned: "tuned"}
    scored = [f"{numbers.points(means[row])} with its {kinds[row]} decision" for row in told]
    scored.sort(key=lambda words: kinds[in_use] not in words)
    said = [f"{loss}, {whole['metric_title']} on {split}: {', '.join(scored)}."]
    rule = DecisionRule.load(folder) if decision == TUNED else None
    if rule is not None:
        said.append(f"Its rule: {'; '.join(rule.words[:6])}.")
    if split == DEV:
        said.append(
            "These are scores on dev, which chose the checkpoint and the decision: expect less on "
            "new data, and give --test for a score to report."
        )
    return {
        **whole,
        **{"single": True, "descriptive": False, "comparisons": [], "method": []},
        **{"items": items, "items_differing": wrong, "verdict": said},
        "recommendation": {"name": in_use, "loss": str(loss), "decision": decision},
        "dials": dials(results, run, in_use, decision),
    }


def _contents(
    plan: Plan,
    folder: Path,
    runs: Sequence[FinishedRun],
    results: Results,
    found: Differences,
    unchecked: Sequence[str] = (),
) -> dict[str, Any]:
    """What the summaries of a comparison and of a single run have in common."""
    curves = learning_curves(runs, plan.metric)
    items, differing = told_items(results)
    unit, several = results.units
    file = plan.files.get(results.split)
    data = plan.name or ("" if file is None else data_name(file.path))
    dates = sorted({date for run in runs if (date := run.record.training.get("date"))})
    title = [f"{plan.task} on {data}" if data else plan.task]
    title += [" to ".join(dict.fromkeys([dates[0], dates[-1]]))] if dates else []
    return {
        "version": SUMMARY_VERSION,
        "task": plan.task,
        "name": plan.name,
        "title": ", ".join(title),
        "metric": results.problem.metrics[0],
        "metric_title": results.problem.metric_title(results.problem.metrics[0]),
        "unit": unit,
        "units": len(results.rows),
        "units_title": several,
        "sampled_title": found.sampled,
        "class_unit": results.problem.items_title or several,
        "split": results.split,
        "baseline": plan.baseline,
        "descriptive": found.descriptive,
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
        "repeats": results.repeats,
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
        "confusions": confusions(results),
        "calibration": calibration(results, runs),
        "costs": costs(results, runs),
    }


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
        f"not equal for all: the head started at the training shares for {listed(starts[True])}, "
        f"evenly for {listed(starts[False])}; prior_bias true or false makes it alike"
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
    gold = [row["gold"] for row in run.predictions(split) if "gold" in row]
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
    repeats = summary.get("repeats", ())  # summaries of earlier versions name none
    competitors = [row for row in summary["competitors"] if row["name"] not in repeats]
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
        for row in without_repeats(summary["comparisons"], repeats)
    ]
    if rows:
        parts.append(markdown_table(heads, rows))
    if repeats:
        parts.append(_text(repeats_in_words(repeats)))
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
