"""One comparison, one set of inputs: data, encoder, and files that options name, by fingerprint.

A file may change while a comparison runs, and records may come from elsewhere. Files are looked at
before each cell, and what each finished cell was made from before any verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dicetune.comparison.cells import FinishedCell
from dicetune.comparison.plan import SPLITS, Plan
from dicetune.comparison.progress import folder_of
from dicetune.errors import DataError, InputError, quoted
from dicetune.records import RunRecord, sha256

_WEIGHTS = "model.safetensors"


def check_files(plan: Plan, out: Path, what: str) -> None:
    """Refuse to train on files that are not those of the plan.

    Args:
        plan: of the comparison.
        out: its folder.
        what: would be trained, in words.

    Raises:
        InputError: a file that is gone or was changed, with the cell that was not begun.
    """
    for name, path, digest in _files(plan):
        found = sha256(path) if path.is_file() else None
        if found != digest:
            got = "no such file" if found is None else f"another one ({found[:8]})"
            raise InputError(
                f"{what} was not begun: expected the {name} file of the comparison, "
                f"{quoted(path)} ({digest[:8]}), got {got}: put back what it was and run "
                f"`dicetune compare --out {out}` again, or give another --out for a comparison on "
                "the changed file"
            )


def check_cells(plan: Plan, out: Path, cells: Sequence[FinishedCell]) -> list[str]:
    """Refuse a verdict over cells that were made from other inputs than the plan says.

    Args:
        plan: of the comparison.
        out: its folder.
        cells: finished ones.

    Returns:
        Notes on what has no fingerprint, and so could not be checked.

    Raises:
        DataError: a cell with other data, another encoder, other labels or settings.
    """
    unknown: dict[str, int] = {}
    for own in cells:
        for name, planned, told in _told(plan, own):
            if planned != told and planned is not None and told is not None:
                raise DataError(
                    own.folder,
                    f"expected cell {own.cell.id} to be made from the {name} of the comparison "
                    f"({_short(planned)}), got another ({_short(told)}): {_mend(plan, out, own)}",
                )
            if planned is None or told is None:
                unknown[name] = unknown.get(name, 0) + 1
    check_read_alike((own.folder, own.record) for own in cells)
    return [
        f"{name}: {count} of {len(cells)} runs have no fingerprint, so that it was not checked "
        "whether all were made from the same"
        for name, count in unknown.items()
    ]


def check_read_alike(runs: Iterable[tuple[Path, RunRecord]]) -> None:
    """Refuse runs whose task has other labels or reads otherwise (queries, the scheme of tags).

    Settings that are numbers (a stride, a threshold) are choices of a run: whoever compares their
    configurations says that they differ.

    Args:
        runs: folder and record of each.

    Raises:
        DataError: the first run that differs from the first of all, and in what.
    """
    first: tuple[Path, dict[str, Any]] | None = None
    for folder, record in runs:
        own = {"labels": record.labels} | {
            name: value for name, value in record.settings.items() if not _is_number(value)
        }
        if first is None:
            first = folder, own
        for name in first[1].keys() | own.keys():
            if first[1].get(name) != own.get(name):
                raise DataError(
                    folder,
                    f"expected the {name} that {quoted(first[0])} has, "
                    f"{quoted(first[1].get(name))}, got {quoted(own.get(name))}: make one of the "
                    "two runs again, or leave it out",
                )


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def _files(plan: Plan) -> list[tuple[str, Path, str]]:
    """Name, place and fingerprint of each file that is known to decide a cell."""
    files = [(split, file.path, file.sha256) for split, file in plan.files.items()]
    files += [(name, plan.options[name], digest) for name, digest in plan.option_files.items()]
    place = Path(plan.model["name"] or "")
    if place.is_dir():  # what a name stands for lies in a cache, and is not edited
        files.append(("encoder", str(place / _WEIGHTS), plan.model["sha256"]))
    return [(name, Path(path), digest) for name, path, digest in files if digest is not None]


def _told(plan: Plan, own: FinishedCell) -> list[tuple[str, Any, Any]]:
    """What the plan and what the record of a cell say of each input; ``None`` where they do not."""
    told: list[tuple[str, Any, Any]] = []
    for split in SPLITS:
        file, made = plan.files.get(split), own.record.data.get(split, {})
        if file is None:
            continue
        told.append((f"number of {split} examples", file.examples, made.get("examples")))
        if not file.path.startswith("sample:"):
            told.append((f"{split} data", file.sha256, made.get("sha256")))
    return [*told, ("encoder", plan.model.get("sha256"), own.record.model.get("sha256"))]


def _short(value: Any) -> str:
    return quoted(value[:8]) if isinstance(value, str) else quoted(value)


def _mend(plan: Plan, out: Path, own: FinishedCell) -> str:
    if plan.merged is not None:
        return "leave that run out of the comparison"
    return (
        f"delete {quoted(folder_of(out, own.cell))} and run `dicetune compare --out {out}` again, "
        "which makes it anew from the files of the comparison"
    )
