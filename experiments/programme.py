"""The cells of the evidence programme, and their records.

``evidence.yaml`` and ``ablations/STAGE.yaml`` name cells (a data set in a regime) and objectives.
A finished run is kept as ``evidence/STAGE/CELL/RUN.json.xz``: its configuration, its history of
losses and scores, its decisions as counts, and no text of the data. The first record of a cell is
whole; of the others the counts are differences from it, and what is equal in it is left out. The
history has a list for each score, with six digits. A file is written once, so that older records
are as they were: only their counts are differences, and their history has a dict for each row.
Records without "prior_bias" are older than the start at the share of O: where their configuration
has none, the head of a tagger started even.
"""

import json
import lzma
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from dicetune.comparison.compare import canonical_name
from dicetune.comparison.folder import PLAN_FILE
from dicetune.comparison.plan import Plan
from dicetune.comparison.results import Competitor, Results, competitor_name, read_results
from dicetune.comparison.runs import FinishedRun, is_finished
from dicetune.problems import problem_of
from dicetune.records import DEFAULT, TUNED

HERE = Path(__file__).parent
RECORDS = HERE / "evidence"
BEST = "ce, the best on dev"
TRY = "ce or dsc, the better on dev"
CHOICES = (BEST, TRY)
LACKS = "-"
TIMES = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")


@dataclass(frozen=True)
class Cell:
    """A data set in a regime, with what is compared on it.

    Args:
        stage: stage of the programme: "screen", "confirm", …
        name: name of the cell.
        config: what all runs share, as ``dicetune compare`` takes it.
        objectives: names of competitors; the first is the baseline.
        seeds: of each objective.
        auto: the objective that ``auto`` would choose.
    """

    stage: str
    name: str
    config: dict[str, Any]
    objectives: list[str]
    seeds: list[int]
    auto: str = "ce"

    @property
    def place(self) -> Path:
        """The folder of the records."""
        return RECORDS / self.stage / self.name

    def records(self) -> dict[tuple[str, int], dict[str, Any]]:
        """The records that there are, by objective and seed."""
        found = map(read_record, self.place.glob("*.json.xz"))
        return {(one["name"], one["seed"]): one for one in found}

    @property
    def whole(self) -> dict[str, Any] | None:
        """The record from which the counts of the others differ, if there is one."""
        return whole_of(self.records().values())

    @property
    def choices(self) -> dict[str, list[str]]:
        """What dev chooses from, seed by seed: rates of cross-entropy; ``ce`` and ``dsc``."""
        rates = [name for name in self.objectives if re.fullmatch(r"ce( with lr=\S+)?", name)]
        both = [re.sub(r"^\w+", loss, self.auto) for loss in ("ce", "dsc")]
        tried = [name for name in both if name in self.objectives]
        return {name: own for name, own in ((BEST, rates), (TRY, tried)) if len(own) > 1}

    def _chosen(
        self, records: dict[tuple[str, int], Any], among: list[str], decision: str
    ) -> list[dict[str, Any]]:
        """Of each seed that has all of some objectives the record with the highest dev score."""
        whole = [[records.get((name, seed)) for name in among] for seed in self.seeds]
        return [max(own, key=lambda one: on_dev(one, decision)) for own in whole if all(own)]

    def results(self) -> Results:
        """The competitors of the records, as a comparison has them, and ``choices``."""
        records = self.records()
        first = whole_of(records.values())
        assert first is not None, self.name
        problem = problem_of(first["problem"], [], [])
        assert list(problem.columns) == first["columns"], self.name
        competitors = []
        rivals = sorted({one["name"] for one in records.values() if "external" in one})
        if len({json.dumps(one["data"], sort_keys=True) for one in records.values()}) > 1:
            raise SystemExit(f"expected records of the same data in {self.place}, got several")
        choices = self.choices
        names = sorted({*self.objectives, *choices}, key=[BEST, *self.objectives, TRY].index)
        for decision in (DEFAULT, TUNED):
            for name in [*names, *(rivals if decision == DEFAULT else ())]:
                own = [one for key, one in sorted(records.items()) if key[0] == name]
                if name in choices:
                    own = self._chosen(records, choices[name], decision)
                external = name in rivals
                if own:
                    competitors.append(
                        Competitor(
                            name=competitor_name(name, decision),
                            loss=name,
                            decision=decision,
                            objective=None if external else name,
                            seeds=() if external else tuple(one["seed"] for one in own),
                            external=external,
                            predicted=(),
                            counts=np.stack([counts(one, first, decision) for one in own]),
                            seconds=float(np.median([one["training"]["seconds"] for one in own])),
                        )
                    )
        rows = [{"id": str(unit)} for unit in range(first["units"])]
        return Results(problem, rows, competitors)


def stages() -> dict[str, Any]:
    """What each stage of the programme has, by its name."""
    found: dict[str, Any] = yaml.safe_load((HERE / "evidence.yaml").read_text(encoding="utf-8"))
    del found["objectives"]
    for path in sorted((HERE / "ablations").glob("*.yaml")):
        found[path.stem] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def cells(stage: str) -> list[Cell]:
    """The cells of a stage, in their order."""
    found = stages()
    if stage not in found:
        raise SystemExit(f"expected a stage ({', '.join(found)}), got {stage!r}")
    whole = found[stage]
    return [
        Cell(
            stage,
            name,
            own["config"],
            [canonical_name(text) for text in own["objectives"]],
            own.get("seeds", whole["seeds"]),
            canonical_name(own.get("auto", whole.get("auto", "ce"))),
        )
        for name, own in whole["cells"].items()
    ]


