"""What people see: tables of plain data for the terminal and for notebooks, and lines of progress.

Nothing is computed here. Results go to the output stream, progress to the error stream.
"""

from __future__ import annotations

import contextlib
import html
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape as without_markup
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dicetune.comparison.runs import Progress, RunState
from dicetune.data import Fact, Inspection, Ratio, SplitReport
from dicetune.errors import printable
from dicetune.numbers import duration
from dicetune.records import DEFAULT, TUNED

console = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)

# single scores in the order in which people read them, whatever the task
HEADLINES = (
    "exact",
    "exact_match",
    "word_f1",
    "precision",
    "recall",
    "f1_other",
    "f1",
    "micro_f1",
    "macro_f1",
    "average_precision",
    "mcc",
    "accuracy",
)
_MOST_COLUMNS = 5
_MOST_BIASES = 12
_WIDTH = 100


def escape(text: str) -> str:
    r"""Text from data for a table or a line: without markup, and nothing that a terminal obeys.

    Example:
        >>> escape("[b]\x1b[2J")
        '\\[b]\\x1b[2J'
    """
    return without_markup(printable(text))


def percent(value: float) -> str:
    """A fraction as a percentage with two decimals, without the sign."""
    return f"{100 * value:.2f}"


def say(line: str) -> None:
    """One line of progress, on the error stream."""
    stderr.print(escape(line), style="dim", soft_wrap=True)


class LinesOfProgress(logging.Handler):
    """The library's log on the command line: each record is one line of progress."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message of a record."""
        say(record.getMessage())


def show_log() -> None:
    """Print what the library logs; called once or more by the command line."""
    log = logging.getLogger("dicetune")
    log.setLevel(logging.INFO)
    if not any(isinstance(handler, LinesOfProgress) for handler in log.handlers):
        log.addHandler(LinesOfProgress())


class Printed:
    """Base of what the verbs return: tables as text, in rich and in a notebook."""

    def parts(self) -> list[Any]:
        """Tables and lines with markup, from top to bottom."""
        raise NotImplementedError

    def __rich__(self) -> Group:
        return Group(*self.parts())

    def __str__(self) -> str:
        page = Console(width=_WIDTH, highlight=False, color_system=None, force_terminal=False)
        with page.capture() as captured:
            page.print(self)
        return captured.get().rstrip()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "\n".join(
            _html_table(part) if isinstance(part, Table) else f"<p>{_html_text(part)}</p>"
            for part in self.parts()
            if part
        )


@dataclass(frozen=True, repr=False)
class Finding(Printed):
    """What a verb found, ``value``, with tables for people; attributes are those of ``value``."""

    value: Any
    make_parts: Callable[[Any], list[Any]]

    def parts(self) -> list[Any]:
        """The tables of the command."""
        return self.make_parts(self.value)

    def __getattr__(self, name: str) -> Any:
        if name in ("value", "make_parts"):  # copy and pickle look before these are set
            raise AttributeError(name)
        return getattr(self.value, name)


def _html_table(table: Table) -> str:
    title = "" if table.title is None else f"<caption>{_html_text(table.title)}</caption>"
    heads = "".join(f"<th>{_html_text(column.header)}</th>" for column in table.columns)
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join(
        f"<tr>{''.join(f'<td>{_html_text(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table>{title}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _html_text(text: Any) -> str:
    return html.escape(Text.from_markup(str(text)).plain)


def _titled(title: str | None) -> Table:
    """An empty table; rich reads a title as markup, and a path may look like it."""
    return Table(title=None if title is None else escape(title), title_justify="left")


def plain_table(
    rows: Sequence[Mapping[str, Any]], title: str | None = None, numbers: Sequence[str] = ()
) -> Table:
    """Rows with the same keys, one column a key."""
    table = _titled(title)
    for name in rows[0] if rows else ():
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape("" if value is None else str(value)) for value in row.values()))
    return table


def scores_table(scores: Mapping[str, Mapping[str, Any]], title: str | None = None) -> Table:
    """Headline scores, one row a split or run; one column each where the scores are many."""
    names = [name for name in HEADLINES if any(name in values for values in scores.values())]
    cells = {
        row: [percent(values[name]) if name in values else "" for name in names]
        for row, values in scores.items()
    }
    heads = [name.replace("_", " ") for name in names]
    if len(names) > _MOST_COLUMNS:
        turned = {head: [row[at] for row in cells.values()] for at, head in enumerate(heads)}
        heads, cells = list(cells), turned
    table = _titled(title)
    table.add_column("")
    for head in heads:
        table.add_column(escape(head), justify="right", overflow="fold")
    for name, row in cells.items():
        table.add_row(escape(name), *row)
    return table


