"""Progress on a terminal: the live table of a comparison."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from dicetune.numbers import duration
from dicetune.terminal import escape, percent, stderr

if TYPE_CHECKING:
    from dicetune.comparison.runs import Progress, RunState

_STYLES = {"done": "green", "failed": "red", "running": "bold", "waiting": "dim"}
_SPARE = 8
"""Lines of the terminal that are not rows of the table."""


@contextlib.contextmanager
def live_progress(on_terminal: bool) -> Iterator[Callable[[Progress], None]]:
    """A function that shows progress: a table that redraws itself on a terminal, else nothing."""
    if not on_terminal:
        yield lambda progress: None
        return
    with Live(console=stderr, auto_refresh=False, transient=True) as live:
        yield lambda progress: live.update(
            progress_table(progress, stderr.height - _SPARE), refresh=True
        )


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
        return ProgressBar(total=1.0, completed=state.share, width=24)
    return state.state


def _window(progress: Progress, most: int) -> list[RunState]:
    """The rows that fit, with the first unfinished run in the middle."""
    runs = list(progress.runs)
    unfinished = [n for n, state in enumerate(runs) if state.state in ("running", "waiting")]
    middle = unfinished[0] if unfinished else len(runs)
    begin = max(0, min(middle - most // 2, len(runs) - most))
    return runs[begin : begin + most]
