"""Batches: windows of similar length in an order that a resume repeats, padded to tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler
from transformers import TrainerCallback
from transformers.data.data_collator import pad_without_fast_tokenizer_warning

from dicetune.errors import InputError
from dicetune.models import padding_multiple
from dicetune.tasks import Task
from dicetune.tasks.encoded import Features

_BATCHES_PER_BLOCK = 50
_AT_ONCE = 256


class LengthGroupedSampler(Sampler[int]):
    """Indices grouped by length, shuffled by seed and epoch.

    All texts are shuffled and cut into blocks of many batches; each block is sorted by length, and
    the batches are shuffled. There is little padding, and each batch is a random draw. The order
    depends only on seed and epoch, not on the global random state: a resumed run and every process
    have the same batches. With ``weights`` as many texts are drawn, with replacement, each with a
    probability in proportion to its weight.

    Example:
        >>> sampler = LengthGroupedSampler([3, 9, 3, 8], batch_size=2, seed=1)
        >>> order = list(sampler)
        >>> sorted(map(tuple, (sorted(order[:2]), sorted(order[2:]))))
        [(0, 2), (1, 3)]
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        batch_size: int,
        seed: int,
        weights: Tensor | None = None,
    ) -> None:
        self.lengths = torch.as_tensor(lengths)
        self.weights = weights
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    @classmethod
    def of(cls, dataset: Any, batch_size: int, seed: int, weights: Tensor | None = None) -> Self:
        """The sampler of the windows of a task, a datasets.Dataset, or a sequence of mappings."""
        if isinstance(dataset, Features):
            return cls(dataset.lengths, batch_size, seed, weights)
        if "input_ids" in getattr(dataset, "column_names", ()):
            return cls([len(ids) for ids in dataset["input_ids"]], batch_size, seed, weights)
        lengths = []
        for number in range(len(dataset)):
            item = dataset[number]
            if not isinstance(item, Mapping) or "input_ids" not in item:
                raise InputError(
                    "expected items with 'input_ids' to group them by length, got "
                    f"{sorted(item) if isinstance(item, Mapping) else type(item).__name__}: "
                    "give length_grouped=False"
                )
            lengths.append(len(item["input_ids"]))
        return cls(lengths, batch_size, seed, weights)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        count = len(self.lengths)
        if self.weights is None:
            order = torch.randperm(count, generator=generator)
        else:
            order = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        full: list[Tensor] = []
        rest: list[Tensor] = []  # a batch that is not full comes last
        for block in torch.split(order, self.batch_size * _BATCHES_PER_BLOCK):
            by_length = block[self.lengths[block].argsort(descending=True, stable=True)]
            for batch in torch.split(by_length, self.batch_size):
                (full if len(batch) == self.batch_size else rest).append(batch)
        for index in torch.randperm(len(full), generator=generator):
            yield from full[int(index)].tolist()
        for batch in rest:
            yield from batch.tolist()


def balanced_weights(
    task: Task, features: Features, collator: PaddingCollator
) -> tuple[Tensor, dict[str, int]]:
    """The weight of each window that makes its class as likely as any other, and class sizes.

    The class of a window is its label, the rarest of its labels, or the rarest type of its
    entities, by number of windows; "" is a window without any. With n_c windows of the class c the
    weight is 1 / n_c.

    Raises:
        InputError: for a task whose targets are positions of a text and no classes.
    """
    names = task.sampled_classes()
    held: list[set[str]] = []
    for begin in range(0, len(features), _AT_ONCE):
        batch = collator(features[begin : begin + _AT_ONCE])
        for row in range(len(next(iter(batch.values())))):
            counts = task.class_counts({name: batch[name][row : row + 1] for name in task.targets})
            if not counts:
                raise InputError(
                    f"expected a task with classes for the balanced sampler, got {task.name}: its "
                    "outputs are positions of a text; leave the sampler out"
                )
            held.append({name for items in counts.values() for name in _held(items, names)})
    windows = Counter(name for found in held for name in found)
    classes = [min(found, key=lambda name: (windows[name], name), default="") for found in held]
    sizes = Counter(classes)
    weights = torch.tensor([1 / sizes[name] for name in classes], dtype=torch.float64)
    return weights, dict(sorted(sizes.items()))


def _held(items: Tensor, names: Sequence[str]) -> set[str]:
    """The classes that a window holds, by its items of each class, (C,) or (C, 2)."""
    there = items if items.ndim == 1 else items[:, 1]
    of = names if len(names) == len(there) else ["positive"] * len(there)
    return {name for name, count in zip(of, there.tolist(), strict=True) if count} - {""}


class EpochOfSampler(TrainerCallback):
    """Sets the epoch of the sampler, also after a resume and with several processes."""

    def __init__(self, sampler: LengthGroupedSampler) -> None:
        self._sampler = sampler

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Set the epoch."""
        self._sampler.set_epoch(int(state.epoch or 0))


class PaddingCollator:
    """Pads model inputs with the tokenizer, and each key of ``paddings`` with its value there.

    Lists are padded to the longest list of the batch, on the side of the tokenizer; plain numbers
    are stacked. Model inputs are padded to a multiple of ``multiple``.

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
        # targets for each position are as long as the windows that the task made
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
