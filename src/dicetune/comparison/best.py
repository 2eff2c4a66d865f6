"""``best/``: the recommended model of a comparison as a folder that ``load`` takes.

The weights of every run stay until the verdict. Then the recommended model is put together in
``best.part/`` and takes the place of ``best/`` in one step, and the weights of all other runs are
dropped, unless the plan keeps them. For all seeds together, ``best/`` holds a folder for each
member beside the averaged records. ``best.json`` lists the digest of each file, so that a file that
somebody added or changed is never deleted. Needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from dicetune.comparison.folder import BEST, FAILED, RUNS, WEIGHTS
from dicetune.comparison.plan import Plan
from dicetune.comparison.runs import is_finished, place_of
from dicetune.comparison.together import Together
from dicetune.decide import DecisionRule
from dicetune.errors import DicetuneError, quoted
from dicetune.records import (
    DEFAULT,
    LOCK_FILE,
    METRICS_FILE,
    REPORT_FILES,
    RUN_FILE,
    TUNED,
    read_json,
    sha256,
    write_json,
)

MANIFEST = "best.json"
MANIFEST_VERSION = 1
_PART, _OLD = f"{BEST}.part", f"{BEST}.old"
_RULES = re.compile(r"decision.*\.json|tuned.*\.jsonl")


class BestModel:
    """The folder of the recommended model of a comparison.

    Args:
        plan: of the comparison.
        out: folder of the comparison.
        chosen: the recommendation (``recommend``).
        together: the records of all seeds together, where they are recommended.
        called: the folder of the comparison in messages; by default ``out``.
    """

    def __init__(
        self,
        plan: Plan,
        out: Path,
        chosen: Mapping[str, Any],
        together: Together | None = None,
        called: Path | None = None,
    ) -> None:
        self.plan, self.out, self.chosen = plan, out, chosen
        self.called = out if called is None else called
        self.folder = out / BEST
        self.together = together
        # the folder of each member below best/; a single run is the folder itself
        self.places = dict(zip(chosen["runs"], [""], strict=False))
        if together is not None:
            seeds = zip(chosen["runs"], chosen["seeds"], strict=True)
            self.places = {name: f"seed{seed}/" for name, seed in seeds}

    def state(self) -> dict[str, Any]:
        """Whether the folder holds the recommended model, and what to do where it does not."""
        if self._is_there():
            cost = "" if self.together is None else f", an ensemble of {len(self.places)} models"
            said = f"The model is in {quoted(self.called / BEST)}{cost}.{self._changed()}"
            return {"kept": True, "said": said}
        return {"kept": False, "said": self._to_make()}

    def keep(self) -> dict[str, Any]:
        """Put the recommended model into its place and drop other weights; the ``state``."""
        self._recover()
        if not self._is_there():
            if (stranger := self._stranger()) is not None:
                return {
                    "kept": False,
                    "said": f"The model was not put into {quoted(self.called / BEST)}, where "
                    f"{quoted(stranger)} was added or changed since an earlier verdict: move that "
                    f"folder elsewhere and run `dicetune compare --out {self.called}` again.",
                }
            weights = {name: self._weights(name) for name in self.places}
            if all(weights.values()):
                self._build(weights)
        done = all(is_finished(run.folder(self.out)) for run in self.plan.runs)
        # weights that could not be put together yet are not made twice
        if done and not self.plan.keep_models and self._is_there():
            for run in self.plan.runs:
                for path in run.folder(self.out).rglob(WEIGHTS):
                    path.unlink()
        return self.state()

    def _sources(self) -> dict[str, Path | str]:
        """The records of the model: path below the folder, and the file that is copied.

        In place of a file there is its text, where it says another place or another decision.
        """
        with_rules = self.together is None and self.chosen["decision"] != DEFAULT
        found: dict[str, Path | str] = {}
        for name, place in self.places.items():
            for path in sorted(self._of_run(name).iterdir()):
                if _is_record(path) and (with_rules or not _RULES.fullmatch(path.name)):
                    by_default = self.together is None and not with_rules
                    found[f"{place}{path.name}"] = _moved(path, by_default)
        if self.together is not None:
            found |= {path.name: path for path in self.together.folder.iterdir()}
        return found

    def _of_run(self, name: str) -> Path:
        """The folder of the best checkpoint of a run under the recommended decision."""
        decision = TUNED if self.together is not None else self.chosen["decision"]
        return place_of(self.out / RUNS / name, decision)

    def _digests(self) -> dict[str, str]:
        return {
            name: sha256(source)
            if isinstance(source, Path)
            else hashlib.sha256(source.encode()).hexdigest()
            for name, source in self._sources().items()
        }

    def _manifest(self) -> dict[str, Any]:
        """The list of files of the present folder; empty where there is none."""
        try:
            return read_json(self.folder / MANIFEST)
        except DicetuneError:
            return {}

    def _is_there(self) -> bool:
        """Whether the folder was made of these very records, and the weights are there."""
        found = self._manifest()
        return (
            found.get("members") == self.places
            and all((self.folder / name).is_file() for name in found.get("weights", ()))
            and found.get("files") == self._digests()
        )

    def _stranger(self) -> str | None:
        """A file in the folder that no verdict put there, or that was changed since."""
        if not self.folder.exists():
            return None
        found = self._manifest()
        files, weights = found.get("files", {}), found.get("weights", {})
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_dir() or name in (MANIFEST, *REPORT_FILES):
                continue
            if name in weights and path.stat().st_size == weights[name]:
                continue
            if name not in files or sha256(path) != files[name]:
                return name
        return None if found else MANIFEST

    def _weights(self, name: str) -> list[Path]:
        """The weights of a run, in its folder or in the present folder of the best model."""
        own, found = sorted(self._of_run(name).glob(WEIGHTS)), self._manifest()
        if own or found.get("origins", {}).get(name) != self._origins()[name]:
            return own
        return sorted((self.folder / found["members"][name]).glob(WEIGHTS))

    def _changed(self) -> str:
        """That the folder has another rule than the one whose scores are told, if it has."""
        made = None
        if self.together is not None:
            made = DecisionRule.load(self.together.folder)
        elif self.chosen["decision"] != DEFAULT:
            made = DecisionRule.load(self._of_run(self.chosen["runs"][0]))
        try:
            now = DecisionRule.load(self.folder)
        except DicetuneError as error:
            return f" Its decision was changed since: {error}."
        if (made and replace(made, evidence={})) == (now and replace(now, evidence={})):
            return ""
        told = "it decides by default"
        if now is not None:
            told = f"the rule fitted for {quoted(now.objective)} decides ({'; '.join(now.words)})"
        return f" Its decision was changed since: now {told}, and no score here is of it."

    def _origins(self) -> dict[str, str]:
        """For each run the folder of its checkpoint, below the folder of the comparison."""
        return {name: self._of_run(name).relative_to(self.out).as_posix() for name in self.places}

    def _build(self, weights: Mapping[str, Sequence[Path]]) -> None:
        part, old = self.out / _PART, self.out / _OLD
        sizes = {}
        for name, source in self._sources().items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(source, Path):
                shutil.copyfile(source, part / name)
            else:
                (part / name).write_bytes(source.encode())
        for name, files in weights.items():
            for source in files:
                place = f"{self.places[name]}{source.name}"
                _link(source, part / place)
                sizes[place] = source.stat().st_size
        kept = ("name", "loss", "decision", "seeds", "dev", "test", "optimism")
        write_json(
            part / MANIFEST,
            {
                "version": MANIFEST_VERSION,
                **{key: self.chosen[key] for key in kept},
                "members": self.places,
                "origins": self._origins(),
                "files": self._digests(),
                "weights": sizes,
            },
        )
        if self.folder.exists():
            os.replace(self.folder, old)
        os.replace(part, self.folder)
        shutil.rmtree(old, ignore_errors=True)

    def _recover(self) -> None:
        """Undo half a step that a kill left."""
        if (self.out / _OLD).exists() and not self.folder.exists():
            os.replace(self.out / _OLD, self.folder)
        for name in (_PART, _OLD):
            shutil.rmtree(self.out / name, ignore_errors=True)

    def _to_make(self) -> str:
        """What to run to get the model."""
        runs = list(self._origins().values())
        if self.plan.merged is None:
            missing = [name for name in self.places if not self._weights(name)]
            again = f"run `dicetune compare --out {self.called}`, which "
            if not missing:
                return f"The recommended model is not in {BEST}/ yet: {again}puts it there."
            which = ", ".join(str(self.called / RUNS / name) for name in missing)
            return (
                f"The weights of the recommended model are not there any more: delete {which} and "
                f"{again}trains {'it' if len(missing) == 1 else 'them'} again and keeps the model."
            )
        several = "" if len(runs) == 1 else f"; the other {len(runs) - 1} seeds alike"
        return (
            "Records hold no weights. To get the model: `dicetune train --config "
            f"{self.called / runs[0] / 'config.yaml'} --out {self.called}-model`{several}."
        )


def _is_record(path: Path) -> bool:
    """Whether a file of a run belongs into a copy of the run, beside the weights."""
    known = path.is_file() and path.name not in (LOCK_FILE, *REPORT_FILES)
    known = known and not path.match(WEIGHTS)
    return known and not path.name.endswith((".part", FAILED))


def _moved(path: Path, by_default: bool) -> Path | str:
    """A record of a run, or its text where it says the place of the run, or a decision not used.

    Args:
        path: of the record.
        by_default: whether the run decides by default, without a rule that was fitted for it.
    """
    if path.name == "config.yaml":
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        return yaml.safe_dump(_config(config, by_default), sort_keys=False, allow_unicode=True)
    if path.name == RUN_FILE:
        record = read_json(path)
        record["config"] = _config(record["config"], by_default) | {"out": None}
        if by_default and "chosen_by" in record["training"]:
            chosen_by = record["training"]["chosen_by"].removesuffix(f"_{TUNED}")
            record["training"]["chosen_by"] = chosen_by
        return json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    if by_default and path.name == METRICS_FILE:
        metrics = {
            split: {**scores.get(DEFAULT, scores), "loss": scores.get("loss")}
            for split, scores in read_json(path).items()
        }
        return json.dumps(metrics, ensure_ascii=False, indent=2) + "\n"
    if by_default and path.name == "README.md":
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"^## Decision\n.*?(?=^## )", "", text, flags=re.DOTALL | re.MULTILINE)
        text = re.sub(rf"^\| \w+, {TUNED}.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(rf"^(\| \w+), {DEFAULT} ", r"\1 ", text, flags=re.MULTILINE)
        return re.sub(rf"(\(best dev .*) {TUNED}\)", r"\1)", text)
    return path


def _config(config: Mapping[str, Any], by_default: bool) -> dict[str, Any]:
    """The configuration of a run without the place of the run."""
    found = {name: value for name, value in config.items() if name != "out"}
    return found | ({"decision": DEFAULT} if by_default else {})


def _link(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where the file system has no such names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
