"""Labels of texts and tags of words: by hand, and where scikit-learn is asked for more."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from dicetune.errors import InputError
from dicetune.problems import Label, LabelSet, Tags, positive_class
from dicetune.problems.ratios import average_precision
from referees import referee


def label_scores(gold, predicted, probabilities=None, labels=(), positive=None):
    return Label({"labels": labels, "positive": positive}, gold, predicted).scores(
        gold, predicted, probabilities
    )


def set_scores(gold, predicted, probabilities=None, labels=()):
    return LabelSet({"labels": labels}).scores(gold, predicted, probabilities)


def test_two_labels_by_hand():
    found = label_scores(
        ["1", "1", "1", "0"], ["1", "1", "0", "1"], [0.9, 0.8, 0.4, 0.6], positive="1"
    )
    assert found == {
        "accuracy": 0.5, "macro_f1": 1 / 3, "micro_f1": 0.5, "mcc": pytest.approx(-1 / 3),
        "support": 4, "positive": "1", "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3,
        # by rank: 1, 1, 0, 1 -> precision 1, 1, 3/4 at the three hits
        "average_precision": pytest.approx((1 + 1 + 3 / 4) / 3),
        "other": "0", "f1_other": 0.0,
        "per_label": {
            "0": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1, "predicted": 1},
            "1": {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3, "predicted": 3},
        },
    }  # fmt: skip


def test_three_labels_have_no_other_label():
    plain = label_scores(["a", "b", "c"], ["a", "b", "a"])
    assert {"positive", "f1", "f1_other", "average_precision"}.isdisjoint(plain)
    chosen = label_scores(["a", "b", "c"], ["a", "b", "a"], positive="a")
    assert (chosen["f1"], "f1_other" in chosen) == (2 / 3, False)


def test_a_label_that_nothing_has_scores_0_and_no_nan():
    found = label_scores(["0", "0"], ["0", "0"], [0.1, 0.2], labels=["0", "1"], positive="1")
    assert (found["f1"], found["other"], found["f1_other"], found["mcc"]) == (0.0, "0", 1.0, 0.0)
    assert (found.get("average_precision"), found["macro_f1"]) == (None, 1.0)
    same = label_scores(["a", "a"], ["a", "a"])
    assert (same["accuracy"], same["macro_f1"], same["mcc"]) == (1.0, 1.0, 0.0)


@given(
    st.lists(st.tuples(*[st.sampled_from(["ham", "spam"])] * 2), min_size=1, max_size=20),
    st.sampled_from(["ham", "spam"]),
)
def test_two_labels_as_scikit_learn(pairs, positive):
    gold, predicted = ([pair[side] for pair in pairs] for side in (0, 1))
    known = {"kind": "label", "labels": ["ham", "spam"], "positive": positive}
    metrics, _ = referee(known, gold, predicted)
    found = Label(known).scores(gold, predicted)
    assert {name: found[name] for name in metrics} == pytest.approx(metrics, abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "chosen", "expected"),
    [
        ({"0": 1, "1": 9}, None, "1"),
        ({"negative": 1, "positive": 9}, None, "positive"),
        ({"LABEL_0": 1, "LABEL_1": 9}, None, "LABEL_1"),
        ({"ham": 9, "spam": 1}, None, "spam"),
        ({"ham": 9, "spam": 1}, "ham", "ham"),
        ({"b": 1, "a": 1}, None, "a"),
        ({"a": 1, "1": 1, "c": 1}, None, None),
        ({"a": 1, "b": 1, "c": 1}, "c", "c"),
    ],
)
def test_positive_class(counts, chosen, expected):
    assert positive_class(counts, chosen) == expected


def test_a_positive_class_that_there_is_not_is_refused():
    with pytest.raises(InputError, match="positive class to be one of a, b, got 'c'"):
        positive_class({"a": 1, "b": 1}, "c")


def test_the_headline_is_f1_of_the_positive_class_else_macro_f1():
    known = {"labels": ["0", "1"], "positive": "1"}
    assert Label(known).metrics[0] == "f1"
    assert Label(known).metric_title("f1") == "F1 of “1”"
    assert Label({**known, "metric": "mcc"}).metrics[:2] == ("mcc", "f1")
    assert Label({**known, "positive": None}).metrics == ("macro_f1", "accuracy", "micro_f1", "mcc")
    assert (Label(known).one_of_several, Label({"labels": ["0", "1"]}).one_of_several) == (
        False,
        True,
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=12))
def test_average_precision_as_scikit_learn(pairs):
    truth, scores = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    found = average_precision(truth, scores / 4)
    if not any(truth):
        assert found is None
    else:
        assert found == pytest.approx(average_precision_score(truth, scores / 4))


def test_label_sets_by_hand():
    gold, predicted = [("a",), ("a", "b"), ()], [("a",), ("b", "c"), ()]
    chances = np.array([[0.9, 0.1, 0.2], [0.3, 0.8, 0.7], [0.2, 0.1, 0.1]])
    found = set_scores(gold, predicted, chances, labels="abc")
    table = found.pop("per_label")
    assert found == pytest.approx(
        {
            "exact_match": 2 / 3, "precision": 2 / 3, "recall": 2 / 3, "micro_f1": 2 / 3,
            "macro_f1": (2 / 3 + 1 + 0) / 3, "support": 3,
            # all pairs by rank: a (hit), b (hit), c, a (hit): no gold text has c, which macro omits
            "average_precision": (1 + 1 + 3 / 4) / 3, "macro_average_precision": 1.0,
        }
    )  # fmt: skip
    assert (table["c"]["support"], table["c"]["predicted"]) == (0, 1)


@settings(max_examples=30)
@given(st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=12))
def test_average_precision_of_label_sets_as_scikit_learn(gold):
    chances = np.random.default_rng(0).random((len(gold), 3))
    found = set_scores(gold, gold, chances, labels="abc")
    truth = np.array([[label in row for label in "abc"] for row in gold], dtype=int)
    if not truth.any():
        assert "average_precision" not in found
        return
    average = average_precision_score(truth, chances, average="micro")
    assert found["average_precision"] == pytest.approx(average)
    occurring = truth.any(0)
    each = average_precision_score(truth[:, occurring], chances[:, occurring], average="macro")
    assert found["macro_average_precision"] == pytest.approx(each)


def test_labels_that_nothing_uses_do_not_count():
    found = set_scores([("a",)], [("a",)], labels="abcd")
    assert (found["macro_f1"], set(found["per_label"])) == (1.0, {"a"})
    empty = set_scores([()], [()], labels="ab")
    assert (empty["exact_match"], empty["macro_f1"], empty["micro_f1"]) == (1.0, 0.0, 0.0)
    assert set_scores([()], [()])["exact_match"] == 1.0


def test_one_label_alone():
    found = set_scores([("a",), ("a",), ()], [("a",), (), ("a",)])
    assert (found["micro_f1"], found["macro_f1"], found["exact_match"]) == (0.5, 0.5, 1 / 3)
    assert (found["precision"], found["recall"]) == (0.5, 0.5)
    assert found["per_label"]["a"]["support"] == 2
    chances = np.array([[0.9], [0.3], [0.2]])
    found = set_scores([("a",), ("a",), ()], [("a",), (), ()], chances, labels="a")
    assert (found["average_precision"], found["macro_average_precision"]) == (1.0, 1.0)


def test_tags_by_hand():
    """A: 2 of 2 right, another word called A. B: 1 of 3. C: only predicted."""
    found = Tags({}).scores([["A", "A"], [], ("B", "B", "B")], [["A", "A"], [], ("A", "B", "C")])
    table = found.pop("per_label")
    assert found == pytest.approx(
        {"accuracy": 3 / 5, "macro_f1": (4 / 5 + 1 / 2 + 0) / 3, "support": 5}
    )
    assert [table[name]["f1"] for name in "ABC"] == pytest.approx([4 / 5, 1 / 2, 0])
    assert (table["C"]["support"], table["C"]["predicted"]) == (0, 1)


def test_the_prior_is_taken_off_each_label():
    """Of three in four, log of four thirds; a label without any counts as having one."""
    problem = Label({"labels": ["a", "b"]})
    third = math.log(4 / 3)
    assert problem.prior_biases([3, 1]) == pytest.approx({"a": third, "b": math.log(4)})
    assert problem.prior_biases([3, 0], 2.0)["a"] == pytest.approx(2 * third)
    assert problem.prior(["a", "b", "a"]) == ([2.0, 1.0], "dev gold")
    counted = Label({"labels": ["a", "b"], "class_counts": [5, 7]})
    assert counted.prior(["a"]) == ([5, 7], "the training data")
    for counts in ([1], [1, -1], [0, 0]):
        with pytest.raises(InputError, match="expected 2 numbers of training items, one for each"):
            problem.prior_biases(counts)
    with pytest.raises(InputError, match="expected a finite tau, got inf"):
        problem.prior_biases([1, 1], math.inf)
