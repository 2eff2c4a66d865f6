"""Differences between competitors: who is compared with whom, and what the statistics say.

Every plain decision, the tuned decision of the baseline and every external tool are compared with
the plain decision of the baseline; every other tuned decision with the tuned decision of the
baseline. So the gain of a decision rule is never counted as a gain of the loss.

All seeds of a loss together are one model without seeds that vary. It is compared with the mean of
the baseline's tuned runs, and the interval is over new examples for these very seeds. It belongs to
no family of corrected comparisons and is never called better or worse.

With fewer than 3 seeds there is no interval, no p and no verdict. With fewer than 5 seeds the
interval cannot be trusted, and the verdict only describes the runs. From 5 seeds on, a difference
is called better or worse only if its p-value, corrected for the number of losses (Holm), is below
0.05; else the two competitors are not distinguishable, and the verdict names the difference that
could have been detected. A loss that is better by its plain decision alone, and not once both are
tuned, is never called better: a decision rule, which costs no training, gives the same gain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicetune import numbers
from dicetune.comparison.competitor import told_name
from dicetune.comparison.results import Competitor, Results, competitor_name
from dicetune.comparison.statistics.estimate import (
    Runs,
    by_document,
    detectable,
    estimate,
    score_interval,
    seeds_needed,
)
from dicetune.comparison.statistics.significance import effect, holm, sign_flip
from dicetune.records import DEFAULT as ARGMAX
from dicetune.records import TUNED
from dicetune.reporting import BETTER, GONE, tuned_twin

FEWEST_DOCUMENTS = 10
"""With fewer documents, the variance between documents cannot be estimated."""

FEWEST_RUNS = 3
"""With fewer runs, an interval is too wide to be useful, and p has no meaning."""

FEWEST_SEEDS = 5
"""With fewer seeds, there is no verdict of better or worse."""

ALPHA = 0.05

SAME, WORSE, UNCLEAR = "no difference", "worse", "not distinguishable"
DESCRIPTIVE, NONE = "descriptive", "no verdict"
THESE = "these seeds only"

Row = Mapping[str, Any]
"""One comparison, as the summary holds it."""


@dataclass(frozen=True)
class Differences:
    """The statistics of all competitors."""

    rows: list[dict[str, Any]]
    verdict: list[str]
    intervals: dict[str, list[float] | None]  # of the score of each competitor
    sampled: str  # the resampled units, in the plural
    descriptive: bool
    method: list[str]


def differences(results: Results, baseline: str) -> Differences:
    """Compare all competitors with the baseline, the name of a loss or of an external tool."""
    metric = results.problem.metrics[0]
    least = -1.0 if metric == "mcc" else 0.0  # the least value that the metric can have
    documents, said = documents_of(results.rows, results.units[1])
    runs = {
        competitor.name: _runs(results, competitor, documents) for competitor in results.competitors
    }
    pairs = _pairs(results, baseline)
    rows = [_row(competitor, other, runs, least) for competitor, other in pairs]
    families = [_family(competitor, other) for competitor, other in pairs]
    for family in dict.fromkeys(families):
        members = [row for row, name in zip(rows, families, strict=True) if name == family]
        for row, corrected in zip(members, holm([row["p"] for row in members]), strict=True):
            row |= {"p_holm": corrected, "family": len(members)}
            row["verdict"] = judge(row)
    for row in rows:
        if row["verdict"] == BETTER and tuned_twin(rows, row) is not None:
            row["verdict"] = GONE
    several = results.units[1] if documents is None else "documents"
    return Differences(
        rows,
        _verdict(rows, baseline, results.problem.metric_title(metric), several),
        {
            name: list(score_interval(found, least)) if _enough([found]) else None
            for name, found in runs.items()
        },
        several,
        any(row["verdict"] in (NONE, DESCRIPTIVE) for row in rows),
        [*_method(several), *said, *results.notes],
    )


def documents_of(
    rows: Sequence[Mapping[str, Any]], several: str
) -> tuple[list[str] | None, list[str]]:
    """The document of each unit, where documents are resampled, and a sentence on them.

    The data must name the document of each unit (``several`` in the plural), and a document must
    have several units.
    """
    names = [row.get("document") for row in rows]
    many = len(set(names))
    if None in names or many == len(names):
        return None, []
    if many < FEWEST_DOCUMENTS:
        return None, [
            f"The {several} are from {many} documents, too few to resample (fewer than "
            f"{FEWEST_DOCUMENTS}): the intervals hold for new {several} of such documents, and "
            "are too narrow for documents of another kind."
        ]
    said = f"The {many:,} documents that the {several} are from are resampled whole."
    return [str(name) for name in names], [said]


def _runs(results: Results, competitor: Competitor, documents: Sequence[str] | None) -> Runs:
    """Scores of the runs of a competitor, and the weight of each unit in them."""
    problem, counts = results.problem, competitor.counts
    return Runs.of_counts(
        counts if documents is None else by_document(counts, documents),
        lambda sums: problem.score(sums, problem.metrics[0]),
        competitor.seeds,
        fixed=competitor.is_single,
    )


def _pairs(results: Results, baseline: str) -> list[tuple[Competitor, Competitor]]:
    """Each competitor, and the competitor with which it is compared."""
    named = {competitor.name: competitor for competitor in results.competitors}
    if baseline not in named:
        return []
    plain = named[baseline]
    tuned = named.get(competitor_name(baseline, TUNED), plain)
    pairs = []
    for competitor in results.competitors:
        is_tuned = competitor.decision == TUNED and competitor is not tuned  # or all together
        other = tuned if is_tuned else plain
        if competitor is not other:
            pairs.append((competitor, other))
    return pairs


def _family(competitor: Competitor, other: Competitor) -> str:
    """The comparisons that are corrected together for their number.

    The losses with a plain decision are one family, the losses with a tuned decision are another.
    The decision rule of the baseline answers another question, and so do the external tools. All
    seeds together are outside of every family: their interval is not over seeds.
    """
    if competitor.external:
        return "external"
    if competitor.members:
        return competitor.name
    return "rule" if competitor.loss == other.loss else competitor.decision


def _row(
    competitor: Competitor, other: Competitor, runs: Mapping[str, Runs], least: float
) -> dict[str, Any]:
    """One comparison, without what depends on the other comparisons."""
    a, b = runs[competitor.name], runs[other.name]
    if competitor.members:  # made of these seeds: against the mean of these very runs
        b = b.as_one()
    # run against run of the same seed: both begin from one head and see one order of the data
    paired = a.minus(b) if a.fixed == b.fixed and set(a.seeds) & set(b.seeds) else None
    groups = [a, -b] if paired is None else [paired]
    found = estimate(groups, least) if _enough(groups) else None
    seeds: list[int] = []
    values: list[float] = []
    if paired is not None and not paired.fixed:
        seeds, values = list(paired.seeds), paired.scores.tolist()
    return {
        "name": competitor.name,
        "baseline": other.name,
        "loss": competitor.loss,
        "decision": competitor.decision,
        "foreign": competitor.external,
        "members": list(competitor.members),
        "difference": sum(group.mean for group in groups),
        "runs": min((len(group.scores) for group in groups if not group.fixed), default=0),
        "seeds": seeds,
        "seed_differences": values,
        "interval": None if found is None else [found.low, found.high],
        "p": None if found is None else found.p,
        "sign_flip": sign_flip(values),
        "effect": effect(a.scores.tolist(), b.scores.tolist()),
        "shares": None if found is None else found.components.shares(),
        "detectable": None if found is None else detectable(found.components),
        "seeds_needed": None if found is None else seeds_needed(found.components, found.value),
    }


def _enough(groups: Sequence[Runs]) -> bool:
    """Whether there are enough runs for an interval; an external tool needs only one file."""
    return all(group.fixed or len(group.scores) >= FEWEST_RUNS for group in groups)


def _method(several: str) -> list[str]:
    return [
        "A difference is the mean over the seeds that both have, each run against the run of the "
        f"same seed. Its 95% interval and p hold for new seeds and new {several} together: "
        f"variance components of seeds, {several} and both at once, the score recomputed without "
        "each unit, a t quantile with Satterthwaite's degrees of freedom. The interval of a score "
        "itself is Wilson's with that variance, within 0 and 100. Fewer than "
        f"{FEWEST_RUNS} seeds have no interval and no p.",
        "p (Holm) allows for the number of losses that were compared with the same baseline by the "
        f"same kind of decision. Better and worse are said from {FEWEST_SEEDS} seeds on, where p "
        f"(Holm) is below {ALPHA:g}; intervals themselves are not corrected.",
        "A tuned decision rule is fitted on dev alone, and tuned is compared with tuned, so that "
        "what a rule alone gives is not counted as a gain of the loss. A loss that is better by "
        f"its plain decision and not by its tuned one is not called better: {GONE}.",
        "The recommendation is chosen on dev alone: the highest mean dev score of the runs, then "
        "the best run. All seeds together are averaged probabilities with one decision rule: one "
        f"model whose intervals are over new {several} for these seeds, outside of every "
        "correction.",
        f"The sign-flip test asks about new seeds on these very {several}. Detectable is the "
        "smallest true difference that this design finds with a chance of 80%; seeds needed are "
        f"those that would find one as large as was seen, where more {several} are not needed.",
    ]


def judge(row: Row) -> str:
    """The verdict on one comparison in a word or two; "runs" is the number of seeds behind it.

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
    if row.get("members"):
        return THESE
    if row["runs"] < FEWEST_SEEDS:
        return DESCRIPTIVE
    if row["interval"][0] == row["interval"][1] == row["difference"] == 0:
        return SAME
    if row["p_holm"] < ALPHA:
        return BETTER if row["difference"] > 0 else WORSE
    return UNCLEAR


