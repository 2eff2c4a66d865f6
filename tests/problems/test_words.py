"""Words cut out of characters: by hand, and against sets of their places."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError
from dicetune.problems import Words
from referees import items


def scores(gold, predicted):
    return Words({}).word_scores(gold, predicted)


def places(sentences):
    """Sentence, first character, one past the last, and tag of each word."""
    found = set()
    for number, words in enumerate(sentences):
        ends = list(accumulate(len(word) for word, _ in words))
        for (word, tag), end in zip(words, ends, strict=True):
            found.add((number, end - len(word), end, tag))
    return found


TEXT = st.text(max_size=12)
TAGS = st.sampled_from(["NN", "VV", "PU"])


@st.composite
def cuts(draw):
    """Sentences cut and tagged in two ways."""
    gold, predicted = [], []
    for text in draw(st.lists(TEXT, max_size=4)):
        for sentences in (gold, predicted):
            ends = draw(st.sets(st.integers(1, max(1, len(text)))))
            ends = sorted({end for end in ends if end <= len(text)} | {len(text)} - {0})
            starts = [0, *ends[:-1]] if ends else []
            sentences.append([(text[a:b], draw(TAGS)) for a, b in zip(starts, ends, strict=True)])
    return gold, predicted


@given(cuts())
def test_words_score_as_the_sets_of_their_places(pair):
    found = scores(*pair)
    gold, predicted = map(places, pair)
    for prefix, sides in (
        ("", (gold, predicted)),
        ("word_", ({word[:-1] for word in gold}, {word[:-1] for word in predicted})),
    ):
        for name, value in items(*sides)[0].items():
            assert found[f"{prefix}{name}"] == pytest.approx(value), (prefix, name)
    assert found["f1"] <= found["word_f1"]
    for name in ("correct", "predicted", "support"):
        assert sum(row[name] for row in found["per_type"].values()) == found[name]


def test_by_hand():
    gold = [[("ab", "N"), ("c", "V")], [("a", "N"), ("bc", "V"), ("d", "P")]]
    predicted = [[("ab", "V"), ("c", "V")], [("ab", "N"), ("c", "V"), ("d", "P")]]
    found = scores(gold, predicted)
    assert (found["correct"], found["predicted"], found["support"]) == (2, 5, 5)
    assert (found["word_correct"], found["word_f1"]) == (3, 0.6)
    assert found["tag_accuracy"] == pytest.approx(2 / 3)
    names = ("correct", "predicted", "support")
    table = {tag: tuple(row[name] for name in names) for tag, row in found["per_type"].items()}
    assert table == {"N": (0, 1, 2), "P": (1, 1, 1), "V": (1, 3, 2)}


def test_nothing_to_score():
    assert scores([], [])["f1"] == 0
    assert scores([[]], [[]])["word_f1"] == 0


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([[("ab", "N")]], [], "expected as many predicted sentences as gold ones"),
        ([], [[("ab", "N")]], "expected as many predicted sentences as gold ones"),
        ([[("ab", "N")]], [[("ac", "N")]], "sentence 0: .* 'b' from character 1 on, got 'c'"),
        ([[("ab", "N")]], [[("a", "N")]], "sentence 0: .* 'b' from character 1 on, got ''"),
        ([[("", "N"), ("a", "N")]], [[("a", "N")]], "gold sentence 0: .* got an empty one"),
        ([[("a", "N")]], [[("a", "N"), ("", "N")]], "predicted sentence 0: .* got an empty one"),
    ],
)
def test_bad_input(gold, predicted, message):
    with pytest.raises(InputError, match=message):
        scores(gold, predicted)
