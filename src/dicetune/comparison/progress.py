"""How far a comparison is: read from the folders and logs of its cells. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dicetune.comparison.cell import is_finished
from dicetune.comparison.plan import CELLS, Cell, Plan
from dicetune.comparison.process import failure_of
from dicetune.errors import DicetuneError
from dicetune.records import METRICS_FILE, RUN_FILE, read_json

_EVALUATION = re.compile(r"step (\d+)/(\d+) · dev \S+ (-?[\d.]+)")


@dataclass(frozen=True)
class CellState:
    """One cell as it stands.

    Args:
        cell: which one.
        state: "done", "running", "failed" or "waiting".
        step: of training that was last evaluated.
        steps: of training in all, once known.
        dev: main dev score of the chosen checkpoint, in [0, 1]; of a running cell the best so far.
        seconds: of training, where it is done.
        reason: why it failed.
    """

    cell: Cell
    state: str
    step: int = 0
    steps: int = 0
    dev: float | None = None
    seconds: float | None = None
    reason: str | None = None

    @property
    def share(self) -> float:
        """How much of its training is over, in [0, 1]."""
        if self.state in ("done", "failed"):
            return 1.0
        return self.step / self.steps if self.steps else 0.0


@dataclass(frozen=True)
class Progress:
    """All cells as they stand, and how long the rest takes.

    Args:
        cells: in the order in which they run.
        seconds_left: an estimate, once one cell is done.
        what: what runs now beside cells (a trial of the search), if anything.
    """

    cells: tuple[CellState, ...]
    seconds_left: float | None = None
    what: str = ""

    def of(self, state: str) -> list[CellState]:
        """The cells of that state."""
        return [own for own in self.cells if own.state == state]


def folder_of(out: Path, cell: Cell) -> Path:
    """Where a cell's run lies."""
    return out / CELLS / cell.id


def state_of(plan: Plan, out: Path, cell: Cell, running: str | None = None) -> CellState:
    """One cell as its folder and its log tell.

    Args:
        plan: of the comparison.
        out: its folder.
        cell: which one.
        running: id of the cell that runs now.
    """
    folder = folder_of(out, cell)
    if cell.id != running and is_finished(folder, keep_model=plan.keep_models):
        try:
            return _done(plan, cell, folder)
        except (DicetuneError, OSError, AttributeError, LookupError, TypeError, ValueError):
            return CellState(cell, "failed", reason="its records are damaged")
    step, steps, best = _evaluations(folder.with_name(folder.name + ".log"))
    if cell.id == running:
        return CellState(cell, "running", step, steps, best)
    reason = failure_of(folder)
    if reason is not None:
        return CellState(cell, "failed", step, steps, best, reason=reason)
    return CellState(cell, "waiting", step, steps, best)


def _done(plan: Plan, cell: Cell, folder: Path) -> CellState:
    training = read_json(folder / RUN_FILE)["training"]
    steps, seconds = int(training["steps"]), float(training["seconds"])
    dev = read_json(folder / METRICS_FILE)["dev"].get(plan.metric)
    return CellState(cell, "done", steps, steps, None if dev is None else float(dev), seconds)


def progress_of(
    plan: Plan,
    out: Path,
    running: str | None = None,
    elapsed: float = 0.0,
    taken: Sequence[float] = (),
) -> Progress:
    """Everything as it stands.

    Args:
        plan: of the comparison.
        out: its folder.
        running: id of the cell that runs now.
        elapsed: seconds since that began.
        taken: seconds that cells took as a whole, this time.
    """
    states = tuple(state_of(plan, out, cell, running) for cell in plan.cells)
    times = list(taken) or [own.seconds for own in states if own.seconds is not None]
    left = None
    if times:
        each = sum(times) / len(times)
        left = each * sum(own.state == "waiting" for own in states)
        left += max(each - elapsed, 0.0) if running is not None else 0.0
    return Progress(states, left)


def _evaluations(log: Path) -> tuple[int, int, float | None]:
    """Last step, all steps and best dev score of the run that a log ends with."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return 0, 0, None
    found = _EVALUATION.findall(text)
    if not found:
        return 0, 0, None
    step, steps, _ = found[-1]
    return int(step), int(steps), max(float(score) for *_, score in found) / 100
