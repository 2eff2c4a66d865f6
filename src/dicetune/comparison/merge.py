"""Compare on records alone: runs of comparisons on several machines, and of ``dicetune train``.

The records of runs are copied: nothing is trained, and no given folder is changed. All runs must
have the same data. Other differences are refused between runs of one loss, and noted between
losses.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dicetune.comparison.compare import baseline_among
from dicetune.comparison.competitor import PlannedLoss
from dicetune.comparison.execute import Outcome, conclude, task_of
from dicetune.comparison.folder import EXTERNAL, PLAN_FILE, check_predictions, check_writable
from dicetune.comparison.plan import SPLITS, DataFile, Plan, PlannedRun, run_id, what_decides
from dicetune.comparison.runs import RECORDS, FinishedRun, check_read_alike, is_finished
from dicetune.decide.folder import tune_folder
from dicetune.errors import DataError, InputError, quoted
from dicetune.records import DECISION_FILE, DEFAULT, PREDICTIONS_FILE, RUN_FILE, locked, sha256
from dicetune.training.config import TRAINER_DEFAULTS

_log = logging.getLogger(__name__)

# keys in which losses may differ; a search may change them too
_FREE = {"loss", "start_loss", "start_share", "seed", "code"}


def compare_records(
    sources: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    baseline: str | None = None,
    predictions: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Outcome:
    """Compare on the records of comparisons and of finished runs on the same data.

    Merged records are copied to ``out``. For a single comparison ``out`` is by default the folder
    of the comparison, where only summary and report are written again.
    """
    folders = [Path(source) for source in sources]
    predictions = predictions or {}
    check_predictions(predictions)
    in_place = len(folders) == 1 and (out is None or Path(out).resolve() == folders[0].resolve())
    if out is None and not in_place:
        raise InputError("expected a folder for the merged records, got none: give --out")
    folder = folders[0] if in_place else Path(out or ".")
    check_writable(folder)
    if not in_place:
        return _merged(folders, folder, baseline, predictions, name)
    plan = Plan.load(folder)
    baseline = baseline_among([*plan.competitors, *predictions], baseline, plan.baseline)
    with locked(folder):
        plan = replace(plan, baseline=baseline, name=name or plan.name)
        return conclude(plan, folder, predictions)


def _merged(
    folders: Sequence[Path],
    out: Path,
    baseline: str | None,
    predictions: Mapping[str, str],
    name: str | None,
) -> Outcome:
    """Merge records into one folder, which is touched once all of them are there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as beside:
        place = Path(beside)
        plan = merge(folders, out, place=place, baseline=baseline)
        plan = replace(plan, name=name or plan.name)
        outcome = conclude(plan, place, predictions, called=out)
        out.mkdir(exist_ok=True)
        with locked(out):
            files = [path for path in place.rglob("*") if path.is_file()]
            # the plan last: it marks the folder as complete
            for path in sorted(files, key=lambda path: path == place / PLAN_FILE):
                target = out / path.relative_to(place)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
    return replace(outcome, folder=out)


@dataclass(frozen=True)
class _Member(FinishedRun):
    """One finished run that is merged."""

    objective: PlannedLoss
    option_files: Mapping[str, str]

    @property
    def files(self) -> dict[str, DataFile]:
        """The data of the run."""
        return {
            split: DataFile(data["source"], data["sha256"], data["examples"])
            for split, data in self.record.data.items()
        }

    @property
    def code(self) -> dict[str, str | None]:
        """Digests of losses that a user wrote; records of an earlier version name none."""
        return dict(self.record.objective.get("code", {}))

    @property
    def model(self) -> str:
        """Fingerprint of the encoder, or its name."""
        return str(self.record.model["sha256"] or self.record.model["name"])

    @property
    def config(self) -> dict[str, Any]:
        """The configuration with the objective spelled out and the trainer's keys in full."""
        made, config = self.record.objective, self.record.config
        return {
            "decision": DEFAULT,  # of an earlier version, which chose by the default decision
            **config,
            "loss": made["loss"],
            "start_loss": made["start_loss"],
            "start_share": made["start_share"] or None,
            "trainer": {**TRAINER_DEFAULTS, **config["trainer"]},
        }

    @property
    def decides(self) -> dict[str, Any]:
        """The keys of the configuration that decide the run, flat."""
        options = {**self.config["options"], **self.option_files}
        decides = what_decides({**self.config, "options": options})
        flat = {name: value for name, value in decides.items() if not isinstance(value, Mapping)}
        for group in ("options", "trainer", "class_weight"):
            flat |= {f"{group}.{name}": value for name, value in decides.get(group, {}).items()}
        # where the head started, whether it was asked for or the data decided
        start = self.record.objective.get("prior_bias", self.record.config.get("prior_bias"))
        flat["prior_bias"] = bool(start)
        return {**flat, "code": self.code or None, "model": self.model}


