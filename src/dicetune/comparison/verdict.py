"""The verdict in words, never more than the data says.

With fewer than 3 seeds there is no interval, no p and no verdict. With fewer than 5 the interval
cannot be trusted and the words only describe the runs. From 5 on a difference is called better or
worse only where its p-value, corrected for the number of losses (Holm), is below 0.05; else the two
are not distinguishable, and what the design could have seen is said beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dicetune import numbers
from dicetune.comparison.naming import ARGMAX

FEWEST_SEEDS = 5
ALPHA = 0.05

SAME, BETTER, WORSE, UNCLEAR = "no difference", "better", "worse", "not distinguishable"
DESCRIPTIVE, NONE = "descriptive", "no verdict"


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
    """The verdict on one comparison in a sentence.

    Args:
        row: as ``judge`` takes it, and "name", "baseline", "p", "family", "verdict",
            "detectable", "seeds_needed".
        metric: in words.
        several: the units in words, "sentences".
    """
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
