"""Flags that several commands share, and what a command does with flags and with its result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dicetune.errors import InputError, quoted

Text = str | None
Texts = list[str] | None
Number = int | None
File = Path | None


# the panels of the help of `train` and `compare`, in their order
DATA, MODEL, LOSS, TRAINING = "Data", "Model", "Loss and decision", "Training"
OF_TASK, RUN = "Options of the task", "Run"


def flag(
    help: str,
    *names: str,
    metavar: str | None = None,
    panel: str | None = None,
    default: str | bool = True,
) -> Any:
    """A flag of a command, named like its parameter where ``names`` are not given.

    ``default`` says in words what holds where the flag is not given, and ``panel`` is the part of
    the help that lists the flag.
    """
    return typer.Option(
        *names, help=help, metavar=metavar, rich_help_panel=panel, show_default=default
    )


def switch(help: str, *names: str, panel: str | None = None, default: str | bool = False) -> Any:
    """A flag without a value, and without its opposite ``--no-…``."""
    return flag(help, *names, metavar="", panel=panel, default=default)


Task = Annotated[
    Text,
    typer.Argument(help="Task, e.g. ner or qa (`dicetune tasks` lists all).", show_default=False),
]
Train = Annotated[Text, flag("File to train on, e.g. train.conll.", panel=DATA)]
Dev = Annotated[Text, flag("File that chooses the checkpoint and fits decision rules.", panel=DATA)]
Data = Annotated[
    Text,
    flag(
        "One file, which is split, in place of --train and --dev; or 'sample', a packaged corpus.",
        panel=DATA,
    ),
]
Shares = Annotated[
    Text,
    flag(
        "Shares of train, dev and test of --data.",
        "--split",
        metavar="A/B[/C]",
        panel=DATA,
        default="80/10/10, beside --test 90/10",
    ),
]
SplitSeed = Annotated[
    Number, flag("Seed of the split of --data.", metavar="N", panel=DATA, default="1")
]
Group = Annotated[
    Text,
    flag(
        "Column of --data whose equal values stay in one part; with 'none' nothing does.",
        metavar="COLUMN",
        panel=DATA,
        default="documents, where there are several",
    ),
]
Format = Annotated[
    Text,
    flag("Format of the files, e.g. conll.", panel=DATA, default="auto: by content"),
]
MaxTrain = Annotated[
    Number, flag("Train on the first N examples.", metavar="N", panel=DATA, default="all")
]
Model = Annotated[
    Text,
    flag("Encoder to fine-tune: minilm, a folder or a Hub id.", panel=MODEL, default="minilm"),
]
MaxLength = Annotated[
    Number,
    flag(
        "Longest window in sub-words, e.g. 256.",
        panel=MODEL,
        default="the model's limit, at most 512",
    ),
]
AddCharacters = Annotated[
    bool | None,
    switch(
        "Add unknown characters of the training file to the tokenizer.",
        "--add-characters",
        panel=MODEL,
    ),
]
Epochs = Annotated[
    float | None,
    flag(
        "Passes over the training data.",
        metavar="N",
        panel=TRAINING,
        default="by encoder and data",
    ),
]
LearningRate = Annotated[
    float | None,
    flag(
        "Peak learning rate, e.g. 3e-5.",
        "--lr",
        metavar="RATE",
        panel=TRAINING,
        default="by the encoder",
    ),
]
BatchSize = Annotated[
    Number,
    flag(
        "Texts in a batch, on each device.",
        metavar="N",
        panel=TRAINING,
        default="32, or 16 or 8 for little data",
    ),
]
Precision = Annotated[
    Text,
    flag(
        "fp32, bf16, or auto: bf16 where this device is faster with it.",
        panel=TRAINING,
        default="fp32",
    ),
]
Lora = Annotated[
    Text,
    flag(
        "Train adapters of low rank and the head alone, e.g. r=16,alpha=32,dropout=0.1 with "
        "target=query/value (all linear layers) or merge=no (keep the adapters).",
        metavar="KEY=VALUE,…",
        panel=TRAINING,
        default="train all weights",
    ),
]
Sampler = Annotated[
    Text,
    flag(
        "balanced: draw every label, or type of entity, equally often.",
        metavar="NAME",
        panel=TRAINING,
        default="each text once an epoch",
    ),
]
Config = Annotated[
    File, flag("YAML file with keys of the configuration; flags override it.", panel=RUN)
]
Options = Annotated[
    Texts,
    flag(
        "Option of the task, e.g. stride=64; may be repeated.",
        *("-o", "--option"),
        metavar="KEY=VALUE",
        panel=OF_TASK,
    ),
]
Settings = Annotated[
    Texts,
    flag(
        "Any key of the configuration, e.g. set=step or trainer.learning_rate=3e-5; may be "
        "repeated.",
        *("-s", "--set"),
        metavar="KEY=VALUE",
        panel=RUN,
    ),
]
Decision = Annotated[
    Text,
    flag(
        "Decision rule: auto (the default rule of the folder, if it has one), argmax (ignore it), "
        "the name of a rule (tuned has no other), or a file, e.g. rule.json.",
        default="auto",
    ),
]
Json = Annotated[bool, switch("Print JSON in place of tables.", "--json")]


def given_by(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a verb: all flags with a value, -o and -s as mappings."""
    given = {name: value for name, value in flags.items() if value not in (None, [])}
    given.pop("as_json", None)
    for name, argument, short in (("option", "options", "-o"), ("settings", "settings", "-s")):
        if name in given:
            given[argument] = pairs(given.pop(name), short)
    return given


def pairs(given: list[str], flag: str) -> dict[str, str]:
    """The values of a repeated KEY=VALUE flag, as text; of equal keys the last counts."""
    found: dict[str, str] = {}
    for setting in given:
        key, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"expected {flag} KEY=VALUE, got {quoted(setting)}")
        found[key] = value
    return found


def show(found: Any, as_json: bool = False) -> None:
    """Print the result of a verb: its tables, or JSON."""
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    from dicetune import terminal

    for part in found.parts():
        terminal.console.print(part)