def details_tables(scores: Mapping[str, Any]) -> list[Table]:
    """The tables among the scores, in percent: of each type, label or part of the data."""
    tables = []
    nested = {name: rows for name, rows in scores.items() if isinstance(rows, Mapping) and rows}
    parts = {
        name.replace("_", " "): rows
        for name, rows in nested.items()
        if not any(isinstance(row, Mapping) for row in rows.values())
    }
    whole = {name: rows for name, rows in nested.items() if name.replace("_", " ") not in parts}
    for title, rows in {**whole, **({"parts": parts} if parts else {})}.items():
        names = list(dict.fromkeys(name for row in rows.values() for name in row))
        table = _titled(title.replace("_", " "))
        table.add_column("")
        for name in names:
            table.add_column(name.replace("_", " "), justify="right")
        for kind, values in rows.items():
            table.add_row(escape(kind), *(_cell(name, values.get(name)) for name in names))
        tables.append(table)
    return tables


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if name == "threshold" else percent(value)
    return "" if value is None else escape(str(value))


def evaluation_tables(scores: Mapping[str, Any], name: str) -> list[Any]:
    """Headline scores of a file, tables, and what was counted how.

    Where a decision rule decided, the scores of the default decision are under "argmax".
    """
    default = scores.get(DEFAULT)
    scores = {key: value for key, value in scores.items() if key != DEFAULT}
    rows = {name: scores}
    if default is not None:
        rows = {f"{name}, {DEFAULT}": default, f"{name}, {TUNED}": scores}
    facts = ", ".join(
        f"{key.replace('_', ' ')} {value:.4g}"
        if isinstance(value, float)
        else f"{key.replace('_', ' ')} {value}"
        for key, value in scores.items()
        if key not in HEADLINES and not isinstance(value, Mapping)
    )
    return [scores_table(rows), *details_tables(scores), escape(facts)]


def tuning_tables(
    rows: Mapping[str, Mapping[str, float]], biases: Mapping[str, float], said: str
) -> list[Any]:
    """Scores of each split with a tuned decision, the biases, and what was done."""
    table = _titled("Decisions, in percent")
    table.add_column("", overflow="fold")
    for name in rows:
        table.add_column(escape(name), justify="right", overflow="fold")
    # one row a metric: there may be more metrics than fit side by side
    for metric in dict.fromkeys(name for scores in rows.values() for name in scores):
        shown = (percent(scores[metric]) if metric in scores else "" for scores in rows.values())
        table.add_row(escape(metric.replace("_", " ")), *shown)
    moved = [f"{name} {value:+.3f}" for name, value in biases.items() if value]
    if not moved:
        return [table, escape(said)]
    first = ", ".join(moved[:_MOST_BIASES])
    more = f" and {len(moved) - _MOST_BIASES} more" if len(moved) > _MOST_BIASES else ""
    return [table, escape(f"Biases: {first}{more}"), escape(said)]


def comparison_tables(outcome: Any) -> list[Any]:
    """A table of the competitors, the verdict, what failed, and where the report is."""
    summary = outcome.summary
    parts: list[Any] = []
    if summary:
        table = _titled(f"Test, {summary['metric_title']}, %")
        for head in ("", "mean", "95% interval", "seeds"):
            table.add_column(head, justify="left" if not head else "right", overflow="fold")
        for competitor in summary["competitors"]:
            bounds = competitor["interval"]
            table.add_row(
                escape(competitor["name"]),
                percent(competitor["mean"]),
                "" if bounds is None else " to ".join(map(percent, bounds)),
                " ".join(percent(score) for score in competitor["scores"]),
            )
        parts += [table, *(escape(sentence) for sentence in summary["verdict"])]
    for state in outcome.failed:
        parts.append(
            escape(f"Failed: {state.planned.loss}, seed {state.planned.seed}: {state.reason}")
        )
    parts += [escape(f"Failed: {note}") for note in outcome.notes]
    if summary:
        parts.append(escape(f"Report: {outcome.folder / 'report.html'}"))
    return parts


