"""Items of each class: of training for class-weighted losses, of dev for the choice it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from dicetune.errors import quoted
from dicetune.loss_input import LossInput
from dicetune.problems import problem_named
from dicetune.tasks import Encoded, Task
from dicetune.training.collator import PaddingCollator
from dicetune.training.heads import LossInputs

ClassCounts = Tensor | Mapping[str, Tensor]
"""Of all loss inputs, or of each by its name."""

_AT_ONCE = 256


def count_classes(task: Task, encoded: Encoded, tokenizer: Any) -> dict[str, Tensor]:
    """Training items of each class, by the name of the loss input.

    A class without items counts as one: it is gold nowhere, so that its weight, which would be
    infinite, multiplies nothing.

    Args:
        task: whose targets they are.
        encoded: the training split, as it will be trained on.
        tokenizer: pads.
    """
    counts = _totals(task, encoded, tokenizer)
    return {name: own.clamp(min=1) for name, own in counts.items()}


def doubts_of_choice(task: Task, encoded: Encoded, tokenizer: Any) -> list[str]:
    """Why the score of a dev split cannot choose a checkpoint, in sentences.

    Args:
        task: whose score chooses.
        encoded: the dev split.
        tokenizer: pads.
    """
    problem = task.problem()
    if not problem_named(problem["kind"]).has_classes:  # no answer is an answer too
        return []
    means = "so the choice of the checkpoint means nothing"
    found = []
    for counts in _totals(task, encoded, tokenizer).values():
        if counts.ndim == 2:
            if not counts[:, 1].any():
                found.append(
                    f"dev holds no item of any class: F1 is 0 for every checkpoint, {means}"
                )
            continue
        names = [name for name, own in zip(task.labels, counts.tolist(), strict=True) if own]
        positive = problem.get("positive")
        if task.main_metric == "f1" and positive is not None and positive not in names:
            found.append(
                f"dev holds no item of class {quoted(positive)}: its F1 is 0 for every checkpoint, "
                f"{means}"
            )
        elif len(names) == 1 < len(task.labels):
            found.append(
                f"dev holds items of class {quoted(names[0])} alone: its score tells nothing of "
                f"other classes, {means}"
            )
    return list(dict.fromkeys(found))


def _totals(task: Task, encoded: Encoded, tokenizer: Any) -> dict[str, Tensor]:
    collate = PaddingCollator(tokenizer, {**task.targets, **task.extra_inputs})
    total: dict[str, Tensor] = {}
    for begin in range(0, len(encoded.features), _AT_ONCE):
        batch = collate(encoded.features[begin : begin + _AT_ONCE])
        targets = {name: batch[name] for name in task.targets}
        for name, counts in task.class_counts(targets).items():
            total[name] = total[name] + counts if name in total else counts
    return total


def with_class_counts(loss_inputs: LossInputs, class_counts: ClassCounts) -> LossInputs:
    """The same loss inputs with their class counts."""

    def counted(outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        items = []
        for item in loss_inputs(outputs, labels):
            own = _own(class_counts, item.name)
            if own is not None:
                item = replace(item, class_counts=own.to(item.logits.device))
            items.append(item)
        return items

    return counted


def _own(class_counts: ClassCounts, name: str) -> Tensor | None:
    return class_counts.get(name) if isinstance(class_counts, Mapping) else class_counts
