"""Step functions: the curve against adding up one by one, and which piece is taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.decide.steps import Steps, best_point


def sums_at(steps, bias, keep):
    total = steps.base[keep].sum(0).copy()
    for at, unit, change in zip(steps.at, steps.unit, steps.change, strict=True):
        if keep[unit] and at < bias:
            total[steps.columns] += change
    return total


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
    keep = random.random(units) < 0.7
    edges, sums = steps.curve(keep)
    assert np.array_equal(edges, np.unique(at[np.isfinite(at) & keep[unit]]))
    for bias in np.arange(-4.5, 5):
        place = np.searchsorted(edges, bias)
        expected = base[keep].sum(0)
        for own, where, by in zip(at, unit, change, strict=True):
            if keep[where] and own < bias:
                expected[columns] += by
        assert np.array_equal(sums[place], expected)
        assert np.array_equal(sums_at(steps, bias, keep), expected)


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
