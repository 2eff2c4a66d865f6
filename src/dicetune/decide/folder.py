"""Tune a run's folder: fit on its dev scores, write the rule and what it predicts beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from dicetune.decide.guard import FOLDS
from dicetune.decide.tuned import DEV, Split, Tuned, tune_splits
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.records import (
    PREDICTIONS_FILE,
    PROBLEM_KEY,
    SCORES_FILE,
    TUNED,
    TUNED_FILE,
    check_shape,
    read_json_lines,
    write_json_lines,
)

_HEALS = "make the run again, or restore the file"
_TEXTS: list[Any] = [str]
# gold of a row of predictions, by the kind of the problem
_GOLD: dict[str, Any] = {
    "label": str,
    **dict.fromkeys(("label_set", "spans", "tags", "words", "answer"), _TEXTS),
    "entities": [{"type": str, "start": int, "end": int}],
}


def tune(
    folder: str | Path,
    *,
    objective: str | None = None,
    guard: bool = True,
    folds: int = FOLDS,
    problem: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Tuned:
    """Fit the decision rule of a run and leave it in the run's folder.

    Writes ``decision.json`` (the rule, its evidence, and the scores of the tuned decision on each
    split) and ``tuned.jsonl`` (the rows of ``predictions.jsonl`` as the rule decides them). The
    model and what the run wrote stay as they are; deleting ``decision.json`` brings the default
    back.

    Args:
        folder: of a finished run; the model itself is not needed.
        objective: see ``fit``; by default the metric that chose the checkpoint.
        guard: shrink the rule by what it gains on held-out units.
        folds: parts of the cross-fit.
        problem: of a run whose scores do not hold it (one of an earlier version).
        overwrite: replace another rule that the folder holds.

    Raises:
        InputError: a folder without dev scores or gold, or with another rule, or an objective that
            does not fit.
    """
    folder = Path(folder)
    arrays, own = read_scores(folder)
    if problem is None:
        problem = own
    if problem is None:
        raise InputError(
            f"expected scores that say what they decide, got those of an earlier version in "
            f"{quoted(Path(folder))}: tune them with `dicetune tune`, which asks the model's task"
        )
    splits = _splits(folder, problem, arrays)
    found = tune_splits(problem, splits, objective=objective, guard=guard, folds=folds)
    if not overwrite:
        found.rule.check_place(folder)
    rows = [
        {**row, "predicted": decided}
        for name, split in splits.items()
        for row, decided in zip(split.rows, found.predicted[name], strict=True)
    ]
    write_json_lines(folder / TUNED_FILE, rows)
    found.rule.save(folder, {name: scores[TUNED] for name, scores in found.metrics.items()})
    return found


def read_scores(folder: str | Path) -> tuple[dict[str, list[np.ndarray]], dict[str, Any] | None]:
    """The scores of each example of each split, and the problem where the file holds it.

    Raises:
        InputError: no run, or a file that cannot be read.
    """
    path = Path(folder) / SCORES_FILE
    if not path.is_file():
        raise InputError(
            f"expected the folder of a finished run (with {SCORES_FILE}), got "
            f"{quoted(Path(folder))}: "
            "give the --out folder of `dicetune train`, or the scores of any model with --scores"
        )
    try:
        with safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DataError(path, f"expected safetensors, got {error}") from None
    found = {}
    for name in ("dev", "test"):
        if name in arrays:
            lengths = arrays.get(f"{name}.lengths")
            if lengths is None or lengths.ndim != 1 or lengths.sum() != len(arrays[name]):
                raise DataError(path, f"expected {name}.lengths that add up to {name}: {_HEALS}")
            found[name] = np.split(arrays[name], np.cumsum(lengths)[:-1]) if len(lengths) else []
    return found, _problem(path, metadata[PROBLEM_KEY]) if PROBLEM_KEY in metadata else None


def _problem(path: Path, text: str) -> dict[str, Any]:
    """What the scores decide, as their file says it."""
    try:
        problem = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError(path, f"expected its {PROBLEM_KEY} as JSON: {_HEALS}") from None
    check_shape(path, problem, {"kind": str, "labels": [str], "metric": str}, PROBLEM_KEY)
    if problem["kind"] not in _GOLD:
        known = listed(_GOLD)
        raise DataError(
            path, f"expected one of the kinds {known}, got {quoted(problem['kind'])}: {_HEALS}"
        )
    found: dict[str, Any] = problem
    return found


def _splits(
    folder: Path, problem: Mapping[str, Any], arrays: Mapping[str, list[np.ndarray]]
) -> dict[str, Split]:
    path = folder / PREDICTIONS_FILE
    if not path.is_file():
        raise InputError(
            f"expected {PREDICTIONS_FILE} with gold in {quoted(Path(folder))}, got none"
        )
    if DEV not in arrays:
        raise InputError(
            f"expected scores of dev in {quoted(Path(folder / SCORES_FILE))}, got "
            f"{listed(arrays) or 'none'}: a rule is fitted on dev alone"
        )
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in arrays}
    shape = {"gold": _GOLD[problem["kind"]], "predicted": object}
    if problem["kind"] == "answer":
        shape |= {"span": str, "score": int | float}
    for number, row in enumerate(read_json_lines(path), 1):
        if quoted(row.get("split")) not in map(quoted, rows):
            raise DataError(
                path, f"expected a split with scores, got {quoted(row.get('split'))}", number
            )
        if row.get("gold") is None:
            raise DataError(path, "expected gold in each row, got none", number)
        check_shape(path, row, shape, f"line {number}")
        rows[row["split"]].append(row)
    found = {}
    for name, own in rows.items():
        if len(own) != len(arrays[name]):
            raise DataError(
                path,
                f"expected {len(arrays[name])} rows of {name}, one for each score, got {len(own)}",
            )
        spans = None
        if problem["kind"] == "answer":
            spans = [(str(row["span"]), float(row["score"])) for row in own]
        ids = [str(row.get("id", number)) for number, row in enumerate(own)]
        found[name] = Split(own, list(arrays[name]), ids, spans)
    return found
