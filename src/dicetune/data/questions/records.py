"""Where questions stand in a file: documents, JSON lines and data set rows to records.

Only the layout is checked here; what a record holds is for ``read`` to read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicetune.data.files.json_objects import json_objects
from dicetune.data.questions.spot import Spot, keys_of
from dicetune.errors import DataError, quoted

DOCUMENTS = ("squad", "cmrc")


@dataclass(frozen=True)
class Layout:
    """How a layout calls the parts of a question.

    Args:
        id: key of the question's name.
        question: key of its text.
        context: key of the text that it is about.
        placed: whether answers have offsets; else they are texts alone.
    """

    id: str
    question: str
    context: str
    placed: bool = True


SQUAD = Layout("id", "question", "context")
CMRC = Layout("query_id", "query_text", "context_text", placed=False)


@dataclass(frozen=True)
class Record:
    """One question as it was found.

    Args:
        values: of the question.
        spot: where it stands.
        paragraph: what holds its context: its paragraph, or the same mapping.
        paragraph_spot: where that stands.
        title: of its article, as found.
        layout: which keys they have.
    """

    values: Mapping[str, Any]
    spot: Spot
    paragraph: Mapping[str, Any]
    paragraph_spot: Spot
    title: Any = None
    layout: Layout = SQUAD


def is_json_lines(lines: Sequence[str]) -> bool:
    """Whether the first line is a whole question, paragraph or article.

    Example:
        >>> is_json_lines(['{"question": "Where?"}']), is_json_lines(['{"data": []}'])
        (True, False)
    """
    first = next(line for line in lines if line.strip())
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "data" not in value


def read_document(lines: Sequence[str], source: str) -> Any:
    """One JSON document.

    Raises:
        DataError: no JSON, with the line.
    """
    try:
        return json.loads("\n".join(lines))
    except json.JSONDecodeError as error:
        raise DataError(
            source,
            "expected a JSON document in SQuAD's or CMRC's layout or JSON lines, got no JSON "
            f"({error.msg}, column {error.colno}): check how the file was made",
            line=error.lineno,
        ) from None
    except RecursionError:
        raise DataError(
            source, "expected a JSON document, got one that is nested too deep"
        ) from None


def document_format(document: Any) -> str:
    """The layout of a document, by the keys of its first object.

    Example:
        >>> document_format([{"context_id": "1", "context_text": "At Quay Nine.", "qas": []}])
        'cmrc'
        >>> document_format([{"title": "Port", "paragraphs": []}])
        'squad'
    """
    first = document[0] if isinstance(document, list) and document else None
    return "cmrc" if isinstance(first, Mapping) and _is_cmrc(first) else "squad"


def document_records(document: Any, source: str, format: str) -> Iterator[Record]:
    """The questions of a document.

    Args:
        document: as it was read.
        source: the file, for messages.
        format: one of ``DOCUMENTS``.

    Raises:
        DataError: another layout, with the place.
    """
    spot = Spot(source)
    if format == "cmrc":
        if not isinstance(document, list):
            raise spot.error(
                f"expected CMRC's layout (a list of objects with {quoted(CMRC.context)} and "
                f"'qas'), got "
                f"{quoted(document)}"
            )
        for number, item in enumerate(document):
            yield from _cmrc_paragraph(item, spot.inside(f"[{number}]"))
        return
    prefix = ""
    if isinstance(document, dict):
        document, prefix = spot.value(document, "data", list), "data"
    if not isinstance(document, list):
        raise spot.error(
            "expected SQuAD's layout ('data', 'paragraphs', 'qas') or a list of articles, got "
            f"{quoted(document)}"
        )
    for number, item in enumerate(document):
        yield from _articles(item, spot.inside(f"{prefix}[{number}]"))


def line_records(lines: Sequence[str], source: str) -> Iterator[Record]:
    """The questions of JSON lines, each of SQuAD's layout or of CMRC's.

    Raises:
        DataError: a line that is no JSON object, or of another layout.
    """
    for number, record in json_objects(lines, source):
        spot = Spot(source, number)
        if _is_cmrc(record):
            yield from _cmrc_paragraph(record, spot)
        else:
            yield from _articles(record, spot)


def row_records(rows: Iterable[Mapping[str, Any]], source: str) -> Iterator[Record]:
    """The questions of a data set, one a row."""
    for number, row in enumerate(rows, 1):
        spot = Spot(source, number)
        yield Record(row, spot, row, spot, row.get("title"))


def _articles(item: Any, spot: Spot) -> Iterator[Record]:
    """The questions of an article, a paragraph, or of one row that is a question itself."""
    item = spot.mapping(item)
    title = item.get("title")
    if "paragraphs" in item:
        for number, paragraph in enumerate(spot.value(item, "paragraphs", list)):
            yield from _paragraph(paragraph, spot.inside(f"paragraphs[{number}]"), title)
    elif "qas" in item:
        yield from _paragraph(item, spot, title)
    elif "question" in item:
        yield Record(item, spot, item, spot, title)
    else:
        raise spot.error(
            "expected 'paragraphs' (an article) or 'question' and 'context', got " + keys_of(item)
        )


def _paragraph(item: Any, spot: Spot, title: Any, layout: Layout = SQUAD) -> Iterator[Record]:
    item = spot.mapping(item)
    for number, values in enumerate(spot.value(item, "qas", list)):
        own = spot.inside(f"qas[{number}]")
        yield Record(own.mapping(values), own, item, spot, title, layout)


def _cmrc_paragraph(item: Any, spot: Spot) -> Iterator[Record]:
    return _paragraph(item, spot, spot.mapping(item).get("title"), CMRC)


def _is_cmrc(item: Mapping[str, Any]) -> bool:
    named = "context_id" in item and "qas" in item and SQUAD.context not in item
    return named or CMRC.context in item
