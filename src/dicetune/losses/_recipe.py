"""Recipe: a loss, with a start phase in another loss where that helps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dicetune.errors import InputError, quoted
from dicetune.losses import _options as check
from dicetune.losses._base import Loss
from dicetune.losses._spec import build


@dataclass(frozen=True)
class Recipe:
    """What a run trains with: ``loss``, after ``start_loss`` for a share of the steps.

    Args:
        loss: a spec or a loss.
        start_loss: the loss of the start phase, if there is one.
        start_share: share of all steps that the start phase takes, in [0, 1).

    Raises:
        InputError: for a share outside [0, 1), or a start phase given half.

    Example:
        >>> print(Recipe("dice", start_loss="ce", start_share=0.4))
        ce for 40% of the steps, then dice
    """

    loss: str | Loss
    start_loss: str | Loss | None = None
    start_share: float = 0.0

    def __post_init__(self) -> None:
        check.number("start_share", self.start_share)
        if self.start_share >= 1:
            raise InputError(f"expected start_share in [0, 1), got {self.start_share}")
        if (self.start_loss is None) != (self.start_share == 0):
            raise InputError(
                "expected start_loss and start_share together, got "
                f"start_loss={quoted(self.start_loss)} and start_share={self.start_share}"
            )

    def __str__(self) -> str:
        if self.start_loss is None:
            return _text(self.loss)
        share = f"{100 * self.start_share:g}%"
        return f"{_text(self.start_loss)} for {share} of the steps, then {_text(self.loss)}"


AUTO = Recipe(loss="ce+dice")


def start_steps(share: float, steps: int) -> int:
    """How many of ``steps`` a start phase of that share takes, the last one whole.

    Args:
        share: in [0, 1).
        steps: of the whole training.

    Example:
        >>> start_steps(0.4, 6)
        3
    """
    return math.ceil(share * steps - 1e-9)  # 0.1 * 30 is a little over 3


def recipe(name: str) -> Recipe:
    """The recipe of a name: ``auto``, or any spec, which is a recipe without a start phase.

    Raises:
        InputError: for an unknown loss or option.

    Example:
        >>> recipe("dice:smooth=2")
        Recipe(loss='dice:smooth=2', start_loss=None, start_share=0.0)
    """
    if name == "auto":
        return AUTO
    build(name)  # refuses what is unknown
    return Recipe(loss=name)


def _text(loss: str | Loss) -> str:
    return loss if isinstance(loss, str) else loss.spec
