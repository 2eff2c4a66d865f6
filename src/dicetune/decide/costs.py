r"""Costs of decisions: a table of what each predicted label costs for each gold label.

The label with the lowest expected cost is predicted, :math:`\arg\min_k \sum_c p_c\,C_{ck}`. Nothing
is fitted; the probabilities are taken at their word, so they should be calibrated.

References: Elkan, The Foundations of Cost-Sensitive Learning, 2001.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.problems import Problem

Costs = Mapping[str, Mapping[str, float]]
"""By gold label, then by predicted label."""


def read_costs(source: str | Path | Costs, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """The costs of a table, or of a mapping in memory.

    Args:
        source: CSV or TSV. The first row names predicted labels, the first column gold labels, and
            each cell is a number; the first cell may hold anything.
        labels: of the model; each has a row and a column.

    Raises:
        DataError: a label that the model does not have, a label without costs, or a cell without a
            number, with its line.
    """
    if isinstance(source, Mapping):
        heads = [str(name) for name in next(iter(source.values()), {})]
        rows = [[str(gold), *map(str, row.values())] for gold, row in source.items()]
        for row in source.values():
            if [str(name) for name in row] != heads:
                raise InputError(
                    f"expected costs of {listed(heads)} for each gold label, got costs of "
                    f"{listed(row)}"
                )
        lines, place = list(range(1, len(rows) + 1)), "costs"
    else:
        # a rule is applied without files
        from dicetune.data.files.tables import parse_grid
        from dicetune.data.files.text import NoteBook, read_lines

        grid = parse_grid(read_lines(source), source, NoteBook())
        (_, *heads), *rows = grid.rows
        lines, place = list(grid.lines), str(source)
        _check_names(heads, labels, place, lines[0], "predicted labels as the names of the columns")
        lines = lines[1:]
    costs: dict[str, dict[str, float]] = {}
    for (gold, *cells), line in zip(rows, lines, strict=True):
        if gold not in labels or gold in costs:
            raise DataError(
                place,
                f"expected each gold label of the model once ({listed(labels, most=8)}), got "
                f"{quoted(gold)}{' again' if gold in costs else ''}",
                line,
            )
        costs[gold] = {}
        for predicted, cell in zip(heads, cells, strict=True):
            costs[gold][predicted] = _number(cell, place, line, f"{gold} predicted as {predicted}")
    _check_names(list(costs), labels, place, lines[-1] if lines else 1, "a row for each gold label")
    _check_names(heads, labels, place, 1, "predicted labels as the names of the columns")
    return {gold: {name: costs[gold][name] for name in labels} for gold in labels}


def _check_names(
    names: Sequence[str], labels: Sequence[str], place: str, line: int, what: str
) -> None:
    if sorted(names) != sorted(labels):
        raise DataError(
            place,
            f"expected {what} ({listed(labels, most=8)}), got {listed(names, most=8) or 'none'}: "
            "each label of the model has one row and one column",
            line,
        )


def _number(cell: str, place: str, line: int, what: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise DataError(place, f"expected the cost of {what} as a number, got {quoted(cell)}", line)
    return number


def costs_in_words(matrix: np.ndarray, labels: Sequence[str]) -> str:
    """Of two labels the threshold that the costs make, else that the lowest cost decides.

    Example:
        >>> costs_in_words(np.array([[0.0, 1.0], [9.0, 0.0]]), ["ham", "spam"])
        'spam if p > 0.1, as its costs say'
    """
    if len(labels) == 2:
        alarm, miss = matrix[0, 1] - matrix[0, 0], matrix[1, 0] - matrix[1, 1]
        if alarm > 0 and miss > 0:
            return f"{labels[1]} if p > {alarm / (alarm + miss):.3g}, as its costs say"
    return f"the label of the lowest expected cost, of {len(labels)}"


def mean_cost(
    problem: Problem,
    costs: Costs,
    gold: Sequence[object],
    predicted: Sequence[object],
    silence: float | None = None,
) -> float | None:
    """The mean cost of items; ``None`` without items. Gold without a cost is left out.

    Args:
        problem: of the predictions.
        costs: by gold label, then by predicted label; without any, an error costs 1.
        gold: of each unit.
        predicted: of each unit; ``None`` where the rule says nothing.
        silence: the cost of a unit without a prediction; by default such units are left out.
    """
    found: list[float] = []
    for right, said in zip(gold, predicted, strict=True):
        if said is None:
            found += [] if silence is None else [silence]
            continue
        for (_, a), (_, b) in zip(problem.items(right), problem.items(said), strict=True):
            if not costs:
                found.append(float(a != b))
            elif a in costs:
                found.append(costs[a][b])
    return float(np.mean(found)) if found else None
