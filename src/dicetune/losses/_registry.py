"""Every named loss, losses as text, and recipes.

spec   = term ("+" term)*
term   = [number "*"] name [":" option ("," option)*]
name   = one of ``LOSSES``, or "py(" module ":" class or function ")" of a user
option = key "=" value          lists of numbers are written 1/5/5; an option of a user's loss
                                is a number, true, false or a word
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name
from dicetune.losses._base import Loss, number, option_text
from dicetune.losses._counted import ClassBalancedLoss, LogitAdjustedLoss, MajorityOrMinorityLoss
from dicetune.losses._cross_entropy import CrossEntropyLoss, WeightedCrossEntropyLoss
from dicetune.losses._dice import DiceLoss, SelfAdjustingDiceLoss
from dicetune.losses._focal import AsymmetricLoss, FocalLoss, GeneralisedCrossEntropyLoss
from dicetune.losses._inputs import KINDS
from dicetune.losses._own import as_loss, import_loss
from dicetune.losses._sum import SumLoss
from dicetune.losses._tversky import OverlapLoss, TverskyLoss

_CLASSES: tuple[type[Loss], ...] = (
    CrossEntropyLoss,
    WeightedCrossEntropyLoss,
    FocalLoss,
    MajorityOrMinorityLoss,
    LogitAdjustedLoss,
    ClassBalancedLoss,
    AsymmetricLoss,
    GeneralisedCrossEntropyLoss,
    DiceLoss,
    TverskyLoss,
    SelfAdjustingDiceLoss,
    OverlapLoss,
)

LOSSES: dict[str, type[Loss]] = {name: loss for loss in _CLASSES for name in loss.presets}
"""The class of each named loss; ``LOSSES[name].presets[name]`` describes the name."""

AnyLoss = str | Loss | Callable[[Tensor, Tensor], Tensor]
"""A spec, a loss of this library, or a function of logits and target."""

_PLUS = re.compile(r"(?<!\d[eE])\+")  # not the plus of 1e+3
_TERM = re.compile(
    r"(?:(?P<factor>[^:(]*)\*)?\s*(?P<name>py\([^()]*\)?|[^:]*?)\s*(?::(?P<options>.*))?", re.DOTALL
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def table() -> list[dict[str, str]]:
    """One row for each name of ``LOSSES``: formula, equation, kinds, options with defaults, use."""
    rows = []
    for name, loss in LOSSES.items():
        preset = loss.presets[name]
        options = (f"{key}={option_text(value)}" for key, value in _defaults(name).items())
        rows.append(
            {
                "loss": name,
                "formula": preset.formula,
                "equation": preset.equation,
                **{kind: "yes" if kind in loss.kinds else "-" for kind in KINDS},
                "options": ", ".join(options),
                "use": preset.use,
            }
        )
    return rows


def _defaults(name: str) -> dict[str, Any]:
    loss = LOSSES[name]
    return {**loss.defaults, **loss.presets[name].options}


def build(spec: str) -> Loss:
    """The loss that a text describes.

    Args:
        spec: a name of ``LOSSES`` with options after a colon, or a sum of such terms. A name
            ``py(module:Class)`` imports that module, which runs its code.

    Returns:
        A Module called as ``loss(logits, target)``.

    Raises:
        InputError: for an unknown name or option (with the nearest valid name) and for values that
            cannot be used; for a module that cannot be imported.

    Example:
        >>> build("dice:smooth=0.5").spec
        'dice:smooth=0.5'
        >>> build("ce+py(torch.nn:CrossEntropyLoss):label_smoothing=0.1").spec
        'ce+py(torch.nn:CrossEntropyLoss):label_smoothing=0.1'
        >>> build("ce + 0.5*tversky:alpha=0.3,beta=0.7").spec
        'ce+0.5*tversky'
        >>> build("dcie")
        Traceback (most recent call last):
        dicetune.errors.InputError: unknown loss 'dcie': did you mean 'dice'? Valid: asl, cb, ...
    """
    if not isinstance(spec, str):
        raise InputTypeError(f"expected a loss as text, got {type(spec).__name__}")
    return SumLoss.of([_term(text.strip(), spec) for text in _PLUS.split(spec)])


def _term(text: str, spec: str) -> tuple[float, Loss]:
    match = _TERM.fullmatch(text)
    factor, name, tail = match.group("factor", "name", "options") if match else (None, "", None)
    if not name:
        raise InputError(
            f"expected a loss such as 'ce+0.5*dice:smooth=1', got {quoted(spec)}: a name is missing"
        )
    if name == "auto":
        raise InputError(
            "expected a loss, got 'auto': that is a recipe, which has its loss from the data; it "
            "cannot be part of a sum or take options"
        )
    of_user = re.match(r"py\s*\(", name) is not None
    if not of_user and name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    coefficient = 1.0 if factor is None else _float("a coefficient", factor.strip())
    options = {} if of_user else dict(LOSSES[name].presets[name].options)
    given = set()
    for part in filter(None, (part.strip() for part in (tail or "").split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not of_user and key not in _defaults(name):
            raise unknown_name(f"option of {quoted(name)}", key, _defaults(name))
        if not equals or not value:
            raise InputError(f"expected {key}=value in {quoted(spec)}, got {quoted(part)}")
        if key in given:
            raise InputError(f"expected {key} once in {quoted(spec)}, got it again: {quoted(part)}")
        given.add(key)
        options[key] = _guess(value) if of_user else _value(key, value, _defaults(name)[key])
    return coefficient, import_loss(name, options) if of_user else LOSSES[name](**options)


def _guess(value: str) -> object:
    """A number, true, false or a word: the types of the options of a user's loss are unknown."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if _NUMBER.fullmatch(value):
        return int(value) if value.lstrip("+-").isdigit() else float(value)
    return value


