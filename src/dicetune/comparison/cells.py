"""What the finished runs of a comparison left behind, read without torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.comparison.plan import CELLS, PLAN_FILE, Cell
from dicetune.comparison.stored import reading
from dicetune.errors import DataError, listed, quoted
from dicetune.records import (
    DECISION_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SCORES_FILE,
    TUNED_FILE,
    RunRecord,
    check_shape,
    read_json,
    read_json_lines,
)

Row = dict[str, Any]

_NUMBER = int | float
_TRAINING = {
    **dict.fromkeys(("seconds", "steps", "best_step"), _NUMBER),
    "history": [{"step": _NUMBER}],
}
"""What tables and curves read of a run."""


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
        """The run of a cell, or ``None`` where it is not finished.

        Raises:
            DataError: a damaged record, with what heals it.
        """
        if not (folder / RUN_FILE).is_file():
            return None
        with reading(folder / RUN_FILE, remake(folder)):
            record = RunRecord.load(folder)
            check_shape(folder / RUN_FILE, record.training, _TRAINING)
        return cls(cell, folder, record)

    def check(self) -> None:
        """Read everything once: a damaged file is found here and not in the middle of a table.

        Raises:
            DataError: the first file that is damaged or gone, with what heals it.
        """
        from dicetune.decide import DecisionRule

        mend = remake(self.folder)
        with reading(self.folder / METRICS_FILE, mend):
            metrics = read_json(self.folder / METRICS_FILE)
            if not isinstance(metrics["dev"], dict):
                raise TypeError(f"expected scores of dev, got {quoted(metrics['dev'])}")
        with reading(self.folder / PREDICTIONS_FILE, mend):
            counts = _counts(self._predictions)
        with reading(self.folder / SCORES_FILE, mend):
            scored = {split: len(own) for split, own in self._scores[0].items()}
            if scored != counts:
                raise ValueError(f"scores of {quoted(scored)} examples, predictions of {counts}")
        with reading(self.folder / DECISION_FILE, mend):
            fitted = DecisionRule.load(self.folder) is not None
        if fitted:
            with reading(self.folder / TUNED_FILE, mend):
                tuned = _counts(read_json_lines(self.folder / TUNED_FILE))
                if tuned != counts:
                    raise ValueError(f"decisions on {tuned} examples, predictions of {counts}")

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


def remake(folder: Path) -> str:
    """What heals a damaged run: in words, with its folder."""
    out = folder.parent.parent
    if folder.parent.name == CELLS and (out / PLAN_FILE).is_file():
        return (
            f"run `dicetune compare --out {out}` again, which makes this run anew (merged records: "
            "the command with --from)"
        )
    return f"make the run in {quoted(folder)} again, or leave it out"


def _counts(rows: Iterable[Row]) -> dict[str, int]:
    """Rows of each split; each must say what was predicted of what."""
    found: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or not {"split", "id", "gold", "predicted"} <= row.keys():
            raise ValueError(f"line {number}: expected split, id, gold and predicted")
        found[str(row["split"])] = found.get(str(row["split"]), 0) + 1
    return found


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
            + (f", not the same ones (first: {listed(odd)})" if odd else ", some of them twice"),
        )
    return [rows[places[name]] for name in wanted]
