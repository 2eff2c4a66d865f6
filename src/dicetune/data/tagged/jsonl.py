"""Records with a list of words and a list of tags: JSON lines, and data sets of ``datasets``.

``{"id": "a1", "tokens": ["in", "Bonn"], "tags": ["O", "B-LOC"]}``. Other names of the lists are
found too, in the order of ``TOKEN_KEYS`` and ``TAG_KEYS``, by the keys of the first object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.files.hub import load_split
from dicetune.data.files.json_objects import choose_key, json_objects, strings
from dicetune.data.files.text import Place
from dicetune.data.tagged.corpus import NO_WORDS, Reading
from dicetune.data.tagged.sentences import Sentence
from dicetune.errors import listed, quoted

TOKEN_KEYS = ("tokens", "words", "token", "word", "form", "sentence")
TAG_KEYS = {  # by whether the tags spell spans
    True: ("tags", "ner_tags", "labels", "ner", "entity_tags", "gold", "label", "tag"),
    False: ("tags", "pos_tags", "upos", "pos", "labels", "xpos", "gold", "label", "tag"),
}


def parse_jsonl(reading: Reading) -> Iterator[Sentence]:
    """JSON lines to sentences."""
    keys: tuple[str, str | None] | None = None
    for place, record in json_objects(reading.lines, reading.source):
        keys = _keys(list(record), reading, place) if keys is None else keys
        token_key, tag_key = keys
        tokens = strings(record, token_key, place)
        tags = strings(record, tag_key, place) if tag_key else ()
        yield from _sentence(record, tokens, tags, keys, place, reading)


def read_hub(path: str | Path, reading: Reading) -> Iterator[Sentence]:
    """The sentences of a split of a data set; label numbers become the names of a ClassLabel."""
    data = load_split(path)
    token_key, tag_key = _keys(list(data.column_names), reading, Place(reading.source))
    labels = _class_labels(data.features[tag_key]) if tag_key else None
    for number, record in enumerate(data, 1):
        place = Place(reading.source, number)
        tokens = _cells(record, token_key, None, place)
        tags = _cells(record, tag_key, labels, place) if tag_key else ()
        yield from _sentence(record, tokens, tags, (token_key, tag_key), place, reading)


def _keys(names: list[str], reading: Reading, place: Place) -> tuple[str, str | None]:
    """The key of the words, and the key of the tags where tags are read."""
    token_key = choose_key(names, reading.token_column, TOKEN_KEYS, "words", place, "token_column")
    if not reading.wants_tags:
        return token_key, None
    others = [name for name in names if name != token_key]
    known = TAG_KEYS[reading.spans]
    if reading.tag_column is None and not {*known} & {*others}:
        raise reading.no_gold(
            f"expected a key for the tags ({listed(known)}), got {listed(names)}: give "
            "-o tag_column=NAME",
            place.line,
        )
    return token_key, choose_key(others, reading.tag_column, known, "tags", place, "tag_column")


def _sentence(
    record: Mapping[str, Any],
    tokens: Sequence[str],
    tags: Sequence[str],
    keys: tuple[str, str | None],
    place: Place,
    reading: Reading,
) -> list[Sentence]:
    """The sentence of a record; none where tagged text has no words."""
    token_key, tag_key = keys
    if tag_key and len(tokens) != len(tags):
        raise place.error(
            f"expected one tag for each word, got {len(tokens)} in {quoted(token_key)} and "
            f"{len(tags)} in {quoted(tag_key)}"
        )
    if not tokens and reading.wants_tags:
        reading.notes.add(NO_WORDS, place)
        return []
    return [Sentence(tuple(tokens), tuple(tags), place.line, name_of(record))]


def name_of(record: Mapping[str, Any]) -> str | None:
    """The id of a record as text, where it has one."""
    name = record.get("id")
    return None if name is None else str(name)


def _class_labels(feature: Any) -> list[str] | None:
    inner = getattr(feature, "feature", None)
    if inner is None and isinstance(feature, list) and feature:
        inner = feature[0]
    names = getattr(inner, "names", None)
    return list(names) if names else None


def _cells(record: Mapping[str, Any], key: str, names: list[str] | None, place: Place) -> list[str]:
    """The list of texts under a key, or of label numbers by their names."""
    value = record[key]
    if not isinstance(value, list):
        raise place.error(
            f"expected a list under {quoted(key)}, got {type(value).__name__}: choose another "
            "column"
        )
    if names is not None and all(isinstance(item, int) for item in value):
        if not all(0 <= item < len(names) for item in value):
            raise place.error(
                f"expected label numbers from 0 to {len(names) - 1} under {quoted(key)}, "
                f"got {min(value)} to {max(value)}"
            )
        return [names[item] for item in value]
    if not all(isinstance(item, str) for item in value):
        raise place.error(
            f"expected strings under {quoted(key)}, or numbers with a ClassLabel that names them, "
            f"got {quoted(value[:3])}"
        )
    return value
