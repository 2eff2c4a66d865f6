"""A competitor of a comparison: a loss, and settings of its own, as ``LOSS with KEY=VALUE …``.

The text is the name of the competitor, in one form. ``comparison.compare`` reads it. Needs no
torch.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LEARNING_RATE = "trainer.learning_rate"
# what earlier versions held beside the spec of a loss, and the keys of these settings
_ONCE_BESIDE = {
    "start_loss": "start_loss",
    "start_share": "start_share",
    "learning_rate": LEARNING_RATE,
}


@dataclass(frozen=True)
class PlannedLoss:
    """The objective of one competitor: the spec of its loss, and settings of its own.

    ``settings`` have keys of the configuration as ``-s`` takes them, such as "sampler" or
    "trainer.learning_rate", and their values.

    Example:
        >>> print(PlannedLoss("ce", {"trainer.learning_rate": 0.0004, "sampler": "balanced"}))
        ce with lr=4e-4 sampler=balanced
    """

    loss: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> PlannedLoss:
        """From a plan, or from the objective in a record; both may be of an earlier version."""
        beside = {key: values.get(name) for name, key in _ONCE_BESIDE.items()}
        own = {key: value for key, value in beside.items() if value}
        return cls(values["loss"], {**values.get("settings", {}), **own})

    def __str__(self) -> str:
        return with_settings(self.loss, self.settings)

    @property
    def specs(self) -> list[str]:
        """Specs of the loss and of the loss of the start phase, if there is one."""
        start = self.settings.get("start_loss")
        return [self.loss] if start is None else [self.loss, start]

    def configured(self, shared: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration of the competitor, from the one that all competitors share."""
        config = {**shared, "loss": self.loss}
        for key, value in self.settings.items():
            name, dot, inner = key.partition(".")
            config[name] = {**(config.get(name) or {}), inner: value} if dot else value
        return config


def with_settings(loss: str, settings: Mapping[str, Any]) -> str:
    """A loss and settings of its own as one text: "LOSS with KEY=VALUE KEY=VALUE", sorted by key.

    Example:
        >>> with_settings("dice", {"start_share": 0.25, "start_loss": "ce", "prior_bias": True})
        'dice with prior_bias=true start_loss=ce start_share=0.25'
        >>> with_settings("ce", {"class_weight.New York": 2.0}), with_settings("ce", {})
        ("ce with 'class_weight.New York=2'", 'ce')
    """
    names = {key: "lr" if key == LEARNING_RATE else key for key in settings}
    pairs = sorted(f"{names[key]}={_value_text(value)}" for key, value in settings.items())
    return f"{loss} with {shlex.join(pairs)}" if pairs else loss


def told_name(name: str) -> str:
    """A competitor's name within a sentence: in quotes where it has settings.

    Example:
        >>> told_name("ce"), told_name("ce with lr=4e-4, tuned")
        ('ce', '“ce with lr=4e-4, tuned”')
    """
    return f"“{name}”" if " with " in name else name


def _value_text(value: Any) -> str:
    """A value of a setting in its shortest form, as a user types it: 4e-4, 0.01, true, none."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    text = repr(int(value) if value.is_integer() and abs(value) < 1e15 else value)
    digits = len(text.partition("e")[0].replace(".", "").strip("-0")) or 1
    power = re.sub(r"e([+-])0*", r"e\1", f"{value:.{digits - 1}e}").replace("e+", "e")
    return min(text, power, key=len)
