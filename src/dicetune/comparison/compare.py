"""compare: from a request to a plan, and its execution.

A request is checked before a folder is made. The data is read for the plan, which holds everything
that is equal for all runs.

One rule says what may differ between the losses of a comparison (``LOSS with KEY=VALUE …``): what
is optimised, and how. Data, model, budget, seeds and decision are equal for all: the keys of
``SHARED``, and all keys of the trainer but those that ``_OPTIMISES`` matches.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from dicetune.comparison.competitor import PlannedLoss, with_settings
from dicetune.comparison.execute import Outcome, execute
from dicetune.comparison.execution import Show
from dicetune.comparison.folder import PLAN_FILE, check_predictions, check_writable
from dicetune.comparison.places import Workplace
from dicetune.comparison.plan import DataFile, Plan, Search, digests_of
from dicetune.errors import DicetuneError, InputError, listed, of_extra, quoted, unknown_name
from dicetune.losses import build, code_of, imported_names
from dicetune.models.adapters import LowRank
from dicetune.models.encoder import MINILM, resolve_encoder
from dicetune.records import TUNED
from dicetune.tasks.digest import data_digest
from dicetune.training.auto import AUTO, loss_of, recipe_of
from dicetune.training.config import FP32, SAMPLE, SHORT, TRAINER_DEFAULTS, RunConfig, read_setting
from dicetune.training.defaults import open_keys, steps_of, with_defaults
from dicetune.training.precision import with_precision
from dicetune.training.prepare import check_fit, early_windows, first_targets, read_splits
from dicetune.training.processes import check_group
from dicetune.training.results import weights_of
from dicetune.training.run import trainer_arguments

_log = logging.getLogger(__name__)
SHARED = (
    *("task", "train", "dev", "test", "format", "options", "max_train", "max_dev", "max_test"),
    *("model", "lora", "add_characters", "max_length", "loss", "decision"),
    *("seed", "patience", "keep_checkpoints", "out", "note"),
)
"""Keys of a configuration that every run of a comparison shares, or that a plan decides."""

_OPTIMISES = re.compile(
    r"learning_rate|weight_decay|max_grad_norm|neftune_noise_alpha|(adam|optim|lr_sched|warmup)\w*"
)
_WITH = re.compile(r"(?P<loss>.*?)\s+with(\s+(?P<settings>.*))?", re.DOTALL)

OFTEN = 0.1
"""Share of the steps after which every objective is evaluated on dev."""

# the packaged sample is small, and for the embedded encoder these were chosen
_SAMPLE_TRAINER: dict[str, Any] = {
    "num_train_epochs": 7,
    "per_device_train_batch_size": 16,
    "learning_rate": 3e-4,
}
_OF_A_LOSS = "a start phase belongs to a loss: --loss 'dice with start_loss=ce start_share=0.4'"
# keys of a configuration that are the same for every run, or come from other arguments
_DECIDED = {
    "loss": "give the losses (--loss, once for each)",
    **dict.fromkeys(("start_loss", "start_share"), _OF_A_LOSS),
    "seed": "give the number of seeds (--seeds)",
    "patience": "a run that stops early has another budget than one that does not",
    "keep_checkpoints": "give --keep-models to keep the weights of each run",
    "out": "give --out",
    "decision": "both the tuned and the default decision of every run are compared",
}
_IN_PLAN = {*_DECIDED, "task", "train", "dev", "test", "model", "options", "trainer"}


def compare(
    out: str | Path,
    config: Mapping[str, Any] | None = None,
    *,
    losses: Sequence[str] | None = None,
    seeds: int | Sequence[int] | None = None,
    baseline: str | None = None,
    search: int | None = None,
    keep_models: bool | None = None,
    budget: float | None = None,
    predictions: Mapping[str, str] | None = None,
    name: str | None = None,
    place: Workplace | None = None,
    command: str = "",
    show: Show = lambda progress: None,
) -> Outcome:
    """Train objectives at the same budget, and compare: see ``dicetune.compare``.

    A folder with the same plan continues: finished runs are kept, losses and seeds may be added.
    """
    folder = Path(out)
    check_writable(folder)
    check_predictions(predictions or {})
    if seeds is not None and budget is not None:
        raise InputError(
            f"expected --seeds or --budget, got both ({quoted(seeds)} and {budget:g} minutes): a "
            "budget finds the number of seeds"
        )
    losses = None if losses is None else [canonical_name(loss) for loss in losses]
    earlier = Plan.load(folder) if (folder / PLAN_FILE).is_file() else None
    if earlier is not None:
        _check_named_again(earlier, losses or (), folder)
    if config is None and earlier is None:
        raise InputError(
            f"expected a task and files to compare on, or a comparison in {quoted(folder)} to go "
            "on with, got neither: dicetune compare TASK --train … --dev … --test …"
        )
    if config is None and earlier is not None:  # keep the values of the plan
        config = earlier.base()
        added = list(losses or ())
        losses = [*(name for name in earlier.objectives if name not in added), *added]
        budget = earlier.budget if budget is None and seeds is None else budget
        seeds = earlier.seeds if seeds is None else seeds
        baseline = baseline or earlier.baseline
        if search is None and earlier.search is not None:
            search = earlier.search.trials
        keep_models = earlier.keep_models if keep_models is None else keep_models
    elif config and earlier is not None:  # decided once
        given = config.get("trainer") or {}
        kept = {key: earlier.trainer[key] for key in open_keys(given) if key in earlier.trainer}
        config = {**config, "trainer": {**kept, **given}}
        if config.get("precision") == AUTO:
            config["precision"] = earlier.base().get("precision", FP32)
    with contextlib.nullcontext() if place is None else place.joined():
        plan = make_plan(
            config or {},
            ["ce", "ce+dice"] if losses is None else losses,
            (5 if budget is None else 1) if seeds is None else seeds,
            baseline=baseline,
            search=search or 0,
            keep_models=bool(keep_models),
            budget=budget,
            external=list(predictions or ()),
            name=name,
            command=command,
        )
        return execute(plan, folder, place=place, predictions=predictions, show=show)


def _check_named_again(earlier: Plan, losses: Sequence[str], folder: Path) -> None:
    """A loss of a user is code: it runs only if the user names the loss again."""
    again = set(imported_names("+".join(losses)))
    missing = [
        name if imported_names(name) else spec
        for name, objective in earlier.objectives.items()
        for spec in objective.specs
        if not again.issuperset(imported_names(spec))
    ]
    if missing:
        flags = shlex.join(part for loss in missing for part in ("--loss", loss))
        raise InputError(
            "expected the losses that run your code to be named again, got a comparison in "
            f"{quoted(str(folder))} that has {listed(map(quoted, missing))}: add {flags} if you "
            "trust that code"
        )


def make_plan(
    config: Mapping[str, Any],
    losses: Sequence[str],
    seeds: int | Sequence[int] = 5,
    *,
    baseline: str | None = None,
    search: int = 0,
    keep_models: bool = False,
    budget: float | None = None,
    external: Sequence[str] = (),
    name: str | None = None,
    command: str = "",
) -> Plan:
    """The plan of a request: the arguments of ``compare``, and names of external predictions."""
    check_group()
    chosen = seeds_of(seeds)
    losses = [canonical_name(loss) for loss in losses]
    objectives = {loss: objective_of(loss) for loss in losses}
    _check_losses(losses, external)
    baseline = baseline_among([*losses, *external], baseline, losses[0])
    if budget is not None and not 0 < budget < float("inf"):
        raise InputError(f"expected a budget of minutes above 0, such as 90, got {budget:g}")
    if search < 0:
        raise InputError(f"expected at least 0 trials of the search, got {search}")
    if search:
        of_extra("optuna", "search", "--search")
    unused = next(seed for seed in range(len(chosen) + 1) if seed not in chosen)
    shared = _shared_config(config)
    for loss, objective in objectives.items():  # mistakes are said before the data is read
        configuration(shared, loss, objective)
    shared = with_precision(shared)
    source = resolve_encoder(shared.model)
    splits, task = read_splits(shared)
    if not splits["test"].is_labelled:
        raise InputError(
            f"expected gold in the test file {quoted(splits['test'].source)}, on which the "
            "objectives are compared, got none: give another --test"
        )
    shared, notes = with_defaults(shared, source, len(splits["train"]))
    if any(split_settings(loss)[0] == AUTO for loss in losses):

        def count_steps() -> int:
            _, windows = early_windows(shared, task, splits["train"], source)
            return steps_of(shared.trainer, len(windows.features))

        auto, because = loss_of(task, splits["train"], count_steps)
        _log.info("auto is %s: %s", auto, because)
        objectives = {loss: objective_of(loss, auto) for loss in losses}
    configs = [configuration(shared, *competitor) for competitor in objectives.items()]
    targets = first_targets(shared, task, splits["train"], source)
    for competitor, own in zip(losses, configs, strict=True):
        try:
            check_fit(own, task, targets)
            trainer_arguments(own)
        except InputError as error:
            raise InputError(f"{quoted(competitor)}: {error}") from None
    for note in notes:
        _log.info(note)
    files = {
        split: DataFile(
            data.source if shared.train == SAMPLE else str(getattr(shared, split)),
            data_digest(data.source),
            len(data),
        )
        for split, data in splits.items()
    }
    settings = {
        entry.name: getattr(shared, entry.name)
        for entry in fields(RunConfig)
        if entry.name not in _IN_PLAN and getattr(shared, entry.name) != entry.default
    }
    plan = Plan(
        task=shared.task,
        metric=task.main_metric,
        files=files,
        model={"name": shared.model, "sha256": weights_of(source)},
        objectives=objectives,
        seeds=chosen,
        baseline=baseline,
        options=dict(shared.options),
        trainer=dict(shared.trainer),
        settings=settings,
        search=Search(search, unused) if search else None,
        keep_models=keep_models,
        budget=budget,
        name=name,
        command=command,
        option_files=digests_of(shared.options),
        code=code_of(build(spec) for objective in objectives.values() for spec in objective.specs),
    )
    plan.check_apart()
    return plan


def seeds_of(given: int | Sequence[int]) -> tuple[int, ...]:
    """Seeds from their number (1, 2, …), or a list of seeds, sorted.

    Example:
        >>> seeds_of(3), seeds_of([7, 4])
        ((1, 2, 3), (4, 7))
    """
    whole = [given] if isinstance(given, int) else list(given)
    if any(isinstance(seed, bool) or not isinstance(seed, int) for seed in whole):
        raise InputError(f"expected a number of seeds, or a list of seeds, got {quoted(given)}")
    if isinstance(given, int):
        whole = list(range(1, given + 1))
    if not whole or min(whole) < 0 or len(set(whole)) < len(whole):
        raise InputError(
            f"expected at least 1 seed, each once and not below 0, got {quoted(given)}: 5 is "
            "usual, 6 allow an exact test"
        )
    return tuple(sorted(whole))


def _check_losses(losses: Sequence[str], external: Sequence[str]) -> None:
    """Refuse fewer than two competitors, and one name given twice."""
    if len(losses) + len(external) < 2 or not losses:
        raise InputError(
            f"expected at least two losses to compare, got {', '.join(losses) or 'none'}: "
            "give --loss twice or more, for example --loss ce --loss ce+dice"
        )
    for loss in losses:
        if losses.count(loss) > 1:
            raise InputError(f"expected each loss once, got {quoted(loss)} twice")
    for name in external:
        if name in losses:
            raise InputError(
                f"expected another name for external predictions, got {quoted(name)}, which is "
                "a loss here: --predictions NAME=FILE"
            )


def _shared_config(given: Mapping[str, Any]) -> RunConfig:
    """The configuration that all runs share, checked as a run checks it."""
    for name, why in _DECIDED.items():
        if given.get(name) is not None and (name, given[name]) != ("decision", TUNED):
            raise InputError(
                f"expected no {name} in a comparison, got {quoted(given[name])}: {why}"
            )
    config = RunConfig.from_mapping(given)
    if config.lora is not None and not LowRank.of(config.lora).merge:
        raise InputError(
            "expected lora with merge=yes in a comparison, got merge=no: the recommended model is "
            "kept as a plain model folder"
        )
    if config.train != SAMPLE and config.test is None:
        raise InputError(
            "expected a test file, on which the objectives are compared, got none: dev already "
            "chooses the checkpoints and the decision rules; give --test"
        )
    trainer = budgeted(config.trainer, sample=(config.train, config.model) == (SAMPLE, MINILM))
    return RunConfig.from_mapping({**asdict(config), "trainer": trainer})


def budgeted(trainer: Mapping[str, Any], sample: bool = False) -> dict[str, Any]:
    """Keys of the trainer, with ten evaluations on dev as the default.

    The keys that a user chose win for all objectives alike. ``training.defaults`` adds those of its
    rule, once the data is read.
    """
    ruled = open_keys(trainer)
    keys = {name: key for name, key in TRAINER_DEFAULTS.items() if name not in ruled}
    keys |= _SAMPLE_TRAINER if sample else {}
    if not {"eval_strategy", "save_strategy"} & trainer.keys():
        often = trainer.get("eval_steps", OFTEN)
        keys |= {"eval_strategy": "steps", "eval_steps": often}
        keys |= {"save_strategy": "steps", "save_steps": often}
    return {**keys, **trainer}


def split_settings(text: str) -> tuple[str, dict[str, Any]]:
    """The loss of a competitor's text as it was typed, and the settings, each of its type.

    Raises:
        InputError: for settings that are none, and for those that are equal for all competitors.

    Example:
        >>> split_settings("ce with lr=0.0004 prior_bias=true")
        ('ce', {'trainer.learning_rate': 0.0004, 'prior_bias': True})
        >>> split_settings("ce with epochs=3")
        Traceback (most recent call last):
        dicetune.errors.InputError: expected what is optimised, and how, after 'with', got ...
    """
    found = _WITH.fullmatch(text.strip())
    if found is None:
        return text, {}
    try:
        parts = shlex.split(found["settings"] or "")
    except ValueError as error:
        raise InputError(f"expected whole quotes in {quoted(text)}, got: {error}") from None
    settings: dict[str, Any] = {}
    for part in parts or [""]:
        key, _, value = part.partition("=")
        if not key or not value:
            raise InputError(
                f"expected KEY=VALUE after 'with', got {quoted(part)} in {quoted(text)}: for "
                "example --loss 'ce with lr=4e-4 sampler=balanced', with spaces between"
            )
        name = f"trainer.{SHORT[key]}" if key in SHORT else key
        if _is_shared(name):
            raise InputError(
                f"expected what is optimised, and how, after 'with', got {quoted(part)} in "
                f"{quoted(text)}: data, model, budget (epochs, steps, batches, evaluations), seeds "
                "and decision are equal for all losses of a comparison; give it beside the losses"
            )
        if (name, value) == ("precision", AUTO):
            got = "auto, which depends on the machine"
            raise InputError(f"expected precision=fp32 or precision=bf16 after 'with', got {got}")
        if name in settings:
            raise InputError(f"expected {name} once, got it twice in {quoted(text)}: keep one")
        settings[name] = read_setting(name, value)
    return found["loss"], settings


def _is_shared(key: str) -> bool:
    """Whether a key of the configuration is equal for all; a name that is no key is not."""
    name, dot, inner = key.partition(".")
    if name != "trainer" or not dot:
        return name in SHARED
    keys = {entry.name for entry in fields(TrainingArguments)}
    return inner in keys and _OPTIMISES.fullmatch(inner) is None


def canonical_name(text: str) -> str:
    """The one form of a competitor's text: settings sorted, with short keys and values.

    Example:
        >>> canonical_name("ce with  sampler=balanced trainer.learning_rate=0.0004")
        'ce with lr=4e-4 sampler=balanced'
    """
    return with_settings(*split_settings(text))


def objective_of(text: str, auto: str = AUTO) -> PlannedLoss:
    """The objective of a competitor's text: a name or a spec with settings, checked.

    ``auto`` is what "auto" is on the data.

    Example:
        >>> print(objective_of("dice:smooth=1.0 + ce with set=running"))
        dice+ce with set=running
    """
    named, settings = split_settings(text)
    loss = auto if named == AUTO else named
    chosen = recipe_of(loss, settings.get("start_loss"), settings.get("start_share"))
    if chosen.start_loss is not None:
        start = {"start_loss": chosen.start_loss.spec, "start_share": chosen.start_share}
        settings = {**settings, **start}
    return PlannedLoss(chosen.loss.spec, settings)


def configuration(shared: RunConfig, name: str, objective: PlannedLoss) -> RunConfig:
    """The configuration of a competitor, checked as the settings (-s) of a run are."""
    try:
        return shared.updated({"loss": objective.loss, **objective.settings})
    except DicetuneError as error:
        if not objective.settings:
            raise
        raise InputError(f"{quoted(name)}: {error}") from None


def baseline_among(names: Collection[str], asked: str | None, default: str) -> str:
    """The competitor that is asked for as the baseline, by its name or another form of it.

    Example:
        >>> baseline_among(["ce", "ce with lr=4e-4"], "ce with lr=0.0004", "ce")
        'ce with lr=4e-4'
    """
    found = default if asked is None else asked
    if found not in names and _WITH.fullmatch(found):
        found = canonical_name(found)
    if found not in names:
        raise unknown_name("baseline", found, names)
    return found
