"""Tagged text in data sets of the ``datasets`` library: lists of words and of tags, a row each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicetune.data.files.hub import load_split
from dicetune.data.files.json_lines import choose_key
from dicetune.data.files.notes import NoteBook
from dicetune.data.tagged.corpus import Sentence
from dicetune.data.tagged.jsonl import NO_WORDS, TAG_KEYS, TOKEN_KEYS
from dicetune.errors import DataError, quoted


def read_hub(
    path: str | Path,
    split: str | None,
    task: str,
    token_column: int | str | None,
    tag_column: int | str | None,
    wanted: bool,
    notes: NoteBook,
) -> list[Sentence]:
    """The sentences of one split; label numbers become the names of their ClassLabel.

    Raises:
        DataError: no such data set or split, not reachable, no column of words or tags.
    """
    data = load_split(path, split)
    names = list(data.column_names)
    token_key = choose_key(names, token_column, TOKEN_KEYS, "words", path, None, "token_column")
    tag_key = None
    if wanted:
        others = [name for name in names if name != token_key]
        tag_key = choose_key(others, tag_column, TAG_KEYS[task], "tags", path, None, "tag_column")
    labels = _label_names(data.features[tag_key]) if tag_key else None
    sentences = []
    for number, record in enumerate(data, 1):
        tokens = _texts(record, token_key, None, path, number)
        tags = _texts(record, tag_key, labels, path, number) if tag_key else ()
        if tag_key and len(tokens) != len(tags):
            raise DataError(
                path,
                f"expected one tag for each word, got {len(tokens)} in {quoted(token_key)} and "
                f"{len(tags)} in {quoted(tag_key)}",
                line=number,
            )
        if not tokens and wanted:
            notes.add(NO_WORDS, f"{path}:{number}")
            continue
        name = record.get("id")
        sentences.append(Sentence(tokens, tags, number, None if name is None else str(name)))
    return sentences


def _label_names(feature: Any) -> list[str] | None:
    inner = getattr(feature, "feature", None)
    if inner is None and isinstance(feature, list) and feature:
        inner = feature[0]
    names = getattr(inner, "names", None)
    return list(names) if names else None


def _texts(
    record: Mapping[str, Any],
    key: str,
    names: list[str] | None,
    path: str | Path,
    number: int,
) -> tuple[str, ...]:
    value = record[key]
    if not isinstance(value, list):
        raise DataError(
            path,
            f"expected a list under {quoted(key)}, got {type(value).__name__}: choose another "
            f"column",
            line=number,
        )
    if names is not None and all(isinstance(item, int) for item in value):
        if not all(0 <= item < len(names) for item in value):
            raise DataError(
                path,
                f"expected label numbers from 0 to {len(names) - 1} under {quoted(key)}, "
                f"got {min(value)} to {max(value)}",
                line=number,
            )
        return tuple(names[item] for item in value)
    if not all(isinstance(item, str) for item in value):
        raise DataError(
            path,
            f"expected strings under {quoted(key)}, or numbers with a ClassLabel that names them, "
            f"got {quoted(value[:3])}",
            line=number,
        )
    return tuple(value)
