"""The verbs train, compare, split and report: from a request to folders with records.

Flags of the commands are keyword arguments; ``-o`` and ``-s`` are the mappings ``options`` and
``settings``. The lines that a command prints on the error stream go to the log ``dicetune``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dicetune import terminal
from dicetune.errors import InputError, quoted, unknown_name
from dicetune.progress import live_progress, training_bar
from dicetune.records import METRICS_FILE, RunRecord, by_decision, read_json
from dicetune.terminal import Finding, Printed

_OF_COMPARE = {
    "losses": list,
    "seeds": int,
    "baseline": str,
    "search": int | None,
    "keep_models": bool,
    "budget": float | None,
    "predictions": dict,
    "name": str,
    "jobs": int | None,
    "on": str | None,
    "cpus_per_run": int | None,
    "gpus_per_run": float | None,
    "out": str,
}


@dataclass(frozen=True, repr=False)
class TrainedRun(Printed):
    """A finished run: its folder, its record, and the scores of each split."""

    folder: Path
    record: RunRecord

    @property
    def scores(self) -> dict[str, Any]:
        """Scores of each split, as fractions in [0, 1], by the decision in use.

        Where a rule decides, dev is scored on held-out parts of it, and "argmax" holds the scores
        of the default decision.
        """
        return read_json(self.folder / METRICS_FILE)

    def parts(self) -> list[Any]:
        """The scores of each split and decision, and the rule."""
        from dicetune.decide import DecisionRule

        config, objective = self.record.config, self.record.objective["text"]
        title = f"{config['task']} · {objective} · seed {config['seed']}"
        tables: list[Any] = [terminal.scores_table(by_decision(self.scores), title)]
        if (rule := DecisionRule.load(self.folder)) is not None:
            tables += terminal.rule_lines(rule.words, rule.evidence["said"])
        return tables

    def summary_line(self) -> str:
        """Which checkpoint was chosen and by what, the seconds of training, and the folder."""
        training = self.record.training
        by = str(training.get("chosen_by", "score")).replace("_", " ")
        return (
            f"step {training['best_step']} of {training['steps']} (best dev {by}), "
            f"{training['seconds']} s · {self.folder}"
        )


@dataclass(frozen=True, repr=False)
class ReportPage(Printed):
    """The report of a comparison or of a run: its page and the summary that it shows."""

    page: Path
    summary: Mapping[str, Any]

    def lines(self) -> list[str]:
        """The verdict, and where the page is."""
        return [*self.summary["verdict"], f"Report: {self.page}"]

    def parts(self) -> list[Any]:
        """The same lines with markup escaped."""
        return [terminal.escape(line) for line in self.lines()]


def train(
    task: str | None = None,
    *,
    config: Any = None,
    data: Any = None,
    split: str | None = None,
    split_seed: int | None = None,
    group: str | None = None,
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    tries: int | None = None,
    folds: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool | None = None,
    **keys: Any,
) -> TrainedRun:
    """Fine-tune a model, choose its checkpoint on dev, score the model, and write a record.

    Args:
        task: "ner", "qa", … (``dicetune tasks`` lists the tasks).
        config: YAML file, mapping or ``RunConfig``; the other arguments override it.
        data: one file, in place of ``train`` and ``dev``, which is split (see ``split``); or a data
            set with its splits; or "sample", the packaged corpus. Like ``train``, ``dev`` and
            ``test`` it may be a table in memory, of ``pandas`` or ``datasets``, which is written
            to a folder beside ``out`` (``runs/a.data``), as the parts of a file are.
        split: shares of train, dev and test of ``data``: "80/10/10", beside ``test`` "90/10".
        split_seed: seed of the split, by default 1.
        group: column of ``data`` whose equal values stay in one part; by default documents do.
        options: options of the task, by name.
        settings: any key of ``RunConfig``; "trainer.learning_rate" reaches into a mapping.
        tries: train this number of losses of the list of ``auto``, and keep the best by dev.
        folds: train on ``data`` this number of times, each time without another part, score all
            of it out of fold, and train the final model on all of it.
        overwrite: delete an earlier run in ``out``.
        resume: continue an unfinished run in ``out``.
        progress: show a progress bar; by default in a notebook alone.
        keys: keys of ``RunConfig``, and ``epochs``, ``lr`` and ``batch_size`` of the trainer.

    Raises:
        InputError: for a configuration, data or a model that cannot be used.
        InterruptedRunError: after Ctrl-C, once a checkpoint is saved for ``resume``.

    Example:
        ``dicetune.train("ner", data="sample", loss="dice", out="runs/a").scores["dev"]["f1"]``
    """
    from dicetune.training import RunConfig, run

    packaged = _packaged(data)
    values = _run_values(_config_values(config), task, keys, packaged, options, settings)
    given = None if packaged else data
    request = (split, split_seed, group, folds)
    values = _with_files(values, given, values.get("out"), request, overwrite)
    chosen = RunConfig.from_mapping(values)
    with training_bar(progress) as show:
        how: dict[str, Any] = {"overwrite": overwrite, "resume": resume, "show": show}
        if folds is not None:
            if tries is not None:
                raise InputError("expected --folds or --try, got both")
            from dicetune.comparison.folds import train_folds
            from dicetune.tasks.split import SplitFiles

            record = train_folds(chosen, SplitFiles.load(_beside(chosen.out or "")), **how)
        elif tries is None:
            record = run(chosen, **how)
        else:
            from dicetune.comparison.tries import try_losses

            record = try_losses(chosen, tries, **how)
    return TrainedRun(Path(chosen.out or "."), record)


def compare(
    task: str | None = None,
    *,
    losses: str | Sequence[str] | None = None,
    seeds: int | str | Sequence[int] | None = None,
    baseline: str | None = None,
    search: int | None = None,
    keep_models: bool | None = None,
    budget: float | None = None,
    predictions: Mapping[str, str] | Sequence[str] | None = None,
    jobs: int | None = None,
    on: str | None = None,
    cpus_per_run: int | None = None,
    gpus_per_run: float | None = None,
    sources: Sequence[str | Path] | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    config: Any = None,
    data: Any = None,
    split: str | None = None,
    split_seed: int | None = None,
    group: str | None = None,
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    command: str = "",
    progress: bool | None = None,
    **keys: Any,
) -> Finding:
    """Train several losses with several seeds each: which loss is better, and how surely.

    Args:
        task: as ``train`` takes it.
        losses: specs or names of recipes, with settings of their own after "with", such as
            "ce with lr=4e-4 sampler=balanced"; by default "ce" and "ce+dice".
        seeds: the number of seeds (by default 5), or a list ("1,2,7").
        baseline: the loss that all other losses are compared with; by default the first loss.
        search: number of trials of the search for hyper-parameters, for each loss.
        keep_models: keep the weights of each run, not only those of the recommended model.
        budget: minutes, in place of ``seeds``: as many seeds as fit, the same for every loss.
        predictions: files with the predictions of other tools for the test data, by name.
        jobs: number of runs at a time, by default 1: they share the cores, and take GPUs in turn.
        on: "ray" or "ray://HOST:PORT": make the runs on a Ray cluster, not on this machine.
        cpus_per_run: CPUs, and threads, of a run on a cluster; by default 1.
        gpus_per_run: GPUs of a run on a cluster; by default 1 where it has some.
        sources: folders of comparisons and finished runs: compare their records, train nothing.
        out: folder of the comparison; without other arguments, an unfinished comparison continues.
        name: of the data in the title of the report; by default their folder.
        config: as ``train`` takes it; it may also hold arguments of ``compare``.
        data: as ``train`` takes it.
        split: as ``train`` takes it.
        split_seed: as ``train`` takes it.
        group: as ``train`` takes it.
        options: as ``train`` takes them.
        settings: as ``train`` takes them.
        command: the command line, for the record.
        progress: show a live table of the runs; by default in a notebook alone.
        keys: as ``train`` takes them, for all runs.

    Raises:
        InputError: for a request that cannot be carried out; where ``out`` holds another plan.
        InterruptedRunError: after Ctrl-C, with the command that continues.

    Example:
        ``dicetune.compare("ner", data="sample", losses=["ce", "dice"]).summary["verdict"]``
    """
    arguments = locals()
    given = {key: arguments[key] for key in _OF_COMPARE if arguments[key] is not None}
    from dicetune.comparison.execute import execute, place_named
    from dicetune.comparison.runs import finished_plan
    from dicetune.tasks import DEFAULT_TASK
    from dicetune.tasks.options import read_option_texts, read_text

    if sources:
        others = {"task": task, **given, "config": config, "data": data, "options": options}
        for key, value in {**others, "settings": settings, **keys}.items():
            if value is not None and key not in ("out", "baseline", "predictions", "name"):
                raise InputError(
                    "expected --out, --baseline, --predictions and --name alone beside --from, got "
                    f"{key}={quoted(value)}: nothing is trained"
                )
        from dicetune.comparison.merge import compare_records

        files = _named_files(predictions or {})
        outcome = compare_records(sources, out, baseline=baseline, predictions=files, name=name)
        return Finding(outcome, terminal.comparison_tables)
    values = _config_values(config)
    asked = {key: values.pop(key) for key in _OF_COMPARE if key in values} | given
    if isinstance(asked.get("losses"), str):
        asked["losses"] = [asked["losses"]]
    if isinstance(numbers := asked.get("seeds"), str) and "," in numbers:
        asked["seeds"] = numbers.split(",")
    if isinstance(numbers := asked.get("seeds"), list):
        asked["seeds"] = [read_text(int, number) for number in numbers]
    asked = read_option_texts(_OF_COMPARE, asked)
    if "predictions" in asked:
        asked["predictions"] = _named_files(asked["predictions"])
    named = (asked.pop(key, None) for key in ("on", "jobs", "cpus_per_run", "gpus_per_run"))
    place = place_named(*named)  # refused before torch is loaded
    packaged = _packaged(data)
    if packaged is not None:
        few = {} if "budget" in asked else {"seeds": 3}
        asked = {**few, "out": "sample-comparison", **asked}
        values.setdefault("task", DEFAULT_TASK)
    values = _run_values(values, task, keys, packaged, options, settings)
    if asked.get("out") is None:
        raise InputError("expected a folder for the comparison, got none: give --out")
    folder = Path(asked["out"])
    values = _with_files(values, None if packaged else data, folder, (split, split_seed, group))
    alone = not values and asked.keys() == {"out"}
    with live_progress(progress) as show:
        if alone and (plan := finished_plan(folder)) is not None:
            return Finding(execute(plan, folder, show=show), terminal.comparison_tables)
        from dicetune.comparison.compare import compare as compare_losses  # loads torch

        asked |= {"config": values or None, "place": place, "command": command}
        outcome = compare_losses(**asked, show=show)
    return Finding(outcome, terminal.comparison_tables)


def split(
    file: Any,
    *,
    out: str | Path,
    task: str | None = None,
    shares: str = "80/10/10",
    seed: int = 1,
    group: str | None = None,
    format: str = "auto",
    options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Finding:
    """Split one file with gold into train, dev and test, as ``train`` and ``compare`` do.

    Labels have equal shares in all parts, equal texts and documents stay together, and each row
    stays as it is in the file.

    Args:
        file: with gold, or a table in memory.
        out: folder for the parts and ``split.json``, the record of the split.
        task: reads the file; default: ``DEFAULT_TASK``.
        shares: of train, dev and test, or of train and dev.
        seed: the same seed gives the same parts.
        group: column whose equal values stay in one part; "none" parts documents too.
        format: of the file.
        options: of the task.
        overwrite: replace the parts of another request in ``out``.

    Raises:
        InputError: another split in ``out``, or a file that cannot be split.

    Example:
        ``dicetune.split("spam.tsv", task="text", out="spam").files["dev"]``
    """
    from dicetune.tasks import task_reading
    from dicetune.tasks.given import SplitRequest, files_of
    from dicetune.tasks.split import SplitFiles

    request = SplitRequest(shares, seed, group)
    values = {"format": format, "options": dict(options or {})}
    with task_reading(task) as task_class:
        files_of(task_class, values, file, Path(out), request, overwrite=overwrite)
    return Finding(SplitFiles.load(Path(out)), _split_lines)


def report(folder: str | Path, *, name: str | None = None) -> ReportPage:
    """Write the summary and the report of a comparison, or of a single run, from its records.

    Args:
        folder: folder of a comparison, or of a finished run.
        name: of the data in the title; by default as before, else their folder.

    Raises:
        InputError: where the folder is neither, or its records cannot be read.

    Example: ``dicetune.report("runs/c").page``
    """
    from dicetune.comparison.folder import PLAN_FILE
    from dicetune.comparison.summary import write_summary
    from dicetune.reporting import write_report

    place, suspicion = Path(folder), None
    if not (place / PLAN_FILE).is_file():
        from dicetune.tasks.suspects import located_suspects  # takes long to import

        with contextlib.suppress(InputError):  # a type without a probability of each label
            suspicion = located_suspects(place)
    summary = write_summary(place, name=name, suspicion=suspicion)
    return ReportPage(write_report(place), summary)


# from arguments to configurations


def _config_values(config: Any) -> dict[str, Any]:
    """The values of a YAML file, a mapping or a ``RunConfig``."""
    if config is None:
        return {}
    from dicetune.training.config import RunConfig, read_yaml

    if isinstance(config, RunConfig):
        return {name: value for name, value in asdict(config).items() if value is not None}
    return dict(config) if isinstance(config, Mapping) else read_yaml(config)


def _run_values(
    values: dict[str, Any],
    task: str | None,
    keys: Mapping[str, Any],
    data: str | None,
    options: Mapping[str, Any] | None,
    settings: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The values of a configuration, overridden by the arguments of a verb."""
    if not any((values, task, keys, data, options, settings)):
        return {}
    from dicetune.training.config import SAMPLE, SHORT, RunConfig, with_changes, with_short_names

    valid = [*(entry.name for entry in fields(RunConfig)), *SHORT]
    for name in keys:
        if name not in valid:
            raise unknown_name("argument", name, valid)
    settings = with_short_names(settings or {}, {n: keys[n] for n in SHORT if n in keys})
    given = {"task": task, **{name: value for name, value in keys.items() if name not in SHORT}}
    values.update({name: value for name, value in given.items() if value is not None})
    if data is not None:
        if "train" in values:
            raise InputError(
                f"expected --data {SAMPLE}, alone, or --train and --dev with files; got --data "
                f"{quoted(data)} beside --train"
            )
        values["train"] = SAMPLE
    changes = {f"options.{name}": value for name, value in (options or {}).items()}
    return with_changes(values, {**changes, **settings})


