"""Each search against trying every decision there is, scored by other programs."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.problems import Answer, Entities, decisions, problem_of
from dicetune.problems.decisions import Steps, best_point
from dicetune.problems.goal import Goal
from lattice import GRID, draw
from referees import score as referee_score

TWO = {"labels": ["a", "b"]}
ONE_BIAS = [
    ("spans", {}, "f1"),
    ("spans", {"convention": "conlleval"}, "f1"),
    ("answer", {}, "f1"),
    ("answer", {"null_threshold": 2.0}, "exact"),
    ("label", {**TWO, "positive": "a"}, "f1"),
    ("label", {**TWO, "positive": "a"}, "accuracy"),
    ("label", TWO, "macro_f1"),
    ("label", {**TWO, "positive": "b"}, "mcc"),
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
every_search = pytest.mark.parametrize(("kind", "more", "metric"), [*ONE_BIAS, *SEVERAL])
six_draws = pytest.mark.parametrize("seed", range(6))


class Drawn:
    """Decisions on a draw, with some of its units masked."""

    def __init__(self, kind, seed, more, share=0.8):
        self.settings, self.gold, scores, spans = draw(kind, seed, **more)
        self.decisions = problem_of(self.settings).decisions(self.gold, scores, spans)
        self.names = self.decisions.names
        self.mask = np.random.default_rng(seed).random(len(self.gold)) < share

    def goal(self, text):
        return Goal.parse(text, self.decisions.problem)

    def fit(self, text):
        return self.decisions.fit(self.goal(text), self.mask)

    def sums(self, biases):
        return self.decisions.counts(biases)[self.mask].sum(0)

    def score(self, biases, metric):
        return float(self.decisions.problem.score(self.sums(biases), metric))

    def every_pair(self, key):
        """The key wherever the biases that these units say anything about could matter.

        The logits of a draw lie between -4 and 4.
        """
        names = self.decisions.present(self.mask)
        points = product(GRID[np.abs(GRID) < 5], repeat=len(names))
        return [key(dict(zip(names, point, strict=True))) for point in points]


@every_search
@six_draws
def test_counts_are_those_of_what_is_predicted(kind, more, metric, seed):
    drawn = Drawn(kind, seed, more, share=1.0)
    random = np.random.default_rng(seed)
    for _ in range(5):
        biases = {name: float(random.choice(GRID)) for name in drawn.names}
        predicted = drawn.decisions.predicted(biases)
        expected = referee_score(drawn.settings, drawn.gold, predicted, metric)
        assert drawn.score(biases, metric) == pytest.approx(expected, abs=1e-12)


@every_search
@six_draws
def test_steps_are_the_counts_at_every_bias(kind, more, metric, seed):
    drawn = Drawn(kind, seed, more)
    random = np.random.default_rng(seed)
    others = {name: float(random.choice(GRID)) for name in drawn.names}
    for name in drawn.names:
        edges, sums = drawn.decisions.steps(name, others).curve(drawn.mask)
        for bias in GRID + (0.0 if kind == "answer" else 0.1):
            expected = drawn.sums({**others, name: bias})
            assert np.allclose(sums[np.searchsorted(edges, bias)], expected), (name, bias)


@every_search
@six_draws
def test_a_quick_search_counts_the_same_and_loses_nothing_to_the_default(kind, more, metric, seed):
    drawn = Drawn(kind, seed, more)
    quick, biases = drawn.decisions.quick(), dict.fromkeys(drawn.names, 0.0)
    for name in drawn.names:
        edges, sums = quick.steps(name, biases).curve(drawn.mask)
        for bias in GRID[np.abs(GRID) < 4.5] + 0.1:
            expected = drawn.sums({**biases, name: bias})
            assert np.allclose(sums[np.searchsorted(edges, bias)], expected), (name, bias)
    found = quick.fit(drawn.goal(metric), drawn.mask)
    assert drawn.score(found, metric) >= drawn.score({}, metric) - 1e-12


@pytest.mark.parametrize(("kind", "more", "metric"), ONE_BIAS)
@pytest.mark.parametrize("seed", range(12))
def test_one_bias_is_the_best_there_is(kind, more, metric, seed):
    drawn = Drawn(kind, seed, more)
    found = drawn.fit(metric)
    (name,) = drawn.names
    reached = drawn.score(found, metric)
    tried = [drawn.score({name: bias}, metric) for bias in GRID]
    if drawn.decisions.present(drawn.mask):
        assert reached == pytest.approx(max(*tried, reached), abs=1e-12)
        assert reached >= drawn.score({}, metric)
    else:
        assert found == {name: 0.0}


@pytest.mark.parametrize(("kind", "more", "metric"), SEVERAL)
@six_draws
def test_no_single_change_improves_on_several(kind, more, metric, seed):
    drawn = Drawn(kind, seed, more)
    found = drawn.fit(metric)
    assert found == drawn.fit(metric), "the same scores give the same rule"
    reached = drawn.score(found, metric)
    assert reached >= drawn.score({}, metric) - 1e-12
    for start in drawn.decisions.starts(drawn.mask):
        assert reached >= drawn.score(start, metric) - 1e-12
    present = drawn.decisions.present(drawn.mask)
    for name in present:
        for bias in (*GRID, *(GRID + found[name]), *(GRID / 2)):
            changed = {**found, name: float(bias)}
            assert drawn.score(changed, metric) <= reached + 1e-12
    assert all(found[name] == 0 for name in set(drawn.names) - set(present))


@pytest.mark.parametrize("goal", ["macro_f1", "micro_f1", "fbeta:2", "precision@recall:0.8"])
@pytest.mark.parametrize("seed", range(8))
def test_labels_with_a_score_each_are_the_best_together(goal, seed):
    drawn = Drawn("label_set", seed, TWO)

    def key(biases):
        return float(drawn.goal(goal).key(drawn.sums(biases)))

    assert key(drawn.fit(goal)) == pytest.approx(max(drawn.every_pair(key)), abs=1e-12)


@pytest.mark.parametrize("kind", ["spans", "label", "entities"])
@pytest.mark.parametrize("seed", range(4))
def test_precision_at_recall_reaches_the_recall(kind, seed):
    drawn = Drawn(kind, seed, {**TWO, "positive": "a"} if kind == "label" else {}, share=1.0)
    found = drawn.fit("precision@recall:0.6")
    recall = drawn.score(found, "recall")
    if len(drawn.names) > 1:
        assert recall >= min(0.6, drawn.score({}, "recall"))
        return
    (name,) = drawn.names
    reached = [
        drawn.score({name: bias}, "precision")
        for bias in GRID
        if drawn.score({name: bias}, "recall") >= 0.6
    ]
    if reached:
        assert recall >= 0.6
        assert drawn.score(found, "precision") == pytest.approx(max(reached), abs=1e-12)


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
    settings = {"kind": "answer", "labels": ["start", "end"], "null": True, "form": "sigmoid"}
    problem = problem_of(settings)
    decisions = problem.decisions(gold, scores, spans)
    for bias in np.linspace(-6, 6, 41):
        moved = problem.move(scores, {"null": bias}, ())
        for text, table, (_, best) in zip(
            decisions.predicted({"null": bias}), moved, spans, strict=True
        ):
            nulls = -np.logaddexp(0, -table[table[:, 3] == -1, :2])
            assert (text == "") == (nulls.sum(1).min() > best)

    def f1(biases):
        return float(decisions.problem.score(decisions.counts(biases).sum(0), "f1"))

    found = decisions.fit(Goal.parse("f1", decisions.problem), np.ones(len(gold), dtype=bool))
    assert f1(found) >= max(f1({"null": bias}) for bias in np.linspace(-9, 9, 999))


def test_labels_without_gold_and_gold_without_a_label_are_told():
    scores = [np.log([[0.5, 0.3, 0.2]])] * 2
    decisions = problem_of({"kind": "label", "labels": ["a", "b", "c"]}).decisions(
        ["a", "z"], scores
    )
    assert decisions.notes == (
        "no dev gold of b, c: the default is kept there",
        "gold that is no label of the model, so that every decision misses it: z",
    )


# step functions


@given(st.integers(0, 10**6))
def test_the_curve_is_what_adding_up_gives(seed):
    random = np.random.default_rng(seed)
    units, events = int(random.integers(1, 5)), int(random.integers(0, 9))
    at = random.integers(-3, 4, events).astype(float)
    at[random.random(events) < 0.1] = np.inf
    at[random.random(events) < 0.1] = -np.inf
    unit, columns = random.integers(0, units, events), np.array([0, 2])
    change = random.integers(-2, 3, (events, 2)).astype(float)
    base = random.integers(0, 5, (units, 3)).astype(float)
    steps = Steps.of(base, at, unit, columns, change)
    mask = random.random(units) < 0.7
    edges, sums = steps.curve(mask)
    assert np.array_equal(edges, np.unique(at[np.isfinite(at) & mask[unit]]))
    for bias in np.arange(-4.5, 5):
        expected = base[mask].sum(0)
        for place, where, by in zip(at, unit, change, strict=True):
            if mask[where] and place < bias:
                expected[columns] += by
        assert np.array_equal(sums[np.searchsorted(edges, bias)], expected)
    everything, _ = steps.curve()
    assert np.array_equal(everything, np.unique(at[np.isfinite(at)]))


def test_steps_of_one_unit_at_one_breakpoint_are_merged():
    at, unit = np.array([1.0, 1.0, 2.0, 1.0, -np.inf]), np.array([0, 0, 0, 1, 1])
    change = np.array([[1], [-1], [100], [1], [5]], dtype=np.int8)
    base = np.zeros((2, 1), dtype=np.int32)
    steps = Steps.of(base, at, unit, np.array([0]), change)
    found = steps.merged()
    assert (found.at.tolist(), found.unit.tolist()) == ([1.0, 2.0, 1.0], [0, 0, 1])
    assert found.change.tolist() == [[0], [100], [1]]
    for mask in ([True, True], [True, False], [False, True]):
        for own, other in zip(
            steps.curve(np.array(mask)), found.curve(np.array(mask)), strict=True
        ):
            assert np.array_equal(own, other)
    many = Steps.of(base, np.ones(200), np.zeros(200, dtype=int), np.array([0]), np.ones((200, 1)))
    assert many.merged().change.tolist() == [[200]]


def test_a_curve_is_the_same_in_parts(monkeypatch):
    random = np.random.default_rng(0)
    at, unit = random.integers(0, 40, 300) / 8, random.integers(0, 20, 300)
    change = random.normal(size=(300, 2))
    steps = Steps(random.normal(size=(20, 3)), at, unit, np.array([0, 2]), change)
    mask = random.random(20) < 0.7
    edges, sums = steps.curve(mask)
    for size in (1, 7, 300):
        monkeypatch.setattr(decisions, "AT_ONCE", size)
        for found, expected in zip(steps.curve(mask), (edges, sums), strict=True):
            assert np.array_equal(found, expected)
    whole = steps.curve(mask, lambda part: part.sum(-1))[1]
    assert np.array_equal(whole, sums.sum(-1))


@pytest.mark.parametrize(
    ("edges", "values", "current", "point"),
    [
        ([], [0.5], 0.0, 0.0),
        ([1.0, 2.0], [0.1, 0.9, 0.1], 0.0, 1.5),  # the middle
        ([-2.0, 3.0], [0.1, 0.9, 0.1], 0.7, 0.7),  # there already
        ([1.0, 2.0], [0.1, 0.2, 0.9], 0.0, 3.0),  # one past the last
        ([-2.0, -1.0], [0.9, 0.2, 0.1], 0.0, -3.0),
        ([-4.0, -3.0, 1.0, 2.0], [0, 0.9, 0, 0.9, 0], 0.0, 1.5),  # the nearer of two
        ([-2.0, -1.0, 1.0, 2.0], [0, 0.9, 0, 0.9, 0], 0.0, -1.5),  # the lower of equally near
        ([-2.0, -1.0, 1.0, 2.0], [0, 0.9, 0.9, 0.9, 0], 0.0, 0.0),  # a plateau around here
        ([1.0, 1.0 + 1e-12], [0.1, 0.9, 0.2], 0.0, 2.0),  # too narrow to be met
    ],
)
def test_which_piece_is_taken(edges, values, current, point):
    found, value = best_point(np.array(edges), np.array(values, dtype=float), current)
    assert found == pytest.approx(point)
    assert value in values


def test_a_rule_moves_the_deciding_scores_alone():
    null, span = [1.0, 2.0, 3.0, -1.0, -1.0], [4.0, 5.0, 6.0, 7.0, 8.0]
    [moved] = Answer.move([np.array([null, span])], {"null": 0.5}, ())
    assert moved.tolist() == [[1.5, 2.5, 3.0, -1.0, -1.0], span]
    [moved] = Entities.move([np.array([[0, 1, 2, 4.0, 5, 6]])], {"start": 1, "match": -1}, ())
    assert moved.tolist() == [[0, 1, 2, 5, 5, 5]]


@pytest.mark.parametrize("kind", ["spans", "label", "label_set", "entities", "answer"])
def test_no_unit_says_nothing_of_any_bias(kind):
    settings, gold, scores, extras = draw(kind, 2, units=4)
    decisions = problem_of(settings).decisions(gold, scores, extras)
    assert list(decisions.present(np.zeros(4, dtype=bool))) == []
