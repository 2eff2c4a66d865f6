"""Rehearsal: one window goes through the model and the losses before anything is made.

What a loss or a selection has no meaning for (class weights over the positions of a text, hard
negatives where no class means "nothing") is known only when a task's inputs are there. The
longest window of training shows it in the time of one forward pass.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch

from dicetune.losses import Recipe
from dicetune.tasks import Encoded, Task
from dicetune.training.class_counts import ClassCounts, with_class_counts
from dicetune.training.collator import PaddingCollator
from dicetune.training.objective import Objective


def rehearse(
    task: Task,
    model: Any,
    tokenizer: Any,
    encoded: Encoded,
    recipe: Recipe,
    *,
    hard_negatives: float | None = None,
    class_counts: ClassCounts | None = None,
) -> None:
    """Run the first window through the model and each loss of the recipe; nothing is learnt.

    Args:
        task: whose window it is.
        model: with the task's head; it is set to evaluation.
        tokenizer: pads.
        encoded: the training split.
        recipe: the losses.
        hard_negatives: as ``ObjectiveTrainer`` takes them.
        class_counts: training items of each class, where a loss needs them.

    Raises:
        InputError: where a loss or the selection has no meaning for what the task puts out.
    """
    collate = PaddingCollator.of(task, tokenizer, model.config)
    batch = collate(encoded.features[:1])
    labels = {name: batch.pop(name) for name in task.targets if name in batch}
    with torch.inference_mode():
        outputs = model.eval()(**batch)
        items = with_class_counts(task.loss_inputs, class_counts or {})(outputs, labels)
        for loss in recipe.losses:
            # a loss of the user may have buffers, which the rehearsal must not change
            objective = Objective(deepcopy(loss), hard_negatives)
            objective.check(items)
            objective.share(items, task.item_counts(labels), 1, 1)
