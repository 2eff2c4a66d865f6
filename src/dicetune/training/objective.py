"""Objective: one loss over a task's list of LossInputs, scaled so that steps add up.

An additive loss (a mean over items) is the same for any number of micro-batches in a step: each
micro-batch adds its sum over the item count of the whole step. A set-level loss is a ratio of class
sums, and hard negatives, which are ranked together, make every loss set-level (of ``positions``
each text is ranked by itself). ``LossSet`` lists the sets over which they may be taken.

A sum of losses is split into the two kinds, term by term. Evaluation uses all items of the whole
set: a dev loss over selected items would say how hard the selection was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.errors import InputError, quoted, unknown_name
from dicetune.loss_input import Kind, LossInput, LossTarget, item_count
from dicetune.losses import (
    Call,
    Loss,
    Recipe,
    SumLoss,
    additive_and_sums,
    check_selection,
    hardest_negatives,
    total_of,
)
from dicetune.training.processes import by_process, process_count, process_number, summed
from dicetune.training.sets import BATCH, LossSet, RunningSums


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

    def check(self, inputs: Sequence[LossInput | LossTarget], set: str = BATCH) -> None:
        """Refuse inputs for which the loss, the selection or the set has no meaning."""
        averages = LossSet.of(set).steps is not None
        for item in inputs:
            self.loss.check_kind(item.kind, item.background)
            if self.hard_negatives is not None:
                check_selection(self.hard_negatives, item.kind, item.background)
            for _, term in self.terms:
                if averages and not (term.is_additive(item.kind) or _has_sums(term)):
                    raise InputError(
                        "expected set 'batch' or 'step' for a loss that is no function of class "
                        f"sums, got {quoted(set)} for {quoted(term.spec)}: its class has no sums "
                        "and from_sums"
                    )

    def has_set(self, kinds: Collection[Kind]) -> bool:
        """Whether the loss of inputs of these kinds depends on the set that it is taken over."""
        return any(
            self._ranks_together(kind) or not term.is_additive(kind)
            for _, term in self.terms
            for kind in kinds
        )

    def _ranks_together(self, kind: Kind) -> bool:
        return self.hard_negatives is not None and kind != "positions"

    def share(
        self,
        inputs: Sequence[LossInput],
        counts: Mapping[str, Tensor],
        micro_batches: int,
        world_size: int,
        running: RunningSums | None = None,
    ) -> Tensor:
        """The addend of one micro-batch to the loss of its optimizer step.

        Args:
            inputs: of the micro-batch.
            counts: items of each input in the whole step over all processes.
            micro_batches: number of micro-batches of the step in this process.
            world_size: number of processes, whose gradients are averaged.
            running: the sums at which set-level terms are taken; by default those of ``inputs``.

        The mean over the processes is the loss, and the mean of the gradients its gradient.
        """
        total = inputs[0].logits.new_zeros((), dtype=torch.float32)
        for item in inputs:
            if self.hard_negatives is not None:
                item = _hardest(item, self.hard_negatives)
            apart = not self._ranks_together(item.kind)
            additive = [apart and term.is_additive(item.kind) for _, term in self.terms]
            found = counts[item.name] if any(additive) else None
            given = _given(item)
            if running is None:
                scales = (world_size if one else 1 / micro_batches for one in additive)
                terms = [(c * scale, t) for scale, (c, t) in zip(scales, self.terms, strict=True)]
                value = total_of(terms, item.logits, item.target, given, found)
            else:
                value, *sums = additive_and_sums(self.terms, item.logits, item.target, given, found)
                value = value * world_size
                of_sets = (n for n, one in enumerate(additive) if not one)
                for number, own in zip(of_sets, sums, strict=True):
                    coefficient, term = self.terms[number]
                    at = partial(_loss_at, term, item)
                    share = running.share((item.name, number), own, micro_batches, at)
                    value = value + coefficient * share
            total = total + item.coefficient * value
        return total

    def of_step(
        self,
        parts: Sequence[Sequence[LossInput]],
        counts: Mapping[str, Tensor],
        running: RunningSums | None = None,
    ) -> Tensor:
        """The loss of a whole optimizer step; value and gradient are scaled as ``share`` is.

        Args:
            parts: the inputs of each micro-batch of this process.
            counts: items of each input in the whole step over all processes.
            running: takes the sums of the set-level terms.
        """
        processes = process_count()
        total = parts[0][0].logits.new_zeros((), dtype=torch.float32)
        for items in map(list, zip(*parts, strict=True)):
            name, kind = items[0].name, items[0].kind
            count = counts[name]
            if self._ranks_together(kind):
                items = [self._hardest_of_all(items)]
                count = summed(item_count(items[0]))
            elif self.hard_negatives is not None:
                items = [_hardest(item, self.hard_negatives) for item in items]
            sets = [n for n, (_, term) in enumerate(self.terms) if not term.is_additive(kind)]
            summed_up = [n for n in sets if _has_sums(self.terms[n][1])]
            terms = [t for n, t in enumerate(self.terms) if n in summed_up or n not in sets]
            found = [
                additive_and_sums(terms, item.logits, item.target, _given(item), count)
                for item in items
            ]
            values, *of_sets = (torch.stack(one).sum(0) for one in zip(*found, strict=True))
            value = values * processes
            own = dict(zip(summed_up, of_sets, strict=True))
            for number in sets:
                coefficient, term = self.terms[number]
                if number in own:
                    sums = summed(_times_gradient(own[number], processes))
                    loss = _loss_at(term, items[0], sums)
                    if running is not None:
                        running.add((name, number), sums.detach())
                else:
                    whole = joined(everywhere(joined(items)))
                    loss = _times_gradient(_apply(term, whole), processes)
                value = value + coefficient * loss
            total = total + items[0].coefficient * value
        return total

    def _hardest_of_all(self, items: Sequence[LossInput]) -> LossInput:
        """The items of a step in this process, of which those count that are chosen among all."""
        own, number = joined(items), process_number()
        shares = everywhere(own)
        chosen = _choice(joined(shares), self.hard_negatives or 0)
        sizes = [len(share.target) for share in shares]
        return _only(own, torch.split(chosen, sizes)[number])


class EvaluationLoss:
    """The loss over a whole evaluation set, from sums that add up over its batches.

    A mean of batch losses is another number: of additive losses where batches have different item
    counts, of set-level losses always.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._sums: dict[tuple[str, int | None], Tensor] = {}
        self._counts: dict[str, Tensor] = {}
        self._inputs: dict[str, LossInput] = {}

    def add(self, inputs: Sequence[LossInput], texts: int | None = None) -> None:
        """Add one batch, or its first ``texts`` texts."""
        for item in inputs:
            item = item if texts is None else _first(item, texts)
            self._inputs[item.name] = item
            count = item_count(item).cpu().double()  # not every device has float64
            self._counts[item.name] = self._counts.get(item.name, 0) + count
            terms, given = self._objective.terms, _given(item)
            found = additive_and_sums(terms, item.logits, item.target, given, 1)
            places = [n for n, (_, term) in enumerate(terms) if not term.is_additive(item.kind)]
            for place, sums in zip((None, *places), found, strict=True):
                key = (item.name, place)
                self._sums[key] = self._sums.get(key, 0) + sums.detach().cpu().double()

    def value(self, reduce: Callable[[Tensor], Tensor]) -> float:
        """The loss over all that was added; ``reduce`` sums a tensor over the ranks."""
        total = 0.0
        for (name, number), sums in self._sums.items():
            item, sums = self._inputs[name], reduce(sums)
            if number is None:  # all additive terms
                loss = sums / reduce(self._counts[name]).clamp(min=1)
            else:
                coefficient, term = self._objective.terms[number]
                loss = coefficient * term.from_sums(sums, background=item.background)
            total += item.coefficient * float(loss)
        return total


