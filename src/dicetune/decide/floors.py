r"""Floors that are promised: a recall or a precision that holds on new data with a confidence.

A threshold that reaches a floor on dev misses it on new data about every second time. Here the
threshold is chosen so that the floor holds for new data of the same kind in a share ``confidence``
of all dev sets. Of :math:`n` items of which :math:`x` are right, the floor :math:`f` is tested by

.. math::
    P(\text{Binomial}(n, f) \ge x) = I_f(x,\ n - x + 1) \le \delta,

the test behind the bound of Clopper and Pearson. Many thresholds are tested, so that the tests go
along an order that the gold does not choose, and a chain of tests ends at the first that fails:
each chain then errs with at most its :math:`\delta` (fixed-sequence testing).

- Recall: one chain, from the threshold that lets everything pass to stricter ones. For items that
  have one decision each this is the exact tolerance bound of the order statistics.
- Precision: it need not rise with the threshold, and among few items nothing can be shown.
  ``CHAINS`` chains begin at different numbers of predicted items, each with an equal part of
  :math:`1 - \text{confidence}`, and go to looser thresholds.

Of all thresholds that pass, the best by the other share is taken. Items of one group (a sentence, a
document) are not independent: :math:`n` is divided by the design effect, the variance of the share
over groups by the variance of independent items, with the quantiles of Student's t (Korn &
Graubard, 1998).

References: Clopper & Pearson, 1934; Tong, Feng & Li, Neyman-Pearson classification, 2018;
Angelopoulos et al., Learn then Test, 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dicetune.errors import InputError, listed, quoted
from dicetune.problems.decisions import NARROW, Decisions, bias_within
from dicetune.problems.goal import POINTS, Goal
from dicetune.problems.ratios import ratio

CONFIDENCE = 0.9
CHAINS = 2
MOST = 200
"""Thresholds of one class that are tested."""


@dataclass(frozen=True)
class Floor:
    """What is known of the share of one class that has a floor.

    Args:
        promised: whether the floor holds on new data with the confidence.
        reached: the share on the units of the fit.
        bound: the share that holds on new data with the confidence: where the floor is promised
            the bound that allows for all tests, else the bound at the threshold alone.
    """

    promised: bool
    reached: float
    bound: float


def asked_confidence(objective: str | None, confidence: float | None) -> float | None:
    """The confidence of a promise: by default ``CONFIDENCE`` for an operating point.

    Args:
        objective: of the user.
        confidence: of the user; 0 for a floor on dev alone.

    Raises:
        InputError: a confidence for an objective without a floor, or none that can be one.

    Example:
        >>> asked_confidence("precision@recall:0.9", None), asked_confidence("f1", None)
        (0.9, None)
    """
    if (objective or "").partition(":")[0] not in POINTS:
        if confidence is not None:
            raise InputError(
                f"expected a confidence for {listed(POINTS)} alone, got {confidence:g} for "
                f"{quoted(objective or 'the default objective')}: only these have a floor"
            )
        return None
    if confidence is None:
        return CONFIDENCE
    if not 0 <= confidence < 1:
        raise InputError(
            f"expected a confidence of at least 0 and below 1, such as {CONFIDENCE}, got "
            f"{confidence:g}: 0 asks for the floor on dev alone"
        )
    return confidence or None


@dataclass(frozen=True)
class Floored:
    """A rule that promises floors, and what is known of them on the units that it was fitted on.

    Args:
        biases: of the rule.
        floors: of each class whose bias can be fitted on these units.
        goal: an operating point.
        confidence: between 0 and 1.
    """

    biases: dict[str, float]
    floors: dict[str, Floor]
    goal: Goal
    confidence: float

    def evidence(self) -> dict[str, Any]:
        """What is known of each class, ready for JSON."""
        floors = {name: asdict(floor) for name, floor in self.floors.items()}
        return {"confidence": self.confidence, "floors": floors}

    def said(self) -> list[str]:
        """What is promised, and of what it is not, in sentences."""
        share = POINTS[self.goal.name][0]
        asked = f"{100 * self.goal.floor:g} on new data"
        sure = f"with {100 * self.confidence:g}% confidence"
        kept = {name: floor for name, floor in self.floors.items() if floor.promised}
        if len(self.floors) == 1:
            (floor,) = self.floors.values()
            reached = f"{100 * floor.reached:.1f} on dev"
            if floor.promised:
                return [f"a {share} of at least {asked} is promised {sure} ({reached})"]
            return [
                f"a {share} of {asked} cannot be promised {sure}: it is {reached}, from which "
                f"{100 * floor.bound:.1f} follows; more dev data or a lower floor would help"
            ]
        said = []
        if kept:
            names = listed(kept, most=8)
            whom = names if len(kept) == 1 else f"each of {names} by itself"
            said.append(f"a {share} of at least {asked} is promised {sure} for {whom}")
        if missed := [name for name in self.floors if name not in kept]:
            said.append(
                f"a {share} of {asked} cannot be promised {sure} for "
                f"{listed(missed, most=8)}: more dev data or a lower floor would help"
            )
        return said


class FloorFit:
    """Fits rules that promise a floor on any of some units; a fit changes nothing here.

    Args:
        decisions: on all units.
        goal: an operating point.
        groups: (U,) name of the group of each unit.
        confidence: between 0 and 1.
    """

    def __init__(
        self, decisions: Decisions, goal: Goal, groups: Sequence[str], confidence: float
    ) -> None:
        self.decisions, self.goal, self.confidence = decisions, goal, confidence
        self.groups = np.unique(np.array(groups, dtype=str), return_inverse=True)[1]
        self.delta = 1.0 - confidence

    def fit(self, mask: np.ndarray) -> Floored:
        """The rule for the units under a mask, (U,) bool.

        A class whose floor cannot be promised keeps the bias that is best on these units.
        """
        biases = self.decisions.fit(self.goal, mask)
        floors = {}
        for name, moved in self.decisions.dials().items():
            if not set(moved) & set(self.decisions.present(mask)):
                continue
            sweep = Sweep.of(self.decisions, self.goal, name, moved, mask, self.groups)
            piece = self._promised(sweep)
            if piece is not None:
                biases |= dict.fromkeys(moved, sweep.bias(piece))
            floors[name] = self._floor(sweep, piece, biases[moved[0]])
        return Floored(biases, floors, self.goal, self.confidence)

    def _promised(self, sweep: Sweep) -> int | None:
        """The piece of the sweep that promises the floor and is best by the other share."""
        passed = []
        for chain, delta in self._chains(sweep):
            for piece in chain:
                if sweep.tail(piece, self.goal.floor, delta) > delta:
                    break
                passed.append(int(piece))
        return max(passed, key=lambda piece: float(sweep.other[piece]), default=None)

    def _chains(self, sweep: Sweep) -> list[tuple[np.ndarray, float]]:
        """Pieces in the order of their tests, and the level of each test."""
        if self._of_recall:
            found = np.flatnonzero(sweep.wide & (np.diff(sweep.right, prepend=-1.0) != 0))[::-1]
            return [(found[np.linspace(0, len(found) - 1, MOST).round().astype(int)], self.delta)]
        delta = self.delta / CHAINS
        # fewer predicted items show nothing, even where all are right
        least = np.log(delta) / np.log(min(self.goal.floor, 1 - 1e-9))
        most = max(float(sweep.total[-1]), least)
        found = np.searchsorted(sweep.total, np.geomspace(least, most, MOST).round())
        found = np.unique(found[found < len(sweep.total)])
        found = found[sweep.wide[found]]
        begins = np.geomspace(1.25 * least, max(1.25 * least, 0.5 * sweep.gold), CHAINS)
        return [(found[sweep.total[found] >= begin], delta) for begin in begins]

    def _floor(self, sweep: Sweep, piece: int | None, bias: float) -> Floor:
        delta = self.delta if piece is None or self._of_recall else self.delta / CHAINS
        place = sweep.piece_of(bias) if piece is None else piece
        reached = float(ratio(sweep.right[place], sweep.total[place]))
        return Floor(piece is not None, reached, sweep.bound(place, delta))

    @property
    def _of_recall(self) -> bool:
        return POINTS[self.goal.name][0] == "recall"


@dataclass(frozen=True)
class Sweep:
    """One class at every threshold, from the strictest piece to the loosest.

    Args:
        sign: 1 where a higher bias is looser, else -1.
        edges: (P,) between the pieces: biases times the sign, rising.
        right: (P + 1,) right items.
        total: (P + 1,) items that the share with a floor is a share of.
        other: (P + 1,) the share without a floor.
        gold: items of gold.
        changes: (3, N) group, right and total: first of each unit in the strictest piece, then of
            each change in the order of the pieces.
        ends: (P + 1,) how many of these columns each piece has.
    """

    sign: int
    edges: np.ndarray
    right: np.ndarray
    total: np.ndarray
    other: np.ndarray
    gold: float
    changes: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(
        cls,
        decisions: Decisions,
        goal: Goal,
        name: str,
        moved: Sequence[str],
        mask: np.ndarray,
        groups: np.ndarray,
    ) -> Sweep:
        """The sweep of the class ``name`` over the units under a mask, (U,) bool.

        Args:
            decisions: on all units.
            goal: an operating point.
            name: of the class.
            moved: the names that share the bias.
            mask: of the units.
            groups: (U,) the number of the group of each unit.
        """
        steps = decisions.turned(moved)
        size = steps.base.shape[1]
        place = goal.problem.focus(np.zeros(size))[0].index(name)

        def focused(counts: np.ndarray) -> np.ndarray:
            blocks = np.stack(goal.problem.focus(counts)[1])[..., place]
            return np.stack([blocks[0], blocks[1], goal.totals(blocks[1], blocks[2])])

        base = focused(steps.base)
        gold = goal.problem.focus(steps.base[mask].sum(0))[1][2][place]
        change = np.zeros((len(steps.at), size))
        change[:, steps.columns] = steps.change
        change = focused(change)
        at, unit = steps.at, steps.unit
        sign = 1
        if change[1][mask[unit]].sum() < 0:  # the strictest piece is at the highest bias
            sign, at = -1, -at
            for row, add in zip(base, change, strict=True):
                np.add.at(row, unit, add)
            change = -change
        order = np.argsort(at, kind="stable")
        order = order[mask[unit[order]]]
        at, unit, change = at[order], unit[order], change[:, order]
        edges, begins = np.unique(at, return_index=True)
        begun = np.flatnonzero(mask)
        rows = np.hstack([base[:, begun], change])
        ends = len(begun) + np.append(begins, len(at))
        sums = np.cumsum(rows, axis=1)[:, ends - 1] if rows.size else np.zeros((3, len(ends)))
        free = sums[1] if goal.totals(sums[1], gold) is gold else np.full(len(ends), gold)
        return cls(
            sign,
            edges,
            sums[0],
            sums[2],
            ratio(sums[0], free),
            float(gold),
            np.vstack([np.append(groups[begun], groups[unit]), rows[[0, 2]]]),
            ends,
        )

    @property
    def wide(self) -> np.ndarray:
        """Whether each piece is wider than rounding, (P + 1,) bool."""
        return np.diff(self.edges, prepend=-np.inf, append=np.inf) > NARROW

    def bias(self, piece: int) -> float:
        """A bias in a piece: 0 where it lies there, else the middle."""
        low, high = np.concatenate([[-np.inf], self.edges, [np.inf]])[piece : piece + 2].tolist()
        return self.sign * bias_within(low, high, 0.0) + 0.0  # no -0.0

    def piece_of(self, bias: float) -> int:
        """The piece that holds a bias."""
        return int(np.searchsorted(self.edges, self.sign * bias))

    def tail(self, piece: int, floor: float, delta: float) -> float:
        """The chance of as many right items, were the share the floor; tested at level delta."""
        from scipy.special import betainc  # takes long to import

        right, rest = self._effective(piece, delta)
        return float(betainc(right, rest + 1, floor)) if right else 1.0

    def bound(self, piece: int, delta: float) -> float:
        """The share that the tests at level delta leave possible."""
        from scipy.special import betaincinv

        right, rest = self._effective(piece, delta)
        return float(betaincinv(right, rest + 1, delta)) if right else 0.0

    def _effective(self, piece: int, delta: float) -> tuple[float, float]:
        """Right and wrong items, as many as independent items would show the same by."""
        from scipy.special import ndtri, stdtrit

        end = self.ends[piece]
        group, *parts = self.changes[:, :end]
        numbers = group.astype(np.int64)
        right, total = (np.bincount(numbers, weights=part) for part in parts)
        items, several = total.sum(), float((total**2).sum())
        share = float(ratio(right.sum(), items))
        size = 1.0
        if several > items:  # some group has more than one item
            size = several / items
            clusters = int((total > 0).sum())
            if 0 < share < 1 and clusters > 1:
                spread = clusters / (clusters - 1) * ((right - share * total) ** 2).sum()
                size = max(1.0, float(spread / (share * (1 - share) * items)))
                size *= (stdtrit(clusters - 1, 1 - delta) / ndtri(1 - delta)) ** 2
        found = items / size
        return share * found, (1 - share) * found
