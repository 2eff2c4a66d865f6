"""All seeds of a loss together: the averaged scores of its runs, as the records of one more model.

``together/LOSS/`` holds what the folder of a run holds beside the model: scores, predictions, and a
decision rule that is fitted on the averaged dev scores. ``ensemble.json`` names the runs and the
digests of their scores, so that records of other runs are made again. Nothing is trained, and no
model is needed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.comparison.folder import TOGETHER
from dicetune.comparison.plan import Plan, slug
from dicetune.comparison.runs import EXAMPLE, FinishedRun, in_order
from dicetune.decide.folder import DEV, Split, tune_folder
from dicetune.decide.run_scores import write_scores
from dicetune.errors import DicetuneError
from dicetune.problems import problem_of
from dicetune.records import (
    ENSEMBLE_FILE,
    PREDICTIONS_FILE,
    SCORES_FILE,
    read_json,
    sha256,
    write_json,
    write_json_lines,
)

_log = logging.getLogger(__name__)

ENSEMBLE_VERSION = 1
FEWEST_MEMBERS = 2
_CARD = """# {loss}, all {number} seeds together

The probabilities of {number} models are averaged, and one decision rule, which was fitted on the
averaged dev scores, decides (`decision.json`). With the folders of the models beside this file,
`dicetune predict` takes this folder, and an answer costs the inference of {number} models:

```python
import dicetune
model = dicetune.load("best")
```
"""


@dataclass(frozen=True)
class Together(FinishedRun):
    """The records of all seeds of a loss together; ``planned`` and ``record`` are the first's."""

    members: tuple[FinishedRun, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the members."""
        return tuple(run.planned.seed for run in self.members)

    @classmethod
    def of_losses(cls, plan: Plan, out: Path, runs: Sequence[FinishedRun]) -> list[Together]:
        """Each loss with two finished runs or more, in the order of the plan."""
        found = []
        for loss in plan.objectives:
            members = tuple(run for run in runs if run.planned.loss == loss)
            if len(members) >= FEWEST_MEMBERS:
                digest = hashlib.sha256(loss.encode()).hexdigest()[:6]
                place = out / TOGETHER / f"{slug(loss)}-{digest}"
                found.append(cls(members[0].planned, place, members[0].record, members))
        return found

    @property
    def why_apart(self) -> str | None:
        """Why there is no such model, in a few words; ``None`` where there is."""
        problem = problem_of(self.members[0].problem)
        gold = [row["gold"] for row in self.members[0].predictions(DEV)]
        return problem.apart or problem.why_fixed(gold)

    @property
    def is_current(self) -> bool:
        """Whether the folder holds the records of exactly these members."""
        try:
            return read_json(self.folder / ENSEMBLE_FILE) == self._named()
        except DicetuneError:
            return False

    def _named(self) -> dict[str, Any]:
        """The content of ``ensemble.json``."""
        members = [
            {
                "folder": f"seed{run.planned.seed}",
                "id": run.planned.id,
                "seed": run.planned.seed,
                "scores": sha256(run.folder / SCORES_FILE),
            }
            for run in self.members
        ]
        loss = self.planned.loss
        return {"version": ENSEMBLE_VERSION, "loss": loss, "members": members}

    def make(self) -> None:
        """Average the scores, fit the rule on dev, and write the records."""
        place = self.folder.with_name(f"{self.folder.name}.part")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        settings = self.members[0].problem
        problem = problem_of(settings)
        splits: dict[str, Split] = {}
        for split in self.members[0].splits:
            like = self.members[0].predictions(split)
            scores = problem.average([_scored(run, split, like) for run in self.members])
            gold = [row["gold"] for row in like]
            predicted = problem.decisions(gold, scores).predicted({})
            rows = [
                {key: row[key] for key in EXAMPLE if key in row} | {"predicted": found}
                for row, found in zip(like, predicted, strict=True)
            ]
            splits[split] = Split(gold, predicted, scores, rows=rows)
        write_scores(place, settings, splits)
        every = [row for split in splits.values() for row in split.rows]
        write_json_lines(place / PREDICTIONS_FILE, every)
        tune_folder(place)
        card = _CARD.format(loss=self.planned.loss, number=len(self.members))
        (place / "README.md").write_text(card, encoding="utf-8")
        write_json(place / ENSEMBLE_FILE, self._named())
        shutil.rmtree(self.folder, ignore_errors=True)
        os.replace(place, self.folder)


def _scored(run: FinishedRun, split: str, like: Sequence[dict[str, Any]]) -> list[np.ndarray]:
    """The scores of a run in the order of the rows of another."""
    pairs = zip(run.predictions(split), run.scores(split), strict=True)
    rows = [{"id": row["id"], "scores": table} for row, table in pairs]
    return [row["scores"] for row in in_order(rows, like, run.folder / PREDICTIONS_FILE)]


def make_together(plan: Plan, out: Path, runs: Sequence[FinishedRun]) -> None:
    """Make the records of all seeds together for each loss that can have them."""
    for together in Together.of_losses(plan, out, runs):
        if together.why_apart is None and not together.is_current:
            loss, number = together.planned.loss, len(together.members)
            _log.info("averaging the scores of all %d seeds of %s", number, loss)
            together.make()


def all_together(
    plan: Plan, out: Path, runs: Sequence[FinishedRun]
) -> tuple[list[Together], list[str]]:
    """The losses whose seeds have common records, and a sentence on each reason for none."""
    every = Together.of_losses(plan, out, runs)
    apart = dict.fromkeys(reason for one in every if (reason := one.why_apart) is not None)
    said = [f"No row has all seeds of a loss together: {reason.rstrip('.')}." for reason in apart]
    return [one for one in every if one.why_apart is None and one.is_current], said
