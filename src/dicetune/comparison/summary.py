"""Summary: everything that a comparison found, as plain data, from its records alone.

``summary.json`` is what the report, the Markdown table and the command line print; nothing that
they show is computed anywhere else. Scores and differences are fractions. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dicetune.comparison.cells import FinishedCell
from dicetune.comparison.competitors import Field, read_field, scores_of
from dicetune.comparison.curves import learning_curves, loss_against_metric
from dicetune.comparison.data_facts import data_facts
from dicetune.comparison.differences import differences, sampled
from dicetune.comparison.items import differing_items
from dicetune.comparison.markdown import markdown
from dicetune.comparison.plan import Plan
from dicetune.comparison.precision_recall import precision_recall
from dicetune.comparison.progress import folder_of, state_of
from dicetune.comparison.same_inputs import check_cells
from dicetune.errors import InputError, quoted
from dicetune.records import replace_text, write_json

SUMMARY_VERSION = 1
SUMMARY_FILE = "summary.json"
MARKDOWN_FILE = "summary.md"
SPLIT = "test"


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
    read = [FinishedCell.read(cell, folder_of(folder, cell)) for cell in plan.cells]
    cells = [own for own in read if own is not None]
    if not cells:
        raise InputError(
            f"expected at least one finished run in {quoted(Path(folder))}, got none of "
            f"{len(plan.cells)}: go on with `dicetune compare --out {folder}`"
        )
    for own in cells:
        own.check()
    unchecked = check_cells(plan, folder, cells)
    field = read_field(plan, folder, cells, SPLIT)
    curves = learning_curves(cells, plan.metric)
    items, differing = differing_items(field)
    found = differences(field, plan.baseline)
    unit, several = field.units
    return {
        "version": SUMMARY_VERSION,
        "task": plan.task,
        "title": _title(plan),
        "metric": field.problem.metrics[0],
        "metric_title": field.problem.metric_title(field.problem.metrics[0]),
        "unit": unit,
        "units": len(field.rows),
        "units_title": several,
        "sampled_title": sampled(field),
        "class_unit": field.problem.items_title or several,
        "split": SPLIT,
        "baseline": plan.baseline,
        "descriptive": found.descriptive,
        "verdict": found.verdict,
        "competitors": _competitors(field, found.intervals),
        "comparisons": found.rows,
        "method": found.method,
        "curves": curves,
        "loss_against_metric": loss_against_metric(curves),
        "precision_recall": precision_recall(field, cells, SPLIT),
        "items": items,
        "items_differing": differing,
        "several_readings": field.problem.several_readings,
        "data": data_facts(folder, cells),
        "how": _how(plan, folder, cells, unchecked),
    }


def _title(plan: Plan) -> str:
    path = plan.files[SPLIT].path if SPLIT in plan.files else ""
    return f"{plan.task} on {path.rsplit('/', 1)[-1]}" if path else plan.task


def _competitors(field: Field, intervals: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": own.name,
            "loss": own.loss,
            "decision": own.decision,
            "objective": own.objective,
            "seeds": list(own.seeds),
            **scores_of(field, own),
            "interval": intervals.get(own.name),
            "seconds": own.seconds,
            "foreign": own.foreign,
        }
        for own in field.competitors
    ]


def _how(
    plan: Plan, folder: Path, cells: Sequence[FinishedCell], unchecked: Sequence[str]
) -> dict[str, Any]:
    """How it was run: what was typed, with what, at which budget, and how each cell stands."""
    finished = {own.cell.id: own for own in cells}
    rows = []
    for cell in plan.cells:
        row = {"id": cell.id, "loss": cell.loss, "objective": cell.objective, "seed": cell.seed}
        if cell.id in finished:
            training = finished[cell.id].record.training
            row |= {
                "state": "done",
                "seconds": training["seconds"],
                "steps": training["steps"],
                "best_step": training["best_step"],
                "evaluations": len(training["history"]),
                "reason": None,
            }
        else:
            state = state_of(plan, folder, cell)
            row |= {"state": state.state, "seconds": None, "reason": state.reason}
        rows.append(row)
    notes: dict[str, int] = {}
    for own in cells:
        for note in own.record.notes:
            notes[note] = notes.get(note, 0) + 1
    return {
        "command": plan.command,
        "versions": cells[0].record.versions,
        "model": {**plan.model, "parameters": cells[0].record.model.get("parameters")},
        "device": sorted({own.record.training.get("device", "") for own in cells}),
        "files": {
            split: {"path": own.path, "sha256": own.sha256, "examples": own.examples}
            for split, own in plan.files.items()
        },
        "options": plan.options,
        "trainer": plan.trainer,
        "settings": plan.settings,
        "search": None
        if plan.search is None
        else {"trials": plan.search.trials, "found": plan.search.found},
        "foreign": plan.foreign,
        "cells": rows,
        "notes": [*plan.notes, *unchecked, *notes],
    }
