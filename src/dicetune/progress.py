"""Progress on a terminal, or in a cell of a notebook: the bar of a run, the table of a comparison.

Nothing is shown elsewhere, such as in a log file.
"""

from __future__ import annotations

import contextlib
import html
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from dicetune.numbers import duration
from dicetune.terminal import escape, html_table, percent, stderr

if TYPE_CHECKING:
    from dicetune.comparison.runs import Progress, RunState
    from dicetune.training.callbacks import ShowTraining, TrainingProgress

_STYLES = {"done": "green", "failed": "red", "running": "bold", "waiting": "dim"}
_SPARE = 8
"""Lines of the terminal that are not rows of the table."""
_ROWS_OF_CELL = 40
_PAUSE = 0.2
"""Seconds between two pictures in a notebook, which keeps each of them in its history."""


class Cell:
    """A place in the output of a notebook's cell, whose HTML changes."""

    def __init__(self) -> None:
        self._display = sys.modules["IPython.display"]
        self._handle = self._display.display(self._display.HTML(""), display_id=True)
        self._last = 0.0

    @classmethod
    def of_notebook(cls) -> Cell | None:
        """A new place; ``None`` outside of a notebook."""
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        return None if getattr(shell, "kernel", None) is None else cls()

    def show(self, page: Callable[[], str]) -> None:
        """Show a picture, unless the last one has only just come."""
        if time.monotonic() - self._last >= _PAUSE:
            self._last = time.monotonic()
            self._handle.update(self._display.HTML(page()))

    def clear(self) -> None:
        """Show nothing."""
        self._handle.update(self._display.HTML(""))


@contextlib.contextmanager
def training_bar(wanted: bool | None) -> Iterator[ShowTraining | None]:
    """A function that shows where a training is, or ``None``; by default in a notebook alone."""
    cell = None if wanted is False else Cell.of_notebook()
    if cell is not None:
        place = cell
        bar_of = '<progress value="{0.step}" max="{0.steps}"></progress> {1}'
        yield lambda now: place.show(lambda: bar_of.format(now, html.escape(said_of(now))))
        cell.clear()
    elif wanted:
        from rich.progress import BarColumn, TextColumn  # other commands do without
        from rich.progress import Progress as Bars

        bar = Bars(BarColumn(32), TextColumn("{task.description}"), console=stderr, transient=True)
        with bar:
            row = bar.add_task("", total=None)
            yield lambda now: bar.update(
                row, description=said_of(now), completed=now.step, total=now.steps or None
            )
    else:
        yield None


def said_of(now: TrainingProgress) -> str:
    """Step, loss, dev score and time left, in words.

    Example:
        >>> from dicetune.training.callbacks import TrainingProgress
        >>> said_of(TrainingProgress(20, 70, 0.31, 0.5, "f1", seconds_left=61.0))
        'step 20/70 · loss 0.310 · dev f1 50.00 · 1 min 1 s left'
    """
    parts = [f"step {now.step}/{now.steps}"]
    if now.loss is not None:
        parts.append(f"loss {now.loss:.3f}")
    if now.dev is not None:
        parts.append(f"dev {now.metric.replace('_', ' ')} {percent(now.dev)}")
    if now.scoring:
        parts.append("scoring")
    elif now.seconds_left is not None:
        parts.append(f"{duration(now.seconds_left)} left")
    return " · ".join(parts)


@contextlib.contextmanager
def live_progress(wanted: bool | None) -> Iterator[Callable[[Progress], None]]:
    """A function that shows progress: a table that redraws itself, or nothing."""
    cell = None if wanted is False else Cell.of_notebook()
    if cell is not None:
        place = cell
        yield lambda now: place.show(lambda: html_table(progress_table(now, _ROWS_OF_CELL)))
        cell.clear()
    elif wanted:
        with Live(console=stderr, auto_refresh=False, transient=True) as live:
            yield lambda progress: live.update(
                progress_table(progress, stderr.height - _SPARE), refresh=True
            )
    else:
        yield lambda progress: None


class ShareBar(ProgressBar):
    """A bar, which is a percentage where there is only text."""

    def __str__(self) -> str:
        return f"{100 * self.completed:.0f}%"


def progress_table(progress: Progress, most: int) -> Table:
    """One row a run; of more than ``most`` runs those around the running run."""
    table = Table(title=_title(progress), title_justify="left")
    table.add_column("loss")
    table.add_column("seed", justify="right")
    table.add_column("")
    table.add_column("dev", justify="right")
    table.add_column("time", justify="right")
    for state in _window(progress, max(most, 1)):
        table.add_row(
            escape(state.planned.loss),
            str(state.planned.seed),
            _state(state),
            "" if state.dev is None else percent(state.dev),
            "" if state.seconds is None else duration(state.seconds),
            style=_STYLES[state.state],
        )
    return table


def _title(progress: Progress) -> str:
    done = progress.of("done")
    parts = [f"{len(done)} of {len(progress.runs)} runs are done"]
    if failed := len(progress.of("failed")):
        parts.append(f"{failed} failed")
    if progress.what:
        parts.append(escape(progress.what))
    scored = [(state.dev, state.planned) for state in done if state.dev is not None]
    if scored:
        dev, run = max(scored, key=lambda pair: pair[0])
        parts.append(f"best on dev: {escape(run.loss)}, seed {run.seed}, {percent(dev)}")
    if progress.seconds_left:
        parts.append(f"about {duration(progress.seconds_left)} left")
    return " · ".join(parts)


def _state(state: RunState) -> str | ProgressBar:
    if state.state == "failed":
        return f"failed: {escape((state.reason or '').splitlines()[0][:60])}"
    if state.state == "running":
        return ShareBar(total=1.0, completed=state.share, width=24)
    return state.state


def _window(progress: Progress, most: int) -> list[RunState]:
    """The rows that fit, with the first unfinished run in the middle."""
    runs = list(progress.runs)
    unfinished = [n for n, state in enumerate(runs) if state.state in ("running", "waiting")]
    middle = unfinished[0] if unfinished else len(runs)
    begin = max(0, min(middle - most // 2, len(runs) - most))
    return runs[begin : begin + most]
