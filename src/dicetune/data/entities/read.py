"""Any file with entities to an EntityCorpus, and predicted entities beside the gold.

Spans come from tags (every layout that ``read_tokens`` takes), from the MRC layout, or from JSON
lines with entities. Only the last two can hold nested entities.

JSON lines have one object a line with a list of words and a list of entities, whose ``end`` is one
past the last word: ``{"id": "a1", "tokens": ["in", "Bonn"], "entities": [{"type": "LOC", "start":
1, "end": 2}]}``. ``predict`` writes this layout; other tools name the type ``label``.
Predictions are JSON lines of this layout, with the gold entities in them or in another file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicetune.data.entities.corpus import (
    EntityCorpus,
    EntitySentence,
    EntitySpan,
    entity_corpus,
    sorted_once,
)
from dicetune.data.entities.mrc import is_mrc, parse_mrc
from dicetune.data.exports.documents import Export, ExportChoice
from dicetune.data.exports.read import EXPORTS, entity_sentences, export_at, export_in
from dicetune.data.files.hub import names_data_set
from dicetune.data.files.json_objects import (
    GOLD_KEYS,
    PREDICTED_KEYS,
    choose_key,
    json_objects,
    prediction_records,
    strings,
)
from dicetune.data.files.text import Note, NoteBook, Place, read_lines, source_name
from dicetune.data.tagged.corpus import NO_ENTITY, NO_WORDS, Column, no_columns, no_scheme
from dicetune.data.tagged.jsonl import TOKEN_KEYS, name_of
from dicetune.data.tagged.read import FORMATS, NO_LINES, detect_format, read_tokens
from dicetune.errors import DataError, quoted, unknown_name

ENTITY_FORMATS = (*FORMATS, "mrc", "entities")
ENTITY_KEYS = ("entities", "spans", "gold")

SPAN_PREDICTION_FORMATS = ("jsonl",)

_TYPE_KEYS = ("type", "label")
_QUESTIONS = "questions of the MRC layout"
_ENTITIES = ("entities", "spans")

Spans = tuple[EntitySpan, ...]


def read_entities(
    path: str | Path,
    *,
    format: str = "auto",
    scheme: str = "auto",
    token_column: Column = None,
    tag_column: Column = None,
    trained: Mapping[str, Any] | None = None,
    choice: ExportChoice | None = None,
) -> EntityCorpus:
    """Sentences with entities, of a file or a data set; ``trained`` are the options of a model.

    ``choice`` says what an export of an annotation tool leaves open.
    """
    if format != "auto" and format not in ENTITY_FORMATS:
        raise unknown_name("data format", format, ["auto", *ENTITY_FORMATS])
    tagged: dict[str, Any] = {
        "scheme": scheme,
        "token_column": token_column,
        "tag_column": tag_column,
    }
    choice, source, notes = choice or ExportChoice(), source_name(path), NoteBook()
    if format == "auto":
        format = export_at(path) or ("hub" if names_data_set(path) else format)
    lines: Sequence[str] = () if format in NO_LINES else read_lines(path)
    if format == "auto":
        format = _format_of(lines, path)
    if format in EXPORTS:
        no_scheme("exports of annotation tools", scheme)
        export = Export(path, lines, source, token_column, tag_column, choice, notes=notes)
        return _filled(list(entity_sentences(export, format)), source, notes)
    choice.refuse(source)
    if format == "hub":
        return entity_corpus(read_tokens(path, format="hub", **tagged))
    if format == "mrc":
        no_columns(_QUESTIONS, token_column, tag_column)
        no_scheme(_QUESTIONS, scheme)
        sentences, queries = parse_mrc(lines, source, notes)
        return _filled(sentences, source, notes, queries)
    if format == "entities":
        no_scheme("JSON lines with entities", scheme)
        sentences = _parse_lines(lines, source, token_column, tag_column, notes)
        return _filled(sentences, source, notes)
    return entity_corpus(read_tokens(path, format=format, trained=trained, lines=lines, **tagged))


def parse_contexts(
    lines: Sequence[str], path: str | Path, token_column: Column = None
) -> EntityCorpus:
    """The sentences of lines in the MRC layout; their questions and spans are not read."""
    no_columns(_QUESTIONS, token_column, None)
    notes = NoteBook()
    source = source_name(path)
    sentences, _ = parse_mrc(lines, source, notes, gold=False)
    return _filled(sentences, source, notes, has_gold=False)


def entity_spans(
    record: Mapping[str, Any], key: str, length: int | None, place: Place, notes: NoteBook
) -> tuple[EntitySpan, ...]:
    """The entities under a key of an object; ``length`` is the number of words, if it is known."""
    value = record.get(key)
    if not isinstance(value, list):
        got = "nothing" if key not in record else type(value).__name__
        raise place.error(f"expected a list of entities under {quoted(key)}, got {got}")
    return sorted_once([_span(item, length, place) for item in value], place, notes)


def _span(item: Any, length: int | None, place: Place) -> EntitySpan:
    if not isinstance(item, dict):
        raise place.error(
            'expected an entity such as {"type": "LOC", "start": 1, "end": 2}, got '
            f"{type(item).__name__} {quoted(item)}"
        )
    kind = next((item[key] for key in _TYPE_KEYS if key in item), None)
    if not isinstance(kind, str) or not kind:
        raise place.error(
            f"expected a type ({' or '.join(_TYPE_KEYS)}) in the entity {quoted(item)}"
        )
    for key in ("start", "end"):
        if type(item.get(key)) is not int:  # a bool is an int, too
            raise place.error(
                f"expected the number of a word under {quoted(key)} in the entity {quoted(item)}"
            )
    return EntitySpan.checked(kind, item["start"], item["end"], length, place)


def _parse_lines(
    lines: Sequence[str], source: str, token_column: Column, entity_column: Column, notes: NoteBook
) -> list[EntitySentence]:
    """The sentences of JSON lines; the keys of the first object decide."""
    sentences: list[EntitySentence] = []
    token_key = entity_key = ""
    for place, record in json_objects(lines, source):
        if not token_key:
            token_key = choose_key(record, token_column, TOKEN_KEYS, "words", place, "token_column")
            entity_key = choose_key(
                record, entity_column, ENTITY_KEYS, "entities", place, "tag_column"
            )
        tokens = strings(record, token_key, place)
        found = entity_spans(record, entity_key, len(tokens), place, notes)
        if not tokens:
            notes.add(NO_WORDS, place)
            continue
        sentences.append(EntitySentence(tuple(tokens), found, name_of(record), place.line))
    return sentences


def _format_of(lines: Sequence[str], path: str | Path) -> str:
    """The tool of an export, ``mrc``, ``entities``, or the format of tagged text."""
    if told := export_in(lines):
        return told
    if is_mrc(lines):
        return "mrc"
    format = detect_format(path, lines)[0]
    if format == "jsonl":
        first = json.loads(next(line for line in lines if line.strip()))
        values = [first[key] for key in ENTITY_KEYS if isinstance(first.get(key), list)]
        if any(not any(isinstance(item, str) for item in value) for value in values):
            return "entities"
    return format


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
    for place, record in records:
        if not predicted_key:
            names = PREDICTED_KEYS if gold is None else (*PREDICTED_KEYS, *_ENTITIES)
            predicted_key = choose_key(record, None, names, "predicted entities", place)
            if gold is None:
                names = (*GOLD_KEYS, *_ENTITIES)
                gold_key = choose_key(record, None, names, "gold entities", place)
        token_key = next((key for key in TOKEN_KEYS if key in record), None)
        tokens = tuple(strings(record, token_key, place)) if token_key else None
        length = None if tokens is None else len(tokens)
        if gold is None:
            right.append(entity_spans(record, gold_key, length, place, notes))
        else:
            if tokens is None and "text" in record:
                raise place.error(
                    f"expected the words under {' or '.join(TOKEN_KEYS)}, which spans are counted "
                    "in, got a text, whose spans count characters: predict for a file of words, "
                    "such as the gold"
                )
            sentence = _paired(gold, len(predicted), tokens, place)
            right.append(sentence.spans)
            length = len(sentence.tokens)
        predicted.append(entity_spans(record, predicted_key, length, place, notes))
    if not predicted or (gold is not None and len(gold) != len(predicted)):
        wanted = "sentences" if gold is None else f"{len(gold)} sentences, as in {gold.source}"
        raise DataError(source, f"expected {wanted}, got {len(predicted) or 'none'}")
    if gold is None and not any(right):
        notes.add(NO_ENTITY, source)
    return SpanPredictions(tuple(right), tuple(predicted), source, notes.notes())


def _paired(
    gold: EntityCorpus, number: int, tokens: tuple[str, ...] | None, place: Place
) -> EntitySentence:
    """The gold sentence of a row, which must have the same words."""
    if number >= len(gold):
        raise place.error(f"expected {len(gold)} sentences, as in {gold.source}, got more")
    sentence = gold.sentences[number]
    if tokens is not None and tokens != sentence.tokens:
        raise place.error(
            f"expected the words of sentence {number + 1} of {gold.source}, "
            f"{quoted(' '.join(sentence.tokens)[:40])}, got {quoted(' '.join(tokens)[:40])}: "
            "predictions and gold have to be in the same order"
        )
    return sentence
