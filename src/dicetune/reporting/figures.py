"""Numbers to geometry: scales with round ticks, panels, strips of dots, colours and marks.

Strips and bars are in percent of the width that the page gives them, panels in the units of a
``viewBox``. Everything here is plain data that the templates turn into SVG.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dicetune.records import DEFAULT, TUNED

Point = tuple[float, float]

COLOURS = 8
"""Colours of the style sheet, all told apart by the colour-blind; the baseline has the first."""

MARKS = {DEFAULT: "circle", TUNED: "diamond"}
"""Shape of the marks of each decision."""

STRIP = 4.0, 96.0
"""Ends of a strip's scale, in percent of its width: marks at the ends are not cut off."""

DOT = 2.2
"""Width of a dot on a strip, in percent of the strip's width."""

MOST_POINTS = 200
"""Points of a line that are drawn."""

_ROWS_APART = 5  # pixels between the rows of dots
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0)


def colours(summary: Mapping[str, Any]) -> dict[str, str]:
    """The style class of each loss, ``c0`` for the baseline; past ``c7`` comes ``c1`` again.

    Example:
        >>> rows = [{"loss": "ce"}, {"loss": "dice"}, {"loss": "ce"}]
        >>> colours({"competitors": rows, "baseline": "dice"})
        {'dice': 'c0', 'ce': 'c1'}
    """
    losses = list(dict.fromkeys(row["loss"] for row in summary["competitors"]))
    losses.sort(key=lambda loss: loss != summary["baseline"])
    places = (
        number if number < COLOURS else 1 + (number - 1) % (COLOURS - 1)
        for number in range(len(losses))
    )
    return {loss: f"c{place}" for loss, place in zip(losses, places, strict=True)}


def mark_of(competitor: Mapping[str, Any]) -> str:
    """The shape of a competitor's points."""
    if competitor.get("members"):
        return "triangle"
    return "square" if competitor["foreign"] else MARKS[competitor["decision"]]


@dataclass(frozen=True)
class Scale:
    """A straight scale from ``low`` to ``high`` with round values on it."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float, start: float = 0.0, end: float = 100.0) -> float:
        """Where a value lies between ``start`` and ``end``; outside the scale, at its edge."""
        share = (value - self.low) / (self.high - self.low)
        return round(start + min(max(share, 0.0), 1.0) * (end - start), 2)

    def along(self, value: float, length: float) -> float:
        """Where a value lies on ``length``, also beyond the ends: lines are cut, not bent."""
        return round((value - self.low) / (self.high - self.low) * length, 2)

    def places(self, place: Callable[[float], float]) -> list[tuple[float, str]]:
        """Place and text of each tick."""
        return [(place(tick), tick_text(tick, self.ticks)) for tick in self.ticks]


@dataclass(frozen=True)
class NamedScale(Scale):
    """A scale whose ticks have names, such as places in a list."""

    names: tuple[str, ...]

    def places(self, place: Callable[[float], float]) -> list[tuple[float, str]]:
        """Place and name of each tick."""
        return [(place(tick), name) for tick, name in zip(self.ticks, self.names, strict=True)]


def nice_scale(
    values: Iterable[float], parts: int = 4, within: tuple[float, float] | None = None
) -> Scale:
    """The scale with about ``parts`` round steps that holds all finite values.

    ``within`` has bounds that the scale does not pass, such as 0 and 100 for percentages.

    Example:
        >>> nice_scale([81.3, 85.9]).ticks
        (81.0, 82.0, 83.0, 84.0, 85.0, 86.0)
        >>> nice_scale([99.2, 99.9], within=(0, 100)).ticks
        (99.2, 99.4, 99.6, 99.8, 100.0)
    """
    known = [value for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low < 1e-9 * max(1.0, abs(high)):
        room = max(abs(high) * 0.01, 1e-3)
        low, high = low - room, high + room
    step, first, last = _round_steps(low, high, parts + 1)
    digits = max(0, 1 - math.floor(math.log10(step)))
    ticks = [round(number * step, digits) for number in range(first, last + 1)]
    if within is not None:
        ticks = [tick for tick in ticks if within[0] <= tick <= within[1]]
        if len(ticks) < 2:  # all of it lies at one bound
            ticks = [float(bound) for bound in within]
    return Scale(ticks[0], ticks[-1], tuple(ticks))


def fitted_scale(low: float, high: float) -> Scale:
    """The scale from ``low`` to ``high`` as they are, with round ticks between."""
    if high <= low:
        high = low + 1
    nice = nice_scale([low, high], parts=3)
    return Scale(low, high, tuple(tick for tick in nice.ticks if low <= tick <= high))


def _round_steps(low: float, high: float, most: int) -> tuple[float, int, int]:
    """The smallest round step that covers both ends in at most ``most`` steps, and its span."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (factor * power for factor in _STEPS):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= most:
            break
    return step, first, last


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """A tick with as many decimals as its neighbours need."""
    decimals = 0
    while decimals < 6 and any(abs(t - round(t, decimals)) > 1e-9 for t in ticks):
        decimals += 1
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def stacked(places: Sequence[float], width: float) -> list[int]:
    """For each dot the row in which it touches no other: 0 in the middle, then 1, -1, 2 and so on.

    Example:
        >>> stacked([10.0, 10.5, 30.0, 10.2], width=2.0)
        [0, -1, 0, 1]
    """
    rows: list[int] = [0] * len(places)
    taken: dict[int, list[float]] = {}
    for number in sorted(range(len(places)), key=lambda n: places[n]):
        row = next(
            row
            for row in sorted(range(len(places), -len(places) - 1, -1), key=abs)
            if all(abs(places[number] - other) >= width for other in taken.get(row, ()))
        )
        rows[number] = row
        taken.setdefault(row, []).append(places[number])
    return rows