def merge(folders: Sequence[Path], out: Path, *, place: Path, baseline: str | None = None) -> Plan:
    """The plan of merged records for ``out``; the records are copied below ``place``.

    The default baseline is the baseline of the first comparison, else the first competitor.
    """
    if out.is_file() or out.resolve() in [folder.resolve() for folder in folders]:
        raise InputError(f"expected a new folder for merged records, got {quoted(out)}")
    if (out / PLAN_FILE).is_file() and Plan.load(out).merged is None:
        raise InputError(
            f"expected a folder for merged records, got {quoted(out)}, which holds a "
            "comparison: give another --out"
        )
    plans = {folder: Plan.load(folder) for folder in folders if (folder / PLAN_FILE).is_file()}
    members, notes = _members(plans, [folder for folder in folders if folder not in plans])
    if not members:
        raise InputError("expected finished runs to compare, got none")
    _check_same_data(members)
    check_read_alike(members)
    members = _each_once(members)
    notes += _check_configurations(members)
    first, planned = members[0], next(iter(plans.values()), None)
    objectives = {member.planned.loss: member.objective for member in members}
    external = _copy_external(plans, place)
    default = planned.baseline if planned else first.planned.loss
    chosen = baseline_among([*objectives, *external], baseline, default)
    for member in members:
        _copy_run(member, place)
    config = first.record.config
    settings = planned.settings if planned else what_decides(config)
    return Plan(
        task=config["task"],
        metric=planned.metric if planned else str(task_of(first.record).main_metric),
        files=first.files,
        model={name: first.record.model[name] for name in ("name", "sha256")},
        objectives=objectives,
        seeds=tuple(sorted({member.planned.seed for member in members})),
        baseline=chosen,
        options=config["options"],
        trainer=first.config["trainer"],
        settings={
            name: value
            for name, value in settings.items()
            if name not in {*_FREE, "task", "options", "trainer"}
        },
        search=next((plan.search for plan in plans.values() if plan.search is not None), None),
        external=external,
        option_files=planned.option_files if planned else {},
        code={name: digest for member in members for name, digest in member.code.items()},
        merged=tuple(member.planned for member in members),
        notes=tuple(notes),
        name=next(filter(None, (plan.name for plan in plans.values())), None),
        command=" ".join(["dicetune compare", *(f"--from {f}" for f in folders), f"--out {out}"]),
    )


def _members(plans: Mapping[Path, Plan], plain: Sequence[Path]) -> tuple[list[_Member], list[str]]:
    """The finished runs of comparisons, then plain runs; and notes on runs that are skipped."""
    found: list[_Member] = []
    notes: list[str] = []
    names: dict[str, PlannedLoss] = {}
    for folder, plan in plans.items():
        names |= plan.objectives
        for planned in plan.runs:
            run = FinishedRun.read(planned, planned.folder(folder))
            if run is not None and is_finished(run.folder):
                run.check()
                objective = plan.objectives[planned.loss]
                found.append(_Member(planned, run.folder, run.record, objective, plan.option_files))
            else:
                notes.append(f"{planned.id} of {folder} is not finished and left out")
                _log.warning(notes[-1])
    return [*found, *(_plain_member(folder, names) for folder in plain)], notes


def _plain_member(folder: Path, names: Mapping[str, PlannedLoss]) -> _Member:
    """A run of ``dicetune train``, with the name of the competitor that it is in a comparison."""
    for name in RECORDS:
        if (folder / name).is_symlink():
            raise DataError(folder / name, "expected a file of a run, got a link to another place")
    run = FinishedRun.read(PlannedRun("", "", "", 0), folder)
    if run is None:
        raise DataError(
            folder,
            f"expected a comparison or a finished run, got neither {PLAN_FILE} nor {RUN_FILE}",
        )
    run.check()
    objective = PlannedLoss.of(run.record.objective)
    planned = PlannedRun("", str(objective), str(objective), run.record.config["seed"])
    member = _Member(planned, folder, run.record, objective, {})
    fits = {
        name: other
        for name, other in names.items()
        if other.loss == objective.loss
        and objective.settings.items() <= other.settings.items() <= member.decides.items()
    }
    if fits:  # of several, the one with the most settings
        name = max(fits, key=lambda name: len(fits[name].settings))
        planned = replace(planned, loss=name, objective=str(fits[name]))
        member = replace(member, planned=planned, objective=fits[name])
    data = {split: file.fingerprint for split, file in member.files.items()}
    data |= {name: str(digest) for name, digest in member.code.items()}
    planned = replace(planned, id=run_id(member.config, data, member.model))
    return replace(member, planned=planned)


