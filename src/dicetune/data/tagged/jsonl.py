"""JSON lines: one object a line with a list of words and a list of tags.

``{"id": "a1", "tokens": ["in", "Bonn"], "tags": ["O", "B-LOC"]}``. Other names are found too,
in the order of ``TOKEN_KEYS`` and ``TAG_KEYS``, by the keys of the first object.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dicetune.data.files.json_lines import choose_key, json_objects, strings
from dicetune.data.files.notes import NoteBook
from dicetune.data.tagged.corpus import Sentence
from dicetune.errors import DataError, quoted

TOKEN_KEYS = ("tokens", "words", "token", "word", "form", "sentence")
TAG_KEYS = {
    "ner": ("tags", "ner_tags", "labels", "ner", "entity_tags", "gold", "label", "tag"),
    "pos": ("tags", "pos_tags", "upos", "pos", "labels", "xpos", "gold", "label", "tag"),
}
NO_WORDS = "sentences without words: skipped"


def parse_jsonl(
    lines: Sequence[str],
    path: str | Path,
    task: str,
    token_column: int | str | None,
    tag_column: int | str | None,
    wanted: bool,
    notes: NoteBook,
) -> list[Sentence]:
    """Lines to sentences.

    Raises:
        DataError: no JSON, a missing key, lists of unequal length, tags that are no strings.

    Example:
        >>> line = '{"tokens": ["in", "Bonn"], "ner_tags": ["O", "B-LOC"]}'
        >>> parse_jsonl([line], "a.jsonl", "ner", None, None, True, NoteBook())
        [Sentence(tokens=('in', 'Bonn'), tags=('O', 'B-LOC'), line=1, id=None)]
    """
    records = list(json_objects(lines, path))
    if not records:
        return []
    number, first = records[0]
    token_key = choose_key(first, token_column, TOKEN_KEYS, "words", path, number, "token_column")
    tag_key = None
    if wanted:
        others = {key: value for key, value in first.items() if key != token_key}
        tag_key = choose_key(others, tag_column, TAG_KEYS[task], "tags", path, number, "tag_column")
    sentences = []
    for number, record in records:
        tokens = strings(record, token_key, path, number)
        tags = strings(record, tag_key, path, number) if tag_key else []
        if tag_key and len(tokens) != len(tags):
            raise DataError(
                path,
                f"expected one tag for each word, got {len(tokens)} in {quoted(token_key)} and "
                f"{len(tags)} in {quoted(tag_key)}",
                line=number,
            )
        if not tokens and wanted:
            notes.add(NO_WORDS, f"{path}:{number}")
            continue
        name = record.get("id")
        sentences.append(
            Sentence(tuple(tokens), tuple(tags), number, None if name is None else str(name))
        )
    return sentences
