"""Entity predictions of any tool: JSON lines with spans, and the gold in them or beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dicetune.data.entities.corpus import EntityCorpus, EntitySpan
from dicetune.data.entities.jsonl import entity_spans
from dicetune.data.files.json_objects import choose_key, strings
from dicetune.data.files.predictions import GOLD_KEYS, PREDICTED_KEYS, prediction_records
from dicetune.data.files.text import Note, NoteBook, read_lines, source_name
from dicetune.data.tagged.corpus import NO_ENTITY
from dicetune.data.tagged.jsonl import TOKEN_KEYS
from dicetune.errors import DataError, quoted, unknown_name

SPAN_PREDICTION_FORMATS = ("jsonl",)

Spans = tuple[EntitySpan, ...]


@dataclass(frozen=True)
class SpanPredictions:
    """The sentences of a prediction file.

    Args:
        gold: the right entities of each sentence.
        predicted: a model's.
        source: the file.
        notes: what was odd, counted.
    """

    gold: tuple[Spans, ...]
    predicted: tuple[Spans, ...]
    source: str
    notes: tuple[Note, ...] = ()


def read_span_predictions(
    path: str | Path,
    gold: EntityCorpus | None = None,
    *,
    format: str = "auto",
    split: str | None = None,
) -> SpanPredictions:
    """Sentences with gold and predicted entities.

    Args:
        path: JSON lines with ``predicted`` (beside a corpus of gold also ``entities``) and, where
            no corpus is given, ``gold``: lists of ``{"type": …, "start": …, "end": …}``.
        gold: the right entities, for the same sentences in the same order.
        format: one of ``SPAN_PREDICTION_FORMATS``, or ``auto``.
        split: which rows, where they name several splits.

    Raises:
        DataError: what is wrong, in which line, or sentences that do not pair up.
        InputError: another format.
    """
    if format not in ("auto", *SPAN_PREDICTION_FORMATS):
        raise unknown_name("format of predictions", format, ["auto", *SPAN_PREDICTION_FORMATS])
    source = source_name(path)
    notes = NoteBook()
    right: list[Spans] = []
    mine: list[Spans] = []
    own_keys = PREDICTED_KEYS if gold is None else (*PREDICTED_KEYS, "entities", "spans")
    own_key = gold_key = ""
    records = prediction_records(read_lines(path), split, source)
    for number, record in records:
        if not own_key:
            own_key = choose_key(record, None, own_keys, "predicted entities", source, number)
            if gold is None:
                names = (*GOLD_KEYS, "entities", "spans")
                gold_key = choose_key(record, None, names, "gold entities", source, number)
        token_key = next((key for key in TOKEN_KEYS if key in record), None)
        tokens = tuple(strings(record, token_key, source, number)) if token_key else None
        if gold is not None and tokens is None and "text" in record:
            raise DataError(
                source,
                f"expected the words under {' or '.join(TOKEN_KEYS)}, which spans are counted in, "
                "got a text, whose spans count characters: predict for a file of words, such as "
                "the gold",
                line=number,
            )
        length = None if tokens is None else len(tokens)
        if gold is not None:
            _check_pair(gold, len(mine), tokens, source, number)
            right.append(gold.sentences[len(mine)].spans)
            length = len(gold.sentences[len(mine)].tokens)
        else:
            right.append(entity_spans(record, gold_key, length, source, number, notes))
        mine.append(entity_spans(record, own_key, length, source, number, notes))
    if not mine or (gold is not None and len(gold) != len(mine)):
        wanted = "sentences" if gold is None else f"{len(gold)} sentences, as in {gold.source}"
        raise DataError(source, f"expected {wanted}, got {len(mine) or 'none'}")
    if gold is None and not any(right):
        notes.add(NO_ENTITY, source)
    return SpanPredictions(tuple(right), tuple(mine), source, notes.notes())


def _check_pair(
    gold: EntityCorpus, number: int, tokens: tuple[str, ...] | None, source: str, line: int
) -> None:
    if number >= len(gold):
        raise DataError(
            source, f"expected {len(gold)} sentences, as in {gold.source}, got more", line=line
        )
    if tokens is not None and tokens != gold.sentences[number].tokens:
        raise DataError(
            source,
            f"expected the words of sentence {number + 1} of {gold.source}, "
            f"{quoted(' '.join(gold.sentences[number].tokens)[:40])}, got "
            f"{quoted(' '.join(tokens)[:40])}: "
            "predictions and gold have to be in the same order",
            line=line,
        )
