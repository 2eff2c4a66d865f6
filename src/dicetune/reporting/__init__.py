"""The report of a comparison: one self-contained HTML page, made from its summary alone.

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

SUMMARY_FILE, SUMMARY_VERSION = "summary.json", 1


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
    )
    folder = resources.files("dicetune.reporting") / "templates"
    files = ("style.css", "script.js", "classes.js", "downloads.js")
    style, *scripts = ((folder / name).read_text("utf-8") for name in files)
    script = "".join(scripts)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template("page.html").render(
        summary=summary,
        style=Markup(style),  # from the package; nothing of the data is in it
        script=Markup(script),
        policy=policy,
        scores=tables.score_table(summary),
        differences=tables.difference_table(summary),
        effects=tables.effect_table(summary),
        classes=tables.class_bars(summary),
        trade_offs=panels.precision_recall_panels(summary),
        learning=panels.learning_panels(summary),
        tracking=panels.tracking_panels(summary),
        items=tables.item_rows(summary),
        data=tables.data_tables(summary["data"]),
        how=tables.run_facts(summary["how"]),
        dicetune_version=__version__,
    )


def breakable(text: str) -> Markup:
    """Text, escaped, that may break after the signs that join the parts of a loss.

    Example:
        >>> str(breakable("dice:smooth=1,level=<set>"))
        'dice:<wbr>smooth=1,<wbr>level=&lt;set&gt;'
    """
    return Markup(re.sub(r"([:,+*])(?=.)", r"\1<wbr>", str(escape(text))))


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
