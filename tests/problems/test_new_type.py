"""A type of prediction, and a rule, that the package does not have: nothing else must know them."""

import re
from pathlib import Path

import numpy as np
import pytest

from dicetune.decide import DecisionRule, fit
from dicetune.problems import PROBLEMS, Label, problem_of
from dicetune.problems.decisions import Decisions

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def keywords(monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text(encoding="utf-8"), re.S)
    (code,) = (block for block in blocks if "class Keywords" in block)
    names = {}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    monkeypatch.setitem(PROBLEMS, "keywords", names["Keywords"])
    return problem_of({"kind": "keywords", "metric": "recall"})


def test_the_type_of_the_guide_is_scored_and_read(keywords):
    gold, predicted = [["Quay", "pump"], ["dock"]], [["pump"], ["dock", "down"]]
    scores = keywords.scores(gold, predicted)
    assert (scores["precision"], scores["recall"]) == (2 / 3, 2 / 3)
    assert keywords.metrics[0] == "recall"
    assert keywords.readings({}, predicted[1]) == ("dock", "down")
    rows = [{"gold": row} for row in gold]
    assert keywords.right_units(rows, [["quay", "pump"], ["dock"]], np.zeros(2)).tolist() == [
        False,
        True,
    ]


def test_no_rule_is_fitted_for_it_and_the_reason_is_given(keywords):
    rule = fit(keywords, [["a"]], [np.zeros((1, 1))])
    assert rule.is_default
    assert rule.evidence["said"].startswith("Words are given without scores")


class _Sharpened(Label):
    """Labels whose rule multiplies the margin: no bias is added anywhere."""

    kind = "sharpened"

    @classmethod
    def move(cls, scores, biases, labels):
        return [table * np.array([1.0, np.exp(biases.get("power", 0.0))]) for table in scores]

    def decide(self, gold, scores, extras):
        return _Power(self, gold, scores)


class _Power(Decisions):
    names = ("power",)

    def __init__(self, problem, gold, scores):
        self.problem, self.gold, self.scores = problem, gold, scores

    def predicted(self, biases):
        moved = self.problem.move(self.scores, biases, self.problem.labels)
        return [self.problem.labels[table[0].argmax()] for table in moved]

    def counts(self, biases):
        return self.problem.counts(self.gold, self.predicted(biases))

    def fit(self, goal, mask):
        tried = [{"power": power} for power in np.linspace(-2, 2, 41)]
        return max(tried, key=lambda one: float(goal.key(self.counts(one)[mask].sum(0))))


def test_a_rule_that_is_no_bias_is_fitted_shrunk_saved_and_applied(monkeypatch, tmp_path):
    monkeypatch.setitem(PROBLEMS, "sharpened", _Sharpened)
    problem = {"kind": "sharpened", "labels": ["ham", "spam"], "positive": "spam"}
    gold = ["ham", "spam"] * 30
    scores = [np.log([[0.9, 0.1]]), np.log([[0.6, 0.4]])] * 30
    rule = fit(problem, gold, scores)
    assert rule.evidence["default"] == 0 < rule.evidence["tuned"] == 1
    assert rule.biases["power"] == rule.evidence["factor"] * rule.evidence["fitted_biases"]["power"]
    rule.save(tmp_path)
    moved = DecisionRule.load(tmp_path).apply(scores)
    assert [["ham", "spam"][table[0].argmax()] for table in moved] == gold
