"""The search of one bias among several classes: it finds what the counts of all classes give."""

import numpy as np
import pytest

from dicetune.problems import problem_of
from dicetune.problems.decisions import Decisions
from dicetune.problems.goal import Goal
from dicetune.problems.one_label import OF_CLASSES

LABELS = ["a", "b", "c", "d", "e"]
GOALS = ["accuracy", "macro_f1", "micro_f1", "mcc", "fbeta:2"]


def drawn(seed, quick=False):
    """Decisions on texts, some units of them, and biases; many scores are equal or impossible."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 40))
    gold = rng.choice([*LABELS[:4], "unknown"], size).tolist()
    scores = np.log(rng.integers(0 if seed % 2 else 1, 6, (size, len(LABELS))) + 0.0)
    scores[np.isneginf(scores).all(1), 2] = 0.0
    problem = problem_of({"kind": "label", "labels": LABELS})
    decisions = problem.decisions(gold, [row[None] for row in scores])
    mask = rng.random(size) < 0.7
    mask[0] = True
    biases = dict(zip(LABELS, rng.integers(-2, 3, len(LABELS)).astype(float), strict=True))
    return decisions.quick() if quick else decisions, mask, biases


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("text", GOALS)
def test_the_scores_along_a_bias_are_those_of_the_counts(text, quick):
    for seed in range(40):
        decisions, mask, biases = drawn(seed, quick)
        goal = Goal.parse(text, decisions.problem)
        assert goal.name in OF_CLASSES
        for name in decisions.names:  # one search serves one bias after another
            edges, values = decisions.along(goal, name, biases, mask)
            by_counts, wanted = Decisions.along(decisions, goal, name, biases, mask)
            np.testing.assert_array_equal(edges, by_counts)
            np.testing.assert_allclose(values, wanted, atol=1e-12)
            biases = {**biases, name: float(np.round(edges.mean(), 1)) if len(edges) else 1.0}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("text", GOALS)
def test_a_rule_is_that_of_the_counts(text):
    for seed in range(0, 40, 2):
        decisions, mask, _ = drawn(seed)
        goal = Goal.parse(text, decisions.problem)
        found = decisions.fit(goal, mask)
        decisions.along = lambda *given, decisions=decisions: Decisions.along(decisions, *given)
        assert found == pytest.approx(decisions.fit(goal, mask))


def test_many_classes_cost_what_their_items_cost():
    """500 classes took minutes when each bias counted all of them for every item."""
    rng = np.random.default_rng(0)
    labels = [f"class{number}" for number in range(500)]
    gold = rng.integers(0, 500, 500)
    scores = rng.normal(size=(500, 1, 500))
    scores[np.arange(500), 0, gold] += 3
    problem = problem_of({"kind": "label", "labels": labels})
    decisions = problem.decisions([labels[one] for one in gold], list(scores)).quick()
    goal = Goal.parse("macro_f1", decisions.problem)
    every = np.ones(500, dtype=bool)
    found = decisions.estimate(goal, every)
    default, tuned = (goal.score(decisions.counts(rule).sum(0)) for rule in ({}, found))
    assert tuned > default + 0.1
