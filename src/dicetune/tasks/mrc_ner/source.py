"""Text in which entities are to be found: whatever a tagger reads, and files of questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dicetune.data import EntityCorpus, entity_corpus, entity_format, read_contexts, read_lines
from dicetune.errors import DataError
from dicetune.tasks.tagging.source import STREAM, read_untagged


def read_unmarked(
    source: str | Path,
    token_column: int | str | None = None,
    format: str = "auto",
    trained: Mapping[str, Any] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> EntityCorpus:
    """The words of a source; its entities, if any, are not read.

    Args:
        source: a file, a data set, or "-" for the input stream, which is read once: questions
            there need the format "mrc".
        token_column: number or key of the words.
        format: "mrc", "entities" (JSON lines), or as ``read_untagged`` takes it.
        trained: options that the model was trained with.
        report: takes a line where the format is a guess.

    Raises:
        InputError: an unknown format.
        DataError: what is wrong, in which file and line.
    """
    if format == "mrc" or (format == "auto" and _holds_questions(source)):
        return read_contexts(source)
    if format == "entities":
        format = "jsonl"
    return entity_corpus(read_untagged(source, "ner", token_column, format, trained, report))


def _holds_questions(source: str | Path) -> bool:
    if str(source) == STREAM or not Path(source).is_file():
        return False
    try:
        return entity_format(read_lines(source), source) == "mrc"
    except DataError:  # the reader that it goes to says what is wrong
        return False
