"""Tune the scores of any model, from JSON lines; needs numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dicetune.data.files.json_lines import json_objects
from dicetune.data.files.open_text import read_lines
from dicetune.decide.guard import FOLDS
from dicetune.decide.kinds import DECISIONS, decisions_on
from dicetune.decide.score_rows import best_span, kind_of, labels_of, scores_of
from dicetune.decide.tuned import DEV, Split, Tuned, tune_splits
from dicetune.errors import DataError, InputError, quoted, unknown_name
from dicetune.metrics.classification import positive_class
from dicetune.records import TUNED

Row = dict[str, Any]


def tune_scores(
    path: str | Path,
    gold: str | Path | None = None,
    *,
    kind: str | None = None,
    positive: str | None = None,
    objective: str | None = None,
    guard: bool = True,
    folds: int = FOLDS,
    out: str | Path | None = None,
) -> Tuned:
    """Fit a decision rule on scores that any model gave.

    Args:
        path: JSON lines as ``score_rows`` describes them. Rows may name their split: the rule is
            fitted on "dev" (and on all rows where none names one) and scored on the others.
        gold: JSON lines with "gold", and "id" where the other rows have it, in place of the gold
            in the rows.
        kind: of the predictions, where the first row would be misread.
        positive: the class whose F1 is asked for; of two "1" or "positive", else the rarer.
        objective: see ``fit``.
        guard: see ``fit``.
        folds: see ``fit``.
        out: file that the rule is written to.

    Raises:
        DataError: a row without gold or scores, with its line.
        InputError: an objective or a class that there is not.
    """
    source = str(path)
    rows = _read(path)
    if gold is not None:
        rows = _with_gold(rows, _read(gold), source, str(gold))
    for line, row in enumerate(rows, 1):
        if row.get("gold") is None:
            raise DataError(
                source, "expected gold in each row, got none: give it there, or with --gold", line
            )
    chosen = kind or kind_of(rows[0], source, 1)
    if chosen not in DECISIONS:
        raise unknown_name("kind of predictions", chosen, DECISIONS)
    labels = labels_of(chosen, rows, source)
    problem: dict[str, Any] = {"kind": chosen, "labels": labels}
    if chosen == "label":
        counts = {label: sum(str(row["gold"]) == label for row in rows) for label in labels}
        problem["positive"] = positive_class(counts, positive)
        rows = [{**row, "gold": str(row["gold"])} for row in rows]
    elif positive is not None:
        raise InputError(f"expected no positive class for {chosen}, got {quoted(positive)}")
    if chosen == "spans":
        letters = {label[:2] for label in labels}
        problem["scheme"] = "iobes" if letters & {"E-", "S-"} else "iob2"
        problem["background"] = "O"
    if chosen == "answer":
        problem |= {"null": True, "form": "softmax", "null_threshold": 0.0}
    splits = _splits(problem, rows, source)
    found = tune_splits(problem, splits, objective=objective, guard=guard, folds=folds)
    if out is not None:
        found.rule.save(out, {name: scores[TUNED] for name, scores in found.metrics.items()})
    return found


def _read(path: str | Path) -> list[Row]:
    if not Path(path).is_file():
        raise InputError(
            f"expected a file of JSON lines, got {quoted(Path(path))}, which is not one"
        )
    return [dict(row) for _, row in json_objects(read_lines(path), path)]


def _with_gold(rows: Sequence[Row], gold: Sequence[Row], source: str, other: str) -> list[Row]:
    """Rows with the gold of the other file: by id where both have ids, else by place."""
    if all("id" in row for row in (*rows, *gold)):
        known = {str(row["id"]): row.get("gold") for row in gold}
        for line, row in enumerate(rows, 1):
            if str(row["id"]) not in known:
                raise DataError(source, f"expected an id of {other}, got {quoted(row['id'])}", line)
        return [{**row, "gold": known[str(row["id"])]} for row in rows]
    if len(rows) != len(gold):
        raise DataError(other, f"expected {len(rows)} rows as in {source}, got {len(gold)}")
    return [{**row, "gold": own.get("gold")} for row, own in zip(rows, gold, strict=True)]


def _splits(problem: dict[str, Any], rows: Sequence[Row], source: str) -> dict[str, Split]:
    kind, labels = problem["kind"], problem["labels"]
    found: dict[str, Split] = {}
    for line, row in enumerate(rows, 1):
        split = found.setdefault(str(row.get("split", DEV)), Split([], [], [], []))
        split.rows.append(row)
        split.ids.append(str(row.get("id", line)))
        split.scores.append(scores_of(kind, labels, row, source, line))
        if kind == "answer" and split.spans is not None:
            split.spans.append(best_span(row))
    for split in found.values():
        decided = decisions_on(problem, split.gold, split.scores, split.spans).predicted({})
        for place, (row, own) in enumerate(zip(split.rows, decided, strict=True)):
            split.rows[place] = {**row, "predicted": own}
    return found
