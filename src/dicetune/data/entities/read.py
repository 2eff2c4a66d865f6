"""``read_entities``: any file with entities to an EntityCorpus.

Spans come from tags (every layout that ``read_tokens`` takes), from the MRC layout, or from JSON
lines with entities. Only the last two can hold nested ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data.entities.corpus import EntityCorpus, EntitySentence, entity_corpus
from dicetune.data.entities.jsonl import ENTITY_KEYS, parse_entity_lines
from dicetune.data.entities.mrc import is_mrc, parse_mrc
from dicetune.data.files.hub import names_data_set
from dicetune.data.files.text import NoteBook, read_lines, source_name
from dicetune.data.tagged.corpus import NO_ENTITY, Column, no_columns, no_scheme
from dicetune.data.tagged.read import FORMATS, detect_format, read_tokens
from dicetune.errors import DataError, unknown_name

ENTITY_FORMATS = (*FORMATS, "mrc", "entities")
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
    """Sentences with entities.

    Args:
        path: a file (gzip too, ``-`` is stdin) or a data set, as ``read_tokens`` takes it.
        format: one of ``ENTITY_FORMATS``; ``auto`` looks at the content: ``mrc`` is a JSON list
            of questions, ``entities`` JSON lines with a list of entities, all else is tagged text.
        scheme: of the tags; ``mrc`` and ``entities`` have none.
        token_column: number or key of the words; ``mrc`` has none.
        tag_column: number or key of the tags, or key of the entities; ``mrc`` has none.
        trained: options that a model was trained with.

    Raises:
        DataError: what is wrong, in which file and line, what was expected and what to do.
        InputError: an unknown format, an option that means nothing for the format.
    """
    if format != "auto" and format not in ENTITY_FORMATS:
        raise unknown_name("data format", format, ["auto", *ENTITY_FORMATS])
    if format == "hub" or (format == "auto" and names_data_set(path)):
        return entity_corpus(
            read_tokens(
                path,
                format="hub",
                scheme=scheme,
                token_column=token_column,
                tag_column=tag_column,
            )
        )
    lines = read_lines(path)
    source = source_name(path)
    if format == "auto":
        format = entity_format(lines, path)
    notes = NoteBook()
    if format == "mrc":
        no_columns(_QUESTIONS, token_column, tag_column)
        no_scheme(_QUESTIONS, scheme)
        sentences, queries = parse_mrc(lines, source, notes)
        return _filled(sentences, source, notes, queries)
    if format == "entities":
        no_scheme("JSON lines with entities", scheme)
        sentences = parse_entity_lines(lines, source, token_column, tag_column, notes)
        return _filled(sentences, source, notes)
    return entity_corpus(
        read_tokens(
            path,
            format=format,
            scheme=scheme,
            token_column=token_column,
            tag_column=tag_column,
            trained=trained,
            lines=lines,
        )
    )


def parse_contexts(
    lines: Sequence[str], path: str | Path, token_column: Column = None
) -> EntityCorpus:
    """The sentences of lines in the MRC layout, whose questions and spans are not read.

    Args:
        lines: of the file.
        path: the file, for messages.
        token_column: none: there are no columns.

    Raises:
        DataError: what is wrong, in which file and line, what was expected and what to do.
        InputError: a column.

    Example:
        >>> parse_contexts(['[{"context": "in Bonn"}]'], "-").sentences[0].tokens
        ('in', 'Bonn')
    """
    no_columns(_QUESTIONS, token_column, None)
    notes = NoteBook()
    source = source_name(path)
    sentences, _ = parse_mrc(lines, source, notes, gold=False)
    return _filled(sentences, source, notes, has_gold=False)


def entity_format(lines: list[str], path: str | Path) -> str:
    """The format of the lines of a file: ``mrc``, ``entities`` or what ``detect_format`` says.

    Raises:
        DataError: JSON of no known layout.

    Example:
        >>> entity_format(['{"tokens": ["in", "Bonn"], "entities": []}'], "-")
        'entities'
    """
    if is_mrc(lines):
        return "mrc"
    format = detect_format(path, lines)[0]
    if format == "jsonl":
        first = json.loads(next(line for line in lines if line.strip()))
        values = [first[key] for key in ENTITY_KEYS if key in first]
        if any(isinstance(value, list) and _all_objects(value) for value in values):
            return "entities"
    return format


def _all_objects(items: list[Any]) -> bool:
    return all(isinstance(item, dict) for item in items)


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
