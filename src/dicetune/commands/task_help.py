"""The help of a command with ``-o``: the options of the task that the command line names."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer import Context
from typer.core import TyperCommand

from dicetune.errors import DicetuneError
from dicetune.flags import RUN
from dicetune.records import RUN_FILE, read_json

USES = {
    "train": ("train",),
    "compare": ("train",),
    "evaluate": ("evaluate", "score", "compare"),
    "predict": ("predict", "ask"),
    "inspect": ("inspect",),
}
"""The uses of options (``dicetune.tasks.options.USES``) that each command makes of them."""


class TaskCommand(TyperCommand):
    """A command whose ``--help`` lists the options of its task, with values and defaults.

    The task is the argument TASK, ``--task``, or the task of the run in the folder that is given.
    """

    _typed: Sequence[str] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember the command line for the help, which is asked for before it is parsed."""
        self._typed = tuple(args)
        return super().parse_args(ctx, args)

    def get_help_option(self, ctx: Any) -> Any:
        """The option --help, in the panel of the run where there are panels."""
        found: Any = super().get_help_option(ctx)
        if found is not None:
            found.metavar = ""
            if any(getattr(one, "rich_help_panel", None) == RUN for one in self.params):
                found.rich_help_panel = RUN
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help, with the options of the task beside ``-o``."""
        params, self.params = self.params, self._with_options(self._task(ctx))
        try:
            super().format_help(ctx, formatter)
        finally:
            self.params = params

    def _task(self, ctx: Context) -> str | None:
        """The task that the command line names; ``None`` where it names none."""
        given: dict[str, Any] = {}
        with contextlib.suppress(Exception):  # flags that are wrong get no help from here
            given, _, _ = self.make_parser(ctx).parse_args(
                [one for one in self._typed if one not in ("-h", "--help")]
            )
        if isinstance(task := given.get("task"), str):
            return task
        for name in ("target", "model"):
            if isinstance(place := given.get(name), str):
                with contextlib.suppress(DicetuneError, OSError, KeyError, TypeError):
                    return str(read_json(Path(place) / RUN_FILE)["config"]["task"])
        from dicetune.tasks import DEFAULT_TASK

        return DEFAULT_TASK if self.name == "inspect" else None

    def _with_options(self, task: str | None) -> list[Any]:
        """The parameters of the command, with a row for each option of the task after ``-o``."""
        found: list[Any] = []
        for parameter in self.params:
            found.append(parameter)
            if parameter.name != "option":
                continue
            own: Any = copy.copy(parameter)
            found[-1] = own
            if task is None:
                named = (
                    "TASK"
                    if any(
                        one.param_type_name == "argument" and one.name == "task"
                        for one in self.params
                    )
                    else "--task TASK"
                )
                own.help += f" `dicetune {self.name} {named} --help` lists them."
                continue
            from dicetune.tasks import describe_tasks

            own.rich_help_panel, own.opts = f"Options of {task}", ["-o"]
            (described,) = describe_tasks(task)
            for row in described["options"]:
                uses = row["for"].split(", ")
                if row["for"] != "all" and not set(uses) & set(USES[str(self.name)]):
                    continue
                line: Any = copy.copy(own)
                line.opts, line.secondary_opts = [f"{row['option']}="], []
                line.metavar = row["values"]
                meaning = row["meaning"].replace("[", r"\[")
                line.help = meaning[:1].upper() + meaning[1:]
                line.show_default = row["default"] or False
                found.append(line)
        return found
