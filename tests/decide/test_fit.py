"""Shrinkage: how parts are dealt, the jackknife by loops, what it does to noise and to gains."""

import numpy as np
import pytest

from dicetune.decide.fit import _said, fit
from dicetune.decide.held_out import cross_fit, deal
from dicetune.decide.rule import DecisionRule
from dicetune.errors import InputError
from dicetune.problems import problem_of
from dicetune.problems.goal import Goal
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
    settings, gold, scores, _ = draw("label", 4, units=15)
    decisions = problem_of(settings).decisions(gold, scores)
    goal = Goal.parse("macro_f1", decisions.problem)
    default, other = decisions.counts({}), decisions.counts({"a": 1.25, "b": -0.75})
    whole, gain, error = goal.gain(default, other)

    def difference(units):
        score = decisions.problem.score
        return score(other[units].sum(0), "macro_f1") - score(default[units].sum(0), "macro_f1")

    units = range(len(gold))
    without = [difference([unit for unit in units if unit != left]) for left in units]
    spread = sum((value - np.mean(without)) ** 2 for value in without)
    assert whole == decisions.problem.score(other.sum(0), "macro_f1")
    assert gain == pytest.approx(difference(list(units)))
    assert error == pytest.approx(np.sqrt(14 / 15 * spread))


@pytest.mark.parametrize("given", [True, False], ids=["a fit of the caller", "the search"])
def test_held_out_units_are_decided_by_rules_that_did_not_see_them(given):
    settings, gold, scores, _ = draw("label", 5, units=20, labels=["a", "b"], positive="a")
    decisions = problem_of(settings).decisions(gold, scores)
    goal = Goal.parse("f1", decisions.problem)
    seen = []

    def find(mask):
        seen.append(mask)
        return decisions.fit(goal, mask)

    ids = [str(number) for number in range(20)]
    found = cross_fit(decisions, goal, ids, 4, find if given else None)
    parts = deal(ids, 4)
    if given:
        assert [(~mask).tolist() for mask in seen] == [(parts == n).tolist() for n in range(4)]
    sums = 0
    for number in range(4):
        rule = (decisions.fit if given else decisions.estimate)(goal, parts != number)
        sums = sums + decisions.counts(rule)[parts == number].sum(0)
    assert found.folds == 4
    assert np.array_equal(found.sums, sums)
    assert found.score == decisions.problem.score(sums, "f1")
    assert cross_fit(decisions, goal, ["same"] * 20, 4) is None


def drawn(random, units, shift):
    """Calibrated log-probabilities of a rare class, then moved by a shift of the logit."""
    logits = random.normal(-1.5, 2.0, units)
    is_spam = random.random(units) < 1 / (1 + np.exp(-logits))
    gold = ["spam" if rare else "ham" for rare in is_spam]
    logits = logits - shift
    table = np.stack([-np.logaddexp(0, logits), -np.logaddexp(0, -logits)], axis=1)
    return gold, [row[None] for row in table]


def gain_on(settings, units):
    """What biases gain on new units over the default decision."""
    decisions = problem_of(settings).decisions(*units)
    goal = Goal.parse(None, decisions.problem)

    def score(biases):
        return float(goal.score(decisions.counts(biases).sum(0)))

    return lambda biases: score(biases) - score({})


def test_noise_keeps_the_default_nearly_always():
    random = np.random.default_rng(7)
    kept, plain, shrunk = 0, [], []
    settings = {**SPAM, "metric": "accuracy"}  # calibrated: the default is best
    for _ in range(100):
        rule = fit(settings, *drawn(random, 150, 0.0))
        kept += rule.is_default
        gain = gain_on(settings, drawn(random, 2000, 0.0))
        plain.append(gain(rule.evidence["fitted_biases"]))
        shrunk.append(gain(rule.biases))
    assert kept >= 90
    assert np.mean(plain) < -0.002  # what a plain fit costs
    assert np.mean(shrunk) > 0.3 * np.mean(plain)


def test_a_true_shift_is_found():
    random = np.random.default_rng(8)
    best, shrunk = [], []
    for _ in range(40):
        rule = fit(SPAM, *drawn(random, 400, 3.0))
        gain = gain_on(SPAM, drawn(random, 4000, 3.0))
        best.append(max(gain({"spam": bias}) for bias in np.linspace(2, 4, 9)))
        shrunk.append(gain(rule.biases))
    assert np.mean(best) > 0.1
    assert np.mean(shrunk) > 0.85 * np.mean(best)


