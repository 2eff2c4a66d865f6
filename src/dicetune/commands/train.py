"""The command ``train``."""

from __future__ import annotations

import sys
from typing import Annotated

import dicetune
from dicetune.flags import (
    AddCharacters,
    Config,
    Dev,
    Format,
    MaxLength,
    MaxTrain,
    Model,
    Number,
    Options,
    Precision,
    Sample,
    Settings,
    Task,
    Text,
    Train,
    flag,
    given_by,
    show,
)


def train(
    task: Task = None,
    train: Train = None,
    dev: Dev = None,
    test: Annotated[Text, flag("File that is scored once, at the end.")] = None,
    data: Sample = None,
    model: Model = None,
    loss: Annotated[
        Text, flag("Loss, e.g. ce+0.5*dice (`dicetune losses` lists all); by default 'auto'.")
    ] = None,
    tries: Annotated[
        Number,
        flag("Train the first K losses of auto's list, keep the best by dev, e.g. 3.", "--try"),
    ] = None,
    start_loss: Annotated[Text, flag("Loss of the start phase, e.g. ce; by default none.")] = None,
    start_share: Annotated[
        float | None,
        flag("Share of the steps in the start phase, between 0 and 1, e.g. 0.2."),
    ] = None,
    seed: Annotated[Number, flag("Seed of head, batches and dropout; by default 1.")] = None,
    format: Format = None,
    add_characters: AddCharacters = None,
    max_length: MaxLength = None,
    max_train: MaxTrain = None,
    precision: Precision = None,
    patience: Annotated[
        Number,
        flag("Stop after N evaluations without a better dev score; by default never.", metavar="N"),
    ] = None,
    decision: Annotated[
        Text,
        flag(
            "'tuned' (default): fit a decision rule on dev, choose the checkpoint by it and keep "
            "it; or 'argmax'."
        ),
    ] = None,
    out: Annotated[Text, flag("Folder that the run makes, e.g. runs/a.")] = None,
    config: Config = None,
    option: Options = None,
    settings: Settings = None,
    overwrite: Annotated[bool, flag("Delete an earlier run in --out.")] = False,
    resume: Annotated[bool, flag("Continue an unfinished run in --out.")] = False,
) -> None:
    """Fine-tune a model, choose checkpoint and decision on dev, score it, and write a record."""
    finished = dicetune.train(**given_by(locals()), progress=sys.stderr.isatty())
    from dicetune.terminal import say
    from dicetune.training.processes import is_first_process

    if is_first_process():
        show(finished)
        say(finished.summary_line())
