"""Collator: windows to a batch, whatever keys a task gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor
from transformers.data.data_collator import pad_without_fast_tokenizer_warning

from dicetune.models import padding_multiple
from dicetune.tasks import Task


class PaddingCollator:
    """Pads model inputs with the tokenizer, every other list with a value of its own.

    Args:
        tokenizer: pads the inputs that it knows, on its own side.
        paddings: for each further key the value that pads it; lists of such a key are padded to
            the longest of the batch, on the tokenizer's side; plain numbers are stacked.
        multiple: the inputs are padded to a multiple of this length.

    Example:
        ``PaddingCollator(tokenizer, {"labels": -100})(features)["labels"]``
    """

    def __init__(self, tokenizer: Any, paddings: Mapping[str, int], multiple: int = 1) -> None:
        self.tokenizer = tokenizer
        self.paddings = dict(paddings)
        self.multiple = multiple

    @classmethod
    def of(cls, task: Task, tokenizer: Any, model_config: Any) -> Self:
        """The collator of a task's windows for a model."""
        # targets that stand at positions are as long as the windows that the task made
        multiple = 1 if task.aligns else padding_multiple(model_config)
        return cls(tokenizer, {**task.targets, **task.extra_inputs}, multiple)

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """One batch of tensors."""
        inputs = [{k: v for k, v in f.items() if k not in self.paddings} for f in features]
        batch = dict(
            pad_without_fast_tokenizer_warning(
                self.tokenizer,
                inputs,
                padding=True,
                pad_to_multiple_of=self.multiple,
                return_tensors="pt",
            )
        )
        for key, padding in self.paddings.items():
            if key in features[0]:
                batch[key] = self._pad([f[key] for f in features], padding)
        return batch

    def _pad(self, values: list[Any], padding: int) -> Tensor:
        if not isinstance(values[0], Sequence):
            return torch.tensor(values)
        longest = max(len(value) for value in values)
        left = self.tokenizer.padding_side == "left"
        rows = []
        for value in values:
            filler = [padding] * (longest - len(value))
            rows.append([*filler, *value] if left else [*value, *filler])
        return torch.tensor(rows)
