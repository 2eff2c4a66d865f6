"""Tasks: text to tensors and back. ``TASKS`` lists the tasks of the command line."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dicetune.errors import DataError, InputError, unknown_name
from dicetune.tasks.base import Data, Encoded, Scores, Task, Trained
from dicetune.tasks.mrc_ner import MrcNerTask
from dicetune.tasks.multilabel import MultiLabelTask
from dicetune.tasks.options import USES, Use, build_options, describe_options
from dicetune.tasks.qa import QaTask
from dicetune.tasks.segmentation import SegPosTask
from dicetune.tasks.tags import NerTask, PosTask
from dicetune.tasks.text import PairTask, TextTask

TASKS: dict[str, Any] = {
    "ner": NerTask,
    "pos": PosTask,
    "seg-pos": SegPosTask,
    "mrc-ner": MrcNerTask,
    "qa": QaTask,
    "text": TextTask,
    "pair": PairTask,
    "multilabel": MultiLabelTask,
}


DEFAULT_TASK = "ner"
"""The task of the packaged sample, and of files without a named task."""


def task_named(name: str | None = None) -> Any:
    """The task with a name, by default ``DEFAULT_TASK``; an unknown name is refused."""
    name = DEFAULT_TASK if name is None else name
    if name not in TASKS:
        raise unknown_name("task", name, list(TASKS))
    return TASKS[name]


@contextlib.contextmanager
def task_reading(name: str | None) -> Iterator[Any]:
    """The task with a name; where none was given, a file that it cannot read says so."""
    try:
        yield task_named(name)
    except DataError as error:
        if name is None and Path(error.path).is_file():
            error.args = (f"{error} (read for task {DEFAULT_TASK}: --task names another)",)
        raise


def task_of_model(config: Any, labels: Sequence[str]) -> Any:
    """The first task that fits a model of another tool: its head, labels and configuration."""
    from dicetune.models import saved_as

    for task in TASKS.values():
        head = task.auto_class.__name__.removeprefix("AutoModel")
        values = {name: getattr(config, name, None) for name in task.model_config}
        if head not in saved_as(config) or any(
            value not in (None, task.model_config[name]) for name, value in values.items()
        ):
            continue
        try:
            task.restore(labels, {})
        except InputError:
            continue
        return task
    # a model without a head is refused where the weights are counted
    return PosTask


def describe_tasks(name: str | None = None) -> list[dict[str, Any]]:
    """Each task with its facts, its options and their uses, for ``dicetune tasks``."""
    shown = TASKS if name is None else {name: task_named(name)}
    return [
        {
            "task": key,
            "what": task.title.replace("-", " "),
            "scores": task.scored,
            "inputs": ", ".join(task.inputs),
            "formats": list(task.formats),
            "output formats": ", ".join(task.out_formats),
            "options": describe_options(task.Options),
            "uses": USES,
        }
        for key, task in shown.items()
    ]
