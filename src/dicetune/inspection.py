"""Inspect files as a model would see them: a task's inspection with a tokenizer's sub-words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dicetune.data import Inspection
from dicetune.errors import InputError, listed
from dicetune.models import load_tokenizer, resolve_encoder, subword_counter
from dicetune.records import RUN_FILE, RunRecord
from dicetune.tasks import Trained, build_options, task_named

_SPLITS = ("train", "dev", "test")


def inspect_files(
    files: Sequence[str],
    *,
    task: str | None = None,
    model: str = "minilm",
    format: str = "auto",
    report: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> Inspection:
    """Describe files with gold as a model would see them.

    Args:
        files: up to three, which are called train, dev and test; more by their names. Whatever
            the task reads.
        task: name of the task; default: ``DEFAULT_TASK``.
        model: whose sub-words are counted: "minilm", a folder, or a Hub id; files are read as
            those that a run was trained on, where nothing else is said.
        format: data format of the files.
        report: takes a line where a reader had to guess.
        options: of the task, such as the column of the words.

    Raises:
        InputError: files that cannot be read, or files of the same name.
    """
    task_class = task_named(task)
    given = {name: value for name, value in options.items() if value is not None}
    chosen = build_options(task_class.Options, given, use="inspect")
    trained = None
    if (Path(model) / RUN_FILE).is_file():
        record = RunRecord.load(model)
        trained = Trained(record.config["options"], tuple(record.labels))
    splits = [
        task_class.read(file, chosen, format=format, trained=trained, report=report)
        for file in files
    ]
    names = (
        list(_SPLITS[: len(files)]) if len(files) <= len(_SPLITS) else [Path(f).name for f in files]
    )
    if len(set(names)) < len(names):
        raise InputError(f"expected files with different names, got {listed(names)}")
    tokenizer = load_tokenizer(resolve_encoder(model), aligns=task_class.aligns)
    found: Inspection = task_class.inspect(
        dict(zip(names, splits, strict=True)), subword_counter(tokenizer)
    )
    return found
