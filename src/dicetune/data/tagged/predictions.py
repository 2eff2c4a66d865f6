"""Prediction files of any tool: words, gold tags, predicted tags.

Columns as conlleval takes them (the last two are gold and predicted), or JSON lines with
``gold`` and ``predicted``. Tags are not repaired here: the conventions of the scores decide whether
an I- without a B- is an entity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from dicetune.data.tagged.schemes import detect_scheme, respell, target_scheme
from dicetune.data.tagged.sentences import Sentence, Sentences
from dicetune.errors import unknown_name
from dicetune.problems.schemes import violations

Pair = tuple[Sentence, Sentence]
"""The same words, with gold and with predicted tags."""


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
        pairs = _from_json(reading, gold_column, predicted_column, split)
    elif format == "conll":
        pairs = _from_columns(reading, gold_column, predicted_column)
        refuse_split(split, reading.source)
    else:
        raise reading.error(
            f"expected columns or JSON lines with gold and predicted tags, got {format}"
        )
    if not pairs:
        raise reading.error("expected sentences, got none")
    reading.check_filled(Sentences.of(sentence for pair in pairs for sentence in pair))
    reading.note_one_label({tag for gold, _ in pairs for tag in gold.tags})
    target: Scheme | None = None
    found: str | None = None
    if spans:
        pairs, found = _one_scheme(pairs, scheme, reading)
        target = target_scheme(found)
    sentences = tuple(
        Predicted(gold.tokens, gold.tags, predicted.tags, gold.line, gold.id)
        for gold, predicted in pairs
    )
    return Predictions(sentences, reading.source, target, found, reading.notes.notes())


def _from_columns(reading: Reading, gold_column: Column, predicted_column: Column) -> list[Pair]:
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
    both = (table.sentences(words, tags) for tags in (gold, predicted))
    return list(zip(*both, strict=True))


def _from_json(
    reading: Reading, gold_column: Column, predicted_column: Column, split: str | None
) -> list[Pair]:
    pairs: list[Pair] = []
    predicted_key = gold_key = ""
    for place, record in prediction_records(reading.lines, split, reading.source):
        if not pairs:
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
        sentence = Sentence(tuple(tokens or ()), tuple(gold), place.line, name_of(record))
        pairs.append((sentence, replace(sentence, tags=tuple(predicted))))
    return pairs


def _one_scheme(pairs: Sequence[Pair], scheme: str, reading: Reading) -> tuple[list[Pair], str]:
    """Gold and predicted tags in one scheme, and the scheme of the file."""
    gold = [sentence for sentence, _ in pairs]
    both = gold + [sentence for _, sentence in pairs]
    if scheme == "auto":
        has_entity = any(tag != "O" for sentence in gold for tag in sentence.tags)
        scheme = detect_scheme(Sentences.of(gold if has_entity else both), reading)
    respelled = respell(both, scheme, reading)
    target = target_scheme(scheme)
    for half, what in ((0, "gold"), (len(gold), "predicted")):
        rule = (
            f"{what} tags that {target} does not allow there: kept "
            "(strict does not count them as entities, conlleval does)"
        )
        for sentence, tags in zip(gold, respelled[half : half + len(gold)], strict=True):
            for position in violations(tags, target):
                reading.note(rule, sentence.line_of(position))
    tagged = [replace(s, tags=tuple(tags)) for s, tags in zip(both, respelled, strict=True)]
    return list(zip(tagged[: len(gold)], tagged[len(gold) :], strict=True)), scheme
