"""Records with a list of words and a list of tags: JSON lines, and data sets of ``datasets``.

``{"id": "a1", "tokens": ["in", "Bonn"], "tags": ["O", "B-LOC"]}``. Other names of the lists are
found too, in the order of ``TOKEN_KEYS`` and ``TAG_KEYS``, by the keys of the first object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.files.hub import load_split
from dicetune.data.files.json_objects import choose_key, json_objects, strings
from dicetune.data.files.text import Target, write_text
from dicetune.data.tagged.corpus import NO_WORDS, Reading, Sentence, Tagged, paired
from dicetune.errors import quoted

TOKEN_KEYS = ("tokens", "words", "token", "word", "form", "sentence")
TAG_KEYS = {  # by whether the tags spell spans
    True: ("tags", "ner_tags", "labels", "ner", "entity_tags", "gold", "label", "tag"),
    False: ("tags", "pos_tags", "upos", "pos", "labels", "xpos", "gold", "label", "tag"),
}


def parse_jsonl(reading: Reading) -> list[Sentence]:
    """JSON lines to sentences.

    Example:
        >>> parse_jsonl(Reading(['{"tokens": ["in", "Bonn"], "ner_tags": ["O", "B-LOC"]}'], "a"))
        [Sentence(tokens=('in', 'Bonn'), tags=('O', 'B-LOC'), line=1, id=None)]
    """
    records = list(json_objects(reading.lines, reading.source))
    if not records:
        return []
    number, first = records[0]
    token_key, tag_key = _keys(list(first), reading, number)
    sentences = []
    for number, record in records:
        tokens = strings(record, token_key, reading.source, number)
        tags = strings(record, tag_key, reading.source, number) if tag_key else ()
        sentences += _sentence(record, tokens, tags, (token_key, tag_key), number, reading)
    return sentences


def read_hub(path: str | Path, split: str | None, reading: Reading) -> list[Sentence]:
    """The sentences of a split of a data set; label numbers become the names of a ClassLabel."""
    data = load_split(path, split)
    token_key, tag_key = _keys(list(data.column_names), reading, None)
    labels = _class_labels(data.features[tag_key]) if tag_key else None
    sentences = []
    for number, record in enumerate(data, 1):
        tokens = _cells(record, token_key, None, number, reading)
        tags = _cells(record, tag_key, labels, number, reading) if tag_key else ()
        sentences += _sentence(record, tokens, tags, (token_key, tag_key), number, reading)
    return sentences


def write_jsonl(
    target: Target, sentences: Iterable[Sentence], predicted: Tagged | None = None
) -> None:
    """Write JSON lines: ``tokens`` and ``tags``; with both, ``tokens``, ``gold``, ``predicted``.

    ``predicted`` holds one list of tags for each sentence, written as ``tags`` where the sentence
    has no tags.

    Example:
        >>> write_jsonl("-", [Sentence(("in", "Bonn"), ("O", "B-LOC"))], [["O", "O"]])
        {"tokens": ["in", "Bonn"], "gold": ["O", "B-LOC"], "predicted": ["O", "O"]}
    """
    out = []
    for sentence, row in paired(sentences, predicted):
        record: dict[str, object] = {} if sentence.id is None else {"id": sentence.id}
        record["tokens"] = sentence.tokens
        if sentence.tags and predicted is not None:
            record["gold"] = sentence.tags
            record["predicted"] = row
        elif sentence.tags or row:
            record["tags"] = sentence.tags or row
        out.append(json.dumps(record, ensure_ascii=False) + "\n")
    write_text(target, "".join(out))


def _keys(names: list[str], reading: Reading, line: int | None) -> tuple[str, str | None]:
    """The key of the words, and the key of the tags where tags are read."""
    source = reading.source
    token_key = choose_key(
        names, reading.token_column, TOKEN_KEYS, "words", source, line, "token_column"
    )
    if not reading.wants_tags:
        return token_key, None
    others = [name for name in names if name != token_key]
    known = TAG_KEYS[reading.spans]
    return token_key, choose_key(
        others, reading.tag_column, known, "tags", source, line, "tag_column"
    )


def _sentence(
    record: Mapping[str, Any],
    tokens: Sequence[str],
    tags: Sequence[str],
    keys: tuple[str, str | None],
    number: int,
    reading: Reading,
) -> list[Sentence]:
    """The sentence of a record; none where tagged text has no words."""
    token_key, tag_key = keys
    if tag_key and len(tokens) != len(tags):
        raise reading.error(
            f"expected one tag for each word, got {len(tokens)} in {quoted(token_key)} and "
            f"{len(tags)} in {quoted(tag_key)}",
            number,
        )
    if not tokens and reading.wants_tags:
        reading.note(NO_WORDS, number)
        return []
    return [Sentence(tuple(tokens), tuple(tags), number, name_of(record))]


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


def _cells(
    record: Mapping[str, Any], key: str, names: list[str] | None, number: int, reading: Reading
) -> list[str]:
    """The list of texts under a key, or of label numbers by their names."""
    value = record[key]
    if not isinstance(value, list):
        raise reading.error(
            f"expected a list under {quoted(key)}, got {type(value).__name__}: choose another "
            "column",
            number,
        )
    if names is not None and all(isinstance(item, int) for item in value):
        if not all(0 <= item < len(names) for item in value):
            raise reading.error(
                f"expected label numbers from 0 to {len(names) - 1} under {quoted(key)}, "
                f"got {min(value)} to {max(value)}",
                number,
            )
        return [names[item] for item in value]
    if not all(isinstance(item, str) for item in value):
        raise reading.error(
            f"expected strings under {quoted(key)}, or numbers with a ClassLabel that names them, "
            f"got {quoted(value[:3])}",
            number,
        )
    return value
