"""Trusted weights and what is estimated from them: loops and scipy as referees, corners, gains."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from dicetune.decide.fit import fit
from dicetune.problems import problem_of, thresholds
from dicetune.problems.decisions import Steps
from dicetune.problems.goal import Goal
from dicetune.problems.score_rows import logit
from dicetune.problems.thresholds import (
    ALONE,
    SHARED,
    TRUST,
    common_prior,
    curve,
    falling,
    slope_and_intercept,
    sums_of_positives,
    threshold_interval,
    trusted,
)

SPAM = {"kind": "label", "labels": ["ham", "spam"], "positive": "spam", "metric": "f1"}


def draw(rng, items, scale=1.0, shift=0.0):
    """Logits that are right before they are shifted and scaled, and gold."""
    logit = -3 + 2 * rng.standard_normal(items)
    return scale * (logit + shift), rng.random(items) < 1 / (1 + np.exp(-logit))


def rows(scores):
    return [np.array([[-math.log1p(math.exp(s)), -math.log1p(math.exp(-s))]]) for s in scores]


def names(gold):
    return ["spam" if positive else "ham" for positive in gold]


def misfit(parameters, scores, gold, centre, spread):
    slope, intercept = parameters
    total = ((slope - centre[0]) / spread[0]) ** 2 / 2 + (
        (intercept - centre[1]) / spread[1]
    ) ** 2 / 2
    for score, positive in zip(scores, gold, strict=True):
        logit = math.exp(slope) * score + intercept
        total += math.log1p(math.exp(-abs(logit))) + max(logit, 0) - positive * logit
    return total


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.4, -2.0), (3.0, 1.0)])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.5, -1.0)])
def test_the_calibration_is_that_of_a_general_optimiser(scale, shift, centre):
    scores, gold = draw(np.random.default_rng(1), 60, scale, shift)
    totals = sums_of_positives(scores[:, None], gold[:, None])
    (found,) = slope_and_intercept(scores[:, None], totals, np.array(centre), SHARED)
    best = minimize(misfit, centre, (scores, gold, centre, SHARED), tol=1e-10)
    assert found == pytest.approx(best.x, abs=1e-4)


def test_labels_are_calibrated_as_if_each_were_alone():
    rng = np.random.default_rng(2)
    pairs = [draw(rng, 80, scale, -1.0) for scale in (0.4, 1.0, 3.0)]
    scores, gold = (np.stack(columns, axis=1) for columns in zip(*pairs, strict=True))
    totals = sums_of_positives(scores, gold)
    together = slope_and_intercept(scores, totals, np.zeros(2), ALONE)
    for column, found in enumerate(together):
        alone = slope_and_intercept(scores[:, [column]], totals[:, [column]], np.zeros(2), ALONE)
        assert found == pytest.approx(alone[0], abs=1e-6)


def test_gold_is_trusted_by_the_number_of_positives():
    scores, gold = draw(np.random.default_rng(3), 50)
    few = trusted(scores[:, None], gold[:, None])[:, 0]
    share = gold.sum() / (gold.sum() + TRUST)
    assert few[gold].min() >= share
    assert few[~gold].max() <= 1 - share
    many = trusted(np.tile(scores, 2000)[:, None], np.tile(gold, 2000)[:, None])[:50, 0]
    assert np.abs(many - gold).max() < 0.05


def test_certain_scores_do_not_rule_the_slope():
    """Shares of 15 votes, of which many are 0: infinite logits, or those of a tiny number."""
    rng = np.random.default_rng(10)
    gold = rng.random(400) < 0.08
    votes = rng.binomial(15, np.where(gold, rng.beta(1, 3, 400), rng.beta(0.2, 6, 400)))
    with np.errstate(divide="ignore"):
        logits = np.log(votes / 15) - np.log(1 - votes / 15)
    found = [trusted(shape[:, None], gold[:, None]) for shape in (logits, np.clip(logits, -34, 34))]
    assert np.isfinite(found[0]).all()
    assert np.allclose(*found)
    ranked = [found[0][(votes == number) & ~gold].mean() for number in (0, 1, 3)]
    assert ranked[0] < 0.1 < ranked[2]
    assert ranked == sorted(ranked)
    alone = trusted(np.array([[np.inf], [-np.inf]]), np.array([[True], [False]]))
    assert alone[0] > 0.5 > alone[1]


def test_few_positives_gain_what_many_would():
    """Timid scores, 200 dev items: the exact fit gains less."""
    scores, gold = draw(np.random.default_rng(4), 50_000, shift=-1.0)

    def f1(bias):
        made = scores + bias > 0
        return 200 * (made & gold).sum() / (made.sum() + gold.sum())

    gained = {"default": [], "plain": [], "ours": []}
    for seed in range(12):
        own, right = draw(np.random.default_rng(100 + seed), 200, shift=-1.0)
        gained["default"].append(f1(0.0))
        for name, guard in (("plain", False), ("ours", True)):
            rule = fit(SPAM, names(right), rows(own), guard=guard)
            gained[name].append(f1(rule.biases["spam"]))
    default, plain, ours = (np.mean(values) for values in gained.values())
    assert plain > default + 10
    assert ours > plain + 1
    assert min(gained["ours"]) > max(gained["default"])


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_a_default_that_is_best_is_kept_or_hardly_moved(scale):
    scores, gold = draw(np.random.default_rng(5), 50_000, scale, 0.8)

    def f1(bias):
        made = scores + bias > 0
        return 200 * (made & gold).sum() / (made.sum() + gold.sum())

    lost = []
    for seed in range(12):
        own, right = draw(np.random.default_rng(200 + seed), 300, scale, 0.8)
        lost.append(f1(0.0) - f1(fit(SPAM, names(right), rows(own)).biases["spam"]))
    assert np.mean(lost) < 0.4


def test_a_rare_label_leans_on_the_others():
    """Every label is timid by 2; a label without dev gold gets a threshold like the others'."""
    rng = np.random.default_rng(6)
    labels = ["a", "b", "c", "rare"]
    pairs = [draw(rng, 300, shift=-2.0) for _ in labels]
    logits, gold = (np.stack(columns, axis=1) for columns in zip(*pairs, strict=True))
    gold[:, 3] = False
    problem = {"kind": "label_set", "labels": labels, "metric": "macro_f1"}
    given = [[name for name, has in zip(labels, row, strict=True) if has] for row in gold]
    scores = list(-np.logaddexp(0, -logits)[:, None])
    rule = fit(problem, given, scores)
    assert rule.biases["rare"] > 0.3
    assert "no dev gold of rare" in rule.evidence["notes"][0]
    assert rule.evidence["shortfall"] > 3
    assert fit(problem, given, scores, guard=False).biases["rare"] == 0
    nothing = fit(problem, [[] for _ in given], scores)
    assert not any(nothing.biases.values())


