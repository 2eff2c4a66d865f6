"""Scores of classified texts: by hand, and as scikit-learn has them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    matthews_corrcoef,
)

from dicetune.errors import InputError
from dicetune.metrics import class_scores, label_set_scores, positive_class

labels = st.lists(st.tuples(*[st.sampled_from("abc")] * 2), min_size=1, max_size=20)
sets = st.lists(st.tuples(*[st.sets(st.sampled_from("abc"))] * 2), min_size=1, max_size=12)


def test_by_hand():
    found = class_scores(
        ["1", "1", "1", "0"], ["1", "1", "0", "1"], positive="1", probabilities=[0.9, 0.8, 0.4, 0.6]
    )
    assert (found.accuracy, found.micro_f1, found.support) == (0.5, 0.5, 4)
    assert (found.precision, found.recall, found.f1) == (2 / 3, 2 / 3, 2 / 3)
    assert (found.other, found.f1_other, found.macro_f1) == ("0", 0.0, 1 / 3)
    assert found.mcc == pytest.approx(-1 / 3)
    # by rank: 1, 1, 0, 1 -> precision 1, 1, 3/4 at the three hits
    assert found.average_precision == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert found.per_label["1"].support == 3


def test_three_classes_have_no_other_one():
    plain = class_scores(["a", "b", "c"], ["a", "b", "a"]).to_dict()
    assert {"positive", "f1", "f1_other", "average_precision"}.isdisjoint(plain)
    chosen = class_scores(["a", "b", "c"], ["a", "b", "a"], positive="a").to_dict()
    assert (chosen["f1"], "f1_other" in chosen) == (2 / 3, False)


def test_a_class_that_nothing_has_scores_0_and_no_nan():
    found = class_scores(
        ["0", "0"], ["0", "0"], labels=["0", "1"], positive="1", probabilities=[0.1, 0.2]
    )
    assert (found.f1, found.other, found.f1_other, found.mcc) == (0.0, "0", 1.0, 0.0)
    assert (found.average_precision, found.macro_f1) == (None, 1.0)


@settings(max_examples=30)
@given(labels)
def test_as_scikit_learn(pairs):
    gold, own = ([pair[n] for pair in pairs] for n in (0, 1))
    found = class_scores(gold, own, positive="a")
    names = sorted({*gold, *own})
    assert found.accuracy == accuracy_score(gold, own)
    macro = f1_score(gold, own, labels=names, average="macro", zero_division=0)
    micro = f1_score(gold, own, labels=names, average="micro", zero_division=0)
    assert (found.macro_f1, found.micro_f1) == (pytest.approx(macro), pytest.approx(micro))
    f1 = f1_score(gold, own, labels=["a"], average="macro", zero_division=0)
    assert found.f1 == pytest.approx(f1)
    if len(set(gold)) > 1 and len(set(own)) > 1:
        assert found.mcc == pytest.approx(matthews_corrcoef(gold, own))
    assert not any(isinstance(v, float) and math.isnan(v) for v in found.to_dict().values())


@pytest.mark.parametrize(
    ("counts", "chosen", "expected"),
    [
        ({"0": 1, "1": 9}, None, "1"),
        ({"negative": 1, "positive": 9}, None, "positive"),
        ({"ham": 9, "spam": 1}, None, "spam"),
        ({"ham": 9, "spam": 1}, "ham", "ham"),
        ({"a": 1, "b": 1}, None, "a"),
        ({"a": 1, "1": 1, "c": 1}, None, None),
        ({"a": 1, "b": 1, "c": 1}, "c", "c"),
    ],
)
def test_positive_class(counts, chosen, expected):
    assert positive_class(counts, chosen) == expected


def test_label_sets_by_hand():
    gold, own = [("a",), ("a", "b"), ()], [("a",), ("b", "c"), ()]
    chances = np.array([[0.9, 0.1, 0.2], [0.3, 0.8, 0.7], [0.2, 0.1, 0.1]])
    found = label_set_scores(gold, own, labels="abc", probabilities=chances)
    assert found.exact_match == pytest.approx(2 / 3)
    assert (found.precision, found.recall, found.micro_f1) == pytest.approx((2 / 3,) * 3)
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert (found.per_label["c"].support, found.per_label["c"].predicted) == (0, 1)
    # all pairs by rank: a (hit), b (hit), c, a (hit): no gold text has c, which macro leaves out
    assert found.average_precision == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert found.macro_average_precision == 1.0


def test_labels_that_nothing_uses_do_not_count():
    found = label_set_scores([("a",)], [("a",)], labels="abcd")
    assert (found.macro_f1, set(found.per_label)) == (1.0, {"a"})
    empty = label_set_scores([()], [()], labels="ab")
    assert (empty.exact_match, empty.macro_f1, empty.micro_f1) == (1.0, 0.0, 0.0)


def test_one_label_alone():
    found = label_set_scores([("a",), ("a",), ()], [("a",), (), ("a",)])
    assert (found.micro_f1, found.macro_f1, found.exact_match) == (0.5, 0.5, 1 / 3)
    assert (found.precision, found.recall, found.per_label["a"].support) == (0.5, 0.5, 2)
    chances = np.array([[0.9], [0.3], [0.2]])
    found = label_set_scores([("a",), ("a",), ()], [("a",), (), ()], probabilities=chances)
    assert (found.average_precision, found.macro_average_precision) == (1.0, 1.0)
    same = class_scores(["a", "a"], ["a", "a"]).to_dict()
    assert (same["accuracy"], same["macro_f1"], same["mcc"]) == (1.0, 1.0, 0.0)


@settings(max_examples=30)
@given(sets)
def test_label_sets_as_scikit_learn(pairs):
    gold, own = ([sorted(pair[n]) for pair in pairs] for n in (0, 1))
    chances = np.random.default_rng(0).random((len(pairs), 3))
    found = label_set_scores(gold, own, labels="abc", probabilities=chances)
    truth, made = (
        np.array([[label in one for label in "abc"] for one in side], dtype=int)
        for side in (gold, own)
    )
    micro = f1_score(truth, made, average="micro", zero_division=0)
    assert found.micro_f1 == pytest.approx(micro)
    occurring = [n for n in range(3) if truth[:, n].any() or made[:, n].any()]
    each = f1_score(truth, made, average=None, zero_division=0)
    assert found.macro_f1 == pytest.approx(each[occurring].mean() if occurring else 0.0)
    assert found.exact_match == pytest.approx(accuracy_score(truth, made))
    if truth.any():
        average = average_precision_score(truth, chances, average="micro")
        assert found.average_precision == pytest.approx(average)


def test_what_is_refused():
    with pytest.raises(InputError, match="positive class to be one of a, b, got 'c'"):
        positive_class({"a": 1, "b": 1}, "c")
    with pytest.raises(InputError, match="as many predicted texts as gold ones"):
        label_set_scores([("a",)], [])
    with pytest.raises(InputError, match="labels of a, b, got 'c'"):
        label_set_scores([("c",)], [("a",)], labels="ab")
    with pytest.raises(InputError, match="predicted"):
        class_scores(["a"], [])
