"""Files of what a user gives: one file, tables in memory, or a data set of several splits.

A run reads files, so that it can be resumed and repeated. Tables in memory are written as Parquet,
and one file is split, in a folder beside the run or the comparison (``runs/a.data``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicetune.data.exports.read import export_at
from dicetune.data.files.hub import split_names
from dicetune.data.split import NAMES, read_shares, write_table
from dicetune.errors import InputError, quoted
from dicetune.records import sha256
from dicetune.tasks.base import Task
from dicetune.tasks.options import build_options
from dicetune.tasks.split import GIVEN, split_file

_USUAL = {"train": ("train",), "dev": ("validation", "dev", "valid", "val"), "test": ("test",)}


@dataclass(frozen=True)
class SplitRequest:
    """How one file is split: shares such as "80/10/10", a seed, and what is kept together."""

    shares: str | None = None
    seed: int | None = None
    group: str | None = None
    folds: int | None = None  # parts that are held out in turn, in place of shares

    def check_unused(self) -> None:
        """Refuse a request where nothing is split."""
        flags = {
            "split": self.shares,
            "split_seed": self.seed,
            "group": self.group,
            "folds": self.folds,
        }
        for flag, value in flags.items():
            if value is not None:
                raise InputError(
                    f"expected {flag} beside one file that is split (--data FILE), got "
                    f"{flag}={quoted(value)} without one"
                )

    def parts(self) -> tuple[list[float], dict[str, list[int]]]:
        """The shares of the folds, and the parts of the three files of each fold.

        A fold is tested on its part and chooses its checkpoint on the next one, so that its test
        scores are out of fold.
        """
        count = self.folds or 0
        if count < 3 or self.shares is not None:
            got = f"--split {self.shares}" if count >= 3 else str(self.folds)
            raise InputError(
                f"expected --folds of at least 3 (one part to test, one for the checkpoint, the "
                f"others to train), alone, got {got}"
            )
        files: dict[str, list[int]] = {}
        for fold in range(count):
            own, following = fold, (fold + 1) % count
            rest = [part for part in range(count) if part not in (own, following)]
            names = (f"{fold + 1}/{name}" for name in NAMES)
            files |= dict(zip(names, (rest, [following], [own]), strict=True))
        return [1 / count] * count, files


def is_in_memory(value: Any) -> bool:
    """Whether a value is a table of ``pandas`` or ``datasets``, not a path."""
    return type(value).__module__.partition(".")[0] in ("pandas", "datasets")


def files_of(
    task: type[Task],
    values: Mapping[str, Any],
    data: Any,
    place: Path,
    request: SplitRequest,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """The values of a configuration with the paths of files under "train", "dev" and "test".

    Args:
        task: of the run.
        values: of the configuration, in which the three may be tables in memory.
        data: a file, a table, a data set or its name, in place of train and dev; ``None`` for none.
        place: folder for what is written.
        request: how one file is split.
        overwrite: replace what an earlier call wrote.

    Raises:
        InputError: ``data`` beside train or dev, a request that splits nothing, several processes.
    """
    found = dict(values)
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise InputError(
            "expected files for several processes, got data that each would split or write: run "
            "`dicetune split FILE --out DIR` first, then give --train, --dev and --test"
        )
    if data is not None:
        if beside := [name for name in ("train", "dev") if found.get(name) is not None]:
            raise InputError(
                f"expected one file (--data) or --train and --dev, got --data beside --{beside[0]}"
            )
        found |= _splits_there(data, found.get("test"))
    for name in NAMES:
        if is_in_memory(found.get(name)):
            found[name] = _stored(found[name], place / GIVEN / f"{name}.parquet", overwrite)
    if data is None or found.get("dev") is not None:
        request.check_unused()
        return found
    options: Any = build_options(task.Options, found.get("options") or {}, use="train")
    how: dict[str, Any] = {
        "seed": 1 if request.seed is None else request.seed,
        "group": request.group,
        "format": found.get("format") or "auto",
        "options": options,
        "overwrite": overwrite,
    }
    if request.folds is not None:
        equal, parts = request.parts()
        split_file(task, found["train"], place, equal, files=parts, **how)
        return {**found, "dev": found["train"]}
    shares = read_shares(request.shares or ("80/10/10" if found.get("test") is None else "90/10"))
    if len(shares) == 3 and found.get("test") is not None:
        raise InputError(
            "expected shares of train and dev, such as 90/10, beside a test file, got three"
        )
    split = split_file(task, found["train"], place, shares, **how)
    notes = [found["note"]] if found.get("note") else []
    return {**found, **split.files, "note": "; ".join([*notes, split.said])}


def _splits_there(data: Any, test: Any) -> dict[str, Any]:
    """The splits that a data set has under their usual names; else the one table as "train"."""
    if isinstance(data, Mapping):
        names = list(data)
    else:
        alone = is_in_memory(data) or export_at(data) is not None
        names = [] if alone else split_names(data)
    if not names:
        return {"train": data if is_in_memory(data) else str(data)}

    def split(name: str) -> Any:
        return data[name] if isinstance(data, Mapping) else f"{data}:{name}"

    found = {
        own: split(next(name for name in usual if name in names))
        for own, usual in _USUAL.items()
        if {*usual} & {*names} and (own != "test" or test is None)
    }
    if "train" not in found and len(names) == 1:
        return {"train": split(names[0])}
    if "train" not in found:
        raise InputError(f"expected a data set with a split 'train', got {', '.join(names)}")
    return found


def _stored(table: Any, path: Path, overwrite: bool) -> str:
    """The file of a table in memory; another table in its place is refused, or replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    write_table(table, fresh)
    if path.is_file() and not overwrite and sha256(path) != sha256(fresh):
        fresh.unlink()
        raise InputError(
            f"expected the same table as in {quoted(path)}, got another: give overwrite=True to "
            "replace it, or another out"
        )
    fresh.replace(path)
    return str(path)