def sentence(row: Row, metric: str, several: str) -> str:
    """The verdict on one comparison in a sentence; metric and units (``several``) in words."""
    return f"{_claim(row, metric, several)}."


def _verdict(rows: Sequence[Row], baseline: str, metric: str, several: str) -> list[str]:
    """Sentences on all comparisons; the best other loss and the baseline's rule come first.

    So a gain that a decision rule gives to any loss is shown beside the gain of the loss.
    """
    plain = [row for row in rows if not row["foreign"] and row["decision"] == ARGMAX]
    rule = next((row for row in rows if row["loss"] == baseline and not row["members"]), None)
    if not plain or rule is None:
        return [sentence(row, metric, several) for row in rows]
    best = max(plain, key=lambda row: float(row["difference"]))
    echoes = _echoes(rows, plain, rule)
    all_same = len(echoes) == len(plain)
    of_rules = "tuned decision rules change nothing" if all_same else _rule(rule, baseline)
    gone = {row["name"]: tuned_twin(rows, row) for row in rows if row["verdict"] == GONE}

    def said(row: Row) -> str:
        twin = gone.get(row["name"])
        return _claim(row, metric, several) if twin is None else _gone(row, twin, metric)

    done = [best, rule, *echoes, *gone.values()]  # a twin is told with its row
    rest = [row for row in rows if not any(row is one for one in done)]
    return [f"{said(best)}; {of_rules}.", *(f"{said(row)}." for row in rest)]


