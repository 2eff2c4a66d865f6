"""The plan of a comparison in words, before anything is made."""

from __future__ import annotations

import shutil
from pathlib import Path

from dicetune.comparison.folder import BEST, WEIGHTS
from dicetune.comparison.plan import Plan
from dicetune.comparison.runs import Progress
from dicetune.errors import DicetuneError

MUCH = 2e9
"""Bytes of weights that are announced before the runs."""


def describe(plan: Plan, out: Path) -> list[str]:
    """The plan in words: the number of runs, and everything that is equal for all runs."""
    progress = Progress.read(plan, out)
    done = len(progress.of("done"))
    keys = plan.trainer
    length = f"{keys['num_train_epochs']:g} epochs"
    if keys.get("max_steps", -1) > 0:
        length = f"{keys['max_steps']} steps"
    steps = keys.get("eval_steps") or 0
    often = f"every {steps:g} steps" if steps >= 1 else f"every {100 * steps:g}% of the run"
    if keys.get("eval_strategy") == "epoch":
        often = "after each epoch"
    names = ", ".join(
        name if str(objective) == name else f"{name} = {objective}"
        for name, objective in plan.objectives.items()
    )
    lines = [
        f"{len(progress.runs)} runs: {len(plan.objectives)} losses ({names}; baseline "
        f"{plan.baseline}) × {plan.seeds_shown} ({', '.join(map(str, plan.seeds))})"
        + (f"; {done} are done" if done else ""),
        *_budgeted(plan),
        f"equal for all: {plan.model['name']}, {length} of batches of "
        f"{keys['per_device_train_batch_size']}, dev evaluated {often}, the best checkpoint by dev "
        f"{plan.metric.replace('_', ' ')} under each decision, a decision rule fitted on dev",
        *_starts(plan),
    ]
    if plan.search is not None:
        lines.append(
            f"before them {plan.search.trials} trials of each loss on seed {plan.search.seed}, "
            "scored on dev (learning rate, and the parameters of the loss)"
        )
    kept = f"of each run stay in {out} until the verdict, then those of {out / BEST} alone "
    kept = "are kept" if plan.keep_models else f"{kept}(--keep-models keeps all)"
    lines.append(f"weights {kept}; records, predictions and scores are kept")
    return [*lines, *_room(plan, out, len(progress.runs) - done)]


def _starts(plan: Plan) -> list[str]:
    """That heads may start apart (``training.auto.starts_at_prior``), where they may."""
    from dicetune.tasks import task_named

    losses = {str(objective) for objective in plan.objectives.values()}
    asked = plan.settings.get("prior_bias") is not None
    softmax = task_named(plan.task).predicts.independent is False
    if asked or softmax or "ce" not in losses or len(losses) < 2:
        return []
    return [
        "not equal where outputs are many sigmoids, or have many positives: there the head of ce "
        "starts at their share, of other losses at one half (prior_bias true or false: all alike)"
    ]


def _budgeted(plan: Plan) -> list[str]:
    """The budget in words, if there is one."""
    if plan.budget is None:
        return []
    spent = sum(plan.spent.values()) / 60
    already = f" ({spent:.0f} are spent)" if spent >= 0.5 else ""
    return [
        f"a budget of {plan.budget:g} minutes{already}: as many seeds as fit, the same for every "
        "loss, at least 1"
    ]


def _room(plan: Plan, out: Path, runs: int) -> list[str]:
    """How much disk the weights of the missing runs take, two checkpoints each, if it is much."""
    if not runs:
        return []
    from dicetune.models import resolve_encoder

    try:
        folder = Path(resolve_encoder(str(plan.model["name"])))
    except DicetuneError:
        return []
    need = 2 * runs * sum(path.stat().st_size for path in folder.glob(WEIGHTS))
    free = shutil.disk_usage(out if out.exists() else out.absolute().parent).free
    if need < MUCH and need < free:
        return []
    said = f"the weights of {runs} runs take up to {need / 1e9:.1f} GB in {out} until the verdict"
    return [said + (f", but only {free / 1e9:.1f} GB are free" if need >= free else "")]
