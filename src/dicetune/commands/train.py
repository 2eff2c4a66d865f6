"""The command ``train``."""

from __future__ import annotations

import sys
from typing import Annotated

import dicetune
from dicetune import flags
from dicetune.flags import DATA, LOSS, RUN, TRAINING, Number, Text, flag, given_by, show, switch


def train(
    task: flags.Task = None,
    train: flags.Train = None,
    dev: flags.Dev = None,
    test: Annotated[Text, flag("File that is scored once, at the end.", panel=DATA)] = None,
    data: flags.Data = None,
    split: flags.Shares = None,
    split_seed: flags.SplitSeed = None,
    group: flags.Group = None,
    format: flags.Format = None,
    max_train: flags.MaxTrain = None,
    model: flags.Model = None,
    max_length: flags.MaxLength = None,
    add_characters: flags.AddCharacters = None,
    loss: Annotated[
        Text,
        flag("Loss, e.g. ce+0.5*dice (`dicetune losses` lists all).", panel=LOSS, default="auto"),
    ] = None,
    tries: Annotated[
        Number,
        flag(
            "Train the first K losses of auto's list, keep the best by dev, e.g. 3.",
            "--try",
            metavar="K",
            panel=LOSS,
        ),
    ] = None,
    folds: Annotated[
        Number,
        flag(
            "Train on --data K times, score all of it out of fold, then train on all, e.g. 5.",
            metavar="K",
            panel=DATA,
        ),
    ] = None,
    start_loss: Annotated[
        Text, flag("Loss of the start phase, e.g. ce.", panel=LOSS, default="no start phase")
    ] = None,
    start_share: Annotated[
        float | None,
        flag("Share of the steps in the start phase, between 0 and 1, e.g. 0.2.", panel=LOSS),
    ] = None,
    decision: Annotated[
        Text,
        flag(
            "tuned: fit a decision rule on dev, choose the checkpoint by it, keep it; or argmax.",
            panel=LOSS,
            default="tuned",
        ),
    ] = None,
    epochs: flags.Epochs = None,
    lr: flags.LearningRate = None,
    batch_size: flags.BatchSize = None,
    precision: flags.Precision = None,
    lora: flags.Lora = None,
    sampler: flags.Sampler = None,
    patience: Annotated[
        Number,
        flag(
            "Stop after N evaluations without a better dev score.",
            metavar="N",
            panel=TRAINING,
            default="never",
        ),
    ] = None,
    seed: Annotated[
        Number, flag("Seed of head, batches and dropout.", panel=TRAINING, default="1")
    ] = None,
    option: flags.Options = None,
    out: Annotated[Text, flag("Folder that the run makes, e.g. runs/a.", panel=RUN)] = None,
    config: flags.Config = None,
    settings: flags.Settings = None,
    overwrite: Annotated[
        bool, switch("Delete an earlier run in --out.", "--overwrite", panel=RUN)
    ] = False,
    resume: Annotated[
        bool, switch("Continue an unfinished run in --out.", "--resume", panel=RUN)
    ] = False,
) -> None:
    """Fine-tune a model, choose checkpoint and decision on dev, score it, and write a record."""
    finished = dicetune.train(**given_by(locals()), progress=sys.stderr.isatty())
    from dicetune.terminal import say
    from dicetune.training.processes import is_first_process

    if is_first_process():
        show(finished)
        say(finished.summary_line())
