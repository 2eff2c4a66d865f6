"""SumLoss: a weighted sum of losses, such as cross-entropy and dice.

    L = Σ_k c_k L_k

What it is not: a loss with reductions; every part is first reduced to its mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from dicetune.errors import InputError, InputTypeError, quoted
from dicetune.losses._base import Loss, Range, number, option_text
from dicetune.losses._blocks import Part
from dicetune.losses._fast import fused, fused_sums
from dicetune.losses._inputs import Call, Given, one_preparation
from dicetune.losses._targets import values_are_known

# A search changes every coefficient but the first: their ratio to the first changes more than the
# learning rate does.
_COEFFICIENT = Range(0.1, 10.0, log=True)


class SumLoss(Loss):
    """c_1 L_1 + c_2 L_2 + ….

    Args:
        parts: coefficients > 0 and losses, each with reduction ``mean``. A sum among the parts is
            replaced by its own parts.

    Raises:
        InputError: for no parts, a coefficient that is not > 0, a part that is not a mean.

    Example:
        >>> from dicetune.losses import CrossEntropyLoss, DiceLoss
        >>> loss = SumLoss([(1.0, CrossEntropyLoss()), (0.5, DiceLoss())])
        >>> loss.spec
        'ce+0.5*dice'
        >>> loss(torch.zeros(2, 2), torch.tensor([0, 1]))  # 0.6931 + 0.5 · 0.2
        tensor(0.7931)
    """

    def __init__(self, parts: Sequence[tuple[float, Loss]]) -> None:
        super().__init__()
        flat: list[tuple[float, Loss]] = []
        for coefficient, loss in parts:
            outer = number("every coefficient of a sum", coefficient, above_0=True)
            if not isinstance(loss, Loss):
                raise InputTypeError(f"expected losses to sum, got {type(loss).__name__}")
            flat += [(outer * inner, term) for inner, term in loss.terms()]
        if not flat:
            raise InputError("expected at least one loss to sum, got none")
        for _, loss in flat:
            if getattr(loss, "reduction", "mean") != "mean":
                raise InputError(
                    f"expected losses with reduction='mean' in a sum, got {quoted(loss.spec)}"
                )
        self.coefficients = tuple(coefficient for coefficient, _ in flat)
        self.losses = nn.ModuleList(loss for _, loss in flat)
        self.kinds = frozenset.intersection(*(loss.kinds for _, loss in flat))
        if not self.kinds:
            raise InputError(
                "expected losses that serve a common kind of input, got none in common"
            )

    @classmethod
    def of(cls, parts: Sequence[tuple[float, Loss]]) -> Loss:
        """The sum of the parts; the part itself where it is a single loss with coefficient 1."""
        return parts[0][1] if len(parts) == 1 and parts[0][0] == 1 else cls(parts)

    def value(self, logits: Tensor, target: Tensor, given: Call) -> Tensor:
        """The sum of the values of the parts, in one step where it can be."""
        return total_of(self.terms(), logits, target, given)

    def terms(self) -> list[tuple[float, Loss]]:
        """The parts with their coefficients."""
        parts = zip(self.coefficients, self.losses, strict=True)
        return [(coefficient, loss) for coefficient, loss in parts if isinstance(loss, Loss)]

    def searchable(self) -> dict[str, tuple[float, Range]]:
        """All coefficients but the first, and the options of each part: "2", "2.smooth"."""
        parts = list(enumerate(self.terms(), start=1))
        found = {str(place): (c, _COEFFICIENT.including(c)) for place, (c, _) in parts[1:]}
        for place, (_, loss) in parts:
            found |= {f"{place}.{name}": range_ for name, range_ in loss.searchable().items()}
        return found

    def with_values(self, values: Mapping[str, float]) -> SumLoss:
        """The same sum with other values of some of ``searchable``."""
        parts = []
        for place, (coefficient, loss) in enumerate(self.terms(), start=1):
            prefix = f"{place}."
            options = {
                name.removeprefix(prefix): value
                for name, value in values.items()
                if name.startswith(prefix)
            }
            parts.append((values.get(str(place), coefficient), loss.with_values(options)))
        return SumLoss(parts)

    def is_additive(self, kind: str) -> bool:
        """Whether all parts are additive."""
        return all(loss.is_additive(kind) for _, loss in self.terms())

    @property
    def needs_class_counts(self) -> bool:
        """Whether any part needs class counts."""
        return any(loss.needs_class_counts for _, loss in self.terms())

    @property
    def outweighs_few(self) -> bool:
        """Whether all parts do."""
        return all(loss.outweighs_few for _, loss in self.terms())

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse a kind that any part refuses."""
        for _, loss in self.terms():
            loss.check_kind(kind, background)

    @property
    def spec(self) -> str:
        """The text that ``build`` reads back to an equal sum."""
        parts = self.terms()
        return "+".join(
            loss.spec if c == 1 and len(parts) > 1 else f"{option_text(c)}*{loss.spec}"
            for c, loss in parts
        )


