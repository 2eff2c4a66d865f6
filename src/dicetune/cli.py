"""The ``dicetune`` command: each command parses, calls one library function and prints.

Whatever a user can mend is reported in one message on the error stream with exit code 2; a run
stopped by Ctrl-C exits with 130 and can be resumed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dicetune import __version__
from dicetune.errors import DicetuneError, InputError, InterruptedRunError, StopRequestedError

app = typer.Typer(
    help="Fine-tune text models for F1: dice, Tversky and self-adjusting losses.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Tagging = Literal["ner", "pos"]
Convention = Literal["strict", "conlleval"]
Column = Annotated[
    str | None, typer.Option(help="Number from 0 (-1: the last), or key.", show_default=False)
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "-s", "--set", metavar="KEY=VALUE", help="Any key, e.g. trainer.learning_rate=3e-5."
    ),
]


@app.command()
def train(
    task: Annotated[str | None, typer.Argument(help="ner or pos.", show_default=False)] = None,
    train: Annotated[str | None, typer.Option(help="Training file.")] = None,
    dev: Annotated[str | None, typer.Option(help="File that chooses the checkpoint.")] = None,
    test: Annotated[str | None, typer.Option(help="File scored once, at the end.")] = None,
    data: Annotated[str | None, typer.Option(help="'sample': the packaged corpus.")] = None,
    model: Annotated[str | None, typer.Option(help="'minilm', a folder or a Hub id.")] = None,
    loss: Annotated[str | None, typer.Option(help="'auto' or a loss (see `losses`).")] = None,
    start_loss: Annotated[str | None, typer.Option(help="Loss of the start phase.")] = None,
    start_share: Annotated[float | None, typer.Option(help="Share of the steps it takes.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    format: Annotated[str | None, typer.Option(help="Data format.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Span scheme of the files.")] = None,
    add_characters: Annotated[
        bool | None, typer.Option("--add-characters", help="Add unknown characters as tokens.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Longest window, in sub-words.")] = None,
    max_train: Annotated[int | None, typer.Option(help="Use the first N sentences.")] = None,
    patience: Annotated[int | None, typer.Option(help="Evaluations without gain.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder that the run makes.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file; flags win over it.")] = None,
    settings: Settings = None,
    overwrite: Annotated[bool, typer.Option(help="Delete an earlier run in --out.")] = False,
    resume: Annotated[bool, typer.Option(help="Go on with an unfinished run.")] = False,
) -> None:
    """Fine-tune a tagger, choose its checkpoint on dev, score it, and leave a record."""
    chosen = _config(config, dict(locals()), data, settings)
    from dicetune import display
    from dicetune.records import METRICS_FILE, is_first_process, read_json
    from dicetune.training import run

    record = run(
        chosen, overwrite=overwrite, resume=resume, report=display.say, progress=_on_terminal()
    )
    if not is_first_process():
        return
    scores = read_json(Path(chosen.out or ".") / METRICS_FILE)
    title = f"{chosen.task} · {record.objective['text']} · seed {chosen.seed}"
    display.console.print(display.scores_table(scores, title))
    best = record.training
    display.say(f"step {best['best_step']} of {best['steps']}, {best['seconds']} s · {chosen.out}")


@app.command()
def evaluate(
    target: Annotated[Path, typer.Argument(help="A model folder, or a file of predictions.")],
    data: Annotated[str | None, typer.Argument(help="Tagged file, for a model folder.")] = None,
    task: Annotated[
        Tagging | None, typer.Option(help="Of a file of predictions; 'ner' if not given.")
    ] = None,
    convention: Annotated[
        Convention | None, typer.Option(help="What counts as a span; 'strict' if not given.")
    ] = None,
    scheme: Annotated[str, typer.Option(help="Span scheme of the file.")] = "auto",
    format: Annotated[str, typer.Option(help="Data format.")] = "auto",
    token_column: Column = None,
    tag_column: Column = None,
    gold_column: Column = None,
    predicted_column: Column = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a model on tagged text, or the predictions of any tool (word, gold, predicted)."""
    from dicetune import display
    from dicetune.evaluate import evaluate as score

    scores = score(
        target,
        data,
        task=task,
        convention=convention,
        scheme=scheme,
        format=format,
        token_column=token_column,
        tag_column=tag_column,
        gold_column=gold_column,
        predicted_column=predicted_column,
        report=display.say,
    )
    if as_json:
        typer.echo(json.dumps(scores, indent=2, ensure_ascii=False))
        return
    title = display.scoring(scores)
    display.console.print(display.scores_table({str(data or target): scores}, title))
    display.console.print(display.details_table(scores))


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    source: Annotated[str | None, typer.Argument(metavar="FILE", help="'-' is stdin.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="A text; may be repeated.")] = None,
    format: Annotated[str, typer.Option(help="Input: auto, text, conll, conllu, jsonl.")] = "auto",
    out_format: Annotated[str, typer.Option(help="Output: same, conll, jsonl.")] = "same",
    token_column: Column = None,
    out: Annotated[str, typer.Option(help="Output file; '-' is stdout.")] = "-",
) -> None:
    """Tag plain text, column files or JSON lines."""
    from dicetune import display
    from dicetune.tagging import tag_source

    tag_source(
        model,
        source,
        text,
        format=format,
        out_format=out_format,
        out=out,
        token_column=token_column,
        report=display.say,
    )


@app.command()
def inspect(
    files: Annotated[list[str], typer.Argument(help="Tagged files: train, dev, test.")],
    task: Annotated[Tagging, typer.Option(help="Spans or parts of speech.")] = "ner",
    model: Annotated[str, typer.Option(help="Whose sub-words are counted.")] = "minilm",
    format: Annotated[str, typer.Option(help="Data format.")] = "auto",
    scheme: Annotated[str, typer.Option(help="Span scheme of the files.")] = "auto",
    token_column: Column = None,
    tag_column: Column = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is in the data: imbalance, repairs, duplicates, conflicts, unknown sub-words."""
    from dicetune import display
    from dicetune.inspection import inspect_files

    found = inspect_files(
        files,
        task=task,
        model=model,
        format=format,
        scheme=scheme,
        token_column=token_column,
        tag_column=tag_column,
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    for table in display.inspection_tables(found):
        display.console.print(table)


@app.command()
def losses() -> None:
    """List the losses: formula, equation, the kinds of input they serve, when to use them."""
    from dicetune import display
    from dicetune.losses import table

    for part in display.losses_tables(table()):
        display.console.print(part)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the two runs.")] = Path("demo-runs"),
    seed: Annotated[int, typer.Option(help="Seed of both runs.")] = 1,
) -> None:
    """Fine-tune on the packaged sample with cross-entropy and with 'auto', and compare."""
    from dicetune import display
    from dicetune.demo import run_demo

    outcome = run_demo(out, seed=seed, report=display.say, progress=_on_terminal())
    for table in display.demo_tables(outcome):
        display.console.print(table)
    display.console.print(outcome.verdict)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"dicetune {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Fine-tune text models for F1: dice, Tversky and self-adjusting losses."""


def main() -> None:
    """Entry point: one message and exit code 2 for what a user can mend, 130 after Ctrl-C."""
    # read when the libraries are imported, which the commands do
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    signal.signal(signal.SIGINT, _interrupt)
    try:
        app()
    except DicetuneError as error:
        typer.echo(f"dicetune: {error}", err=True)
        sys.exit(130 if isinstance(error, InterruptedRunError) else 2)


def _interrupt(number: int, frame: Any) -> None:
    raise StopRequestedError("stopped")


def _config(
    path: Path | None, flags: dict[str, Any], data: str | None, settings: list[str] | None
) -> Any:
    """The configuration: file, then flags, then -s."""
    from dicetune.training.config import SAMPLE, RunConfig
    from dicetune.training.yaml_values import read_value, read_yaml

    values = {} if path is None else read_yaml(path)
    names = {entry.name for entry in fields(RunConfig)}
    values.update({k: v for k, v in flags.items() if k in names and v is not None})
    if data is not None:
        if data != SAMPLE or "train" in values:
            raise InputError(
                f"expected --data {SAMPLE}, alone, or --train and --dev with files; got --data "
                f"{data!r}" + (" beside --train" if "train" in values else "")
            )
        values["train"] = SAMPLE
    changes: dict[str, Any] = {}
    for setting in settings or ():
        key, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"expected -s KEY=VALUE, got {setting!r}")
        changes[key] = read_value(value)
    return RunConfig.from_mapping(values).updated(changes)


def _on_terminal() -> bool:
    return sys.stderr.isatty()
