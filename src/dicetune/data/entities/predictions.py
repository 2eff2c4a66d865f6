"""Entity predictions of any tool: JSON lines with spans, and the gold in them or beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dicetune.data.entities.corpus import EntityCorpus, EntitySentence, EntitySpan
from dicetune.data.entities.read import entity_spans
from dicetune.data.files.json_objects import choose_key, strings
from dicetune.data.files.predictions import GOLD_KEYS, PREDICTED_KEYS, prediction_records
from dicetune.data.files.text import Note, NoteBook, read_lines, source_name
from dicetune.data.tagged.corpus import NO_ENTITY
from dicetune.data.tagged.jsonl import TOKEN_KEYS
from dicetune.errors import DataError, quoted, unknown_name

SPAN_PREDICTION_FORMATS = ("jsonl",)

_ENTITIES = ("entities", "spans")

Spans = tuple[EntitySpan, ...]


@dataclass(frozen=True)
class SpanPredictions:
    """The gold and the predicted entities of each sentence of a file."""

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
    """Predicted entities beside the gold entities of a corpus, or of the same rows."""
    if format not in ("auto", *SPAN_PREDICTION_FORMATS):
        raise unknown_name("format of predictions", format, ["auto", *SPAN_PREDICTION_FORMATS])
    source, notes = source_name(path), NoteBook()
    records = prediction_records(read_lines(path), split, source)
    right: list[Spans] = []
    predicted: list[Spans] = []
    gold_key = predicted_key = ""
    names: tuple[str, ...]
    for number, record in records:
        if not predicted_key:
            names = PREDICTED_KEYS if gold is None else (*PREDICTED_KEYS, *_ENTITIES)
            predicted_key = choose_key(record, None, names, "predicted entities", source, number)
            if gold is None:
                names = (*GOLD_KEYS, *_ENTITIES)
                gold_key = choose_key(record, None, names, "gold entities", source, number)
        token_key = next((key for key in TOKEN_KEYS if key in record), None)
        tokens = tuple(strings(record, token_key, source, number)) if token_key else None
        length = None if tokens is None else len(tokens)
        if gold is None:
            right.append(entity_spans(record, gold_key, length, source, number, notes))
        else:
            if tokens is None and "text" in record:
                raise DataError(
                    source,
                    f"expected the words under {' or '.join(TOKEN_KEYS)}, which spans are counted "
                    "in, got a text, whose spans count characters: predict for a file of words, "
                    "such as the gold",
                    line=number,
                )
            sentence = _paired(gold, len(predicted), tokens, source, number)
            right.append(sentence.spans)
            length = len(sentence.tokens)
        predicted.append(entity_spans(record, predicted_key, length, source, number, notes))
    if not predicted or (gold is not None and len(gold) != len(predicted)):
        wanted = "sentences" if gold is None else f"{len(gold)} sentences, as in {gold.source}"
        raise DataError(source, f"expected {wanted}, got {len(predicted) or 'none'}")
    if gold is None and not any(right):
        notes.add(NO_ENTITY, source)
    return SpanPredictions(tuple(right), tuple(predicted), source, notes.notes())


def _paired(
    gold: EntityCorpus, number: int, tokens: tuple[str, ...] | None, source: str, line: int
) -> EntitySentence:
    """The gold sentence of a row, which must have the same words."""
    if number >= len(gold):
        raise DataError(
            source, f"expected {len(gold)} sentences, as in {gold.source}, got more", line=line
        )
    sentence = gold.sentences[number]
    if tokens is not None and tokens != sentence.tokens:
        raise DataError(
            source,
            f"expected the words of sentence {number + 1} of {gold.source}, "
            f"{quoted(' '.join(sentence.tokens)[:40])}, got {quoted(' '.join(tokens)[:40])}: "
            "predictions and gold have to be in the same order",
            line=line,
        )
    return sentence
