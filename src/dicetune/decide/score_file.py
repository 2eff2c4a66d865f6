"""Tune the scores of any model, from JSON lines; needs numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.files.json_objects import is_name, json_objects
from dicetune.data.files.text import NoteBook, check_target, read_lines
from dicetune.decide.decisions import Fixed
from dicetune.decide.guard import FOLDS
from dicetune.decide.kinds import DECISIONS, decisions_on
from dicetune.decide.one_column import both_classes
from dicetune.decide.score_gold import with_labels
from dicetune.decide.score_rows import ScoreRow, best_span, kind_of, labels_of, scores_of
from dicetune.decide.tuned import DEV, Split, Tuned, tune_splits
from dicetune.errors import DataError, InputError, quoted, unknown_name
from dicetune.metrics.classification import positive_class
from dicetune.records import TUNED

TUNABLE = tuple(kind for kind, own in DECISIONS.items() if own is not Fixed)


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
    overwrite: bool = False,
    report: Callable[[str], None] = lambda line: None,
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
        overwrite: replace another rule, or another file, there.
        report: takes a line for what was matched or read otherwise than it is written.

    Raises:
        DataError: a row without gold or scores, with its line; gold that no score can meet.
        InputError: an objective or a class that there is not; a file that would be replaced.
    """
    if out is not None:
        check_target(out)
    notes = NoteBook()
    rows = _read(path)
    if gold is not None:
        rows = _with_gold(rows, _read(gold), notes)
    for row in rows:
        if row.values.get("gold") is None:
            raise row.error("expected gold in each row, got none: give it there, or with --gold")
    chosen = kind or kind_of(rows[0])
    if chosen not in TUNABLE:
        raise unknown_name("kind of predictions", chosen, TUNABLE)
    if chosen == "label":
        rows, positive = both_classes(rows, positive, notes)
    labels = labels_of(chosen, rows)
    rows = with_labels(chosen, labels, rows, notes)
    problem = _problem(chosen, labels, rows, positive)
    for note in notes.notes():
        report(str(note))
    splits = _splits(problem, rows)
    found = tune_splits(problem, splits, objective=objective, guard=guard, folds=folds)
    if out is not None:
        if not overwrite:
            found.rule.check_place(out)
        found.rule.save(out, {name: scores[TUNED] for name, scores in found.metrics.items()})
    return found


def _problem(
    kind: str, labels: Sequence[str], rows: Sequence[ScoreRow], positive: str | None
) -> dict[str, Any]:
    problem: dict[str, Any] = {"kind": kind, "labels": labels}
    if kind == "label":
        counts = {label: sum(row.values["gold"] == label for row in rows) for label in labels}
        problem["positive"] = positive_class(counts, positive)
    elif positive is not None:
        raise InputError(f"expected no positive class for {kind}, got {quoted(positive)}")
    if kind == "spans":
        letters = {label[:2] for label in labels}
        problem["scheme"] = "iobes" if letters & {"E-", "S-"} else "iob2"
        problem["background"] = "O"
    if kind == "answer":
        problem |= {"null": True, "form": "softmax", "null_threshold": 0.0}
    return problem


def _read(path: str | Path) -> list[ScoreRow]:
    """The rows of a file, each id once in a split."""
    rows = [ScoreRow(row, str(path), line) for line, row in json_objects(read_lines(path), path)]
    seen: dict[tuple[Any, str], int] = {}
    for row in rows:
        if row.values.get("id") is None:
            continue
        key = _key(row.values, row)
        if key in seen:
            raise row.error(
                f"expected each id once, got {quoted(row.values['id'])} again, first on line "
                f"{seen[key]}"
            )
        seen[key] = row.line
    if seen and len(seen) < len(rows):
        raise DataError(
            path, f"expected an 'id' in every row or in none, got {len(seen)} in {len(rows)} rows"
        )
    return rows


def _key(values: Mapping[str, Any], row: ScoreRow) -> tuple[Any, str]:
    """Split and id."""
    if not is_name(values["id"]):
        raise row.error(f"expected a text or a whole number as 'id', got {quoted(values['id'])}")
    split = values.get("split")
    if split is not None and not isinstance(split, str):
        raise row.error(f"expected a text as 'split', got {quoted(split)}")
    return split, str(values["id"])


def _with_gold(
    rows: Sequence[ScoreRow], gold: Sequence[ScoreRow], notes: NoteBook
) -> list[ScoreRow]:
    """Rows with the gold of the other file: by id where both have ids, else by place."""
    source, other = rows[0].source, gold[0].source
    named = ["id" in own[0].values for own in (rows, gold)]
    if all(named):
        return _by_id(rows, {_key(row.values, row): row for row in gold}, notes)
    if len(rows) != len(gold):
        raise DataError(other, f"expected {len(rows)} rows as in {source}, got {len(gold)}")
    if any(named):
        notes.add(f"no ids in {other if named[0] else source}: joined by order", source, len(rows))
    return [row.changed(gold=own.values.get("gold")) for row, own in zip(rows, gold, strict=True)]


def _by_id(
    rows: Sequence[ScoreRow], gold: Mapping[tuple[Any, str], ScoreRow], notes: NoteBook
) -> list[ScoreRow]:
    """Gold of the same split and id, or of the same id where the gold names no split."""
    other = next(iter(gold.values())).source
    found, used = [], set()
    for row in rows:
        split, name = _key(row.values, row)
        key = (split, name) if (split, name) in gold else (None, name)
        if key not in gold:
            raise row.error(f"expected an id of {other}, got {quoted(row.values['id'])}")
        used.add(key)
        found.append(row.changed(gold=gold[key].values.get("gold")))
    left = [row for key, row in gold.items() if key not in used]
    if left:
        first = ", ".join(quoted(row.values["id"]) for row in left[:3])
        notes.add(f"gold of ids without scores: not counted (first {first})", other, len(left))
    return found


def _splits(problem: Mapping[str, Any], rows: Sequence[ScoreRow]) -> dict[str, Split]:
    kind, labels = problem["kind"], problem["labels"]
    found: dict[str, Split] = {}
    for row in rows:
        name = row.values.get("split", DEV)
        if not isinstance(name, str):
            raise row.error(f"expected a text as 'split', got {quoted(name)}")
        split = found.setdefault(name, Split([], [], [], []))
        split.rows.append(dict(row.values))
        split.ids.append(str(row.values.get("id", row.line)))
        split.scores.append(scores_of(kind, labels, row))
        if kind == "answer" and split.spans is not None:
            split.spans.append(best_span(row))
    for split in found.values():
        decided = decisions_on(problem, split.gold, split.scores, split.spans).predicted({})
        for place, (values, own) in enumerate(zip(split.rows, decided, strict=True)):
            split.rows[place] = {**values, "predicted": own}
    return found
