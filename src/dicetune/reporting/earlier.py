"""A summary as the page shows it: what earlier versions left out, and rows that repeat others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from dicetune import numbers
from dicetune.records import DEFAULT, TUNED

BETTER, GONE = "better", "no gain once tuned"
"""Verdicts: better, and better by the plain decision alone."""

_SAY_NOTHING = ("", "..", "data", "dataset", "datasets")
"""Names of folders that are no names of data."""

_LATER: Mapping[str, Any] = {
    "name": None,
    "single": False,
    "confusions": None,
    "calibration": None,
    "costs": None,
    "dials": None,
}
"""Keys that summaries of version 0.1 lack, and what they have in place."""


def data_name(path: str) -> str:
    """What data are called: their folder, or the file where the folder says nothing.

    Example:
        >>> [data_name(path) for path in ("../wnut17/test.conll", "test.tsv", "sample:test")]
        ['wnut17', 'test.tsv', 'sample']
        >>> data_name("data/sms_spam.test.tsv")
        'sms_spam'
    """
    if path.startswith("sample:"):
        return "sample"
    place = PurePath(path.replace("\\", "/"))
    if place.parent.name.casefold() not in _SAY_NOTHING:
        return place.parent.name
    return re.split(r"[._-](?:train|dev|test)\b", place.name)[0]


def up_to_date(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary with all keys of this version, without the rows that repeat others."""
    found = {**_LATER, **summary}
    rows = {row["name"]: row for row in summary["competitors"]}
    if "repeats" not in summary:
        found["repeats"] = [name for name, row in rows.items() if _seems_repeated(row, rows)]
        test = summary["how"]["files"].get(summary["split"])
        if test is not None:
            found["title"] = f"{summary['task']} on {data_name(test['path'])}"
    if "recommendation" not in summary:
        found |= _retold(summary)
    repeats = found["repeats"]
    found["competitors"] = [row for row in summary["competitors"] if row["name"] not in repeats]
    found["comparisons"] = without_repeats(found["comparisons"], repeats)
    found["precision_recall"] = {
        loss: {
            **drawn,
            **{
                key: {
                    decision: point
                    for decision, point in drawn[key].items()
                    if decision == DEFAULT or f"{loss}, {TUNED}" not in repeats
                }
                for key in ("chosen", "seeds")
            },
        }
        for loss, drawn in summary["precision_recall"].items()
    }
    return found


def _retold(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Comparisons and verdict without a loss that is better by its plain decision alone.

    The first sentence names the best row, which is no recommendation: dev made no choice.
    """
    rows = summary["comparisons"]
    gone = [row for row in rows if row["verdict"] == BETTER and tuned_twin(rows, row) is not None]
    verdict = list(summary["verdict"])
    for row in gone:
        begin = f"{row['name']} {numbers.signed(row['difference'])} "
        verdict = [
            said.replace(f"): {BETTER}", f"): {GONE}", 1) if said.startswith(begin) else said
            for said in verdict
        ]
    best = max(summary["competitors"], key=lambda row: float(row["mean"]))
    seeds = f" (mean of {len(best['seeds'])} seeds)" if len(best["seeds"]) > 1 else ""
    first = f"Highest on {summary['split']}: {best['name']}, {numbers.points(best['mean'])} "
    return {
        "comparisons": [{**row, "verdict": GONE} if row in gone else row for row in rows],
        "verdict": [f"{first}{summary['metric_title']}{seeds}.", *verdict],
    }


def tuned_twin(
    comparisons: Sequence[Mapping[str, Any]], row: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The comparison of the same losses, both tuned, where it is not better as ``row`` is."""
    name = f"{row['loss']}, {TUNED}"
    twin = next((one for one in comparisons if one["name"] == name), None)
    if row["foreign"] or row["decision"] != DEFAULT or twin is None or twin["verdict"] == BETTER:
        return None
    return twin if twin["baseline"] != row["baseline"] else None


def _seems_repeated(row: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a tuned row has all scores of the plain row of its loss."""
    plain = rows.get(row["loss"])
    if row["decision"] != TUNED or row.get("members") or plain is None:
        return False
    return all(row[key] == plain[key] for key in ("seeds", "scores", "other", "per_class"))


def without_repeats(
    comparisons: Sequence[Mapping[str, Any]], repeats: Sequence[str]
) -> list[Mapping[str, Any]]:
    """The comparisons that are told: not those of two decisions that repeat plain ones."""
    return [
        row
        for row in comparisons
        if row["name"] not in repeats or row["baseline"] not in {*repeats, row["loss"]}
    ]


def repeats_in_words(repeats: Sequence[str]) -> str:
    """Why some tuned rows are not there."""
    names, same = "”, “".join(repeats), "everything as the plain decision does"
    if len(repeats) == 1:
        return f"The row “{names}” is left out: it decides {same}."
    return f"The rows “{names}” are left out: they decide {same}."
