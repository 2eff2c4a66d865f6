"""The commands that train nothing: ``inspect``, ``split``, ``tasks``, ``losses``, ``report``."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

import dicetune
from dicetune import flags
from dicetune.errors import InputError, printable
from dicetune.flags import Number, Text, flag, given_by, show, switch


def inspect(
    files: Annotated[
        list[str], typer.Argument(help="Files with gold: train, dev, test; or the folder of a run.")
    ],
    task: Annotated[Text, flag("Task of the files, e.g. qa.", default="ner")] = None,
    model: Annotated[
        str, flag("Encoder whose sub-words are counted: minilm, a folder or a Hub id.")
    ] = "minilm",
    format: Annotated[str, flag("Data format, e.g. conll.")] = "auto",
    suspicious: Annotated[
        Number,
        flag("List the N labels of a run that its model finds least likely, e.g. 50.", metavar="N"),
    ] = None,
    estimate_annotation: Annotated[
        bool,
        switch(
            "Estimate how many marks are missing or wrong, by a run with --folds.",
            "--estimate-annotation",
        ),
    ] = False,
    option: flags.Options = None,
    as_json: flags.Json = False,
) -> None:
    """Describe data with gold: imbalance, repairs, duplicates, conflicts, unknown sub-words."""
    show(dicetune.inspect(**given_by(locals())), as_json)


def split(
    file: Annotated[str, typer.Argument(help="File with gold that is split.")],
    out: Annotated[Text, flag("Folder for train, dev, test and split.json, e.g. data/a.")] = None,
    task: Annotated[Text, flag("Task that reads the file, e.g. text; by default ner.")] = None,
    shares: Annotated[
        str,
        flag("Shares of train, dev and test, or of train and dev.", "--split", metavar="A/B[/C]"),
    ] = "80/10/10",
    seed: Annotated[int, flag("Seed of the split.", "--split-seed", metavar="N")] = 1,
    group: flags.Group = None,
    format: Annotated[str, flag("Format of the file, e.g. conll.")] = "auto",
    option: flags.Options = None,
    overwrite: Annotated[bool, switch("Replace another split in --out.", "--overwrite")] = False,
    as_json: flags.Json = False,
) -> None:
    """Split one file: labels in equal shares, equal texts together, rows as they are."""
    if out is None:
        raise InputError("expected a folder for the parts, got none: give --out")
    show(dicetune.split(**given_by(locals())), as_json)


def tasks(
    name: Annotated[
        Text, typer.Argument(help="Task whose options are listed, e.g. ner.", show_default=False)
    ] = None,
) -> None:
    """List the tasks, or the options of one task for -o."""
    from dicetune.tasks import describe_tasks
    from dicetune.terminal import Finding, tasks_tables

    show(Finding(describe_tasks(name), tasks_tables))


def losses() -> None:
    """List the losses: formula, equation, kinds of input, when to use which, options."""
    from dicetune.terminal import Finding, losses_tables

    # what ``dicetune.losses.table`` returns, which would load torch
    stored = resources.files("dicetune").joinpath("losses", "table.json")
    show(Finding(json.loads(stored.read_text("utf-8")), losses_tables))


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a comparison, or of a finished run.")],
    name: Annotated[
        Text, flag("What the title calls the data, e.g. GoEmotions; by default their folder.")
    ] = None,
) -> None:
    """Write the report of a comparison, or of a single run, from its records."""
    for line in dicetune.report(folder, name=name).lines():
        typer.echo(printable(line))