# one input from several: of micro-batches, and of processes


def joined(items: Sequence[LossInput]) -> LossInput:
    """One input with all decisions of several of its name, as rows: logits (N, C).

    Rows of ``positions`` are padded to the longest with positions that do not exist.
    """
    rows = [_rows(item) for item in items]
    width = max(row.logits.shape[1] for row in rows)
    bare = (
        all(item.class_mask is None for item in items)
        and len({r.logits.shape[1] for r in rows}) == 1
    )

    def together(name: str, pad: float | None = None) -> Tensor:
        found = [getattr(row, name) for row in rows]
        if pad is not None:
            found = [F.pad(each, (0, width - each.shape[1]), value=pad) for each in found]
        return torch.cat(found)

    return replace(
        rows[0],
        logits=together("logits", 0.0),
        target=together("target"),
        mask=together("mask"),
        class_mask=None if bare else together("class_mask", False),
    )


def everywhere(item: LossInput) -> list[LossInput]:
    """The input of each process, as rows; the logits of the others have no gradient."""
    row = _rows(item)
    names = ("logits", "target", "mask", "class_mask")
    tensors = zip(*(by_process(getattr(row, name)) for name in names), strict=True)
    return [replace(row, **dict(zip(names, each, strict=True))) for each in tensors]


def _rows(item: LossInput) -> LossInput:
    """The same decisions as rows, with both masks."""
    logits, target, exists = item.logits, item.target, item.class_mask
    logits = logits[..., None] if item.kind == "labels" and logits.ndim == 1 else logits
    classes, leading = logits.shape[-1], logits.shape[:-1]
    if item.kind == "labels":
        target = target.reshape(logits.shape)
    if exists is None:
        exists = torch.ones((), dtype=torch.bool, device=logits.device)
    elif exists.ndim == len(leading) and classes == 1:
        exists = exists[..., None]
    mask = torch.ones_like(logits[..., 0], dtype=torch.bool) if item.mask is None else item.mask
    return replace(
        item,
        logits=logits.reshape(-1, classes),
        target=target.reshape(-1, classes) if target.shape == logits.shape else target.reshape(-1),
        mask=mask.reshape(-1),
        class_mask=exists.expand(logits.shape).reshape(-1, classes),
    )


