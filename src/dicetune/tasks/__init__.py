"""Tasks: text to tensors and back. ``TASKS`` names those that the command line trains."""

from typing import Any

from dicetune.errors import unknown_name
from dicetune.tasks.base import IGNORED, Data, Encoded, Scores, Task, Trained
from dicetune.tasks.mrc_ner import MrcNerTask
from dicetune.tasks.multilabel import MultiLabelTask
from dicetune.tasks.options import (
    USES,
    Use,
    at_least,
    build_options,
    check_needs_no_file,
    check_type,
    describe_options,
    option,
    plain_types,
    read_text,
    read_texts,
)
from dicetune.tasks.qa import QaTask
from dicetune.tasks.segmentation import SegPosTask
from dicetune.tasks.tags import NerTask, PosTask
from dicetune.tasks.text import PairTask, TextTask
from dicetune.tasks.token import TokenTask

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


def task_named(name: str) -> Any:
    """The task of that name.

    Raises:
        InputError: for an unknown name, with the nearest valid one.
    """
    if name not in TASKS:
        raise unknown_name("task", name, list(TASKS))
    return TASKS[name]


def describe_tasks(name: str | None = None) -> list[dict[str, Any]]:
    """What ``dicetune tasks`` prints: for each task its facts, its options and their uses.

    Raises:
        InputError: for an unknown name.
    """
    shown = TASKS if name is None else {name: task_named(name)}
    return [
        {
            "task": key,
            "what": task.title,
            "scores": task.scored,
            "inputs": ", ".join(task.inputs),
            "output formats": ", ".join(task.out_formats),
            "options": describe_options(task.Options),
            "uses": USES,
        }
        for key, task in shown.items()
    ]


__all__ = [
    "IGNORED",
    "TASKS",
    "USES",
    "Data",
    "Encoded",
    "MrcNerTask",
    "MultiLabelTask",
    "NerTask",
    "PairTask",
    "PosTask",
    "QaTask",
    "Scores",
    "SegPosTask",
    "Task",
    "TextTask",
    "TokenTask",
    "Trained",
    "Use",
    "at_least",
    "build_options",
    "check_needs_no_file",
    "check_type",
    "describe_options",
    "describe_tasks",
    "option",
    "plain_types",
    "read_text",
    "read_texts",
    "task_named",
]
