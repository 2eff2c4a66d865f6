"""``best/``: the recommended model of a comparison as a folder that ``load`` takes.

The weights of every run stay until the verdict. Then the recommended model is put together in
``best.part/`` and takes the place of ``best/`` in one step, and the weights of all other runs are
dropped, unless the plan keeps them. For all seeds together, ``best/`` holds a folder for each
member beside the averaged records. ``best.json`` lists the digest of each file, so that a file that
somebody added or changed is never deleted. Needs no torch.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.comparison.folder import BEST, FAILED, RUNS, WEIGHTS
from dicetune.comparison.plan import Plan
from dicetune.comparison.runs import is_finished, place_of
from dicetune.comparison.together import Together
from dicetune.errors import DicetuneError, quoted
from dicetune.records import (
    DEFAULT,
    LOCK_FILE,
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
            return {"kept": True, "said": f"The model is in {quoted(self.called / BEST)}{cost}."}
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
        if not self.plan.keep_models and all(
            is_finished(run.folder(self.out)) for run in self.plan.runs
        ):
            for run in self.plan.runs:
                for path in run.folder(self.out).rglob(WEIGHTS):
                    path.unlink()
        return self.state()

    def _sources(self) -> dict[str, Path]:
        """The records of the model: path below the folder, and the file that is copied."""
        with_rules = self.together is None and self.chosen["decision"] != DEFAULT
        found = {}
        for name, place in self.places.items():
            for path in sorted(self._of_run(name).iterdir()):
                if _is_record(path) and (with_rules or not _RULES.fullmatch(path.name)):
                    found[f"{place}{path.name}"] = path
        if self.together is not None:
            found |= {path.name: path for path in self.together.folder.iterdir()}
        return found

    def _of_run(self, name: str) -> Path:
        """The folder of the best checkpoint of a run under the recommended decision."""
        decision = TUNED if self.together is not None else self.chosen["decision"]
        return place_of(self.out / RUNS / name, decision)

    def _digests(self) -> dict[str, str]:
        return {name: sha256(path) for name, path in self._sources().items()}

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
            if path.is_dir() or name == MANIFEST:
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

    def _origins(self) -> dict[str, str]:
        """For each run the folder of its checkpoint, below the folder of the comparison."""
        return {name: self._of_run(name).relative_to(self.out).as_posix() for name in self.places}

    def _build(self, weights: Mapping[str, Sequence[Path]]) -> None:
        part, old = self.out / _PART, self.out / _OLD
        sizes = {}
        for name, source in self._sources().items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part / name)
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
            which = ", ".join(str(self.called / RUNS / name) for name in self.places)
            return (
                "The weights of the recommended model are not there any more: delete "
                f"{which} and run `dicetune compare --out {self.called}`, which trains "
                f"{'it' if len(runs) == 1 else 'them'} again and keeps the model."
            )
        several = "" if len(runs) == 1 else f"; the other {len(runs) - 1} seeds alike"
        return (
            "Records hold no weights. To get the model: `dicetune train --config "
            f"{self.called / runs[0] / 'config.yaml'} --out {self.called}-model`{several}."
        )


def _is_record(path: Path) -> bool:
    """Whether a file of a run belongs into a copy of the run, beside the weights."""
    known = path.is_file() and path.name != LOCK_FILE and not path.match(WEIGHTS)
    return known and not path.name.endswith((".part", FAILED))


def _link(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where the file system has no such names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
