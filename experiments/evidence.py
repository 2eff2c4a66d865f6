"""The evidence programme: run what is missing, keep small records, and say what they show.

    python experiments/evidence.py run STAGE [CELL ...] [--minutes N]   trains what has no record
    python experiments/evidence.py table STAGE                          a table in Markdown
    python experiments/evidence.py figure STAGE                         docs/figures/STAGE.svg
    python experiments/evidence.py tracks                               does a loss follow 1 - F1?
    python experiments/evidence.py hours                                hours of training so far
    python experiments/evidence.py page                                 all of it in docs/evidence.md

``experiments/evidence.yaml`` names stages, cells and objectives. Each seed of a cell is a
``dicetune compare`` in runs/evidence, so that an interrupted run goes on from its checkpoint. A
finished run is kept as ``experiments/evidence/STAGE/CELL/RUN.json.xz``: its configuration, its
history of losses and scores, its decisions as counts, and no text of the data. The counts of the
first record of a cell are whole, and those of the others are differences from them. The file is
written once. Whatever has a file is not trained again, also where runs/evidence is gone.
"""

import argparse
import json
import lzma
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.stats import spearmanr

from dicetune import numbers
from dicetune.comparison.compare import canonical_name
from dicetune.comparison.differences import differences
from dicetune.comparison.folder import PLAN_FILE
from dicetune.comparison.plan import Plan
from dicetune.comparison.results import Competitor, Results, competitor_name, read_results
from dicetune.comparison.runs import FinishedRun, is_finished
from dicetune.problems import problem_of
from dicetune.records import DEFAULT, METRICS_FILE, TUNED, by_decision, read_json

