"""Start sigmoid outputs at the share of their positives: b = log(n_positive / n_negative).

A new head says one half everywhere. With 50 or 2,000 negatives to a positive the first thing that
cross-entropy learns is to lower every logit, and the encoder helps: on GoEmotions it collapsed to
two directions and did not come back. From the prior on there is nothing to lower.

Reference: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dicetune.errors import InputError, quoted
from dicetune.tasks import Task


@torch.no_grad()
def start_at_prior(task: Task, model: Any, class_counts: Mapping[str, Tensor]) -> None:
    """Write the log-odds of the training items into the biases of a model's sigmoid outputs.

    Args:
        task: says which biases these are.
        model: with the task's head.
        class_counts: training items without and with each label, (C, 2), by input name.

    Raises:
        InputError: where the task's outputs are softmaxes.
    """
    biases = task.sigmoid_biases(model)
    if not biases:
        raise InputError(
            f"expected sigmoid outputs for prior_bias, got softmaxes from task "
            f"{quoted(task.name)}: "
            "leave it out"
        )
    for name, bias in biases.items():
        absent, there = class_counts[name].to(bias).unbind(1)
        bias.copy_(torch.log(there / absent))
