"""The report of a comparison or of a run: one self-contained HTML page, made from its summary.

Style and script are part of the page, and nothing is fetched.

Everything from the data is escaped. Should a text get through all the same, the policy of the page
(Content-Security-Policy) allows only the script whose hash the policy names, and no connection.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dicetune import __version__, numbers
from dicetune.errors import DataError, quoted
from dicetune.records import read_json, replace_text
from dicetune.reporting import panels, tables
from dicetune.reporting.earlier import repeats_in_words, up_to_date

__all__ = ["SUMMARY_FILE", "SUMMARY_VERSION", "render", "write_report"]

SUMMARY_FILE, SUMMARY_VERSION = "summary.json", 1
SCRIPTS = ("script.js", "dials.js", "downloads.js")


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


def breakable(text: str) -> Markup:
    """Text, escaped, that may break after the signs that join the parts of a loss or a path.

    Example:
        >>> str(breakable("dice:smooth=1,level=<set>"))
        'dice:<wbr>smooth=1,<wbr>level=&lt;set&gt;'
    """
    return Markup(re.sub(r"([:,+*/])(?=[^/])", r"\1<wbr>", str(escape(text))))


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
