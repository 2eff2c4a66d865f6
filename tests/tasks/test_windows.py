"""Windows: every word in exactly one place, whatever the text, the tokenizer and the limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError
from dicetune.tasks.windows import _begun_words, _best_places, cut_windows
from families import TOKENIZERS
from tiny import wordpiece_tokenizer


def best_places(alignments):
    return _best_places(alignments, _begun_words(alignments))


def test_worked_example():
    # 6 words of one sub-word, windows of 4 that share 2: as in the module's docstring
    alignments = [[None, 0, 1, 2, 3, None], [None, 2, 3, 4, 5, None]]
    assert best_places(alignments) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (1, 4)]


def test_window_that_opens_inside_a_word_does_not_label_it():
    # word 1 has three sub-words; the second window opens with its last
    alignments = [[None, 0, 1, 1, None], [None, 1, 2, 3, None]]
    assert best_places(alignments) == [(0, 1), (0, 2), (1, 2), (1, 3)]


def test_without_overlap_a_word_may_open_a_window():
    assert best_places([[0, 1], [2, 3]]) == [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(
    texts=st.lists(st.lists(st.text(max_size=12), max_size=40), max_size=4),
    max_length=st.integers(8, 24),
    stride=st.integers(0, 4),
)
def test_every_word_is_labelled_in_exactly_one_place(kind, texts, max_length, stride):
    tokenizer = TOKENIZERS[kind]
    windows = cut_windows(texts, tokenizer, max_length, stride)
    places = windows.places
    assert places.starts.tolist() == np.cumsum([0] + [len(words) for words in texts]).tolist()
    pairs = list(zip(places.window.tolist(), places.position.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    for window, position in pairs:
        assert windows.inputs[window]["input_ids"][position] not in special
    lengths = [len(inputs["input_ids"]) for inputs in windows.inputs]
    assert max(lengths, default=0) <= max_length
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("word", ["", "\u200b", "\ufeff", " ", "\n", "\u00a0"])
def test_a_word_without_a_subword_becomes_unknown_and_keeps_its_place(kind, word):
    windows = cut_windows([["pump", word, "down"]], TOKENIZERS[kind], 24, 4)
    assert len(windows.places.window) == 3


def test_positions_survive_a_tokenizer_that_pads_on_the_left():
    tokenizer = wordpiece_tokenizer()
    tokenizer.padding_side = "left"
    cut_windows([["pump"]], tokenizer, 24, 4)
    assert tokenizer.padding_side == "right"


def test_counts_of_subwords_and_unknown_ones():
    windows = cut_windows([["pump", "漢", "pump"]], TOKENIZERS["wordpiece"], 24, 4)
    assert windows.unknown == 1
    assert windows.subwords == [3]


def test_stride_that_leaves_no_room():
    with pytest.raises(InputError, match=r"expected 0 <= stride < 6 .*got 6: lower stride"):
        cut_windows([["pump"]], TOKENIZERS["wordpiece"], 8, 6)
