"""Scores of segmentation: by hand, and against plain loops."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError
from dicetune.metrics import segmentation_scores


def divided(part, whole):
    return part / whole if whole else 0.0


def oracle(gold, predicted):
    """Precision, recall and F1 of (word, tag), then of words: one word after another."""
    found = []
    for tags_count in (True, False):
        correct = own_count = gold_count = 0
        for right, own in zip(gold, predicted, strict=True):
            own_count += len(own)
            gold_count += len(right)
            for i, (word, tag) in enumerate(own):
                start = sum(len(w) for w, _ in own[:i])
                for j, (other, other_tag) in enumerate(right):
                    if start != sum(len(w) for w, _ in right[:j]) or len(word) != len(other):
                        continue
                    correct += not tags_count or tag == other_tag
        found += [
            divided(correct, own_count),
            divided(correct, gold_count),
            divided(2 * correct, own_count + gold_count),
        ]
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
def test_as_the_plain_loop(pair):
    scores = segmentation_scores(*pair)
    own = [scores.precision, scores.recall, scores.f1]
    own += [scores.word_precision, scores.word_recall, scores.word_f1]
    assert own == pytest.approx(oracle(*pair))
    assert scores.f1 <= scores.word_f1
    for name in ("correct", "predicted", "support"):
        assert sum(getattr(one, name) for one in scores.per_type.values()) == getattr(scores, name)


def test_by_hand():
    gold = [[("ab", "N"), ("c", "V")], [("a", "N"), ("bc", "V"), ("d", "P")]]
    predicted = [[("ab", "V"), ("c", "V")], [("ab", "N"), ("c", "V"), ("d", "P")]]
    scores = segmentation_scores(gold, predicted)
    assert (scores.correct, scores.predicted, scores.support) == (2, 5, 5)
    assert (scores.word_correct, scores.word_f1) == (3, 0.6)
    assert scores.tag_accuracy == pytest.approx(2 / 3)
    table = {tag: (one.correct, one.predicted, one.support) for tag, one in scores.per_type.items()}
    assert table == {"N": (0, 1, 2), "P": (1, 1, 1), "V": (1, 3, 2)}
    assert json.loads(json.dumps(scores.to_dict()))["per_type"]["V"]["support"] == 2


def test_nothing_to_score():
    assert segmentation_scores([], []).f1 == 0
    assert segmentation_scores([[]], [[]]).word_f1 == 0


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([[("ab", "N")]], [], "expected as many predicted sentences as gold ones"),
        ([[("ab", "N")]], [[("ac", "N")]], "sentence 0: .* 'b' from character 1 on, got 'c'"),
        ([[("ab", "N")]], [[("a", "N")]], "sentence 0: .* 'b' from character 1 on, got ''"),
        ([[("", "N"), ("a", "N")]], [[("a", "N")]], "gold sentence 0: .* got an empty one"),
        ([[("a", "N")]], [[("a", "N"), ("", "N")]], "predicted sentence 0: .* got an empty one"),
    ],
)
def test_bad_input(gold, predicted, message):
    with pytest.raises(InputError, match=message):
        segmentation_scores(gold, predicted)
