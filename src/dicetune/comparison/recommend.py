r"""The recommendation: one system to use, chosen on dev, with the optimism of the choice.

What can be kept is a run with one of its decisions, or all seeds of a loss together. The loss and
the decision whose runs have the highest mean dev score are chosen, and of their runs the one with
the highest dev score. All seeds of a loss together are chosen in its place only if they score
higher on dev than that run. Of equal systems the first stays: plain decisions come before tuned
ones. Test data takes no part.

The dev score of a tuned decision is cross-fitted: each unit is decided by a rule that did not see
it. A choice among many models still flatters the dev score of the chosen one, as luck on dev helps
to be chosen. Dev units are drawn again with replacement, B times. A draw b moves the score of
model k by :math:`\epsilon_{bk}`; the choice is repeated on :math:`\mu_k + \epsilon_{bk}`, and the
optimism is the mean luck of the chosen model,

.. math::
    \hat\omega = \frac1B \sum_b \epsilon_{b k_b}, \qquad
    k_b = \text{the choice on } \mu + \epsilon_b .

:math:`\mu` are the dev scores, pulled together until their variance is what is left of it after the
variance of :math:`\epsilon`: observed scores lie further apart than true ones, and in their place
the optimism would come out at two thirds of what it is. Runs are pulled towards the mean of their
loss and decision, these means towards one another.

References: Efron, Estimating the error rate of a prediction rule, JASA 1983; Cawley & Talbot, On
over-fitting in model selection and subsequent selection bias, JMLR 2010.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dicetune import numbers
from dicetune.comparison.competitor import told_name
from dicetune.comparison.differences import documents_of
from dicetune.comparison.results import Results, competitor_name
from dicetune.comparison.runs import FinishedRun, in_order
from dicetune.comparison.statistics.estimate import Metric, by_document
from dicetune.comparison.together import Together
from dicetune.decide import DecisionRule
from dicetune.decide.folder import DEV
from dicetune.decide.held_out import Procedure, in_line
from dicetune.problems import Problem, problem_of
from dicetune.problems.goal import Goal
from dicetune.records import DEFAULT, PREDICTIONS_FILE, TUNED, TUNED_FILE

DRAWS = 1000
_CHUNK = 50
"""Draws at a time: a draw has a weight for each unit."""


@dataclass(frozen=True)
class Candidate:
    """A model that can be kept: a run with one decision, or all seeds of a loss together."""

    name: str  # of its competitor
    run: FinishedRun
    decision: str
    counts: np.ndarray  # (U, M) on dev

    @property
    def rule(self) -> DecisionRule | None:
        """The rule of a tuned decision."""
        return DecisionRule.load(self.run.folder) if self.decision == TUNED else None

    def promised(self, metric: str) -> float | None:
        """The dev score that the rule itself promises on new units, where it has one."""
        rule = self.rule
        if rule is None or rule.is_default:
            return None
        found: float | None = rule.evidence.get("scores", {}).get("promised", {}).get(metric)
        return found

    @property
    def members(self) -> tuple[FinishedRun, ...]:
        """The runs whose weights it needs."""
        return self.run.members if isinstance(self.run, Together) else (self.run,)

    @property
    def is_together(self) -> bool:
        """Whether it is all seeds of a loss together."""
        return isinstance(self.run, Together)


def candidates(
    runs: Sequence[FinishedRun], together: Sequence[Together]
) -> tuple[Problem, list[Candidate]]:
    """The models that can be kept, with their dev counts, in the order of the competitors."""
    like = runs[0].predictions(DEV)
    gold = [row["gold"] for row in like]
    problem = problem_of(runs[0].problem, gold)
    found = []
    losses = dict.fromkeys(run.planned.loss for run in runs)
    for decision in (DEFAULT, TUNED):
        for loss in losses:
            for run in runs:
                if run.planned.loss == loss and (rows := run.decided(DEV, decision)) is not None:
                    counts = _dev_counts(problem, run, rows, like, decision)
                    found.append(Candidate(competitor_name(loss, decision), run, decision, counts))
    for one in together:
        if (rows := one.tuned(DEV)) is not None:
            name = competitor_name(one.planned.loss, TUNED, together=True)
            counts = _dev_counts(problem, one, rows, like, TUNED)
            found.append(Candidate(name, one, TUNED, counts))
    return problem, found


def _dev_counts(
    problem: Problem,
    run: FinishedRun,
    rows: Sequence[Mapping[str, Any]],
    like: Sequence[dict[str, Any]],
    decision: str,
) -> np.ndarray:
    """Dev counts of a decision in the order of ``like``; of a tuned decision cross-fitted."""
    counts = cross_fitted(run, rows) if decision == TUNED else None
    if counts is None:
        gold, predicted = ([row[key] for row in rows] for key in ("gold", "predicted"))
        counts = problem.counts(gold, predicted)
    places = [{"id": row["id"], "place": place} for place, row in enumerate(rows)]
    file = TUNED_FILE if decision == TUNED else PREDICTIONS_FILE
    ordered = in_order(places, like, run.folder / file)
    found: np.ndarray = counts[[row["place"] for row in ordered]]
    return found


def cross_fitted(run: FinishedRun, rows: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
    """Counts of the dev rows of a tuned decision, each decided by a rule that did not see it.

    They are the counts of "promised" in the evidence of the rule: ``decide.fit`` says how it is
    found, by the shorter search where the rule is shrunk. ``None`` where the rule is the default
    decision or was not fitted.
    """
    rule = DecisionRule.load(run.folder)
    if rule is None or rule.is_default or not rule.evidence.get("folds"):
        return None
    problem = problem_of(run.problem)
    gold, extras = [row["gold"] for row in rows], [problem.extra(row) for row in rows]
    fitted = rule.evidence.get("fitted_biases", rule.biases)
    scores = rule.calibrated(run.scores(DEV))
    decisions = problem.decisions(gold, scores, extras).fitted_as(fitted)
    goal = Goal.parse(rule.objective, decisions.problem)
    guard = bool(rule.evidence.get("guard", True))
    if guard and not goal.is_operating_point:
        decisions = decisions.quick()
    search = decisions.estimate if guard else decisions.fit
    line, folds = in_line([str(row["id"]) for row in rows]), int(rule.evidence["folds"])
    crossed = Procedure(decisions, goal, line, folds, search, guard).promised()
    return None if crossed is None else crossed.counts


def choose(values: np.ndarray, rows: Sequence[int], together: Sequence[bool]) -> np.ndarray:
    """The number of the chosen model for each line of dev scores.

    Args:
        values: (B, K) dev scores of K models.
        rows: of each model, the number of its competitor.
        together: of each model, whether it is all seeds together.

    Example:
        >>> two_losses = np.array([[0.5, 0.7, 0.61, 0.61, 0.65]])
        >>> choose(two_losses, [0, 0, 1, 1, 2], [False, False, False, False, True]).tolist()
        [4]
    """
    owners, common = np.asarray(rows), np.asarray(together, dtype=bool)
    names = np.unique(owners[~common])
    means = np.stack([values[:, (owners == name) & ~common].mean(1) for name in names], axis=1)
    best = names[means.argmax(1)]
    of_best = (owners[None] == best[:, None]) & ~common
    chosen = np.where(of_best, values, -np.inf).argmax(1)
    if common.any():
        rival = np.where(common, values, -np.inf).argmax(1)
        lines = np.arange(len(values))
        chosen = np.where(values[lines, rival] > values[lines, chosen], rival, chosen)
    numbered: np.ndarray = chosen
    return numbered


def optimism(
    counts: Sequence[np.ndarray],
    score: Metric,
    rows: Sequence[int],
    together: Sequence[bool],
    draws: int = DRAWS,
) -> float:
    """How much the choice is expected to flatter the dev score of the chosen model.

    Args:
        counts: for each model (U, M) counts of the dev units.
        score: of summed counts.
        rows: see ``choose``.
        together: see ``choose``.
        draws: of the bootstrap; its seed is fixed.
    """
    if len(counts) < 2:
        return 0.0
    rng = np.random.default_rng(0)
    units = len(counts[0])
    whole = np.array([float(score(one.sum(0))) for one in counts])
    found = []
    for begin in range(0, draws, _CHUNK):
        size = min(_CHUNK, draws - begin)
        weights = rng.multinomial(units, np.full(units, 1 / units), size=size).astype(np.float64)
        found.append(np.stack([score(weights @ one) for one in counts], axis=1))
    luck = np.concatenate(found)
    luck -= luck.mean(0)
    chosen = choose(_pulled(whole, luck, rows, together) + luck, rows, together)
    return float(luck[np.arange(draws), chosen].mean())


def _pulled(
    values: np.ndarray, luck: np.ndarray, rows: Sequence[int], together: Sequence[bool]
) -> np.ndarray:
    """Dev scores (K,) pulled together by the variance that luck (B, K) alone gives them."""
    owners, common = np.asarray(rows), np.asarray(together, dtype=bool)
    names, place = np.unique(owners, return_inverse=True)
    of_row = (place[None] == np.arange(len(names))[:, None]).astype(np.float64)
    of_row /= of_row.sum(1, keepdims=True)
    means, own_luck = of_row @ values, luck @ of_row.T
    pulled = _less(values - means[place], luck - own_luck[:, place])
    is_common = np.array([common[owners == name].all() for name in names])
    for group in (is_common, ~is_common):
        if group.any():
            middle, noise = means[group].mean(), own_luck[:, group]
            apart = _less(means[group] - middle, noise - noise.mean(1, keepdims=True))
            means[group] = middle + apart
    found: np.ndarray = means[place] + pulled
    return found


def _less(apart: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Distances from a mean without the part of their variance that is noise."""
    observed = float((apart**2).sum())
    left = max(observed - float((noise**2).sum(1).mean()), 0.0)
    found: np.ndarray = apart * np.sqrt(left / observed if observed else 0.0)
    return found


