"""RunRecord: the files that a run writes beside the model, readable without torch.

The folder of a finished run holds ``run.json`` (this record: configuration, versions, data
fingerprints, course of the training), ``metrics.json`` (scores of each split by the decision in use
and, under "argmax", by the default decision), ``predictions.jsonl`` (dev and test: id, text, gold,
predicted) and ``scores.safetensors`` (model outputs for dev and test, and the problem as metadata).
Decision rules and comparisons read these files and never train again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import platform
import shutil
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
ENSEMBLE_FILE = "ensemble.json"
"""Members of an ensemble, in the folder that holds its averaged scores and its rule."""
REPORT_FILES = ("summary.json", "summary.md", "report.html")
"""What ``dicetune report`` writes into the folder of a comparison or of a run."""
DEFAULT, TUNED = "argmax", "tuned"
"""What the two decisions of a model are called, whatever its kind."""

_HEALS = "make the run again, or restore the file"
_NUMBER = int | float
# the keys that are read from a record; a record may hold more
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
    """How one model was made: ``run.json``."""

    config: dict[str, Any]
    objective: dict[str, Any]  # the loss in full, with its start phase
    labels: list[str]  # in the order of the model's outputs
    settings: dict[str, Any]  # what the task needs beside the labels to be loaded again
    data: dict[str, dict[str, Any]]  # source, SHA-256 and counts of each split
    model: dict[str, Any]  # name, SHA-256 and number of parameters of the encoder
    training: dict[str, Any]  # steps, seconds, the chosen checkpoint and its phase
    versions: dict[str, str] = field(default_factory=lambda: versions())
    notes: list[str] = field(default_factory=list)  # sentences for a reader of the scores
    record_version: int = RECORD_VERSION

    def save(self, folder: Path) -> None:
        """Write ``run.json`` into ``folder``."""
        write_json(folder / RUN_FILE, asdict(self))

    @classmethod
    def load(cls, folder: str | Path) -> RunRecord:
        """Read the record of a finished run."""
        path = file_of_run(folder, RUN_FILE)
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


def by_decision(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The scores in ``metrics.json``, a row for each split and each decision that differs.

    Example:
        >>> dev = {"decision": "tuned (held out)", "f1": 0.5, "argmax": {"f1": 0.4}}
        >>> list(by_decision({"dev": dev, "test": {"f1": 0.4}}))
        ['dev, argmax', 'dev, tuned (held out)', 'test']
    """
    rows: dict[str, Mapping[str, Any]] = {}
    for split, scores in metrics.items():
        own = {name: value for name, value in scores.items() if name != DEFAULT}
        decision = scores.get("decision", DEFAULT)
        if decision != DEFAULT:
            rows[f"{split}, {DEFAULT}"] = scores[DEFAULT]
        rows[split if decision == DEFAULT else f"{split}, {decision}"] = own
    return rows


def file_of_run(folder: str | Path, name: str, other: str = "") -> Path:
    """A file that every finished run has; refused where the folder holds no such file."""
    path = Path(folder) / name
    if not path.is_file():
        raise InputError(
            f"expected the folder of a finished run (with {name}), got {quoted(Path(folder))}: "
            f"give the --out folder of `dicetune train`{other}"
        )
    return path


def members_of(folder: Path) -> list[Path]:
    """The folders of the models of an ensemble; none for the folder of a single model.

    Raises:
        DataError: a damaged file, or a member that is missing or elsewhere.
    """
    path, heals = folder / ENSEMBLE_FILE, "put back the whole folder that `dicetune compare` made"
    if not path.is_file():
        return []
    values = read_json(path, heals)
    check_shape(path, values, {"members": [{"folder": str}]}, heals=heals)
    names = [member["folder"] for member in values["members"]]
    for name in names:
        if Path(name).name != name or not (folder / name).is_dir():
            raise DataError(
                path, f"expected a folder for each member, got {quoted(name)}, no such: {heals}"
            )
    return [folder / name for name in names]


@contextlib.contextmanager
def silent_log(when: bool = True) -> Iterator[None]:
    """Log nothing, if ``when``: another process, or an earlier reading, logs the same lines."""
    log = logging.getLogger("dicetune")
    level = log.level
    log.setLevel(logging.CRITICAL if when else level)
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
    """Write ``value`` as JSON; a reader never sees half a file."""
    replace_text(path, json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def read_json(path: Path, heals: str = _HEALS) -> dict[str, Any]:
    """Read a JSON object of a record; ``heals`` says what to do where the file is damaged."""
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
    """Refuse a record whose values have unexpected types; the message names the file and key.

    A shape is a type, a list of one shape, or the shape of each key; ``...`` means any key.

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
        for entry in value:
            check_shape(path, entry, shape[0], f"what {where} lists", heals)
    elif isinstance(shape, dict):
        for key in value if ... in shape else shape:
            if key not in value:
                raise DataError(path, f"expected {where}{' with ' * bool(where)}{key}: {heals}")
            inner = shape.get(key, shape.get(...))
            check_shape(path, value[key], inner, f"{where}.{key}".strip("."), heals)


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line; a reader never sees half a file."""
    replace_text(path, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_json_lines(path: Path, heals: str = _HEALS) -> Iterator[dict[str, Any]]:
    """Read a record of one JSON object a line; ``heals`` as for ``read_json``."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                yield _object(path, line, heals, number)
    except (UnicodeDecodeError, OSError) as error:
        raise _unreadable(path, error, heals) from None


def replace_text(path: Path, text: str | Iterable[str]) -> None:
    """Write a text, or its parts as they come, under another name and rename the file.

    A reader never sees half a file.
    """
    partial = path.with_name(path.name + ".part")
    with partial.open("w", encoding="utf-8") as file:
        file.writelines([text] if isinstance(text, str) else text)
    os.replace(partial, path)


@contextlib.contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A folder that is filled under another name, and appears whole or not at all.

    Raises:
        InputError: a place that is in use, or cannot be made.
    """
    out = Path(path).absolute()
    part = out.with_name(f"{out.name}.part")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"expected a new or empty folder, got {quoted(out)}: name another")
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"expected a folder that can be made, got {quoted(part)}: {error.strerror}"
        ) from None
    try:
        yield part
        if out.exists():
            out.rmdir()
        os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


# one process at a time in a folder

LOCK_FILE = ".lock"


@contextlib.contextmanager
def locked(
    folder: Path,
    patience: float = 60.0,
    *,
    who: str = "another comparison, or a run of a comparison that was killed,",
) -> Iterator[list[int]]:
    """Hold the lock of a folder, after at most ``patience`` seconds; ``who`` may hold it now.

    A run inherits the lock of its comparison by the yielded file descriptors (none where the system
    has no such locks): after a kill of the comparison, the folder is free once its run has saved
    its step and ended too.
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
    """Whether the locked file is still there: the process that held the lock may delete it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK_FILE))
    except FileNotFoundError:
        return False
