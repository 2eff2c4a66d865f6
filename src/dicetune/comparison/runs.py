"""The runs of a comparison, read from their folders, logs and records. Needs no torch.

One comparison has one set of inputs: data, encoder, and files that options name, by fingerprint. A
file may change while a comparison runs, and records may come from elsewhere. So the files are
checked before each run, and the inputs of each finished run before any verdict.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from dicetune.comparison.folder import PLAN_FILE, RUNS, failure_of, reading
from dicetune.comparison.plan import Plan, PlannedRun
from dicetune.decide import DecisionRule, read_scores
from dicetune.errors import DataError, DicetuneError, InputError, listed, quoted
from dicetune.problems.score_rows import ScoreTables
from dicetune.records import (
    DECISION_FILE,
    DEFAULT,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SCORES_FILE,
    TUNED_FILE,
    RunRecord,
    check_shape,
    read_json,
    read_json_lines,
    sha256,
)

Row = dict[str, Any]

RECORDS = (
    PREDICTIONS_FILE,
    SCORES_FILE,
    METRICS_FILE,
    "config.yaml",
    DECISION_FILE,
    TUNED_FILE,
    RUN_FILE,  # last: it marks the folder as complete
)
"""The records of a finished run."""

EXAMPLE = ("split", "id", "document", "tokens", "text", "text_b", "question", "gold")
"""Keys of a row of predictions that describe the example; other keys depend on the model."""

_EVALUATION = re.compile(r"step (\d+)/(\d+) · dev \S+ (-?[\d.]+)")
_NUMBER = int | float
_TRAINING = {  # what tables and curves read of the training
    **dict.fromkeys(("seconds", "steps", "best_step"), _NUMBER),
    "history": [{"step": _NUMBER}],
}


def is_finished(folder: Path) -> bool:
    """Whether the folder holds a finished run, which is not made again."""
    return all((folder / name).is_file() for name in (RUN_FILE, DECISION_FILE))


@dataclass(frozen=True)
class RunState:
    """The state of one planned run, read from its folder and its log."""

    planned: PlannedRun
    state: str  # "done", "running", "failed" or "waiting"
    step: int = 0  # the step of the last evaluation
    steps: int = 0  # all steps of training, once known
    dev: float | None = None  # main score of the chosen checkpoint, or of the best so far
    seconds: float | None = None  # of training, where the run is done
    reason: str | None = None  # why the run failed

    @classmethod
    def read(
        cls, plan: Plan, out: Path, planned: PlannedRun, running: Collection[str] = ()
    ) -> RunState:
        """The state of a run; ``running`` are the ids of the running runs."""
        folder = planned.folder(out)
        is_running = planned.id in running
        if not is_running and is_finished(folder):
            try:
                training = read_json(folder / RUN_FILE)["training"]
                steps, seconds = int(training["steps"]), float(training["seconds"])
                dev = read_json(folder / METRICS_FILE)["dev"].get(plan.metric)
                dev = None if dev is None else float(dev)
                return cls(planned, "done", steps, steps, dev, seconds)
            except (DicetuneError, OSError, AttributeError, LookupError, TypeError, ValueError):
                return cls(planned, "failed", reason="its records are damaged")
        evaluated = _evaluations(folder.with_name(folder.name + ".log"))
        reason = None if is_running else failure_of(folder)
        state = "running" if is_running else "waiting" if reason is None else "failed"
        return cls(planned, state, *evaluated, reason=reason)

    @property
    def share(self) -> float:
        """The share of the training that is over, in [0, 1]."""
        if self.state in ("done", "failed"):
            return 1.0
        return self.step / self.steps if self.steps else 0.0


def _evaluations(log: Path) -> tuple[int, int, float | None]:
    """Last step, all steps and best dev score of the run that a log ends with."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    found = _EVALUATION.findall(text)
    if not found:
        return 0, 0, None
    step, steps, _ = found[-1]
    return int(step), int(steps), max(float(score) for *_, score in found) / 100


