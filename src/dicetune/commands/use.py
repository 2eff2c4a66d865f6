"""The commands that take a model into use, from ``evaluate`` to ``serve``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import dicetune
from dicetune import flags
from dicetune.flags import Number, Text, Texts, flag, given_by, show, switch


def evaluate(
    target: Annotated[Path, typer.Argument(help="Folder of a model, or file of predictions.")],
    data: Annotated[
        Text, typer.Argument(help="File with gold; needed where TARGET holds no gold.")
    ] = None,
    task: Annotated[
        Text,
        flag(
            "Task of a file of predictions, or of a model that dicetune did not train.",
            default="ner",
        ),
    ] = None,
    format: Annotated[
        str,
        flag("Format of the predictions, or of DATA where TARGET is a model, e.g. conll."),
    ] = "auto",
    gold_format: Annotated[
        Text, flag("Format of DATA beside a file of predictions.", default="auto")
    ] = None,
    split: Annotated[Text, flag("Split to score, e.g. test, in a file of several.")] = None,
    decision: flags.Decision = None,
    option: flags.Options = None,
    as_json: flags.Json = False,
) -> None:
    """Score a model on data with gold, or the predictions of any tool."""
    show(dicetune.evaluate(**given_by(locals())), as_json)


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a finished run, or a saved model.")],
    source: Annotated[
        Text, typer.Argument(metavar="FILE", help="File to predict for; '-' is the input stream.")
    ] = None,
    text: Annotated[Texts, flag("Text in place of FILE; may be repeated.")] = None,
    text_b: Annotated[Texts, flag("Second text of a pair, once for each --text.")] = None,
    question: Annotated[Texts, flag("Question in place of FILE; may be repeated.")] = None,
    context: Annotated[Texts, flag("Text that holds the answer, once for each --question.")] = None,
    task: Annotated[Text, flag("Task of a model that dicetune did not train, e.g. pair.")] = None,
    format: Annotated[str, flag("Format of FILE, e.g. jsonl.")] = "auto",
    out_format: Annotated[
        Text,
        flag("Output format, e.g. jsonl (`dicetune tasks` lists all).", default="the first"),
    ] = None,
    decision: flags.Decision = None,
    option: flags.Options = None,
    out: Annotated[str, flag("File to write; '-' is the output stream.")] = "-",
) -> None:
    """Predict for texts given here, a file or a stream, whose lines are answered as they come."""
    dicetune.predict(**given_by(locals()), keep=False, progress=sys.stderr.isatty())


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, or a saved model.")],
    to: Annotated[
        str,
        flag(
            "'onnx': a folder that runs without torch, with all rules; 'transformers': a folder "
            "for every tool, with the rule in the head's biases."
        ),
    ],
    out: Annotated[Path, flag("New folder, e.g. runs/a-onnx.")],
    int8: Annotated[bool, switch("With onnx: weights in 8 bits.", "--int8")] = False,
    decision: flags.Decision = None,
    task: Annotated[Text, flag("Task of a model that dicetune did not train, e.g. pair.")] = None,
    as_json: flags.Json = False,
) -> None:
    """Write a model for other tools, with its decision rule."""
    show(dicetune.export(**given_by(locals())), as_json)


def push(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    name: Annotated[str, typer.Argument(help="Model on the Hub, e.g. me/my-model.")],
    dry_run: Annotated[bool, switch("Send nothing; print what would go.", "--dry-run")] = False,
    private: Annotated[bool, switch("Make a private model.", "--private")] = False,
    language: Annotated[Texts, flag("Language of the texts, e.g. en; may be repeated.")] = None,
    licence: Annotated[Text, flag("Licence of the model, e.g. apache-2.0.")] = None,
    datasets: Annotated[
        Texts, flag("Data set on the Hub, e.g. conll2003; may be repeated.", "--dataset")
    ] = None,
) -> None:
    """Put the model of a run on the Hub, with a card; no row of data goes."""
    show(dicetune.push(**given_by(locals())))


def serve(
    model: Annotated[Path, typer.Argument(help="Folder of a run, or of an export to ONNX.")],
    host: Annotated[
        str, flag("Address to listen on; 0.0.0.0 serves other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, flag("Port to listen on.")] = 8000,
    decision: flags.Decision = None,
    task: Annotated[Text, flag("Task of a model that dicetune did not train, e.g. pair.")] = None,
    texts: Annotated[Number, flag("Most texts of a request; by default 64.")] = None,
    characters: Annotated[Number, flag("Most characters of a request; by default 100000.")] = None,
    seconds: Annotated[
        float | None, flag("Longest time until an answer, e.g. 5; by default 30.")
    ] = None,
    option: flags.Options = None,
) -> None:
    """Answer HTTP requests: texts in, answers out, as JSON."""
    dicetune.serve(**given_by(locals()))
