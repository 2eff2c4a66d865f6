"""Queries: the question that asks for an entity type in NER as reading comprehension.

A query comes from a file, or is made from the name of its type. The encoder reads a query as text,
so what the query says of the type is knowledge that the model starts with: in Li et al. (ACL 2020)
sentences from annotation guidelines did best, and names alone did worst.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from dicetune.data.files.text import read_lines
from dicetune.errors import DataError, listed, quoted

KNOWN = {
    "PER": "Find people, including fictional ones.",
    "PERSON": "Find people, including fictional ones.",
    "LOC": "Find locations such as mountains, rivers, regions and places.",
    "LOCATION": "Find locations such as mountains, rivers, regions and places.",
    "ORG": "Find organizations such as companies, agencies and institutions.",
    "ORGANIZATION": "Find organizations such as companies, agencies and institutions.",
    "MISC": "Find names of events, nationalities, products and works of art.",
    "GPE": "Find countries, cities and states.",
    "FAC": "Find buildings, airports, highways and bridges.",
    "FACILITY": "Find buildings, airports, highways and bridges.",
    "NORP": "Find nationalities, religious groups and political groups.",
    "VEH": "Find vehicles such as cars, ships and aircraft.",
    "WEA": "Find weapons such as guns, bombs and missiles.",
    "EVENT": "Find named events such as battles, wars, storms and sports events.",
    "LAW": "Find documents that were made into laws.",
    "LANGUAGE": "Find named languages.",
    "DATE": "Find dates and periods of a day or longer.",
    "TIME": "Find times shorter than a day.",
    "MONEY": "Find amounts of money, including the unit.",
    "PERCENT": "Find percentages.",
    "QUANTITY": "Find measurements such as weight and distance.",
    "ORDINAL": "Find ordinal numbers such as first and second.",
    "CARDINAL": "Find numbers that are no dates, amounts or measurements.",
    "NUM": "Find numbers.",
}
"""Queries for types whose name is an abbreviation or a term of annotation guidelines."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W_A-Z]+|\d+")
_UNCOUNTED = ("art", "software", "money", "food", "equipment", "information")


def default_query(kind: str) -> str:
    """A query made from the name of a type."""
    if kind.upper() in KNOWN:
        return KNOWN[kind.upper()]
    words = [word.lower() for word in _WORD.findall(kind)]
    if not words:
        return f"Find {kind} in the text."
    words[-1] = _plural(words[-1])
    return f"Find {' '.join(words)} in the text."


def read_queries(path: str | Path) -> dict[str, str]:
    """Queries of a file: a YAML or JSON mapping, or lines of a type, a tab and its query."""
    lines = read_lines(path)
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    found: list[tuple[Any, Any, int | None]]
    if all("\t" in line for _, line in filled):
        parted = [(line.split("\t", 1), number) for number, line in filled]
        found = [(kind, query, number) for (kind, query), number in parted]
    else:
        found = [(kind, query, None) for kind, query in _mapping("\n".join(lines), path).items()]
    queries: dict[str, str] = {}
    for kind, query, line in found:
        if not isinstance(kind, str) or not isinstance(query, str) or not query.strip() or not kind:
            raise DataError(
                path, f"expected a type and its query, got {quoted(kind)}: {quoted(query)}", line
            )
        if kind in queries:
            raise DataError(
                path, f"expected one query for a type, got a second for {quoted(kind)}", line
            )
        queries[kind] = query
    return queries


def choose_queries(
    kinds: Iterable[str], given: Mapping[str, str] | None, found: Mapping[str, str], source: str
) -> dict[str, str]:
    """The query of each type: the given one, else the data's own, else one made from its name."""
    names = list(kinds)
    if given is None:
        return {kind: found.get(kind) or default_query(kind) for kind in names}
    missing = [kind for kind in names if kind not in given]
    if missing:
        raise DataError(
            source,
            f"expected a query for every type, got none for {listed(missing)} (the file has "
            f"{listed(given)}): add a line for each, such as {missing[0]}<TAB>"
            f"{default_query(missing[0])}",
        )
    return {kind: given[kind] for kind in names}


def _mapping(text: str, path: str | Path) -> dict[Any, Any]:
    try:
        # JSON is read as JSON: YAML takes no tabs in it
        value = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except json.JSONDecodeError as error:
        raise DataError(
            path, f"expected a mapping from type to query, got no JSON ({error.msg})", error.lineno
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise DataError(
            path,
            f"expected a mapping from type to query, got no YAML ({getattr(error, 'problem', '')})",
            None if mark is None else mark.line + 1,
        ) from None
    if not isinstance(value, dict) or not value:
        raise DataError(
            path,
            "expected a mapping from type to query (YAML or JSON), or lines of a type, a tab and "
            f"its query, got {type(value).__name__}",
        )
    return value


def _plural(word: str) -> str:
    if word in _UNCOUNTED or word.endswith("s"):
        return word
    if word.endswith("y") and word[-2:-1] not in ("a", "e", "o", "u"):
        return word[:-1] + "ies"
    if word.endswith(("x", "ch", "sh")):
        return word + "es"
    return word + "s"
