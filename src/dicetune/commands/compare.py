"""The command ``compare``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

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
    Texts,
    Train,
    flag,
    given_by,
    show,
)


def compare(
    task: Task = None,
    train: Train = None,
    dev: Dev = None,
    test: Annotated[Text, flag("File that decides which loss is better.")] = None,
    data: Sample = None,
    model: Model = None,
    losses: Annotated[
        Texts, flag("Loss to compare, may be repeated; by default ce and auto.", "--loss")
    ] = None,
    seeds: Annotated[Text, flag("Number of seeds (by default 5), or a list, e.g. 1,2,7.")] = None,
    baseline: Annotated[
        Text, flag("Loss that all other losses are compared with; by default the first loss.")
    ] = None,
    search: Annotated[
        Number,
        flag("Search hyper-parameters on dev, in N trials for each loss.", metavar="N"),
    ] = None,
    budget: Annotated[
        float | None,
        flag(
            "In place of --seeds: as many seeds as fit, the same for every loss, at least 1.",
            metavar="MINUTES",
        ),
    ] = None,
    keep_models: Annotated[
        bool | None,
        flag("Keep the weights of each run; by default only those of OUT/best.", "--keep-models"),
    ] = None,
    predictions: Annotated[
        Texts,
        flag(
            "Predictions of another tool for the test file, e.g. crf=crf.tsv; may be repeated.",
            metavar="NAME=FILE",
        ),
    ] = None,
    jobs: Annotated[
        Number,
        flag("Runs at a time (by default 1); they share the cores and take GPUs in turn."),
    ] = None,
    on: Annotated[
        Text,
        flag(
            "Make the runs on a Ray cluster: 'ray' (the one of this machine) or ray://HOST:PORT.",
            metavar="ray[://HOST:PORT]",
        ),
    ] = None,
    cpus_per_run: Annotated[
        Number, flag("CPUs and threads of a run on a cluster (by default 1).")
    ] = None,
    gpus_per_run: Annotated[
        float | None,
        flag("GPUs of a run on a cluster (by default 1 if it has some), e.g. 0.5."),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        flag(
            "Folder of a comparison or a run: compare its records, train nothing; may be repeated.",
            "--from",
            metavar="DIR",
        ),
    ] = None,
    format: Format = None,
    add_characters: AddCharacters = None,
    max_length: MaxLength = None,
    max_train: MaxTrain = None,
    precision: Precision = None,
    out: Annotated[Text, flag("Folder of the comparison; --out alone continues it.")] = None,
    config: Config = None,
    option: Options = None,
    settings: Settings = None,
) -> None:
    """Train several losses with several seeds each: which loss is better, and how surely."""
    given = given_by(locals())
    typed = shlex.join(["dicetune", *sys.argv[1:]])
    outcome = dicetune.compare(**given, command=typed, progress=sys.stderr.isatty())
    show(outcome)
    raise typer.Exit(outcome.exit_code)
