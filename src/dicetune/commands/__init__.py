"""The commands: each reads its flags, calls the verb of its name and prints what it returns.

The help says again what ``RunConfig`` says of its fields, because ``RunConfig`` needs transformers,
which ``dicetune --help`` does not load. ``flags.py`` has the flags of several commands.
"""

from __future__ import annotations

import typer

from dicetune.commands.compare import compare
from dicetune.commands.look import inspect, losses, report, split, tasks
from dicetune.commands.task_help import USES, TaskCommand
from dicetune.commands.train import train
from dicetune.commands.tune import tune
from dicetune.commands.use import evaluate, export, predict, push, serve

app = typer.Typer(
    help="Fine-tune text models for F1: dice, Tversky and self-adjusting losses.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    train,
    evaluate,
    predict,
    tune,
    export,
    push,
    serve,
    inspect,
    split,
    tasks,
    losses,
    compare,
    report,
):
    app.command(cls=TaskCommand if command.__name__ in USES else None)(command)
