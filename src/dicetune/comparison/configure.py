"""From what was asked for to a plan: what is wrong is found before a folder is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from dicetune.comparison.plan import DataFile, Objective, Plan, Search, digests_of
from dicetune.errors import InputError, quoted, unknown_name
from dicetune.losses import build, code_of, recipe
from dicetune.models import resolve_encoder
from dicetune.records import sha256
from dicetune.training.config import SAMPLE, TRAINER_DEFAULTS, RunConfig
from dicetune.training.prepare import read_splits
from dicetune.training.processes import check_group
from dicetune.training.results import weights_of

TENTH = 0.1
"""Share of the steps after which every objective is evaluated on dev."""

SAMPLE_TRAINER: dict[str, Any] = {
    "num_train_epochs": 7,
    "per_device_train_batch_size": 16,
    "learning_rate": 3e-4,
}
"""The packaged sample is small."""

# a comparison decides these for every cell alike
_OWN = {
    "loss": "give the losses (--loss, once for each)",
    "start_loss": "objectives with a start phase are compared by name only ('auto')",
    "start_share": "objectives with a start phase are compared by name only ('auto')",
    "seed": "give the number of seeds (--seeds)",
    "patience": "a run that stops early has another budget than one that does not",
    "keep_checkpoints": "give --keep-models to keep the weights of each cell",
    "out": "give --out",
}


@dataclass(frozen=True)
class Request:
    """What a user asks ``compare`` for.

    Args:
        config: task, files, model and everything else that all cells share, by the names of
            ``RunConfig``.
        losses: specs or names of recipes; the first is the baseline, where none is named.
        seeds: how many, or which.
        baseline: one of ``losses``.
        search: trials of the search for hyper-parameters, for each loss; 0 for none.
        keep_models: keep the weights of each cell.
        predictions: files of foreign predictions, by name.
        command: what was typed.
    """

    config: Mapping[str, Any]
    losses: Sequence[str]
    seeds: int | Sequence[int] = 5
    baseline: str | None = None
    search: int = 0
    keep_models: bool = False
    predictions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""


def make_plan(request: Request, report: Callable[[str], None] = lambda line: None) -> Plan:
    """The plan of a request; the data is read and checked for it.

    Args:
        request: what was asked for.
        report: takes a line where a reader had to guess.

    Raises:
        InputError: for losses, seeds, a configuration, data or a model that cannot be used.
    """
    check_group()
    seeds = seeds_of(request.seeds)
    objectives = {loss: objective_of(loss) for loss in request.losses}
    baseline = _check_losses(request, objectives)
    search = _search(request.search, seeds)
    config = _config(request)
    source = resolve_encoder(config.model)
    splits, task = read_splits(config, report)
    given = {"train": config.train, "dev": config.dev, "test": config.test}
    files = {
        split: DataFile(
            data.source if config.train == SAMPLE else str(given[split]),
            sha256(data.source) if Path(data.source).is_file() else None,
            len(data),
        )
        for split, data in splits.items()
    }
    settings = {
        entry.name: getattr(config, entry.name)
        for entry in fields(RunConfig)
        if entry.name not in (*_OWN, "task", "train", "dev", "test", "model", "options", "trainer")
        and getattr(config, entry.name) != entry.default
    }
    return Plan(
        task=config.task,
        metric=task.main_metric,
        files=files,
        model={"name": config.model, "sha256": weights_of(source)},
        objectives=objectives,
        seeds=seeds,
        baseline=baseline,
        options=dict(config.options),
        trainer=dict(config.trainer),
        settings=settings,
        search=search,
        keep_models=request.keep_models,
        command=request.command,
        option_files=digests_of(config.options),
        code=code_of(
            build(loss)
            for own in objectives.values()
            for loss in (own.loss, own.start_loss)
            if loss is not None
        ),
    )


def objective_of(loss: str) -> Objective:
    """The objective of a name, spelled out and checked.

    Raises:
        InputError: for an unknown loss or option.

    Example:
        >>> objective_of("dice:smooth=1.0 + ce").loss
        'dice+ce'
    """
    chosen = recipe(loss)
    if chosen.start_loss is None:
        return Objective(chosen.loss.spec)
    return Objective(chosen.loss.spec, chosen.start_loss.spec, chosen.start_share)


def budgeted(trainer: Mapping[str, Any], sample: bool = False) -> dict[str, Any]:
    """Keys of the trainer in full: ten evaluations on dev, where nothing else was asked for.

    Args:
        trainer: what a user chose, which wins for all objectives alike.
        sample: whether the data is the packaged sample.

    Example:
        >>> keys = budgeted({"eval_steps": 50})
        >>> [keys[name] for name in ("eval_strategy", "eval_steps", "save_steps")]
        ['steps', 50, 50]
        >>> budgeted({"eval_strategy": "epoch"})["save_strategy"]
        'epoch'
    """
    keys = {**TRAINER_DEFAULTS, **(SAMPLE_TRAINER if sample else {})}
    if not {"eval_strategy", "save_strategy"} & trainer.keys():
        often = trainer.get("eval_steps", TENTH)
        keys |= {"eval_strategy": "steps", "eval_steps": often}
        keys |= {"save_strategy": "steps", "save_steps": often}
    return {**keys, **trainer}


def _config(request: Request) -> RunConfig:
    """What all cells share, checked as a run checks it."""
    for name, why in _OWN.items():
        if request.config.get(name) is not None:
            raise InputError(
                f"expected no {name} in a comparison, got {quoted(request.config[name])}: {why}"
            )
    config = RunConfig.from_mapping(request.config)
    if config.train != SAMPLE and config.test is None:
        raise InputError(
            "expected a test file, on which the objectives are compared, got none: dev already "
            "chooses the checkpoints and the decision rules; give --test"
        )
    trainer = budgeted(config.trainer, sample=config.train == SAMPLE)
    return RunConfig.from_mapping({**asdict(config), "trainer": trainer})


def _check_losses(request: Request, objectives: Mapping[str, Objective]) -> str:
    """The baseline; refuses what is no comparison."""
    if len(request.losses) + len(request.predictions) < 2 or not request.losses:
        raise InputError(
            f"expected at least two losses to compare, got {', '.join(request.losses) or 'none'}: "
            "give --loss twice or more, for example --loss ce --loss ce+dice"
        )
    seen: dict[Objective, str] = {}
    for loss in request.losses:
        objective = objectives[loss]
        if list(request.losses).count(loss) > 1 or objective in seen:
            other = seen.get(objective, loss)
            raise InputError(
                f"expected each loss once, got {quoted(loss)} "
                + (f"beside {quoted(other)}, which is the same" if other != loss else "twice")
            )
        seen[objective] = loss
    for name in request.predictions:
        if name in objectives:
            raise InputError(
                f"expected another name for foreign predictions, got {quoted(name)}, which is "
                f"a loss "
                "here: --predictions NAME=FILE"
            )
    names = [*request.losses, *request.predictions]
    if request.baseline is not None and request.baseline not in names:
        raise unknown_name("baseline", request.baseline, names)
    return request.baseline or request.losses[0]


def _search(trials: int, seeds: Sequence[int]) -> Search | None:
    if trials < 0:
        raise InputError(f"expected at least 0 trials of the search, got {trials}")
    if trials == 0:
        return None
    return Search(trials, next(seed for seed in range(len(seeds) + 1) if seed not in seeds))


def seeds_of(given: int | Sequence[int]) -> tuple[int, ...]:
    """Seeds from their number (1, 2, …), or as they are.

    Raises:
        InputError: none, one twice, or one below 0.

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
            f"usual, 6 "
            "allow an exact test"
        )
    return tuple(sorted(whole))
