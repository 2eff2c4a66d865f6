"""Prediction files of any tool: words, gold tags, predicted tags.

Columns as conlleval takes them (the last two are gold and predicted), or JSON lines with
``gold`` and ``predicted``. Tags are not repaired here: whether an I- without a B- is an entity
is what the two conventions of ``span_scores`` differ in, so it is theirs to decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dicetune.data.files.columns import column, column_number, parse_columns, word_column
from dicetune.data.files.json_lines import (
    GOLD_KEYS,
    PREDICTED_KEYS,
    choose_key,
    json_objects,
    strings,
)
from dicetune.data.files.notes import Note, NoteBook
from dicetune.data.files.open_text import read_lines, source_name
from dicetune.data.files.splits import records_of_split, rows_of_split
from dicetune.data.tagged.checks import check_filled, note_one_label
from dicetune.data.tagged.corpus import Scheme, Sentence
from dicetune.data.tagged.formats import detect_format
from dicetune.data.tagged.jsonl import TOKEN_KEYS
from dicetune.data.tagged.labels import violations
from dicetune.data.tagged.schemes import detect_scheme, plain_tags, respell, target_scheme
from dicetune.errors import DataError, unknown_name


@dataclass(frozen=True)
class Predicted:
    """One sentence: its words (where the file has them), gold tags, predicted tags."""

    tokens: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    line: int | None = None
    id: str | None = None


@dataclass(frozen=True)
class Predictions:
    """The sentences of a prediction file.

    Args:
        sentences: in the order of the file.
        source: the file.
        scheme: of the tags as they are here (``iob2``, ``iobes``); ``None`` for parts of speech.
        found_scheme: of the file.
        notes: what was odd, counted.
    """

    sentences: tuple[Predicted, ...]
    source: str
    scheme: Scheme | None = None
    found_scheme: str | None = None
    notes: tuple[Note, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[Predicted]:
        return iter(self.sentences)

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
    task: str = "ner",
    format: str = "auto",
    scheme: str = "auto",
    token_column: int | str | None = None,
    gold_column: int | str | None = None,
    predicted_column: int | str | None = None,
    split: str | None = None,
) -> Predictions:
    """Sentences with gold and predicted tags.

    Args:
        path: the file; ``-`` is stdin.
        task: ``ner`` or ``pos``.
        format: ``conll`` or ``jsonl``; ``auto`` looks at the content.
        scheme: of both tag columns; ``auto`` detects it from the gold tags (from the predicted
            ones where gold has no entity). IO and IOB1 are brought to IOB2, BMES and BILOU to
            IOBES; IOB2 and IOBES stay as they are, ill-formed tags included.
        token_column: number (default 0) or JSON key.
        gold_column: number (default: the last but one) or JSON key.
        predicted_column: number (default: the last) or JSON key.
        split: which rows of JSON lines, where they name several splits.

    Raises:
        DataError: what is wrong, in which file and line, and what to do.
        InputError: an unknown task or format.
    """
    if task not in ("ner", "pos"):
        raise unknown_name("tagging task", task, ["ner", "pos"])
    if format not in ("auto", "conll", "jsonl"):
        raise unknown_name("format of predictions", format, ["auto", "conll", "jsonl"])
    format, lines = detect_format(path) if format == "auto" else (format, read_lines(path))
    source = source_name(path)
    notes = NoteBook()
    if format == "jsonl":
        pairs = _from_json(lines, source, token_column, gold_column, predicted_column, split)
    elif format == "conll":
        pairs = _from_columns(lines, source, token_column, gold_column, predicted_column, notes)
        pairs = rows_of_split(pairs, [None] * len(pairs), split, source)
    else:
        raise DataError(
            source, f"expected columns or JSON lines with gold and predicted tags, got {format}"
        )
    if not pairs:
        raise DataError(source, "expected sentences, got none")
    check_filled((sentence for pair in pairs for sentence in pair), source)
    note_one_label((gold.tags for gold, _ in pairs), source, task, notes)
    if task == "pos":
        return Predictions(_joined(pairs), source, notes=notes.notes())
    pairs, found = _one_scheme(pairs, source, scheme, notes)
    return Predictions(_joined(pairs), source, target_scheme(found), found, notes.notes())


Pair = tuple[Sentence, Sentence]  # the same words, with gold and with predicted tags


def _joined(pairs: Sequence[Pair]) -> tuple[Predicted, ...]:
    return tuple(
        Predicted(gold.tokens, gold.tags, own.tags, gold.line, gold.id) for gold, own in pairs
    )


def _from_columns(
    lines: Sequence[str],
    source: str,
    token_column: int | str | None,
    gold_column: int | str | None,
    predicted_column: int | str | None,
    notes: NoteBook,
) -> list[Pair]:
    table = parse_columns(lines, source, notes)
    if table.width < 2 or (table.width < 3 and token_column is None and gold_column is None):
        raise DataError(
            source,
            f"expected at least 3 columns (word, gold, predicted), got {table.width}: "
            "a file of tags alone has no gold to compare with",
            line=table.sentences[0].lines[0],
        )
    words = column(table, word_column(token_column, table, source, 2), "words", source)
    gold = column(table, column_number(gold_column, -2, "gold_column"), "gold tags", source)
    own = column(
        table, column_number(predicted_column, -1, "predicted_column"), "predictions", source
    )
    pairs = []
    for rows, tokens, right, mine in zip(table.sentences, words, gold, own, strict=True):
        sentence = Sentence(tuple(tokens), tuple(right), rows.lines[0], lines=tuple(rows.lines))
        pairs.append((sentence, replace(sentence, tags=tuple(mine))))
    return pairs


def _from_json(
    lines: Sequence[str],
    source: str,
    token_column: int | str | None,
    gold_column: int | str | None,
    predicted_column: int | str | None,
    split: str | None,
) -> list[Pair]:
    pairs: list[Pair] = []
    gold_key = own_key = ""
    for number, record in records_of_split(json_objects(lines, source), split, source):
        if not pairs:
            own_key = choose_key(
                record,
                predicted_column,
                PREDICTED_KEYS,
                "predicted tags",
                source,
                number,
                "predicted_column",
            )
            gold_key = choose_key(
                record, gold_column, GOLD_KEYS, "gold tags", source, number, "gold_column"
            )
        gold = strings(record, gold_key, source, number)
        own = strings(record, own_key, source, number)
        token_key = token_column or next((key for key in TOKEN_KEYS if key in record), None)
        tokens = strings(record, str(token_key), source, number) if token_key else None
        if len(gold) != len(own) or (tokens is not None and len(tokens) != len(gold)):
            raise DataError(
                source,
                "expected one gold and one predicted tag for each word, got "
                f"{'' if tokens is None else f'{len(tokens)} words, '}{len(gold)} gold and "
                f"{len(own)} predicted tags",
                line=number,
            )
        name = record.get("id")
        sentence = Sentence(
            tuple(tokens or ()), tuple(gold), number, None if name is None else str(name)
        )
        pairs.append((sentence, replace(sentence, tags=tuple(own))))
    return pairs


def _one_scheme(
    pairs: Sequence[Pair], source: str, scheme: str, notes: NoteBook
) -> tuple[list[Pair], str]:
    gold = [right for right, _ in pairs]
    both = gold + [own for _, own in pairs]
    if scheme == "auto":
        has_entity = any(tag != "O" for sentence in gold for tag in sentence.tags)
        scheme = detect_scheme(gold if has_entity else both, source)
    plain, _ = plain_tags([sentence.tags for sentence in both])
    respelled = respell(both, plain, source, scheme)
    target = target_scheme(scheme)
    for half, what in ((0, "gold"), (len(gold), "predicted")):
        rule = (
            f"{what} tags that {target} does not allow there: kept "
            "(strict does not count them as entities, conlleval does)"
        )
        for sentence, tags in zip(gold, respelled[half : half + len(gold)], strict=True):
            for position in violations(tags, target):
                notes.add(rule, f"{source}:{sentence.line_of(position)}")
    tagged = [replace(s, tags=tuple(tags)) for s, tags in zip(both, respelled, strict=True)]
    return list(zip(tagged[: len(gold)], tagged[len(gold) :], strict=True)), scheme
