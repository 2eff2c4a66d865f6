"""Prediction files of any tool: words, gold tags, predicted tags.

Columns as conlleval takes them (the last two are gold and predicted), or JSON lines with
``gold`` and ``predicted``. Tags are not repaired here: the conventions of the scores decide whether
an I- without a B- is an entity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from dicetune.data.files.json_objects import (
    GOLD_KEYS,
    PREDICTED_KEYS,
    choose_key,
    prediction_records,
    refuse_split,
    strings,
)
from dicetune.data.files.text import Entries, Note, read_lines, source_name
from dicetune.data.tagged.conll import column_number, parse_table
from dicetune.data.tagged.corpus import Column, Reading, Scheme
from dicetune.data.tagged.jsonl import TOKEN_KEYS, name_of
from dicetune.data.tagged.read import detect_format
from dicetune.data.tagged.schemes import detect_scheme, respell, tag_rows, target_scheme
from dicetune.data.tagged.sentences import Sentence, Sentences
from dicetune.errors import unknown_name
from dicetune.problems.schemes import TagRows

Split = tuple[Sequence[Sentence], Sentences, Sentences]
"""The words, where the file has them, and the sentences with gold and with predicted tags."""


@dataclass(frozen=True)
class Predicted:
    """One sentence: its words (where the file has them), gold tags, predicted tags."""

    tokens: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    line: int | None = None
    id: str | None = None


@dataclass(frozen=True)
class Predictions(Entries[Predicted]):
    """The sentences of a prediction file; the fields are named as in ``Corpus``."""

    parts: ClassVar[tuple[str, ...]] = ("sentences",)

    sentences: tuple[Predicted, ...]
    source: str
    scheme: Scheme | None = None
    found_scheme: str | None = None
    notes: tuple[Note, ...] = ()
    columns: tuple[TagRows, ...] = field(default=(), repr=False)  # gold and predicted

    @property
    def gold(self) -> list[tuple[str, ...]]:
        """The gold tags of each sentence."""
        return [sentence.gold for sentence in self.sentences]

    @property
    def predicted(self) -> list[tuple[str, ...]]:
        """The predicted tags of each sentence."""
        return [sentence.predicted for sentence in self.sentences]


def read_predictions(
    path: str | Path,
    *,
    spans: bool = True,
    format: str = "auto",
    split: str | None = None,
    scheme: str = "auto",
    token_column: Column = None,
    gold_column: Column = None,
    predicted_column: Column = None,
) -> Predictions:
    """Sentences with gold and predicted tags.

    The default columns are the first for words, the last but one for gold, the last for predicted
    tags. The scheme of both is detected from the gold tags (from the predicted tags where gold has
    no entity). IO and IOB1 are brought to IOB2, BMES and BILOU to IOBES; IOB2 and IOBES stay as
    they are, ill-formed tags included. ``split`` chooses the rows of JSON lines of several splits.
    """
    if format not in ("auto", "conll", "jsonl"):
        raise unknown_name("format of predictions", format, ["auto", "conll", "jsonl"])
    format, lines = detect_format(path) if format == "auto" else (format, read_lines(path))
    reading = Reading(lines, source_name(path), spans, token_column)
    if format == "jsonl":
        words, *both = _from_json(reading, gold_column, predicted_column, split)
    elif format == "conll":
        words, *both = _from_columns(reading, gold_column, predicted_column)
        refuse_split(split, reading.source)
    else:
        raise reading.error(
            f"expected columns or JSON lines with gold and predicted tags, got {format}"
        )
    if not len(words):
        raise reading.error("expected sentences, got none")
    for half in both:
        reading.check_filled(half)
    reading.note_one_label({*both[0].own_tags.compact().names})
    rows = [tag_rows(half) for half in both]
    target: Scheme | None = None
    found: str | None = None
    if spans:
        has_entity = any(tag != "O" for tag in rows[0].names)
        shown = both[0] if has_entity else Sentences.of([*both[0], *both[1]])
        found = detect_scheme(shown, reading) if scheme == "auto" else scheme
        rows = respell(rows, found, both[0], reading)
        target = target_scheme(found)
    sentences = tuple(
        Predicted(one.tokens, gold, predicted, one.line, one.id)
        for one, gold, predicted in zip(words, rows[0], rows[1], strict=True)
    )
    notes = reading.notes.notes()
    return Predictions(sentences, reading.source, target, found, notes, tuple(rows))


def _from_columns(reading: Reading, gold_column: Column, predicted_column: Column) -> Split:
    table = parse_table(reading)
    if table.width < (3 if reading.token_column is None and gold_column is None else 2):
        raise reading.error(
            f"expected at least 3 columns (word, gold, predicted), got {table.width}: "
            "a file of tags alone has no gold to compare with",
            table.first_line,
        )
    words = table.words(tag_columns=2)
    gold = table.column(column_number(gold_column, -2, "gold_column"), "gold tags")
    number = column_number(predicted_column, -1, "predicted_column")
    predicted = table.column(number, "predictions")
    right, found = (table.sentences(words, tags) for tags in (gold, predicted))
    return right, right, found


def _from_json(
    reading: Reading, gold_column: Column, predicted_column: Column, split: str | None
) -> Split:
    words: list[Sentence] = []
    both: list[list[Sentence]] = [[], []]
    predicted_key = gold_key = ""
    for place, record in prediction_records(reading.lines, split, reading.source):
        if not words:
            predicted_key, gold_key = (
                choose_key(record, chosen, known, f"{what} tags", place, f"{what}_column")
                for chosen, known, what in (
                    (predicted_column, PREDICTED_KEYS, "predicted"),
                    (gold_column, GOLD_KEYS, "gold"),
                )
            )
        gold = strings(record, gold_key, place)
        predicted = strings(record, predicted_key, place)
        token_key = reading.token_column or next((k for k in TOKEN_KEYS if k in record), None)
        tokens = strings(record, str(token_key), place) if token_key else None
        if len(gold) != len(predicted) or (tokens is not None and len(tokens) != len(gold)):
            raise place.error(
                "expected one gold and one predicted tag for each word, got "
                f"{'' if tokens is None else f'{len(tokens)} words, '}{len(gold)} gold and "
                f"{len(predicted)} predicted tags"
            )
        words.append(Sentence(tuple(tokens or ()), (), place.line, name_of(record)))
        for half, tags in zip(both, (gold, predicted), strict=True):
            half.append(Sentence(("",) * len(tags), tuple(tags), place.line))
    return words, Sentences.of(both[0]), Sentences.of(both[1])
