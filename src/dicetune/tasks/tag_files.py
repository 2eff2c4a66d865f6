"""Files of a tagger: text to tag, and tags that any tool predicted."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from dicetune.data import FORMATS as TAGGED_FORMATS
from dicetune.data import (
    Corpus,
    Guess,
    Predicted,
    convert,
    detect_format,
    guess_format,
    log_notes,
    plain_corpus,
    read_lines,
    read_predictions,
    read_tokens,
)
from dicetune.data.exports.documents import ExportChoice
from dicetune.data.tagged.read import NO_LINES
from dicetune.errors import DataError, InputError, quoted, unknown_name
from dicetune.tasks.base import File, Source, Trained

_log = logging.getLogger(__name__)
_MEANINGS = {"text": "plain text, one text a line", "conll": "columns, one word a row (conll)"}


def read_untagged(
    source: Source,
    spans: bool,
    token_column: int | str | None = None,
    trained: Trained | None = None,
    lines: Sequence[str] | None = None,
) -> Corpus:
    """The words of a source; its tags, if any, are not read."""
    formats = ("auto", "text", *TAGGED_FORMATS)
    if source.format not in formats:
        raise unknown_name("input format", source.format, formats)
    if source.format == "auto":
        found = guess_format(source.path, lines)
    elif source.format in NO_LINES:
        found = Guess(source.format, [])
    else:
        found = Guess(source.format, read_lines(source.path) if lines is None else lines)
    if found.doubt:
        name = "the input stream" if str(source.path) == "-" else source.path
        _log.warning(
            "%s: read as %s, since %s; --format says it otherwise",
            name,
            _MEANINGS[found.format],
            found.doubt,
        )
    if found.format == "text":
        if token_column is not None:
            raise InputError(
                f"expected no token_column for plain text, which has no columns, got "
                f"{quoted(token_column)}: leave it out, or name the format of a table "
                f"(--format conll)"
            )
        return plain_corpus(found.lines, str(source.path))
    return read_tokens(
        source.path,
        spans=spans,
        format=found.format,
        token_column=token_column,
        require_tags=False,
        trained=None if trained is None else trained.options,
        lines=found.lines,
    )


def match_tags(
    source: Source, rows: Sequence[Mapping[str, Any]], spans: bool, wanted: str | None
) -> list[list[str]]:
    """The predicted tags of each row, in the scheme ``wanted``; ``None``: tags that spell no spans.

    The file holds words, gold and predicted tags, as ``score_file`` takes them; or words with
    predicted tags alone, in any format of tagged text.
    """
    if _holds_gold(source.path):
        known = {} if wanted is None or spans else {"scheme": wanted}
        found = read_predictions(source.path, spans=spans, split=source.split, **known)
        sentences, scheme = list(found), found.scheme
        log_notes(found.notes)
    else:
        corpus = read_tokens(source.path, spans=spans)
        sentences, scheme = predicted_sentences(corpus), corpus.scheme
        log_notes(corpus.notes)
    paired = pair_sentences(sentences, rows, source, scheme, wanted)
    return [_in_scheme(sentence.predicted, scheme, wanted) for sentence in paired]


def predicted_sentences(corpus: Corpus) -> list[Predicted]:
    """The sentences of a corpus, whose tags are predictions."""
    return [Predicted(s.tokens, (), s.tags, s.line, s.id) for s in corpus]


def pair_sentences(
    sentences: Sequence[Predicted],
    rows: Sequence[Mapping[str, Any]],
    source: Source,
    scheme: str | None = None,
    wanted: str | None = None,
) -> list[Predicted]:
    """Sentences in the order of the rows: by id where both have the same ids."""
    file = str(source.path)
    if len(sentences) != len(rows):
        raise DataError(
            file, f"expected the {len(rows)} sentences of the test data, got {len(sentences)}"
        )
    by_id = {sentence.id: sentence for sentence in sentences}
    ids = [row["id"] for row in rows]
    if by_id.keys() == set(ids) and len(by_id) == len(rows):
        sentences = [by_id[name] for name in ids]
    for row, sentence in zip(rows, sentences, strict=True):
        if sentence.tokens and list(sentence.tokens) != row["tokens"]:
            raise DataError(
                file,
                f"expected the words of {quoted(row['id'])} of the test data, "
                f"{quoted(' '.join(row['tokens'])[:40])}, got "
                f"{quoted(' '.join(sentence.tokens)[:40])}",
                line=sentence.line,
            )
        gold = _in_scheme(sentence.gold, scheme, wanted)
        if len(sentence.predicted) != len(row["gold"]) or (gold and gold != row["gold"]):
            raise DataError(
                file,
                f"expected the gold tags of {quoted(row['id'])} of the test data, "
                f"{quoted(' '.join(row['gold'])[:60])}, got {quoted(' '.join(gold)[:60])}: "
                "the last two columns are gold and predicted",
                line=sentence.line,
            )
    return list(sentences)


def _in_scheme(tags: Sequence[str], scheme: str | None, wanted: str | None) -> list[str]:
    if scheme is None or wanted is None or scheme == wanted:
        return list(tags)
    return convert(tags, scheme, wanted)


def _holds_gold(path: File) -> bool:
    """Whether gold and predicted tags are side by side in a file."""
    format, lines = detect_format(path)
    rows = [line for line in lines if line.strip()]
    if format == "jsonl":
        return {"predicted", "gold"} <= json.loads(rows[0]).keys()
    return format == "conll" and len(rows[0].split()) > 2


def export_choice(options: Any) -> ExportChoice:
    """What options choose of an export of an annotation tool."""
    known = {name: getattr(options, name, None) for name in ("annotator", "offsets")}
    return ExportChoice(**{name: value for name, value in known.items() if value is not None})


def log_scheme(found: Any) -> None:
    """Log a span scheme that was read as another."""
    if found.found_scheme != found.scheme:
        _log.info(
            "%s: tags of the scheme %s, read as %s", found.source, found.found_scheme, found.scheme
        )
