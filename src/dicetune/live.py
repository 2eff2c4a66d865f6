"""The live table of a comparison: cells and their state, on a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from dicetune.comparison.runs import Progress, RunState
from dicetune.display import escape, percent, stderr
from dicetune.numbers import duration

_STYLES = {"done": "green", "failed": "red", "running": "bold", "waiting": "dim"}
_SPARE = 8
"""Lines of the terminal that are not the table's rows."""


@contextlib.contextmanager
def live_progress(
    on_terminal: bool, console: Console = stderr
) -> Iterator[Callable[[Progress], None]]:
    """A function that shows progress: a table that redraws itself, elsewhere nothing.

    Args:
        on_terminal: whether there is a terminal; else the lines of the report are all there is.
        console: where it is drawn.
    """
    if not on_terminal:
        yield lambda progress: None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda progress: live.update(
            progress_table(progress, console.height - _SPARE), refresh=True
        )


def progress_table(progress: Progress, most: int = 40) -> Table:
    """One row a cell: state, progress, dev score and time.

    Args:
        progress: as it stands.
        most: rows that fit; of more cells those around the running one are shown.
    """
    table = Table(title=_title(progress), title_justify="left")
    for head, justify in (("loss", "left"), ("seed", "right"), ("", "left"), ("dev", "right")):
        table.add_column(head, justify="right" if justify == "right" else "left")
    table.add_column("time", justify="right")
    for own in _window(progress, max(most, 1)):
        dev = "" if own.dev is None else percent(own.dev)
        time = "" if own.seconds is None else duration(own.seconds)
        table.add_row(
            escape(own.planned.loss),
            str(own.planned.seed),
            _state(own),
            dev,
            time,
            style=_STYLES[own.state],
        )
    return table


def _title(progress: Progress) -> str:
    parts = [f"{len(progress.of('done'))} of {len(progress.runs)} runs are done"]
    if failed := len(progress.of("failed")):
        parts.append(f"{failed} failed")
    if progress.what:
        parts.append(escape(progress.what))
    scored = [own for own in progress.of("done") if own.dev is not None]
    if scored:
        best = max(scored, key=lambda own: own.dev or 0.0)
        loss = escape(best.planned.loss)
        parts.append(f"best on dev: {loss}, seed {best.planned.seed}, {percent(best.dev or 0.0)}")
    if progress.seconds_left:
        parts.append(f"about {duration(progress.seconds_left)} left")
    return " · ".join(parts)


def _state(own: RunState) -> str | ProgressBar:
    if own.state == "failed":
        return f"failed: {escape((own.reason or '').splitlines()[0][:60])}"
    if own.state == "running":
        return ProgressBar(total=1.0, completed=own.share, width=24)
    return own.state


def _window(progress: Progress, most: int) -> list[RunState]:
    """The cells that fit, the first unfinished one among them."""
    cells = list(progress.runs)
    open_ = [n for n, own in enumerate(cells) if own.state in ("running", "waiting")]
    middle = open_[0] if open_ else len(cells)
    begin = max(0, min(middle - most // 2, len(cells) - most))
    return cells[begin : begin + most]
