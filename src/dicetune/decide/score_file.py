"""Tune the scores of any model, from JSON lines; needs numpy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.files.json_objects import is_name, json_objects
from dicetune.data.files.text import NoteBook, check_target, log_notes, read_lines
from dicetune.decide.folder import DEV, Split, Tuned, tune_splits
from dicetune.decide.form import PLAIN, RuleForm
from dicetune.decide.held_out import FOLDS
from dicetune.errors import DataError, quoted, unknown_name
from dicetune.problems import PROBLEMS, Problem, ScoreRow, problem_shown
from dicetune.records import TUNED

TUNABLE = tuple(kind for kind, problem in PROBLEMS.items() if problem.tunable)

ScoreSource = str | Path | Sequence[Mapping[str, Any]]


def tune_scores(
    path: ScoreSource,
    gold: ScoreSource | None = None,
    *,
    kind: str | None = None,
    positive: str | None = None,
    objective: str | None = None,
    guard: bool = True,
    folds: int = FOLDS,
    out: str | Path | None = None,
    overwrite: bool = False,
    confidence: float | None = None,
    form: RuleForm = PLAIN,
) -> Tuned:
    """Fit a decision rule on scores that any model gave.

    Args:
        path: JSON lines as ``score_rows`` describes them. Rows may name their split: the rule is
            fitted on "dev" (without split names on all rows) and scored on the other splits.
        gold: JSON lines with "gold", and "id" where the other rows have it, in place of the gold
            in the rows.
        kind: type of the predictions; by default found from the first row.
        positive: the class whose F1 is raised; of two classes by default "1" or "positive", else
            the rarer class.
        objective: see ``fit``.
        guard: see ``fit``.
        folds: see ``fit``.
        out: file that the rule is written to.
        overwrite: replace another rule, or another file, there.
        confidence: see ``fit``.
        form: what the rule has beside its biases.

    Raises:
        DataError: a row without gold or scores, with its line; gold that no score can meet.
        InputError: an unknown objective or class; a file that would be replaced.
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
    if kind is not None and kind not in TUNABLE:
        raise unknown_name("kind of predictions", kind, TUNABLE)
    shown = problem_shown(rows[0]) if kind is None else PROBLEMS[kind]
    problem, rows = shown.from_rows(rows, positive, notes.add)
    log_notes(notes.notes())
    splits = _splits(problem, rows)
    how: dict[str, Any] = {"objective": objective, "guard": guard, "folds": folds}
    found = tune_splits(problem, splits, **how, confidence=confidence, form=form)
    if out is not None:
        if not overwrite:
            found.rule.check_place(out)
        found.rule.save(out, {name: scores[TUNED] for name, scores in found.metrics.items()})
    return found


def _read(source: ScoreSource) -> list[ScoreRow]:
    """The rows of a file or of memory, each id once in a split."""
    path = source if isinstance(source, str | Path) else "rows"
    if isinstance(source, str | Path):
        found = json_objects(read_lines(source), source)
        rows = [ScoreRow(row, str(path), place.line or 0) for place, row in found]
    else:
        rows = [ScoreRow(dict(row), "rows", line) for line, row in enumerate(source, 1)]
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
    """Rows with the gold of the other file: by id where both have ids, else by order."""
    source, other = rows[0].source, gold[0].source
    named = ["id" in file[0].values for file in (rows, gold)]
    if all(named):
        return _by_id(rows, {_key(row.values, row): row for row in gold}, notes)
    if len(rows) != len(gold):
        raise DataError(other, f"expected {len(rows)} rows as in {source}, got {len(gold)}")
    if any(named):
        notes.add(f"no ids in {other if named[0] else source}: joined by order", source, len(rows))
    return [
        row.changed(gold=right.values.get("gold")) for row, right in zip(rows, gold, strict=True)
    ]


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


def _splits(problem: Problem, rows: Sequence[ScoreRow]) -> dict[str, Split]:
    named: dict[str, list[ScoreRow]] = {}
    for row in rows:
        name = row.values.get("split", DEV)
        if not isinstance(name, str):
            raise row.error(f"expected a text as 'split', got {quoted(name)}")
        named.setdefault(name, []).append(row)
    found = {}
    for name, part in named.items():
        gold, scores = [row.values["gold"] for row in part], [*map(problem.read_scores, part)]
        extras = [problem.extra(row.values) for row in part]
        default = problem.decisions(gold, scores, extras).predicted({})
        ids = [str(row.values.get("id", row.line)) for row in part]
        pairs = zip(part, ids, strict=True)
        groups = [str(row.values.get("document", own)) for row, own in pairs]
        found[name] = Split(gold, default, scores, ids, groups, extras)
    # the order of the columns: dev first, wherever it stands in the file
    return dict(sorted(found.items(), key=lambda pair: pair[0] != DEV))