def _check_same_data(members: Sequence[_Member]) -> None:
    first, task = members[0], members[0].record.config["task"]
    for member in members:
        if member.record.config["task"] != task:
            raise InputError(
                f"expected runs of one task, got {task} in {quoted(first.folder)} and "
                f"{member.record.config['task']} in {quoted(member.folder)}"
            )
        for split in SPLITS:
            pair = [(run.files.get(split), run.folder) for run in (first, member)]
            prints = [None if file is None else file.fingerprint for file, _ in pair]
            if None in prints or prints[0] != prints[1]:
                shown = " and ".join(f"{file or 'none'} in {quoted(place)}" for file, place in pair)
                raise InputError(
                    f"expected the same {split} data for all, got {shown}: only runs on the same "
                    "data can be compared"
                )


def _each_once(members: Sequence[_Member]) -> list[_Member]:
    """Each run once; a run that is given with two results is refused."""
    kept: dict[str, _Member] = {}
    for member in members:
        other = kept.setdefault(member.planned.id, member)
        if sha256(other.folder / PREDICTIONS_FILE) != sha256(member.folder / PREDICTIONS_FILE):
            raise InputError(
                f"expected one result of run {member.planned.id}, got two that differ, in "
                f"{quoted(other.folder)} and {quoted(member.folder)}: leave one of them out"
            )
    return list(kept.values())


def _check_configurations(members: Sequence[_Member]) -> list[str]:
    """Refuse one loss in two configurations; note where losses had other budgets."""
    first_of: dict[str, _Member] = {}
    for member in members:
        loss, seed = member.planned.loss, member.planned.seed
        other = first_of.setdefault(loss, member)
        places = f"in {quoted(other.folder)} and {quoted(member.folder)}: leave one of them out"
        if different := _different(other, member, {"seed"}):
            raise InputError(
                f"expected runs of {quoted(loss)} that differ in the seed alone, got "
                f"{different} {places}"
            )
        if other is not member and other.planned.seed == seed:
            raise InputError(
                f"expected one run of {quoted(loss)} with seed {seed}, got two, {places}"
            )
    first, *others = first_of.values()
    found = []
    for other in others:
        named = {*first.objective.settings, *other.objective.settings}
        if different := _different(first, other, _FREE | named):
            pair = f"{first.planned.loss} and {other.planned.loss}"
            found.append(f"{pair} differ in more than the loss: {different}")
    return found


def _different(first: _Member, second: _Member, but: set[str]) -> str:
    """The differences between two runs, in words."""
    then, now = first.decides, second.decides
    return "; ".join(
        f"{name} {quoted(then.get(name))} and {quoted(now.get(name))}"
        for name in sorted((then.keys() | now.keys()) - but)
        if then.get(name) != now.get(name)
    )


def _copy_run(member: _Member, out: Path) -> None:
    """Copy the records of a run, and fit its decision rule where there is none."""
    target = member.planned.folder(out)
    target.mkdir(parents=True, exist_ok=True)
    for name in (*RECORDS, *(f"{DEFAULT}/{name}" for name in RECORDS)):
        if (member.folder / name).is_file():
            (target / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(member.folder / name, target / name)
    if not (target / DECISION_FILE).is_file():
        _log.info("fitting the decision rule of %s on dev", member.planned.id)
        tune_folder(target)


def _copy_external(plans: Mapping[Path, Plan], out: Path) -> dict[str, dict[str, Any]]:
    """External competitors of all comparisons; of one name there may be one file."""
    found: dict[str, dict[str, Any]] = {}
    for folder, plan in plans.items():
        for name, given in plan.external.items():
            if found.setdefault(name, given).get("sha256") != given.get("sha256"):
                raise InputError(
                    f"expected one file of predictions for {quoted(name)}, got "
                    f"{quoted(found[name]['file'])} and {quoted(given['file'])}"
                )
            target = out / EXTERNAL / name
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / EXTERNAL / name / PREDICTIONS_FILE, target / PREDICTIONS_FILE)
    return found
