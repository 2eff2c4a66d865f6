"""Tables and lines for the terminal: plain data in, rich tables out. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape as without_markup
from rich.table import Table

from dicetune.data import Fact, Inspection, Ratio, SplitReport
from dicetune.errors import printable
from dicetune.records import DEFAULT, TUNED

console = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)

# single scores and tables in the order in which they are read, whatever the task
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


def escape(text: str) -> str:
    r"""Text from data for a table or a line: without markup, and nothing that a terminal obeys.

    Args:
        text: from a file, or from anywhere else.

    Example:
        >>> escape("[b]\x1b[2J")
        '\\[b]\\x1b[2J'
    """
    return without_markup(printable(text))


def percent(value: float) -> str:
    """A fraction as a percentage with two decimals, without the sign.

    Example:
        >>> percent(0.41237)
        '41.24'
    """
    return f"{100 * value:.2f}"


def say(line: str) -> None:
    """One line of progress, on the error stream: the output stream is for results."""
    stderr.print(escape(line), style="dim", soft_wrap=True)


def _titled(title: str | None) -> Table:
    """An empty table; rich reads a title as markup, and a path may look like it."""
    return Table(title=None if title is None else escape(title), title_justify="left")


def scores_table(scores: Mapping[str, Mapping[str, Any]], title: str | None = None) -> Table:
    """Headline scores, one row a split or run; one column each where the scores are many.

    Args:
        scores: for each row its scores, by name.
        title: of the table.
    """
    names = [name for name in HEADLINES if any(name in values for values in scores.values())]
    cells = {
        row: [percent(values[name]) if name in values else "" for name in names]
        for row, values in scores.items()
    }
    heads = [name.replace("_", " ") for name in names]
    if len(names) > _MOST_COLUMNS:
        turned = {head: [own[at] for own in cells.values()] for at, head in enumerate(heads)}
        heads, cells = list(cells), turned
    table = _titled(title)
    table.add_column("")
    for head in heads:
        table.add_column(escape(head), justify="right", overflow="fold")
    for row, own in cells.items():
        table.add_row(escape(row), *own)
    return table


def details_tables(scores: Mapping[str, Any]) -> list[Table]:
    """The tables among the scores: of each type, label, or part of the data.

    Args:
        scores: fractions are shown in percent, counts as they are.
    """
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
    """All that an evaluation found: headline scores, tables, and what was counted how.

    Args:
        scores: of one file; those of the default decision under "argmax" where a rule decided.
        name: of that file.
    """
    default = scores.get(DEFAULT)
    scores = {key: value for key, value in scores.items() if key != DEFAULT}
    rows = {name: scores}
    if default is not None:
        rows = {f"{name}, {DEFAULT}": default, f"{name}, {TUNED}": scores}
    counted = {
        key: value
        for key, value in scores.items()
        if key not in HEADLINES and not isinstance(value, Mapping)
    }
    facts = ", ".join(
        f"{key.replace('_', ' ')} {value:.4g}"
        if isinstance(value, float)
        else f"{key.replace('_', ' ')} {value}"
        for key, value in counted.items()
    )
    return [scores_table(rows), *details_tables(scores), escape(facts)]


def tuning_tables(
    rows: Mapping[str, Mapping[str, float]], biases: Mapping[str, float], said: str
) -> list[Any]:
    """What a tuned decision gives: scores of each split, the biases, and what was done.

    Args:
        rows: scores by metric, the objective first.
        biases: by name.
        said: what was done.
    """
    table = _titled("Decisions, in percent")
    table.add_column("", overflow="fold")
    for name in rows:
        table.add_column(escape(name), justify="right", overflow="fold")
    # a metric a row: there may be more of them than fit side by side
    for metric in dict.fromkeys(name for own in rows.values() for name in own):
        shown = (percent(own[metric]) if metric in own else "" for own in rows.values())
        table.add_row(escape(metric.replace("_", " ")), *shown)
    parts: list[Any] = [table]
    moved = {name: value for name, value in biases.items() if value}
    if moved:
        first = ", ".join(f"{name} {value:+.3f}" for name, value in list(moved.items())[:12])
        more = f" and {len(moved) - 12} more" if len(moved) > 12 else ""
        parts.append(escape(f"Biases: {first}{more}"))
    return [*parts, escape(said)]


def tasks_tables(tasks: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The tasks; the options too where it is a single one."""
    table = [{k: v for k, v in task.items() if k not in ("options", "uses")} for task in tasks]
    if len(tasks) > 1:
        return [plain_table(table, "Tasks"), "Options of one: dicetune tasks NAME."]
    (task,) = tasks
    options = plain_table(task["options"], f"-o KEY=VALUE of {task['task']}")
    uses = "; ".join(f"{use}: {words}" for use, words in task["uses"].items())
    return [plain_table(table), options, f"For {uses}."]


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


def comparison_tables(outcome: Any) -> list[Any]:
    """What a comparison came to: a table of the competitors, the verdict, where the report lies.

    Args:
        outcome: of ``dicetune.comparison.compare.compare``.
    """
    summary, parts = outcome.summary, []
    if summary:
        title = f"Test, {summary['metric_title']}, %"
        table = _titled(title)
        for head in ("", "mean", "95% interval", "seeds"):
            table.add_column(head, justify="left" if not head else "right", overflow="fold")
        for own in summary["competitors"]:
            interval = "" if own["interval"] is None else " to ".join(map(percent, own["interval"]))
            table.add_row(
                escape(own["name"]),
                percent(own["mean"]),
                interval,
                " ".join(percent(score) for score in own["scores"]),
            )
        parts += [table, *(escape(sentence) for sentence in summary["verdict"])]
    for own in outcome.failed:
        parts.append(escape(f"Failed: {own.planned.loss}, seed {own.planned.seed}: {own.reason}"))
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
        parts.append(_labels_table(splits, found.labels_title))
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
            escape(f"  {one.text} ({', '.join(one.places)}): {one.differences}")
            for one in found.conflict_examples
        ]
    for split in splits:
        parts += [escape(f"{split.name}: {note}") for note in split.notes]
    parts += [escape(f"Warning: {warning}") for warning in found.warnings]
    return parts


def _facts_table(splits: Sequence[SplitReport]) -> Table:
    """One row a fact, one column a split."""
    table = _titled("What the data holds")
    table.add_column("")
    for split in splits:
        table.add_column(escape(split.name), justify="right", overflow="fold")
    table.add_row("file", *(escape(split.source) for split in splits))
    for name in dict.fromkeys(name for split in splits for name in split.facts):
        table.add_row(escape(name), *(escape(_fact(split.facts.get(name))) for split in splits))
    ratios = [split.ratio for split in splits]
    names = dict.fromkeys(ratio.name for ratio in ratios if ratio) or ["negative : positive"]
    for name in names:
        table.add_row(name, *(_ratio(r if r and r.name == name else None) for r in ratios))
    return table


def _labels_table(splits: Sequence[SplitReport], title: str) -> Table:
    table = _titled(title)
    table.add_column("")
    for split in splits:
        table.add_column(escape(split.name), justify="right")
    for name in dict.fromkeys(name for split in splits for name in split.labels):
        table.add_row(escape(name), *(f"{split.labels.get(name, 0):,}" for split in splits))
    return table


def _ratio(ratio: Ratio | None) -> str:
    return "-" if ratio is None else f"{ratio.value:.2f} ({ratio.many:,} : {ratio.few:,})"


def _fact(value: Fact) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{percent(value)}%"
    return f"{value:,}" if isinstance(value, int) else value


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
