"""Tag files and streams: plain text, column files and JSON lines in, the same or JSON lines out.

Plain text, one text a line, comes back with its entities marked in place
(``down at [[Quay Nine|SITE]] again``), or as word_TAG where the tags are parts of speech.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from dicetune.data import detect_format, read_lines, read_tokens, write_conll
from dicetune.errors import InputError, unknown_name
from dicetune.predict import Tagged, TokenTagger, load

FORMATS = ("auto", "text", "conll", "conllu", "jsonl")
OUT_FORMATS = ("same", "conll", "jsonl")
STREAM = "-"
_COLUMN_FILES = (".conll", ".tsv", ".bio", ".iob", ".iob2", ".col", ".conllu")


def tag_source(
    model: str | Path,
    source: str | None = None,
    texts: Sequence[str] | None = None,
    *,
    format: str = "auto",
    out_format: str = "same",
    out: str = STREAM,
) -> None:
    """Tag what is in a file, a stream or a list of texts, and write it.

    Args:
        model: folder of a finished run.
        source: a file, or "-" for the input stream.
        texts: plain texts, in place of ``source``.
        format: "text" (one text a line), "conll", "conllu", "jsonl"; "auto" tells by the file.
        out_format: "same" as the input, "conll" or "jsonl".
        out: a file, or "-" for the output stream.

    Raises:
        InputError: where there is nothing to tag, or two things.
    """
    if (source is None) == (not texts):
        raise InputError(
            f"expected a file or --text, got {'neither' if source is None else 'both'}: "
            "dicetune predict MODEL FILE ('-' for the input stream)"
        )
    if format not in FORMATS:
        raise unknown_name("input format", format, FORMATS)
    if out_format not in OUT_FORMATS:
        raise unknown_name("output format", out_format, OUT_FORMATS)
    tagger = load(model)
    if source is not None and format == "auto":
        format = _detect(source)
    if source is None or format == "text":
        lines = list(texts or ()) or [line for line in read_lines(source or STREAM) if line.strip()]
        _write(_render_texts(tagger, lines, out_format), out)
        return
    corpus = read_tokens(source, task=tagger.task.name, format=format, require_tags=False)
    found = tagger([sentence.tokens for sentence in corpus])
    if out_format == "jsonl" or (out_format == "same" and format == "jsonl"):
        rows = zip(corpus, found, strict=True)
        _write("".join(_json_line(tagged, sentence.id) for sentence, tagged in rows), out)
    else:
        write_conll(out, corpus, [tagged.tags for tagged in found])


def _detect(source: str) -> str:
    """By the name, then by the content; text where nothing speaks for columns."""
    if source != STREAM and Path(source).suffix in _COLUMN_FILES:
        return "auto"
    if source == STREAM:
        return "text"
    kind, lines = detect_format(source)
    if kind == "conll" and not any("\t" in line for line in lines):
        return "text"
    return kind


def _render_texts(tagger: TokenTagger, lines: Sequence[str], out_format: str) -> str:
    found = tagger(lines)
    if out_format == "jsonl":
        return "".join(
            _json_line(tagged, None, text) for text, tagged in zip(lines, found, strict=True)
        )
    if out_format == "conll":
        rows = (
            "".join(f"{word}\t{tag}\n" for word, tag in zip(t.tokens, t.tags, strict=True))
            for t in found
        )
        return "".join(row + "\n" for row in rows)
    if tagger.task.scheme is None:
        return "".join(
            " ".join(f"{word}_{tag}" for word, tag in zip(t.tokens, t.tags, strict=True)) + "\n"
            for t in found
        )
    return "".join(_marked(text, tagged) + "\n" for text, tagged in zip(lines, found, strict=True))


def _marked(text: str, tagged: Tagged) -> str:
    """The text with each entity in double brackets."""
    parts, end = [], 0
    for entity in tagged.entities:
        parts += [text[end : entity.start], f"[[{entity.text}|{entity.type}]]"]
        end = entity.end
    return "".join([*parts, text[end:]])


def _json_line(tagged: Tagged, name: str | None, text: str | None = None) -> str:
    row = {"id": name, "text": text, **tagged.to_dict()}
    return json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) + "\n"


def _write(text: str, out: str) -> None:
    if out == STREAM:
        sys.stdout.write(text)
        return
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"expected a file to write to, got {out!r}: {error.strerror}") from None


__all__ = ["FORMATS", "OUT_FORMATS", "tag_source"]
