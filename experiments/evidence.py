"""The evidence programme: run what is missing, keep small records, and say what they show.

    python experiments/evidence.py run STAGE [CELL ...] [--minutes N]   trains what has no record
    python experiments/evidence.py table STAGE                          a row for each objective
    python experiments/evidence.py matrix STAGE                         a column for each cell
    python experiments/evidence.py goal STAGE                           auto against cross-entropy
    python experiments/evidence.py tracks                               does a loss follow 1 - F1?
    python experiments/evidence.py estimates                            what annotation.py found
    python experiments/evidence.py hours                                hours of training so far
    python experiments/evidence.py page                                 docs/evidence.md and .svg

Each seed of a cell (programme.py) is a ``dicetune compare`` in runs/evidence: a stopped run goes on
from its checkpoint. Whatever has a record is not trained again, also where runs/evidence is gone.
"""

import argparse
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import annotation
import numpy as np
import yaml
from programme import BEST, CHOICES, HERE, RECORDS, Cell, cells, keep, read_record
from scipy.stats import spearmanr

from dicetune import numbers
from dicetune.comparison.differences import FEWEST_RUNS, WORSE, differences
from dicetune.comparison.results import competitor_name
from dicetune.comparison.statistics.estimate import Runs, estimate
from dicetune.records import DEFAULT, TUNED
from dicetune.reporting import BETTER

RUNS = Path("runs/evidence")
PAGE = HERE.parent / "docs" / "evidence.md"
FIGURE = ("originals", "confirm")
ORANGE, BLUE, GREY = "#d0722a", "#3b82d6", "#8a8a8a"


# training


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
    if made.returncode and time.time() < until:
        raise SystemExit(f"{out.with_suffix('.log')} says why the comparison ended")


# what they show


@dataclass(frozen=True)
class Shown:
    """A row of the table: scores, and what two objectives are apart by, all tuned.

    ``against_first`` and ``against_auto`` are rows of ``differences``, where there are any.
    """

    name: str
    seeds: int  # 0 of what is not of this package
    plain: float
    tuned: float | None = None
    against_first: Mapping[str, Any] | None = None
    against_auto: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """The name in Markdown."""
        if not self.seeds:
            return f"{self.name}, not of this package"
        return self.name if self.name in CHOICES else f"`{self.name}`"

    @property
    def scores(self) -> tuple[str, str]:
        """Both scores in points."""
        return numbers.points(self.plain), "" if self.tuned is None else numbers.points(self.tuned)

    @property
    def entry(self) -> str:
        """Both scores in one, marked where the tuned one is better or worse than the first."""
        row = self.against_first
        mark = {BETTER: " ▲", WORSE: " ▼"}.get("" if row is None else row["verdict"], "")
        return " → ".join(filter(None, self.scores)) + mark

    def markdown(self, cell: str) -> str:
        """The row in Markdown."""
        apart = map(_said, (self.against_first, self.against_auto))
        told = (cell, self.title, self.seeds or "", *self.scores, *apart)
        return f"| {' | '.join(map(str, told))} |"


def _apart(value: float, bounds: Sequence[float] | None) -> str:
    """A difference, with its interval where there is one."""
    said = numbers.signed(value)
    return said if bounds is None else f"{said} ({numbers.interval(bounds, sign=True)})"


