r"""What a rule has beside its biases: calibrated probabilities, costs, and silence.

- *Calibration* (``problems.reliability``): a slope, or a slope with shifts, by the log loss on
  held-out units; none where the loss falls by no more than the standard error of its fall.
- *Costs* (``decide.costs``) take the place of biases.
- *Silence*: the rule says nothing where its risk, the expected cost or the chance of an error, is
  over a bound. A cost of silence is such a bound (Chow, 1970) and a cost like the others, so that
  there are no biases. For a share of dev without a prediction the bound is a quantile of the risk,
  after the biases of a fitted rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.decide.costs import Costs, read_costs
from dicetune.decide.held_out import FOLDS, deal
from dicetune.decide.rule import DecisionRule
from dicetune.errors import InputError, quoted
from dicetune.problems import Problem
from dicetune.problems.decisions import EQUAL
from dicetune.problems.reliability import Calibration, log_losses, reliability

COST = "cost"
"""The objective of a rule that nothing is fitted for: costs decide, of labels or of silence."""

_SHARE = "such as 5%"


@dataclass(frozen=True)
class RuleForm:
    """What a user asks for beside an objective.

    Args:
        calibrate: calibrate the probabilities.
        costs: a table of costs, or a mapping.
        abstain: the cost of saying nothing, as a number, or the share of units without a
            prediction, such as "5%".
    """

    calibrate: bool = False
    costs: str | Path | Costs | None = None
    abstain: str | float | None = None

    @property
    def silence(self) -> float | None:
        """The cost of saying nothing, where ``abstain`` is one."""
        share = str(self.abstain).strip().endswith("%")
        return None if self.abstain is None or share else self._bound([])

    @property
    def is_fitted(self) -> bool:
        """Whether biases are fitted; costs, of labels or of silence, leave none."""
        return self.costs is None and self.silence is None

    def check(
        self,
        problem: Problem,
        objective: str | None = None,
        guard: bool = True,
        folds: int = FOLDS,
        confidence: float | None = None,
    ) -> None:
        """Refuse what the type of the predictions does not have, and options without a meaning.

        Raises:
            InputError: an option of a fit beside costs; silence that cannot be meant or used.
        """
        if not self.is_fitted:
            given = {
                f"an objective ({quoted(objective)})": objective is not None,
                "--plain": not guard,
                "--folds": folds != FOLDS and not self.calibrate,  # its parts are held out too
            }
            what, other = "costs", "the costs say what is best, and nothing is fitted"
            if self.costs is None:
                what = "a cost of silence"
                other = f"its unit is one error, and nothing is fitted; try a share, {_SHARE}"
            for name in (name for name, is_given in given.items() if is_given):
                raise InputError(f"expected {what} without {name}, got both: {other}")
        if self.calibrate:
            problem.chances([], [])
        if self.abstain is not None:
            self._bound([])
            if confidence is not None:
                raise InputError(
                    f"expected silence or a promised floor, got both ({quoted(objective)}): the "
                    "promise is of a rule that always answers; add --confidence 0, or leave "
                    "--abstain out"
                )
            if not problem.may_be_silent:
                raise InputError(
                    f"expected one label for each text to abstain, got {problem.kind}: leave "
                    "--abstain out"
                )

    def calibration(
        self,
        problem: Problem,
        gold: Sequence[Any],
        scores: Sequence[np.ndarray],
        ids: Sequence[str],
        folds: int,
    ) -> tuple[Calibration | None, dict[str, Any]]:
        """The calibration, or ``None`` where none helps, and its evidence.

        Args:
            problem: with the classes of the gold.
            gold: of each unit.
            scores: of each unit.
            ids: of the units; units with one id are held out together.
            folds: number of parts.

        Returns:
            The evidence has "before" and "after" (held out) with "log_loss" and "ece", and "said";
            without two ids it has "said" alone.
        """
        if not self.calibrate:
            return None, {}
        if len(set(ids)) < 2:
            said = "the probabilities are kept: there are too few units on dev to hold any out"
            return None, {"said": said}
        alone = bool(problem.independent)
        part = deal(ids, max(2, min(folds, len(set(ids)))))
        tables = [problem.chances([row], [table]) for row, table in zip(gold, scores, strict=True)]
        unit = np.repeat(np.arange(len(tables)), [len(table) for table, _ in tables])
        where = part[unit]
        table, truth = (np.concatenate(one) for one in zip(*tables, strict=True))

        def held_out(shifts: bool) -> np.ndarray:
            found = table.copy()
            for number in range(int(part.max()) + 1):
                rest = where != number
                fitted = Calibration.fit(table[rest], truth[rest], problem.labels, alone, shifts)
                found[~rest] = fitted.apply(table[~rest], problem.labels, alone)
            return found

        tried = {shifts: held_out(shifts) for shifts in (False, True)}
        best = min(tried, key=lambda shifts: float(log_losses(tried[shifts], truth, alone).sum()))
        before, after = (reliability(one, truth, alone) for one in (table, tried[best]))
        evidence = {"before": before, "after": after}
        less = log_losses(table, truth, alone) - log_losses(tried[best], truth, alone)
        gains = np.bincount(unit, less, len(tables))
        told = (
            f"ECE {_percent(before, after, 'ece')}, log loss {before['log_loss']:.3f} to "
            f"{after['log_loss']:.3f} on held-out units"
        )
        # a small set may be calibrated by luck: the gain has to be above its standard error
        if gains.mean() <= max(gains.std(ddof=1) / np.sqrt(len(gains)), EQUAL):
            return None, {**evidence, "said": f"the probabilities are kept: {told}"}
        fitted = Calibration.fit(table, truth, problem.labels, alone, best)
        return fitted, {**evidence, "said": f"calibrated ({fitted}): {told}"}

    def cost_rule(self, problem: Problem) -> DecisionRule | None:
        """The rule of the costs, of labels or of silence; ``None`` where biases are fitted.

        Raises:
            DataError: a table without a cost for each pair of labels.
        """
        if self.is_fitted:
            return None
        costs, what = {}, "the cost of silence"
        if self.costs is not None:
            problem.least_cost([], np.zeros((0, 0)), ())  # refused by types without costs
            costs, what = read_costs(self.costs, problem.labels), "the costs"
        notes = []
        if not self.calibrate:
            notes = ["the probabilities are taken at their word: see --calibrate"]
        said = f"Nothing is fitted: {what} and the probabilities decide."
        evidence = {"said": said, "notes": notes}
        return DecisionRule(problem.kind, {}, COST, problem.labels, evidence, costs=costs)

    def silenced(self, rule: DecisionRule, scores: Sequence[np.ndarray]) -> DecisionRule:
        """The rule, which says nothing where its risk on a unit is over the bound.

        Args:
            rule: that always answers.
            scores: of the units of dev.
        """
        if self.abstain is None:
            return rule
        risks = [rule.risk(one) for one in rule.apply(scores)]
        bound = self._bound(risks)
        if not risks or max(risks) > bound:
            return replace(rule, abstain=bound)
        why = f"the highest risk there is {max(risks):.3g}"
        if not rule.costs and bound >= (safest := 1 - 1 / len(rule.labels)):
            why = f"of {len(rule.labels)} labels the likeliest has a risk of at most {safest:.3g}"
        notes = [*rule.evidence.get("notes", ()), f"no text of dev is left without a label: {why}"]
        return replace(rule, abstain=bound, evidence={**rule.evidence, "notes": notes})

    def _bound(self, risks: Sequence[float]) -> float:
        """The highest risk at which the rule answers."""
        text = str(self.abstain).strip()
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            number = math.nan
        if text.endswith("%") and 0 < number < 100:
            # the bound lies between two risks: units with equal risks are treated alike
            ranked = np.sort(np.array(risks))
            kept = len(ranked) - int(len(ranked) * number / 100)
            if kept == len(ranked) or not kept:
                return float(ranked[-1]) if kept else 0.0
            return float(ranked[kept - 1] + ranked[kept]) / 2
        if not text.endswith("%") and 0 <= number < math.inf:
            return number
        raise InputError(
            "expected the cost of saying nothing, such as 0.2, or a share of texts above 0% and "
            f"below 100%, {_SHARE}, got {quoted(text)}"
        )


PLAIN = RuleForm()


def _percent(before: dict[str, float], after: dict[str, float], name: str) -> str:
    return f"{100 * before[name]:.1f} to {100 * after[name]:.1f}"
