"""Label scores: by hand and against a plain loop."""

import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError
from dicetune.metrics import label_scores

LABELS = st.sampled_from(["NOUN", "VERB", ",", "O", "B-X", "名"])


def test_by_hand():
    """A: 2 of 2 right, one B too many called A. B: 1 of 3. C: only predicted."""
    gold = ["A", "A", "B", "B", "B"]
    predicted = ["A", "A", "A", "B", "C"]
    scores = label_scores(gold, predicted)
    assert scores.accuracy == 3 / 5
    assert scores.support == 5
    assert scores.per_label["A"].f1 == pytest.approx(2 * 2 / (3 + 2))
    assert scores.per_label["B"].f1 == pytest.approx(2 * 1 / (1 + 3))
    assert scores.per_label["C"].f1 == 0
    assert scores.macro_f1 == pytest.approx((4 / 5 + 1 / 2 + 0) / 3)
    counts = scores.per_label["C"]
    assert (counts.support, counts.predicted) == (0, 1)


@given(st.lists(st.tuples(LABELS, LABELS)))
def test_against_a_plain_loop(items):
    gold, predicted = [a for a, _ in items], [b for _, b in items]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = label_scores(gold, predicted)
    assert set(scores.per_label) == {*gold, *predicted}
    total = 0.0
    for label, counts in scores.per_label.items():
        both = sum(a == b == label for a, b in items)
        own, right = predicted.count(label), gold.count(label)
        assert (counts.predicted, counts.support) == (own, right)
        assert counts.precision == pytest.approx(both / own if own else 0)
        assert counts.recall == pytest.approx(both / right if right else 0)
        assert counts.f1 == pytest.approx(2 * both / (own + right))
        total += counts.f1
    assert scores.macro_f1 == pytest.approx(total / len(scores.per_label) if items else 0)
    assert scores.accuracy == pytest.approx(sum(a == b for a, b in items) / max(len(items), 1))


def test_sentences_and_flat_lists_score_the_same():
    nested = label_scores([["A", "B"], [], ("A",)], [["A", "A"], [], ("A",)])
    assert nested == label_scores(["A", "B", "A"], ["A", "A", "A"])


def test_plain_data():
    found = json.loads(json.dumps(label_scores(["A"], ["A"]).to_dict()))
    assert found["per_label"]["A"]["support"] == 1
    assert label_scores([], []).to_dict()["macro_f1"] == 0


def test_messages():
    with pytest.raises(InputError, match=r"sentence 1: expected 1 predicted tags, .* got 2"):
        label_scores([["A"], ["A"]], [["A"], ["A", "A"]])
    with pytest.raises(
        InputError, match=r"expected 2 predicted tags, one for each gold tag, got 1"
    ):
        label_scores(["A", "A"], ["A"])
