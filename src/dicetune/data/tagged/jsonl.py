"""JSON lines: one object a line with a list of words and a list of tags.

``{"id": "a1", "tokens": ["in", "Bonn"], "tags": ["O", "B-LOC"]}``. Other names are found too,
in the order of ``TOKEN_KEYS`` and ``TAG_KEYS``, by the keys of the first object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.files.notes import NoteBook
from dicetune.data.tagged.corpus import Sentence
from dicetune.errors import DataError

TOKEN_KEYS = ("tokens", "words", "token", "word", "form", "sentence")
TAG_KEYS = {
    "ner": ("tags", "ner_tags", "labels", "ner", "entity_tags", "gold", "label", "tag"),
    "pos": ("tags", "pos_tags", "upos", "pos", "labels", "xpos", "gold", "label", "tag"),
}
NO_WORDS = "sentences without words: skipped"


def parse_jsonl(
    lines: Sequence[str],
    path: str | Path,
    task: str,
    token_column: int | str | None,
    tag_column: int | str | None,
    wanted: bool,
    notes: NoteBook,
) -> list[Sentence]:
    """Lines to sentences.

    Raises:
        DataError: no JSON, a missing key, lists of unequal length, tags that are no strings.

    Example:
        >>> line = '{"tokens": ["in", "Bonn"], "ner_tags": ["O", "B-LOC"]}'
        >>> parse_jsonl([line], "a.jsonl", "ner", None, None, True, NoteBook())
        [Sentence(tokens=('in', 'Bonn'), tags=('O', 'B-LOC'), line=1, id=None)]
    """
    records = list(json_objects(lines, path))
    if not records:
        return []
    number, first = records[0]
    token_key = choose_key(first, token_column, TOKEN_KEYS, "words", path, number)
    tag_key = None
    if wanted:
        others = {key: value for key, value in first.items() if key != token_key}
        tag_key = choose_key(others, tag_column, TAG_KEYS[task], "tags", path, number)
    sentences = []
    for number, record in records:
        tokens = strings(record, token_key, path, number)
        tags = strings(record, tag_key, path, number) if tag_key else []
        if tag_key and len(tokens) != len(tags):
            raise DataError(
                path,
                f"expected one tag for each word, got {len(tokens)} in {token_key!r} and "
                f"{len(tags)} in {tag_key!r}",
                line=number,
            )
        if not tokens and wanted:
            notes.add(NO_WORDS, f"{path}:{number}")
            continue
        name = record.get("id")
        sentences.append(
            Sentence(tuple(tokens), tuple(tags), number, None if name is None else str(name))
        )
    return sentences


def json_objects(lines: Sequence[str], path: str | Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """The objects of JSON lines with their line numbers; blank lines are skipped.

    Raises:
        DataError: a line that is no JSON object.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            got = f"no JSON ({error})"
            if line.lstrip().startswith("["):
                got += ": of a list, write each object on a line of its own"
            raise DataError(
                path, f"expected one JSON object a line, got {got}", line=number
            ) from None
        if not isinstance(record, dict):
            raise DataError(
                path,
                f"expected one JSON object a line, got a {type(record).__name__}: write each "
                "object on a line of its own",
                line=number,
            )
        yield number, record


def choose_key(
    names: Iterable[str],
    chosen: int | str | None,
    known: Sequence[str],
    what: str,
    path: str | Path,
    line: int | None = None,
) -> str:
    """The key that was asked for, or the first known one that is there.

    Raises:
        DataError: it is not there.
    """
    there = list(names)
    if chosen is not None:
        if chosen in there:
            return str(chosen)
        raise DataError(
            path,
            f"expected the key {chosen!r} for the {what}, got {', '.join(there)}",
            line=line,
        )
    for name in known:
        if name in there:
            return name
    raise DataError(
        path,
        f"expected a key for the {what} ({', '.join(known)}), got {', '.join(there) or 'none'}: "
        "give its name",
        line=line,
    )


def strings(record: Mapping[str, Any], key: str, path: str | Path, line: int) -> list[str]:
    """The list of strings under a key.

    Raises:
        DataError: no such key, no list, something that is no text.
    """
    value = record.get(key)
    if not isinstance(value, list):
        raise DataError(
            path,
            f"expected a list of strings under {key!r}, got "
            f"{'nothing' if key not in record else type(value).__name__}",
            line=line,
        )
    for item in value:
        if isinstance(item, (int, float)):
            raise DataError(
                path,
                f"expected strings under {key!r}, got the number {item}: write the label names "
                "(numbers have names only in data sets with a ClassLabel)",
                line=line,
            )
        if not isinstance(item, str) or not _is_text(item):
            raise DataError(
                path, f"expected strings of whole characters under {key!r}, got {item!r}", line=line
            )
    return value


def _is_text(item: str) -> bool:
    # JSON may spell half of a surrogate pair, which no encoder and no tokenizer takes.
    return item.isascii() or not any("\ud800" <= character <= "\udfff" for character in item)
