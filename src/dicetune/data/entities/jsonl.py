"""JSON lines with spans: one object a line with a list of words and a list of entities.

``{"id": "a1", "tokens": ["in", "Bonn"], "entities": [{"type": "LOC", "start": 1, "end": 2}]}``,
``end`` one past the last word. It is the layout of our own output; ``label`` stands for ``type``
in other tools' files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.entities.corpus import EntitySentence, EntitySpan
from dicetune.data.files.json_objects import choose_key, json_objects, strings
from dicetune.data.files.text import NoteBook
from dicetune.data.tagged.corpus import NO_WORDS
from dicetune.data.tagged.jsonl import TOKEN_KEYS
from dicetune.errors import DataError, quoted

ENTITY_KEYS = ("entities", "spans", "gold")
TYPE_KEYS = ("type", "label")
TWICE = "spans given twice: counted once"


def parse_entity_lines(
    lines: Sequence[str],
    path: str | Path,
    token_column: int | str | None,
    entity_column: int | str | None,
    notes: NoteBook,
) -> list[EntitySentence]:
    """Lines to sentences.

    Raises:
        DataError: no JSON, a missing key, a span that is none or lies outside its sentence.

    Example:
        >>> line = '{"tokens": ["in", "Bonn"], "entities": [{"type": "LOC", "start": 1, "end": 2}]}'
        >>> parse_entity_lines([line], "a.jsonl", None, None, NoteBook())[0].spans
        (EntitySpan(type='LOC', start=1, end=2),)
    """
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
        name = record.get("id")
        own = None if name is None else str(name)
        sentences.append(EntitySentence(tuple(tokens), found, own, number))
    return sentences


def entity_spans(
    record: Mapping[str, Any],
    key: str,
    length: int | None,
    path: str | Path,
    line: int,
    notes: NoteBook,
) -> tuple[EntitySpan, ...]:
    """The entities under a key of one object, each once, in the order of their places.

    Args:
        record: the object.
        key: of the list.
        length: number of words, beyond which no span may reach; ``None`` where it is not known.
        path: the file, for messages.
        line: of the object.
        notes: takes spans that are given twice.

    Raises:
        DataError: no list, an entry that is no span, a span outside the words.
    """
    value = record.get(key)
    if not isinstance(value, list):
        got = "nothing" if key not in record else type(value).__name__
        raise DataError(
            path, f"expected a list of entities under {quoted(key)}, got {got}", line=line
        )
    found = [_span(item, length, path, line) for item in value]
    return sorted_once(found, f"{path}:{line}", notes)


def check_span(
    kind: str, start: int, end: int, length: int | None, path: str | Path, line: int | None
) -> EntitySpan:
    """A span whose words exist.

    Args:
        kind: its type.
        start: first word.
        end: one past the last word.
        length: number of words, where it is known.
        path: the file, for messages.
        line: of the span.

    Raises:
        DataError: it is empty, turned round, or outside the sentence.
    """
    if start >= end:
        raise DataError(
            path,
            f"expected a span that ends behind its start, got words {start} to {end} "
            f"(end exclusive) of {quoted(kind)}: mend the entry",
            line=line,
        )
    if start < 0 or (length is not None and end > length):
        size = "from 0" if length is None else f"from 0 to {length - 1}, as the sentence has them"
        raise DataError(
            path,
            f"expected a span of words {size}, got words {start} to {end - 1} of {quoted(kind)}: "
            "mend the entry",
            line=line,
        )
    return EntitySpan(kind, start, end)


def sorted_once(found: Sequence[EntitySpan], place: str, notes: NoteBook) -> tuple[EntitySpan, ...]:
    """Spans in the order of their places, each once; a repeated one is noted."""
    once = sorted(set(found), key=lambda span: (span.start, span.end, span.type))
    for _ in range(len(found) - len(once)):
        notes.add(TWICE, place)
    return tuple(once)


def _span(item: Any, length: int | None, path: str | Path, line: int) -> EntitySpan:
    if not isinstance(item, dict):
        raise DataError(
            path,
            'expected an entity such as {"type": "LOC", "start": 1, "end": 2}, got '
            f"{type(item).__name__} {quoted(item)}",
            line=line,
        )
    kind = next((item[key] for key in TYPE_KEYS if key in item), None)
    if not isinstance(kind, str) or not kind:
        raise DataError(
            path,
            f"expected a type ({' or '.join(TYPE_KEYS)}) in the entity {quoted(item)}",
            line=line,
        )
    for key in ("start", "end"):
        if type(item.get(key)) is not int:  # a bool is an int, too
            raise DataError(
                path,
                f"expected the number of a word under {quoted(key)} in the entity {quoted(item)}",
                line=line,
            )
    return check_span(kind, item["start"], item["end"], length, path, line)
