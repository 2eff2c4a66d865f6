"""Each search against trying every decision there is, scored by the metric of the task."""

from itertools import product

import numpy as np
import pytest

from dicetune.decide.kinds import decisions_of
from dicetune.decide.micro import search_micro
from dicetune.decide.objective import parse_objective
from dicetune.decide.search import search
from dicetune.metrics.counting import counting_of
from lattice import GRID, draw, reference

ONE_BIAS = [
    ("spans", {}, "f1"),
    ("spans", {"convention": "conlleval"}, "f1"),
    ("answer", {}, "f1"),
    ("answer", {"null_threshold": 2.0}, "exact"),
    ("label", {"labels": ["a", "b"], "positive": "a"}, "f1"),
    ("label", {"labels": ["a", "b"], "positive": "a"}, "accuracy"),
    ("label", {"labels": ["a", "b"]}, "macro_f1"),
    ("label", {"labels": ["a", "b"], "positive": "b"}, "mcc"),
]
SEVERAL = [
    ("label", {}, "accuracy"),
    ("label", {}, "macro_f1"),
    ("tags", {}, "accuracy"),
    ("tags", {}, "macro_f1"),
    ("label_set", {}, "exact_match"),
    ("entities", {}, "f1"),
    ("entities", {"nested": False}, "f1"),
]


def setting(kind, seed, more):
    problem, gold, scores, spans = draw(kind, seed, **more)
    decisions = decisions_of(problem, gold, scores, spans)
    if not hasattr(decisions, "steps"):
        pytest.skip("nothing to tune in this draw")
    keep = np.random.default_rng(seed).random(len(gold)) < 0.8
    return problem, gold, decisions, keep


def score(problem, gold, decisions, keep, biases, metric):
    counting = decisions.counting
    return float(counting.score(decisions.counts(biases)[keep].sum(0), metric))


def everything(problem, gold, decisions, biases, metric):
    """By the task's own metric, from what is predicted."""
    if problem.get("convention") == "conlleval":
        counting = counting_of(problem, gold)
        sums = counting.counts(gold, decisions.predicted(biases)).sum(0)
        return float(counting.score(sums, metric))
    return reference(problem, gold, decisions.predicted(biases), metric)


@pytest.mark.parametrize(("kind", "more", "metric"), [*ONE_BIAS, *SEVERAL])
@pytest.mark.parametrize("seed", range(6))
def test_counts_are_those_of_what_is_predicted(kind, more, metric, seed):
    problem, gold, decisions, _ = setting(kind, seed, more)
    random = np.random.default_rng(seed)
    whole = np.ones(len(gold), dtype=bool)
    for _ in range(5):
        biases = {name: float(random.choice(GRID)) for name in decisions.names}
        own = score(problem, gold, decisions, whole, biases, metric)
        expected = everything(problem, gold, decisions, biases, metric)
        assert own == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("kind", "more", "metric"), [*ONE_BIAS, *SEVERAL])
@pytest.mark.parametrize("seed", range(6))
def test_steps_are_the_counts_at_every_bias(kind, more, metric, seed):
    _, _gold, decisions, keep = setting(kind, seed, more)
    random = np.random.default_rng(seed)
    others = {name: float(random.choice(GRID)) for name in decisions.names}
    for name in decisions.names:
        edges, sums = decisions.steps(name, others).curve(keep)
        for bias in GRID + (0.0 if kind == "answer" else 0.1):
            expected = decisions.counts({**others, name: bias})[keep].sum(0)
            assert np.allclose(sums[np.searchsorted(edges, bias)], expected), (name, bias)


@pytest.mark.parametrize(("kind", "more", "metric"), ONE_BIAS)
@pytest.mark.parametrize("seed", range(12))
def test_one_bias_is_the_best_there_is(kind, more, metric, seed):
    problem, gold, decisions, keep = setting(kind, seed, more)
    objective = parse_objective(metric, decisions.counting)
    found = search(decisions, objective, keep)
    (name,) = decisions.names
    own = score(problem, gold, decisions, keep, found, metric)
    tried = [score(problem, gold, decisions, keep, {name: b}, metric) for b in GRID]
    if decisions.present(keep):
        assert own == pytest.approx(max(*tried, own), abs=1e-12)
        assert own >= score(problem, gold, decisions, keep, {}, metric)
    else:
        assert found == {name: 0.0}


@pytest.mark.parametrize(("kind", "more", "metric"), SEVERAL)
@pytest.mark.parametrize("seed", range(6))
def test_no_single_change_improves_on_several(kind, more, metric, seed):
    problem, gold, decisions, keep = setting(kind, seed, more)
    objective = parse_objective(metric, decisions.counting)
    found = search(decisions, objective, keep, starts=[dict.fromkeys(decisions.names, 1.0)])
    own = score(problem, gold, decisions, keep, found, metric)
    assert own >= score(problem, gold, decisions, keep, {}, metric) - 1e-12
    offsets = {name: found[name] for name in decisions.names}
    for name in decisions.present(keep):
        for bias in (*GRID, *(GRID + offsets[name]), *(GRID / 2)):
            changed = {**found, name: float(bias)}
            assert score(problem, gold, decisions, keep, changed, metric) <= own + 1e-12
    absent = set(decisions.names) - set(decisions.present(keep))
    assert all(found[name] == 0 for name in absent)


