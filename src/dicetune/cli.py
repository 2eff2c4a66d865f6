"""The ``dicetune`` command: each command reads its flags, calls the verb of its name and prints.

Whatever a user can mend is reported in one message on the error stream with exit code 2. A run that
Ctrl-C stops exits with 130 and can be resumed.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dicetune import __version__
from dicetune.errors import (
    DicetuneError,
    InputError,
    InterruptedRunError,
    StopRequestedError,
    printable,
    quoted,
)

app = typer.Typer(
    help="Fine-tune text models for F1: dice, Tversky and self-adjusting losses.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


Text = str | None
Texts = list[str] | None
Number = int | None
File = Path | None


def flag(help: str, *names: str, metavar: str | None = None) -> Any:
    """A flag that a command takes; by default it is called as its parameter."""
    return typer.Option(*names, help=help, metavar=metavar)


# flags that several commands share
Task = Annotated[
    Text,
    typer.Argument(help="Task: ner, qa, … (`dicetune tasks` lists them).", show_default=False),
]
ForeignTask = Annotated[Text, flag("Task of a model that dicetune did not train, e.g. pair.")]
Train = Annotated[Text, flag("File to train on.")]
Dev = Annotated[Text, flag("File that checkpoints and rules are chosen on.")]
Test = Annotated[Text, flag("File that is scored once, at the end.")]
Sample = Annotated[Text, flag("'sample': train on the packaged corpus, without files.")]
Model = Annotated[Text, flag("Encoder to fine-tune: 'minilm' (default), a folder or a Hub id.")]
Format = Annotated[Text, flag("Data format, e.g. conll; by default told by the content ('auto').")]
AddCharacters = Annotated[
    bool | None,
    flag("Add characters that the tokenizer does not know as tokens.", "--add-characters"),
]
MaxLength = Annotated[
    Number, flag("Longest window in sub-words; by default the model's limit, at most 512.")
]
MaxTrain = Annotated[Number, flag("Train on the first N examples only.", metavar="N")]
Config = Annotated[File, flag("YAML file with the same names; flags win over it.")]
Options = Annotated[
    Texts,
    flag(
        "Option of the task (`dicetune tasks NAME` lists them); may be repeated.",
        *("-o", "--option"),
        metavar="KEY=VALUE",
    ),
]
Settings = Annotated[
    Texts,
    flag(
        "Any key of the configuration, e.g. trainer.learning_rate=3e-5; may be repeated.",
        *("-s", "--set"),
        metavar="KEY=VALUE",
    ),
]
Decision = Annotated[
    Text,
    flag(
        "Decision rule: 'auto' (default: the tuned rule where the folder has one), 'argmax' (ignore"
        " the tuned rule), 'tuned' (require a tuned rule), or a file, e.g. rule.json."
    ),
]
Json = Annotated[bool, flag("Print JSON in place of tables.", "--json")]


@app.command()
def train(
    task: Task = None,
    train: Train = None,
    dev: Dev = None,
    test: Test = None,
    data: Sample = None,
    model: Model = None,
    loss: Annotated[
        Text, flag("Loss, e.g. ce+0.5*dice (see `dicetune losses`); by default 'auto'.")
    ] = None,
    start_loss: Annotated[Text, flag("Loss of the start phase, e.g. ce.")] = None,
    start_share: Annotated[
        float | None, flag("Share of the steps in the start phase, between 0 and 1.")
    ] = None,
    seed: Annotated[Number, flag("Seed of weights, batches and dropout; by default 1.")] = None,
    format: Format = None,
    add_characters: AddCharacters = None,
    max_length: MaxLength = None,
    max_train: MaxTrain = None,
    patience: Annotated[
        Number, flag("Stop after N evaluations without a better dev score.", metavar="N")
    ] = None,
    out: Annotated[Text, flag("Folder that the run makes.")] = None,
    config: Config = None,
    option: Options = None,
    settings: Settings = None,
    overwrite: Annotated[bool, flag("Delete an earlier run in --out.")] = False,
    resume: Annotated[bool, flag("Go on with an unfinished run in --out.")] = False,
) -> None:
    """Fine-tune a model, choose its checkpoint on dev, score it, and leave a record."""
    given = _given(locals())
    from dicetune import runs, terminal
    from dicetune.records import is_first_process

    finished = runs.train(**given, progress=_on_terminal())
    if is_first_process():
        _print(finished)
        terminal.say(finished.summary_line())


@app.command()
def evaluate(
    target: Annotated[Path, typer.Argument(help="Folder of a model, or file of predictions.")],
    data: Annotated[
        Text, typer.Argument(help="File with gold, where TARGET holds no gold.")
    ] = None,
    task: Annotated[
        Text,
        flag(
            "Task of a file of predictions (by default ner), or of a model that dicetune did not "
            "train."
        ),
    ] = None,
    format: Annotated[
        str, flag("Format of the predictions, or of a model's DATA, e.g. conll.")
    ] = "auto",
    gold_format: Annotated[
        Text, flag("Format of DATA beside a file of predictions; by default 'auto'.")
    ] = None,
    split: Annotated[Text, flag("Split to score, where a file holds several, e.g. test.")] = None,
    decision: Decision = None,
    option: Options = None,
    as_json: Json = False,
) -> None:
    """Score a model on data with gold, or the predictions of any tool."""
    given = _given(locals())
    from dicetune import scoring

    _print(scoring.evaluate(**given), as_json)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a finished run, or a saved model.")],
    source: Annotated[
        Text, typer.Argument(metavar="FILE", help="File to read; '-' is the input stream.")
    ] = None,
    text: Annotated[Texts, flag("Text in place of FILE; may be repeated.")] = None,
    text_b: Annotated[Texts, flag("Second text of a pair, once for each --text.")] = None,
    question: Annotated[Texts, flag("Question in place of FILE; may be repeated.")] = None,
    context: Annotated[Texts, flag("Text that holds the answer, once for each --question.")] = None,
    task: ForeignTask = None,
    format: Annotated[str, flag("Format of FILE, e.g. jsonl.")] = "auto",
    out_format: Annotated[
        Text, flag("Output format, e.g. jsonl; each task has its own default.")
    ] = None,
    decision: Decision = None,
    option: Options = None,
    out: Annotated[str, flag("File to write; '-' is the output stream.")] = "-",
) -> None:
    """Predict for texts given here, a file or a stream."""
    given = _given(locals())
    from dicetune import scoring

    scoring.predict(**given)


@app.command()
def tune(
    folder: Annotated[
        File, typer.Argument(help="Folder of a finished run.", show_default=False)
    ] = None,
    scores: Annotated[File, flag("JSON lines with any model's scores, in place of FOLDER.")] = None,
    gold: Annotated[
        File, flag("JSON lines with the gold of --scores, where --scores holds none.")
    ] = None,
    kind: Annotated[
        Text, flag("What --scores decides, e.g. label or spans; by default told by its first row.")
    ] = None,
    positive: Annotated[
        Text,
        flag(
            "Class in --scores whose F1 is asked for, e.g. spam; of two classes by default '1' or "
            "'positive', else the rarer class."
        ),
    ] = None,
    objective: Annotated[
        Text,
        flag(
            "Metric to raise: f1, …, fbeta:2, precision@recall:0.9, logit-adjustment:1; by default "
            "the metric that chose the checkpoint."
        ),
    ] = None,
    plain: Annotated[
        bool,
        flag(
            "Use the fit as it is; by default it is shrunk by what it gains on held-out parts.",
            "--plain",
        ),
    ] = False,
    folds: Annotated[int, flag("Number of parts that are held out in turn.")] = 5,
    out: Annotated[File, flag("File for the rule of --scores, e.g. rule.json.")] = None,
    overwrite: Annotated[bool, flag("Replace another rule in the same place.")] = False,
    as_json: Json = False,
) -> None:
    """Fit the decision rule of a model on its dev scores."""
    given = _given(locals())
    from dicetune import scoring

    _print(scoring.tune(**given), as_json)


@app.command()
def inspect(
    files: Annotated[list[str], typer.Argument(help="Files with gold: train, dev, test.")],
    task: Annotated[Text, flag("Task of the files, e.g. qa; by default ner.")] = None,
    model: Annotated[
        str, flag("Encoder whose sub-words are counted: 'minilm', a folder or a Hub id.")
    ] = "minilm",
    format: Annotated[str, flag("Data format, e.g. conll.")] = "auto",
    option: Options = None,
    as_json: Json = False,
) -> None:
    """Say what is in the data: imbalance, repairs, duplicates, conflicts, unknown sub-words."""
    given = _given(locals())
    from dicetune import scoring

    _print(scoring.inspect(**given), as_json)


@app.command()
def tasks(
    name: Annotated[
        Text, typer.Argument(help="Task whose options are listed.", show_default=False)
    ] = None,
) -> None:
    """List the tasks, or the options of one task for -o."""
    from dicetune import terminal
    from dicetune.tasks import describe_tasks

    for part in terminal.tasks_tables(describe_tasks(name)):
        terminal.console.print(part)


@app.command()
def losses() -> None:
    """List the losses: formula, equation, the kinds of input they serve, when to use them."""
    from dicetune import terminal
    from dicetune.losses import table

    for part in terminal.losses_tables(table()):
        terminal.console.print(part)


@app.command()
def compare(
    task: Task = None,
    train: Train = None,
    dev: Dev = None,
    test: Annotated[Text, flag("File that the verdict is about.")] = None,
    data: Sample = None,
    model: Model = None,
    losses: Annotated[
        Texts, flag("Loss to compare, once for each; by default ce and auto.", "--loss")
    ] = None,
    seeds: Annotated[Text, flag("How many seeds (by default 5), or which, e.g. 1,2,7.")] = None,
    baseline: Annotated[
        Text, flag("Loss that the others are compared with; by default the first loss.")
    ] = None,
    search: Annotated[
        Number, flag("Search hyper-parameters in N trials for each loss, on dev.", metavar="N")
    ] = None,
    keep_models: Annotated[
        bool | None, flag("Keep the weights of each run.", "--keep-models")
    ] = None,
    predictions: Annotated[
        Texts,
        flag(
            "File that another tool predicted for the test file, e.g. crf=crf.tsv; repeatable.",
            metavar="NAME=FILE",
        ),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        flag(
            "Folder of a comparison or a run whose records are compared, without training; may be "
            "repeated.",
            "--from",
            metavar="DIR",
        ),
    ] = None,
    format: Format = None,
    add_characters: AddCharacters = None,
    max_length: MaxLength = None,
    max_train: MaxTrain = None,
    out: Annotated[Text, flag("Folder of the comparison; given alone, go on with it.")] = None,
    config: Config = None,
    option: Options = None,
    settings: Settings = None,
) -> None:
    """Train several losses over several seeds at one budget: which is better, and how surely."""
    given = _given(locals())
    from dicetune import runs

    typed = shlex.join(["dicetune", *sys.argv[1:]])
    outcome = runs.compare(**given, command=typed, progress=_on_terminal())
    _print(outcome)
    raise typer.Exit(outcome.exit_code)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a comparison.")],
) -> None:
    """Make the summary and the report of a comparison anew, from its records alone."""
    from dicetune import runs

    for line in runs.report(folder).lines():
        typer.echo(printable(line))


# flags


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a verb: the flags that were given, with -o and -s as mappings."""
    given = {name: value for name, value in flags.items() if value not in (None, [])}
    given.pop("as_json", None)
    for name, argument, flag in (("option", "options", "-o"), ("settings", "settings", "-s")):
        if name in given:
            given[argument] = pairs(given.pop(name), flag)
    return given


def pairs(given: list[str], flag: str) -> dict[str, str]:
    """The values behind a repeated KEY=VALUE flag, as text; the last value of a key wins."""
    found: dict[str, str] = {}
    for setting in given:
        key, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"expected {flag} KEY=VALUE, got {quoted(setting)}")
        found[key] = value
    return found


def _print(found: Any, as_json: bool = False) -> None:
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    from dicetune import terminal

    for part in found.parts():
        terminal.console.print(part)


def _on_terminal() -> bool:
    return sys.stderr.isatty()


# the program


def _version(show: bool) -> None:
    if show:
        typer.echo(f"dicetune {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Fine-tune text models for F1: dice, Tversky and self-adjusting losses."""
    from dicetune.terminal import show_log

    show_log()


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
    names = [name for name in (error.filename, error.filename2) if name]
    files = " and ".join(quoted(Path(str(name))) for name in names)
    return f"expected to read or write {files or 'a file'}, got: {error.strerror or error}"


def _interrupt(number: int, frame: Any) -> None:
    raise StopRequestedError("stopped")
