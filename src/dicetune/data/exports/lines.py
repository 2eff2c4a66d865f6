"""doccano and Prodigy: exports of one JSON object a line.

doccano writes spans as triples, or as objects where entities have relations, and labels as texts::

    {"id": 3, "text": "Quay Nine is down", "label": [[0, 9, "SITE"]]}
    {"id": 3, "text": "Quay Nine is down", "entities": [{"start_offset": 0, "end_offset": 9,
     "label": "SITE"}], "relations": []}
    {"id": 3, "text": "Quay Nine is down", "label": ["fault"]}

The texts of a project of sequence pairs are under "label" too.

Prodigy writes spans with the words of its tokenizer, and what the annotator answered::

    {"text": "Quay Nine is down", "tokens": [{"text": "Quay", "start": 0, "end": 4, "id": 0}, …],
     "spans": [{"start": 0, "end": 9, "label": "SITE"}], "answer": "accept"}
    {"text": "Quay Nine is down", "options": [{"id": "fault"}], "accept": ["fault"], …}
    {"text": "Quay Nine is down", "label": "fault", "answer": "reject"}

Only accepted answers are gold. An answer to one label alone (the last form) says that the text has
the label or not: several answers about a text are joined, and if the whole file asks for one label,
a rejected text is labelled "not fault". doccano counts offsets in UTF-16 code units, or in
characters as a person sees them; Prodigy counts characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dicetune.data.exports.documents import (
    Document,
    Export,
    Marked,
    checked_name,
    checked_text,
    labels_of,
    marked,
    objects_of,
)
from dicetune.data.files.json_objects import json_objects
from dicetune.data.files.text import Place
from dicetune.errors import listed, quoted

REJECTED = "answers {answer}: left out"
SUGGESTIONS = "answers to single suggestions (view 'ner'): words beside the span are read as O"
RELATIONS = "relations between entities: not read"

_ANSWERS = ("accept", "reject", "ignore")
_DOCCANO = ("label", "entities", "cats")
_SPANS = "spans"


def is_doccano(record: Mapping[str, Any]) -> bool:
    """Whether an object is a line of doccano: a text beside triples, labels or entities."""
    if not isinstance(record.get("text"), str) or "tokens" in record:
        return False
    label, entities = record.get("label"), record.get("entities")
    if isinstance(label, list):
        return all(isinstance(item, str) or _is_triple(item) for item in label)
    if not isinstance(entities, list) or not (entities or "relations" in record):
        return False
    return all(_is_triple(e) or (isinstance(e, dict) and "start_offset" in e) for e in entities)


def is_prodigy(record: Mapping[str, Any]) -> bool:
    """Whether an object is a line of Prodigy: a text with an answer, or with Prodigy's hash."""
    known = record.get("answer") in _ANSWERS or "_input_hash" in record
    return isinstance(record.get("text"), str) and known


def parse_doccano(export: Export) -> Iterator[Document]:
    """Lines to documents; spans are the layer of their key."""
    for place, record in json_objects(export.lines, export.source):
        name = checked_name(record.get("id"), place)
        at = place if name is None else replace(place, path=f"id {name}")
        layers: dict[str, list[Marked]] = {}
        choices: dict[str, list[str]] = {}
        if export.gold and not record.keys() & {*_DOCCANO}:
            raise at.error(f"expected {' or '.join(_DOCCANO)}, got {listed(record)}")
        for key in _DOCCANO:
            value = record.get(key, "")
            if export.gold and not isinstance(value, list | str):
                raise at.error(f"expected a list under {quoted(key)}, got {quoted(value)}")
            if isinstance(value, list) and value and not isinstance(value[0], str):
                layers[key] = [_doccano_span(item, at) for item in value]
            elif key != "entities" and isinstance(value, list):
                choices[key] = labels_of(value, f"under {quoted(key)}", at)
        if record.get("relations"):
            export.notes.add(RELATIONS, at)
        values = {key: value for key, value in record.items() if key not in layers}
        yield Document(at, name, values, layers, choices, task=name)


