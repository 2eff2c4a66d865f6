"""split_file: one file with gold becomes train, dev and test, in a folder that says how.

The folder holds a file for each part, in the format of the source, and ``split.json``: the source
and its digest, the shares, the seed, the column that was kept together, how many examples and
labels each part has, and the digest of each part. The same request finds the parts again.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.data.exports.read import export_of
from dicetune.data.files.text import read_lines
from dicetune.data.split import NAMES, blocks_of, deal_out, ending_of, remove_part, write_split
from dicetune.errors import DataError, InputError, listed, quoted, unknown_name
from dicetune.records import read_json, silent_log, write_json
from dicetune.tasks.base import Data, Task, Trained
from dicetune.tasks.digest import data_digest

SPLIT_FILE = "split.json"
GIVEN = "given"
"""Folder of tables that were given in memory, beside the parts."""

NO_GROUP = "none"
"""Value of ``group`` that keeps not even documents together."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitFiles:
    """The parts of a file: where they are, and the record that says how they were made."""

    folder: Path
    record: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> SplitFiles:
        """The split that was written to a folder."""
        return cls(folder, read_json(folder / SPLIT_FILE))

    @property
    def files(self) -> dict[str, str]:
        """The path of each part."""
        return {name: str(self.folder / part["file"]) for name, part in self._parts.items()}

    @property
    def said(self) -> str:
        """How the parts were made, in a sentence."""
        return str(self.record["said"])

    @property
    def _parts(self) -> dict[str, Any]:
        return dict(self.record["parts"])

    def is_whole(self) -> bool:
        """Whether each part is as it was written."""
        return all(
            data_digest(path) == part["sha256"]
            for path, part in zip(self.files.values(), self._parts.values(), strict=True)
        )

    def to_dict(self) -> dict[str, Any]:
        """The record, with the folder."""
        return {"folder": str(self.folder), **self.record}


def split_file(
    task: type[Task],
    path: str | Path,
    folder: Path,
    shares: Sequence[float],
    *,
    seed: int = 1,
    group: str | None = None,
    files: Mapping[str, Sequence[int]] | None = None,
    format: str = "auto",
    options: Any = None,
    overwrite: bool = False,
) -> SplitFiles:
    """Split a file with gold into parts, or find the parts of the same request again.

    Args:
        task: reads the file.
        path: of the file, or a data set as the task reads it.
        folder: for the parts and ``split.json``.
        shares: of the parts, which sum to 1.
        seed: the same seed gives the same parts.
        group: column whose equal values stay in one part; by default documents stay together,
            where the file names several; "none" for neither.
        files: the parts of which each file is made, by its name; by default a file each.
        format: of the file.
        options: of the task.
        overwrite: replace the parts of another request.

    Raises:
        InputError: another split in the folder, or too few blocks for the parts.
        DataError: a file that cannot be read, or has no such column.
    """
    options = task.Options() if options is None else options
    request = {
        "source": str(path),
        "sha256": data_digest(path),
        "task": task.name,
        "options": {name: value for name, value in vars(options).items() if value is not None},
        "format": format,
        "shares": [round(share, 6) for share in shares],
        "seed": seed,
        "group": group,
        "files": None if files is None else dict(files),
    }
    if (earlier := _found(folder, request, overwrite)) is not None:
        return earlier
    corpus = task.read(path, options, format=format)
    groups, notes = _groups(task, path, corpus, group, len(shares), options, format)
    entries = list(corpus)
    ties: list[list[Any]] = [[("same", key) for key in corpus.ties_of(one)] for one in entries]
    equal = len(ties) - len({own[0] for own in ties})
    # several texts of an export may be on one line
    by_line = not corpus.is_document and export_of(path) is None
    for tie, entry, value in zip(ties, entries, groups, strict=True):
        tie += [] if value is None else [("group", value)]
        tie += [("line", entry.line)] if by_line and entry.line is not None else []
    strata = [corpus.strata_of(entry) for entry in entries]
    parts = deal_out(strata, blocks_of(ties), shares, seed)
    whole = files or {name: [number] for number, name in enumerate(NAMES[: len(shares)])}
    chosen = {name: np.flatnonzero(np.isin(parts, own)).tolist() for name, own in whole.items()}
    if empty := [name for name, own in chosen.items() if not own]:
        raise DataError(
            path,
            f"expected examples for {listed(chosen)}, got none for {listed(empty)}: equal texts, "
            "groups and documents stay together; give other shares, or --group none",
        )
    if files is not None:
        _check_each_label(path, task.of(corpus, options).labels, strata, parts)
    paths = {name: folder / f"{name}{ending_of(path)}" for name in chosen}
    for file in paths.values():
        file.parent.mkdir(parents=True, exist_ok=True)
    write_split(path, corpus, {paths[name]: own for name, own in chosen.items()})
    keys = [(tie[0], sorted(own)) for tie, own in zip(ties, strata, strict=True)]
    wanted = {paths[name]: [keys[number] for number in own] for name, own in chosen.items()}
    _check_read_back(task, path, wanted, options, format)
    counts = {
        name: Counter(label for n in own for label in strata[n]) for name, own in chosen.items()
    }
    labels = sorted(set().union(*counts.values()))
    for name, count in counts.items() if files is None else ():
        if missing := [label for label in labels if not count[label]]:
            notes.append(f"{name} has no {listed(missing, most=5)}: too few for every part")
    record = {
        **request,
        "parts": {
            name: {
                "file": str(file.relative_to(folder)),
                "sha256": data_digest(file),
                "examples": len(chosen[name]),
            }
            for name, file in paths.items()
        },
        "labels": {label: {name: counts[name][label] for name in counts} for label in labels},
        "equal": equal,
        "notes": notes,
        **({} if files is None else {"part": " ".join(map(str, parts.tolist()))}),
        "said": _said(request, np.bincount(parts).tolist(), equal, groups),
    }
    write_json(folder / SPLIT_FILE, record)
    for note in notes:
        _log.info(note)
    return SplitFiles(folder, record)


