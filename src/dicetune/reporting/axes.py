"""Panels: two axes with lines and marks, as plain data that the templates turn into SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dicetune.reporting.figures import Point, Scale, thinned, tick_text


@dataclass(frozen=True)
class Mark:
    """A point of a panel: its place, what it is drawn as, and what it says when pointed at."""

    x: float
    y: float
    shape: str
    style: str
    title: str = ""


@dataclass(frozen=True)
class Line:
    """A line of a panel: the SVG path, its style, and what it says when pointed at."""

    path: str
    style: str
    title: str = ""


@dataclass(frozen=True)
class Panel:
    """Two axes with lines and marks, in the units of one ``viewBox``.

    Args:
        x: scale of the horizontal axis.
        y: scale of the vertical axis.
        x_title: what it shows, with its unit.
        y_title: the same; it stands above the axis.
        label: what the figure shows, in a sentence, for those who cannot see it.
        width: of the whole.
        height: of the whole.
        left: room for the labels of the vertical axis.
        below: room for those of the horizontal axis.
        above: room for the title.
        right: room behind the last tick.
        lines: drawn first, in their order.
        marks: drawn over them.
        notes: horizontal place and text of what stands above the axes.
    """

    x: Scale
    y: Scale
    x_title: str
    y_title: str
    label: str
    width: float = 260.0
    height: float = 200.0
    left: float = 34.0
    below: float = 34.0
    above: float = 24.0
    right: float = 10.0
    lines: list[Line] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    notes: list[tuple[float, str]] = field(default_factory=list)

    @property
    def inner_width(self) -> float:
        """Width between the axes."""
        return self.width - self.left - self.right

    @property
    def inner_height(self) -> float:
        """Height between the axes."""
        return self.height - self.above - self.below

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Place, from the left edge of the axes, and text of each tick."""
        return self._ticks(self.x, self.across)

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Place, from the upper edge of the axes, and text of each tick."""
        return self._ticks(self.y, self.down)

    def across(self, value: float) -> float:
        """Horizontal place of a value, from the left edge of the axes."""
        return _linear(self.x, value, self.inner_width)

    def down(self, value: float) -> float:
        """Vertical place of a value, from the upper edge of the axes."""
        return round(self.inner_height - _linear(self.y, value, self.inner_height), 2)

    def line(self, points: Iterable[Point], style: str, title: str = "", most: int = 200) -> None:
        """Add a line; points outside the axes are cut off where it is drawn."""
        places = [(self.across(x), self.down(y)) for x, y in points]
        if len(places) > 1:
            self.lines.append(Line(path_of(thinned(places, most)), style, title))

    def mark(self, point: Point, style: str, title: str = "", shape: str = "circle") -> None:
        """Add a mark, if it lies within the axes."""
        x, y = point
        if self.x.low <= x <= self.x.high and self.y.low <= y <= self.y.high:
            self.marks.append(Mark(self.across(x), self.down(y), shape, style, title))

    def note(self, value: float, text: str) -> None:
        """Add a short text above the axes, if its place is within them."""
        if self.x.low < value < self.x.high:
            self.notes.append((self.across(value), text))

    @staticmethod
    def _ticks(scale: Scale, place: Callable[[float], float]) -> list[tuple[float, str]]:
        return [(place(tick), tick_text(tick, scale.ticks)) for tick in scale.ticks]


def _linear(scale: Scale, value: float, length: float) -> float:
    """Place of a value along ``length``, also beyond its ends: lines are cut, not bent."""
    return round((value - scale.low) / (scale.high - scale.low) * length, 2)


def path_of(points: Sequence[Point]) -> str:
    """The SVG path through points.

    Example:
        >>> path_of([(0, 1), (2.5, 3), (4, 0)])
        'M0 1L2.5 3L4 0'
    """
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def equal_f1(f1: float, steps: int = 40) -> list[Point]:
    """Points (recall, precision) that have this F1, from precision 1 to recall 1.

    Precision is ``F R / (2 R - F)``, so the line runs from ``R = F / (2 - F)``.

    Args:
        f1: a fraction above 0.
        steps: points of the line.

    Example:
        >>> [round(value, 4) for value in equal_f1(0.5, steps=3)[1]]
        [0.6667, 0.4]
    """
    first = f1 / (2 - f1)
    recalls = [first + (1 - first) * number / (steps - 1) for number in range(steps)]
    return [(recall, f1 * recall / (2 * recall - f1)) for recall in recalls]
