"""Tag files and streams: plain text, column files and JSON lines in, the same or JSON lines out.

Plain text, one text a line, comes back with its entities marked in place
(``down at [[Quay Nine|SITE]] again``), or as word_TAG where the tags are parts of speech. What
comes out lines up with what went in: a line or row without words is one without words there too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

from dicetune.data import (
    Corpus,
    Guess,
    Sentence,
    check_target,
    guess_format,
    parse_tokens,
    read_lines,
    read_tokens,
    write_conll,
    write_text,
)
from dicetune.errors import InputError, unknown_name
from dicetune.predict import Tagged, TokenTagger, load

FORMATS = ("auto", "text", "conll", "conllu", "jsonl")
OUT_FORMATS = ("same", "conll", "jsonl")
STREAM = "-"
_MEANINGS = {"text": "plain text, one text a line", "conll": "columns, one word a row (conll)"}


def tag_source(
    model: str | Path,
    source: str | None = None,
    texts: Sequence[str] | None = None,
    *,
    format: str = "auto",
    out_format: str = "same",
    out: str = STREAM,
    token_column: int | str | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Tag what is in a file, a stream or a list of texts, and write it.

    Args:
        model: folder of a finished run.
        source: a file, or "-" for the input stream.
        texts: plain texts, in place of ``source``.
        format: "text" (one text a line), "conll", "conllu", "jsonl"; "auto" tells by the content
            (``dicetune.data.guess`` has the rules).
        out_format: "same" as the input, "conll" or "jsonl".
        out: a file, or "-" for the output stream.
        token_column: number or key of the words in columns and JSON lines; for columns that on
            which the model was trained, else the first.
        report: takes a line where the format is a guess, and one for each oddity of the source.

    Raises:
        InputError: where there is nothing to tag, or two things; where ``out`` cannot be written,
            before anything is tagged.
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
    check_target(out)
    tagger = load(model)
    if source is None:
        write_text(out, _render_texts(tagger, list(texts or ()), out_format))
        return
    found = guess_format(source) if format == "auto" else Guess(format, read_lines(source))
    if found.doubt:
        name = "the input stream" if source == STREAM else source
        report(
            f"{name}: read as {_MEANINGS[found.format]}, since {found.doubt}; "
            "--format says it otherwise"
        )
    if found.format == "text":
        write_text(out, _render_texts(tagger, found.lines, out_format))
        return
    corpus = _corpus(found, source, tagger, model, token_column)
    for note in corpus.notes:
        report(str(note))
    tagged = tagger([sentence.tokens for sentence in corpus])
    if out_format == "jsonl" or (out_format == "same" and found.format == "jsonl"):
        rows = zip(corpus, tagged, strict=True)
        write_text(out, "".join(_json_line(own, sentence.id) for sentence, own in rows))
    else:
        write_conll(out, corpus, [own.tags for own in tagged])


def _corpus(
    found: Guess, source: str, tagger: TokenTagger, model: str | Path, column: int | str | None
) -> Corpus:
    """The words of a source that is no plain text; its tags, if any, are not read."""
    task = tagger.task.name
    if found.format == "hub":
        return read_tokens(source, task=task, format="hub", token_column=column, require_tags=False)
    return parse_tokens(
        found.lines,
        source,
        found.format,
        task=task,
        token_column=column,
        require_tags=False,
        run=model,
    )


def _render_texts(tagger: TokenTagger, lines: Sequence[str], out_format: str) -> str:
    found = tagger(lines)
    if out_format == "jsonl":
        return "".join(
            _json_line(tagged, None, text) for text, tagged in zip(lines, found, strict=True)
        )
    if out_format == "conll":
        stream = StringIO()
        write_conll(stream, [Sentence(tuple(t.tokens)) for t in found], [t.tags for t in found])
        return stream.getvalue()
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


__all__ = ["FORMATS", "OUT_FORMATS", "tag_source"]