# records


def keep(cell: Cell, out: Path) -> None:
    """Write a record of each finished run of a comparison whose objective and seed have none."""
    if not (out / PLAN_FILE).is_file():
        return
    plan = Plan.load(out)
    made = [run for run in FinishedRun.of_plan(plan, out) if is_finished(run.folder)]
    if all(_path(cell, run).exists() for run in made):
        return
    have = cell.records()
    new = [run for run in made if (run.planned.loss, run.planned.seed) not in have]
    if not new:
        return
    first = whole_of(have.values())
    results = read_results(plan, out, made)
    by_name = {(one.loss, one.decision): one for one in results.competitors if not one.members}
    cell.place.mkdir(parents=True, exist_ok=True)
    for run in new:
        name, seed, record = run.planned.loss, run.planned.seed, run.record
        found = (by_name[name, decision] for decision in (DEFAULT, TUNED))
        ours = [one.counts[one.seeds.index(seed)] for one in found]
        rows = record.training["history"]
        keys = dict.fromkeys(key for row in rows for key in row if key not in TIMES)
        history = {key: [_short(row.get(key)) for row in rows] for key in keys}
        kept = {
            "name": name,
            "seed": seed,
            "config": record.config,
            "data": {split: one["sha256"] for split, one in record.data.items()},
            "versions": record.versions,
            "training": {**record.training, "history": history},
            "prior_bias": record.objective.get("prior_bias"),
            "problem": run.problem,
            "columns": list(results.problem.columns),
            "units": len(results.rows),
            "whole": first is None,
            "counts": [sparse(one if first is None else one - counts(first)) for one in ours],
        }
        write_record(_path(cell, run), kept if first is None else less(kept, cell.place))
        first = kept if first is None else first


def _short(value: float | None) -> float | None:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _apart(own: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """What differs from another, and the names of what the other has alone."""
    lacks = sorted(whole.keys() - own.keys())
    apart = {
        key: _apart(value, whole[key]) if _both(key, own, whole) else value
        for key, value in own.items()
        if key not in whole or value != whole[key]
    }
    return {**apart, LACKS: lacks} if lacks else apart


def _filled(own: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """What ``_apart`` was made from."""
    inside = {key: _filled(own[key], whole[key]) for key in own if _both(key, own, whole)}
    lacks = {LACKS, *own.get(LACKS, ())}
    return {key: one for key, one in {**whole, **own, **inside}.items() if key not in lacks}


def _both(key: str, *dicts: dict[str, Any]) -> bool:
    return all(isinstance(one.get(key), dict) for one in dicts)


def less(kept: dict[str, Any], place: Path) -> dict[str, Any]:
    """A record without what is equal in the whole one of its folder."""
    return {**_apart(kept, _whole_in(place)), "less": True}


def whole_of(records: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The one of the records whose counts are whole, if there is one."""
    return next((one for one in records if one["whole"]), None)


def read_record(path: Path) -> dict[str, Any]:
    """Read a record, with what it leaves out."""
    found = _stored(path)
    if "less" in found:
        found = _filled(found, _whole_in(path.parent))
        del found["less"]
    history = found["training"].get("history")
    if isinstance(history, dict):
        rows = (zip(history, row, strict=True) for row in zip(*history.values(), strict=True))
        kept = [{key: value for key, value in row if value is not None} for row in rows]
        found["training"] = {**found["training"], "history": kept}
    return found


def _stored(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lzma.decompress(path.read_bytes()))
    return found


def _whole_in(place: Path) -> dict[str, Any]:
    """What the first record of a folder has stored."""
    whole = whole_of(map(_stored, sorted(place.glob("*.json.xz"))))
    if whole is None:
        raise SystemExit(f"expected the first record of {place}, which is whole, got none")
    return whole


def write_record(path: Path, kept: dict[str, Any]) -> None:
    """Write a record, compressed."""
    text = json.dumps(kept, separators=(",", ":"), ensure_ascii=False)
    path.write_bytes(lzma.compress(text.encode("utf-8"), preset=9))


def _path(cell: Cell, run: FinishedRun) -> Path:
    return cell.place / f"{run.planned.id}.json.xz"


def sparse(counts: np.ndarray) -> list[list[float]]:
    """For each column the units with a count, as steps from one to the next, and the counts."""
    found: list[list[float]] = []
    for column in counts.T:
        units = np.flatnonzero(column)
        values = [round(value, 6) for value in column[units].tolist()]  # shares of an answer
        whole = all(value.is_integer() for value in values)
        found += [np.diff(units, prepend=0).tolist(), list(map(int, values)) if whole else values]
    return found


def counts(
    record: dict[str, Any], whole: dict[str, Any] | None = None, decision: str = DEFAULT
) -> np.ndarray:
    """The counts of a record, (units, columns), which may be differences from a whole one."""
    stored = record["counts"][(DEFAULT, TUNED).index(decision)]
    found = np.zeros((record["units"], len(record["columns"])))
    for number, (steps, values) in enumerate(zip(stored[::2], stored[1::2], strict=True)):
        found[np.cumsum(steps, dtype=int), number] = values
    return found if record["whole"] or whole is None else found + counts(whole)


def on_dev(record: dict[str, Any], decision: str) -> float:
    """The score on dev of the checkpoint of a decision, which is the highest of its run."""
    chosen = f"eval_{record['training']['chosen_by'].removesuffix(f'_{TUNED}')}"
    key = f"{chosen}_{TUNED}" if decision == TUNED else chosen
    return max(float(row[key]) for row in record["training"]["history"])
