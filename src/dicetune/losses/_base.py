"""Loss: what every loss Module can be asked, and how all of them are called."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from dicetune.errors import InputError, quoted, unknown_name
from dicetune.losses._inputs import KINDS
from dicetune.losses._ranges import Range, Ranges


class Loss(nn.Module):
    """Base of all losses: stores hyper-parameters, calls a function, keeps no state.

    Called as ``loss(logits, target, *, kind=None, keep=None, class_keep=None, background=None,
    class_counts=None, denominator=None)``:

    - ``logits``: raw scores, (..., C); ``target``: class numbers of the leading shape, or values in
      [0, 1] of the logits' shape; ``-100`` is ignored.
    - ``kind``: ``classes`` (softmax over the last axis), ``labels`` (a sigmoid each) or
      ``positions`` (softmax over the positions of a text). Where ``None``: ``labels`` for a target
      of the logits' shape, else ``classes``; ``positions`` must be named.
    - ``keep``: items that count; ``class_keep``: classes that exist; ``background``: the class that
      means "nothing"; ``class_counts``: training items of each class, (C,), or of ``labels`` the
      items without and with each, (C, 2).
    - ``denominator``: divide the sum over items by this number in place of the items' own, for a
      mean over more than this call sees. Only for an additive loss with reduction ``mean``.
    """

    kinds: frozenset[str] = frozenset(KINDS)
    ranges: ClassVar[Ranges] = {}
    """Hyper-parameters that a search may change (``dicetune compare --search``)."""
    imported: str | None = None
    """``py(module:Class)``, where a text named a user's own module; see ``build``."""

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
        """The loss; see the class."""
        raise NotImplementedError

    def terms(self) -> list[tuple[float, Loss]]:
        """Coefficients and losses whose sum this is: itself, or the parts of a sum."""
        return [(1.0, self)]

    def is_additive(self, kind: str) -> bool:
        """Whether the loss of several batches is the item-weighted mean of theirs."""
        return True

    @property
    def needs_class_counts(self) -> bool:
        """Whether ``class_counts`` have to come with each call."""
        return False

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse a kind for which the loss has no meaning, before anything is computed.

        Raises:
            InputError: says what to use instead.
        """
        if kind not in KINDS:
            raise unknown_name("kind", kind, KINDS)
        if kind not in self.kinds:
            raise InputError(
                f"expected kind {' or '.join(sorted(self.kinds))} for loss "
                f"{quoted(self.spec)}, got "
                f"{quoted(kind)}: choose another loss (`dicetune losses` lists them)"
            )

    def sums(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        kind: str | None = None,
        keep: Tensor | None = None,
        class_keep: Tensor | None = None,
        background: int | None = None,
    ) -> Tensor:
        """Sums S_tp and E of a set-level loss and the items of each class, (3, C): they add up.

        E are the weighed errors, α S_fp + β S_fn. A class without items does not exist in the set.

        Raises:
            InputError: for an additive loss, which has none.
        """
        raise InputError(
            f"expected a set-level loss for sums, got {quoted(self.spec)}: it is additive"
        )

    def from_sums(self, sums: Tensor, background: int | None = None) -> Tensor:
        """The loss of the set whose per-class sums these are.

        Raises:
            InputError: for an additive loss, which has none.
        """
        raise InputError(
            f"expected a set-level loss for sums, got {quoted(self.spec)}: it is additive"
        )

    def options(self) -> dict[str, Any]:
        """The hyper-parameters by name, as they were given."""
        return {name: getattr(self, name) for name in option_defaults(type(self))}

    def searchable(self) -> dict[str, tuple[float, Range]]:
        """Hyper-parameters that a search may change: value and range of each, by name."""
        return {
            name: (value, allowed.including(value))
            for name, allowed in self.ranges.items()
            for value in (float(getattr(self, name)),)
        }

    def with_values(self, values: Mapping[str, float]) -> Loss:
        """The same loss with other values of some of ``searchable``."""
        changed = type(self)(**{**self.options(), **values})
        changed.imported = self.imported
        return changed

    @property
    def spec(self) -> str:
        """The text that ``build`` reads back to an equal loss."""
        from dicetune.losses._spec import describe  # it imports every loss; this file is below them

        return describe(self)

    def extra_repr(self) -> str:
        """The spec, for print(loss)."""
        return repr(self.spec)


def option_defaults(loss: type[Loss]) -> Mapping[str, Any]:
    """The options of a loss class, by name, with their defaults."""
    signature = inspect.signature(loss)
    return {name: parameter.default for name, parameter in signature.parameters.items()}
