"""RunRecord: what a run leaves on disk beside the model, readable without torch.

A finished run's folder holds ``run.json`` (this record: configuration, versions, data
fingerprints, how training went), ``metrics.json`` (scores of each split), ``predictions.jsonl``
(dev and test: id, text, gold, predicted) and ``scores.safetensors`` (what the model put out for
them, and as metadata the problem), so that decision rules and comparisons never need to train
again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from dicetune.errors import DataError, InputError, listed, quoted

_log = logging.getLogger(__name__)
RECORD_VERSION = 2
RUN_FILE = "run.json"
METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.jsonl"
SCORES_FILE = "scores.safetensors"
PROBLEM_KEY = "problem"
"""Metadata of the scores: ``Task.problem`` as JSON."""
DECISION_FILE = "decision.json"
TUNED_FILE = "tuned.jsonl"
DEFAULT, TUNED = "argmax", "tuned"
"""What the two decisions of a model are called, whatever its kind."""

_HEALS = "make the run again, or restore the file"
_NUMBER = int | float
# what is read of a record; more may stand in it
_SHAPE = {
    "config": {"task": str, "train": str, "seed": int, "options": dict, "trainer": dict},
    "objective": {"text": str, "loss": str},
    "labels": [str],
    "settings": dict,
    "data": {...: {"source": str, "sha256": str | None, "examples": int}},
    "model": {"name": str, "sha256": str | None, "parameters": int},
    "training": {"seconds": _NUMBER, "steps": int, "best_step": int | None, "history": [dict]},
    "versions": dict,
    "notes": [str],
}

_LIBRARIES = ("dicetune", "torch", "transformers", "tokenizers", "accelerate", "numpy")


@dataclass(frozen=True)
class RunRecord:
    """How one model was made.

    Args:
        config: the run's configuration, as its YAML file would hold it.
        objective: the loss in full, its start phase included, as it was built.
        labels: the label names, in the order of the model's outputs.
        settings: what the task needs beside the labels to be loaded again.
        data: for each split its source, SHA-256 and counts.
        model: name, SHA-256 and number of parameters of the encoder that was fine-tuned.
        training: steps, seconds, the chosen checkpoint and the phase in which it lies.
        versions: of Python and of each library that matters.
        notes: what a reader of the scores should know, in sentences.
        record_version: version of this layout.
    """

    config: dict[str, Any]
    objective: dict[str, Any]
    labels: list[str]
    settings: dict[str, Any]
    data: dict[str, dict[str, Any]]
    model: dict[str, Any]
    training: dict[str, Any]
    versions: dict[str, str] = field(default_factory=lambda: versions())
    notes: list[str] = field(default_factory=list)
    record_version: int = RECORD_VERSION

    def save(self, folder: Path) -> None:
        """Write ``run.json`` into ``folder``."""
        write_json(folder / RUN_FILE, asdict(self))

    @classmethod
    def load(cls, folder: str | Path) -> RunRecord:
        """Read the record of a finished run.

        Raises:
            InputError: where the folder holds no record, or one of a later layout.
        """
        path = Path(folder) / RUN_FILE
        if not path.is_file():
            raise InputError(
                f"expected the folder of a finished run (with {RUN_FILE}), got "
                f"{quoted(Path(folder))}: "
                "give the --out folder of `dicetune train`"
            )
        values = read_json(path)
        if values.get("record_version") != RECORD_VERSION:
            raise DataError(
                path,
                f"expected record_version {RECORD_VERSION}, got "
                f"{quoted(values.get('record_version'))}: "
                "read it with the version of dicetune that wrote it",
            )
        names = {entry.name for entry in fields(cls)}
        if values.keys() != names:
            wrong = listed(sorted(values.keys() ^ names))
            raise DataError(path, f"expected the keys of a run record, got others: {wrong}")
        check_shape(path, values, _SHAPE)
        return cls(**values)


def is_first_process() -> bool:
    """Whether this process writes and speaks: under torchrun only the first does."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def silent_log() -> Iterator[None]:
    """Log nothing meanwhile: another process, or an earlier reading, logs the same lines."""
    log = logging.getLogger("dicetune")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries on which a result depends."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON; the file appears whole or not at all."""
    replace_text(path, json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def read_json(path: Path, heals: str = _HEALS) -> dict[str, Any]:
    """Read a JSON object of a record.

    Args:
        path: the file.
        heals: what to do where it is damaged, for the message.

    Raises:
        DataError: where it is broken.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise _unreadable(path, error, heals) from None
    return _object(path, text, heals, None)


def _unreadable(path: Path, error: UnicodeDecodeError | OSError, heals: str) -> DataError:
    if isinstance(error, UnicodeDecodeError):
        return DataError(path, f"expected UTF-8, got {error.reason}: {heals}")
    return DataError(path, f"expected a file that can be read, got: {error.strerror}")


def _object(path: Path, text: str, heals: str, line: int | None) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"expected JSON, got {error.msg}: {heals}"
        raise DataError(path, message, line=line or error.lineno) from None
    except (ValueError, RecursionError):  # thousands of digits, thousands of brackets
        raise DataError(path, f"expected JSON that can be read: {heals}", line=line) from None
    if not isinstance(value, dict):
        got = type(value).__name__
        raise DataError(path, f"expected a JSON object, got {got}: {heals}", line=line)
    return value


def check_shape(path: Path, value: Any, shape: Any, where: str = "", heals: str = _HEALS) -> None:
    """Refuse a record whose values have other types than what reads them expects.

    Args:
        path: the file, for the message.
        value: what it holds.
        shape: a type, a list of one shape, or the shape of each key; ``...`` stands for any key.
        where: the key, for the message.
        heals: as ``read_json`` takes it.

    Raises:
        DataError: names the key.

    Example:
        >>> check_shape(Path("run.json"), {"steps": [1, 2]}, {"steps": [int]})
        >>> check_shape(Path("run.json"), {"steps": 1}, {"steps": [int]}, heals="make it again")
        Traceback (most recent call last):
        dicetune.errors.DataError: run.json: expected steps as list, got int: make it again
    """
    kind = list if isinstance(shape, list) else dict if isinstance(shape, dict) else shape
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        what = getattr(kind, "__name__", str(kind))
        raise DataError(
            path,
            f"expected {where or 'a record'} as {what}, got {type(value).__name__}: {heals}",
        )
    if isinstance(shape, list):
        for own in value:
            check_shape(path, own, shape[0], f"what {where} lists", heals)
    elif isinstance(shape, dict):
        for key in value if ... in shape else shape:
            if key not in value:
                raise DataError(path, f"expected {where}{' with ' * bool(where)}{key}: {heals}")
            own = shape.get(key, shape.get(...))
            check_shape(path, value[key], own, f"{where}.{key}".strip("."), heals)


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line; the file appears whole or not at all."""
    replace_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_json_lines(path: Path, heals: str = _HEALS) -> Iterator[dict[str, Any]]:
    """Read one JSON object a line of a record.

    Args:
        path: the file.
        heals: as ``read_json`` takes it.

    Raises:
        DataError: where it is broken.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                yield _object(path, line, heals, number)
    except (UnicodeDecodeError, OSError) as error:
        raise _unreadable(path, error, heals) from None


def replace_text(path: Path, text: str) -> None:
    """Write a text file: beside it, then renamed, so that a reader never meets half of it."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


# one process at a time in a folder

LOCK_FILE = ".lock"
_PATIENCE = 60.0


@contextlib.contextmanager
def locked(
    folder: Path,
    patience: float = _PATIENCE,
    *,
    who: str = "another comparison, or a cell of one that was killed,",
) -> Iterator[list[int]]:
    """Hold the lock of a folder.

    A running cell inherits it: after a kill of the comparison the folder is free only when its cell
    has saved and ended too, which takes a step and is waited for.

    Args:
        folder: of a comparison or a run.
        patience: seconds to wait.
        who: may be at work there, for the message.

    Yields:
        File descriptors that a cell inherits; none where the system has no such locks.

    Raises:
        InputError: where another process works in the folder.
    """
    try:
        import fcntl
    except ImportError:
        yield []
        return
    until = time.monotonic() + patience
    said = False
    while True:
        with (folder / LOCK_FILE).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                    yield []  # a file system without locks
                    return
                if time.monotonic() >= until:
                    raise InputError(
                        f"expected a folder that nobody else works in, got {quoted(folder)}: "
                        f"{who} is running there; wait for it or stop it"
                    ) from None
            else:
                if _is_current(file, folder):
                    yield [file.fileno()]
                    return
                continue
        if not said:
            _log.info("waiting for another process that works in %s", folder)
            said = True
        time.sleep(0.2)


def _is_current(file: IO[str], folder: Path) -> bool:
    """Whether others would find the file that was locked: who held it may have deleted it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK_FILE))
    except FileNotFoundError:
        return False
