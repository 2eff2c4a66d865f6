"""The command ``tune``."""

from __future__ import annotations

from typing import Annotated

import typer

import dicetune
from dicetune.flags import File, Json, Text, flag, given_by, show, switch


def tune(
    folder: Annotated[
        File, typer.Argument(help="Folder of a finished run.", show_default=False)
    ] = None,
    scores: Annotated[File, flag("JSON lines with any model's scores, in place of FOLDER.")] = None,
    gold: Annotated[
        File, flag("JSON lines with the gold of --scores, where --scores holds no gold.")
    ] = None,
    kind: Annotated[
        Text, flag("Type of the predictions in --scores, e.g. spans.", default="from row 1")
    ] = None,
    positive: Annotated[
        Text,
        flag(
            "Class in --scores whose F1 is raised, e.g. spam.",
            default="of two classes 1 or positive, else the rarer class",
        ),
    ] = None,
    objective: Annotated[
        Text,
        flag(
            "Metric to raise: f1, …, fbeta:2, precision@recall:0.9, recall@precision:0.9, "
            "logit-adjustment:1.",
            default="the metric that chose the checkpoint",
        ),
    ] = None,
    plain: Annotated[
        bool,
        switch(
            "Use the fitted rule as it is; by default the rule is shrunk towards the default "
            "decision, the more the less sure its gain on held-out parts is.",
            "--plain",
        ),
    ] = False,
    folds: Annotated[int, flag("Number of parts that are held out in turn.")] = 5,
    out: Annotated[File, flag("File for the rule of --scores, e.g. rule.json.")] = None,
    overwrite: Annotated[
        bool, switch("Replace an earlier rule in the same place.", "--overwrite")
    ] = False,
    name: Annotated[
        Text,
        flag("Name of the rule, e.g. recall95, beside other rules of FOLDER.", default="tuned"),
    ] = None,
    default: Annotated[
        Text,
        flag(
            "Rule of FOLDER that decides where none is asked for, or argmax; without --name "
            "nothing is fitted.",
            metavar="NAME",
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        flag(
            "With which the recall or precision in the objective holds on new data; 0: on dev "
            "alone.",
            default="0.9",
        ),
    ] = None,
    calibrate: Annotated[
        bool,
        switch("Calibrate probabilities first, if it helps on held-out parts.", "--calibrate"),
    ] = False,
    costs: Annotated[
        File,
        flag(
            "CSV or TSV of costs in place of an objective: a row a gold label, a column a "
            "predicted label."
        ),
    ] = None,
    abstain: Annotated[
        Text,
        flag(
            "Say nothing where unsure: the cost of saying nothing where an error costs 1, e.g. "
            "0.2, or a share of texts, e.g. 5%.",
            metavar="COST|SHARE",
        ),
    ] = None,
    bake: Annotated[
        File,
        flag(
            "New folder for the model with the rule in the biases of its head: arg-max, or one "
            "half, is then the tuned decision in every tool.",
            metavar="OUT",
        ),
    ] = None,
    list_rules: Annotated[bool, switch("List the rules of FOLDER.", "--list")] = False,
    as_json: Json = False,
) -> None:
    """Fit the decision rule of a model on its dev scores."""
    show(dicetune.tune(**given_by(locals())), as_json)
