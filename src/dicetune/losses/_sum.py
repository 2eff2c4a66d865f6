"""SumLoss: a weighted sum of losses, such as cross-entropy and dice.

    L = Σ_k c_k L_k

What it is not: a loss with reductions of its own; every part is reduced to its mean first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dicetune.errors import InputError, InputTypeError, quoted
from dicetune.losses import _options as check
from dicetune.losses._base import Loss
from dicetune.losses._ranges import COEFFICIENT, Range


class SumLoss(Loss):
    """c_1 L_1 + c_2 L_2 + ….

    Args:
        parts: coefficients > 0 and losses, each with reduction ``mean``. Sums among them are
            opened.

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
            outer = check.number("every coefficient of a sum", coefficient, above=True)
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

    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        kind: str | None = None,
        keep: Tensor | None = None,
        class_keep: Tensor | None = None,
        background: int | None = None,
        class_counts: Tensor | None = None,
        denominator: float | Tensor | None = None,
    ) -> Tensor:
        """The loss; see ``Loss``."""
        values = [
            coefficient
            * loss(
                logits,
                target,
                kind=kind,
                keep=keep,
                class_keep=class_keep,
                background=background,
                class_counts=class_counts,
                denominator=denominator,
            )
            for coefficient, loss in zip(self.coefficients, self.losses, strict=True)
        ]
        return torch.stack(values).sum()

    def terms(self) -> list[tuple[float, Loss]]:
        """The parts with their coefficients."""
        parts = zip(self.coefficients, self.losses, strict=True)
        return [(coefficient, loss) for coefficient, loss in parts if isinstance(loss, Loss)]

    def searchable(self) -> dict[str, tuple[float, Range]]:
        """Coefficients but for the first, and what each part has: "2", "2.smooth"."""
        found = {
            str(number): (coefficient, COEFFICIENT.including(coefficient))
            for number, (coefficient, _) in enumerate(self.terms(), start=1)
            if number > 1
        }
        for number, (_, loss) in enumerate(self.terms(), start=1):
            found |= {f"{number}.{name}": own for name, own in loss.searchable().items()}
        return found

    def with_values(self, values: Mapping[str, float]) -> SumLoss:
        """The same sum with other values of some of ``searchable``."""
        parts = []
        for number, (coefficient, loss) in enumerate(self.terms(), start=1):
            own = {
                name.removeprefix(f"{number}."): value
                for name, value in values.items()
                if name.startswith(f"{number}.")
            }
            parts.append((values.get(str(number), coefficient), loss.with_values(own)))
        return SumLoss(parts)

    def is_additive(self, kind: str) -> bool:
        """Whether all parts are."""
        return all(loss.is_additive(kind) for _, loss in self.terms())

    @property
    def needs_class_counts(self) -> bool:
        """Whether one of the parts needs them."""
        return any(loss.needs_class_counts for _, loss in self.terms())

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse what one of the parts refuses."""
        for _, loss in self.terms():
            loss.check_kind(kind, background)
