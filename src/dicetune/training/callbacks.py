"""Callbacks of a run: stop on a signal, stop early, log before evaluations, print a line, show."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback, TrainerCallback

from dicetune.losses import start_steps
from dicetune.records import DEFAULT
from dicetune.training.folder import drop_oldest
from dicetune.training.processes import any_process

_log = logging.getLogger(__name__)


class StopOnSignal(TrainerCallback):
    """Ctrl-C or SIGTERM ends the step, saves a checkpoint and stops; a second signal stops at once.

    The second signal does the same as without this callback: it calls the handler of the program,
    or takes the default action. The evaluations stay the same, so that a resumed run equals the
    uninterrupted run.

    ``ObjectiveTrainer.train`` always restores the handlers. Another trainer that fails does not
    call its callbacks: call ``restore`` there.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._seen: int | None = None
        self._before: dict[int, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Replace the signal handlers."""
        self.stopped, self._seen = False, None
        if threading.current_thread() is not threading.main_thread():
            return  # Python allows handlers only in the main thread
        for number in (signal.SIGINT, signal.SIGTERM):
            # an ignored signal stays ignored; a handler of C code (None) cannot be restored
            if signal.getsignal(number) not in (signal.SIG_IGN, None, self._note):
                self._before[number] = signal.signal(number, self._note)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Save and stop, if any process got a signal: all must stop at the same step."""
        self.stopped = any_process(self._seen is not None)
        if self.stopped:
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Skip the evaluation of an epoch that was cut short: the resumed run ends the epoch."""
        if self.stopped and not float(state.epoch).is_integer():
            control.should_evaluate = control.should_save = False
        return control

    def restore(self, *_: Any, **__: Any) -> None:
        """Restore the signal handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    on_train_end = restore

    def pass_on(self) -> None:
        """Raise the signal that stopped the training again, for the handler of the program."""
        if self._seen is not None:
            self.restore()
            signal.raise_signal(self._seen)

    def _note(self, number: int, frame: Any) -> None:
        again = self._seen is not None
        self._seen = number
        if again:
            self.pass_on()


class StopEarly(EarlyStoppingCallback):
    """Stops after ``patience`` evaluations of the main phase without a better score."""

    def __init__(self, patience: int, start_share: float) -> None:
        super().__init__(early_stopping_patience=patience)
        self.start_share = start_share

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **other: Any) -> None:
        """Count, once the start phase is over."""
        if state.global_step > start_steps(self.start_share, state.max_steps):
            super().on_evaluate(args, state, control, metrics, **other)

    def state(self) -> dict[str, Any]:
        """The state from which a resume makes an equal callback."""
        stored: dict[str, Any] = super().state()
        stored["args"] = {"patience": self.early_stopping_patience, "start_share": self.start_share}
        return stored


class LogBeforeEvaluation(TrainerCallback):
    """Logs before each evaluation and each checkpoint.

    The training loss between two evaluations is then the mean of whole log rows, and a resume,
    which forgets steps that were not logged, loses none. This callback must come after every
    callback that decides on an evaluation or a checkpoint.
    """

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Log before an evaluation or a checkpoint."""
        if control.should_evaluate or control.should_save:
            control.should_log = True
        return control

    on_epoch_end = on_step_end


class KeepBest(TrainerCallback):
    """Keeps the checkpoint that is best under each decision, the last one, and some others.

    An evaluation that is the best so far saves a checkpoint also where ``save_steps`` does not. The
    trainer itself would keep one best checkpoint.

    Args:
        best_steps: the best steps so far, from a history of evaluations.
        most: number of checkpoints that are kept, if no more are needed; ``None`` keeps all.
    """

    def __init__(
        self, best_steps: Callable[[list[dict[str, Any]]], set[int]], most: int | None
    ) -> None:
        self._best_steps = best_steps
        self._most = most

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Save the best checkpoint so far."""
        if state.global_step in self._best_steps(state.log_history):
            control.should_save = True
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Delete the oldest checkpoints that nobody needs."""
        if self._most is not None and state.is_world_process_zero:
            needed = self._best_steps(state.log_history) | {state.global_step}
            drop_oldest(Path(args.output_dir), needed, self._most)


class LineForEachEvaluation(TrainerCallback):
    """Logs each evaluation in one line, with the score that chooses first."""

    def __init__(self, metric: str, chosen_by: str) -> None:
        self._metric = metric
        self._chosen_by = chosen_by

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
        """Log the scores and the loss on dev."""
        score = metrics.get(f"eval_{self._chosen_by}")
        if score is not None and state.is_world_process_zero:
            default = metrics[f"eval_{self._metric}"]
            other = "" if self._chosen_by == self._metric else f" ({DEFAULT} {100 * default:.2f})"
            _log.info(
                "epoch %.2f · step %d/%d · dev %s %.2f%s · dev loss %.4f",
                state.epoch,
                state.global_step,
                state.max_steps,
                self._metric.replace("_", " "),
                100 * score,
                other,
                metrics["eval_loss"],
            )


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training is, for a progress bar."""

    step: int  # the steps that are done
    steps: int  # of the whole training
    loss: float | None = None  # mean training loss of the last row of the log
    dev: float | None = None  # the last score that chooses the checkpoint, in [0, 1]
    metric: str = ""  # the name of this score
    scoring: bool = False  # whether dev or test is being scored
    seconds_left: float | None = None  # from the steps of this process, evaluations included


ShowTraining = Callable[[TrainingProgress], None]


class ReportProgress(TrainerCallback):
    """Tells ``show`` where the training is, after each step, log row and evaluated batch."""

    def __init__(self, show: ShowTraining, metric: str, chosen_by: str) -> None:
        self._show, self._chosen_by = show, chosen_by
        self._now = TrainingProgress(0, 0, metric=metric)
        self._begun, self._first = 0.0, 0

    def _tell(self, state: Any, **changes: Any) -> None:
        if state.is_world_process_zero:
            self._now = replace(self._now, **changes)
            self._show(self._now)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock; a resume starts it at its first step."""
        self._begun, self._first = time.perf_counter(), state.global_step
        self._tell(state, step=state.global_step, steps=state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell the step and the time that is left."""
        step = state.global_step
        pace = (time.perf_counter() - self._begun) / max(step - self._first, 1)
        left = pace * (state.max_steps - step)
        self._tell(state, step=step, seconds_left=left, scoring=False)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any, **_: Any) -> None:
        """Tell the mean training loss."""
        if "loss" in logs:
            self._tell(state, loss=float(logs["loss"]))

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell that a split is being scored."""
        self._tell(state, scoring=True)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
        """Tell the dev score."""
        score = metrics.get(f"eval_{self._chosen_by}")
        self._tell(state, scoring=False, dev=self._now.dev if score is None else float(score))
