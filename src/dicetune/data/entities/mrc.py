"""The MRC layout: one JSON object for each question about a sentence.

Reference: Li et al., A Unified MRC Framework for Named Entity Recognition, ACL 2020. Each object
has ``context`` (the words, joined by single spaces), ``entity_label``, ``query``, ``qas_id``
("12.3": sentence 12, question 3), ``impossible``, and the spans, counted in words with the last
word **included**: ``start_position`` and ``end_position`` (parallel lists) and ``span_position``
(``["2;4"]``). A file is a list of such objects, or JSON lines.

The questions of one sentence are joined: they share the context and the first part of ``qas_id``,
or only the context without ``qas_id``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dicetune.data.entities.corpus import EntitySentence, EntitySpan, sorted_once
from dicetune.data.files.json_objects import json_list, json_objects
from dicetune.data.files.text import NoteBook, Place
from dicetune.errors import quoted

LABEL, CONTEXT, QUERY = "entity_label", "context", "query"
_STARTS, _ENDS, _SPANS = "start_position", "end_position", "span_position"
_PAIR = re.compile(r"(\d+)[;,](\d+)")

DIFFERENT = (
    "span_position and start_position/end_position name different spans: span_position was taken"
)
IMPOSSIBLE = "questions marked impossible that have spans: the spans were taken"
MANY_SPACES = "contexts with several spaces in a row: each space separates, empty words between"
ASKED_AGAIN = (
    "questions asked again of the same words: taken as one (a qas_id keeps equal sentences apart)"
)
OTHER_QUERY = "types with more than one query: the first was taken"
NOT_ASKED = "sentences that are not asked for every type: the others count as without an entity"


@dataclass
class _AskedSentence:
    """One sentence: its words, its first place, and what was asked and found so far."""

    tokens: tuple[str, ...]
    place: Place
    kinds: set[str] = field(default_factory=set)
    spans: list[EntitySpan] = field(default_factory=list)


def parse_mrc(
    lines: Sequence[str], source: str, notes: NoteBook, *, gold: bool = True
) -> tuple[list[EntitySentence], dict[str, str]]:
    """The sentences and the query of each type; without ``gold``, the contexts alone."""
    asked: dict[tuple[str | None, str], _AskedSentence] = {}
    queries: dict[str, str] = {}
    is_list = next((line for line in lines if line.strip()), "").lstrip().startswith("[")
    for place, record in (json_list if is_list else json_objects)(lines, source):
        context = _text(record, CONTEXT, place)
        name = record.get("qas_id")
        key = (None if name is None else str(name).split(".", 1)[0], context)
        if key not in asked:
            if "  " in context:
                notes.add(MANY_SPACES, place)
            asked[key] = _AskedSentence(tuple(context.split(" ")) if context else (), place)
        if not gold:
            continue
        sentence = asked[key]
        kind, query = _text(record, LABEL, place), _text(record, QUERY, place)
        if queries.setdefault(kind, query) != query:
            notes.add(OTHER_QUERY, place)
        found = _spans(record, kind, len(sentence.tokens), place, notes)
        if found and record.get("impossible") is True:
            notes.add(IMPOSSIBLE, place)
        if kind in sentence.kinds:
            notes.add(ASKED_AGAIN, place)
        sentence.spans += found
        sentence.kinds.add(kind)
    for sentence in asked.values() if gold else ():
        if sentence.kinds != queries.keys():
            notes.add(NOT_ASKED, sentence.place)
    return [
        EntitySentence(
            item.tokens, sorted_once(item.spans, item.place, notes), name, item.place.line
        )
        for (name, _), item in asked.items()
    ], queries


def is_mrc(lines: Sequence[str]) -> bool:
    """Whether a file begins as this layout does: a list of objects, or an object with a context."""
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return False
    opening = "".join(line.strip() for line in lines[first : first + 3])
    if re.match(r"\[\s*(\{|\]$)", opening):
        return True
    try:
        record = json.loads(lines[first])
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and CONTEXT in record and LABEL in record


def _text(record: Mapping[str, Any], key: str, place: Place) -> str:
    value = record.get(key)
    if not isinstance(value, str) or (key != CONTEXT and not value.strip()):
        got = "nothing" if key not in record else repr(value)
        raise place.error(
            f"expected text under {quoted(key)}, got {got}: a question of the MRC layout has "
            f"{CONTEXT}, {LABEL}, {QUERY} and its spans"
        )
    return value


def _spans(
    record: Mapping[str, Any], kind: str, length: int, place: Place, notes: NoteBook
) -> list[EntitySpan]:
    """The spans of one question, with the end one past the last word."""
    if _SPANS not in record and not (_STARTS in record and _ENDS in record):
        raise place.error(
            f"expected {_SPANS}, or {_STARTS} and {_ENDS}, got neither: give empty lists where "
            "there is no entity"
        )
    pairs: list[tuple[int, int]] | None = None
    if _STARTS in record and _ENDS in record:
        starts, ends = (_numbers(record, key, place) for key in (_STARTS, _ENDS))
        if len(starts) == len(ends):
            pairs = list(zip(starts, ends, strict=True))
        elif _SPANS not in record:
            raise place.error(
                f"expected as many numbers in {_STARTS} as in {_ENDS}, got {len(starts)} and "
                f"{len(ends)}: which belong together cannot be told without {_SPANS}"
            )
    if _SPANS in record:
        named = _pairs(record, place)
        if pairs is not None and set(pairs) != set(named):
            notes.add(DIFFERENT, place)
        pairs = named
    return [EntitySpan.checked(kind, a, b + 1, length, place) for a, b in pairs or ()]


def _pairs(record: Mapping[str, Any], place: Place) -> list[tuple[int, int]]:
    value = record[_SPANS]
    items = value if isinstance(value, list) else [value]
    matches = [_PAIR.fullmatch(item) if isinstance(item, str) else None for item in items]
    if not isinstance(value, list) or not all(matches):
        raise place.error(
            f'expected a list such as ["2;4"] under {quoted(_SPANS)}, got {quoted(value)}'
        )
    return [(int(match[1]), int(match[2])) for match in matches if match]


def _numbers(record: Mapping[str, Any], key: str, place: Place) -> list[int]:
    value = record[key]
    if not isinstance(value, list) or any(type(item) is not int for item in value):
        raise place.error(
            f"expected a list of word numbers under {quoted(key)}, got {quoted(value)}"
        )
    return value
