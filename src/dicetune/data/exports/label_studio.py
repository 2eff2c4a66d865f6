"""Label Studio: the JSON export (tasks with annotations) and JSON-MIN (one object an annotation).

A task of the JSON export::

    {"id": 7, "data": {"text": "Quay Nine is down"}, "annotations": [{"completed_by": 2,
     "was_cancelled": false, "result": [{"from_name": "label", "to_name": "text", "type": "labels",
     "value": {"start": 0, "end": 9, "text": "Quay Nine", "labels": ["SITE"]}}]}]}

and the same in JSON-MIN, where the name of a control is a key beside the data::

    {"id": 7, "text": "Quay Nine is down", "annotator": 2, "annotation_id": 31,
     "label": [{"start": 0, "end": 9, "text": "Quay Nine", "labels": ["SITE"]}]}

Spans of controls such as ``Labels`` are layers, ``Choices`` for the whole text are labels. Results
of any other kind are counted and not read; predictions of models are no annotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dicetune.data.exports.documents import (
    Document,
    Export,
    Marked,
    checked_name,
    labels_of,
    marked,
    objects_of,
)
from dicetune.data.files.json_objects import Record, json_list, json_objects
from dicetune.data.files.text import Place
from dicetune.errors import quoted

CANCELLED = "annotations that were cancelled (skipped tasks): left out"
UNANNOTATED = "tasks without an annotation: left out"
EMPTY = "annotations without any result: kept, as texts without entities and labels"
OTHER_RESULTS = "results of the kind {kind}, neither spans nor choices of a whole text: not read"
NO_LABEL = "regions without a label: left out"

_ANNOTATIONS = ("annotations", "completions")
_SPAN_KINDS = ("labels", "hypertextlabels")
_OF_FLAT = {"annotation_id", "annotator"}
_OF_TASK = {"id", "data", "meta", "predictions"}
# what JSON-MIN says of the annotation itself
_OF_ANNOTATION = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time")

Layers = dict[str, list[Marked]]
Choices = dict[str, list[str]]


def json_records(lines: Sequence[str], source: str) -> Iterator[Record]:
    """The objects of a JSON list, or of JSON lines."""
    first = next((line for line in lines if line.strip()), "")
    return (json_list if first.lstrip().startswith("[") else json_objects)(lines, source)


def is_label_studio(record: Mapping[str, Any]) -> bool:
    """Whether an object is a task of the JSON export, or an annotation of JSON-MIN."""
    if record.keys() >= _OF_FLAT:
        return True
    is_task = any(key in record for key in _ANNOTATIONS) or record.keys() <= _OF_TASK
    return is_task and isinstance(record.get("data"), dict)


def parse_label_studio(export: Export) -> Iterator[Document]:
    """Tasks to documents, one for each annotation."""
    for number, (place, record) in enumerate(json_records(export.lines, export.source), 1):
        name = checked_name(record.get("id"), place) or str(number)
        at = replace(place, path=f"task {name}")
        if record.keys() >= _OF_FLAT:
            yield _flat(record, name, at, export)
        else:
            yield from _task(record, name, at, export)


def _task(record: Mapping[str, Any], name: str, place: Place, export: Export) -> Iterator[Document]:
    data = record.get("data")
    if not isinstance(data, dict):
        raise place.error(f"expected the text of a task under 'data', got {quoted(data)}")
    own = {"data.id": data["id"]} if "id" in data else {}
    plain = Document(place, name, {**data, **own, "id": name}, task=name)
    key = next((key for key in _ANNOTATIONS if key in record), _ANNOTATIONS[0])
    annotations = objects_of(record, key, place)
    if not annotations:
        yield replace(plain, left_out=UNANNOTATED)
    for annotation in annotations:
        if annotation.get("was_cancelled") is True:
            yield replace(plain, left_out=CANCELLED)
            continue
        layers: Layers = {}
        choices: Choices = {}
        results = objects_of(annotation, "result", place)
        if not results and export.gold:
            export.notes.add(EMPTY, place)
        for result in results:
            _add(result, layers, choices, place, export)
        yield replace(
            plain,
            values={**plain.values, **choices},
            layers=layers,
            choices=choices,
            annotator=_annotator(annotation.get("completed_by"), place),
        )


def _add(
    result: Mapping[str, Any], layers: Layers, choices: Choices, place: Place, export: Export
) -> None:
    """Add one result to the spans or the choices of its control."""
    kind, control, value = (result.get(key) for key in ("type", "from_name", "value"))
    if not isinstance(value, dict) or not isinstance(control, str):  # a relation, for example
        export.notes.add(OTHER_RESULTS.format(kind=quoted(kind)), place)
    elif kind == "choices" and "start" not in value:
        choices.setdefault(control, []).extend(_choices(value, control, place))
    elif kind in _SPAN_KINDS:
        layers.setdefault(control, []).extend(_spans(value, place, export))
    else:
        export.notes.add(OTHER_RESULTS.format(kind=quoted(kind)), place)


def _spans(value: Mapping[str, Any], place: Place, export: Export) -> list[Marked]:
    """The spans of one region, one for each of its labels."""
    key = next((key for key in _SPAN_KINDS if key in value), None)
    labels = labels_of(value[key], "of a region", place) if key else []
    if not labels:
        export.notes.add(NO_LABEL, place)
    start, end = value.get("start"), value.get("end")
    if isinstance(offsets := value.get("globalOffsets"), dict):  # of a text shown as a web page
        start, end = offsets.get("start"), offsets.get("end")
    return [marked(label, start, end, value.get("text"), place) for label in labels]


def _choices(value: Mapping[str, Any], control: str, place: Place) -> list[str]:
    return labels_of(value.get("choices"), f"under the choices of {quoted(control)}", place)


def _flat(record: Mapping[str, Any], name: str, place: Place, export: Export) -> Document:
    """An annotation of JSON-MIN; one choice alone is a text there, as the data are."""
    values: dict[str, Any] = {"id": name}
    layers: Layers = {}
    choices: Choices = {}
    for key, value in record.items():
        if isinstance(value, dict) and "choices" in value:
            values[key] = choices[key] = _choices(value, key, place)
        elif isinstance(value, list) and value and all(map(_is_region, value)):
            layers[key] = [span for region in value for span in _spans(region, place, export)]
        elif value != [] and key not in ("id", *_OF_ANNOTATION):
            values[key] = value
    annotator = _annotator(record.get("annotator"), place)
    return Document(place, name, values, layers, choices, annotator=annotator, task=name)


def _is_region(value: Any) -> bool:
    return isinstance(value, dict) and "start" in value and "end" in value


def _annotator(value: Any, place: Place) -> str | None:
    """The name of an annotator: a number, an address, or an object with one of them."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("email", "username", "id") if value.get(key)), None)
    return checked_name(value, place)