def recommend(
    results: Results, runs: Sequence[FinishedRun], together: Sequence[Together]
) -> dict[str, Any]:
    """The recommended system as plain data, with sentences; scores are fractions.

    "name" of its row, "loss", "decision", "rule" (in words; ``None`` for the default), "together",
    "runs" (ids) and "seeds" of the kept model, "dev" (its dev score, cross-fitted for a tuned
    decision), "test" (the score of its row), "test_of_kept" (of the kept model alone), "models"
    (how many were chosen from), "optimism" (of the dev score), "cost" (inference, in runs of one
    model), and "said".
    """
    problem, models = candidates(runs, together)
    metric = problem.metrics[0]

    def score(sums: np.ndarray) -> np.ndarray:
        return problem.score(sums, metric)

    names = list(dict.fromkeys(model.name for model in models))
    rows = [names.index(model.name) for model in models]
    common = [model.is_together for model in models]
    documents, _ = documents_of(runs[0].predictions(DEV), results.units[1])
    counts = [model.counts for model in models]
    if documents is not None:
        counts = list(by_document(np.stack(counts), documents))
    said = [model.promised(metric) for model in models]
    dev = np.array(
        [
            float(score(one.sum(0))) if promised is None else promised
            for one, promised in zip(counts, said, strict=True)
        ]
    )
    chosen = int(choose(dev[None], rows, common)[0])
    model = models[chosen]
    tests = {row.name: results.scores(row) for row in results.competitors}
    seeds = [run.planned.seed for run in model.members]
    of_seeds = next(row.seeds for row in results.competitors if row.name == model.name)
    own = tests[model.name]["scores"]
    rule = model.rule
    found: dict[str, Any] = {
        "name": model.name,
        "loss": model.run.planned.loss,
        "decision": model.decision,
        "rule": None if rule is None or rule.is_default else rule.told().partition(": ")[2],
        "together": model.is_together,
        "runs": [run.planned.id for run in model.members],
        "seeds": seeds,
        "dev": float(dev[chosen]),
        "test": tests[model.name]["mean"],
        "test_of_kept": own[0] if model.is_together else own[of_seeds.index(seeds[0])],
        "models": len(models),
        "optimism": optimism(counts, score, rows, common),
        "cost": len(model.members),
    }
    dev_means = {
        name: float(np.mean([dev[k] for k in range(len(models)) if rows[k] == number]))
        for number, name in enumerate(names)
    }
    better = [
        (row.name, tests[row.name]["mean"], dev_means.get(row.name))
        for row in results.competitors
        if round(tests[row.name]["mean"], 3) > round(found["test"], 3)  # the number that is shown
    ]
    title = results.problem.metric_title(results.problem.metrics[0])
    found["said"] = _sentences(found, title, len(of_seeds), better)
    return found


