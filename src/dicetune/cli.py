"""The ``dicetune`` command: each command parses, calls one library function and prints.

Whatever a user can mend is reported in one message on the error stream with exit code 2; a run
stopped by Ctrl-C exits with 130 and can be resumed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dicetune import __version__
from dicetune.errors import (
    DicetuneError,
    InterruptedRunError,
    StopRequestedError,
    printable,
    quoted,
)
from dicetune.flags import comparison, pairs, records_comparison, run_config, task_options

app = typer.Typer(
    help="Fine-tune text models for F1: dice, Tversky and self-adjusting losses.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Options = Annotated[
    list[str] | None,
    typer.Option(
        "-o", "--option", metavar="KEY=VALUE", help="Option of the task (see `dicetune tasks`)."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "-s", "--set", metavar="KEY=VALUE", help="Any key, e.g. trainer.learning_rate=3e-5."
    ),
]

Decision = Annotated[
    str | None,
    typer.Option(
        help="'argmax' leaves a tuned decision aside, 'tuned' asks for it, or a file of a rule."
    ),
]


@app.command()
def train(
    task: Annotated[
        str | None, typer.Argument(help="ner, qa, … (see `dicetune tasks`).", show_default=False)
    ] = None,
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
    add_characters: Annotated[
        bool | None, typer.Option("--add-characters", help="Add unknown characters as tokens.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Longest window, in sub-words.")] = None,
    max_train: Annotated[int | None, typer.Option(help="Train on the first N examples.")] = None,
    patience: Annotated[int | None, typer.Option(help="Evaluations without gain.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder that the run makes.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file; flags win over it.")] = None,
    option: Options = None,
    settings: Settings = None,
    overwrite: Annotated[bool, typer.Option(help="Delete an earlier run in --out.")] = False,
    resume: Annotated[bool, typer.Option(help="Go on with an unfinished run.")] = False,
) -> None:
    """Fine-tune a model, choose its checkpoint on dev, score it, and leave a record."""
    chosen = run_config(config, dict(locals()), data, option, settings)
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
    data: Annotated[str | None, typer.Argument(help="File with gold, where it is apart.")] = None,
    task: Annotated[
        str | None,
        typer.Option(help="Of a file of predictions ('ner' if not given), or of a foreign model."),
    ] = None,
    format: Annotated[
        str, typer.Option(help="Of the predictions; of a model's data with gold.")
    ] = "auto",
    gold_format: Annotated[
        str | None, typer.Option(help="Of the file with gold beside predictions.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Score this split of predictions.")] = None,
    decision: Decision = None,
    option: Options = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a model on data with gold, or the predictions of any tool."""
    from dicetune import display
    from dicetune.evaluate import evaluate as score

    options = task_options(option, score)
    scores = score(
        target,
        data,
        task=task,
        format=format,
        gold_format=gold_format,
        split=split,
        decision=decision,
        report=display.say,
        **options,
    )
    if as_json:
        typer.echo(json.dumps(scores, indent=2, ensure_ascii=False))
        return
    for table in display.evaluation_tables(scores, str(data or target)):
        display.console.print(table)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    source: Annotated[str | None, typer.Argument(metavar="FILE", help="'-' is stdin.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="A text; may be repeated.")] = None,
    text_b: Annotated[list[str] | None, typer.Option(help="The second of each pair.")] = None,
    question: Annotated[list[str] | None, typer.Option(help="A question; repeatable.")] = None,
    context: Annotated[list[str] | None, typer.Option(help="Where its answer stands.")] = None,
    task: Annotated[
        str | None, typer.Option(help="Of a model that dicetune did not train.")
    ] = None,
    format: Annotated[str, typer.Option(help="Input format.")] = "auto",
    out_format: Annotated[str | None, typer.Option(help="Output format of the task.")] = None,
    decision: Decision = None,
    option: Options = None,
    out: Annotated[str, typer.Option(help="Output file; '-' is stdout.")] = "-",
) -> None:
    """Predict for texts given here, a file or a stream."""
    from dicetune import display
    from dicetune.predicting import predict_source

    values = {"text": text, "text_b": text_b, "question": question, "context": context}
    predict_source(
        model,
        source,
        {name: given for name, given in values.items() if given},
        format=format,
        out_format=out_format,
        out=out,
        options=pairs(option, "-o"),
        task=task,
        decision=decision or "auto",
        report=display.say,
    )


@app.command()
def tune(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of a finished run.", show_default=False)
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="JSON lines with any model's scores, in its place.")
    ] = None,
    gold: Annotated[Path | None, typer.Option(help="Gold of --scores, where apart.")] = None,
    kind: Annotated[str | None, typer.Option(help="Of --scores: label, spans, …")] = None,
    positive: Annotated[str | None, typer.Option(help="Of --scores: class of the F1.")] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="f1, …, fbeta:2, precision@recall:0.9, logit-adjustment:1."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Do not guard the fit.")] = False,
    folds: Annotated[int, typer.Option(help="Parts of the cross-fit.")] = 5,
    out: Annotated[Path | None, typer.Option(help="File for the rule of --scores.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace another rule there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit the decision rule of a model on its dev scores."""
    from dicetune import display
    from dicetune.tuning import tune_source

    found = tune_source(
        folder,
        scores,
        gold=gold,
        kind=kind,
        positive=positive,
        objective=objective,
        guard=not plain,
        folds=folds,
        out=out,
        overwrite=overwrite,
        report=display.say,
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    for part in display.tuning_tables(found.table(), found.rule.biases, found.said):
        display.console.print(part)


@app.command()
def inspect(
    files: Annotated[list[str], typer.Argument(help="Files with gold: train, dev, test.")],
    task: Annotated[
        str | None, typer.Option(help="Task of the files ('ner' if not given).")
    ] = None,
    model: Annotated[str, typer.Option(help="Whose sub-words are counted.")] = "minilm",
    format: Annotated[str, typer.Option(help="Data format.")] = "auto",
    option: Options = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is in the data: imbalance, repairs, duplicates, conflicts, unknown sub-words."""
    from dicetune import display
    from dicetune.inspection import inspect_files

    options = task_options(option, inspect_files)
    found = inspect_files(
        files, task=task, model=model, format=format, report=display.say, **options
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    for table in display.inspection_tables(found):
        display.console.print(table)


@app.command()
def tasks(
    name: Annotated[str | None, typer.Argument(help="One of them.", show_default=False)] = None,
) -> None:
    """List the tasks; of one, what can be chosen for it with -o."""
    from dicetune import display
    from dicetune.tasks import describe_tasks

    for part in display.tasks_tables(describe_tasks(name)):
        display.console.print(part)


@app.command()
def losses() -> None:
    """List the losses: formula, equation, the kinds of input they serve, when to use them."""
    from dicetune import display
    from dicetune.losses import table

    for part in display.losses_tables(table()):
        display.console.print(part)


@app.command()
def compare(
    task: Annotated[
        str | None, typer.Argument(help="ner, qa, … (see `dicetune tasks`).", show_default=False)
    ] = None,
    train: Annotated[str | None, typer.Option(help="Training file.")] = None,
    dev: Annotated[str | None, typer.Option(help="File that all choices are made on.")] = None,
    test: Annotated[str | None, typer.Option(help="File that the verdict is about.")] = None,
    data: Annotated[str | None, typer.Option(help="'sample': the packaged corpus.")] = None,
    model: Annotated[str | None, typer.Option(help="'minilm', a folder or a Hub id.")] = None,
    losses: Annotated[
        list[str] | None, typer.Option("--loss", help="'auto' or a loss; once for each.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="How many (5), or which: 1,2,7.")] = None,
    baseline: Annotated[str | None, typer.Option(help="By default the first loss.")] = None,
    search: Annotated[
        int | None, typer.Option(metavar="N", help="Trials for each loss, scored on dev.")
    ] = None,
    keep_models: Annotated[bool | None, typer.Option("--keep-models", help="Keep weights.")] = None,
    predictions: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="Of any tool, for the test file.")
    ] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="DIR", help="Records alone: comparisons and runs."),
    ] = None,
    format: Annotated[str | None, typer.Option(help="Data format.")] = None,
    add_characters: Annotated[
        bool | None, typer.Option("--add-characters", help="Add unknown characters as tokens.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Longest window, in sub-words.")] = None,
    max_train: Annotated[int | None, typer.Option(help="Train on the first N examples.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder; again with it alone: go on.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file; flags win over it.")] = None,
    option: Options = None,
    settings: Settings = None,
) -> None:
    """Train several losses over several seeds at one budget: which is better, and how surely."""
    given = dict(locals())
    from dicetune import display, live
    from dicetune.comparison.compare import compare
    from dicetune.comparison.merge import compare_records

    if sources:
        outcome = compare_records(**records_comparison(given), report=display.say)
    else:
        asked = comparison(config, given, data, option, settings)
        with live.live_progress(_on_terminal()) as show:
            outcome = compare(**asked, report=display.say, show=show)
    for part in display.comparison_tables(outcome):
        display.console.print(part)
    raise typer.Exit(outcome.exit_code)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a comparison.")],
) -> None:
    """Make the summary and the report of a comparison anew, from its records alone."""
    from dicetune.comparison.summary import write_summary
    from dicetune.reporting import write_report

    summary = write_summary(folder)
    page = write_report(folder)
    for line in (*summary["verdict"], f"Report: {page}"):
        typer.echo(printable(line))


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
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        app()
    except DicetuneError as error:
        typer.echo(f"dicetune: {error}", err=True)
        code: Any = 130 if isinstance(error, InterruptedRunError) else 2
    except (OSError, MemoryError) as error:  # a full disk, a file that went away
        typer.echo(f"dicetune: {printable(_of_system(error))}", err=True)
        code = 2
    except SystemExit as done:  # how typer ends, well or not
        code = done.code
    if "dicetune.training" in sys.modules:
        from dicetune.training.processes import leave_processes

        leave_processes(code if isinstance(code, int) else int(code is not None))
    sys.exit(code)


def _of_system(error: OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return "the memory of this machine is used up: give smaller batches or shorter texts"
    files = " and ".join(quoted(Path(str(own))) for own in (error.filename, error.filename2) if own)
    return f"expected to read or write {files or 'a file'}, got: {error.strerror or error}"


def _interrupt(number: int, frame: Any) -> None:
    raise StopRequestedError("stopped")


def _on_terminal() -> bool:
    return sys.stderr.isatty()
