"""Plan: the runs of a comparison, on disk as ``comparison.json``. Needs no torch.

A run is one loss with one seed. Its id is a readable slug and a short hash of its configuration.
Data and model enter by fingerprints, not by places, so that the same run has the same id on every
machine, and a changed configuration has another id.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dicetune.comparison.competitor import PlannedLoss
from dicetune.comparison.folder import PLAN_FILE, RUNS, is_folder_name, reading, refuse_links
from dicetune.errors import DataError, InputError, quoted
from dicetune.records import TUNED, check_shape, read_json, sha256, versions, write_json

PLAN_VERSION = 1
SPLITS = ("train", "dev", "test")

# keys of a configuration that stay out of the id of a run: places of files, and notes
_PLACES = ("train", "dev", "test", "model", "out", "note", "keep_checkpoints")
# defaults of keys that earlier versions did not have: a run without them keeps its id
_LATER = (("decision", TUNED), ("set", "batch"), ("precision", "fp32"))
_SLUG_LENGTH = 40
_KEYS = {"external": "foreign"}  # keys of the file that differ from the fields of the class
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
    """One split: its path or the name of a data set, its digest, and how many examples are used."""

    path: str
    sha256: str | None  # None where there is no file
    examples: int

    @property
    def fingerprint(self) -> str:
        """The identity of the data, independent of the place of the file."""
        return f"{self.sha256 or self.path} ({self.examples} examples)"

    def __str__(self) -> str:
        digest = "" if self.sha256 is None else f" ({self.sha256[:8]})"
        return f"{self.path}{digest}, {self.examples} examples"


@dataclass(frozen=True)
class Search:
    """A search for hyper-parameters before the runs, with as many trials for every loss."""

    trials: int
    seed: int  # of all trials; none of the compared seeds
    found: dict[str, dict[str, Any]] = field(default_factory=dict)  # by loss, once finished


@dataclass(frozen=True)
class PlannedRun:
    """One run of the comparison: a competitor's loss, its objective in words, and a seed."""

    id: str  # also the name of its folder
    loss: str
    objective: str
    seed: int

    def folder(self, out: Path) -> Path:
        """The folder of the run in the folder of a comparison."""
        return out / RUNS / self.id


