"""A recall that was asked for: what is reached of it elsewhere is said, with its interval."""

import numpy as np
import pytest

from dicetune.decide import Split, tune_splits
from dicetune.decide.floor import wilson


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (1, 1, 0.2065, 1.0)],
)
def test_wilson_by_published_numbers(right, total, low, high):
    """Newcombe, Statistics in Medicine, 1998, has 81 of 263."""
    assert wilson(right, total) == pytest.approx((low, high), abs=1e-4)


def split(gold, positives, labels=("a", "b")):
    """Texts of two classes, with the probability of the second."""
    scores = [np.log([[1 - own, own]]) for own in positives]
    rows = [
        {"gold": right, "predicted": labels[int(own > 0.5)]}
        for right, own in zip(gold, positives, strict=True)
    ]
    return Split(rows, scores, [str(number) for number in range(len(rows))])


def test_a_floor_that_is_missed_on_test_is_said():
    random = np.random.default_rng(0)
    gold = ["a", "b"] * 50
    near = np.where(np.array(gold) == "b", 0.6, 0.4) + random.uniform(-0.25, 0.25, 100)
    problem = {"kind": "label", "labels": ["a", "b"], "positive": "b"}
    splits = {
        "dev": split(gold, near),
        "test": split(["a", "b"] * 10, np.where(np.arange(20) < 8, 0.1, 0.99)),
        "empty": split(["a"] * 3, [0.1, 0.2, 0.3]),
    }
    found = tune_splits(problem, splits, objective="precision@recall:0.95")
    notes = found.rule.evidence["notes"]
    dev, held_out, test, empty = notes
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


def test_each_label_has_a_floor_of_its_own():
    problem = {"kind": "label_set", "labels": ["a", "b", "c"]}
    gold = [["a"], ["a", "b"], [], ["b"]] * 10
    random = np.random.default_rng(1)
    scores = [np.log(random.uniform(0.1, 0.9, (1, 3))) for _ in gold]
    rows = [{"gold": own, "predicted": []} for own in gold]
    dev = Split(rows, scores, [str(number) for number in range(40)])
    found = tune_splits(problem, {"dev": dev}, objective="precision@recall:0.9")
    notes = found.rule.evidence["notes"]
    assert any(note.startswith("recall of every label is at least the 90 on dev") for note in notes)
    assert any("on held-out units, lowest '" in note for note in notes)