@pytest.mark.parametrize("objective", ["macro_f1", "fbeta:2", "precision@recall:0.8"])
@pytest.mark.parametrize("seed", range(6))
def test_labels_with_a_score_each_are_the_best_together(objective, seed):
    _problem, _gold, decisions, keep = setting("label_set", seed, {"labels": ["a", "b"]})
    goal = parse_objective(objective, decisions.counting)
    found = search(decisions, goal, keep)

    def key(biases):
        return float(goal.key(decisions.counting, decisions.counts(biases)[keep].sum(0)))

    names = decisions.present(keep)
    every = [key(dict(zip(names, b, strict=True))) for b in product(GRID[6:-6], repeat=len(names))]
    assert key(found) == pytest.approx(max(every), abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_micro_f1_is_the_best_together(seed):
    problem, gold, decisions, keep = setting("label_set", seed, {"labels": ["a", "b"]})
    found = search_micro(decisions, keep)
    own = score(problem, gold, decisions, keep, found, "micro_f1")
    names = decisions.present(keep)
    every = [
        score(problem, gold, decisions, keep, dict(zip(names, b, strict=True)), "micro_f1")
        for b in product(GRID[6:-6], repeat=len(names))
    ]
    assert own == pytest.approx(max(every), abs=1e-12)


@pytest.mark.parametrize("kind", ["spans", "label", "entities"])
@pytest.mark.parametrize("seed", range(4))
def test_precision_at_recall_keeps_the_recall(kind, seed):
    more = {"labels": ["a", "b"], "positive": "a"} if kind == "label" else {}
    problem, gold, decisions, _ = setting(kind, seed, more)
    keep = np.ones(len(gold), dtype=bool)
    goal = parse_objective("precision@recall:0.6", decisions.counting)
    found = search(decisions, goal, keep)
    recall = score(problem, gold, decisions, keep, found, "recall")
    precision = score(problem, gold, decisions, keep, found, "precision")
    if len(decisions.names) > 1:
        assert recall >= min(0.6, score(problem, gold, decisions, keep, {}, "recall"))
        return
    (name,) = decisions.names
    reached = [
        score(problem, gold, decisions, keep, {name: b}, "precision")
        for b in GRID
        if score(problem, gold, decisions, keep, {name: b}, "recall") >= 0.6
    ]
    if reached:
        assert recall >= 0.6
        assert precision == pytest.approx(max(reached), abs=1e-12)


def test_the_sigmoid_form_of_answers():
    random = np.random.default_rng(3)
    gold, scores, spans = [], [], []
    for number in range(30):
        rows = np.zeros((6, 5))
        rows[:, :2] = random.normal(-2, 2, (6, 2))
        rows[:, 3] = [-1, 0, 5, -1, 0, 5]
        points = -np.logaddexp(0, -rows[:, :2])
        best = max(points[a, 0] + points[b, 1] for a, b in [(1, 1), (1, 2), (2, 2), (4, 5)])
        scores.append(rows.astype(np.float32))
        spans.append(("quay", float(best)))
        gold.append(["quay"] if number % 2 else [])
    problem = {"kind": "answer", "labels": ["start", "end"], "null": True, "form": "sigmoid"}
    decisions = decisions_of(problem, gold, scores, spans)
    for bias in np.linspace(-6, 6, 41):
        for own, (moved, (_, best)) in zip(
            decisions.predicted({"null": bias}),
            zip(decisions.apply(scores, {"null": bias}, ()), spans, strict=True),
            strict=True,
        ):
            nulls = -np.logaddexp(0, -moved[moved[:, 3] == -1, :2])
            assert (own == "") == (nulls.sum(1).min() > best)
    keep = np.ones(len(gold), dtype=bool)
    found = search(decisions, parse_objective("f1", decisions.counting), keep)
    best = score(problem, gold, decisions, keep, found, "f1")
    tried = [
        score(problem, gold, decisions, keep, {"null": b}, "f1") for b in np.linspace(-9, 9, 999)
    ]
    assert best >= max(tried)


def test_the_same_scores_give_the_same_rule():
    _, _, decisions, keep = setting("label", 1, {})
    objective = parse_objective("macro_f1", decisions.counting)
    starts = [{"a": 0.5, "b": 1.0, "c": -1.0}]
    assert search(decisions, objective, keep, starts) == search(decisions, objective, keep, starts)
