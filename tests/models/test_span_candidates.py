"""Candidates of the match head: by hand, against two loops, and what never changes them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune.models import select_spans, span_count

LOGITS = torch.tensor([[2.0, -1.0, 3.0]]), torch.tensor([[1.0, 2.0, -5.0]])


def by_two_loops(start, end, mask, max_words, count, gold=()):
    """The same for one window of plain lists."""
    places = [place for place, word in enumerate(mask) if word]
    found = []
    for first in range(len(places)):
        for length in range(max_words):
            if first + length < len(places):
                a, b = places[first], places[first + length]
                score = float("inf") if (a, b) in gold else min(start[a], end[b])
                found.append((-score, length, first, [a, b]))
    spans = [row[-1] for row in sorted(found)][:count]
    return spans + [[-1, -1]] * (count - len(spans))


def test_worked_example():
    spans = select_spans(*LOGITS, torch.ones(1, 3), max_words=2, count=6)
    # 1..2 and 2..2 score -5 both: the shorter one first
    assert spans.tolist() == [[[0, 1], [0, 0], [1, 1], [2, 2], [1, 2], [-1, -1]]]


def test_gold_comes_first_even_where_it_is_unlikely():
    gold = {"gold_starts": torch.tensor([[2, -1]]), "gold_ends": torch.tensor([[2, -1]])}
    spans = select_spans(*LOGITS, torch.ones(1, 3), max_words=2, count=2, **gold)
    assert spans.tolist() == [[[2, 2], [0, 1]]]


def test_gold_that_is_too_long_or_turned_round_is_no_candidate():
    gold = {"gold_starts": torch.tensor([[0, 2]]), "gold_ends": torch.tensor([[2, 0]])}
    spans = select_spans(*LOGITS, torch.ones(1, 3), max_words=2, count=1, **gold)
    assert spans.tolist() == [[[0, 1]]]


@given(data=st.data())
def test_against_two_loops(data):
    width, max_words, count = (data.draw(st.integers(1, n)) for n in (12, 6, 20))
    numbers = st.lists(st.integers(-3, 3), min_size=width, max_size=width)  # many ties
    rows = [(data.draw(numbers), data.draw(numbers)) for _ in range(2)]
    masks = [data.draw(st.lists(st.booleans(), min_size=width, max_size=width)) for _ in range(2)]
    golds = []
    for mask in masks:
        places = [place for place, word in enumerate(mask) if word]
        pairs = [(a, b) for i, a in enumerate(places) for b in places[i : i + max_words]]
        golds.append(data.draw(st.lists(st.sampled_from(pairs), max_size=3)) if pairs else [])
    most = max(1, *map(len, golds))
    starts, ends = (
        torch.tensor([[pair[side] for pair in g] + [-1] * (most - len(g)) for g in golds])
        for side in (0, 1)
    )
    spans = select_spans(
        torch.tensor([row[0] for row in rows], dtype=torch.float32),
        torch.tensor([row[1] for row in rows], dtype=torch.float32),
        torch.tensor(masks),
        max_words=max_words,
        count=count,
        gold_starts=starts,
        gold_ends=ends,
    )
    expected = [
        by_two_loops(*row, mask, max_words, count, set(gold))
        for row, mask, gold in zip(rows, masks, golds, strict=True)
    ]
    assert spans.tolist() == expected
    words = torch.tensor([sum(mask) for mask in masks])
    assert ((spans[..., 0] >= 0).sum(1) == span_count(words, max_words).clamp(max=count)).all()


def test_every_pair_of_two_likely_ends_is_looked_at_while_there_is_room():
    # one end of great weight does not push out pairs whose ends are both believed in
    start, end = torch.full((1, 20), -1.0), torch.full((1, 20), -9.0)
    start[0, 4], end[0, 5] = 0.1, 0.1
    start[0, 15] = 50.0
    spans = select_spans(start, end, torch.ones(1, 20), max_words=8, count=1)
    assert spans.tolist() == [[[4, 5]]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_infinite_logits_of_half_precision_count_as_spans(dtype):
    start = torch.full((1, 3), -torch.inf, dtype=dtype)
    spans = select_spans(start, start, torch.ones(1, 3), max_words=2, count=5)
    assert (spans >= 0).all()


def test_no_word_at_all():
    spans = select_spans(*LOGITS, torch.zeros(1, 3), max_words=2, count=2)
    assert spans.tolist() == [[[-1, -1], [-1, -1]]]


def test_memory_grows_with_the_window_and_not_with_its_square():
    long = torch.randn(1, 4096)
    spans = select_spans(long, long, torch.ones(1, 4096), max_words=16, count=32)
    assert spans.shape == (1, 32, 2)
