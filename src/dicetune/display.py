"""Tables and lines for the terminal: plain data in, rich tables out. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

_HEADLINES = ("precision", "recall", "f1", "accuracy", "macro_f1")


def percent(value: float) -> str:
    """A fraction as a percentage with two decimals, without the sign.

    Example:
        >>> percent(0.41237)
        '41.24'
    """
    return f"{100 * value:.2f}"


def say(line: str) -> None:
    """One line of progress, on the error stream: the output stream is for results."""
    errors.print(escape(line), style="dim", soft_wrap=True)


def scores_table(scores: Mapping[str, Mapping[str, Any]], title: str | None = None) -> Table:
    """Headline scores, one row a split or run."""
    names = [
        name for name in _HEADLINES if any(name in values for values in scores.values())
    ]
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row, values in scores.items():
        table.add_row(row, *(percent(values[name]) if name in values else "" for name in names))
    return table


def details_table(scores: Mapping[str, Any], title: str | None = None) -> Table:
    """Scores of each type of span, or of each label."""
    rows: Mapping[str, Mapping[str, Any]] = scores.get("per_type") or scores.get("per_label") or {}
    table = Table(title=title, title_justify="left")
    for name in ("", "precision", "recall", "f1", "support"):
        table.add_column(name, justify="left" if not name else "right")
    for kind, values in rows.items():
        cells = [percent(values[name]) for name in ("precision", "recall", "f1")]
        table.add_row(escape(kind), *cells, str(values["support"]))
    return table


def plain_table(
    rows: Sequence[Mapping[str, Any]], title: str | None = None, numbers: Sequence[str] = ()
) -> Table:
    """Rows with the same keys, one column a key."""
    table = Table(title=title, title_justify="left")
    for name in rows[0] if rows else ():
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape("" if value is None else str(value)) for value in row.values()))
    return table


def demo_tables(outcome: Any) -> list[Table]:
    """Scores of each loss on dev and test, then of each type on test."""
    table = Table(title="The packaged sample, minilm, one seed (strict spans, %)", title_justify="left")
    table.add_column("loss")
    for split in ("dev", "test"):
        for name in ("P", "R", "F1"):
            table.add_column(f"{split} {name}", justify="right")
    table.add_column("seconds", justify="right")
    for loss, scores in outcome.scores.items():
        cells = [
            percent(scores[split][name])
            for split in ("dev", "test")
            for name in ("precision", "recall", "f1")
        ]
        name = loss if outcome.objectives[loss] == loss else f"{loss} = {outcome.objectives[loss]}"
        table.add_row(escape(name), *cells, f"{outcome.seconds[loss]:.0f}")
    types = Table(title="Test F1 of each type", title_justify="left")
    types.add_column("type")
    for loss in outcome.scores:
        types.add_column(loss, justify="right")
    types.add_column("entities", justify="right")
    first = next(iter(outcome.scores.values()))["test"]["per_type"]
    for kind, values in first.items():
        found = [percent(scores["test"]["per_type"][kind]["f1"]) for scores in outcome.scores.values()]
        types.add_row(escape(kind), *found, str(values["support"]))
    return [table, types]