@dataclass(frozen=True)
class Progress:
    """The states of all runs in the order of the plan, and the time that is left."""

    runs: tuple[RunState, ...]
    seconds_left: float | None = None  # an estimate, once one run is done
    what: str = ""  # the trial of the search that is made now, if one is

    @classmethod
    def read(
        cls,
        plan: Plan,
        out: Path,
        running: Mapping[str, float] = MappingProxyType({}),
        taken: Sequence[float] = (),
        at_once: int = 1,
    ) -> Progress:
        """All states.

        Args:
            plan: of the comparison.
            out: its folder.
            running: seconds since each running run began, by id.
            taken: seconds that earlier runs took; by default those of the records.
            at_once: number of runs that are made at a time.
        """
        states = tuple(RunState.read(plan, out, planned, running) for planned in plan.runs)
        times = list(taken) or [state.seconds for state in states if state.seconds is not None]
        left = None
        if times:
            each = sum(times) / len(times)
            open_ = [each] * sum(state.state == "waiting" for state in states)
            open_ += [max(each - elapsed, 0.0) for elapsed in running.values()]
            left = sum(open_) / max(min(at_once, len(open_)), 1)
        return cls(states, left)

    def of(self, state: str) -> list[RunState]:
        """The runs in a state."""
        return [run for run in self.runs if run.state == state]