@dataclass(frozen=True)
class Strip:
    """Places along one strip, in percent of its width; ``dots`` are place, pixels up, and title."""

    dots: list[tuple[float, int, str]]
    middle: float
    interval: tuple[float, float] | None  # place of its start, and its width
    label: str

    @classmethod
    def of(
        cls,
        scale: Scale,
        row: Mapping[str, Any],
        values: Sequence[float],
        middle: float,
        label: str,
        text: Callable[[float], str],
    ) -> Strip:
        """The strip of a row of the summary: one dot a seed, the mean, and the interval."""
        places = [scale.place(100 * value, *STRIP) for value in values]
        names = [f"seed {seed}" for seed in row["seeds"]] or ["all"] * len(values)
        dots = [
            (place, _ROWS_APART * up, f"{name}: {text(value)}")
            for place, up, name, value in zip(
                places, stacked(places, DOT), names, values, strict=True
            )
        ]
        interval = None
        if row["interval"] is not None:
            low, high = (scale.place(100 * bound, *STRIP) for bound in row["interval"])
            interval = low, round(high - low, 2)
        return cls(dots, scale.place(100 * middle, *STRIP), interval, label)


@dataclass(frozen=True)
class Axis:
    """The axis of all strips of a table: ticks, and the line that the strips are read against."""

    ticks: list[tuple[float, str]]
    reference: float | None

    @classmethod
    def of(cls, scale: Scale, reference: float | None) -> Axis:
        """The axis of a scale in percent, with a line at the fraction ``reference``."""
        line = None if reference is None else scale.place(100 * reference, *STRIP)
        return cls(scale.places(lambda tick: scale.place(tick, *STRIP)), line)


@dataclass(frozen=True)
class Mark:
    """A point of a panel: place, shape, style, and the title that the pointer shows."""

    x: float
    y: float
    shape: str
    style: str
    title: str = ""


@dataclass(frozen=True)
class Line:
    """A line of a panel: SVG path, style, and the title that the pointer shows."""

    path: str
    style: str
    title: str = ""


@dataclass(frozen=True)
class Panel:
    """Two axes with lines and, over them, marks, in the units of one ``viewBox``."""

    x: Scale
    y: Scale
    x_title: str
    y_title: str  # drawn above the axis
    label: str  # what the figure shows, in a sentence, for those who cannot see it
    width: float = 260.0
    height: float = 200.0
    left: float = 34.0  # room for the labels of the vertical axis
    below: float = 34.0
    above: float = 24.0
    right: float = 10.0
    lines: list[Line] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    notes: list[tuple[float, str]] = field(default_factory=list)  # texts above the axes

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
        return self.x.places(self.across)

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Place, from the upper edge of the axes, and text of each tick."""
        return self.y.places(self.down)

    def across(self, value: float) -> float:
        """Horizontal place of a value, from the left edge of the axes."""
        return self.x.along(value, self.inner_width)

    def down(self, value: float) -> float:
        """Vertical place of a value, from the upper edge of the axes."""
        return round(self.inner_height - self.y.along(value, self.inner_height), 2)

    def line(self, points: Iterable[Point], style: str, title: str = "") -> None:
        """Add a line; points outside the axes are cut off where the line is drawn."""
        places = [(self.across(x), self.down(y)) for x, y in points]
        if len(places) > 1:
            path = "M" + "L".join(f"{x:g} {y:g}" for x, y in thinned(places, MOST_POINTS))
            self.lines.append(Line(path, style, title))

    def mark(self, point: Point, style: str, title: str = "", shape: str = "circle") -> None:
        """Add a mark, if it lies within the axes."""
        x, y = point
        if self.x.low <= x <= self.x.high and self.y.low <= y <= self.y.high:
            self.marks.append(Mark(self.across(x), self.down(y), shape, style, title))

    def note(self, value: float, text: str) -> None:
        """Add a short text above the axes, if its place is within them."""
        if self.x.low < value < self.x.high:
            self.notes.append((self.across(value), text))


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most ``most`` points that keep the shape of a line (Douglas & Peucker 1973).

    Points are taken where the line so far is furthest off, both axes scaled to one; the ends stay.

    Example:
        >>> thinned([(0, 0), (1, 0), (2, 0), (3, 5), (4, 0)], most=4)
        [(0, 0), (2, 0), (3, 5), (4, 0)]
    """
    if len(points) <= most:
        return list(points)
    wide = [max(axis) - min(axis) or 1.0 for axis in zip(*points, strict=True)]
    scaled = [(x / wide[0], y / wide[1]) for x, y in points]
    kept = {0, len(points) - 1}
    open_parts = [_furthest(scaled, 0, len(points) - 1)]
    while len(kept) < most and open_parts:
        worst = max(open_parts)
        open_parts.remove(worst)
        _, first, at, last = worst
        if at in kept:
            continue
        kept.add(at)
        open_parts += [_furthest(scaled, a, b) for a, b in ((first, at), (at, last)) if b - a > 1]
    return [points[number] for number in sorted(kept)]


def _furthest(points: Sequence[Point], first: int, last: int) -> tuple[float, int, int, int]:
    """Distance and place of the point furthest from the chord between two others."""
    (x0, y0), (x1, y1) = points[first], points[last]
    length = math.hypot(x1 - x0, y1 - y0)

    def off(number: int) -> float:
        x, y = points[number]
        if not length:
            return math.hypot(x - x0, y - y0)
        return abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / length

    at = max(range(first + 1, last), key=off, default=first)
    return (off(at) if at != first else 0.0, first, at, last)
