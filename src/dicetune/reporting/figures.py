"""Numbers to geometry: scales with round ticks, dots that do not touch, lines with fewer points.

Strips and bars are in percent of the width that the page gives them, panels in the units of their
own ``viewBox``; what is here is plain data that the templates turn into SVG.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0)


@dataclass(frozen=True)
class Scale:
    """A straight scale.

    Args:
        low: value at its start.
        high: value at its end.
        ticks: round values on it.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float, start: float = 0.0, end: float = 100.0) -> float:
        """Where a value stands between ``start`` and ``end``; outside the scale, at its edge.

        Example:
            >>> Scale(80.0, 90.0, (80.0, 90.0)).place(82.5)
            25.0
        """
        share = (value - self.low) / (self.high - self.low)
        return round(start + min(max(share, 0.0), 1.0) * (end - start), 2)


def nice_scale(
    values: Iterable[float], parts: int = 4, within: tuple[float, float] | None = None
) -> Scale:
    """The scale with about ``parts`` round steps that holds all finite values.

    Args:
        values: what it must hold; without any, it goes from 0 to 1.
        parts: how many steps are wanted; there may be one more.
        within: bounds that it does not pass, such as 0 and 100 for percentages.

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


def fitted_scale(low: float, high: float, parts: int = 3) -> Scale:
    """The scale from ``low`` to ``high`` as they are, with round ticks between.

    Example:
        >>> fitted_scale(0, 348).ticks
        (0.0, 100.0, 200.0, 300.0)
    """
    if high <= low:
        high = low + 1
    nice = nice_scale([low, high], parts)
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
    """A tick with as many decimals as its neighbours need.

    Example:
        >>> [tick_text(tick, (0, 2.5, 5)) for tick in (0, 2.5, 5)]
        ['0.0', '2.5', '5.0']
    """
    decimals = 0
    while decimals < 6 and any(abs(t - round(t, decimals)) > 1e-9 for t in ticks):
        decimals += 1
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def stacked(places: Sequence[float], width: float) -> list[int]:
    """For each dot the row in which it touches no other: 0 in the middle, then 1, -1, 2 and so on.

    Args:
        places: of the dots along the strip.
        width: of a dot, in the same unit.

    Example:
        >>> stacked([10.0, 10.5, 30.0, 10.2], width=2.0)
        [0, -1, 0, 1]
    """
    rows: list[int] = [0] * len(places)
    taken: dict[int, list[float]] = {}
    for number in sorted(range(len(places)), key=lambda n: places[n]):
        row = next(
            row
            for row in _outwards(len(places))
            if all(abs(places[number] - other) >= width for other in taken.get(row, ()))
        )
        rows[number] = row
        taken.setdefault(row, []).append(places[number])
    return rows


def _outwards(count: int) -> Iterable[int]:
    yield 0
    for distance in range(1, count + 1):
        yield from (distance, -distance)


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most ``most`` points that keep the shape of a line (Douglas & Peucker 1973).

    Points are taken where the line so far is furthest off, both axes scaled to one; the ends stay.

    Args:
        points: of the line, in its order.
        most: how many may be left, at least 2.

    Example:
        >>> thinned([(0, 0), (1, 0), (2, 0), (3, 5), (4, 0)], most=4)
        [(0, 0), (2, 0), (3, 5), (4, 0)]
    """
    if len(points) <= most:
        return list(points)
    wide = [_spread(axis) for axis in zip(*points, strict=True)]
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


def _spread(values: Sequence[float]) -> float:
    return max(values) - min(values) or 1.0


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