def test_without_the_guard_the_fitted_rule_stays():
    gold, scores = drawn(np.random.default_rng(9), 100, 0.0)
    rule = fit(SPAM, gold, scores, guard=False)
    assert rule.biases == rule.evidence["fitted_biases"]
    assert rule.evidence["factor"] == 1.0
    assert "without a guard" in rule.evidence["said"]


@pytest.mark.parametrize(
    ("gain", "factor", "said"),
    [
        (None, 0.0, "Kept the default: too few units to hold any out, so it is not used."),
        (-0.001, 0.0, "points on held-out units (40 in 5 parts), so it is not used."),
        (0.001, 0.0, "points on held-out units (40 in 5 parts), which is within the noise."),
        (0.02, 0.9, "Tuned: a rule fitted for f1 gains +2.00 ± 1.00 points"),
        (0.02, 0.9, "so 90% of it is kept."),
    ],
)
def test_what_was_done_is_said(gain, factor, said):
    goal = Goal.parse("f1", problem_of(SPAM))
    evidence = {"fitted_biases": {"spam": 1.0}, "gain": gain, "error": 0.01, "folds": 5}
    evidence["positive_units"] = 20
    assert said in _said(goal, {**evidence, "factor": factor, "units": 40, "guard": True})


@pytest.mark.parametrize(
    ("short", "factor", "said"),
    [
        (0.7, 1.0, "misses more than it invents, so 100% of the rule is kept, however sure"),
        (-0.2, 0.3, "hardly invents more than it misses, so 30% of the rule"),
        (-3.0, 0.5, "invents far more than it misses, so 50% of the rule"),
    ],
)
def test_a_default_that_finds_too_few_or_too_many_is_said(short, factor, said):
    goal = Goal.parse("f1", problem_of(SPAM))
    evidence = {"fitted_biases": {"spam": 1.0}, "gain": -0.01, "error": 0.01, "folds": 5}
    evidence |= {"positive_units": 20, "factor": factor, "units": 40, "guard": True}
    assert said in _said(goal, {**evidence, "shortfall": short})


@pytest.mark.parametrize("kinds", [("label", "tags"), ("tags", "label")])
def test_a_rule_of_another_type_is_refused(kinds):
    of_rule, of_model = kinds
    model = problem_of({"kind": of_model, "labels": ["a", "b"]})
    with pytest.raises(InputError, match=f"a decision rule for {of_model}, got one for {of_rule}"):
        DecisionRule(of_rule, {}, "macro_f1", ("a", "b")).check(model)


def test_a_bias_for_each_type_is_used_where_held_out_sentences_justify_it():
    """Scores of one type are too low, of the other too high: one bias on O cannot mend both."""
    random = np.random.default_rng(0)
    labels = ["O", "B-x", "I-x", "B-y", "I-y"]
    gold, scores, even = [], [], []
    for _ in range(300):
        tags = random.choice(["O", "B-x", "B-y"], 6, p=[0.6, 0.2, 0.2]).tolist()
        logits = random.normal(0, 1, (6, 5))
        logits[np.arange(6), [labels.index(tag) for tag in tags]] += 2.5
        logits[:, [2, 4]] -= 9
        gold.append(tags)
        even.append(logits.copy())
        scores.append(logits + np.array([0, -2, -2, 2, 2]))
    problem = {"kind": "spans", "labels": labels, "background": "O", "scheme": "iob2"}
    rule = fit(problem, gold, scores)
    assert rule.biases["B-x"] == rule.biases["I-x"] > rule.biases["B-y"] + 2
    assert rule.biases["B-y"] == rule.biases["I-y"]
    assert any(words.startswith("x counts ") for words in rule.words)
    alone = problem_of(problem).decisions(gold, scores)
    assert alone.names == ("O",)
    crossed = cross_fit(alone, Goal.parse("f1", alone.problem), list(map(str, range(300))))
    assert rule.evidence["cross_fitted"] > crossed.score + 0.05
    assert set(fit(problem, gold, even).biases) == {"O"}  # nothing to gain
    assert set(fit(problem, gold, scores, guard=False).biases) == {"O"}
