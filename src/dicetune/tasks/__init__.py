"""Tasks: text to tensors and back. ``TASKS`` names those that the command line trains."""

from collections.abc import Callable
from functools import partial
from typing import Any

from dicetune.tasks.base import Encoded, Scores, Task
from dicetune.tasks.token import TokenTask

TASKS: dict[str, Callable[..., Any]] = {
    "ner": partial(TokenTask.of, "ner"),
    "pos": partial(TokenTask.of, "pos"),
}

__all__ = ["TASKS", "Encoded", "Scores", "Task", "TokenTask"]
