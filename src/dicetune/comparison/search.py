"""Search for hyper-parameters: as many trials for every loss, scored on dev alone.

A trial is a run without a test file, on a seed that is not compared. The learning rate is drawn
log-uniformly around the configured rate, together with parameters of the loss (``Loss.ranges``).
The first trial is the given configuration, so that a search never ends worse on dev. A search that
was killed continues with its unfinished trial, and finds the same values.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from dicetune.comparison.competitor import LEARNING_RATE, PlannedLoss
from dicetune.comparison.folder import SEARCH, failure_of
from dicetune.comparison.plan import Plan, slug
from dicetune.errors import InputError
from dicetune.losses import Range, build
from dicetune.records import METRICS_FILE, read_json, replace_text

_log = logging.getLogger(__name__)
AROUND = 5.0
"""The learning rate is searched from a fifth of the configured rate to five times it."""


@dataclass(frozen=True)
class Trial:
    """A run that the search asks for: its folder, its configuration, and a title."""

    folder: Path
    config: dict[str, Any]
    title: str


Found = tuple[PlannedLoss, dict[str, Any]]
"""The best objective, and all trials for the record."""


def search(plan: Plan, out: Path, name: str) -> Generator[Trial, str | None, Found]:
    """Search for one competitor: yields each trial, and is sent the reason of its failure.

    Returns:
        The best objective, and all trials for the record.

    Raises:
        InputError: a plan without a search.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if plan.search is None:
        raise InputError("expected a plan with a search, got none: give --search N")
    trials, seed = plan.search.trials, plan.search.seed
    given = plan.objectives[name]
    place = out / SEARCH / f"{slug(name)}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    place.mkdir(parents=True, exist_ok=True)
    rate = given.settings.get(LEARNING_RATE) or plan.trainer["learning_rate"]
    space = space_of(given, float(rate))
    study = optuna.create_study(
        study_name=name,
        storage=_storage(place / "trials.journal"),
        direction="maximize",
        load_if_exists=True,
    )
    if not study.trials:
        study.enqueue_trial({key: value for key, (value, _) in space.items()})
    while True:
        states = [trial.state for trial in study.trials]
        finished = sum(state.is_finished() for state in states)
        if finished >= trials:
            break
        # a draw depends on the trial's number and on no other draw: a resume draws the same
        study.sampler = optuna.samplers.TPESampler(seed=1000 * seed + finished)
        unfinished = [t for t in study.trials if t.state == optuna.trial.TrialState.RUNNING]
        trial = optuna.trial.Trial(study, unfinished[0]._trial_id) if unfinished else study.ask()
        for key, (_, allowed) in space.items():
            trial.suggest_float(key, allowed.low, allowed.high, log=allowed.log)
        chosen = with_values(given, trial.params, trial.number)
        config = replace(plan, objectives={name: chosen}).config_of(name, seed)
        if plan.files["train"].path.startswith("sample:"):
            config |= _sample_files(out / SEARCH)
        config.pop("test", None)  # so that no trial sees the test data
        folder, number = place / f"trial-{trial.number:03d}", trial.number + 1
        reason = yield Trial(folder, config, f"search · {name} · trial {number}/{trials}")
        if reason is None:
            score = read_json(folder / METRICS_FILE)["dev"][plan.metric]
            study.tell(trial, score)
            said = f"dev {plan.metric.replace('_', ' ')} {100 * score:.2f}"
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            said = f"failed: {reason}"
        _log.info("search %s: trial %d of %d, %s: %s", name, number, trials, chosen, said)
    found, said = _best_of(given, study.trials, place)
    _log.info("search %s: %s", name, said)
    return found


def space_of(objective: PlannedLoss, learning_rate: float) -> dict[str, tuple[float, Range]]:
    """Value and range of each parameter that is searched for an objective, by name.

    Example:
        >>> sorted(space_of(PlannedLoss("ce+dice"), 1e-4))
        ['2', '2.smooth', 'learning_rate']
    """
    allowed = Range(learning_rate / AROUND, learning_rate * AROUND, log=True)
    return {"learning_rate": (learning_rate, allowed), **build(objective.loss).searchable()}


def with_values(objective: PlannedLoss, drawn: Mapping[str, float], trial: int) -> PlannedLoss:
    """The objective with values of ``space_of``: of four digits, in trial 0 as the user gave them.

    Example:
        >>> with_values(PlannedLoss("ce+dice"), {"2": 0.5, "learning_rate": 3e-5}, 1)
        PlannedLoss(loss='ce+0.5*dice', settings={'trainer.learning_rate': 3e-05})
    """
    values = {key: float(f"{one:.4g}") if trial else one for key, one in drawn.items()}
    settings = {**objective.settings, LEARNING_RATE: values.pop("learning_rate")}
    return PlannedLoss(build(objective.loss).with_values(values).spec, settings)


def _best_of(given: PlannedLoss, trials: list[Any], place: Path) -> tuple[Found, str]:
    """The objective of the best trial with all trials for the record, and a line."""
    rows = []
    scored: list[tuple[float, int, PlannedLoss]] = []
    for trial in trials:
        if not trial.state.is_finished():
            continue
        chosen, number = with_values(given, trial.params, trial.number), trial.number + 1
        row: dict[str, Any] = {"number": number, "dev": trial.value, "loss": chosen.loss}
        row["learning_rate"] = chosen.settings[LEARNING_RATE]
        if trial.value is not None:
            scored.append((trial.value, -number, chosen))
        elif (reason := failure_of(place / f"trial-{trial.number:03d}")) is not None:
            row["reason"] = reason
        rows.append(row)
    if not scored:
        said = "every trial failed; the loss is compared with its given options"
        return (given, {"best": None, "trials": rows}), said
    _, number, best = max(scored, key=lambda trial: trial[:2])
    said = f"trial {-number} is best: {best}"
    return (best, {"best": -number, "trials": rows}), said


def _sample_files(place: Path) -> dict[str, str]:
    """The packaged sample without its test split, as files."""
    from dicetune.data import sample_corpora, write_conll

    corpora = sample_corpora()
    files = {}
    for split in ("train", "dev"):
        path = place / f"sample.{split}.conll"
        corpus = corpora[split]
        stream = StringIO()
        write_conll(stream, corpus, [sentence.tags for sentence in corpus])
        replace_text(path, stream.getvalue())  # another trial may read it now
        files[split] = str(path)
    return files


def _storage(path: Path) -> Any:
    """The trials of one loss in a file, without half a line or a lock that a kill left."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    for stale in path.parent.glob(path.name + ".lock*"):
        stale.unlink()
    if path.is_file():
        whole = path.read_bytes()
        path.write_bytes(whole[: whole.rfind(b"\n") + 1])
    return JournalStorage(JournalFileBackend(str(path)))
