"""What the finished runs of a comparison left behind, read without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.compare.plan import Cell
from dicetune.errors import DataError
from dicetune.records import (
    DECISION_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SCORES_FILE,
    TUNED_FILE,
    RunRecord,
    read_json,
    read_json_lines,
)

Row = dict[str, Any]


@dataclass(frozen=True)
class FinishedCell:
    """The folder of one finished run.

    Args:
        cell: which one.
        folder: of the run.
        record: how it was made.
    """

    cell: Cell
    folder: Path
    record: RunRecord

    @classmethod
    def read(cls, cell: Cell, folder: Path) -> FinishedCell | None:
        """The run of a cell, or ``None`` where it is not finished."""
        if not (folder / RUN_FILE).is_file():
            return None
        return cls(cell, folder, RunRecord.load(folder))

    def predictions(self, split: str) -> list[Row]:
        """Rows of the plain decision, in the order of the file."""
        return [row for row in self._predictions if row.get("split") == split]

    def tuned(self, split: str) -> list[Row] | None:
        """Rows of the tuned decision, in the order of the plain ones; ``None`` without one."""
        path = self.folder / TUNED_FILE
        if not path.is_file():
            return None
        rows = [row for row in read_json_lines(path) if row.get("split") == split]
        return in_order(rows, self.predictions(split), path)

    @cached_property
    def decision(self) -> dict[str, Any] | None:
        """The decision rule that was fitted on dev, if one was."""
        path = self.folder / DECISION_FILE
        return read_json(path) if path.is_file() else None

    @property
    def problem(self) -> dict[str, Any]:
        """What is predicted: kind, labels, metric (``Task.problem``).

        Raises:
            DataError: scores of an earlier version, which do not say it.
        """
        problem = self._scores[1]
        if problem is None:
            raise DataError(
                self.folder / SCORES_FILE,
                "expected scores that say what is predicted, got those of an earlier version: "
                "train the run again",
            )
        return problem

    def scores(self, split: str) -> list[np.ndarray]:
        """What the model put out for each example, (rows, columns) each."""
        return self._scores[0][split]

    @cached_property
    def _scores(self) -> tuple[dict[str, list[np.ndarray]], dict[str, Any] | None]:
        from dicetune.decide.folder import read_scores

        return read_scores(self.folder)

    @cached_property
    def _predictions(self) -> list[Row]:
        return list(read_json_lines(self.folder / PREDICTIONS_FILE))


def in_order(rows: Sequence[Row], like: Sequence[Row], path: Path) -> list[Row]:
    """Rows of the same examples in the same order.

    Args:
        rows: to be ordered.
        like: whose order counts.
        path: of ``rows``, for messages.

    Raises:
        DataError: other examples, or ids that are not told apart.

    Example:
        >>> in_order([{"id": "b"}, {"id": "a"}], [{"id": "a"}, {"id": "b"}], Path("x.jsonl"))
        [{'id': 'a'}, {'id': 'b'}]
    """
    wanted = [str(row["id"]) for row in like]
    given = [str(row["id"]) for row in rows]
    if given == wanted:
        return list(rows)
    places = {name: number for number, name in enumerate(given)}
    if len(places) < len(given) or places.keys() != set(wanted) or len(given) != len(wanted):
        odd = sorted(set(wanted) ^ places.keys())[:3]
        raise DataError(
            path,
            f"expected the {len(wanted)} examples of the other runs, got {len(given)}"
            + (f", not the same ones (first: {', '.join(odd)})" if odd else ", some of them twice"),
        )
    return [rows[places[name]] for name in wanted]