@pytest.mark.parametrize("metric", ["macro_f1", "micro_f1", "fbeta:2"])
def test_a_mean_over_labels_is_found_label_by_label(metric):
    """The fast search of separate labels is that of the general search."""
    rng = np.random.default_rng(7)
    labels = ["a", "b", "c"]
    gold = rng.random((60, 3)) < 0.3
    logits = np.round(rng.normal(0, 2, (60, 3)) + 2 * gold, 1)
    given = [[name for name, has in zip(labels, row, strict=True) if has] for row in gold]
    problem = problem_of({"kind": "label_set", "labels": labels, "metric": "macro_f1"})
    decisions = problem.decisions(given, list(-np.logaddexp(0, -logits)[:, None]))
    goal, every = Goal.parse(metric, decisions.problem), np.ones(60, dtype=bool)
    fast = decisions.fit(goal, every)
    general = super(type(decisions), decisions).fit(goal, every)
    reached, expected = (goal.score(decisions.counts(rule).sum(0)) for rule in (fast, general))
    assert reached >= expected - 1e-12
    if metric != "micro_f1":
        assert fast == pytest.approx(general)


def test_the_interval_of_the_threshold_by_loops():
    scores, gold = draw(np.random.default_rng(8), 80)
    at, bias, beta = -scores, 0.7, 2.0

    def scored(made):
        size = sum(made) + beta**2 * sum(gold)
        value = (1 + beta**2) * sum(made & gold) / size
        pulls = [
            ((1 + beta**2) * y * d - value * (d + beta**2 * y)) / size
            for y, d in zip(gold, made, strict=True)
        ]
        return value, np.array(pulls)

    best, own = scored(at < bias)
    edges = [-np.inf, *sorted(at), np.inf]
    kept = []
    for low, high in pairwise(edges):
        value, pulls = scored(at <= low)
        if best - value <= 1.644854 * math.sqrt(sum((pulls - own) ** 2)):
            kept.append((low, high))
    assert threshold_interval(at, gold, bias, beta) == (kept[0][0], kept[-1][1])


