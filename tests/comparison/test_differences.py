"""Who is compared with whom."""

import numpy as np
import pytest

from comparisons import make_comparison
from dicetune.comparison.summary import summarise


def pairs(summary):
    return [(row["name"], row["baseline"]) for row in summary["comparisons"]]


def test_plain_with_plain_and_tuned_with_tuned(tmp_path):
    summary = summarise(make_comparison(tmp_path / "c", foreign=True))
    assert pairs(summary) == [
        ("dice", "ce"),
        ("ce, tuned", "ce"),
        ("dice, tuned", "ce, tuned"),
        ("other tool", "ce"),
    ]


def test_differences_are_those_of_the_seeds_that_both_have(tmp_path):
    summary = summarise(make_comparison(tmp_path / "c", failed=True))
    scores = {row["name"]: row["scores"] for row in summary["competitors"]}
    row = summary["comparisons"][0]
    assert row["seeds"] == [1, 2]  # the third run of dice failed
    expected = np.subtract(scores["dice"], scores["ce"][:2])
    assert row["difference"] == pytest.approx(expected.mean())
    assert row["seed_differences"] == pytest.approx(expected)


def test_without_tuned_decisions_there_is_one_baseline(tmp_path):
    folder = make_comparison(tmp_path / "c", losses=("ce", "dice", "dsc"), tuned=False)
    assert pairs(summarise(folder)) == [("dice", "ce"), ("dsc", "ce")]