def _gone(row: Row, twin: Row, metric: str) -> str:
    """A gain that is there by the plain decisions and gone by the tuned ones."""
    plain, tuned = (numbers.signed(one["difference"]) for one in (row, twin))
    first, second = told_name(row["name"]), told_name(row["baseline"])
    return (
        f"{first} is not better than {second}: its {plain} {metric} by the plain "
        f"decision is {tuned} once both are tuned ({_how_surely(twin)})"
    )


def _echoes(rows: Sequence[Row], plain: Sequence[Row], rule: Row) -> list[Row]:
    """Tuned comparisons that equal the plain comparisons, as no rule changed a score."""
    if any(rule["seed_differences"]):
        return []
    said = {row["loss"]: row["seed_differences"] for row in plain}
    return [
        row
        for row in rows
        if row not in plain
        and row is not rule
        and not row["foreign"]
        and not row["members"]
        and row["seed_differences"] == said.get(row["loss"])
    ]


def _claim(row: Row, metric: str, several: str) -> str:
    """Difference, interval and verdict; for an unclear difference the seeds that it needs."""
    first, second = told_name(row["name"]), told_name(row["baseline"])
    claim = f"{first} {numbers.signed(row['difference'])} {metric} over {second}"
    if row["verdict"] == THESE:
        bounds, seeds = numbers.interval(row["interval"], sign=True), len(row["members"])
        return f"{claim} (95% interval {bounds} for new {several} and these {seeds} seeds)"
    claim += f" ({_how_surely(row)}): {_word(row)}"
    if row["verdict"] != UNCLEAR:
        return claim
    claim += f" (a difference of {numbers.points(row['detectable'])} could have been detected"
    if row["seeds_needed"] is not None:
        return f"{claim}; one of this size needs about {row['seeds_needed']} seeds)"
    if round(abs(row["difference"]), 4) == 0:
        return f"{claim})"
    return f"{claim}; one of this size needs more {several}, seeds alone will not show it)"


def _word(row: Row) -> str:
    verdict = row["verdict"]
    if verdict == NONE:
        seeds = "one seed" if row["runs"] == 1 else "two seeds"
        return f"{NONE} ({seeds}: no interval; give --seeds 3 or more)"
    if verdict == DESCRIPTIVE:
        return f"no conclusion, fewer than {FEWEST_SEEDS} seeds describe these runs alone"
    if verdict == UNCLEAR and row["p"] < ALPHA:
        return f"{UNCLEAR} once {row['family']} comparisons are allowed for"
    return str(verdict)


def _rule(row: Row, baseline: str) -> str:
    """The effect of a tuned decision rule on the baseline."""
    gain = round(row["difference"], 4)
    if not any(row["seed_differences"]):
        return f"a tuned decision rule changes nothing for {told_name(baseline)}"
    verb = "gains" if gain > 0 else "loses" if gain < 0 else "stays where it is:"
    return (
        f"{told_name(baseline)} with a tuned decision rule {verb} {numbers.points(abs(gain))} "
        f"({_how_surely(row)})"
    )


def _how_surely(row: Row) -> str:
    seeds = f"{row['runs']} seed{'s' if row['runs'] != 1 else ''}" if row["runs"] else "no seeds"
    if row["interval"] is None:
        return seeds
    return f"95% interval {numbers.interval(row['interval'], sign=True)}, {seeds}"