def inspection_tables(found: Inspection) -> list[Any]:
    """Sizes and imbalance of each split, then labels, leaks, conflicts and repairs."""
    splits = found.splits
    parts: list[Any] = [_facts_table(splits)]
    if found.paper_ratios:
        paper = ", ".join(f"{name} {value}" for name, value in found.paper_ratios.items())
        parts.append(
            escape(f"For comparison, negative : positive in Table 1 of the paper: {paper}.")
        )
    if any(split.labels for split in splits):
        table = _split_table(found.labels_title, splits)
        for name in dict.fromkeys(name for split in splits for name in split.labels):
            table.add_row(escape(name), *(f"{split.labels.get(name, 0):,}" for split in splits))
        parts.append(table)
    for leak in found.leaks:
        parts.append(
            escape(
                f"{leak.count} {leak.unit} of {leak.split} ({100 * leak.share:.1f}%) also stand in "
                f"{leak.other}, first at {', '.join(leak.places)}"
            )
        )
    if found.conflicts:
        parts.append(f"{found.conflicts} texts are labelled in more than one way:")
        parts += [
            escape(f"  {conflict.text} ({', '.join(conflict.places)}): {conflict.differences}")
            for conflict in found.conflict_examples
        ]
    for split in splits:
        parts += [escape(f"{split.name}: {note}") for note in split.notes]
    parts += [escape(f"Warning: {warning}") for warning in found.warnings]
    return parts


def _split_table(title: str, splits: Sequence[SplitReport]) -> Table:
    table = _titled(title)
    table.add_column("")
    for split in splits:
        table.add_column(escape(split.name), justify="right", overflow="fold")
    return table


def _facts_table(splits: Sequence[SplitReport]) -> Table:
    """One row a fact, one column a split."""
    table = _split_table("What the data holds", splits)
    table.add_row("file", *(escape(split.source) for split in splits))
    for name in dict.fromkeys(name for split in splits for name in split.facts):
        table.add_row(escape(name), *(escape(_fact(split.facts.get(name))) for split in splits))
    ratios = [split.ratio for split in splits]
    names = dict.fromkeys(ratio.name for ratio in ratios if ratio) or ["negative : positive"]
    for name in names:
        table.add_row(name, *(_ratio(r if r and r.name == name else None) for r in ratios))
    return table


def _ratio(ratio: Ratio | None) -> str:
    return "-" if ratio is None else f"{ratio.value:.2f} ({ratio.many:,} : {ratio.few:,})"


def _fact(value: Fact) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{percent(value)}%"
    return f"{value:,}" if isinstance(value, int) else value


def tasks_tables(tasks: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The tasks; of a single task the options too."""
    table = [{k: v for k, v in task.items() if k not in ("options", "uses")} for task in tasks]
    if len(tasks) > 1:
        return [plain_table(table, "Tasks"), "Options of one: dicetune tasks NAME."]
    (task,) = tasks
    options = plain_table(task["options"], f"-o KEY=VALUE of {task['task']}")
    uses = "; ".join(f"{use}: {words}" for use, words in task["uses"].items())
    return [plain_table(table), options, f"For {uses}."]


def losses_tables(rows: Sequence[Mapping[str, str]]) -> list[Any]:
    """The losses: what each computes and serves, then its options."""
    kinds = ("classes", "labels", "positions")
    what = [
        {
            "loss": row["loss"],
            "formula": row["formula"],
            "paper": row["equation"],
            "kinds": ", ".join(kind for kind in kinds if row[kind] == "yes") or "-",
            "use it when": row["use"],
        }
        for row in rows
    ]
    options = [{"loss": row["loss"], "options and defaults": row["options"]} for row in rows]
    return [
        plain_table(
            what, "Losses (classes: softmax; labels: a sigmoid each; positions: of a text)"
        ),
        plain_table(options, "Options: name:option=value,option=value"),
        "Sums: ce+0.5*dice. 'auto' is the recipe that dicetune chooses: see docs/losses.md.",
        "Your own class or function: py(package.module:Name):option=value, with the current "
        "directory searched first.",
    ]


# the live table of a comparison

_STYLES = {"done": "green", "failed": "red", "running": "bold", "waiting": "dim"}
_SPARE = 8
"""Lines of the terminal that are not rows of the table."""


@contextlib.contextmanager
def live_progress(
    on_terminal: bool, where: Console = stderr
) -> Iterator[Callable[[Progress], None]]:
    """A function that shows progress: a table that redraws itself on a terminal, else nothing."""
    if not on_terminal:
        yield lambda progress: None
        return
    with Live(console=where, auto_refresh=False, transient=True) as live:
        yield lambda progress: live.update(
            progress_table(progress, where.height - _SPARE), refresh=True
        )


def progress_table(progress: Progress, most: int = 40) -> Table:
    """One row a run; of more than ``most`` runs the ones around the running run."""
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
