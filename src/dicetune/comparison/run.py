"""compare: from a request, a folder or records to a summary, as the command line has it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dicetune.comparison.execute import Outcome, Show, conclude, execute
from dicetune.comparison.foreign import check_predictions
from dicetune.comparison.merge import merge
from dicetune.comparison.plan import PLAN_FILE, Plan
from dicetune.comparison.stored import check_place
from dicetune.errors import InputError, listed, quoted, unknown_name
from dicetune.records import locked


def compare(
    out: str | Path,
    config: Mapping[str, Any] | None = None,
    *,
    losses: Sequence[str] | None = None,
    seeds: int | Sequence[int] | None = None,
    baseline: str | None = None,
    search: int | None = None,
    keep_models: bool | None = None,
    predictions: Mapping[str, str] | None = None,
    command: str = "",
    report: Callable[[str], None] = lambda line: None,
    show: Show = lambda progress: None,
) -> Outcome:
    """Train several objectives at the same budget and say which is better, and how surely.

    What ``out`` holds already is kept: run again with the same plan, it goes on; losses and seeds
    may be added.

    Args:
        out: folder of the comparison.
        config: task, files, model and everything else that all runs share, by the names of
            ``RunConfig``; ``None`` to go on in ``out``.
        losses: specs or names of recipes; by default "ce" and "auto".
        seeds: how many (by default 5), or which.
        baseline: with which the others are compared; by default the first loss.
        search: trials of the search for hyper-parameters, for each loss.
        keep_models: keep the weights of each run.
        predictions: files that other tools predicted for the test data, by a name for each.
        command: what was typed, for the record.
        report: takes a line of text now and then.
        show: takes the progress, twice a second.

    Raises:
        InputError: for a request that cannot be carried out; where ``out`` holds another plan.
        InterruptedRunError: after Ctrl-C, with the command that goes on.

    Example:
        ``compare("runs/spam", {"task": "text", "train": "a.tsv", "dev": "b.tsv", "test": "c.tsv"},
        losses=["ce", "ce+dice"], seeds=5).summary["verdict"]``
    """
    from dicetune.comparison.configure import Request, make_plan

    folder = Path(out)
    check_place(folder)
    check_predictions(predictions or {})
    earlier = Plan.load(folder) if (folder / PLAN_FILE).is_file() else None
    if earlier is not None:
        _check_named_again(earlier, losses or (), folder)
    if config is None:
        if earlier is None:
            raise InputError(
                f"expected a task and files to compare on, or a comparison in "
                f"{quoted(Path(out))} to go "
                "on with, got neither: dicetune compare TASK --train … --dev … --test …"
            )
        config = earlier.base()
    else:
        earlier = None  # everything is asked for anew
    request = Request(
        config=config,
        losses=_first(losses, earlier and list(earlier.objectives), ["ce", "auto"]),
        seeds=_first(seeds, earlier and earlier.seeds, 5),
        baseline=baseline or (earlier.baseline if earlier is not None else None),
        search=_first(search, earlier and (earlier.search.trials if earlier.search else 0), 0),
        keep_models=_first(keep_models, earlier and earlier.keep_models, False),
        predictions=predictions or {},
        command=command,
    )
    if earlier is not None and losses is not None:  # added to those that are there
        known = [name for name in earlier.objectives if name not in losses]
        request = replace(request, losses=[*known, *losses])
    plan = make_plan(request, report)
    return execute(plan, folder, predictions=predictions, report=report, show=show)


def compare_records(
    sources: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    baseline: str | None = None,
    predictions: Mapping[str, str] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Compare on records alone: of a comparison, of several, of plain runs.

    Args:
        sources: folders of comparisons and of finished runs on the same data.
        out: folder that the merged records are copied to; of a single comparison by default its
            own, where only summary and report are made anew.
        baseline: with which the others are compared.
        predictions: files that other tools predicted for the test data, by a name for each.
        report: takes a line of text now and then.

    Raises:
        InputError: where the runs cannot be compared, with what differs.
    """
    folders = [Path(source) for source in sources]
    check_predictions(predictions or {})
    in_place = len(folders) == 1 and (out is None or Path(out).resolve() == folders[0].resolve())
    if out is None and not in_place:
        raise InputError("expected a folder for the merged records, got none: give --out")
    folder = folders[0] if in_place else Path(out or ".")
    check_place(folder)
    if in_place:
        return _again(folder, baseline, predictions or {}, report)
    return _merged(folders, folder, baseline, predictions or {}, report)


def _again(
    folder: Path,
    baseline: str | None,
    predictions: Mapping[str, str],
    report: Callable[[str], None],
) -> Outcome:
    """Summary and report of one comparison anew."""
    plan = Plan.load(folder)
    names = [*plan.objectives, *plan.foreign, *predictions]
    if baseline is not None and baseline not in names:
        raise unknown_name("baseline", baseline, names)
    with locked(folder, report):
        return conclude(
            replace(plan, baseline=baseline or plan.baseline), folder, predictions, report
        )


def _merged(
    folders: Sequence[Path],
    out: Path,
    baseline: str | None,
    predictions: Mapping[str, str],
    report: Callable[[str], None],
) -> Outcome:
    """Records of several in one folder, which is touched once all of it is there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
        place = Path(name)
        plan = merge(folders, out, place=place, baseline=baseline, report=report)
        outcome = conclude(plan, place, predictions, report)
        out.mkdir(exist_ok=True)
        with locked(out, report):
            _move(place, out)
    return replace(outcome, folder=out)


def _move(place: Path, out: Path) -> None:
    """Move every file to where it belongs, the plan last: it says that all of it is there."""
    files = [path for path in place.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path == place / PLAN_FILE):
        target = out / path.relative_to(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)


def _check_named_again(earlier: Plan, losses: Sequence[str], folder: Path) -> None:
    """A loss of a user's own is code: that a folder names it is no reason to run it."""
    from dicetune.losses import imported_names

    again = set(imported_names("+".join(losses)))
    missing = [
        name if imported_names(name) else loss
        for name, objective in earlier.objectives.items()
        for loss in (objective.loss, objective.start_loss)
        if loss is not None and not again.issuperset(imported_names(loss))
    ]
    if missing:
        flags = shlex.join(part for loss in missing for part in ("--loss", loss))
        raise InputError(
            "expected the losses that run code of your own to be named again, got a comparison in "
            f"{quoted(str(folder))} that has {listed(map(quoted, missing))}: add {flags} if you "
            "trust that code"
        )


def _first(*values: Any) -> Any:
    """The first that was given."""
    return next(value for value in values if value is not None)
