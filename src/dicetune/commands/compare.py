"""The command ``compare``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

import dicetune
from dicetune import flags
from dicetune.flags import DATA, LOSS, RUN, Number, Text, Texts, flag, given_by, show, switch


def compare(
    task: flags.Task = None,
    train: flags.Train = None,
    dev: flags.Dev = None,
    test: Annotated[Text, flag("File that decides which loss is better.", panel=DATA)] = None,
    data: flags.Data = None,
    split: flags.Shares = None,
    split_seed: flags.SplitSeed = None,
    group: flags.Group = None,
    format: flags.Format = None,
    max_train: flags.MaxTrain = None,
    predictions: Annotated[
        Texts,
        flag(
            "Predictions of another tool for the test file, e.g. crf=crf.tsv; may be repeated.",
            metavar="NAME=FILE",
            panel=DATA,
        ),
    ] = None,
    model: flags.Model = None,
    max_length: flags.MaxLength = None,
    add_characters: flags.AddCharacters = None,
    losses: Annotated[
        Texts,
        flag(
            "Loss to compare, with settings of its own if you like, e.g. dice or 'ce with lr=4e-4 "
            "sampler=balanced'; may be repeated.",
            "--loss",
            panel=LOSS,
            default="ce and ce+dice",
        ),
    ] = None,
    baseline: Annotated[
        Text,
        flag("Loss that all other losses are compared with.", panel=LOSS, default="the first loss"),
    ] = None,
    seeds: Annotated[
        Text,
        flag(
            "Number of seeds, or a list of seeds, e.g. 1,2,7.",
            metavar="N|LIST",
            panel=LOSS,
            default="5",
        ),
    ] = None,
    search: Annotated[
        Number,
        flag(
            "Search hyper-parameters on dev, in N trials for each loss.",
            metavar="N",
            panel=LOSS,
            default="no search",
        ),
    ] = None,
    budget: Annotated[
        float | None,
        flag(
            "In place of --seeds: as many seeds as fit, the same for every loss, at least 1.",
            metavar="MINUTES",
            panel=LOSS,
        ),
    ] = None,
    epochs: flags.Epochs = None,
    lr: flags.LearningRate = None,
    batch_size: flags.BatchSize = None,
    precision: flags.Precision = None,
    lora: flags.Lora = None,
    sampler: flags.Sampler = None,
    option: flags.Options = None,
    out: Annotated[
        Text, flag("Folder of the comparison; --out alone continues it.", panel=RUN)
    ] = None,
    name: Annotated[
        Text,
        flag("What the title of the report calls the data.", panel=RUN, default="their folder"),
    ] = None,
    config: flags.Config = None,
    settings: flags.Settings = None,
    keep_models: Annotated[
        bool | None,
        switch(
            "Keep the weights of each run.",
            "--keep-models",
            panel=RUN,
            default="only those of OUT/best",
        ),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        flag(
            "Folder of a comparison or a run: compare its records, train nothing; may be repeated.",
            "--from",
            metavar="DIR",
            panel=RUN,
        ),
    ] = None,
    jobs: Annotated[
        Number,
        flag(
            "Runs at a time; they share the cores and take GPUs in turn.",
            metavar="N",
            panel=RUN,
            default="1",
        ),
    ] = None,
    on: Annotated[
        Text,
        flag(
            "Make the runs on a Ray cluster: ray (the one of this machine) or ray://HOST:PORT.",
            metavar="CLUSTER",
            panel=RUN,
            default="this machine",
        ),
    ] = None,
    cpus_per_run: Annotated[
        Number,
        flag("CPUs and threads of a run on a cluster.", metavar="N", panel=RUN, default="1"),
    ] = None,
    gpus_per_run: Annotated[
        float | None,
        flag(
            "GPUs of a run on a cluster, e.g. 0.5.",
            metavar="N",
            panel=RUN,
            default="1 if it has some",
        ),
    ] = None,
) -> None:
    """Train several losses with several seeds each: which loss is better, and how surely."""
    given = given_by(locals())
    typed = shlex.join(["dicetune", *sys.argv[1:]])
    outcome = dicetune.compare(**given, command=typed, progress=sys.stderr.isatty())
    show(outcome)
    raise typer.Exit(outcome.exit_code)