@dataclass(frozen=True)
class FinishedRun:
    """The folder and the record of one finished run."""

    planned: PlannedRun
    folder: Path
    record: RunRecord

    @classmethod
    def read(cls, planned: PlannedRun, folder: Path) -> FinishedRun | None:
        """The run in a folder, or ``None`` where the run is not finished."""
        if not (folder / RUN_FILE).is_file():
            return None
        with reading(folder / RUN_FILE, remake(folder)):
            record = RunRecord.load(folder)
            check_shape(folder / RUN_FILE, record.training, _TRAINING)
        return cls(planned, folder, record)

    @classmethod
    def of_plan(cls, plan: Plan, out: Path) -> list[FinishedRun]:
        """All runs of a plan that are finished."""
        found = [cls.read(planned, planned.folder(out)) for planned in plan.runs]
        return [run for run in found if run is not None]

    def check(self) -> None:
        """Read all files once, to find damage before any table is made."""
        mend = remake(self.folder)
        with reading(self.folder / METRICS_FILE, mend):
            metrics = read_json(self.folder / METRICS_FILE)
            if not isinstance(metrics["dev"], dict):
                raise TypeError(f"expected scores of dev, got {quoted(metrics['dev'])}")
        with reading(self.folder / PREDICTIONS_FILE, mend):
            counts = _counts(read_json_lines(self.folder / PREDICTIONS_FILE), metrics)
        with reading(self.folder / SCORES_FILE, mend):
            scored = {split: len(units) for split, units in self._scores[0].items()}
            if scored != {split: count for split, count in counts.items() if split in metrics}:
                raise ValueError(f"scores of {quoted(scored)} examples, predictions of {counts}")
        with reading(self.folder / DECISION_FILE, mend):
            fitted = DecisionRule.load(self.folder) is not None
        decided = [self.folder / TUNED_FILE] if fitted else []
        for path in (*decided, self.place(DEFAULT) / PREDICTIONS_FILE):
            with reading(path, mend):
                found = _counts(read_json_lines(path), metrics)
                if found != counts:
                    raise ValueError(f"decisions on {found} examples, predictions of {counts}")

    def place(self, decision: str) -> Path:
        """The folder of the best checkpoint under a decision: ``place_of``."""
        return place_of(self.folder, decision)

    def predictions(self, split: str) -> list[Row]:
        """Rows of the default decision, of the checkpoint that is best by it, in their order."""
        return [row for row in self._by_default if row.get("split") == split]

    def tuned(self, split: str) -> list[Row] | None:
        """Rows of the tuned decision, in the order of the file; ``None`` without a file."""
        path = self.folder / TUNED_FILE
        if not path.is_file():
            return None
        return [row for row in read_json_lines(path) if row.get("split") == split]

    def decided(self, split: str, decision: str) -> list[Row] | None:
        """Rows of a decision; ``None`` without a file."""
        return self.predictions(split) if decision == DEFAULT else self.tuned(split)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem: kind, labels, metric (``Task.problem``)."""
        problem = self._scores[1]
        if problem is None:
            raise DataError(
                self.folder / SCORES_FILE,
                "expected scores with their problem, got scores of an earlier version: "
                "train the run again",
            )
        return problem

    @property
    def splits(self) -> list[str]:
        """The splits with scores."""
        return list(self._scores[0])

    def scores(self, split: str) -> Sequence[np.ndarray]:
        """The outputs of the model for each example, (rows, columns) each."""
        return self._scores[0][split]

    @cached_property
    def _scores(self) -> tuple[dict[str, ScoreTables], dict[str, Any] | None]:
        return read_scores(self.folder)

    @cached_property
    def _by_default(self) -> list[Row]:
        return list(read_json_lines(self.place(DEFAULT) / PREDICTIONS_FILE))


def place_of(folder: Path, decision: str) -> Path:
    """The folder of the best checkpoint of a run under a decision.

    It is the folder of the run, or ``argmax/`` in it where another checkpoint is best by default.
    """
    own = folder / DEFAULT
    return own if decision == DEFAULT and (own / RUN_FILE).is_file() else folder


def remake(folder: Path) -> str:
    """How a damaged run is made whole again, in words."""
    out = folder.parent.parent
    if folder.parent.name == RUNS and (out / PLAN_FILE).is_file():
        return (
            f"run `dicetune compare --out {out}` again, which makes this run anew (merged records: "
            "the command with --from)"
        )
    return f"make the run in {quoted(folder)} again, or leave it out"


def _counts(rows: Iterable[Row], scored: Collection[str]) -> dict[str, int]:
    """How many rows each split has; a row must hold a prediction, and gold if it is scored."""
    found: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        known = row.keys() if isinstance(row, dict) else set()
        with_gold = "split" not in known or row["split"] not in scored or "gold" in known
        if not {"split", "id", "predicted"} <= known or not with_gold:
            raise ValueError(f"line {number}: expected split, id, gold and predicted")
        found[str(row["split"])] = found.get(str(row["split"]), 0) + 1
    return found


def in_order(rows: Sequence[Row], like: Sequence[Row], path: Path) -> list[Row]:
    """Rows of ``path`` in the order of ``like``, which must be the same examples.

    Example:
        >>> in_order([{"id": "b"}, {"id": "a"}], [{"id": "a"}, {"id": "b"}], Path("x.jsonl"))
        [{'id': 'a'}, {'id': 'b'}]
    """
    wanted = [str(row["id"]) for row in like]
    given = [str(row["id"]) for row in rows]
    if given == wanted:
        return list(rows)
    places = {name: number for number, name in enumerate(given)}
    if len(places) < len(given) or places.keys() != set(wanted) or len(given) != len(wanted):
        odd = sorted(set(wanted) ^ places.keys())[:3]
        raise DataError(
            path,
            f"expected the {len(wanted)} examples of the other runs, got {len(given)}"
            + (f", not the same ones (first: {listed(odd)})" if odd else ", some of them twice"),
        )
    return [rows[places[name]] for name in wanted]


def finished_plan(out: Path) -> Plan | None:
    """The plan of a comparison that has nothing to train and whose files are as they were.

    Its summary is then made from the records, without reading the data again. ``None`` for any
    other folder, and where a loss is code of a user, who has to name it again.
    """
    if not (out / PLAN_FILE).is_file():
        return None
    plan = Plan.load(out)
    searched = plan.search is None or plan.search.found.keys() >= plan.objectives.keys()
    if plan.merged is not None or plan.code or plan.budget is not None or not searched:
        return None
    try:
        check_files(plan, out, "the summary")
    except DicetuneError:
        return None
    done = Progress.read(plan, out).of("done")
    return plan if len(done) == len(plan.runs) else None


def check_files(plan: Plan, out: Path, what: str) -> None:
    """Refuse to begin ``what`` on other files than the files of the plan."""
    files = [(split, file.path, file.sha256) for split, file in plan.files.items()]
    files += [(name, plan.options[name], digest) for name, digest in plan.option_files.items()]
    encoder = Path(plan.model["name"] or "")
    if encoder.is_dir():  # a model that is given by name lies in a cache, and is not edited
        files.append(("encoder", str(encoder / "model.safetensors"), plan.model["sha256"]))
    for name, path, digest in files:
        if digest is not None and (found := _digest(path)) != digest:
            got = "no such file" if found is None else f"another one ({found[:8]})"
            raise InputError(
                f"{what} was not begun: expected the {name} file of the comparison, "
                f"{quoted(Path(path))} ({digest[:8]}), got {got}: restore the file and run "
                f"`dicetune compare --out {out}` again, or give another --out for a comparison on "
                "the changed file"
            )


def _digest(path: str) -> str | None:
    if Path(path).is_file():
        return sha256(path)
    from dicetune.tasks.digest import data_digest  # takes long to import

    return data_digest(path)


def check_runs(plan: Plan, out: Path, runs: Sequence[FinishedRun]) -> list[str]:
    """Refuse a verdict over runs that were made from other inputs than the inputs of the plan.

    Returns notes that name the inputs without a fingerprint, which could not be checked.
    """
    unknown: dict[str, int] = {}
    for run in runs:
        for name, planned, recorded in _inputs(plan, run.record):
            if planned is None or recorded is None:
                unknown[name] = unknown.get(name, 0) + 1
            elif planned != recorded:
                mend = (
                    f"delete {quoted(run.planned.folder(out))} and run `dicetune compare --out "
                    f"{out}` again, which makes it anew from the files of the comparison"
                    if plan.merged is None
                    else "leave that run out of the comparison"
                )
                raise DataError(
                    run.folder,
                    f"expected run {run.planned.id} to be made from the {name} of the comparison "
                    f"({_short(planned)}), got another ({_short(recorded)}): {mend}",
                )
    chosen = {run.record.config.get("decision", DEFAULT): run for run in runs}
    if len(chosen) > 1 and plan.merged is None:
        run = chosen[DEFAULT]
        raise DataError(
            run.folder,
            "expected runs whose checkpoints were all chosen by a tuned decision, got one chosen "
            "by the default decision, as an earlier version did: delete that folder and run "
            f"`dicetune compare --out {out}` again, which makes it anew",
        )
    check_read_alike(runs)
    return [
        f"{name}: {count} of {len(runs)} runs have no fingerprint, so that it was not checked "
        "whether all were made from the same"
        for name, count in unknown.items()
    ]


def _inputs(plan: Plan, record: RunRecord) -> list[tuple[str, Any, Any]]:
    """Name of each input, and its fingerprint in the plan and in a record, where they have it."""
    found: list[tuple[str, Any, Any]] = []
    for split, file in plan.files.items():
        recorded = record.data.get(split, {})
        found.append((f"number of {split} examples", file.examples, recorded.get("examples")))
        if not file.path.startswith("sample:"):
            found.append((f"{split} data", file.sha256, recorded.get("sha256")))
    return [*found, ("encoder", plan.model.get("sha256"), record.model.get("sha256"))]


def _short(value: Any) -> str:
    return quoted(value[:8]) if isinstance(value, str) else quoted(value)


def check_read_alike(runs: Iterable[FinishedRun]) -> None:
    """Refuse runs whose task has other labels or reads otherwise (queries, the scheme of tags).

    Settings that are numbers (a stride, a threshold) are choices of a run: the comparison of
    configurations notes them.
    """
    first: tuple[Path, dict[str, Any]] | None = None
    for run in runs:
        read: dict[str, Any] = {"labels": run.record.labels}
        for name, value in run.record.settings.items():
            if value is not None and not isinstance(value, int | float):
                read[name] = value
        first = first or (run.folder, read)
        for name in first[1].keys() | read.keys():
            if first[1].get(name) != read.get(name):
                raise DataError(
                    run.folder,
                    f"expected the {name} that {quoted(first[0])} has, "
                    f"{quoted(first[1].get(name))}, got {quoted(read.get(name))}: make one of the "
                    "two runs again, or leave it out",
                )
