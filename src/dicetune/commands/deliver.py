"""The commands that take a model out: ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import dicetune
from dicetune.flags import Decision, Json, Text, flag, given_by, show


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, or a saved model.")],
    to: Annotated[
        str, flag("'transformers': a folder for every tool, with the rule in the head's biases.")
    ],
    out: Annotated[Path, flag("New folder, e.g. runs/a-out.")],
    decision: Decision = None,
    task: Annotated[Text, flag("Task of a model that dicetune did not train, e.g. pair.")] = None,
    as_json: Json = False,
) -> None:
    """Write a model for other tools, with its decision rule."""
    show(dicetune.export(**given_by(locals())), as_json)
