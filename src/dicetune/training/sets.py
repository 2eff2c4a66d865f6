"""LossSet: what a set-level loss is computed over, as text: ``batch``, ``step`` or ``running``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name

BATCH, STEP, RUNNING = "batch", "step", "running"
SETS = (BATCH, STEP, RUNNING)

STEPS = 20
"""Optimizer steps over which ``running`` averages by default."""


@dataclass(frozen=True)
class LossSet:
    """The items over which a set-level loss, and a selection of hard negatives, is computed.

    - ``batch``: the items of one forward pass; the micro-batches of a step are averaged;
    - ``step``: all items of an optimizer step, over its micro-batches and processes, exactly
      (``training.whole_step``);
    - ``running``: class sums averaged over the last steps (``training.running``).

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

    @property
    def is_step(self) -> bool:
        """Whether the set is the whole optimizer step."""
        return self.name == STEP

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