def _sentences(
    found: Mapping[str, Any],
    metric: str,
    runs: int,
    better: Sequence[tuple[str, float, float | None]],
) -> list[str]:
    """What to use, whether anything did better on test, and how the choice was made."""
    seeds, held_out = found["seeds"], ", held out" if found["rule"] else ""
    if found["together"]:
        what = f"all {len(seeds)} seeds of {told_name(found['loss'])} together"
        mean = "averaged probabilities, a tuned decision"
    else:
        kind = "tuned" if found["decision"] == TUNED else "default"
        what = f"{told_name(found['loss'])} with its {kind} decision"
        mean = f"mean of {runs} seeds" if runs > 1 else "one seed"
    first = f"Use {what}: {numbers.points(found['test'])} {metric} ({mean}); "
    if not better:
        first += "no other is better."
    else:
        name, test, on_dev = max(better, key=lambda row: row[1])
        first += f"on test “{name}” scored {numbers.points(test)}, above "
        first += f"{numbers.points(found['test'])}, "
        first += (
            "but it has no dev score to choose it by."
            if on_dev is None
            else "but dev, where the choice is made, does not put it first."
        )
    flattered = f"a choice among {found['models']} models, which flatters the dev score by about "
    flattered += f"{numbers.points(max(found['optimism'], 0.0))} points"
    dev = f"{numbers.points(found['dev'])} on dev{held_out}"
    if found["together"]:
        second = f"It costs {found['cost']} times the inference of one model; {dev}, {flattered}."
    else:
        best = f", the best of {runs} seeds" if runs > 1 else ""
        kept = f"{numbers.points(found['test_of_kept'])} on test"
        second = f"The model is that of seed {seeds[0]}{best}: {dev}, {kept}; {flattered}."
    if found["decision"] != TUNED:
        return [first, second]
    return [
        first,
        second,
        f"Its rule: {found['rule'] or 'the default decision, as no other gains'}.",
    ]
