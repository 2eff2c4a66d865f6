"""``read_entities``: any file with entities to an EntityCorpus.

Spans come from tags (every layout that ``read_tokens`` takes), from the MRC layout, or from JSON
lines with entities. Only the last two can hold nested entities.

JSON lines have one object a line with a list of words and a list of entities, whose ``end`` is one
past the last word: ``{"id": "a1", "tokens": ["in", "Bonn"], "entities": [{"type": "LOC", "start":
1, "end": 2}]}``. ``predict`` writes this layout; other tools name the type ``label``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.entities.corpus import (
    EntityCorpus,
    EntitySentence,
    EntitySpan,
    entity_corpus,
    sorted_once,
)
from dicetune.data.entities.mrc import is_mrc, parse_mrc
from dicetune.data.files.hub import names_data_set
from dicetune.data.files.json_objects import choose_key, json_objects, strings
from dicetune.data.files.text import NoteBook, read_lines, source_name
from dicetune.data.tagged.corpus import NO_ENTITY, NO_WORDS, Column, no_columns, no_scheme
from dicetune.data.tagged.jsonl import TOKEN_KEYS, name_of
from dicetune.data.tagged.read import FORMATS, detect_format, read_tokens
from dicetune.errors import DataError, quoted, unknown_name

ENTITY_FORMATS = (*FORMATS, "mrc", "entities")
ENTITY_KEYS = ("entities", "spans", "gold")

_TYPE_KEYS = ("type", "label")
_QUESTIONS = "questions of the MRC layout"


def read_entities(
    path: str | Path,
    *,
    format: str = "auto",
    scheme: str = "auto",
    token_column: Column = None,
    tag_column: Column = None,
    trained: Mapping[str, Any] | None = None,
) -> EntityCorpus:
    """Sentences with entities, of a file or a data set; ``trained`` are a model's own options."""
    if format != "auto" and format not in ENTITY_FORMATS:
        raise unknown_name("data format", format, ["auto", *ENTITY_FORMATS])
    tagged: dict[str, Any] = {
        "scheme": scheme,
        "token_column": token_column,
        "tag_column": tag_column,
    }
    if format == "hub" or (format == "auto" and names_data_set(path)):
        return entity_corpus(read_tokens(path, format="hub", **tagged))
    lines = read_lines(path)
    source = source_name(path)
    if format == "auto":
        format = _format_of(lines, path)
    notes = NoteBook()
    if format == "mrc":
        no_columns(_QUESTIONS, token_column, tag_column)
        no_scheme(_QUESTIONS, scheme)
        sentences, queries = parse_mrc(lines, source, notes)
        return _filled(sentences, source, notes, queries)
    if format == "entities":
        no_scheme("JSON lines with entities", scheme)
        sentences = _parse_lines(lines, source, token_column, tag_column, notes)
        return _filled(sentences, source, notes)
    return entity_corpus(read_tokens(path, format=format, trained=trained, lines=lines, **tagged))


def parse_contexts(
    lines: Sequence[str], path: str | Path, token_column: Column = None
) -> EntityCorpus:
    """The sentences of lines in the MRC layout; their questions and spans are not read."""
    no_columns(_QUESTIONS, token_column, None)
    notes = NoteBook()
    source = source_name(path)
    sentences, _ = parse_mrc(lines, source, notes, gold=False)
    return _filled(sentences, source, notes, has_gold=False)


def entity_spans(
    record: Mapping[str, Any],
    key: str,
    length: int | None,
    path: str | Path,
    line: int,
    notes: NoteBook,
) -> tuple[EntitySpan, ...]:
    """The entities under a key of an object; ``length`` is the number of words, if it is known."""
    value = record.get(key)
    if not isinstance(value, list):
        got = "nothing" if key not in record else type(value).__name__
        raise DataError(
            path, f"expected a list of entities under {quoted(key)}, got {got}", line=line
        )
    found = [_span(item, length, path, line) for item in value]
    return sorted_once(found, f"{path}:{line}", notes)


def _span(item: Any, length: int | None, path: str | Path, line: int) -> EntitySpan:
    if not isinstance(item, dict):
        raise DataError(
            path,
            'expected an entity such as {"type": "LOC", "start": 1, "end": 2}, got '
            f"{type(item).__name__} {quoted(item)}",
            line=line,
        )
    kind = next((item[key] for key in _TYPE_KEYS if key in item), None)
    if not isinstance(kind, str) or not kind:
        raise DataError(
            path,
            f"expected a type ({' or '.join(_TYPE_KEYS)}) in the entity {quoted(item)}",
            line=line,
        )
    for key in ("start", "end"):
        if type(item.get(key)) is not int:  # a bool is an int, too
            raise DataError(
                path,
                f"expected the number of a word under {quoted(key)} in the entity {quoted(item)}",
                line=line,
            )
    return EntitySpan.checked(kind, item["start"], item["end"], length, path, line)


def _parse_lines(
    lines: Sequence[str],
    path: str | Path,
    token_column: Column,
    entity_column: Column,
    notes: NoteBook,
) -> list[EntitySentence]:
    """The sentences of JSON lines; the keys of the first object decide."""
    sentences: list[EntitySentence] = []
    token_key = entity_key = ""
    for number, record in json_objects(lines, path):
        if not token_key:
            token_key = choose_key(
                record, token_column, TOKEN_KEYS, "words", path, number, "token_column"
            )
            entity_key = choose_key(
                record, entity_column, ENTITY_KEYS, "entities", path, number, "tag_column"
            )
        tokens = strings(record, token_key, path, number)
        found = entity_spans(record, entity_key, len(tokens), path, number, notes)
        if not tokens:
            notes.add(NO_WORDS, f"{path}:{number}")
            continue
        sentences.append(EntitySentence(tuple(tokens), found, name_of(record), number))
    return sentences


def _format_of(lines: list[str], path: str | Path) -> str:
    """``mrc``, ``entities``, or the format of tagged text."""
    if is_mrc(lines):
        return "mrc"
    format = detect_format(path, lines)[0]
    if format == "jsonl":
        first = json.loads(next(line for line in lines if line.strip()))
        values = [first[key] for key in ENTITY_KEYS if isinstance(first.get(key), list)]
        if any(all(isinstance(item, dict) for item in value) for value in values):
            return "entities"
    return format


def _filled(
    sentences: Sequence[EntitySentence],
    source: str,
    notes: NoteBook,
    queries: Mapping[str, str] | None = None,
    *,
    has_gold: bool = True,
) -> EntityCorpus:
    if not sentences:
        raise DataError(source, "expected sentences, got none: check the file and the format")
    if has_gold and not any(sentence.spans for sentence in sentences):
        notes.add(NO_ENTITY, source)
    return EntityCorpus(tuple(sentences), source, notes.notes(), queries or {}, has_gold)
