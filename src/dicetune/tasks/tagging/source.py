"""Text to be tagged: plain, in columns or in JSON lines, told by its content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from dicetune.data import FORMATS as TAGGED_FORMATS
from dicetune.data import (
    Corpus,
    Guess,
    guess_format,
    plain_corpus,
    read_lines,
    read_tokens,
)
from dicetune.errors import InputError, quoted, unknown_name

FORMATS = ("auto", "text", *TAGGED_FORMATS)
STREAM = "-"
_MEANINGS = {"text": "plain text, one text a line", "conll": "columns, one word a row (conll)"}


def read_untagged(
    source: str | Path,
    tags: Literal["ner", "pos"],
    token_column: int | str | None = None,
    format: str = "auto",
    trained: Mapping[str, Any] | None = None,
    report: Callable[[str], None] = lambda line: None,
    lines: list[str] | None = None,
) -> Corpus:
    """The words of a source; its tags, if any, are not read.

    Args:
        source: a file, a data set, or "-" for the input stream.
        tags: what the tagger will put out.
        token_column: number or key of the words.
        format: one of ``FORMATS``; "auto" tells by the content (``dicetune.data.tagged.read``).
        trained: options that the model was trained with.
        report: takes a line where the format is a guess.
        lines: of the source, where it was read already: a stream can be read only once.

    Raises:
        InputError: an unknown format, a column of plain text.
        DataError: what is wrong, in which file and line.
    """
    if format not in FORMATS:
        raise unknown_name("input format", format, FORMATS)
    if format == "auto":
        found = guess_format(source, lines)
    elif format == "hub":
        found = Guess(format, [])
    else:
        found = Guess(format, read_lines(source) if lines is None else lines)
    if found.doubt:
        name = "the input stream" if str(source) == STREAM else source
        report(
            f"{name}: read as {_MEANINGS[found.format]}, since {found.doubt}; "
            "--format says it otherwise"
        )
    if found.format == "text":
        if token_column is not None:
            raise InputError(
                f"expected no token_column for plain text, which has no columns, got "
                f"{quoted(token_column)}: leave it out, or name the format of a table "
                f"(--format conll)"
            )
        return plain_corpus(found.lines, str(source))
    return read_tokens(
        source,
        task=tags,
        format=found.format,
        token_column=token_column,
        require_tags=False,
        trained=trained,
        lines=found.lines,
    )
