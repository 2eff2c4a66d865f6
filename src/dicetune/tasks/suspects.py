"""Suspicious labels with their places: file and line, where the file is as it was in training.

``decide.suspicious`` finds the labels from the records of a run. A file is read again for the
lines alone, as the run read it; where that cannot be, the split and the row are the place. Needs no
torch.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dicetune.decide.suspicious import Suspect, Suspicion, suspicious_labels
from dicetune.errors import InputError
from dicetune.records import RunRecord
from dicetune.tasks import build_options, task_named
from dicetune.tasks.base import Data, Trained
from dicetune.tasks.digest import data_digest

SHOWN = 50
"""Labels that the report of a run lists."""

_ALONE = "dev and test alone: `train --folds` scores every text out of fold"


def located_suspects(folder: str | Path, most: int = SHOWN) -> Suspicion:
    """The ``most`` suspicious labels of a run with their places.

    Raises:
        InputError: as ``suspicious_labels``.
    """
    record, found = RunRecord.load(folder), suspicious_labels(folder, most)
    whole = "folds" in record.training
    notes = [] if whole else [_ALONE]
    splits: dict[str, Data | None] = {}
    for split in dict.fromkeys(one.split for one in found.suspects):
        try:
            splits[split] = _read_again(record, split)
        except InputError as error:
            splits[split] = None
            notes.append(f"rows are numbered, as a file cannot be read again: {error}")
    suspects = [replace(one, place=_place(one, splits[one.split])) for one in found.suspects]
    return replace(found, suspects=suspects, notes=notes, out_of_fold=whole)


def _read_again(record: RunRecord, split: str) -> Data | None:
    """The examples of a split of a run; ``None`` where the file has changed since."""
    config, known, task = record.config, record.data[split], task_named(record.config["task"])
    path = config.get(split)
    data: Data
    if path is None:  # the packaged sample is one name for all splits
        data = task.sample()[split]
    else:
        if data_digest(path) not in (None, known["sha256"]):
            return None
        options = build_options(task.Options, config["options"], use="train")
        trained = Trained(config["options"], tuple(record.labels)) if task.reads_as_train else None
        data = task.read(path, options, format=config.get("format", "auto"), trained=trained)
    most = config.get(f"max_{split}")
    data = data if most is None else data.first(most)
    return data if len(data) == known["examples"] else None


def _place(one: Suspect, data: Data | None) -> str:
    """The file and the line of a label, or its split and row."""
    if data is None:
        return f"{one.split}, row {one.row + 1}"
    entry = next(iter(data.part(one.row, one.row + 1)))
    line = None if one.word is None else entry.line_of(one.word)
    return data.place_of(entry) if line is None else f"{data.source}:{line}"
