"""Choice: the dev score that chooses the checkpoint, by the decision that will be used.

At each evaluation a decision rule is fitted on dev. Its score counts on held-out parts of dev
(cross-fitted), so that no checkpoint is chosen for a rule that merely fits dev; where the rule is
not kept, the score of the default decision counts. The history holds the scores of both decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dicetune.decide import Split
from dicetune.problems import Problem
from dicetune.records import DEFAULT, TUNED
from dicetune.tasks import Data, Encoded, Task
from dicetune.tasks.encoded import Batches


@dataclass(frozen=True)
class Choice:
    """How the checkpoint of a run is chosen.

    Args:
        task: of the run.
        problem: of its predictions.
        dev: the split that chooses.
        decision: "tuned" or "argmax".
        each_decision: keep the best checkpoint under each decision, not only the chosen one.
    """

    task: Task
    problem: Problem
    dev: Data
    decision: str
    each_decision: bool = False

    @property
    def metrics(self) -> dict[str, str]:
        """The name of the main metric under each decision that is scored."""
        metric = self.task.main_metric
        return {DEFAULT: metric} | ({TUNED: f"{metric}_{TUNED}"} if self.decision == TUNED else {})

    @property
    def metric(self) -> str:
        """The name of the score that chooses."""
        return self.metrics[self.decision]

    @property
    def kept(self) -> tuple[str, ...]:
        """The decisions whose best checkpoint is kept."""
        return tuple(self.metrics) if self.each_decision else (self.decision,)

    def scores(self, scores: Sequence[np.ndarray]) -> dict[str, float]:
        """The dev scores of a checkpoint: every metric by default, and the tuned main metric."""
        predictions = self.task.predict(scores, self.dev)
        found = self.task.score(self.dev, predictions)
        plain = {name: value for name, value in found.items() if isinstance(value, float)}
        if self.decision == DEFAULT:
            return plain
        tuned = plain[self.task.main_metric]
        if all(np.isfinite(table).all() for table in scores):  # else the trainer stops the run
            split = Split.of(self.problem, self.task.rows(self.dev, predictions), scores)
            expected = split.expected(self.problem)
            tuned = tuned if expected is None else expected
        return {**plain, self.metrics[TUNED]: tuned}

    def best_steps(self, history: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """The first step with the highest dev score under each decision.

        Args:
            history: rows of evaluations, as the state of a trainer holds them.
        """
        best: dict[str, tuple[float, int]] = {}
        for row in history:
            for decision, metric in self.metrics.items():
                score = row.get(f"eval_{metric}")
                if score is not None and score > best.get(decision, (-np.inf, 0))[0]:
                    best[decision] = score, int(row["step"])
        return {decision: step for decision, (_, step) in best.items()}

    def kept_steps(self, history: Iterable[Mapping[str, Any]]) -> set[int]:
        """The steps of ``best_steps`` whose checkpoints are kept."""
        return {step for name, step in self.best_steps(history).items() if name in self.kept}


@dataclass
class DevEvaluations:
    """The evaluations on dev of one training; keeps the scores of those that are chosen.

    The chosen checkpoint then need not predict dev again. After a resume the scores of earlier
    checkpoints are not here.

    Args:
        choice: which chooses.
        encoded: windows of dev.
        step: the step of the moment.
        scores: what the model said of each example, by step.
    """

    choice: Choice
    encoded: Encoded
    step: Callable[[], int]
    scores: dict[int, list[np.ndarray]] = field(default_factory=dict)
    _history: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, evaluation: Any) -> dict[str, float]:
        """The scores of ``Choice.scores``, for the trainer."""
        choice, step = self.choice, self.step()
        scores = choice.task.decode(Batches.of(evaluation.predictions), self.encoded)
        found = choice.scores(scores)
        self._history.append({"step": step, **{f"eval_{name}": v for name, v in found.items()}})
        kept = choice.kept_steps(self._history)
        self.scores = {at: old for at, old in [*self.scores.items(), (step, scores)] if at in kept}
        return found
