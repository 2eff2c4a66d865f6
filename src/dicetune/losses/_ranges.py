"""Which hyper-parameters of a loss a search may change, and how far.

Each loss class says so in ``ranges``, one line a parameter; what is not there is a choice and not
a matter of degree. Of a sum the coefficients count too, but for the first: only their ratio to it
changes more than the learning rate does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """Values from ``low`` to ``high``, even in their logarithm where ``log``."""

    low: float
    high: float
    log: bool = False

    def including(self, value: float) -> Range:
        """The least range that holds this one and ``value``.

        Example:
            >>> Range(0.5, 5.0).including(8.0)
            Range(low=0.5, high=8.0, log=False)
        """
        return Range(min(self.low, value), max(self.high, value), self.log)


Ranges = Mapping[str, Range]

COEFFICIENT = Range(0.1, 10.0, log=True)
