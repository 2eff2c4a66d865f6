"""The likeliest words: against all cuts, and where they are the arg-max."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import spans, to_tags
from dicetune.tasks.segmentation import WordPaths

LABELS = [f"{letter}-{tag}" for tag in ("N", "V") for letter in "SEIB"]
FOLLOWERS = {"": "BS", "B": "IE", "I": "IE", "E": "BS", "S": "BS"}


def spells_words(labels, breaks):
    """Whether each label may follow the one before it."""
    before = ""
    for place, label in enumerate(labels):
        letter = label[0]
        if letter not in FOLLOWERS[before[:1]]:
            return False
        if letter in "IE" and (label[2:] != before[2:] or place in breaks):
            return False
        before = label
    return before[:1] in ("", "E", "S")


def best_of_all(scores, breaks):
    """The best sum of any labels that spell words, by trying each."""
    sums = (
        sum(scores[place, number] for place, number in enumerate(numbers))
        for numbers in product(range(len(LABELS)), repeat=len(scores))
        if spells_words([LABELS[number] for number in numbers], breaks)
    )
    return max(sums)


@given(st.integers(1, 4), st.integers(0, 2**32 - 1), st.sets(st.integers(1, 4), max_size=2))
def test_no_other_words_are_likelier(length, seed, breaks):
    scores = np.random.default_rng(seed).normal(size=(length, len(LABELS)))
    words = WordPaths(LABELS).best(scores, breaks)
    tags = to_tags(words, length, "iobes")
    assert spells_words(tags, breaks)
    total = sum(scores[place, LABELS.index(tag)] for place, tag in enumerate(tags))
    assert total == pytest.approx(best_of_all(scores, breaks))


@given(st.lists(st.tuples(st.sampled_from("NV"), st.integers(1, 6)), max_size=20))
def test_labels_that_spell_words_stay(words):
    ends = np.cumsum([length for _, length in words]).astype(int)
    gold = [(tag, end - length, end) for (tag, length), end in zip(words, ends, strict=True)]
    count = int(ends[-1]) if words else 0
    scores = np.full((count, len(LABELS)), -9.0)
    for place, tag in enumerate(to_tags(gold, count, "iobes")):
        scores[place, LABELS.index(tag)] = -0.1
    assert WordPaths(LABELS).best(scores) == gold
    assert spans(to_tags(gold, count, "iobes"), "iobes") == gold


def test_a_break_ends_a_word():
    labels = ["B-N", "I-N", "E-N", "S-N"]
    scores = np.log([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]])
    assert WordPaths(labels).best(scores) == [("N", 0, 2)]
    assert WordPaths(labels).best(scores, {1}) == [("N", 0, 1), ("N", 1, 2)]


def test_no_characters():
    assert WordPaths(LABELS).best(np.zeros((0, len(LABELS)))) == []
