"""LengthGroupedSampler: batches of texts of like length, in an order that a resume repeats.

Shuffle all texts, cut them into blocks of many batches, sort each block by length, and shuffle
the batches. Padding nearly vanishes while each batch stays a random draw. The order depends on
(seed, epoch) alone: never on the global random state, so a resumed run sees the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

_BATCHES_PER_BLOCK = 50


class LengthGroupedSampler(Sampler[int]):
    """Indices grouped by length, shuffled by seed and epoch.

    Args:
        lengths: length of each item.
        batch_size: items of one optimizer step's micro-batch (over all ranks they are consecutive).
        seed: with the epoch, decides the order.

    Example:
        >>> sampler = LengthGroupedSampler([3, 9, 3, 8], batch_size=2, seed=1)
        >>> order = list(sampler)
        >>> sorted(map(tuple, (sorted(order[:2]), sorted(order[2:]))))
        [(0, 2), (1, 3)]
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = torch.as_tensor(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator)
        full: list[torch.Tensor] = []
        rest: list[torch.Tensor] = []  # the one batch that is not full stays last
        for block in torch.split(order, self.batch_size * _BATCHES_PER_BLOCK):
            by_length = block[self.lengths[block].argsort(descending=True, stable=True)]
            for batch in torch.split(by_length, self.batch_size):
                (full if len(batch) == self.batch_size else rest).append(batch)
        for index in torch.randperm(len(full), generator=generator):
            yield from full[int(index)].tolist()
        for batch in rest:
            yield from batch.tolist()
