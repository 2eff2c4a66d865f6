"""Tables of plain data for the terminal and for notebooks, and lines of progress.

Nothing is computed here. Results go to the output stream, progress to the error stream.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.markup import escape as without_markup
from rich.table import Table
from rich.text import Text

from dicetune.errors import listed, printable
from dicetune.records import DEFAULT, TUNED

if TYPE_CHECKING:
    from dicetune.data import Fact, Inspection, Ratio

console = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)

# the order of single scores for people, in every task
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
    "coverage",
)
_MOST_COLUMNS = 5
_MOST_WORDS = 12
_WIDTH = 100


def escape(text: str) -> str:
    r"""Text from data for a table or a line, with markup and control characters escaped.

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


def tracked(steps: Iterable[int]) -> Iterable[int]:
    """The same steps, with a progress bar on the error stream that goes away at the end."""
    from rich.progress import track  # a command that predicts nothing does without

    return track(list(steps), "predicting", console=stderr, transient=True)


class LinesOfProgress(logging.Handler):
    """The log of dicetune on the command line: each record is one line of progress."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message of a record."""
        say(record.getMessage())


def show_log() -> None:
    """Print the log of dicetune; a second call changes nothing."""
    log = logging.getLogger("dicetune")
    log.setLevel(logging.INFO)
    if not any(isinstance(handler, LinesOfProgress) for handler in log.handlers):
        log.addHandler(LinesOfProgress())


class Printed:
    """Base of the results of the verbs: tables as text, in rich and in a notebook."""

    def parts(self) -> list[Any]:
        """Tables and lines with markup, from top to bottom."""
        raise NotImplementedError

    def __rich__(self) -> Group:
        return Group(*self.parts())

    def __str__(self) -> str:
        plain: Any = {"color_system": None, "force_terminal": False, "force_jupyter": False}
        page = Console(width=_WIDTH, highlight=False, **plain)
        with page.capture() as captured:
            page.print(self)
        return captured.get().rstrip()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "\n".join(
            html_table(part) if isinstance(part, Table) else f"<p>{_html_text(part)}</p>"
            for part in self.parts()
            if part
        )


@dataclass(frozen=True, repr=False)
class Finding(Printed):
    """The result ``value`` of a verb, with its attributes, and tables for people."""

    value: Any
    make_parts: Callable[[Any], list[Any]]

    def parts(self) -> list[Any]:
        """The tables of the command."""
        return self.make_parts(self.value)

    def __getattr__(self, name: str) -> Any:
        if name in ("value", "make_parts"):  # copy and pickle ask before these are set
            raise AttributeError(name)
        return getattr(self.value, name)


