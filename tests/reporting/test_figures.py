"""Scales, stacked dots, thinned lines and panels: what is drawn lies where its values are."""

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dicetune.reporting.figures import (
    Panel,
    Scale,
    fitted_scale,
    nice_scale,
    stacked,
    thinned,
    tick_text,
)
from dicetune.reporting.panels import equal_f1

NUMBERS = st.floats(-1e4, 1e4).map(lambda value: round(value, 3))


@given(st.lists(NUMBERS, min_size=1, max_size=20), st.integers(2, 6))
def test_a_scale_holds_its_values_between_round_ticks(values, parts):
    scale = nice_scale(values, parts)
    assert scale.low <= min(values) + 1e-9 * abs(min(values))
    assert scale.high >= max(values) - 1e-9 * abs(max(values))
    assert 2 <= len(scale.ticks) <= parts + 2
    steps = [b - a for a, b in zip(scale.ticks, scale.ticks[1:], strict=False)]
    assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-4)
    mantissa = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert any(mantissa == pytest.approx(step, rel=1e-4) for step in (1, 2, 2.5, 5))


@pytest.mark.parametrize("values", [[], [0.0], [50.0, 50.0], [math.nan], [math.inf, 3.0]])
def test_a_scale_of_little_is_still_a_scale(values):
    scale = nice_scale(values)
    assert scale.high > scale.low
    assert math.isfinite(scale.place(3.0))


@pytest.mark.parametrize("values", [[0.0], [100.0], [99.99, 100.0], [0.0, 100.0], [97.0, 99.0]])
def test_percentages_stay_between_0_and_100(values):
    scale = nice_scale(values, within=(0, 100))
    assert 0 <= scale.low < scale.high <= 100
    assert all(0 <= scale.place(value) <= 100 for value in values)


def test_places_are_cut_at_the_edges():
    scale = Scale(10.0, 20.0, (10.0, 20.0))
    assert [scale.place(value, 4, 96) for value in (0, 10, 15, 20, 99)] == [4, 4, 50, 96, 96]


def test_a_fitted_scale_ends_where_the_values_end():
    scale = fitted_scale(0, 348)
    assert (scale.low, scale.high) == (0, 348)
    assert fitted_scale(0, 0).high > 0


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [((0.0, 50.0), ["0", "50"]), ((-0.5, 0.0), ["−0.5", "0.0"]), ((0.25, 0.5), ["0.25", "0.50"])],
)
def test_tick_texts(ticks, texts):
    assert [tick_text(tick, ticks) for tick in ticks] == texts


@given(st.lists(st.floats(0, 100), max_size=30), st.floats(0.5, 5))
def test_stacked_dots_do_not_touch(places, width):
    rows = stacked(places, width)
    for row in set(rows):
        dots = sorted(place for place, at in zip(places, rows, strict=True) if at == row)
        assert all(b - a >= width for a, b in itertools.pairwise(dots))


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=60), st.integers(2, 20))
def test_thinned_lines_keep_their_ends(points, most):
    assume(points[0] != points[-1])
    left = thinned(points, most)
    assert len(left) <= max(most, 2)
    assert left[0] == points[0]
    assert left[-1] == points[-1]
    remaining = iter(points)
    assert all(point in remaining for point in left)  # in their order


def test_thinning_keeps_the_peak_of_a_long_line():
    points = [(x, 50.0 if x == 617 else 0.0) for x in range(1000)]
    assert (617, 50.0) in thinned(points, 10)


@pytest.mark.parametrize("f1", [0.05, 0.5, 0.9, 0.99])
def test_lines_of_equal_f1(f1):
    points = equal_f1(f1)
    assert points[0][1] == pytest.approx(1.0)
    assert points[-1][0] == pytest.approx(1.0)
    for recall, precision in points:
        assert 2 * precision * recall / (precision + recall) == pytest.approx(f1)


def panel():
    scale = Scale(0.0, 100.0, (0.0, 50.0, 100.0))
    return Panel(scale, scale, "x", "y", "label")


def test_a_panel_grows_upwards():
    drawn = panel()
    drawn.line([(0, 0), (100, 100)], "main")
    width, height = drawn.inner_width, drawn.inner_height
    assert drawn.lines[0].path == f"M0 {height:g}L{width:g} 0"
    assert drawn.y_ticks == [(height, "0"), (height / 2, "50"), (0, "100")]
    assert drawn.x_ticks[-1] == (width, "100")


def test_marks_and_notes_outside_the_axes_are_left_out_and_lines_are_not_bent():
    drawn = panel()
    drawn.mark((101, 50), "out")
    drawn.note(0, "at the edge")
    drawn.line([(50, 50), (150, 50)], "main")
    drawn.line([(50, 50)], "one point")
    assert drawn.marks == drawn.notes == []
    assert [line.style for line in drawn.lines] == ["main"]
    assert drawn.lines[0].path.endswith(f"{1.5 * drawn.inner_width:g} {drawn.inner_height / 2:g}")
