"""Plan: which runs a comparison consists of, on disk as ``comparison.json``. Needs no torch.

A cell is one loss with one seed. Its id is a readable slug and a short hash of what decides the
run: data and model by their fingerprints, not by where they lie, so that the same cell has the same
id on every machine, and a changed configuration has another.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dicetune.comparison.stored import is_folder_name, reading, refuse_links
from dicetune.errors import DataError, InputError, quoted
from dicetune.records import check_shape, read_json, sha256, versions, write_json

PLAN_FILE = "comparison.json"
PLAN_VERSION = 1
SPLITS = ("train", "dev", "test")
CELLS = "cells"
"""Folder of the runs of a comparison."""

# of a configuration: where things lie, and what says nothing of how a run goes
_PLACES = ("train", "dev", "test", "model", "out", "note", "keep_checkpoints")
_SLUG_LENGTH = 40
_MEND = "put back a whole one, or give another --out"
_SHAPE: dict[str, Any] = {
    **dict.fromkeys(("task", "metric", "baseline", "command"), str),
    **dict.fromkeys(("options", "trainer", "settings", "versions"), dict),
    "files": {...: {"path": str, "sha256": str | None, "examples": int}},
    "model": {"name": str | None, "sha256": str | None},
    "objectives": {...: {"loss": str}},
    "seeds": [int],
    "search": dict | None,
    "foreign": {...: {"file": str}},
    "cells": [{"id": str, "loss": str, "objective": str, "seed": int}],
    "merged": bool,
    "notes": [str],
}


@dataclass(frozen=True)
class DataFile:
    """One split.

    Args:
        path: as it was given, or the name of a data set.
        sha256: of the file; ``None`` where there is no file.
        examples: how many of it are used.
    """

    path: str
    sha256: str | None
    examples: int

    @property
    def fingerprint(self) -> str:
        """What tells this data from other data, wherever it lies."""
        return f"{self.sha256 or self.path} ({self.examples} examples)"

    def __str__(self) -> str:
        digest = "" if self.sha256 is None else f" ({self.sha256[:8]})"
        return f"{self.path}{digest}, {self.examples} examples"


@dataclass(frozen=True)
class Objective:
    """What one competitor trains with.

    Args:
        loss: spec of the loss.
        start_loss: spec of the start phase's.
        start_share: share of the steps that it takes.
        learning_rate: where it was searched for; else that of the plan.
    """

    loss: str
    start_loss: str | None = None
    start_share: float | None = None
    learning_rate: float | None = None

    def __str__(self) -> str:
        if self.start_loss is None or self.start_share is None:
            return self.loss
        share = f"{100 * self.start_share:g}%"
        return f"{self.start_loss} for {share} of the steps, then {self.loss}"


@dataclass(frozen=True)
class Search:
    """A search for hyper-parameters before the cells, with as many trials for every loss.

    Args:
        trials: of each loss.
        seed: of all trials; none of the compared ones.
        found: the best trial of each loss, as it was told, once its search is over.
    """

    trials: int
    seed: int
    found: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """One run of the comparison.

    Args:
        id: stable name, also of its folder.
        loss: the competitor's name.
        objective: what it trains with, in words.
        seed: of everything random.
    """

    id: str
    loss: str
    objective: str
    seed: int


@dataclass(frozen=True)
class Plan:
    """A comparison: what is compared, on what, at which budget.

    Args:
        task: name of the task.
        metric: the dev score that chooses checkpoints, and that is compared.
        files: the three splits.
        model: name and fingerprint of the encoder.
        objectives: what each competitor trains with, by its name, in the order given.
        seeds: of every competitor.
        baseline: with which the others are compared.
        options: of the task.
        trainer: keys of ``transformers.TrainingArguments``, in full.
        settings: everything else of the configuration that is no default.
        search: for hyper-parameters, if there is one.
        keep_models: whether cells keep their weights.
        foreign: file and SHA-256 of each foreign competitor's predictions, by name.
        merged: runs that are given and not planned, where records were merged.
        notes: what a reader should know, in sentences.
        command: what was typed first.
        versions: of the libraries, when the plan was made.
        option_files: SHA-256 of each file that an option of the task names (queries, label names).
        code: SHA-256 of the file behind each loss of a user's own, by its ``py(module:Class)``.
    """

    task: str
    metric: str
    files: dict[str, DataFile]
    model: dict[str, str | None]
    objectives: dict[str, Objective]
    seeds: tuple[int, ...]
    baseline: str
    options: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    search: Search | None = None
    keep_models: bool = False
    foreign: dict[str, dict[str, Any]] = field(default_factory=dict)
    merged: tuple[Cell, ...] | None = None
    notes: tuple[str, ...] = ()
    command: str = ""
    versions: dict[str, str] = field(default_factory=versions)
    option_files: dict[str, str] = field(default_factory=dict)
    code: dict[str, str | None] = field(default_factory=dict)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Losses × seeds, a seed of every loss before the next seed: soon there is something."""
        if self.merged is not None:
            return self.merged
        return tuple(
            Cell(self._id(name, seed), name, str(objective), seed)
            for seed in self.seeds
            for name, objective in self.objectives.items()
        )

    def base(self) -> dict[str, Any]:
        """The configuration that all cells share."""
        return {
            "task": self.task,
            **self.settings,
            **_paths(self.files),
            "model": self.model["name"],
            "options": self.options,
            "trainer": self.trainer,
        }

    def config_of(self, name: str, seed: int) -> dict[str, Any]:
        """The configuration of one run of a competitor, without its folder."""
        objective = self.objectives[name]
        trainer = dict(self.trainer)
        if objective.learning_rate is not None:
            trainer["learning_rate"] = objective.learning_rate
        return {
            **self.base(),
            "loss": objective.loss,
            "start_loss": objective.start_loss,
            "start_share": objective.start_share,
            "seed": seed,
            "trainer": trainer,
        }

    def _id(self, name: str, seed: int) -> str:
        data = {split: file.fingerprint for split, file in self.files.items()}
        own = str(self.objectives[name])
        data |= {code: str(digest) for code, digest in self.code.items() if code in own}
        model = self.model["sha256"] or self.model["name"] or ""
        return cell_id({**self.config_of(name, seed), "options": self.told_options}, data, model)

    @property
    def told_options(self) -> dict[str, Any]:
        """The options of the task, a file as its fingerprint when the plan was made."""
        return {**self.options, **self.option_files}

    def with_found(self, name: str, objective: Objective, found: dict[str, Any]) -> Plan:
        """The plan with what the search found for one competitor."""
        if self.search is None:
            raise InputError("expected a plan with a search, got one without")
        search = replace(self.search, found={**self.search.found, name: found})
        return replace(self, search=search, objectives={**self.objectives, name: objective})

    def going_on_from(self, earlier: Plan, folder: Path) -> Plan:
        """This plan in a folder that holds an earlier one: losses and seeds are added to it.

        Raises:
            InputError: where it differs in anything else, with what differs.
        """
        if earlier.merged is not None:
            raise InputError(
                f"expected a folder of its own, got {quoted(folder)}, which holds merged "
                f"records: "
                "give another --out"
            )
        differences = _differences(earlier, self)
        if differences:
            raise InputError(
                f"expected the plan of the comparison in {quoted(folder)}, got another "
                f"{'; '.join(differences)}: give another --out, or what it was"
            )
        objectives = {**self.objectives, **earlier.objectives}
        names = [*earlier.objectives, *(n for n in self.objectives if n not in earlier.objectives)]
        seeds = (*earlier.seeds, *(seed for seed in self.seeds if seed not in earlier.seeds))
        search = earlier.search
        if search is not None and search.seed in seeds:
            raise InputError(
                f"expected seeds other than that of the search, got {search.seed}: hyper-parameters"
                " were chosen on it"
            )
        return replace(
            self,
            objectives={name: objectives[name] for name in names},
            seeds=tuple(sorted(seeds)),
            search=search,
            foreign={**earlier.foreign, **self.foreign},
            command=earlier.command,
            code={**self.code, **earlier.code},
            versions=earlier.versions,
        )

    def save(self, folder: Path) -> None:
        """Write ``comparison.json``, whole or not at all."""
        values = asdict(self)
        values["cells"] = [asdict(cell) for cell in self.cells]
        values["merged"] = self.merged is not None
        write_json(
            folder / PLAN_FILE,
            {"version": PLAN_VERSION, "losses": list(self.objectives), **values},
        )

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """Read ``comparison.json``.

        Raises:
            DataError: no such file, a damaged one, one of another version, a name in it that is no
                name of a folder, or a link in the folder.
        """
        path = folder / PLAN_FILE
        if not path.is_file():
            raise DataError(
                folder,
                f"expected the folder of a comparison, got one without {PLAN_FILE}: give the "
                "--out folder of `dicetune compare`",
            )
        with reading(path, _MEND):
            plan = cls._of(path, read_json(path, _MEND))
            names = [cell.id for cell in plan.cells], list(plan.foreign)
        refuse_links(folder)
        for what, own in zip(("cell", "foreign competitor"), names, strict=True):
            for name in own:
                if not is_folder_name(name):
                    raise DataError(
                        path,
                        f"expected a {what} whose name is that of a folder (letters, digits, "
                        f"spaces and . + - _), got {quoted(name)}: do not use this file",
                    )
        return plan

    @classmethod
    def _of(cls, path: Path, values: dict[str, Any]) -> Plan:
        version = values.pop("version", None)
        if version != PLAN_VERSION:
            raise InputError(f"expected version {PLAN_VERSION}, got {quoted(version)}")
        check_shape(path, values, _SHAPE, heals=_MEND)
        del values["losses"]
        cells = tuple(Cell(**cell) for cell in values.pop("cells"))
        files = {split: DataFile(**own) for split, own in values["files"].items()}
        objectives = {name: Objective(**own) for name, own in values["objectives"].items()}
        search = None if values["search"] is None else Search(**values["search"])
        return cls(
            **{
                **values,
                "files": files,
                "objectives": objectives,
                "seeds": tuple(values["seeds"]),
                "search": search,
                "merged": cells if values["merged"] else None,
                "notes": tuple(values["notes"]),
            }
        )


