"""Tasks: text to tensors and back. ``TASKS`` names those that the command line trains."""

from typing import Any

from dicetune.tasks.base import IGNORED, Data, Encoded, Scores, Task
from dicetune.tasks.ner import NerTask
from dicetune.tasks.options import build_options, check_type, describe_options, plain_types
from dicetune.tasks.pos import PosTask
from dicetune.tasks.token import TokenTask

TASKS: dict[str, Any] = {
    "ner": NerTask,
    "pos": PosTask,
}

__all__ = [
    "IGNORED",
    "TASKS",
    "Data",
    "Encoded",
    "NerTask",
    "PosTask",
    "Scores",
    "Task",
    "TokenTask",
    "build_options",
    "check_type",
    "describe_options",
    "plain_types",
]
