"""Differences between competitors: who is compared with whom, and what the statistics say.

Every plain decision, the baseline's tuned one and every foreign tool is compared with the baseline
as it is; every other tuned decision with the baseline's tuned one. So a gain that a decision rule
alone would give is never counted as one of the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dicetune.comparison import verdict
from dicetune.comparison.competitors import Competitor, Field
from dicetune.comparison.naming import TUNED, competitor_name
from dicetune.comparison.statistics import (
    Runs,
    by_document,
    detectable,
    effect,
    estimate,
    holm,
    score_interval,
    seeds_needed,
    sign_flip,
)

FEWEST_DOCUMENTS = 10
"""With fewer, the variance between documents cannot be told."""

FEWEST_RUNS = 3
"""With fewer, an interval is so wide that it says nothing, and p has no meaning."""


@dataclass(frozen=True)
class Differences:
    """What the statistics say of all competitors.

    Args:
        rows: one a comparison, as ``summary.json`` has them.
        verdict: in sentences, the most important first.
        intervals: of each competitor's own score, by name.
        descriptive: whether there are too few seeds for a conclusion.
        method: how it was judged, in sentences.
    """

    rows: list[dict[str, Any]]
    verdict: list[str]
    intervals: dict[str, list[float] | None]
    descriptive: bool
    method: list[str]


def differences(field: Field, baseline: str) -> Differences:
    """Compare the competitors of a field with its baseline.

    Args:
        field: all competitors on the test set.
        baseline: name of a loss, or of a foreign competitor.
    """
    runs = {own.name: runs_of(field, own) for own in field.competitors}
    pairs = compared(field, baseline)
    least = least_score(field.problem.metrics[0])
    rows = [_row(own, other, runs, least) for own, other in pairs]
    _correct(rows, [family_of(own, other) for own, other in pairs])
    for row in rows:
        row["verdict"] = verdict.judge(row)
    metric = field.problem.metric_title(field.problem.metrics[0])
    several = sampled(field)
    intervals = {
        name: list(score_interval(own, least=least)) if _enough([own]) else None
        for name, own in runs.items()
    }
    return Differences(
        rows,
        verdict.lead(rows, baseline, metric, several),
        intervals,
        any(row["verdict"] in (verdict.NONE, verdict.DESCRIPTIVE) for row in rows),
        _method(several) + _parted(field),
    )


def sampled(field: Field) -> str:
    """What is resampled, in the plural: documents where they are known and many enough."""
    return "documents" if _documents(field) is not None else field.units[1]


def _documents(field: Field) -> list[str] | None:
    """The document of each unit, where they are what the test set was drawn by."""
    documents = field.documents
    return documents if documents and len(set(documents)) >= FEWEST_DOCUMENTS else None


def _parted(field: Field) -> list[str]:
    """What is to be said where documents are known."""
    if field.documents is None:
        return []
    several, many = field.units[1], len(set(field.documents))
    if _documents(field) is None:
        return [
            f"The {several} are from {many} documents, too few to resample (fewer than "
            f"{FEWEST_DOCUMENTS}): the intervals hold for new {several} of such documents, and "
            "are too narrow for documents of another kind."
        ]
    return [f"The {many:,} documents that the {several} are from are resampled whole."]


def runs_of(field: Field, own: Competitor) -> Runs:
    """Scores of the runs of a competitor, and what each unit weighs in them."""
    metric = field.problem.metrics[0]
    documents = _documents(field)
    return Runs.of_counts(
        own.name,
        own.counts if documents is None else by_document(own.counts, documents),
        lambda sums: field.problem.score(sums, metric),
        seeds=own.seeds,
        fixed=own.foreign,
    )


def compared(field: Field, baseline: str) -> list[tuple[Competitor, Competitor]]:
    """Pairs of a competitor and what it is compared with."""
    plain = field.named(baseline)
    tuned = field.named(competitor_name(baseline, TUNED))
    if plain is None:
        return []
    pairs = []
    for own in field.competitors:
        other = tuned if own.decision == TUNED and own is not tuned and tuned is not None else plain
        if own is not other:
            pairs.append((own, other))
    return pairs


def family_of(own: Competitor, other: Competitor) -> str:
    """Comparisons that one correction for many tries counts together.

    The losses with a plain decision are one family, the losses with a tuned one are another; the
    baseline's own decision rule answers a question of its own, and so do the foreign tools.
    """
    if own.foreign:
        return "foreign"
    return "rule" if own.loss == other.loss else own.decision


def least_score(metric: str) -> float:
    """The least value that a metric can have; the largest is 1.

    Example:
        >>> least_score("f1"), least_score("mcc")
        (0.0, -1.0)
    """
    return -1.0 if metric == "mcc" else 0.0


def _row(own: Competitor, other: Competitor, runs: dict[str, Runs], least: float) -> dict[str, Any]:
    """One comparison, but for what depends on the others."""
    mine, theirs = runs[own.name], runs[other.name]
    paired = _paired(mine, theirs)
    groups = [mine, -theirs] if paired is None else [paired]
    found = estimate(groups, least=least) if _enough(groups) else None
    by_seed = [] if paired is None or paired.fixed else paired.scores.tolist()
    return {
        "name": own.name,
        "baseline": other.name,
        "loss": own.loss,
        "decision": own.decision,
        "foreign": own.foreign,
        "difference": sum(group.mean for group in groups),
        "runs": min((len(group.scores) for group in groups if not group.fixed), default=0),
        "seeds": [] if paired is None or paired.fixed else list(paired.seeds),
        "seed_differences": by_seed,
        "interval": None if found is None else [found.low, found.high],
        "p": None if found is None else found.p,
        "sign_flip": sign_flip(by_seed),
        "effect": effect(mine.scores.tolist(), theirs.scores.tolist()),
        "shares": None if found is None else found.components.shares(),
        "detectable": None if found is None else detectable(found.components),
        "seeds_needed": None if found is None else seeds_needed(found.components, found.value),
    }


def _paired(mine: Runs, theirs: Runs) -> Runs | None:
    """Run against run of the same seed: both begin from one head and see one order of the data."""
    if mine.fixed != theirs.fixed or not set(mine.seeds) & set(theirs.seeds):
        return None
    return mine.minus(theirs)


def _enough(groups: list[Runs]) -> bool:
    """Whether there are runs enough to say what the next would do; a finished tool has no next."""
    return all(group.fixed or len(group.scores) >= FEWEST_RUNS for group in groups)


def _correct(rows: list[dict[str, Any]], families: list[str]) -> None:
    """Add the p-values after Holm, and of how many comparisons the family is."""
    for family in dict.fromkeys(families):
        own = [row for row, its in zip(rows, families, strict=True) if its == family]
        for row, corrected in zip(own, holm([row["p"] for row in own]), strict=True):
            row |= {"p_holm": corrected, "family": len(own)}


def _method(several: str) -> list[str]:
    return [
        "A difference is the mean over the seeds that both have, each run against the run of the "
        f"same seed. Its 95% interval and p hold for new seeds and new {several} together: "
        f"variance components of seeds, {several} and both at once, the score recomputed without "
        "each unit, a t quantile with Satterthwaite's degrees of freedom. The interval of a score "
        "itself is Wilson's with that variance, within 0 and 100. Fewer than "
        f"{FEWEST_RUNS} seeds have no interval and no p.",
        "p (Holm) allows for the number of losses that were compared with the same baseline by the "
        "same kind of decision. Better and worse are said from "
        f"{verdict.FEWEST_SEEDS} seeds on, where p (Holm) is below {verdict.ALPHA:g}; intervals "
        "themselves are not corrected.",
        "A tuned decision rule is fitted on dev alone, and tuned is compared with tuned, so that "
        "what a rule alone gives is not counted as a gain of the loss.",
        f"The sign-flip test asks about new seeds on these very {several}. Detectable is the "
        "smallest true difference that this design finds with a chance of 80%; seeds needed are "
        f"those that would find one as large as was seen, where more {several} are not needed.",
    ]