def _packaged(data: Any) -> str | None:
    """The name of the packaged corpus, where ``data`` is it."""
    return data if isinstance(data, str) and data == "sample" else None


def _with_files(
    values: dict[str, Any],
    data: Any,
    out: str | Path | None,
    split: tuple[Any, ...],
    overwrite: bool = False,
) -> dict[str, Any]:
    """The values with files in place of ``data`` and of tables in memory."""
    from dicetune.tasks import task_named
    from dicetune.tasks.given import SplitRequest, files_of, is_in_memory

    request = SplitRequest(*split)
    if data is None and not any(map(is_in_memory, values.values())):
        request.check_unused()
        return values
    if out is None:
        raise InputError("expected a folder beside which the data is written, got none: give out")
    place, task = _beside(out), task_named(values.get("task"))
    return files_of(task, values, data, place, request, overwrite=overwrite)


def _beside(out: str | Path) -> Path:
    """The folder for data beside a run or a comparison."""
    path = Path(out) if Path(out).name.strip(".") else Path(out).resolve()
    return path.with_name(f"{path.name}.data")


def _split_lines(found: Any) -> list[Any]:
    """The parts with their labels, how they were made, and what is odd."""
    names = list(found.files)
    rows = [{"label": label, **counts} for label, counts in found.record["labels"].items()]
    sizes = {name: found.record["parts"][name]["examples"] for name in names}
    table = terminal.plain_table([{"label": "examples", **sizes}, *rows], str(found.folder))
    return [table, *map(terminal.escape, [found.said, *found.record["notes"]])]


def _named_files(given: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """The files of predictions by name; a list holds NAME=FILE."""
    if isinstance(given, Mapping):
        return dict(given)
    found: dict[str, str] = {}
    for pair in given:
        name, equals, file = pair.partition("=")
        if not equals or not name or not file or name in found:
            again = " again" if name in found else ""
            raise InputError(f"expected --predictions NAME=FILE, got {quoted(pair)}{again}")
        found[name] = file
    return found
