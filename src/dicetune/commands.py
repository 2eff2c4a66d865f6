"""The commands: each reads its flags, calls the verb of its name and prints what it returns.

The help says again what ``RunConfig`` says of its fields, because ``RunConfig`` needs transformers,
which ``dicetune --help`` does not load. ``flags.py`` has the flags of several commands.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

import dicetune
from dicetune.errors import InputError, printable, quoted
from dicetune.flags import (
    AddCharacters,
    Config,
    Decision,
    Dev,
    File,
    Format,
    Json,
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
)

app = typer.Typer(
    help="Fine-tune text models for F1: dice, Tversky and self-adjusting losses.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def train(
    task: Task = None,
    train: Train = None,
    dev: Dev = None,
    test: Annotated[Text, flag("File that is scored once, at the end.")] = None,
    data: Sample = None,
    model: Model = None,
    loss: Annotated[
        Text, flag("Loss, e.g. ce+0.5*dice (`dicetune losses` lists all); by default 'auto'.")
    ] = None,
    tries: Annotated[
        Number,
        flag("Train the first K losses of auto's list, keep the best by dev, e.g. 3.", "--try"),
    ] = None,
    start_loss: Annotated[Text, flag("Loss of the start phase, e.g. ce; by default none.")] = None,
    start_share: Annotated[
        float | None,
        flag("Share of the steps in the start phase, between 0 and 1, e.g. 0.2."),
    ] = None,
    seed: Annotated[Number, flag("Seed of head, batches and dropout; by default 1.")] = None,
    format: Format = None,
    add_characters: AddCharacters = None,
    max_length: MaxLength = None,
    max_train: MaxTrain = None,
    precision: Precision = None,
    patience: Annotated[
        Number,
        flag("Stop after N evaluations without a better dev score; by default never.", metavar="N"),
    ] = None,
    decision: Annotated[
        Text,
        flag(
            "'tuned' (default): fit a decision rule on dev, choose the checkpoint by it and keep "
            "it; or 'argmax'."
        ),
    ] = None,
    out: Annotated[Text, flag("Folder that the run makes, e.g. runs/a.")] = None,
    config: Config = None,
    option: Options = None,
    settings: Settings = None,
    overwrite: Annotated[bool, flag("Delete an earlier run in --out.")] = False,
    resume: Annotated[bool, flag("Continue an unfinished run in --out.")] = False,
) -> None:
    """Fine-tune a model, choose checkpoint and decision on dev, score it, and write a record."""
    finished = dicetune.train(**_given(locals()), progress=sys.stderr.isatty())
    from dicetune.terminal import say
    from dicetune.training.processes import is_first_process

    if is_first_process():
        _print(finished)
        say(finished.summary_line())


@app.command()
def evaluate(
    target: Annotated[Path, typer.Argument(help="Folder of a model, or file of predictions.")],
    data: Annotated[
        Text, typer.Argument(help="File with gold; needed where TARGET holds no gold.")
    ] = None,
    task: Annotated[
        Text,
        flag(
            "Task of a file of predictions (by default ner), or of a model that dicetune did not "
            "train."
        ),
    ] = None,
    format: Annotated[
        str,
        flag("Format of the predictions, or of DATA where TARGET is a model, e.g. conll."),
    ] = "auto",
    gold_format: Annotated[
        Text, flag("Format of DATA beside a file of predictions; by default 'auto'.")
    ] = None,
    split: Annotated[Text, flag("Split to score, e.g. test, in a file of several.")] = None,
    decision: Decision = None,
    option: Options = None,
    as_json: Json = False,
) -> None:
    """Score a model on data with gold, or the predictions of any tool."""
    _print(dicetune.evaluate(**_given(locals())), as_json)


@app.command()
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
        flag("Output format, e.g. jsonl (`dicetune tasks` lists all; default: the first)."),
    ] = None,
    decision: Decision = None,
    option: Options = None,
    out: Annotated[str, flag("File to write; '-' is the output stream.")] = "-",
) -> None:
    """Predict for texts given here, a file or a stream, whose lines are answered as they come."""
    dicetune.predict(**_given(locals()), keep=False, progress=sys.stderr.isatty())


@app.command()
def tune(
    folder: Annotated[
        File, typer.Argument(help="Folder of a finished run.", show_default=False)
    ] = None,
    scores: Annotated[File, flag("JSON lines with any model's scores, in place of FOLDER.")] = None,
    gold: Annotated[
        File, flag("JSON lines with the gold of --scores, where --scores holds no gold.")
    ] = None,
    kind: Annotated[
        Text, flag("Type of the predictions in --scores, e.g. spans; by default from row 1.")
    ] = None,
    positive: Annotated[
        Text,
        flag(
            "Class in --scores whose F1 is raised, e.g. spam; of two classes by default '1' or "
            "'positive', else the rarer class."
        ),
    ] = None,
    objective: Annotated[
        Text,
        flag(
            "Metric to raise: f1, …, fbeta:2, precision@recall:0.9, recall@precision:0.9, "
            "logit-adjustment:1; by default the metric that chose the checkpoint."
        ),
    ] = None,
    plain: Annotated[
        bool,
        flag(
            "Use the fitted rule as it is; by default the rule is shrunk towards the default "
            "decision, the more the less sure its gain on held-out parts is.",
            "--plain",
        ),
    ] = False,
    folds: Annotated[int, flag("Number of parts that are held out in turn.")] = 5,
    out: Annotated[File, flag("File for the rule of --scores, e.g. rule.json.")] = None,
    overwrite: Annotated[bool, flag("Replace an earlier rule in the same place.")] = False,
    name: Annotated[
        Text,
        flag("Name of the rule, e.g. recall95, beside other rules of FOLDER; by default tuned."),
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
            "With which the recall or precision in the objective holds on new data, by default "
            "0.9; 0: on dev alone."
        ),
    ] = None,
    calibrate: Annotated[
        bool,
        flag("Calibrate probabilities first, if it helps on held-out parts.", "--calibrate"),
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
    list_rules: Annotated[bool, flag("List the rules of FOLDER.", "--list")] = False,
    as_json: Json = False,
) -> None:
    """Fit the decision rule of a model on its dev scores."""
    _print(dicetune.tune(**_given(locals())), as_json)


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
    """Describe data with gold: imbalance, repairs, duplicates, conflicts, unknown sub-words."""
    _print(dicetune.inspect(**_given(locals())), as_json)


@app.command()
def tasks(
    name: Annotated[
        Text, typer.Argument(help="Task whose options are listed, e.g. ner.", show_default=False)
    ] = None,
) -> None:
    """List the tasks, or the options of one task for -o."""
    from dicetune.tasks import describe_tasks
    from dicetune.terminal import Finding, tasks_tables

    _print(Finding(describe_tasks(name), tasks_tables))


@app.command()
def losses() -> None:
    """List the losses: formula, equation, kinds of input, when to use which, options."""
    from dicetune.terminal import Finding, losses_tables

    # what ``dicetune.losses.table`` returns, which would load torch
    stored = resources.files("dicetune").joinpath("losses", "table.json")
    _print(Finding(json.loads(stored.read_text("utf-8")), losses_tables))


@app.command()
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
    given = _given(locals())
    typed = shlex.join(["dicetune", *sys.argv[1:]])
    outcome = dicetune.compare(**given, command=typed, progress=sys.stderr.isatty())
    _print(outcome)
    raise typer.Exit(outcome.exit_code)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a comparison.")],
) -> None:
    """Write the summary and the report of a comparison again, from its records."""
    for line in dicetune.report(folder).lines():
        typer.echo(printable(line))


# flags


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
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


def _print(found: Any, as_json: bool = False) -> None:
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    from dicetune import terminal

    for part in found.parts():
        terminal.console.print(part)
