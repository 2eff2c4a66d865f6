"""``scores.safetensors`` of a run: what its model says of each example, and of what problem.

The file holds the scores of each split, the number of scores of each row, and a digest of the rows,
by which the probabilities are found again for those rows and for no others. The problem is in its
metadata.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dicetune.errors import DataError, listed, quoted
from dicetune.problems import PROBLEMS
from dicetune.problems.ruled import Ruled
from dicetune.problems.score_rows import ScoreTables
from dicetune.records import PROBLEM_KEY, SCORES_FILE, check_shape, file_of_run

if TYPE_CHECKING:
    from dicetune.decide.folder import Split

_log = logging.getLogger(__name__)
_SPLITS = ("dev", "test")
_AT_ONCE = 1 << 16  # rows
_HEALS = "make the run again, or restore the file"


def write_scores(folder: Path, settings: Mapping[str, Any], splits: Mapping[str, Split]) -> None:
    """Write the scores of all splits, with their problem and a digest of the rows scored."""
    arrays: dict[str, np.ndarray] = {}
    for name, split in splits.items():
        arrays[name] = np.concatenate(split.scores)
        arrays[f"{name}.lengths"] = np.array([len(one) for one in split.scores], dtype=np.int64)
        arrays[f"{name}.digest"] = _digest(split.rows)
    text = json.dumps(settings, ensure_ascii=False)
    save_file(arrays, folder / SCORES_FILE, metadata={PROBLEM_KEY: text})


def _digest(rows: Iterable[Mapping[str, Any]]) -> np.ndarray:
    """SHA-256 of rows in their order, (32,): of everything but what a model says of them."""
    found = hashlib.sha256()
    for row in rows:
        given = {key: row[key] for key in row if key not in ("predicted", "probabilities")}
        found.update(json.dumps(given, sort_keys=True).encode())
    return np.frombuffer(found.digest(), dtype=np.uint8)


def read_scores(
    folder: str | Path, needed: Callable[[np.ndarray], np.ndarray] = Ruled.ruling
) -> tuple[dict[str, ScoreTables], dict[str, Any] | None]:
    """The scores of each example of each split, and the problem where the file holds it.

    Args:
        folder: of a run.
        needed: which rows of a table are read, (R, columns) to (R,) bool; by default all.

    Raises:
        InputError: no run, or a file that cannot be read.
    """
    return _read(folder, needed)[0], stored_problem(folder)


def stored_problem(folder: str | Path) -> dict[str, Any] | None:
    """The problem beside the scores, which are not read; ``None`` in those of an earlier version.

    Raises: as ``read_scores``.
    """
    with _open_scores(folder) as (path, file):
        metadata = file.metadata() or {}
    return _problem(path, metadata[PROBLEM_KEY]) if PROBLEM_KEY in metadata else None


@contextlib.contextmanager
def _open_scores(folder: str | Path) -> Iterator[tuple[Path, Any]]:
    path = file_of_run(folder, SCORES_FILE, ", or the scores of any model with --scores")
    try:
        with safe_open(path, framework="np") as file:
            yield path, file
    except (SafetensorError, OSError) as error:
        raise DataError(path, f"expected safetensors, got {error}") from None


def _read(
    folder: str | Path, needed: Callable[[np.ndarray], np.ndarray] = Ruled.ruling
) -> tuple[dict[str, ScoreTables], dict[str, np.ndarray]]:
    """Scores as ``read_scores`` has them, and the other arrays of the file."""
    with _open_scores(folder) as (path, file):
        names = set(file.keys())
        arrays = {name: file.get_tensor(name) for name in names.difference(_SPLITS)}
    found = {}
    for name in (split for split in _SPLITS if split in names):
        lengths, tables, places, rows = arrays.get(f"{name}.lengths"), [], [], 0
        for part in _parts(path, name):
            is_needed = needed(part)
            tables.append(part if is_needed.all() else part[is_needed])
            places.append(np.flatnonzero(is_needed) + rows)
            rows += len(part)
        if lengths is None or lengths.ndim != 1 or lengths.sum() != rows:
            raise DataError(path, f"expected {name}.lengths that add up to {name}: {_HEALS}")
        ends, place = np.cumsum(lengths), np.concatenate(places)
        counts = np.searchsorted(place, ends) - np.searchsorted(place, ends - lengths)
        found[name] = ScoreTables(np.concatenate(tables), counts)
    return found, arrays


def _parts(path: Path, name: str) -> Iterator[np.ndarray]:
    """The rows of a table, some at a time: safetensors maps the whole file, and copies it."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(size))[name]
        if not entry["dtype"].startswith("F") or len(entry["shape"]) != 2:
            raise DataError(path, f"expected {name} as a table of fractions: {_HEALS}")
        file.seek(size + 8 + entry["data_offsets"][0])
        kind, (rows, columns) = np.dtype(f"<f{int(entry['dtype'][1:]) // 8}"), entry["shape"]
        for at in range(0, max(rows, 1), _AT_ONCE):
            some = min(_AT_ONCE, rows - at)
            yield np.fromfile(file, kind, some * columns).reshape(some, columns)


def chances_beside(file: str | Path, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The probability of each label in each row of a split of a run's predictions.

    Empty for other files, and, with a message, for rows that are not those the scores are of.
    """
    path = Path(file)
    is_run = path.name.startswith(("predictions.", "tuned."))
    if not is_run or not path.with_name(SCORES_FILE).is_file():
        return []
    splits, arrays = _read(path.parent)
    own = _digest(rows)
    digests = {one: arrays.get(f"{one}.digest", np.empty(0)) for one in splits}
    name = next((one for one, stored in digests.items() if np.array_equal(stored, own)), None)
    if name is None:
        _log.info(
            "scored without probabilities: expected in %s the rows that %s beside it was written "
            "for, in their order, got others, or scores of an earlier version",
            quoted(path),
            SCORES_FILE,
        )
        return []
    table, problem = splits[name].table, stored_problem(path.parent)
    if problem is None or table.shape != (len(rows), len(problem["labels"])):
        return []
    return [dict(zip(problem["labels"], row, strict=True)) for row in np.exp(table).tolist()]


def _problem(path: Path, text: str) -> dict[str, Any]:
    """The problem in the metadata of the scores."""
    try:
        problem = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError(path, f"expected its {PROBLEM_KEY} as JSON: {_HEALS}") from None
    check_shape(path, problem, {"kind": str, "labels": [str], "metric": str}, PROBLEM_KEY)
    if problem["kind"] not in PROBLEMS:
        known = listed(PROBLEMS)
        raise DataError(
            path, f"expected one of the kinds {known}, got {quoted(problem['kind'])}: {_HEALS}"
        )
    return dict(problem)