def test_the_intervals_hold_what_they_say():
    """Of the best threshold, and of the promised score, over 40 dev sets."""
    scores, gold = draw(np.random.default_rng(9), 50_000, shift=-1.0)
    order = np.argsort(-scores)
    right = np.cumsum(gold[order])
    curve = 2 * right / (np.arange(1, len(right) + 1) + gold.sum())
    best = -scores[order][curve.argmax()]
    held, kept = [], []
    for seed in range(40):
        own, positive = draw(np.random.default_rng(900 + seed), 300, shift=-1.0)
        evidence = (rule := fit(SPAM, names(positive), rows(own))).evidence
        low, high = evidence["intervals"]["spam"]
        held.append((low is None or low <= best) and (high is None or best <= high))
        made = scores + rule.biases["spam"] > 0
        f1 = 2 * (made & gold).sum() / (made.sum() + gold.sum())
        kept.append(evidence["promised_interval"][0] <= f1 <= evidence["promised_interval"][1])
    assert np.mean(held) >= 0.93
    assert np.mean(kept) >= 0.85


def test_scores_fall_and_equal_ones_stay_in_order():
    rng = np.random.default_rng(11)
    scores = np.round(-rng.gamma(1.0, 2.0, (3, 200)), 1).astype(np.float32)
    scores[0, :3], scores[1, 5:8] = 0.0, -np.inf
    scores[2, :2] = np.float32(-1e-12), np.float32(-0.0)
    expected = np.argsort(-scores, axis=1, kind="stable")
    assert (falling(scores) == expected).all()
    assert (falling(scores.astype(np.float64)) == expected).all()


def test_the_curve_of_a_label_is_that_of_steps():
    rng = np.random.default_rng(12)
    weight = rng.random(60)
    for at in (np.round(rng.normal(0, 2, 60), 1), np.repeat([-np.inf, 0.5, np.inf], 20)):
        at = np.sort(at)
        change = np.stack([weight, np.ones(60)], axis=1)
        steps = Steps.of(np.zeros((1, 2)), at, np.zeros(60, dtype=int), np.arange(2), change)
        edges, sums = steps.curve()
        found = curve(at, weight)
        assert np.array_equal(found[0], edges)
        assert np.allclose(np.stack(found[1:], axis=1), sums, rtol=1e-13, atol=0)


@pytest.mark.parametrize("extreme", [False, True])
def test_neighbours_that_count_as_one_say_what_all_say(extreme, monkeypatch):
    """Items of a label, and scores of all labels, taken together against each by itself."""
    rng = np.random.default_rng(13)
    pairs = [draw(rng, 3000, scale, -1.0) for scale in (0.4, 1.0, 3.0)]
    logits, gold = (np.stack(columns, axis=1) for columns in zip(*pairs, strict=True))
    if extreme:
        logits[:40], logits[40:60, 0] = -np.inf, 40.0
    scores = (-np.logaddexp(0, -logits)).astype(np.float32)
    every = np.ones(len(gold), dtype=bool)
    order = falling(np.ascontiguousarray(scores.T)).T
    given = [logit(np.take_along_axis(scores, order, 0)), np.take_along_axis(gold, order, 0)]
    exact = common_prior(scores, gold, every)
    monkeypatch.setattr(thresholds, "MANY", 1000)
    assert common_prior(scores, gold, every) == pytest.approx(exact, abs=1e-4)
    together = trusted(*given, exact)
    monkeypatch.setattr(thresholds, "FEW", len(gold))
    assert np.abs(together - trusted(*given, exact)).max() < 1e-4