def html_table(table: Table) -> str:
    """A table as HTML, with its text escaped."""
    title = "" if table.title is None else f"<caption>{_html_text(table.title)}</caption>"
    heads = "".join(f"<th>{_html_text(column.header)}</th>" for column in table.columns)
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join(
        f"<tr>{''.join(f'<td>{_html_text(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table>{title}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _html_text(text: Any) -> str:
    return html.escape(Text.from_markup(str(text)).plain)


class WordTable(Table):
    """A table that breaks lines between words, wherever the longest words fit side by side."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells = [[str(cell) for cell in (c.header, *c.cells)] for c in self.columns]
        whole = [max(Text.from_markup(cell).cell_len for cell in column) for column in cells]
        words = [
            max(cell_len(word) for cell in column for word in Text.from_markup(cell).plain.split())
            if any(cell.strip() for cell in column)
            else 0
            for column in cells
        ]
        room = options.max_width - 3 * len(self.columns) - 1
        if sum(words) <= room < sum(whole):
            widths = words
            while sum(widths) < room:  # a character more for the column whose text is longest
                at = max(range(len(widths)), key=lambda n: whole[n] / max(widths[n], 1))
                widths[at] += 1
            for column, width in zip(self.columns, widths, strict=True):
                column.width = width
        yield from super().__rich_console__(console, options)


def _table(
    title: str | None, heads: Iterable[str], rows: Iterable[Iterable[str]], texts: int = 1
) -> Table:
    """A table with markup escaped: ``texts`` columns of text, then columns of numbers."""
    table = WordTable(title=None if title is None else escape(title), title_justify="left")
    for at, head in enumerate(heads):
        table.add_column(escape(head), justify="left" if at < texts else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def plain_table(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> Table:
    """Rows with the same keys, one column a key."""
    heads = list(rows[0]) if rows else []
    cells = (["" if value is None else str(value) for value in row.values()] for row in rows)
    return _table(title, heads, cells, texts=len(heads))


def scores_table(scores: Mapping[str, Mapping[str, Any]], title: str | None = None) -> Table:
    """Headline scores, one row a split or run; one column a split or run for many scores."""
    names = [name for name in HEADLINES if any(name in values for values in scores.values())]
    lines = [["", *(name.replace("_", " ") for name in names)]]
    for row, values in scores.items():
        lines.append([row, *(percent(values[n]) if n in values else "" for n in names)])
    if len(names) > _MOST_COLUMNS:
        lines = [list(column) for column in zip(*lines, strict=True)]
    return _table(title, lines[0], lines[1:])


def details_tables(scores: Mapping[str, Any]) -> list[Table]:
    """The tables among the scores, in percent: of each type, label or part of the data."""
    tables: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    for name, rows in scores.items():
        if isinstance(rows, Mapping) and rows:
            is_table = any(isinstance(row, Mapping) for row in rows.values())
            (tables if is_table else parts)[name.replace("_", " ")] = rows
    if parts:
        tables["parts"] = parts
    found = []
    for title, rows in tables.items():
        names = list(dict.fromkeys(name for row in rows.values() for name in row))
        cells = ([kind, *(_cell(n, row.get(n)) for n in names)] for kind, row in rows.items())
        found.append(_table(title, ["", *(name.replace("_", " ") for name in names)], cells))
    return found


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if name == "threshold" else percent(value)
    return "" if value is None else str(value)


def evaluation_tables(scores: Mapping[str, Any], name: str, rule: str = TUNED) -> list[Any]:
    """Headline scores of a file by the rule of a name, tables, and facts; "argmax": without it."""
    default = scores.get(DEFAULT)
    scores = {key: value for key, value in scores.items() if key != DEFAULT}
    rows = {name: scores}
    if default is not None:
        rows = {f"{name}, {DEFAULT}": default, f"{name}, {rule}": scores}
    facts = ", ".join(
        f"{key.replace('_', ' ')} {f'{value:.4g}' if isinstance(value, float) else value}"
        for key, value in scores.items()
        if key not in HEADLINES and not isinstance(value, Mapping)
    )
    return [scores_table(rows), *details_tables(scores), escape(facts)]


def tuning_tables(
    rows: Mapping[str, Mapping[str, float]], words: Sequence[str], said: str
) -> list[Any]:
    """Scores of each split with a tuned decision, the rule in words, and ``said``."""
    # one row a metric: there may be more metrics than fit side by side
    metrics = dict.fromkeys(name for scores in rows.values() for name in scores)
    cells = (
        [
            metric.replace("_", " "),
            *(percent(s[metric]) if metric in s else "" for s in rows.values()),
        ]
        for metric in metrics
    )
    table = _table("Decisions, in percent", ["", *rows], cells)
    return [table, *rule_lines(words, said)]


def rule_lines(words: Sequence[str], said: str) -> list[str]:
    """A rule in words, and how it was fitted."""
    return [escape(f"Rule: {listed(words, _MOST_WORDS)}."), escape(said)]


def rules_tables(rows: Sequence[Mapping[str, Any]], default: str) -> list[Any]:
    """The rules of a folder, and which decides by default."""
    line = f"By default {default} decides (`dicetune tune DIR --default NAME` changes this)."
    return [*([plain_table(rows, "Rules of the folder")] if rows else []), escape(line)]


def comparison_tables(outcome: Any) -> list[Any]:
    """A table of the competitors, the verdict, what failed, and where the report is."""
    from dicetune.reporting import repeats_in_words

    summary = outcome.summary
    repeats = summary.get("repeats", ())
    parts: list[Any] = []
    if summary:
        rows = [
            [
                competitor["name"],
                percent(competitor["mean"]),
                " to ".join(map(percent, competitor["interval"] or ())),
                " ".join(map(percent, competitor["scores"])),
            ]
            for competitor in summary["competitors"]
            if competitor["name"] not in repeats
        ]
        title = f"Test, {summary['metric_title']}, %"
        parts.append(_table(title, ("", "mean", "95% interval", "seeds"), rows))
    lines = [*summary["verdict"]] if summary else []
    lines += [repeats_in_words(repeats)] if repeats else []
    for state in outcome.failed:
        lines.append(f"Failed: {state.planned.loss}, seed {state.planned.seed}: {state.reason}")
    lines += [f"Failed: {note}" for note in outcome.notes]
    if summary:
        lines.append(f"Report: {outcome.folder / 'report.html'}")
    return [*parts, *map(escape, lines)]


def inspection_tables(found: Inspection) -> list[Any]:
    """Sizes and imbalance of each split, then labels, leaks, conflicts and repairs."""
    splits = found.splits
    heads = ["", *(split.name for split in splits)]
    facts = dict.fromkeys(name for split in splits for name in split.facts)
    rows = [["file", *(split.source for split in splits)]]
    rows += [[name, *(_fact(split.facts.get(name)) for split in splits)] for name in facts]
    ratios = [split.ratio for split in splits]
    for name in dict.fromkeys(r.name for r in ratios if r) or ["negative : positive"]:
        rows.append([name, *(_ratio(r if r and r.name == name else None) for r in ratios)])
    parts: list[Any] = [_table("What the data holds", heads, rows)]
    if found.paper_ratios:
        paper = ", ".join(f"{name} {value}" for name, value in found.paper_ratios.items())
        parts.append(f"For comparison, negative : positive in Table 1 of the paper: {paper}.")
    labels = dict.fromkeys(name for split in splits for name in split.labels)
    counts = [[name, *(f"{split.labels.get(name, 0):,}" for split in splits)] for name in labels]
    if counts:
        parts.append(_table(found.labels_title, heads, counts))
    lines = []
    for leak in found.leaks:
        lines.append(
            f"{leak.count} {leak.unit} of {leak.split} ({100 * leak.share:.1f}%) are also in "
            f"{leak.other}, first at {', '.join(leak.places)}"
        )
    if found.conflicts:
        lines.append(f"{found.conflicts} texts are labelled in more than one way:")
        for conflict in found.conflict_examples:
            places = ", ".join(conflict.places)
            lines.append(f"  {conflict.text} ({places}): {conflict.differences}")
    lines += [f"{split.name}: {note}" for split in splits for note in split.notes]
    lines += [f"Warning: {warning}" for warning in found.warnings]
    return [*parts, *map(escape, lines)]


def _ratio(ratio: Ratio | None) -> str:
    return "-" if ratio is None else f"{ratio.value:.2f} ({ratio.many:,} : {ratio.few:,})"


def _fact(value: Fact) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{percent(value)}%"
    return f"{value:,}" if isinstance(value, int) else value


def tasks_tables(tasks: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The tasks; for a single task also its options and the formats of its files."""
    hidden = ("formats", "options", "uses")
    table = [{k: v for k, v in task.items() if k not in hidden} for task in tasks]
    if len(tasks) > 1:
        return [plain_table(table, "Tasks"), "Options of a task: dicetune tasks NAME."]
    (task,) = tasks
    rows = [{k: v for k, v in row.items() if k != "values"} for row in task["options"]]
    options = plain_table(rows, f"-o KEY=VALUE of {task['task']}")
    uses = "; ".join(f"{use}: {words}" for use, words in task["uses"].items())
    formats = f"--format: auto, {', '.join(task['formats'])}."
    return [plain_table(table), formats, options, f"Uses: {uses}."]


def losses_tables(rows: Sequence[Mapping[str, str]]) -> list[Any]:
    """The losses: formula, source, kinds and use of each, then its options."""
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
