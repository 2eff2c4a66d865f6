"""Merge records: cells of comparisons on several machines, and folders of ``dicetune train``.

Works on what runs left, and copies it: nothing is trained, no folder that was given is changed. All
must have seen the same data; what else differs is refused within a loss, and noted between losses.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicetune.comparison.cell import decided, fit_decision, is_finished
from dicetune.comparison.cells import FinishedCell
from dicetune.comparison.foreign import FOREIGN
from dicetune.comparison.plan import (
    PLAN_FILE,
    SPLITS,
    Cell,
    DataFile,
    Objective,
    Plan,
    cell_id,
    what_decides,
)
from dicetune.comparison.progress import folder_of
from dicetune.comparison.same_inputs import check_read_alike
from dicetune.errors import DataError, InputError, quoted, unknown_name
from dicetune.records import (
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SCORES_FILE,
    RunRecord,
    sha256,
)

RECORDS = (
    PREDICTIONS_FILE,
    SCORES_FILE,
    METRICS_FILE,
    "config.yaml",
    "decision.json",
    "tuned.jsonl",
    RUN_FILE,  # last: it says that the folder is whole
)
# what competitors differ in, and a search may
_FREE = {"loss", "start_loss", "start_share", "seed", "code"}


@dataclass(frozen=True)
class Member:
    """One finished run that was given.

    Args:
        cell: its id, loss and seed.
        folder: where it lies.
        record: how it was made.
        objective: what it trained with.
        decides: its configuration, flat, as far as it decides the run.
    """

    cell: Cell
    folder: Path
    record: RunRecord
    objective: Objective
    decides: Mapping[str, Any]

    @property
    def files(self) -> dict[str, DataFile]:
        """The data it saw."""
        return {
            split: DataFile(own["source"], own["sha256"], own["examples"])
            for split, own in self.record.data.items()
        }

    @property
    def code(self) -> dict[str, str | None]:
        """Digests of the user's own losses; records of an earlier version name none."""
        return dict(self.record.objective.get("code", {}))