HERE = Path(__file__).parent
RECORDS, RUNS = HERE / "evidence", Path("runs/evidence")
PAGE = HERE.parent / "docs" / "evidence.md"
BETTER, WORSE, UNDECIDED = "#d0722a", "#3b82d6", "#8a8a8a"
BEST = "ce, the best on dev"
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
    """

    stage: str
    name: str
    config: dict[str, Any]
    objectives: list[str]
    seeds: list[int]

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
        return next((one for one in self.records().values() if one["whole"]), None)

    @property
    def plain(self) -> list[str]:
        """Cross-entropy at each learning rate, if nothing else differs."""
        return [name for name in self.objectives if re.fullmatch(r"ce( with lr=\S+)?", name)]

    def _best(self, records: dict[tuple[str, int], Any], decision: str) -> list[dict[str, Any]]:
        """Of each seed that has all of ``plain``, the record with the highest score on dev."""
        whole = [[records.get((name, seed)) for name in self.plain] for seed in self.seeds]
        return [max(own, key=lambda one: on_dev(one, decision)) for own in whole if all(own)]

    def results(self) -> Results:
        """The competitors of the records, as a comparison has them, and ``BEST``."""
        records, first = self.records(), self.whole
        assert first is not None, self.name
        problem = problem_of(first["problem"], [], [])
        assert list(problem.columns) == first["columns"], self.name
        competitors = []
        rivals = sorted({name for name, _ in records} - set(self.objectives))
        best = [BEST] if len(self.plain) > 1 else []
        for decision in (DEFAULT, TUNED):
            names = [*best, *self.objectives, *(rivals if decision == DEFAULT else ())]
            for name in names:
                own = [one for key, one in sorted(records.items()) if key[0] == name]
                if name == BEST:
                    own = self._best(records, decision)
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


def cells(stage: str) -> list[Cell]:
    """The cells of a stage, in their order."""
    whole = yaml.safe_load((HERE / "evidence.yaml").read_text(encoding="utf-8"))[stage]
    return [
        Cell(
            stage,
            name,
            own["config"],
            [canonical_name(text) for text in own["objectives"]],
            own.get("seeds", whole["seeds"]),
        )
        for name, own in whole["cells"].items()
    ]


# making records


def run(cell: Cell, until: float) -> None:
    """Train what has no record, a seed at a time; each finished run is kept at once."""
    for seed in cell.seeds:
        have = {name for name, of in cell.records() if of == seed}
        missing = [name for name in cell.objectives if name not in have]
        if len(missing) == 1:  # a comparison has two at least
            missing = [next(name for name in cell.objectives if name not in missing), *missing]
        if missing and time.time() < until:
            _compare(cell, RUNS / cell.stage / f"{cell.name}-{seed}", missing, seed, until)


def _compare(cell: Cell, out: Path, losses: list[str], seed: int, until: float) -> None:
    """Run ``dicetune compare`` until it ends, or until a time, after which it can go on."""
    out.parent.mkdir(parents=True, exist_ok=True)
    config = out.with_suffix(".yaml")
    whole = {**cell.config, "losses": losses, "seeds": [seed]}
    config.write_text(yaml.safe_dump(whole), encoding="utf-8")
    command = [sys.executable, "-m", "dicetune", "compare"]
    command += ["--config", str(config), "--out", str(out)]
    with out.with_suffix(".log").open("a", encoding="utf-8") as log:
        made = subprocess.Popen(command, stdout=log, stderr=log)
        while made.poll() is None:
            time.sleep(5)
            keep(cell, out)
            if time.time() > until:
                made.send_signal(signal.SIGINT)
                made.wait()
    keep(cell, out)


def keep(cell: Cell, out: Path) -> None:
    """Write the record of each finished run of a comparison that has none."""
    if not (out / PLAN_FILE).is_file():
        return
    plan = Plan.load(out)
    made = [run for run in FinishedRun.of_plan(plan, out) if is_finished(run.folder)]
    if all(_path(cell, run).exists() for run in made):
        return
    results = read_results(plan, out, made)
    by_name = {(one.loss, one.decision): one for one in results.competitors if not one.members}
    cell.place.mkdir(parents=True, exist_ok=True)
    for run in made:
        if _path(cell, run).exists():
            continue
        name, seed, record = run.planned.loss, run.planned.seed, run.record
        found = (by_name[name, decision] for decision in (DEFAULT, TUNED))
        ours, first = [one.counts[one.seeds.index(seed)] for one in found], cell.whole
        metrics = by_decision(read_json(run.folder / METRICS_FILE))
        history = [
            {key: value for key, value in row.items() if key not in TIMES}
            for row in record.training["history"]
        ]
        kept = {
            "name": name,
            "seed": seed,
            "config": record.config,
            "data": {split: one["sha256"] for split, one in record.data.items()},
            "versions": record.versions,
            "training": {**record.training, "history": history},
            "scores": {what: row.get(plan.metric) for what, row in metrics.items()},
            "problem": run.problem,
            "columns": list(results.problem.columns),
            "units": len(results.rows),
            "whole": first is None,
            "counts": [sparse(one if first is None else one - counts(first)) for one in ours],
        }
        write_record(_path(cell, run), kept)


def read_record(path: Path) -> dict[str, Any]:
    """Read a record."""
    found: dict[str, Any] = json.loads(lzma.decompress(path.read_bytes()))
    return found


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


# what they show


@dataclass(frozen=True)
class Shown:
    """A row of the table: scores, and the difference from the first objective, both tuned."""

    name: str
    seeds: int  # 0 of what is not of this package
    plain: float
    tuned: float | None = None
    difference: float | None = None
    interval: list[float] | None = None

    def markdown(self, cell: str) -> str:
        """The row in Markdown."""
        said = "" if self.difference is None else numbers.signed(self.difference)
        if self.interval is not None:
            said += f" {numbers.interval(self.interval, sign=True)}"
        name = self.name if self.name == BEST else f"`{self.name}`"
        name = name if self.seeds else f"{self.name}, not of this package"
        tuned = "" if self.tuned is None else numbers.points(self.tuned)
        seeds = self.seeds or ""
        return f"| {cell} | {name} | {seeds} | {numbers.points(self.plain)} | {tuned} | {said} |"


def shown(cell: Cell) -> Iterator[Shown]:
    """The rows of a cell, in the order of its objectives; then what people would use instead."""
    results = cell.results()
    first = results.competitors[0].loss
    rows = {row["name"]: row for row in differences(results, first).rows}
    scores = {one.name: results.scores(one)["mean"] for one in results.competitors}
    for one in results.competitors:
        if one.external:
            yield Shown(one.name, 0, scores[one.name])
        elif one.decision == DEFAULT:
            tuned = competitor_name(one.loss, TUNED)
            row = rows.get(tuned, {}) if one.loss != first else {}
            found = row.get("difference"), row.get("interval")
            yield Shown(one.loss, len(one.seeds), scores[one.name], scores.get(tuned), *found)


def table(stage: str) -> Iterator[str]:
    """Rows of Markdown: each objective of each cell, and its difference from the first, tuned."""
    yield "| cell | objective | seeds | plain | tuned | tuned, against the first tuned (95%) |"
    yield "|---|---|---:|---:|---:|---|"
    for cell in cells(stage):
        if cell.records():
            yield from (row.markdown(cell.name) for row in shown(cell))


def figure(stage: str, path: Path) -> None:
    """A forest plot: the difference of each objective from the first of its cell, both tuned."""
    import matplotlib.pyplot as plt

    found = {cell.name: [*shown(cell)] for cell in cells(stage) if cell.records()}
    rows = [
        (f"{name}: {row.name}" if not place else row.name, row)
        for name, own in found.items()
        for place, row in enumerate(one for one in own if one.difference is not None)
    ]
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dicetune", "font.size": 8}):
        plot, axis = plt.subplots(figsize=(7.5, 0.8 + 0.2 * len(rows)))
        for place, (_, row) in enumerate(rows):
            middle = 100 * (row.difference or 0.0)
            low, high = (100 * end for end in row.interval or (row.difference, row.difference))
            color = BETTER if low > 0 else WORSE if high < 0 else UNDECIDED
            axis.plot([low, high], [place, place], color=color, linewidth=1.2)
            axis.plot(middle, place, "o", color=color, markersize=4)
        axis.axvline(0, color="#7d7d7d", linewidth=0.8)
        axis.set_yticks(range(len(rows)), [name for name, _ in rows])
        axis.invert_yaxis()
        axis.set_xlabel(
            "points against cross-entropy, both with a tuned decision (95%); "
            "orange: better, blue: worse, grey: undecided"
        )
        plot.savefig(path, bbox_inches="tight", metadata={"Date": None})
        plt.close(plot)


def tracks() -> Iterator[str]:
    """Rows of Markdown: for each loss the rank correlation of its value on dev with 1 - F1.

    Spearman's correlation over the evaluations of a run; the median of the runs, and quartiles.
    """
    yield "| loss | runs | with 1 - F1 (quartiles) | with 1 - F1, tuned (quartiles) |"
    yield "|---|---:|---|---|"
    found: dict[str, list[tuple[float, float]]] = {}
    for one in map(read_record, sorted(RECORDS.rglob("*.json.xz"))):
        metric = one["training"].get("chosen_by", "").removesuffix(f"_{TUNED}")
        columns = ("eval_loss", f"eval_{metric}", f"eval_{metric}_{TUNED}")
        if not metric.endswith("f1"):
            continue
        history = [[row[key] for key in columns] for row in one["training"]["history"]]
        loss, plain, tuned = np.transpose(history)
        if min(map(np.ptp, (loss, plain, tuned))) > 0:  # a constant has no rank correlation
            both = [float(spearmanr(loss, 1 - scores).statistic) for scores in (plain, tuned)]
            found.setdefault(one["config"]["loss"], []).append((both[0], both[1]))
    for name, values in sorted(found.items()):
        said = (
            f"{middle:.2f} ({low:.2f}, {high:.2f})"
            for low, middle, high in np.quantile(values, [0.25, 0.5, 0.75], axis=0).T
        )
        yield f"| `{name}` | {len(values)} | {' | '.join(said)} |"


def hours() -> str:
    """Hours of training in all records."""
    found = [*map(read_record, RECORDS.rglob("*.json.xz"))]
    seconds = sum(one["training"]["seconds"] for one in found)
    return f"{len(found)} runs, {seconds / 3600:.1f} hours of training"


def told(what: str, stage: str = "screen") -> list[str]:
    """The lines of a table, or of hours."""
    if what == "table":
        return [*table(stage)]
    return [*tracks()] if what == "tracks" else [hours()]


def page(text: str) -> str:
    """A page whose paragraphs after ``<!-- evidence.py WHAT [STAGE] -->`` are what is told."""
    return re.sub(
        r"(<!-- evidence\.py (.+) -->\n\n)(?:.+\n)+",
        lambda found: found[1] + "".join(f"{line}\n" for line in told(*found[2].split())),
        text,
    )


def main() -> None:
    """Run what is missing, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "table", "figure", "tracks", "hours", "page"))
    parser.add_argument("stage", nargs="?", default="screen")
    parser.add_argument("cells", nargs="*", help="by default all cells of the stage")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these")
    given = parser.parse_args()
    if given.what == "run":
        until = time.time() + 60 * given.minutes
        for cell in cells(given.stage):
            if not given.cells or cell.name in given.cells:
                run(cell, until)
    elif given.what == "figure":
        figure(given.stage, PAGE.parent / "figures" / f"{given.stage}.svg")
    elif given.what == "page":
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write("\n".join(told(given.what, given.stage)) + "\n")


if __name__ == "__main__":
    main()
