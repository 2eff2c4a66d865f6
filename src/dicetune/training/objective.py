"""Objective: one loss over a task's list of LossInputs, scaled so that steps add up.

An additive loss (a mean over items) is the same for any number of micro-batches in a step: each
micro-batch adds its sum over the item count of the whole step. A set-level loss is a ratio of sums:
it is computed over the items of one forward pass, and the micro-batches are averaged. A sum of
losses is split into the two kinds, term by term.

Hard negatives are ranked over the items of one forward pass, which makes every loss set-level; of
``positions`` each text is ranked by itself. Evaluation uses all items: a dev loss over selected
items would say how hard the selection was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dicetune.loss_input import LossInput, item_count
from dicetune.losses import Loss, check_selection, hardest_negatives


class Objective:
    """A loss, applied to every input of a task and summed with the inputs' coefficients.

    Training uses ``hard_negatives`` hardest negatives for each positive; ``None`` means all.
    """

    def __init__(self, loss: Loss, hard_negatives: float | None = None) -> None:
        if hard_negatives is not None:
            check_selection(hard_negatives)
        self.loss = loss
        self.terms = loss.terms()
        self.hard_negatives = hard_negatives

    def to(self, device: torch.device) -> Objective:
        """Move the loss's buffers (class weights) to ``device``."""
        self.loss.to(device)
        return self

    def check(self, inputs: Sequence[LossInput]) -> None:
        """Refuse inputs for which the loss or the selection has no meaning."""
        for item in inputs:
            self.loss.check_kind(item.kind, item.background)
            if self.hard_negatives is not None:
                check_selection(self.hard_negatives, item.kind, item.background)

    def share(
        self,
        inputs: Sequence[LossInput],
        counts: Mapping[str, Tensor],
        micro_batches: int,
        world_size: int,
    ) -> Tensor:
        """The addend of one micro-batch to the loss of its optimizer step.

        ``counts`` are the items of each input in the whole step over all ranks, ``micro_batches``
        the micro-batches of the step on this rank, ``world_size`` the ranks, whose gradients are
        averaged.
        """
        total = inputs[0].logits.new_zeros((), dtype=torch.float32)
        for item in inputs:
            ranked_together = self.hard_negatives is not None and item.kind != "positions"
            if self.hard_negatives is not None:
                item = _hardest(item, self.hard_negatives)
            for coefficient, term in self.terms:
                if term.is_additive(item.kind) and not ranked_together:
                    value = _apply(term, item, num_items=counts[item.name]) * world_size
                else:
                    value = _apply(term, item) / micro_batches
                total = total + item.coefficient * coefficient * value
        return total


class EvaluationLoss:
    """The loss over a whole evaluation set, from sums that add up over its batches.

    A mean of batch losses is another number: of additive losses where batches have different item
    counts, of set-level losses always.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._sums: dict[tuple[str, int], Tensor] = {}
        self._counts: dict[str, Tensor] = {}
        self._inputs: dict[str, LossInput] = {}

    def add(self, inputs: Sequence[LossInput]) -> None:
        """Add one batch."""
        for item in inputs:
            self._inputs[item.name] = item
            count = item_count(item).cpu().double()  # not every device has float64
            self._counts[item.name] = self._counts.get(item.name, 0) + count
            for number, (_, term) in enumerate(self._objective.terms):
                if term.is_additive(item.kind):
                    sums = _apply(term, item, num_items=1)
                else:
                    sums = term.sums(item.logits, item.target, **_given(item))
                key = (item.name, number)
                self._sums[key] = self._sums.get(key, 0) + sums.detach().cpu().double()

    def value(self, reduce: Callable[[Tensor], Tensor]) -> float:
        """The loss over all that was added; ``reduce`` sums a tensor over the ranks."""
        total = 0.0
        for (name, number), sums in self._sums.items():
            coefficient, term = self._objective.terms[number]
            item = self._inputs[name]
            sums = reduce(sums)
            if term.is_additive(item.kind):
                loss = sums / reduce(self._counts[name]).clamp(min=1)
            else:
                loss = term.from_sums(sums, background=item.background)
            total += item.coefficient * coefficient * float(loss)
        return total


def _hardest(item: LossInput, per_positive: float) -> LossInput:
    """The same input, in which only the positives and the hardest negatives count."""
    chosen = hardest_negatives(item.logits, item.target, per_positive=per_positive, **_given(item))
    if item.kind == "classes":
        return replace(item, mask=chosen)
    return replace(item, class_mask=chosen)


def _given(item: LossInput) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "mask": item.mask,
        "class_mask": item.class_mask,
        "background": item.background,
    }


def _apply(term: Loss, item: LossInput, **scale: Any) -> Tensor:
    return term(item.logits, item.target, class_counts=item.class_counts, **_given(item), **scale)
