"""Collator: windows to a batch, whatever keys a task gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.data.data_collator import pad_without_fast_tokenizer_warning


class PaddingCollator:
    """Pads model inputs with the tokenizer, every other list with a value of its own.

    Args:
        tokenizer: pads the inputs that it knows, on its own side.
        paddings: for each further key the value that pads it; lists of such a key are padded to
            the longest of the batch, on the tokenizer's side; plain numbers are stacked.

    Example:
        ``PaddingCollator(tokenizer, {"labels": -100})(features)["labels"]``
    """

    def __init__(self, tokenizer: Any, paddings: Mapping[str, int]) -> None:
        self.tokenizer = tokenizer
        self.paddings = dict(paddings)

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """One batch of tensors."""
        inputs = [{k: v for k, v in f.items() if k not in self.paddings} for f in features]
        batch = dict(
            pad_without_fast_tokenizer_warning(
                self.tokenizer, inputs, padding=True, return_tensors="pt"
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