def _check_read_back(
    task: type[Task], path: str | Path, wanted: Mapping[Path, list[Any]], options: Any, format: str
) -> None:
    """Refuse parts that are read in another way than the file, whose layout is found by content."""
    trained = None
    for file, expected in wanted.items():
        try:
            with silent_log(when=True):
                part = task.read(file, options, format=format, trained=trained)
            found = [(("same", part.ties_of(one)[0]), sorted(part.strata_of(one))) for one in part]
            got = f"{len(found)} examples" + (", others" if len(found) == len(expected) else "")
        except DataError as error:
            found, got = [], str(error)
        if found != expected:
            for other in wanted:
                remove_part(other)
            raise DataError(
                path,
                f"expected parts that are read like the whole file, got {got}, for the "
                f"{len(expected)} of {file.name}: name what is found by content in each file "
                "(--format, -o quoting=, -o header=, -o scheme=)",
            )
        if task.reads_as_train and trained is None:
            trained = Trained(vars(options), tuple(task.of(part, options).labels))


def _check_each_label(
    path: str | Path, labels: Sequence[str], strata: Sequence[Sequence[str]], parts: np.ndarray
) -> None:
    """Refuse a label of the model that two parts may hold alone: a fold trains without both."""
    found: dict[str, set[int]] = {}
    for own, part in zip(strata, parts.tolist(), strict=True):
        for label in own:
            found.setdefault(label, set()).add(part)
    named = {*labels, *(label.partition("-")[2] for label in labels)}
    if few := sorted(label for label, own in found.items() if len(own) < 3 and label in named):
        raise DataError(
            path,
            f"expected examples of each label in at least 3 parts, so that every fold trains on "
            f"it, got fewer of {listed(few)}: merge or leave out these labels",
        )


def _found(folder: Path, request: Mapping[str, Any], overwrite: bool) -> SplitFiles | None:
    """The parts of the same request; another split in the folder is refused, or given up."""
    if not folder.exists():
        return None
    if not (folder / SPLIT_FILE).is_file():
        if folder.is_dir() and {path.name for path in folder.iterdir()} <= {GIVEN}:
            return None
        raise InputError(
            f"expected a new or empty folder for the split, got {quoted(folder)} without "
            f"{SPLIT_FILE}: give another --out"
        )
    earlier = SplitFiles.load(folder)
    changed = [name for name in request if earlier.record.get(name) != request[name]]
    if not changed and earlier.is_whole():
        _log.info("the split is there: %s", folder)
        return earlier
    if not overwrite:
        why = f"another {listed(changed)}" if changed else "parts that were changed since"
        raise InputError(
            f"expected the same split in {quoted(folder)}, got {why}: give --overwrite to make it "
            "again, or another --out"
        )
    for path in earlier.files.values():
        remove_part(Path(path))
    return None


def _groups(
    task: type[Task],
    path: str | Path,
    corpus: Data,
    group: str | None,
    parts: int,
    options: Any,
    format: str,
) -> tuple[list[Any], list[str]]:
    """What each example is kept together by, and notes."""
    if group == NO_GROUP:
        return [None] * len(corpus), []
    if group is None:
        documents = [getattr(entry, task.document_name, None) for entry in corpus]
        several = len(set(documents) - {None})
        if 0 < several < parts:
            shown = f"{several} document{'s' * (several > 1)}"
            return [None] * len(corpus), [f"the file has {shown}: documents are parted"]
        return documents, []
    table = getattr(task.read(path, options, format=format, gold=False), "table", None)
    if table is not None and len(table.rows) == len(corpus):
        if group not in table.names:
            raise unknown_name("column for --group", group, table.names)
        column = table.names.index(group)
        return _named_groups([row[column] for row in table.rows], group)
    lines = read_lines(path) if Path(path).is_file() else []
    found = []
    for entry in corpus:
        try:
            found.append(json.loads(lines[entry.line - 1])[group])
        except (ValueError, TypeError, IndexError, KeyError):
            raise DataError(
                path,
                f"expected the column {quoted(group)} for --group, got none: it is for tables and "
                "JSON lines; documents of other files stay together without it",
                line=entry.line,
            ) from None
    return _named_groups(found, group)


def _named_groups(values: Sequence[Any], group: str) -> tuple[list[Any], list[str]]:
    """Groups by name; a row without a name is in no group."""
    named = [None if value is None or str(value).strip() == "" else str(value) for value in values]
    note = f"{named.count(None):,} rows have no {group}, and are in no group"
    return named, [note] if None in named else []


def _said(
    request: Mapping[str, Any], sizes: Sequence[int], equal: int, groups: Sequence[Any]
) -> str:
    digest = "" if request["sha256"] is None else f" ({request['sha256'][:8]})"
    kept = [f"{equal} repeated texts beside their first"] if equal else []
    if request["group"] not in (None, NO_GROUP):
        kept.append(f"rows of the same {request['group']}")
    elif any(value is not None for value in groups):
        kept.append("documents")
    together = f"; kept together: {listed(kept)}" if kept else ""
    names = NAMES if len(sizes) <= len(NAMES) else [f"{n}:" for n in range(1, len(sizes) + 1)]
    shown = ", ".join(f"{name} {size:,}" for name, size in zip(names, sizes, strict=False))
    return (
        f"split of {request['source']}{digest} with seed {request['seed']}, stratified by label: "
        f"{shown}{together}"
    )