def cell_id(config: Mapping[str, Any], data: Mapping[str, str], model: str) -> str:
    """The stable name of a run.

    Args:
        config: as ``RunConfig`` has it; paths and notes do not count.
        data: fingerprint of each split, and of the code of a loss of a user's own.
        model: fingerprint of the encoder.

    Example:
        >>> config = {"task": "ner", "loss": "ce+0.5*dice", "seed": 2, "trainer": {}}
        >>> cell_id(config, {"train": "ab", "dev": "cd"}, "minilm")
        'ce-0.5-dice-seed2-43477994'
        >>> cell_id({**config, "train": "elsewhere"}, {"train": "ab", "dev": "cd"}, "minilm")
        'ce-0.5-dice-seed2-43477994'
    """
    decides = {**what_decides(config), "data": dict(data), "model": model}
    text = json.dumps(decides, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{slug(str(config['loss']))}-seed{config['seed']}-{digest}"


def what_decides(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what decides nothing: paths, notes, defaults that mean "nothing".

    Example:
        >>> what_decides({"task": "ner", "train": "a.conll", "max_train": None, "format": "auto"})
        {'task': 'ner'}
    """
    decides = {name: _plain(value) for name, value in config.items() if name not in _PLACES}
    decides["options"] = _with_contents(config.get("options") or {})
    return {name: own for name, own in decides.items() if own not in (None, False, {}, "auto")}


def slug(text: str) -> str:
    """A loss as part of a file name.

    Example:
        >>> slug("ce+0.5*tversky:alpha=0.3,beta=0.7")
        'ce-0.5-tversky-alpha-0.3-beta-0.7'
    """
    return re.sub(r"[^a-z0-9.]+", "-", text.lower())[:_SLUG_LENGTH].strip("-.")


def _plain(value: Any) -> Any:
    """Equal values as equal JSON: 3.0 is 3, and a key without a value is no key."""
    if isinstance(value, Mapping):
        return {name: _plain(own) for name, own in value.items() if own is not None}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _with_contents(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a task, where a file (of queries, of label names) is its content."""
    known = {name: _plain(value) for name, value in options.items() if value is not None}
    return {**known, **digests_of(options)}


def digests_of(options: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of each file that an option names."""
    return {
        name: sha256(value)
        for name, value in options.items()
        if isinstance(value, str) and os.path.isfile(value)
    }


def _paths(files: Mapping[str, DataFile]) -> dict[str, str]:
    """Files as a configuration names them: the packaged sample is one name for all."""
    if files["train"].path.startswith("sample:"):
        return {"train": "sample"}
    return {split: file.path for split, file in files.items()}


def _differences(earlier: Plan, now: Plan) -> list[str]:
    """What a plan may not change, in words."""
    found = []
    for split in SPLITS:
        files = [plan.files[split] for plan in (earlier, now)]
        if files[0].fingerprint != files[1].fingerprint:
            found.append(f"{split} data ({' then, '.join(map(str, files))} now)")
    if (earlier.model["sha256"] or earlier.model["name"]) != (
        now.model["sha256"] or now.model["name"]
    ):
        found.append(f"model ({_identity(earlier)} then, {_identity(now)} now)")
    for what, one, other in (
        ("task", earlier.task, now.task),
        ("number of trials", _trials(earlier), _trials(now)),
    ):
        if one != other:
            found.append(f"{what} ({one} then, {other} now)")
    for what in ("options", "trainer", "settings"):
        if what == "options":
            before, after = (_with_contents(plan.told_options) for plan in (earlier, now))
        else:
            before, after = (_plain(getattr(plan, what)) for plan in (earlier, now))
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                prefix = "" if what == "settings" else f"{what}."
                shown = [quoted(getattr(plan, what).get(name)) for plan in (earlier, now)]
                if what == "options" and shown[0] == shown[1]:
                    found.append(f"{prefix}{name} (the file {shown[0]} was changed)")
                else:
                    found.append(f"{prefix}{name} ({' then, '.join(shown)} now)")
    for name in earlier.code.keys() & now.code.keys():
        if earlier.code[name] != now.code[name]:
            found.append(f"file of {name} (it was changed)")
    for name in earlier.objectives.keys() & now.objectives.keys():
        searched = earlier.search is not None and name in earlier.search.found
        then, today = str(earlier.objectives[name]), str(now.objectives[name])
        if then != today and not searched:
            found.append(f"loss {quoted(name)} ({then} then, {today} now)")
    return found


def _identity(plan: Plan) -> str:
    name, digest = plan.model["name"], plan.model["sha256"]
    return f"{name}" if digest is None else f"{name}, {digest[:8]}"


def _trials(plan: Plan) -> int:
    return 0 if plan.search is None else plan.search.trials