Terms = Sequence[tuple[float, Loss]]
"""Coefficients and losses."""


def total_of(
    terms: Terms, logits: Tensor, target: Tensor, given: Call, number: float | Tensor | None = None
) -> Tensor:
    """Σ c L over terms (c, L), in one step where it can be.

    Args:
        terms: coefficients and losses.
        logits, target, given: as ``Loss`` takes them; with ``number`` also their kind.
        number: ``num_items`` of the additive terms.
    """

    def stepwise(logits: Tensor) -> Tensor:
        with _prepared_once():
            return _sum_of(terms, logits, target, given, number)

    parts = _parts_of(terms)
    served = any(part.choice for part in parts)
    total = fused(parts, logits, target, given, stepwise, number) if served else None
    return stepwise(logits) if total is None else total


def additive_and_sums(
    terms: Terms, logits: Tensor, target: Tensor, given: Call, number: float | Tensor | None = None
) -> tuple[Tensor, ...]:
    """Σ c L of the additive terms; then the ``sums`` of each set-level term, in float64.

    Args: as of ``total_of``. What has no float64 gives its sums in float32.
    """
    kind = given["kind"] or "classes"
    additive = [(c, loss) for c, loss in terms if loss.is_additive(kind)]
    sets = [loss for _, loss in terms if not loss.is_additive(kind)]

    def stepwise(logits: Tensor) -> tuple[Tensor, ...]:
        plain: Any = {name: one for name, one in given.items() if name in Given.__annotations__}
        with _prepared_once():
            value = _sum_of(additive, logits, target, given, number)
            sums = [loss.sums(logits, target, **plain) for loss in sets]
        return value, *(one if one.device.type == "mps" else one.double() for one in sums)

    parts = _parts_of([*additive, *((1.0, loss) for loss in sets)]) if sets else []
    found = fused_sums(parts, logits, target, given, stepwise, number) if parts else None
    return stepwise(logits) if found is None else found


def _parts_of(terms: Terms) -> list[Part]:
    """The terms as parts of one step; none where that cannot be."""
    if not values_are_known():
        return []
    parts = [loss.fast_part(coefficient) for coefficient, loss in terms]
    return parts if all(parts) else []


def _sum_of(
    terms: Terms, logits: Tensor, target: Tensor, given: Call, number: float | Tensor | None
) -> Tensor:
    """The same term by term."""
    values = []
    for coefficient, loss in terms:
        how = given
        if number is not None and loss.is_additive(given["kind"] or "classes"):
            how = {**given, "num_items": number}
        values.append(coefficient * loss(logits, target, **how))
    return torch.stack(values).sum() if values else logits.new_zeros(())


def _prepared_once() -> AbstractContextManager[None]:
    # a compiler takes no part in what is kept
    return one_preparation() if values_are_known() else nullcontext()