def _is_triple(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 3 and type(item[0]) is int


def _doccano_span(item: Any, place: Place) -> Marked:
    if isinstance(item, dict):
        item = [item.get(key) for key in ("start_offset", "end_offset", "label")]
    if not isinstance(item, list) or len(item) != 3:
        raise place.error(
            f'expected a span such as [0, 9, "SITE"], got {quoted(item)}: a line has spans or '
            "labels, never both under one key"
        )
    start, end, kind = item
    return marked(kind, start, end, None, place)


def parse_prodigy(export: Export) -> Iterator[Document]:
    """Lines to documents, in which answers to one label each are joined by their text."""
    single: dict[tuple[Any, str | None], list[Document]] = {}
    asked: set[str] = set()
    joined: list[Document | tuple[Any, str | None]] = []
    for place, record in json_objects(export.lines, export.source):
        document = _prodigy_line(record, place, export)
        label = record.get("label")
        if label is None or record.get(_SPANS) or record.get("answer") == "ignore":
            joined.append(document)
            continue
        asked.update(labels_of([label], "of an answer", place))
        key = document.task, document.annotator
        if key not in single:
            joined.append(key)
        single.setdefault(key, []).append(document)
    for item in joined:
        yield item if isinstance(item, Document) else _answered(single[item], asked)


def _prodigy_line(record: Mapping[str, Any], place: Place, export: Export) -> Document:
    text = checked_text(record.get("text"), "text", place)
    answer = record.get("answer", "accept")
    if answer not in _ANSWERS:
        raise place.error(f"expected an answer (accept, reject or ignore), got {quoted(answer)}")
    task = checked_name(record.get("_input_hash"), place)
    name = checked_name(record.get("id"), place) or task
    spans = [
        marked(span.get("label"), span.get("start"), span.get("end"), span.get("text"), place)
        for span in objects_of(record, _SPANS, place)
    ]
    if record.get("_view_id") == "ner" and export.gold:
        export.notes.add(SUGGESTIONS, place)
    choices = {}
    if "accept" in record or "options" in record:
        choices["accept"] = labels_of(record.get("accept", []), "under 'accept'", place)
    who = record.get("_annotator_id", record.get("_session_id"))
    return Document(
        place,
        name,
        {**{key: value for key, value in record.items() if key != "tokens"}, "id": name},
        {_SPANS: spans} if spans else {},
        choices,
        words=_words(record, text, place),
        annotator=checked_name(who, place),
        task=text if task is None else task,
        left_out=None if answer == "accept" else REJECTED.format(answer=quoted(answer)),
    )


def _words(
    record: Mapping[str, Any], text: str, place: Place
) -> tuple[tuple[int, int], ...] | None:
    """The places of the tool's words, which lie in their order in the text."""
    if record.get("tokens") is None:
        return None
    found: list[tuple[int, int]] = []
    for token in objects_of(record, "tokens", place):
        start, end = token.get("start"), token.get("end")
        last = found[-1][1] if found else 0
        if (
            type(start) is not int
            or type(end) is not int
            or not last <= start < end <= len(text)
            or token.get("text", text[start:end]) != text[start:end]
        ):
            raise place.error(
                f"expected words one behind the other, as the text has them, got {quoted(token)}"
            )
        if text[start:end].strip():  # white space is no word
            found.append((start, end))
    return tuple(found)


def _answered(found: list[Document], asked: set[str]) -> Document:
    """One document of the answers to single labels of one text."""
    accepted = [d.values["label"] for d in found if d.left_out is None]
    labels = list(dict.fromkeys(accepted))
    if not labels and len(asked) == 1:
        labels = [f"not {next(iter(asked))}"]
    values = {**found[0].values, "label": labels}
    return replace(found[0], values=values, choices={"label": labels}, left_out=None)
