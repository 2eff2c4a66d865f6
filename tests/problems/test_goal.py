"""What a rule is fitted for, and what is reached of a recall that was asked for."""

import numpy as np
import pytest
from sklearn.metrics import fbeta_score

from dicetune.decide import Split, tune_splits
from dicetune.errors import InputError
from dicetune.problems import problem_of
from dicetune.problems.goal import Goal, share_interval

SPAM = {"kind": "label", "labels": ["ham", "spam"], "positive": "spam"}
SPANS = {"kind": "spans", "labels": ["O", "B-x", "I-x"]}


def goal(text, settings, *rows):
    return Goal.parse(text, problem_of(settings, *rows))


@pytest.mark.parametrize("text", ["f1", "mcc", "fbeta:0.5", "precision@recall:0.9"])
def test_a_goal_prints_as_the_text_that_names_it(text):
    found = goal(text, SPAM)
    assert str(found) == text
    assert found.is_operating_point == text.startswith("precision@")
    sums = found.problem.counts(["spam", "ham"], ["spam", "spam"]).sum(0)
    assert list(found.all_scores(sums)) == list(dict.fromkeys([text, *found.problem.metrics]))


@pytest.mark.parametrize("settings", [SPAM, {**SPAM, "metric": "mcc"}, SPANS, {"kind": "answer"}])
def test_the_headline_is_the_goal_by_default(settings):
    assert str(goal(None, settings)) == problem_of(settings).metrics[0]


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("f2", SPAM, "unknown objective for label 'f2'.*"),
        ("f1:2", SPAM, "unknown objective for label 'f1:2'.*"),
        ("fbeta:2", {"kind": "answer"}, "unknown objective for answer 'fbeta:2'.*"),
        ("precision@recall:0.9", {"kind": "tags"}, "expected an objective of all classes, got"),
        ("fbeta", SPAM, "expected fbeta:B with a B above 0, such as fbeta:2, got 'fbeta'"),
        ("fbeta:0", SPAM, "expected fbeta:B with a B above 0"),
        ("fbeta:inf", SPAM, "expected fbeta:B with a B above 0"),
        ("fbeta:nan", SPAM, "expected fbeta:B with a B above 0"),
        ("precision@recall:0", SPAM, "a recall above 0 and at most 1"),
        ("precision@recall:1.1", SPAM, "a recall above 0 and at most 1"),
        ("precision@recall:x", SPAM, "a recall above 0 and at most 1"),
    ],
)
def test_goals_that_there_are_not(text, settings, message):
    with pytest.raises(InputError, match=message):
        goal(text, settings)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("positive", [None, "b"])
def test_f_beta_as_scikit_learn(beta, positive):
    random = np.random.default_rng(1)
    gold, predicted = (random.choice(list("abc"), 40).tolist() for _ in range(2))
    settings = {"kind": "label", "labels": list("abc"), "positive": positive}
    found = goal(f"fbeta:{beta}", settings)
    sums = found.problem.counts(gold, predicted).sum(0)
    classes = list("abc") if positive is None else [positive]
    expected = fbeta_score(gold, predicted, beta=beta, labels=classes, average="macro")
    assert found.score(sums) == found.key(sums) == pytest.approx(expected)


def test_precision_at_recall_ranks_by_precision_where_the_recall_is_reached_else_by_recall():
    """Of 4 gold: correct and predicted of 2 and 2, 3 and 4, 4 and 8."""
    found = goal("precision@recall:0.75", SPAM)
    points = np.array([[0, right, 0, made, 0, 4] for right, made in ((2, 2), (3, 4), (4, 8))])
    assert found.key(points).tolist() == [0.5, 1.75, 1.5]
    assert found.score(points).tolist() == [1.0, 0.75, 0.5]


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (1, 1, 0.2065, 1.0)],
)
def test_wilson_by_published_numbers(right, total, low, high):
    """Newcombe, Statistics in Medicine, 1998, has 81 of 263."""
    assert share_interval(right, total) == pytest.approx((low, high), abs=1e-4)


def split(gold, positives, labels=("a", "b")):
    """Texts of two classes, with the probability of the second."""
    scores = [np.log([[1 - chance, chance]]) for chance in positives]
    predicted = [labels[int(chance > 0.5)] for chance in positives]
    return Split(gold, predicted, scores, [str(number) for number in range(len(gold))])


def test_a_recall_that_is_missed_on_test_is_said():
    random = np.random.default_rng(0)
    gold = ["a", "b"] * 50
    near = np.where(np.array(gold) == "b", 0.6, 0.4) + random.uniform(-0.25, 0.25, 100)
    problem = problem_of({"kind": "label", "labels": ["a", "b"], "positive": "b"})
    splits = {
        "dev": split(gold, near),
        "test": split(["a", "b"] * 10, np.where(np.arange(20) < 8, 0.1, 0.99)),
        "empty": split(["a"] * 3, [0.1, 0.2, 0.3]),
    }
    found = tune_splits(problem, splits, objective="precision@recall:0.95")
    dev, held_out, test, empty = found.rule.evidence["notes"]
    assert dev.startswith("recall on dev is 9")
    assert dev.endswith("at least the 95 that was asked for")
    assert held_out.startswith("recall on held-out units is ")
    assert (
        test == "recall on test is 60.00 (95% interval 31.27 to 83.18), below the 95 that was "
        "asked for"
    )
    assert empty == "the recall on empty is unknown: there is no gold of it"
    assert "Recall on test is 60.00" in found.said
    assert not tune_splits(problem, splits, objective="f1").rule.evidence["notes"]


def test_each_label_has_a_recall_of_its_own():
    problem = problem_of({"kind": "label_set", "labels": ["a", "b", "c"]})
    gold = [["a"], ["a", "b"], [], ["b"]] * 10
    random = np.random.default_rng(1)
    scores = [np.log(random.uniform(0.1, 0.9, (1, 3))) for _ in gold]
    dev = Split(gold, [[]] * 40, scores, [str(number) for number in range(40)])
    found = tune_splits(problem, {"dev": dev}, objective="precision@recall:0.9")
    notes = found.rule.evidence["notes"]
    assert any(note.startswith("recall of every label is at least the 90 on dev") for note in notes)
    assert any("on held-out units, lowest '" in note for note in notes)
