"""The choices of an overlap loss, checked when it is built, and again against a kind of input."""

from __future__ import annotations

from dataclasses import dataclass

from dicetune.errors import InputError, quoted
from dicetune.losses import _options as check

LEVELS = ("example", "set")
FORMS = ("target", "detached", "literal")
CLASSES = ("all", "foreground")
AVERAGES = ("macro", "micro")
ACTIVATIONS = ("auto", "sigmoid")


@dataclass(frozen=True)
class Overlap:
    """The choices of an overlap loss, checked; names as in ``overlap_loss``."""

    alpha: float
    beta: float
    smooth: float
    level: str
    squared: bool
    decay: float
    form: str
    classes: str
    average: str
    activation: str
    reduction: str

    def __post_init__(self) -> None:
        check.number("alpha", self.alpha)
        check.number("beta", self.beta)
        if self.alpha == 0 and self.beta == 0:
            raise InputError(
                "expected alpha or beta > 0, got 0 for both: the index is then always 1"
            )
        if self.smooth == 0:
            raise InputError(
                "expected smooth > 0, got 0: where a class is absent its false positives would "
                "have no gradient; 1 is usual, 1e-6 is close to none"
            )
        check.number("smooth", self.smooth, above=True)
        check.number("decay", self.decay)
        check.choice("level", self.level, LEVELS)
        check.flag("squared", self.squared)
        check.choice("form", self.form, FORMS)
        check.choice("classes", self.classes, CLASSES)
        check.choice("average", self.average, AVERAGES)
        check.choice("activation", self.activation, ACTIVATIONS)
        check.choice("reduction", self.reduction, check.REDUCTIONS)
        if self.squared and self.alpha != self.beta:
            raise InputError(
                f"expected alpha == beta with squared=True, got {self.alpha} and {self.beta}: the "
                "squared form is then no index, it exceeds 1 and pushes gold down; use "
                "squared=False"
            )
        if self.average == "micro" and self.level == "example":
            raise InputError(
                "expected average='macro' with level='example', got 'micro': micro sums the "
                "classes of a set; use level='set'"
            )

    def is_additive(self, kind: str) -> bool:
        """Whether the loss is a mean over items."""
        return self.level == "example" or kind == "positions"

    def check_kind(self, kind: str, background: int | None, weighted: bool) -> None:
        """Refuse choices that have no meaning for ``kind``."""
        if kind == "positions":
            for name, chosen, only in (
                ("classes", self.classes, "all"),
                ("average", self.average, "macro"),
                ("class_weight", "one" if weighted else "none", "none"),
            ):
                if chosen != only:
                    raise InputError(
                        f"expected {name}={quoted(only)} for kind 'positions', got "
                        f"{quoted(chosen)}: the "
                        "positions of a text are not classes"
                    )
            return
        if self.classes == "foreground" and (kind == "labels" or background is None):
            why = "labels have none" if kind == "labels" else "this input names none"
            raise InputError(
                f"expected a background class for classes='foreground', got none ({why}): give "
                "background=, or use classes='all'"
            )
        softmax = kind == "classes" and self.activation == "auto"
        if self.average == "micro" and self.classes == "all" and softmax:
            raise InputError(
                "expected classes='foreground' with average='micro' over a softmax, got 'all': "
                "over all classes the index is the mean p of gold, which does not learn; use "
                "classes='foreground', average='macro' or activation='sigmoid'"
            )
        if self.level == "set":
            if self.reduction == "sum":
                raise InputError(
                    "expected reduction 'mean' or 'none' (one value a class) with level='set', got "
                    "'sum': a set has one loss"
                )
            if self.reduction == "none" and self.average == "micro":
                raise InputError(
                    "expected reduction='mean' with average='micro', got 'none': micro has one "
                    "value for all classes"
                )
