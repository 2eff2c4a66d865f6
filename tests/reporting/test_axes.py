"""Panels: what is drawn stands where its values are."""

import pytest

from dicetune.reporting.axes import Panel, equal_f1, path_of
from dicetune.reporting.figures import Scale


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
    own = panel()
    own.line([(0, 0), (100, 100)], "main")
    width, height = own.inner_width, own.inner_height
    assert own.lines[0].path == path_of([(0, height), (width, 0)])
    assert own.y_ticks == [(height, "0"), (height / 2, "50"), (0, "100")]
    assert own.x_ticks[-1] == (width, "100")


def test_marks_and_notes_outside_the_axes_are_left_out_and_lines_are_not_bent():
    own = panel()
    own.mark((101, 50), "out")
    own.note(0, "at the edge")
    own.line([(50, 50), (150, 50)], "main")
    own.line([(50, 50)], "one point")
    assert own.marks == own.notes == []
    assert [line.style for line in own.lines] == ["main"]
    assert own.lines[0].path.endswith(f"{1.5 * own.inner_width:g} {own.inner_height / 2:g}")
