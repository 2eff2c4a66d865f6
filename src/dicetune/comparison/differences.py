"""Differences between competitors: who is compared with whom, and what the statistics say.

Every plain decision, the baseline's tuned one and every external tool is compared with the baseline
as it is; every other tuned decision with the baseline's tuned one. So a gain that a decision rule
alone would give is never counted as one of the loss.

The verdict in words never says more than the data does. With fewer than 3 seeds there is no
interval, no p and no verdict. With fewer than 5 seeds the interval cannot be trusted and the words
only describe the runs. From 5 seeds on a difference is called better or worse only where its
p-value, corrected for the number of losses (Holm), is below 0.05; else the two are not
distinguishable, and what the design could have seen is said beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicetune import numbers
from dicetune.comparison.results import Competitor, Results, competitor_name
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
from dicetune.records import DEFAULT as ARGMAX
from dicetune.records import TUNED

FEWEST_DOCUMENTS = 10
"""With fewer, the variance between documents cannot be told."""

FEWEST_RUNS = 3
"""With fewer, an interval is so wide that it says nothing, and p has no meaning."""


FEWEST_SEEDS = 5
ALPHA = 0.05

SAME, BETTER, WORSE, UNCLEAR = "no difference", "better", "worse", "not distinguishable"
DESCRIPTIVE, NONE = "descriptive", "no verdict"


@dataclass(frozen=True)
class Differences:
    """What the statistics say of all competitors."""

    rows: list[dict[str, Any]]
    verdict: list[str]
    intervals: dict[str, list[float] | None]
    descriptive: bool
    method: list[str]


def differences(results: Results, baseline: str) -> Differences:
    """Compare all competitors with the baseline, the name of a loss or of an external tool."""
    runs = {own.name: runs_of(results, own) for own in results.competitors}
    pairs = compared(results, baseline)
    least = least_score(results.problem.metrics[0])
    rows = [_row(own, other, runs, least) for own, other in pairs]
    _correct(rows, [family_of(own, other) for own, other in pairs])
    for row in rows:
        row["verdict"] = judge(row)
    metric = results.problem.metric_title(results.problem.metrics[0])
    several = sampled(results)
    intervals = {
        name: list(score_interval(own, least=least)) if _enough([own]) else None
        for name, own in runs.items()
    }
    return Differences(
        rows,
        lead(rows, baseline, metric, several),
        intervals,
        any(row["verdict"] in (NONE, DESCRIPTIVE) for row in rows),
        _method(several) + _parted(results),
    )


def sampled(results: Results) -> str:
    """What is resampled, in the plural: documents where they are known and many enough."""
    return "documents" if _documents(results) is not None else results.units[1]


def _documents(results: Results) -> list[str] | None:
    """The document of each unit, where they are what the test set was drawn by."""
    documents = results.documents
    return documents if documents and len(set(documents)) >= FEWEST_DOCUMENTS else None


def _parted(results: Results) -> list[str]:
    """What is to be said where documents are known."""
    if results.documents is None:
        return []
    several, many = results.units[1], len(set(results.documents))
    if _documents(results) is None:
        return [
            f"The {several} are from {many} documents, too few to resample (fewer than "
            f"{FEWEST_DOCUMENTS}): the intervals hold for new {several} of such documents, and "
            "are too narrow for documents of another kind."
        ]
    return [f"The {many:,} documents that the {several} are from are resampled whole."]


def runs_of(results: Results, own: Competitor) -> Runs:
    """Scores of the runs of a competitor, and what each unit weighs in them."""
    metric = results.problem.metrics[0]
    documents = _documents(results)
    return Runs.of_counts(
        own.name,
        own.counts if documents is None else by_document(own.counts, documents),
        lambda sums: results.problem.score(sums, metric),
        seeds=own.seeds,
        fixed=own.external,
    )


def compared(results: Results, baseline: str) -> list[tuple[Competitor, Competitor]]:
    """Pairs of a competitor and what it is compared with."""
    plain = results.named(baseline)
    tuned = results.named(competitor_name(baseline, TUNED))
    if plain is None:
        return []
    pairs = []
    for own in results.competitors:
        other = tuned if own.decision == TUNED and own is not tuned and tuned is not None else plain
        if own is not other:
            pairs.append((own, other))
    return pairs


def family_of(own: Competitor, other: Competitor) -> str:
    """Comparisons that one correction for many tries counts together.

    The losses with a plain decision are one family, the losses with a tuned one are another; the
    baseline's own decision rule answers a question of its own, and so do the external tools.
    """
    if own.external:
        return "external"
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
        "foreign": own.external,
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
        f"{FEWEST_SEEDS} seeds on, where p (Holm) is below {ALPHA:g}; intervals "
        "themselves are not corrected.",
        "A tuned decision rule is fitted on dev alone, and tuned is compared with tuned, so that "
        "what a rule alone gives is not counted as a gain of the loss.",
        f"The sign-flip test asks about new seeds on these very {several}. Detectable is the "
        "smallest true difference that this design finds with a chance of 80%; seeds needed are "
        f"those that would find one as large as was seen, where more {several} are not needed.",
    ]


def judge(row: Mapping[str, Any]) -> str:
    """The verdict on one comparison in a word or two.

    Args:
        row: with "difference", "interval", "p_holm", and "runs", the number of seeds behind it.

    Example:
        >>> judge({"difference": 0.01, "interval": [0.002, 0.018], "p_holm": 0.03, "runs": 5})
        'better'
        >>> judge({"difference": 0.01, "interval": [0.002, 0.018], "p_holm": 0.09, "runs": 5})
        'not distinguishable'
        >>> judge({"difference": 0.01, "interval": [0.002, 0.018], "p_holm": 0.01, "runs": 3})
        'descriptive'
        >>> judge({"difference": 0.01, "interval": None, "p_holm": None, "runs": 2})
        'no verdict'
    """
    if row["interval"] is None:
        return NONE
    if row["runs"] < FEWEST_SEEDS:
        return DESCRIPTIVE
    if row["interval"][0] == row["interval"][1] == row["difference"] == 0:
        return SAME
    if row["p_holm"] < ALPHA:
        return BETTER if row["difference"] > 0 else WORSE
    return UNCLEAR


def sentence(row: Mapping[str, Any], metric: str, several: str) -> str:
    """The verdict on one comparison in a sentence."""
    return f"{_claim(row, metric)}{_ending(row, several)}."


def lead(rows: Sequence[Mapping[str, Any]], baseline: str, metric: str, several: str) -> list[str]:
    """Sentences on all comparisons; the best other loss and the baseline's own rule come first.

    So that a gain that a decision rule gives to any loss stands beside that of the loss.

    Args:
        rows: of all comparisons.
        baseline: name of the plain baseline.
        metric: in words.
        several: the units in words.
    """
    plain = [own for own in rows if not own["foreign"] and own["decision"] == ARGMAX]
    rule = next((own for own in rows if own["loss"] == baseline), None)
    if not plain or rule is None:
        return [sentence(own, metric, several) for own in rows]
    best = max(plain, key=lambda own: float(own["difference"]))
    echoes = _echoes(rows, plain, rule)
    all_same = len(echoes) == len(plain)
    of_rules = "tuned decision rules change nothing" if all_same else _rule(rule, baseline)
    first = f"{_claim(best, metric)}{_ending(best, several)}; {of_rules}."
    rest = [own for own in rows if own is not best and own is not rule and own not in echoes]
    return [first, *(sentence(own, metric, several) for own in rest)]


def _echoes(
    rows: Sequence[Mapping[str, Any]],
    plain: Sequence[Mapping[str, Any]],
    rule: Mapping[str, Any],
) -> list[Mapping[str, Any]]:
    """Tuned comparisons that say again what the plain ones said: no rule moved a score."""
    if any(rule["seed_differences"]):
        return []
    said = {own["loss"]: own["seed_differences"] for own in plain}
    return [
        own
        for own in rows
        if own not in plain
        and own is not rule
        and not own["foreign"]
        and own["seed_differences"] == said.get(own["loss"])
    ]


def _claim(row: Mapping[str, Any], metric: str) -> str:
    return (
        f"{row['name']} {numbers.signed(row['difference'])} {metric} over {row['baseline']} "
        f"({_how_surely(row)}): {_word(row)}"
    )


def _word(row: Mapping[str, Any]) -> str:
    verdict = row["verdict"]
    if verdict == NONE:
        seeds = "one seed" if row["runs"] == 1 else "two seeds"
        return f"{NONE} ({seeds}: no interval; give --seeds 3 or more)"
    if verdict == DESCRIPTIVE:
        return f"no conclusion, fewer than {FEWEST_SEEDS} seeds describe these runs alone"
    if verdict == UNCLEAR and row["p"] < ALPHA:
        return f"{UNCLEAR} once {row['family']} comparisons are allowed for"
    return str(verdict)


def _ending(row: Mapping[str, Any], several: str) -> str:
    """What an unclear difference would have needed."""
    if row["verdict"] != UNCLEAR:
        return ""
    able = f" (a difference of {numbers.points(row['detectable'])} could have been detected"
    if row["seeds_needed"] is not None:
        return f"{able}; one of this size needs about {row['seeds_needed']} seeds)"
    if round(abs(row["difference"]), 4) == 0:
        return f"{able})"
    return f"{able}; one of this size needs more {several}, seeds alone will not show it)"


def _rule(row: Mapping[str, Any], baseline: str) -> str:
    gain = round(row["difference"], 4)
    if not any(row["seed_differences"]):
        return f"a tuned decision rule changes nothing for {baseline}"
    verb = "gains" if gain > 0 else "loses" if gain < 0 else "stays where it is:"
    return (
        f"{baseline} with a tuned decision rule {verb} {numbers.points(abs(gain))} "
        f"({_how_surely(row)})"
    )


def _how_surely(row: Mapping[str, Any]) -> str:
    seeds = f"{row['runs']} seed{'s' if row['runs'] != 1 else ''}" if row["runs"] else "no seeds"
    if row["interval"] is None:
        return seeds
    return f"95% interval {numbers.interval(row['interval'], sign=True)}, {seeds}"
