"""The report of a comparison or of a run: one self-contained HTML page, made from its summary.

Style and script are part of the page, and nothing is fetched.

Everything from the data is escaped. Should a text get through all the same, the policy of the page
(Content-Security-Policy) allows only the script whose hash the policy names, and no connection.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path, PurePath
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dicetune import __version__, numbers
from dicetune.errors import DataError, quoted
from dicetune.records import DEFAULT, TUNED, read_json, replace_text
from dicetune.reporting import panels, tables

SUMMARY_FILE, SUMMARY_VERSION = "summary.json", 1
SCRIPTS = ("script.js", "dials.js", "downloads.js")

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
    "suspicious": None,
}
"""Keys that summaries of version 0.1 lack, and what they have in place."""


def write_report(folder: str | Path) -> Path:
    """Write ``report.html`` beside the ``summary.json`` of a comparison; the path of the page."""
    path = Path(folder) / SUMMARY_FILE
    if not path.is_file():
        raise DataError(
            folder, f"expected a folder with {SUMMARY_FILE}, got none: run `dicetune report` on it"
        )
    summary = read_json(path)
    version = summary.get("version")
    if version != SUMMARY_VERSION:
        raise DataError(
            path,
            f"expected a summary of version {SUMMARY_VERSION}, got {quoted(version)}: make it anew "
            "with `dicetune report`",
        )
    page = Path(folder) / "report.html"
    replace_text(page, render(summary))
    return page


def render(summary: Mapping[str, Any]) -> str:
    """The page of a summary, as ``comparison.summary.summarise`` returns it."""
    summary = up_to_date(summary)
    environment = Environment(
        loader=PackageLoader("dicetune.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        breakable=breakable,
        sentence=lambda text: text[:1].upper() + text[1:],
        points=numbers.points,
        chance=numbers.chance,
        count=numbers.count,
        interval=numbers.interval,
        tex=tex,
        slug=lambda text: re.sub(r"[^\w.-]+", "-", text).strip("-.")[:60],
    )
    environment.tests["marked"] = lambda parts: len(parts) > 1
    folder = resources.files("dicetune.reporting") / "templates"
    style = (folder / "style.css").read_text("utf-8")
    script = "".join((folder / name).read_text("utf-8") for name in SCRIPTS)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    dials = summary["dials"]
    return environment.get_template("page.html").render(
        summary=summary,
        style=Markup(style),  # from the package; nothing of the data is in it
        script=Markup(script),
        policy=policy,
        scores=tables.score_table(summary),
        repeats=repeats_in_words(summary["repeats"]) if summary["repeats"] else "",
        differences=tables.difference_table(summary),
        effects=tables.effect_table(summary),
        classes=tables.class_bars(summary),
        dial=dials and panels.threshold_panel(dials["thresholds"]),
        trade_offs=panels.precision_recall_panels(summary),
        calibration=panels.calibration_panels(summary),
        learning=panels.learning_panels(summary),
        tracking=panels.tracking_panels(summary),
        items=tables.item_rows(summary),
        data=tables.data_tables(summary["data"]),
        how=tables.run_facts(summary["how"]),
        dicetune_version=__version__,
    )


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


def breakable(text: str) -> Markup:
    """Text, escaped, that may break after the signs that join the parts of a loss or a path.

    A number such as 4e-4 stays whole.

    Example:
        >>> str(breakable("dice:smooth=1,level=<set>"))
        'dice:<wbr>smooth=<wbr>1,<wbr>level=<wbr>&lt;set&gt;'
    """
    parts = re.sub(r"([:,+*/=]|\.(?=[a-z]))(?=[^/])", r"\1<wbr>", str(escape(text)))
    return Markup(re.sub(r"\b(\d[\d.]*e-\d+)\b", r'<span class="whole">\1</span>', parts))


def tex(text: str) -> Markup:
    r"""Text that LaTeX prints as it is, escaped for the page.

    Example:
        >>> print(tex("dice_2 & 50%"))
        dice\_2 \&amp; 50\%
    """
    signs = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {
        "−": "$-$",
        "–": "--",
        "“": "``",
        "”": "''",
    }
    named = {"\\": "backslash", "~": "asciitilde", "^": "asciicircum", "<": "less", ">": "greater"}
    signs |= {sign: f"\\text{name}{{}}" for sign, name in (named | {"|": "bar"}).items()}
    return escape("".join(signs.get(sign, sign) for sign in " ".join(text.split())))


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
