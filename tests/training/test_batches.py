"""Length-grouped order: each item once, little padding, decided by seed and epoch alone."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune.training.batches import LengthGroupedSampler


@given(
    lengths=st.lists(st.integers(1, 100), max_size=300),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
)
def test_each_item_comes_once(lengths, batch_size, seed, epoch):
    sampler = LengthGroupedSampler(lengths, batch_size, seed)
    sampler.set_epoch(epoch)
    assert sorted(sampler) == list(range(len(lengths)))
    assert len(sampler) == len(lengths)


def test_order_depends_on_seed_and_epoch_and_not_on_the_global_random_state():
    lengths = list(range(100))
    orders = {}
    for seed in (1, 2):
        for epoch in (0, 1):
            torch.manual_seed(seed + 10 * epoch)
            sampler = LengthGroupedSampler(lengths, 4, seed)
            sampler.set_epoch(epoch)
            orders[seed, epoch] = tuple(sampler)
            torch.manual_seed(99)
            assert tuple(sampler) == orders[seed, epoch]
    assert len(set(orders.values())) == 4


def test_batches_hold_texts_of_like_length():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, 80, (2000,), generator=generator).tolist()
    sampler = LengthGroupedSampler(lengths, 32, seed=1)
    order = list(sampler)
    batches = [order[i : i + 32] for i in range(0, len(order), 32)]
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    assert padded / sum(lengths) < 1.1


def test_the_short_batch_comes_last_so_that_batches_stay_whole():
    sampler = LengthGroupedSampler([5, 1, 4, 2, 3], 2, seed=3)
    lengths = [[5, 1, 4, 2, 3][i] for i in sampler]
    assert sorted(map(sorted, (lengths[:2], lengths[2:4]))) == [[2, 3], [4, 5]]
    assert lengths[4] == 1
