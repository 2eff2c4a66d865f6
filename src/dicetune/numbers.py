"""Numbers for people: fractions in percent points, times, p-values, counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

MISSING = "–"
_THIN = "\u202f"


def points(fraction: float | None, decimals: int = 1) -> str:
    """A fraction in percent points.

    Example:
        >>> points(0.85957), points(None)
        ('86.0', '–')
    """
    return MISSING if fraction is None else _minus(f"{100 * fraction:.{decimals}f}")


def signed(fraction: float | None, decimals: int = 1) -> str:
    """A difference of fractions in percent points, with its sign.

    Example:
        >>> signed(0.0081), signed(-0.004), signed(0.0)
        ('+0.8', '−0.4', '0.0')
    """
    if fraction is None:
        return MISSING
    text = f"{100 * fraction:+.{decimals}f}"
    return _minus(text) if float(text) else text.lstrip("+-")


def interval(bounds: Sequence[float] | None, decimals: int = 1, *, sign: bool = False) -> str:
    """Two bounds in percent points.

    Example:
        >>> interval([0.841, 0.877]), interval([-0.004, 0.021], sign=True)
        ('84.1 to 87.7', '−0.4 to +2.1')
    """
    if bounds is None:
        return MISSING
    low, high = ((signed if sign else points)(bound, decimals) for bound in bounds)
    return f"{low} to {high}"


def decimals_for(widths: Sequence[float]) -> int:
    """Decimals of scores with intervals of these widths (fractions): two for narrow intervals.

    Example:
        >>> decimals_for([0.02, 0.03]), decimals_for([0.004]), decimals_for([])
        (1, 2, 1)
    """
    known = [width for width in widths if width > 0]
    return 2 if known and sorted(known)[len(known) // 2] < 0.01 else 1


def chance(p: float | None) -> str:
    """A p-value with two significant digits.

    Example:
        >>> chance(0.0312), chance(0.4), chance(0.00004), chance(None)
        ('0.031', '0.40', '< 0.001', '–')
    """
    if p is None or math.isnan(p):
        return MISSING
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def plain(value: float | None, decimals: int = 2) -> str:
    """A number with a fixed number of decimals.

    Example:
        >>> plain(-0.5), plain(None)
        ('−0.50', '–')
    """
    return MISSING if value is None or math.isnan(value) else _minus(f"{value:.{decimals}f}")


def count(number: int) -> str:
    r"""A whole number with thin spaces between thousands, from five digits on.

    Example:
        >>> count(1725), count(25119) == "25\u202f119"
        ('1725', True)
    """
    return str(number) if abs(number) < 10_000 else f"{number:,}".replace(",", _THIN)


def duration(seconds: float | None) -> str:
    """A time in the two largest units.

    Example:
        >>> duration(41.2), duration(357.4), duration(7260), duration(None)
        ('41 s', '5 min 57 s', '2 h 1 min', '–')
        >>> duration(59.6), duration(3599.7), duration(7199)
        ('1 min 0 s', '1 h 0 min', '2 h 0 min')
    """
    if seconds is None:
        return MISSING
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min"


def _minus(text: str) -> str:
    """The minus sign in place of the hyphen, and no sign before zero."""
    return text.replace("-", "−") if float(text) else text.removeprefix("-")