@dataclass(frozen=True)
class Plan:
    """A comparison: its losses and seeds, its data, its budget.

    ``options`` are options of the task; ``trainer`` has the keys of
    ``transformers.TrainingArguments`` in full; ``settings`` are all other keys of the
    configuration that are no defaults.
    """

    task: str
    metric: str  # the dev score that chooses checkpoints, and the score that is compared
    files: dict[str, DataFile]
    model: dict[str, str | None]  # name and SHA-256 of the encoder
    objectives: dict[str, PlannedLoss]  # by the competitor's name, in the order given
    seeds: tuple[int, ...]
    baseline: str
    options: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    search: Search | None = None
    keep_models: bool = False
    budget: float | None = None  # minutes; as many seeds as fit, at least 1
    spent: dict[str, float] = field(default_factory=dict)  # seconds of "search" and "runs"
    external: dict[str, dict[str, Any]] = field(default_factory=dict)  # file and digest by name
    merged: tuple[PlannedRun, ...] | None = None  # runs that are given and not planned
    notes: tuple[str, ...] = ()
    name: str | None = None  # of the data, in the title of the report
    command: str = ""  # the first command line
    versions: dict[str, str] = field(default_factory=versions)
    option_files: dict[str, str] = field(default_factory=dict)  # digests of files of options
    code: dict[str, str | None] = field(default_factory=dict)  # digests of losses of a user

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        """Losses × seeds; one seed of every loss comes before the next seed."""
        if self.merged is not None:
            return self.merged
        return tuple(
            PlannedRun(self._id(name, seed), name, str(objective), seed)
            for seed in self.seeds
            for name, objective in self.objectives.items()
        )

    @property
    def competitors(self) -> list[str]:
        """Names of the losses and of the external predictions."""
        return [*self.objectives, *self.external]

    @property
    def seeds_shown(self) -> str:
        """The number of seeds, in words."""
        return "1 seed" if len(self.seeds) == 1 else f"{len(self.seeds)} seeds"

    def base(self) -> dict[str, Any]:
        """The configuration that all runs share."""
        files = {split: file.path for split, file in self.files.items()}
        if files["train"].startswith("sample:"):
            files = {"train": "sample"}  # the packaged sample is one name for all splits
        return {
            "task": self.task,
            **self.settings,
            **files,
            "model": self.model["name"],
            "options": self.options,
            "trainer": self.trainer,
        }

    def config_of(self, name: str, seed: int) -> dict[str, Any]:
        """The configuration of one run of a competitor, without its folder."""
        return {**self.objectives[name].configured(self.base()), "seed": seed}

    def _id(self, name: str, seed: int) -> str:
        data = {split: file.fingerprint for split, file in self.files.items()}
        objective = str(self.objectives[name])
        data |= {code: str(digest) for code, digest in self.code.items() if code in objective}
        config = {**self.config_of(name, seed), "options": self.options_by_content}
        return run_id(config, data, self.encoder)

    @property
    def options_by_content(self) -> dict[str, Any]:
        """The options of the task; a file is given by its fingerprint when the plan was made."""
        return {**self.options, **self.option_files}

    @property
    def encoder(self) -> str:
        """Fingerprint of the encoder, or its name."""
        return self.model["sha256"] or self.model["name"] or ""

    def check_apart(self) -> None:
        """Refuse two competitors whose runs are the same, which have one folder."""
        names: dict[str, str] = {}
        for name in self.objectives:
            other = names.setdefault(self._id(name, self.seeds[0]), name)
            if other != name:
                raise InputError(
                    f"expected each loss once, got {quoted(name)} beside {quoted(other)}, which is "
                    "the same: leave one out"
                )

    def with_another_seed(self) -> Plan:
        """The plan with the smallest seed that is free."""
        taken = {*self.seeds, *([] if self.search is None else [self.search.seed])}
        free = next(seed for seed in range(1, len(taken) + 2) if seed not in taken)
        return replace(self, seeds=tuple(sorted((*self.seeds, free))))

    def with_found(self, name: str, objective: PlannedLoss, found: dict[str, Any]) -> Plan:
        """The plan with the result of the search for one competitor."""
        search = self.search and replace(self.search, found={**self.search.found, name: found})
        return replace(self, search=search, objectives={**self.objectives, name: objective})

    def going_on_from(self, earlier: Plan, folder: Path) -> Plan:
        """The plan for a folder with an earlier plan, whose losses and seeds are kept."""
        if earlier.merged is not None:
            raise InputError(
                f"expected another folder, got {quoted(folder)}, which holds merged "
                "records: give another --out"
            )
        differences = "; ".join(self._changes_from(earlier))
        if differences:
            raise InputError(
                f"expected the plan of the comparison in {quoted(folder)}, got another "
                f"{differences}: give another --out, or the earlier values"
            )
        names = dict.fromkeys((*earlier.objectives, *self.objectives))
        objectives = {**self.objectives, **earlier.objectives}
        seeds = tuple(sorted({*earlier.seeds, *self.seeds}))
        if earlier.search is not None and earlier.search.seed in seeds:
            raise InputError(
                f"expected other seeds than the seed of the search, got {earlier.search.seed}: "
                "it chose the hyper-parameters"
            )
        plan = replace(
            self,
            objectives={name: objectives[name] for name in names},
            seeds=seeds,
            search=earlier.search,
            external={**earlier.external, **self.external},
            spent=earlier.spent,
            name=self.name or earlier.name,
            command=earlier.command,
            code={**self.code, **earlier.code},
            versions=earlier.versions,
        )
        plan.check_apart()
        return plan

    def _changes_from(self, earlier: Plan) -> Iterator[str]:
        """The differences from an earlier plan that are refused, in words."""

        def changed(what: str, then: Any, now: Any) -> str:
            return f"{what} ({then} then, {now} now)"

        both = (earlier, self)
        for split in SPLITS:
            then, now = (plan.files[split] for plan in both)
            if then.fingerprint != now.fingerprint:
                yield changed(f"{split} data", then, now)
        if earlier.encoder != self.encoder:
            yield changed("model", _identity(earlier.model), _identity(self.model))
        if earlier.task != self.task:
            yield changed("task", earlier.task, self.task)
        trials = [plan.search.trials if plan.search else 0 for plan in both]
        if trials[0] != trials[1]:
            yield changed("number of trials", *trials)
        for name in _differing(*(_with_contents(plan.options_by_content) for plan in both)):
            options = [quoted(plan.options.get(name)) for plan in both]
            if options[0] == options[1]:
                yield f"options.{name} (the file {options[0]} was changed)"
            else:
                yield changed(f"options.{name}", *options)
        for name in _differing(_plain(earlier.trainer), _plain(self.trainer)):
            yield changed(f"trainer.{name}", *(quoted(plan.trainer.get(name)) for plan in both))
        for name in _differing(_plain(earlier.settings), _plain(self.settings)):
            yield changed(name, *(quoted(plan.settings.get(name)) for plan in both))
        for name in earlier.code.keys() & self.code.keys():
            if earlier.code[name] != self.code[name]:
                yield f"file of {name} (it was changed)"
        searched = earlier.search.found if earlier.search else {}
        for name in earlier.objectives.keys() & self.objectives.keys() - searched.keys():
            losses = [str(plan.objectives[name]) for plan in both]
            if losses[0] != losses[1]:
                yield changed(f"loss {quoted(name)}", *losses) + (
                    f", whose meaning changed: compare with --loss {losses[0]} in a new folder, or "
                    "give this folder to --from, which compares its finished runs"
                )

    def save(self, folder: Path) -> None:
        """Write ``comparison.json``; a reader never sees half a file."""
        values = {_KEYS.get(name, name): value for name, value in asdict(self).items()}
        values["cells"] = [asdict(run) for run in self.runs]
        values["merged"] = self.merged is not None
        write_json(
            folder / PLAN_FILE,
            {"version": PLAN_VERSION, "losses": list(self.objectives), **values},
        )

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """Read ``comparison.json``; refuse names that cannot be folders, and links beside it."""
        path = folder / PLAN_FILE
        if not path.is_file():
            raise DataError(
                folder,
                f"expected the folder of a comparison, got one without {PLAN_FILE}: give the "
                "--out folder of `dicetune compare`; `report` and `compare --from` also take that "
                "of `dicetune train`",
            )
        with reading(path, _MEND):
            plan = cls._of(path, read_json(path, _MEND))
            names = [("run", run.id) for run in plan.runs]
        refuse_links(folder)
        for what, name in [*names, *(("external competitor", name) for name in plan.external)]:
            if not is_folder_name(name):
                raise DataError(
                    path,
                    f"expected a {what} with a name for a folder (letters, digits, "
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
        runs = tuple(PlannedRun(**run) for run in values.pop("cells"))
        files, objectives = values["files"].items(), values["objectives"].items()
        changed = {
            "files": {split: DataFile(**file) for split, file in files},
            "objectives": {name: PlannedLoss.of(objective) for name, objective in objectives},
            "seeds": tuple(values["seeds"]),
            "search": None if values["search"] is None else Search(**values["search"]),
            "external": values.pop("foreign"),
            "merged": runs if values["merged"] else None,
            "notes": tuple(values["notes"]),
        }
        return cls(**{**values, **changed})


def _identity(model: Mapping[str, str | None]) -> str:
    digest = model["sha256"]
    return f"{model['name']}" if digest is None else f"{model['name']}, {digest[:8]}"


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names = sorted(before.keys() | after.keys())
    return [name for name in names if before.get(name) != after.get(name)]


def run_id(config: Mapping[str, Any], data: Mapping[str, str], model: str) -> str:
    """The stable name of a run, from its configuration and fingerprints of data, code and model.

    Example:
        >>> config = {"task": "ner", "loss": "ce+0.5*dice", "seed": 2, "trainer": {}}
        >>> run_id(config, {"train": "ab", "dev": "cd"}, "minilm")
        'ce-0.5-dice-seed2-43477994'
        >>> run_id({**config, "train": "elsewhere"}, {"train": "ab", "dev": "cd"}, "minilm")
        'ce-0.5-dice-seed2-43477994'
    """
    decides = {**what_decides(config), "data": dict(data), "model": model}
    text = json.dumps(decides, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{slug(str(config['loss']))}-seed{config['seed']}-{digest}"


def what_decides(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a configuration that decide a run, without keys at their defaults.

    Example:
        >>> what_decides({"task": "ner", "train": "a.conll", "format": "auto", "decision": "tuned"})
        {'task': 'ner'}
        >>> what_decides({"prior_bias": False}), what_decides({"prior_bias": None})
        ({'prior_bias': False}, {})
    """
    decides = {name: _plain(value) for name, value in config.items() if name not in _PLACES}
    decides["options"] = _with_contents(config.get("options") or {})
    defaults: tuple[Any, ...] = (None, False, {}, "auto")
    # without prior_bias the data decides, so that False is no default
    return {
        key: value
        for key, value in decides.items()
        if (value not in defaults and (key, value) not in _LATER)
        or (key == "prior_bias" and value is False)
    }


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
        return {name: _plain(entry) for name, entry in value.items() if entry is not None}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _with_contents(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a task; a file (of queries, of label names) is the digest of its content."""
    known = {name: _plain(value) for name, value in options.items() if value is not None}
    return {**known, **digests_of(options)}


def digests_of(options: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of each file that an option names."""
    return {
        name: sha256(value)
        for name, value in options.items()
        if isinstance(value, str) and os.path.isfile(value)
    }
