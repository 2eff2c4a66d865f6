"""The guard: how parts are dealt, the jackknife by loops, what it does to noise and to gains."""

import numpy as np
import pytest

from dicetune.decide import fit
from dicetune.decide.guard import cross_fit, deal, gain_of
from dicetune.decide.kinds import decisions_of
from dicetune.decide.objective import parse_objective
from dicetune.decide.search import search
from lattice import draw

SPAM = {"kind": "label", "labels": ["ham", "spam"], "positive": "spam", "metric": "f1"}


def test_parts_depend_on_ids_alone():
    ids = [f"doc{number}" for number in range(23)]
    parts = deal(ids, 5)
    assert sorted(np.bincount(parts)) == [4, 4, 5, 5, 5]
    order = np.random.default_rng(0).permutation(23)
    assert np.array_equal(deal([ids[place] for place in order], 5), parts[order])
    # units of one id stay together
    twice = deal(ids * 2, 5)
    assert np.array_equal(twice[:23], twice[23:])


def test_the_standard_error_leaves_each_unit_out():
    problem, gold, scores, _ = draw("label", 4, units=15)
    decisions = decisions_of(problem, gold, scores)
    objective = parse_objective("macro_f1", decisions.counting)
    one, other = decisions.counts({}), decisions.counts({"a": 1.25, "b": -0.75})
    _, gain, error = gain_of(decisions, objective, one, other)

    def difference(keep):
        score = decisions.counting.score
        return score(other[keep].sum(0), "macro_f1") - score(one[keep].sum(0), "macro_f1")

    units = range(len(gold))
    without = [difference([place for place in units if place != left]) for left in units]
    spread = sum((value - np.mean(without)) ** 2 for value in without)
    assert gain == pytest.approx(difference(list(units)))
    assert error == pytest.approx(np.sqrt(14 / 15 * spread))


def test_held_out_units_are_decided_by_rules_that_did_not_see_them():
    problem, gold, scores, _ = draw("label", 5, units=20, labels=["a", "b"], positive="a")
    decisions = decisions_of(problem, gold, scores)
    objective = parse_objective("f1", decisions.counting)
    seen = []

    def find(keep):
        seen.append(keep)
        return search(decisions, objective, keep)

    ids = [str(number) for number in range(20)]
    found = cross_fit(decisions, objective, find, ids, 4)
    parts = deal(ids, 4)
    sums = 0
    for number, keep in enumerate(seen):
        assert np.array_equal(~keep, parts == number)
        own = search(decisions, objective, keep)
        sums = sums + decisions.counts(own)[~keep].sum(0)
    assert found.folds == len(seen) == 4
    assert np.array_equal(found.sums, sums)
    assert found.score == decisions.counting.score(sums, "f1")


def drawn(random, units, shift):
    """Calibrated log-probabilities of a rare class, then moved by a shift of the logit."""
    logits = random.normal(-1.5, 2.0, units)
    gold = ["spam" if own else "ham" for own in random.random(units) < 1 / (1 + np.exp(-logits))]
    logits = logits - shift
    table = np.stack([-np.logaddexp(0, logits), -np.logaddexp(0, -logits)], axis=1)
    return gold, [row[None] for row in table]


def test_noise_keeps_the_default_nearly_always():
    random = np.random.default_rng(7)
    kept, plain, guarded = 0, [], []
    problem = {**SPAM, "metric": "accuracy"}  # calibrated: the default is best
    for _ in range(100):
        gold, scores = drawn(random, 150, 0.0)
        rule = fit(problem, gold, scores)
        kept += rule.is_default
        new_gold, new = drawn(random, 2000, 0.0)
        test = decisions_of(problem, new_gold, new)

        def score(biases, test=test):
            return float(test.counting.score(test.counts(biases).sum(0), "accuracy"))

        plain.append(score(rule.evidence["fitted_biases"]) - score({}))
        guarded.append(score(rule.biases) - score({}))
    assert kept >= 90
    assert np.mean(plain) < -0.002  # what a plain fit costs
    assert np.mean(guarded) > 0.3 * np.mean(plain)


def test_a_true_shift_is_found():
    random = np.random.default_rng(8)
    best, guarded = [], []
    for _ in range(40):
        gold, scores = drawn(random, 400, 3.0)
        rule = fit(SPAM, gold, scores)
        new_gold, new = drawn(random, 4000, 3.0)
        test = decisions_of(SPAM, new_gold, new)

        def score(biases, test=test):
            return float(test.counting.score(test.counts(biases).sum(0), "f1"))

        best.append(max(score({"spam": bias}) for bias in np.linspace(2, 4, 9)) - score({}))
        guarded.append(score(rule.biases) - score({}))
    assert np.mean(best) > 0.1
    assert np.mean(guarded) > 0.85 * np.mean(best)


def test_without_the_guard_the_fitted_rule_stays():
    gold, scores = drawn(np.random.default_rng(9), 100, 0.0)
    rule = fit(SPAM, gold, scores, guard=False)
    assert rule.biases == rule.evidence["fitted_biases"]
    assert rule.evidence["factor"] == 1.0
    assert "without a guard" in rule.evidence["said"]
