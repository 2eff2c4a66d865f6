"""Statistics of a comparison: by hand, by loops, against scipy, and how often they err."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dicetune.comparison.statistics import (
    Runs,
    by_document,
    components,
    detectable,
    effect,
    estimate,
    holm,
    power,
    score_interval,
    seeds_needed,
    sign_flip,
)
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


def flat(scores, units=10, **how):
    return Runs("a", scores, np.zeros((len(scores), units)), **how)


def test_influence_is_what_a_score_loses_without_a_unit():
    counts = drawn(0)
    runs = Runs.of_counts("a", counts, f1)
    for seed, unit in itertools.product(range(4), range(30)):
        kept = np.delete(counts[seed], unit, axis=0)
        whole = 2 * counts[seed, :, 0].sum() / (counts[seed, :, 1:].sum())
        without = 2 * kept[:, 0].sum() / kept[:, 1:].sum()
        assert runs.influence[seed, unit] == pytest.approx(29 * (whole - without))


def test_components_by_plain_loops():
    counts = drawn(1)
    runs = Runs.of_counts("a", counts, f1)
    found, psi = components([runs]), runs.influence
    scores = [float(f1(own.sum(0))) for own in counts]
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
    variance, _ = found.variance_and_df()
    over_units = found.examples + interaction / 4
    assert variance == pytest.approx(over_units + max(between / 4 - interaction / 4, 0.0))
    assert sum(found.shares().values()) == pytest.approx(1.0)


def test_seeds_alone_are_the_paired_t_test_of_scipy():
    a, b = flat([0.62, 0.60, 0.65, 0.61]), flat([0.60, 0.61, 0.60, 0.60])
    found = estimate([a.minus(b)])
    expected = stats.ttest_rel(a.scores, b.scores)
    assert found.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_seeds_of_their_own_are_the_welch_test_of_scipy():
    a, b = flat([0.62, 0.60, 0.65, 0.61]), flat([0.60, 0.61, 0.60])
    found = estimate([a, -b])
    expected = stats.ttest_ind(a.scores, b.scores, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.df == pytest.approx(expected.df)


def test_examples_alone_are_the_paired_t_test_over_units():
    rng = np.random.default_rng(3)
    right = rng.random((2, 400)) < [[0.8], [0.7]]
    runs = [
        Runs.of_counts(str(n), np.stack([own, np.ones(400)], -1)[None], mean, fixed=True)
        for n, own in enumerate(right)
    ]
    found = estimate([runs[0].minus(runs[1])])
    expected = stats.ttest_rel(right[0].astype(float), right[1].astype(float))
    assert found.value == pytest.approx(right[0].mean() - right[1].mean())
    assert found.error == pytest.approx(found.value / expected.statistic)
    assert found.p == pytest.approx(expected.pvalue, rel=0.05)  # fewer degrees of freedom


def test_an_interval_is_never_narrower_than_over_seeds_alone():
    for seed in range(20):
        counts = drawn(seed, seeds=3)
        runs = Runs.of_counts("a", counts, f1)
        found = estimate([runs])
        half = stats.t.ppf(0.975, 2) * runs.scores.std(ddof=1) / 3**0.5
        assert found.high - found.value >= half - 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_excludes_zero_where_p_is_small(seed):
    a, b = (Runs.of_counts(n, drawn(10 * seed + k), f1) for k, n in enumerate("ab"))
    found = estimate([a.minus(b)])
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    for level in (0.8, 0.99):
        wide = estimate([a.minus(b)], level)
        assert (found.p < 1 - level) == (wide.low > 0 or wide.high < 0)


@given(
    st.lists(st.integers(0, 20).map(lambda own: own / 20), min_size=2, max_size=5),
    st.sampled_from([0, 0.01, 2]),
    st.sampled_from([0.8, 0.95, 0.999]),
)
def test_no_interval_passes_the_bounds_of_a_score_or_a_difference(scores, noise, level):
    """Also with two seeds, where the t quantile is 12.7."""
    influence = noise * np.random.default_rng(1).normal(size=(len(scores), 20))
    runs = Runs("a", scores, influence - influence.mean(axis=1, keepdims=True))
    low, high = score_interval(runs, level)
    assert 0 <= low <= runs.mean + 1e-12
    assert runs.mean - 1e-12 <= high <= 1
    found = estimate([runs, -Runs("b", runs.scores[::-1], runs.influence)], level)
    assert -1 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("right", [0, 1, 57, 199, 200])
def test_the_interval_of_a_share_is_that_of_wilson(right):
    counts = np.stack([np.arange(200) < right, np.ones(200)], -1)[None]
    found = score_interval(Runs.of_counts("a", counts, mean, fixed=True))
    expected = stats.binomtest(right, 200).proportion_ci(method="wilson")
    if 1 < right < 199:  # nearer the bounds fewer degrees of freedom make it wider
        assert found == pytest.approx(tuple(expected), abs=1e-3)
    else:
        assert found[0] <= expected.low + 1e-9
        assert found[1] >= expected.high - 1e-9
        assert 0 <= found[0] < found[1] <= 1


def test_a_difference_of_nothing_is_certain():
    a = Runs.of_counts("a", drawn(2), f1)
    found = estimate([a.minus(a)])
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_what_makes_a_unit_hard_for_all_drops_out_of_a_difference():
    drawn_runs = Runs.of_counts("a", drawn(4, seeds=2), f1)
    a = Runs("a", drawn_runs.scores, drawn_runs.influence[[0, 0]])
    alone = components([a])
    assert alone.examples > 0
    same = Runs("b", a.scores - 0.1, a.influence)
    assert components([a, -same]).examples == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: flat([0.5], 1), "expected at least 2 units, got 1"),
        (lambda: flat([0.5, float("nan")]), "expected finite scores"),
        (lambda: flat([0.5, 0.6], seeds=(1, 1)), "expected 2 seeds that differ"),
        (lambda: flat([0.5, 0.6], fixed=True), "expected one run of a fixed competitor"),
        (lambda: flat([0.5]).minus(flat([0.5], seeds=(7,))), "to have seeds in common"),
        (lambda: flat([0.5, 0.6]).minus(flat([0.5, 0.6], 9)), "on the same test set"),
        (lambda: estimate([flat([0.5])]), "expected at least 2 seeds of a, got 1"),
        (lambda: estimate([flat([0.5, 0.6])], 95), "expected a level between 0 and 1, got 95"),
        (lambda: Runs.of_counts("a", [[1.0]], f1), r"expected counts \(seeds, units, M\)"),
        (lambda: by_document([[[1.0]]], ["a", "b"]), "the document of each unit"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(InputError, match=words):
        make()


@given(st.lists(st.integers(-4, 4), min_size=6, max_size=11))
@settings(max_examples=60, deadline=None)
def test_sign_flip_counts_every_choice_of_signs(steps):
    values = [0.1 * step for step in steps]
    signs = itertools.product((-1, 1), repeat=len(values))
    seen = abs(sum(steps))
    far = sum(abs(sum(s * v for s, v in zip(own, steps, strict=True))) >= seen for own in signs)
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
    assert all(p >= own for p, own in zip(corrected, values, strict=True))


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
    found = components([flat(scores)])
    needed = detectable(found)
    shift = needed / (scores.std(ddof=1) / 8**0.5)
    assert power(shift, 7) == pytest.approx(0.8, abs=1e-3)
    assert detectable(found, seeds=20) < needed
    number = seeds_needed(found, needed)
    assert number == 8
    assert seeds_needed(found, 0.0) is None


def test_no_number_of_seeds_makes_up_for_a_small_test_set():
    counts = drawn(8, seeds=3, units=40)
    runs = Runs.of_counts("a", counts, f1)
    found = components([Runs("a", runs.scores, runs.influence[[0, 0, 0]])])
    assert seeds_needed(found, 0.1 * detectable(found, seeds=100)) is None


@pytest.mark.parametrize(("seeds", "units"), [(3, 60), (5, 60)])
def test_false_positives_and_coverage(seeds, units):
    """A small version of benchmarks/error_rates.py: all sources of variance alike."""
    rng = np.random.default_rng([9, seeds])
    found = []
    for _ in range(1500):
        difficulty = rng.normal(size=units)
        pair = []
        for name in "ab":
            margin = 0.5 + difficulty + 0.3 * rng.normal(size=units)
            margin = margin + 0.1 * rng.normal(size=(seeds, 1))
            right = margin + 0.3 * rng.normal(size=(seeds, units)) > 0
            counts = np.stack([right, np.ones_like(right)], -1)
            pair.append(Runs.of_counts(name, counts, mean))
        found.append(estimate([pair[0].minus(pair[1])]))
    wrong = np.mean([own.p < 0.05 for own in found])
    assert wrong < 0.06
    assert np.mean([own.low <= 0 <= own.high for own in found]) == pytest.approx(1 - wrong)


def test_a_score_below_zero_lies_in_its_interval():
    runs = Runs("a", [-0.118, -0.035, -0.100], np.zeros((3, 120)))
    low, high = score_interval(runs, least=-1.0)
    assert -1 < low < runs.mean < high < 1
    wide = [
        Runs("a", [0.9, 0.8, 0.95], np.zeros((3, 9))),
        -Runs("b", [-0.9, -0.8, -0.7], np.zeros((3, 9))),
    ]
    assert estimate(wide, least=-1.0).high > 1
