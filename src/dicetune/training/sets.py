"""Sets: what a set-level loss is computed over, and the running averages of class sums.

``LossSet`` is the choice; ``RunningSums`` are what ``running`` takes a loss at. For any loss f of
class sums S, with S' the average of the sums of earlier steps::

    loss = f(S') + ∇f(S')·(S - S')        S' <- (b S' + (1-b) S), divided by 1 - b^steps

so that the value can be read, and the gradient of a small batch is that of f at S', a far larger
set. A batch without a positive no longer has the loss of a set without a positive. For dice with
the sums I and D it is 1 - 2I'/D' - 2(I - I')/D' + 2I'(D - D')/D'².

The average is over about 1/(1-b) optimizer steps, 20 by default, each over all its micro-batches
and processes. A first step has no S', and takes its own sums.

*Bias.* S' comes from weights of the past and not of now, so the gradient is that of no loss
exactly: it lags behind by about as many steps as the average holds, the more the larger the
learning rate. With few steps in all, or a learning rate that falls fast, take a shorter average.

References:
    Wang, Fang and Liu, "Stochastic compositional gradient descent", 2017; Qi et al., "Stochastic
    optimization of areas under precision-recall curves with provable convergence", NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name
from dicetune.training.processes import process_count, summed

BATCH, STEP, RUNNING = "batch", "step", "running"
SETS = (BATCH, STEP, RUNNING)

STEPS = 20
"""Optimizer steps over which ``running`` averages by default."""

Key = tuple[str, int]
"""The name of a loss input, and the number of a term of the loss."""


@dataclass(frozen=True)
class LossSet:
    """The items over which a set-level loss, and a selection of hard negatives, is computed.

    - ``batch``: the items of one forward pass; the micro-batches of a step are averaged;
    - ``step``: all items of an optimizer step, over its micro-batches and processes, exactly
      (``training.whole_step``);
    - ``running``: class sums averaged over the last steps (``RunningSums``).

    Additive losses are the same with each.

    Args:
        name: one of the three.
        steps: of ``running``: optimizer steps over which the sums are averaged.

    Example:
        >>> LossSet.of("running:50").steps
        50
        >>> LossSet.of("step").words(32, 4, 2)
        'optimizer step (2 x 4 x 32 windows)'
    """

    name: str = BATCH
    steps: int | None = None

    @classmethod
    def of(cls, text: str, hard_negatives: float | None = None) -> Self:
        """The set that a text names.

        Raises:
            InputError: for another text; for ``running`` beside ``hard_negatives``, whose sums are
                of other items in each step.
        """
        if not isinstance(text, str):
            raise InputTypeError(f"expected set as text, got {quoted(text)}")
        name, colon, number = text.partition(":")
        if name not in SETS:
            raise unknown_name("set", name, SETS)
        if colon and (name != RUNNING or not number.isdecimal() or int(number) < 2):
            raise InputError(
                f"expected set 'running:N' with N of at least 2 steps, such as 'running:{STEPS}', "
                f"got {quoted(text)}"
            )
        if name == RUNNING and hard_negatives is not None:
            raise InputError(
                "expected set 'batch' or 'step' beside hard_negatives, got 'running': the sums of "
                "a selection are of other items in each step"
            )
        if name != RUNNING:
            return cls(name)
        return cls(name, int(number) if colon else STEPS)

    def words(self, windows: int, micro_batches: int, processes: int) -> str:
        """The set in words, with its size in windows, for the record."""
        if self.name == BATCH:
            return f"batch of one process ({windows} windows)"
        whole = f"{processes} x {micro_batches} x {windows} windows"
        if self.name == STEP:
            return f"optimizer step ({whole})"
        return f"running average of {self.steps} optimizer steps ({whole} each)"

    def notes(self, has_set: bool, loss: str) -> list[str]:
        """What a user should know before training: that the choice changes nothing, if so."""
        if self.name == BATCH or has_set:
            return []
        return [f"set={self.name} changes nothing: {loss} is additive, the same over any set"]


class RunningSums(TrainerCallback, ExportableState):
    """Averages of class sums, for each loss input and term; saved with each checkpoint.

    Args:
        steps: optimizer steps over which the sums are averaged.
        loss: text of the loss, or the losses, whose sums they are.
    """

    def __init__(self, steps: int = STEPS, loss: str = "") -> None:
        self.args = {"steps": steps, "loss": loss}
        self._decay = 1 - 1 / steps
        self._taken = 0  # steps in the averages
        self._phase = ""
        self._averages: dict[Key, Tensor] = {}
        self._now: dict[Key, Tensor] = {}
        self._lines: dict[Key, tuple[Tensor, Tensor]] = {}

    def begun(self, phase: str) -> bool:
        """Whether there is an average; each phase of a recipe has its own."""
        if phase != self._phase:
            self._phase, self._taken = phase, 0
            self._averages, self._now, self._lines = {}, {}, {}
        return self._taken > 0

    def add(self, key: Key, sums: Tensor) -> None:
        """Count the sums of a micro-batch, or of a whole step."""
        self._now[key] = self._now[key] + sums if key in self._now else sums

    def share(
        self, key: Key, sums: Tensor, micro_batches: int, loss: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """The addend of a micro-batch to the linear loss of its step, as ``Objective.share``.

        Args:
            key: what the sums are of.
            sums: of the micro-batch in this process.
            micro_batches: number of them in the step.
            loss: f.
        """
        self.add(key, sums.detach())
        if key not in self._lines:
            with torch.enable_grad():
                at = self._averages[key] / (1 - self._decay**self._taken)
                value = loss(at.requires_grad_())
                (slope,) = torch.autograd.grad(value, at)
            self._lines[key] = value.detach() - (slope * at.detach()).sum(), slope
        rest, slope = self._lines[key]
        found = rest / micro_batches + process_count() * (slope * sums).sum()
        return found.to(rest.dtype)

    def end_step(self, summed_up: bool = False) -> None:
        """Average the sums of the step; ``summed_up``: they are those of all processes already."""
        for key, sums in self._now.items():
            total = sums if summed_up else summed(sums)
            before = self._averages.get(key, torch.zeros_like(total))
            self._averages[key] = self._decay * before + (1 - self._decay) * total
        self._taken += 1
        self._now, self._lines = {}, {}

    # with the checkpoint

    def state(self) -> dict[str, Any]:
        """The state from which a resume goes on exactly."""
        stored = [[*key, sums.tolist()] for key, sums in self._averages.items()]
        kept = {"taken": self._taken, "phase": self._phase, "averages": stored}
        return {"args": self.args, "attributes": {"stored": kept}}

    def check_resume(self, kept: Mapping[str, Any]) -> None:
        """Refuse the averages of another set or loss in a checkpoint; without any they begin anew.

        Args:
            kept: the states of the callbacks in the checkpoint, by name.
        """
        had = kept.get(type(self).__name__, {}).get("args", self.args)
        if had != self.args:
            words = "set 'running:{steps}' and loss '{loss}'"
            raise InputError(
                f"expected {words.format(**had)}, as the checkpoint has, got "
                f"{words.format(**self.args)}: averages of the one cannot go on as averages of the "
                "other; give what the checkpoint has, or start again"
            )

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin anew, or from the state of the checkpoint that is resumed."""
        self.begun("")
        kept = state.stateful_callbacks.setdefault(type(self).__name__, {})
        if not state.global_step or not kept:
            return
        stored = kept["attributes"]["stored"]
        self._taken, self._phase = stored["taken"], stored["phase"]
        wide = torch.float32 if args.device.type == "mps" else torch.float64
        self._averages = {
            (name, number): torch.tensor(sums, dtype=wide, device=args.device)
            for name, number, sums in stored["averages"]
        }
