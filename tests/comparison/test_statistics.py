"""Statistics of a comparison: by hand, by loops, against scipy, and how often they err."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq

from dicetune.comparison.statistics.estimate import (
    Runs,
    brent_root,
    components,
    detectable,
    estimate,
    power,
    score_interval,
    seeds_needed,
)
from dicetune.comparison.statistics.significance import effect, holm, rank_correlation, sign_flip
from dicetune.errors import InputError


def f1(sums):
    return 2 * sums[..., 0] / np.maximum(sums[..., 1] + sums[..., 2], 1)


def mean(sums):
    return sums[..., 0] / sums[..., 1]


def drawn(seed, seeds=4, units=30):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 3, units)
    predicted = np.maximum(gold + rng.integers(-1, 2, (seeds, units)), 0)
    correct = np.minimum(predicted, gold) * (rng.random((seeds, units)) < 0.7)
    return np.stack([correct, predicted, np.broadcast_to(gold, predicted.shape)], axis=-1)


def runs_of(scores, influence=None, units=10):
    """Runs with these scores; without influence values no unit weighs anything."""
    influence = np.zeros((len(scores), units)) if influence is None else influence
    return Runs(np.array(scores), influence, tuple(range(len(scores))))


def counted(counts, metric=f1, **how):
    return Runs.of_counts(counts, metric, **how)


def test_influence_is_what_a_score_loses_without_a_unit():
    counts = drawn(0)
    runs = counted(counts)
    for seed, unit in itertools.product(range(4), range(30)):
        kept = np.delete(counts[seed], unit, axis=0)
        whole = 2 * counts[seed, :, 0].sum() / (counts[seed, :, 1:].sum())
        without = 2 * kept[:, 0].sum() / kept[:, 1:].sum()
        assert runs.influence[seed, unit] == pytest.approx(29 * (whole - without))


def test_components_by_plain_loops():
    counts = drawn(1)
    runs = counted(counts)
    found, psi = components([runs]), runs.influence
    scores = [float(f1(of_run.sum(0))) for of_run in counts]
    between = sum((s - sum(scores) / 4) ** 2 for s in scores) / 3
    left = 0.0
    for s, u in itertools.product(range(4), range(30)):
        left += (psi[s, u] - psi[s].mean() - psi[:, u].mean() + psi.mean()) ** 2
    interaction = left / (3 * 29) / 30
    means = [psi[:, u].mean() for u in range(30)]
    over_units = sum((m - sum(means) / 30) ** 2 for m in means) / 29 / 30
    assert found.between[0] == pytest.approx(between)
    assert found.interaction[0] == pytest.approx(interaction)
    assert found.examples == pytest.approx(max(over_units - interaction / 4, 0.0))
    variance, _ = found.variances()[0]
    over_units = found.examples + interaction / 4
    assert variance == pytest.approx(over_units + max(between / 4 - interaction / 4, 0.0))
    assert sum(found.shares().values()) == pytest.approx(1.0)


def test_seeds_alone_are_the_paired_t_test_of_scipy():
    a, b = runs_of([0.62, 0.60, 0.65, 0.61]), runs_of([0.60, 0.61, 0.60, 0.60])
    found = estimate([a.minus(b)])
    expected = stats.ttest_rel(a.scores, b.scores)
    assert found.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_unrelated_seeds_are_the_welch_test_of_scipy():
    a, b = runs_of([0.62, 0.60, 0.65, 0.61]), runs_of([0.60, 0.61, 0.60])
    found = estimate([a, -b])
    expected = stats.ttest_ind(a.scores, b.scores, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert [df for _, df in found.components.variances()] == pytest.approx([expected.df] * 2)


def test_examples_alone_are_the_paired_t_test_over_units():
    rng = np.random.default_rng(3)
    right = rng.random((2, 400)) < [[0.8], [0.7]]
    a, b = (counted(np.stack([r, np.ones(400)], -1)[None], mean, fixed=True) for r in right)
    found = estimate([a.minus(b)])
    expected = stats.ttest_rel(right[0].astype(float), right[1].astype(float))
    assert found.value == pytest.approx(right[0].mean() - right[1].mean())
    ((variance, _),) = found.components.variances()
    assert variance**0.5 == pytest.approx(found.value / expected.statistic)
    assert found.p == pytest.approx(expected.pvalue, rel=0.05)  # fewer degrees of freedom


def test_an_interval_is_never_narrower_than_over_seeds_alone():
    for seed in range(20):
        runs = counted(drawn(seed, seeds=3))
        found = estimate([runs])
        half = stats.t.ppf(0.975, 2) * runs.scores.std(ddof=1) / 3**0.5
        assert found.high - found.value >= half - 1e-12


@pytest.mark.parametrize("seed", range(15))
def test_the_interval_excludes_zero_where_p_is_small(seed):
    a, b = (counted(drawn(10 * seed + k)) for k in range(2))
    found = estimate([a.minus(b)])
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


@given(
    st.lists(st.integers(0, 20).map(lambda steps: steps / 20), min_size=2, max_size=5),
    st.sampled_from([0, 0.01, 2]),
)
def test_no_interval_passes_the_bounds_of_a_score_or_a_difference(scores, noise):
    """Also with two seeds, where the t quantile is 12.7."""
    influence = noise * np.random.default_rng(1).normal(size=(len(scores), 20))
    runs = runs_of(scores, influence - influence.mean(axis=1, keepdims=True))
    low, high = score_interval(runs)
    assert 0 <= low <= runs.mean + 1e-12
    assert runs.mean - 1e-12 <= high <= 1
    found = estimate([runs, -runs_of(scores[::-1], runs.influence)])
    assert -1 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("right", [0, 1, 57, 199, 200])
def test_the_interval_of_a_share_is_that_of_wilson(right):
    counts = np.stack([np.arange(200) < right, np.ones(200)], -1)[None]
    found = score_interval(counted(counts, mean, fixed=True))
    expected = stats.binomtest(right, 200).proportion_ci(method="wilson")
    if 1 < right < 199:  # nearer the bounds fewer degrees of freedom make it wider
        assert found == pytest.approx(tuple(expected), abs=1e-3)
    else:
        assert found[0] <= expected.low + 1e-9
        assert found[1] >= expected.high - 1e-9
        assert 0 <= found[0] < found[1] <= 1


def test_a_difference_of_nothing_is_certain():
    a = counted(drawn(2))
    found = estimate([a.minus(a)])
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_what_makes_a_unit_hard_for_all_drops_out_of_a_difference():
    runs = counted(drawn(4, seeds=2))
    a = runs_of(runs.scores, runs.influence[[0, 0]])
    assert components([a]).examples > 0
    same = runs_of(a.scores - 0.1, a.influence)
    assert components([a, -same]).examples == 0


def test_one_unit_says_nothing_of_another_test_set():
    with pytest.raises(InputError, match="expected at least 2 units, got 1"):
        runs_of([0.5], units=1)


@given(st.lists(st.integers(-4, 4), min_size=6, max_size=11))
@settings(max_examples=60, deadline=None)
def test_sign_flip_counts_every_choice_of_signs(steps):
    values = [0.1 * step for step in steps]
    signs = itertools.product((-1, 1), repeat=len(values))
    seen = abs(sum(steps))
    far = sum(abs(np.dot(choice, steps)) >= seen for choice in signs)
    assert sign_flip(values)["p"] == far / 2 ** len(values)


def test_sign_flip_is_the_permutation_test_of_scipy():
    values = np.random.default_rng(5).normal(0.5, 1, 9)
    expected = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=1e6
    )
    assert sign_flip(values.tolist())["p"] == pytest.approx(expected.pvalue)


def test_sign_flip_with_too_few_and_too_many_seeds():
    assert sign_flip([1.0] * 5) == {"reason": "too few seeds for a test"}
    assert sign_flip([1.0] * 6) == {"p": 2 / 64}
    assert sign_flip([1.0] * 40) == {"p": 2.0**-39}
    assert "more than 40" in sign_flip([1.0] * 41)["reason"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_by_its_definition(values):
    corrected = holm(values)
    for level in (0.01, 0.05, 0.5):
        rejected = set()
        for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
            if values[place] * (len(values) - rank) > level:
                break
            rejected.add(place)
        assert {place for place, p in enumerate(corrected) if p <= level} == rejected
    assert (np.array(corrected) >= values).all()


def test_effect_sizes_by_hand():
    found = effect([0.80, 0.84], [0.78, 0.80])
    spread = ((2 * 0.02**2 + 2 * 0.01**2) / 2) ** 0.5
    assert found["hedges_g"] == pytest.approx((1 - 3 / 7) * 0.03 / spread)
    assert found["superiority"] == 0.875  # three pairs won, one tied
    assert found["error_reduction"] == pytest.approx(0.03 / 0.21)
    assert effect([0.5], [0.4])["hedges_g"] is None
    assert effect([1.0, 1.0], [1.0, 1.0]) == {
        "hedges_g": None, "superiority": 0.5, "error_reduction": None,
    }  # fmt: skip


def test_power_is_how_often_a_t_test_finds_a_shift():
    rng = np.random.default_rng(6)
    samples = rng.normal(1.5, 1, (20_000, 6))
    found = stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05
    assert power(1.5 * 6**0.5, 5) == pytest.approx(found.mean(), abs=0.01)


def test_a_detectable_difference_is_detected_four_times_in_five():
    rng = np.random.default_rng(7)
    scores = rng.normal(0, 0.01, 8)
    found = components([runs_of(scores)])
    needed = detectable(found)
    shift = needed / (scores.std(ddof=1) / 8**0.5)
    assert power(shift, 7) == pytest.approx(0.8, abs=1e-3)
    assert detectable(found, seeds=20) < needed
    number = seeds_needed(found, needed)
    assert number == 8
    assert seeds_needed(found, 0.0) is None


def test_no_number_of_seeds_makes_up_for_a_small_test_set():
    runs = counted(drawn(8, seeds=3, units=40))
    found = components([runs_of(runs.scores, runs.influence[[0, 0, 0]])])
    assert seeds_needed(found, 0.1 * detectable(found, seeds=100)) is None


@pytest.mark.parametrize("seeds", [3, 5])
def test_false_positives_and_coverage(seeds):
    """A small version of benchmarks/error_rates.py: all sources of variance alike."""
    rng, units = np.random.default_rng([9, seeds]), 60
    found = []
    for _ in range(1500):
        difficulty = rng.normal(size=units)
        pair = []
        for _ in range(2):
            margin = 0.5 + difficulty + 0.3 * rng.normal(size=units)
            margin = margin + 0.1 * rng.normal(size=(seeds, 1))
            right = margin + 0.3 * rng.normal(size=(seeds, units)) > 0
            pair.append(counted(np.stack([right, np.ones_like(right)], -1), mean))
        found.append(estimate([pair[0].minus(pair[1])]))
    wrong = np.mean([one.p < 0.05 for one in found])
    assert wrong < 0.06
    assert np.mean([one.low <= 0 <= one.high for one in found]) == pytest.approx(1 - wrong)


def test_a_score_below_zero_lies_in_its_interval():
    runs = runs_of([-0.118, -0.035, -0.100], units=120)
    low, high = score_interval(runs, least=-1.0)
    assert -1 < low < runs.mean < high < 1
    wide = [runs_of([0.9, 0.8, 0.95]), -runs_of([-0.9, -0.8, -0.7])]
    assert estimate(wide, least=-1.0).high > 1


@given(st.lists(st.integers(-5, 5), min_size=3, max_size=20), st.randoms())
def test_rank_correlation_is_that_of_scipy(first, random):
    second = [value + random.randint(-3, 3) for value in first]
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-9)


@pytest.mark.parametrize("df", [1.0, 2.0, 4.0, 9.0, 30.0, math.inf])
def test_a_root_is_that_of_scipy(df):
    def missing(shift):
        return power(shift, df) - 0.8

    assert brent_root(missing, 0.0, 32.0, 1e-6) == brentq(missing, 0.0, 32.0, xtol=1e-6)
