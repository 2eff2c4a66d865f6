"""Text in which entities are to be found: whatever a tagger reads, and files of questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dicetune.data import (
    ENTITY_FORMATS,
    EntityCorpus,
    entity_corpus,
    is_mrc,
    names_data_set,
    parse_contexts,
    read_lines,
)
from dicetune.errors import unknown_name
from dicetune.tasks.tagging.source import read_untagged

FORMATS = ("auto", "text", *ENTITY_FORMATS)


def read_unmarked(
    source: str | Path,
    token_column: int | str | None = None,
    format: str = "auto",
    trained: Mapping[str, Any] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> EntityCorpus:
    """The words of a source; its entities, if any, are not read.

    Args:
        source: a file, a data set, or "-" for the input stream, which is read once.
        token_column: number or key of the words.
        format: "mrc", "entities" (JSON lines), or as ``read_untagged`` takes it; "auto" tells by
            the content.
        trained: options that the model was trained with.
        report: takes a line where the format is a guess.

    Raises:
        InputError: an unknown format, a column where there are none.
        DataError: what is wrong, in which file and line.
    """
    if format not in FORMATS:
        raise unknown_name("input format", format, FORMATS)
    if format == "hub" or (format == "auto" and names_data_set(source)):
        return entity_corpus(read_untagged(source, "ner", token_column, "hub", trained, report))
    lines = read_lines(source)
    if format == "mrc" or (format == "auto" and is_mrc(lines)):
        return parse_contexts(lines, source, token_column)
    if format == "entities":
        format = "jsonl"
    return entity_corpus(read_untagged(source, "ner", token_column, format, trained, report, lines))