def _value(key: str, value: str, default: object) -> object:
    """The value of an option, of the type of its default."""
    if default is None:
        if value.lower() == "none":
            return None
        return tuple(_float(key, item) for item in value.split("/"))
    if isinstance(default, bool):
        if value.lower() not in ("true", "false"):
            raise InputError(f"expected {key}=true or {key}=false, got {quoted(value)}")
        return value.lower() == "true"
    return _float(key, value) if isinstance(default, float) else value


def _float(key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"expected a number for {key}, got {quoted(value)}") from None


@dataclass(frozen=True)
class Recipe:
    """The losses of a run: ``start_loss`` for a share of the steps, then ``loss``.

    Args:
        loss: the loss of the main phase.
        start_loss: the loss of the start phase, if there is one.
        start_share: share of all steps that the start phase takes, in [0, 1).

    Raises:
        InputError: for a share outside [0, 1), or a start phase without its loss or its share.

    Example:
        >>> print(Recipe(build("dice"), start_loss=build("ce"), start_share=0.4))
        ce for 40% of the steps, then dice
    """

    loss: Loss
    start_loss: Loss | None = None
    start_share: float = 0.0

    def __post_init__(self) -> None:
        number("start_share", self.start_share)
        if self.start_share >= 1:
            raise InputError(f"expected start_share in [0, 1), got {self.start_share}")
        if (self.start_loss is None) != (self.start_share == 0):
            start = None if self.start_loss is None else self.start_loss.spec
            raise InputError(
                "expected start_loss and start_share together, got "
                f"start_loss={quoted(start)} and start_share={self.start_share}"
            )

    @property
    def losses(self) -> list[Loss]:
        """The losses of all phases."""
        return [loss for loss in (self.loss, self.start_loss) if loss is not None]

    def __str__(self) -> str:
        if self.start_loss is None:
            return self.loss.spec
        share = f"{100 * self.start_share:g}%"
        return f"{self.start_loss.spec} for {share} of the steps, then {self.loss.spec}"


def recipe(
    loss: AnyLoss, start_loss: AnyLoss | None = None, start_share: float | None = None
) -> Recipe:
    """The recipe that the three options spell out.

    Raises:
        InputError: for an unknown loss or option and for an object that is no loss; for a start
            phase without its loss or its share.

    Example:
        >>> print(recipe("dice:smooth=2"))
        dice:smooth=2
    """
    if loss is None:
        raise InputError("expected a loss, got None: name one, such as 'ce'")
    start = None if start_loss is None else _any_loss(start_loss)
    return Recipe(_any_loss(loss), start, start_share or 0.0)


def _any_loss(loss: AnyLoss) -> Loss:
    return build(loss) if isinstance(loss, str) else as_loss(loss)


def start_steps(share: float, steps: int) -> int:
    """The number of ``steps`` in a start phase with this share, rounded up.

    Example:
        >>> start_steps(0.4, 6)
        3
    """
    return math.ceil(share * steps - 1e-9)  # 0.1 * 30 is a little over 3
