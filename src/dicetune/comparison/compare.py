"""compare: from a request to a plan, and its execution.

A request is checked before a folder is made. The data is read for the plan, which holds everything
that is equal for all runs.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from dicetune.comparison.execute import Outcome, execute
from dicetune.comparison.execution import Show
from dicetune.comparison.folder import PLAN_FILE, check_predictions, check_writable
from dicetune.comparison.places import Workplace
from dicetune.comparison.plan import DataFile, Plan, PlannedLoss, Search, digests_of
from dicetune.errors import InputError, listed, of_extra, quoted, unknown_name
from dicetune.losses import build, code_of, imported_names
from dicetune.models.adapters import LowRank
from dicetune.models.encoder import MINILM, resolve_encoder
from dicetune.records import TUNED
from dicetune.tasks.digest import data_digest
from dicetune.training.auto import AUTO, recipe_of
from dicetune.training.config import FP32, SAMPLE, TRAINER_DEFAULTS, RunConfig
from dicetune.training.defaults import open_keys, with_defaults
from dicetune.training.precision import with_precision
from dicetune.training.prepare import read_splits
from dicetune.training.processes import check_group
from dicetune.training.results import weights_of

_log = logging.getLogger(__name__)
OFTEN = 0.1
"""Share of the steps after which every objective is evaluated on dev."""

# the packaged sample is small, and for the embedded encoder these were chosen
_SAMPLE_TRAINER: dict[str, Any] = {
    "num_train_epochs": 7,
    "per_device_train_batch_size": 16,
    "learning_rate": 3e-4,
}
# keys of a configuration that are the same for every run, or come from other arguments
_DECIDED = {
    "loss": "give the losses (--loss, once for each)",
    "start_loss": "a start phase cannot be compared yet",
    "start_share": "a start phase cannot be compared yet",
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
    command: str = "",
) -> Plan:
    """The plan of a request: the arguments of ``compare``, and names of external predictions."""
    check_group()
    chosen = seeds_of(seeds)
    objectives = {loss: objective_of(loss) for loss in losses}
    _check_losses(losses, objectives, external)
    if baseline is not None and baseline not in [*losses, *external]:
        raise unknown_name("baseline", baseline, [*losses, *external])
    if budget is not None and not 0 < budget < float("inf"):
        raise InputError(f"expected a budget of minutes above 0, such as 90, got {budget:g}")
    if search < 0:
        raise InputError(f"expected at least 0 trials of the search, got {search}")
    if search:
        of_extra("optuna", "search", "--search")
    unused = next(seed for seed in range(len(chosen) + 1) if seed not in chosen)
    shared = with_precision(_shared_config(config))
    source = resolve_encoder(shared.model)
    splits, task = read_splits(shared)
    if not splits["test"].is_labelled:
        raise InputError(
            f"expected gold in the test file {quoted(splits['test'].source)}, on which the "
            "objectives are compared, got none: give another --test"
        )
    shared, notes = with_defaults(shared, source, len(splits["train"]))
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
    return Plan(
        task=shared.task,
        metric=task.main_metric,
        files=files,
        model={"name": shared.model, "sha256": weights_of(source)},
        objectives=objectives,
        seeds=chosen,
        baseline=baseline or losses[0],
        options=dict(shared.options),
        trainer=dict(shared.trainer),
        settings=settings,
        search=Search(search, unused) if search else None,
        keep_models=keep_models,
        budget=budget,
        command=command,
        option_files=digests_of(shared.options),
        code=code_of(build(spec) for objective in objectives.values() for spec in objective.specs),
    )


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


def objective_of(loss: str) -> PlannedLoss:
    """The objective of a name or a spec, checked.

    Example:
        >>> objective_of("dice:smooth=1.0 + ce").loss
        'dice+ce'
    """
    chosen = recipe_of(loss)
    if chosen.start_loss is None:
        return PlannedLoss(chosen.loss.spec)
    return PlannedLoss(chosen.loss.spec, chosen.start_loss.spec, chosen.start_share)


def _check_losses(
    losses: Sequence[str], objectives: Mapping[str, PlannedLoss], external: Sequence[str]
) -> None:
    """Refuse fewer than two competitors, and one loss or name given twice."""
    if len(losses) + len(external) < 2 or not losses:
        raise InputError(
            f"expected at least two losses to compare, got {', '.join(losses) or 'none'}: "
            "give --loss twice or more, for example --loss ce --loss ce+dice"
        )
    seen: dict[PlannedLoss, str] = {}
    for loss in losses:
        other = seen.setdefault(objectives[loss], loss)
        if other != loss or losses.count(loss) > 1:
            raise InputError(
                f"expected each loss once, got {quoted(loss)} "
                + (f"beside {quoted(other)}, which is the same" if other != loss else "twice")
            )
    for name in external:
        if name in objectives:
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
