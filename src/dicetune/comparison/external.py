"""External competitors: the predictions of any tool for the test data, in the layout of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dicetune.comparison.folder import EXTERNAL, is_folder_name
from dicetune.comparison.plan import Plan
from dicetune.comparison.runs import RunState
from dicetune.errors import InputError, quoted
from dicetune.records import (
    PREDICTIONS_FILE,
    RunRecord,
    read_json_lines,
    sha256,
    write_json_lines,
)

# what a row says of its example; the rest is what the scores of one model say
_EXAMPLE = ("split", "id", "tokens", "text", "text_b", "question", "gold")


def check_predictions(predictions: Mapping[str, str]) -> None:
    """Refuse names and files of predictions that cannot be, before anything is trained."""
    for name, file in predictions.items():
        if not is_folder_name(name):
            raise InputError(
                f"expected a name of letters, digits, spaces and . + - _ for external predictions, "
                f"got {quoted(name)}: --predictions NAME=FILE"
            )
        if not Path(file).is_file():
            raise InputError(
                f"expected a file of predictions for {quoted(name)}, got {quoted(file)}: no such"
            )


def add_external(plan: Plan, out: Path, name: str, file: str) -> Plan:
    """The plan with one more competitor, whose rows lie in ``foreign/NAME/predictions.jsonl``."""
    from dicetune.tasks import task_named

    states = (RunState.read(plan, out, planned) for planned in plan.runs)
    done = next((run.planned for run in states if run.state == "done"), None)
    if done is None:
        raise InputError("expected one finished run, whose test data they are matched with")
    folder = done.folder(out)
    record = RunRecord.load(folder)
    task = task_named(plan.task).restore(record.labels, record.settings)
    rows = [row for row in read_json_lines(folder / PREDICTIONS_FILE) if row["split"] == "test"]
    split = "test" if _names_splits(Path(file)) else None
    predicted = task.match_file(file, rows, split=split)
    place = out / EXTERNAL / name
    place.mkdir(parents=True, exist_ok=True)
    write_json_lines(
        place / PREDICTIONS_FILE,
        (
            {key: row[key] for key in _EXAMPLE if key in row} | {"predicted": prediction}
            for row, prediction in zip(rows, predicted, strict=True)
        ),
    )
    known = {**plan.external, name: {"file": file, "sha256": sha256(file)}}
    return replace(plan, external=known)


def _names_splits(file: Path) -> bool:
    """Whether the rows of a file of JSON lines say which split they are of."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        first = next((line for line in lines if line.strip()), "")
    try:
        row: Any = json.loads(first)
    except ValueError:
        return False
    return isinstance(row, dict) and "split" in row