def merge(
    folders: Sequence[Path],
    out: Path,
    *,
    place: Path,
    baseline: str | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Plan:
    """The plan of everything that was given, with the records copied below ``place``.

    Args:
        folders: of comparisons and of finished runs.
        out: folder of the merged records; it may hold some already.
        place: folder in which they are put together, so that a failure leaves nothing in ``out``.
        baseline: name of a competitor; by default that of the first comparison, else the first.
        report: takes a line for what is left out.

    Raises:
        InputError: other data, another task, two runs of one loss that differ in more than the
            seed, or two results of the same cell.
    """
    _check_out(out, folders)
    plans = [Plan.load(folder) for folder in folders if (folder / PLAN_FILE).is_file()]
    members, notes = _members(folders, report)
    if not members:
        raise InputError("expected finished runs to compare, got none")
    _check_same_data(members)
    check_read_alike((own.folder, own.record) for own in members)
    members = _each_once(members)
    notes += _check_configurations(members)
    first = members[0]
    objectives = {own.cell.loss: own.objective for own in members}
    foreign = _copy_foreign(folders, plans, place)
    chosen = baseline or (plans[0].baseline if plans else first.cell.loss)
    if chosen not in [*objectives, *foreign]:
        raise unknown_name("baseline", chosen, [*objectives, *foreign])
    for own in members:
        _copy_cell(own, place)
        if not decided(folder_of(place, own.cell)):
            report(f"fitting the decision rule of {own.cell.id} on dev")
            fit_decision(folder_of(place, own.cell))
    config = first.record.config
    settings = {
        name: value
        for name, value in (plans[0].settings if plans else what_decides(config)).items()
        if name not in {*_FREE, "task", "options", "trainer"}
    }
    return Plan(
        task=config["task"],
        metric=plans[0].metric if plans else _metric(first.record),
        files=first.files,
        model={"name": first.record.model["name"], "sha256": first.record.model["sha256"]},
        objectives=objectives,
        seeds=tuple(sorted({own.cell.seed for own in members})),
        baseline=chosen,
        options=config["options"],
        trainer=_full(config["trainer"]),
        settings=settings,
        search=next((plan.search for plan in plans if plan.search is not None), None),
        foreign=foreign,
        option_files=next((plan.option_files for plan in plans), {}),
        code={name: digest for own in members for name, digest in own.code.items()},
        merged=tuple(own.cell for own in members),
        notes=tuple(notes),
        command=" ".join(["dicetune compare", *(f"--from {f}" for f in folders), f"--out {out}"]),
    )


def _check_out(out: Path, folders: Sequence[Path]) -> None:
    if out.is_file() or out.resolve() in [folder.resolve() for folder in folders]:
        raise InputError(f"expected a folder of its own for merged records, got {quoted(out)}")
    if (out / PLAN_FILE).is_file() and Plan.load(out).merged is None:
        raise InputError(
            f"expected a folder for merged records, got {quoted(out)}, which holds a "
            f"comparison: "
            "give another --out"
        )


def _members(
    folders: Sequence[Path], report: Callable[[str], None]
) -> tuple[list[Member], list[str]]:
    found: list[Member] = []
    notes: list[str] = []
    planned: dict[Objective, str] = {}
    for folder in folders:
        if (folder / PLAN_FILE).is_file():
            plan = Plan.load(folder)
            planned |= {own: name for name, own in plan.objectives.items()}
            for cell in plan.cells:
                own = FinishedCell.read(cell, folder_of(folder, cell))
                if own is not None and is_finished(own.folder, keep_model=True):
                    own.check()
                    objective = plan.objectives[cell.loss]
                    found.append(
                        _member(cell, own.folder, own.record, objective, plan.option_files)
                    )
                else:
                    notes.append(f"{cell.id} of {folder} is not finished and left out")
                    report(notes[-1])
    for folder in folders:
        if (folder / PLAN_FILE).is_file():
            continue
        found.append(_plain_member(folder, planned))
    return found, notes


def _plain_member(folder: Path, planned: Mapping[Objective, str]) -> Member:
    """A run of ``dicetune train``; its loss has the name that a comparison gave it, if one did."""
    for name in RECORDS:
        if (folder / name).is_symlink():
            raise DataError(folder / name, "expected a file of a run, got a link to another place")
    given = FinishedCell.read(Cell("", "", "", 0), folder)
    if given is None:
        raise DataError(
            folder,
            f"expected a comparison or a finished run, got neither {PLAN_FILE} nor {RUN_FILE}",
        )
    given.check()
    record, made = given.record, given.record.objective
    objective = Objective(made["loss"], made["start_loss"], made["start_share"] or None)
    name = planned.get(objective, str(objective))
    cell = Cell("", name, str(objective), record.config["seed"])
    own = _member(cell, folder, record, objective, {})
    data = {split: file.fingerprint for split, file in own.files.items()}
    data |= {name: str(digest) for name, digest in own.code.items()}
    model = record.model["sha256"] or record.model["name"]
    return replace(own, cell=replace(cell, id=cell_id(_config(record), data, model)))


def _member(
    cell: Cell,
    folder: Path,
    record: RunRecord,
    objective: Objective,
    option_files: Mapping[str, str],
) -> Member:
    config = _config(record)
    decides = what_decides({**config, "options": {**config["options"], **option_files}})
    flat = {name: value for name, value in decides.items() if not isinstance(value, Mapping)}
    for group in ("options", "trainer", "class_weight"):
        flat |= {f"{group}.{name}": value for name, value in decides.get(group, {}).items()}
    flat["code"] = record.objective.get("code") or None
    flat["model"] = record.model["sha256"] or record.model["name"]
    return Member(cell, folder, record, objective, flat)


def _config(record: RunRecord) -> dict[str, Any]:
    """A run's configuration with its objective spelled out and its trainer's keys in full."""
    made = record.objective
    return {
        **record.config,
        "loss": made["loss"],
        "start_loss": made["start_loss"],
        "start_share": made["start_share"] or None,
        "trainer": _full(record.config["trainer"]),
    }


def _full(trainer: Mapping[str, Any]) -> dict[str, Any]:
    from dicetune.training.config import TRAINER_DEFAULTS

    return {**TRAINER_DEFAULTS, **trainer}


def _check_same_data(members: Sequence[Member]) -> None:
    first = members[0]
    for own in members:
        if own.record.config["task"] != first.record.config["task"]:
            raise InputError(
                f"expected runs of one task, got {first.record.config['task']} in "
                f""
                f"{quoted(first.folder)} and {own.record.config['task']} in "
                f"{quoted(own.folder)}"
            )
        for split in SPLITS:
            pair = [run.files.get(split) for run in (first, own)]
            prints = [None if file is None else file.fingerprint for file in pair]
            if None in prints or prints[0] != prints[1]:
                shown = " and ".join(
                    f"{file or 'none'} in {quoted(run.folder)}"
                    for file, run in zip(pair, (first, own), strict=True)
                )
                raise InputError(
                    f"expected the same {split} data for all, got {shown}: only runs on the same "
                    "data can be compared"
                )


def _each_once(members: Sequence[Member]) -> list[Member]:
    """Each cell once; the same cell with another result is refused."""
    kept: dict[str, Member] = {}
    for own in members:
        other = kept.setdefault(own.cell.id, own)
        if sha256(other.folder / PREDICTIONS_FILE) != sha256(own.folder / PREDICTIONS_FILE):
            raise InputError(
                f"expected one result of cell {own.cell.id}, got two that differ, in "
                f"{quoted(other.folder)} and {quoted(own.folder)}: leave one of them out"
            )
    return list(kept.values())


def _check_configurations(members: Sequence[Member]) -> list[str]:
    """Refuse one loss in two configurations; say where losses had other budgets."""
    first_of: dict[str, Member] = {}
    notes = []
    for own in members:
        other = first_of.setdefault(own.cell.loss, own)
        if different := _different(other, own, {"seed"}):
            raise InputError(
                f"expected runs of {quoted(own.cell.loss)} that differ in the seed alone, got "
                f""
                f"{different} in {quoted(other.folder)} and {quoted(own.folder)}: "
                f"leave one of them "
                "out"
            )
        if other is not own and other.cell.seed == own.cell.seed:
            raise InputError(
                f"expected one run of {quoted(own.cell.loss)} with seed {own.cell.seed}, got "
                f"two, in "
                f"{quoted(other.folder)} and {quoted(own.folder)}: leave one of them out"
            )
    first, *others = first_of.values()
    for own in others:
        if different := _different(first, own, _FREE):
            notes.append(
                f"{first.cell.loss} and {own.cell.loss} differ in more than the loss: {different}"
            )
    return notes


def _different(first: Member, second: Member, but: set[str]) -> str:
    """What two runs differ in, in words."""
    names = sorted((first.decides.keys() | second.decides.keys()) - but)
    return "; ".join(
        f"{name} {quoted(first.decides.get(name))} and {quoted(second.decides.get(name))}"
        for name in names
        if first.decides.get(name) != second.decides.get(name)
    )


def _copy_cell(own: Member, out: Path) -> None:
    target = folder_of(out, own.cell)
    target.mkdir(parents=True, exist_ok=True)
    for name in RECORDS:
        if (own.folder / name).is_file():
            shutil.copyfile(own.folder / name, target / name)


def _copy_foreign(
    folders: Sequence[Path], plans: Sequence[Plan], out: Path
) -> dict[str, dict[str, Any]]:
    """Foreign competitors of all comparisons; of one name they have to be the same."""
    found: dict[str, dict[str, Any]] = {}
    compared = [folder for folder in folders if (folder / PLAN_FILE).is_file()]
    for folder, plan in zip(compared, plans, strict=True):
        for name, own in plan.foreign.items():
            if found.setdefault(name, own).get("sha256") != own.get("sha256"):
                raise InputError(
                    f"expected one file of predictions for {quoted(name)}, got "
                    f"{quoted(found[name]['file'])} and {quoted(own['file'])}"
                )
            target = out / FOREIGN / name
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / FOREIGN / name / PREDICTIONS_FILE, target / PREDICTIONS_FILE)
    return found


def _metric(record: RunRecord) -> str:
    from dicetune.tasks import task_named

    task = task_named(record.config["task"]).restore(record.labels, record.settings)
    return str(task.main_metric)