def _said(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    said = _apart(row["difference"], row["interval"])
    return f"{said}, {row['verdict']}" if row["verdict"] in (BETTER, WORSE) else said


def begun(stage: str) -> list[Cell]:
    """The cells of a stage that have a record."""
    return [cell for cell in cells(stage) if any(cell.place.glob("*.json.xz"))]


def shown(cell: Cell) -> Iterator[Shown]:
    """The rows of a cell, in the order of its objectives; then what people would use instead."""
    results = cell.results()
    scores = {one.name: results.scores(one)["mean"] for one in results.competitors}
    first = results.competitors[0].loss
    against = [
        {row["name"]: row for row in differences(results, loss).rows if row["loss"] != loss}
        for loss in (first, cell.auto)
    ]
    for one in results.competitors:
        if one.external:
            yield Shown(one.name, 0, scores[one.name])
        elif one.decision == DEFAULT:
            tuned = competitor_name(one.loss, TUNED)
            rows = [found.get(tuned) for found in against]
            if cell.auto == "ce":  # which is the first, or one of those it is chosen from
                rows[1] = None
            yield Shown(one.loss, len(one.seeds), scores[one.name], scores.get(tuned), *rows)


def table(stage: str) -> Iterator[str]:
    """Rows of Markdown: each objective of each cell, and what it is apart by from two others."""
    apart = "tuned, against the first (95%) | against `auto` (95%)"
    yield f"| cell | objective | seeds | plain | tuned | {apart} |"
    yield "|---|---|---:|---:|---:|---|---|"
    for cell in begun(stage):
        yield from (row.markdown(cell.name) for row in shown(cell))


def matrix(stage: str) -> Iterator[str]:
    """Rows of Markdown: objectives, and in each cell their scores, plain and tuned."""
    found: dict[str, dict[str, str]] = {}
    own = begun(stage)
    for cell in own:
        for row in shown(cell):
            found.setdefault(row.title, {})[cell.name] = row.entry
    yield f"| objective | {' | '.join(cell.name for cell in own)} |"
    yield f"|---|{'---:|' * len(own)}"
    for title, entries in found.items():
        yield f"| {title} | {' | '.join(entries.get(cell.name, '') for cell in own)} |"


def figure(path: Path) -> None:
    """A forest plot: what is measured with several seeds, against cross-entropy, both tuned."""
    import matplotlib.pyplot as plt

    rows: list[tuple[str, Mapping[str, Any] | None]] = []
    for cell in (cell for stage in FIGURE for cell in begun(stage)):
        own = [
            (row.name, row.against_first)
            for row in shown(cell)
            if row.against_first is not None and row.against_first["interval"] is not None
        ]
        rows += [(cell.name, None), *own] if own else []
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dicetune", "font.size": 8}):
        plot, axis = plt.subplots(figsize=(6, 0.8 + 0.2 * len(rows)))
        for place, row in enumerate(row for _, row in rows):
            if row is None:
                continue
            low, high = (100 * end for end in row["interval"])
            color = ORANGE if low > 0 else BLUE if high < 0 else GREY
            axis.plot([low, high], [place, place], color=color, linewidth=1.2)
            axis.plot(100 * row["difference"], place, "o", color=color, markersize=4)
        axis.axvline(0, color="#7d7d7d", linewidth=0.8)
        axis.set_yticks(range(len(rows)), [name for name, _ in rows])
        for (_, row), label in zip(rows, axis.get_yticklabels(), strict=True):
            label.set_fontweight("bold" if row is None else "normal")
        axis.invert_yaxis()
        axis.set_xlabel("points against cross-entropy, both tuned, with intervals of 95%")
        plot.savefig(path, bbox_inches="tight", metadata={"Date": None})
        plt.close(plot)


def goal(stage: str) -> Iterator[str]:
    """Rows of Markdown: ``auto`` against cross-entropy with its better decision on test.

    Cross-entropy is the first objective, or at the rate that dev chooses, where there are several.
    The last row is the mean over the cells where ``auto`` is not the opponent itself. Cells may
    share their test set, so that the half of its interval is the mean of theirs: as if all of them
    erred together.
    """
    yield "| cell | seeds | `auto` | `ce`, its better decision | difference (95%) | above −1 |"
    yield "|---|---:|---:|---:|---|---|"
    found: list[tuple[float, float]] = []
    for cell in begun(stage):
        rivals = (cell.auto, BEST if BEST in cell.choices else cell.objectives[0])
        results = cell.results()
        own = [one for one in results.competitors if one.loss in rivals]
        have = sorted(set.intersection(*({*one.seeds} for one in own)) if own else ())
        if {*rivals} > {one.loss for one in own} or len(have) < FEWEST_RUNS:
            continue
        score = partial(results.problem.score, metric=results.problem.metrics[0])
        runs = {
            one.name: Runs.of_counts(one.counts[[one.seeds.index(n) for n in have]], score, have)
            for one in own
        }
        ours = runs[competitor_name(cell.auto, TUNED)]
        plain, tuned = (runs[competitor_name(rivals[1], what)] for what in (DEFAULT, TUNED))
        best = max(plain, tuned, key=lambda one: one.mean)
        apart = estimate([ours.minus(best)])
        half = apart.high - apart.value
        found += [] if cell.auto == rivals[1] else [(apart.value, half)]
        scores = f"{numbers.points(ours.mean)} | {numbers.points(best.mean)}"
        yield f"| {cell.name} | {len(have)} | {scores} | {_above(apart.value, half)} |"
    if len(found) > 1:
        means = _above(*map(float, np.mean(found, axis=0)))
        yield f"| mean of {len(found)}, where `auto` is not the opponent |  |  |  | {means} |"


def _above(value: float, half: float) -> str:
    """A difference with its interval, and whether the interval is above -1 point."""
    where = "yes" if value - half > -0.01 else "no" if value + half < -0.01 else "undecided"
    return f"{_apart(value, [value - half, value + half])} | {where}"


def tracks() -> Iterator[str]:
    """Rows of Markdown: for each loss the rank correlation of its value on dev with 1 - F1.

    Spearman's correlation over the evaluations of a run; the median of the runs, and quartiles.
    A loss of few runs is left out.
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
        if len(values) < FEWEST_RUNS:
            continue
        said = (
            f"{middle:.2f} ({low:.2f}, {high:.2f})"
            for low, middle, high in np.quantile(values, [0.25, 0.5, 0.75], axis=0).T
        )
        yield f"| `{name}` | {len(values)} | {' | '.join(said)} |"


def hours() -> Iterator[str]:
    """Hours of training in all records of this package."""
    records = map(read_record, RECORDS.rglob("*.json.xz"))
    found = [one for one in records if "external" not in one]
    seconds = sum(one["training"]["seconds"] for one in found)
    yield f"{len(found)} runs, {seconds / 3600:.1f} hours of training"


BY_STAGE = {"table": table, "matrix": matrix, "goal": goal}
ALONE = {"tracks": tracks, "estimates": annotation.rows, "hours": hours}


def told(what: str, stage: str = "screen") -> list[str]:
    """The lines of a table, or the hours."""
    if what in BY_STAGE:
        return [*BY_STAGE[what](stage)]
    return [*ALONE[what]()]


def page(text: str) -> str:
    """A page with what is told after ``<!-- evidence.py WHAT [STAGE] -->``, in place of the old."""
    return re.sub(
        r"(<!-- evidence\.py (.+) -->\n\n)(?:(?:\|.+\n)+|\d+ runs, .+\n)?\n*",
        lambda found: found[1] + "".join(f"{line}\n" for line in told(*found[2].split())) + "\n",
        text,
    )


def main() -> None:
    """Run what is missing, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", *BY_STAGE, *ALONE, "page"))
    parser.add_argument("stage", nargs="?", default="screen")
    parser.add_argument("cells", nargs="*", help="by default all cells of the stage")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these")
    given = parser.parse_args()
    if given.what == "run":
        until = time.time() + 60 * given.minutes
        for cell in cells(given.stage):
            if not given.cells or cell.name in given.cells:
                run(cell, until)
    elif given.what == "page":
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        figure(PAGE.with_suffix(".svg"))
    else:
        sys.stdout.write("\n".join(told(given.what, given.stage)) + "\n")


if __name__ == "__main__":
    main()