# terms


def _has_sums(term: Loss) -> bool:
    """Whether a set-level loss is a function of class sums; a loss of a user may have none."""
    return type(term).sums is not Loss.sums


def _loss_at(term: Loss, item: LossInput, sums: Tensor) -> Tensor:
    """The loss from class sums, in the precision of a loss of the item."""
    found = term.from_sums(sums, background=item.background)
    return found if item.logits.dtype == torch.float64 else found.float()


def _first(item: LossInput, texts: int) -> LossInput:
    """The decisions for the first texts of a batch."""
    mask, exists = (
        part if part is None or len(part) != len(item.logits) else part[:texts]
        for part in (item.mask, item.class_mask)
    )
    logits, target = item.logits[:texts], item.target[:texts]
    return replace(item, logits=logits, target=target, mask=mask, class_mask=exists)


def _times_gradient(value: Tensor, factor: float) -> Tensor:
    """The same value, whose gradient is ``factor`` times as large."""
    return value if factor == 1 else value.detach() + factor * (value - value.detach())


def _hardest(item: LossInput, per_positive: float) -> LossInput:
    """The same input, in which only the positives and the hardest negatives count."""
    return _only(item, _choice(item, per_positive))


def _choice(item: LossInput, per_positive: float) -> Tensor:
    """The positives and the hardest negatives, as ``hardest_negatives`` has them."""
    return hardest_negatives(
        item.logits,
        item.target,
        per_positive=per_positive,
        kind=item.kind,
        mask=item.mask,
        class_mask=item.class_mask,
        background=item.background,
    )


def _only(item: LossInput, chosen: Tensor) -> LossInput:
    """The same input, in which only the decisions count that ``hardest_negatives`` chose."""
    if item.kind == "classes":
        return replace(item, mask=chosen)
    return replace(item, class_mask=chosen)


def _given(item: LossInput) -> Call:
    return {
        "kind": item.kind,
        "mask": item.mask,
        "class_mask": item.class_mask,
        "background": item.background,
        "class_counts": item.class_counts,
    }


def _apply(term: Loss, item: LossInput) -> Tensor:
    return term(item.logits, item.target, **_given(item))


def weighted(recipe: Recipe, weights: Mapping[str, float], labels: Sequence[str]) -> Recipe:
    """The recipe whose losses weigh the classes by label; other labels weigh 1.

    Example:
        >>> from dicetune.losses import recipe
        >>> print(weighted(recipe("ce+0.5*dice"), {"spam": 2}, ["ham", "spam"]))
        ce:class_weight=1/2+0.5*dice:class_weight=1/2
    """
    for name in weights:
        if name not in labels:
            raise unknown_name("label in class_weight", name, labels)
    if not weights:
        return recipe
    vector = [weights.get(label, 1.0) for label in labels]
    start = recipe.start_loss
    return replace(
        recipe,
        loss=_weighted(recipe.loss, vector),
        start_loss=None if start is None else _weighted(start, vector),
    )


def _weighted(loss: Loss, vector: Sequence[float]) -> Loss:
    terms = []
    for coefficient, term in loss.terms():
        options = term.options()
        if term.imported is not None:
            raise InputError(
                f"expected losses of dicetune beside class_weight, got {quoted(term.spec)}: give "
                "your loss its weights as an option of the loss, and leave class_weight out"
            )
        if options.get("class_weight", vector) is not None:
            what = "a class_weight" if "class_weight" in options else "no such option"
            raise InputError(
                f"expected losses that take class_weight, got {quoted(term.spec)} with {what}: "
                "leave class_weight out, or name another loss (`dicetune losses`)"
            )
        terms.append((coefficient, type(term)(**{**options, "class_weight": vector})))
    return SumLoss.of(terms)
