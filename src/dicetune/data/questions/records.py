"""Where questions stand in a file: SQuAD's documents, JSON lines and data set rows to records.

Only the layout is checked here; what a record holds is for ``squad`` to read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dicetune.data.files.json_lines import json_objects, whole_characters
from dicetune.errors import DataError

_NAMES = {str: "a text", int: "a whole number", list: "a list"}


@dataclass(frozen=True)
class Spot:
    """A place in a file, which can read values there and say what is wrong with them.

    Args:
        source: the file.
        line: 1-based line, where lines mean something.
        path: the place in its JSON, "data[3].paragraphs[0].qas[2]".
    """

    source: str
    line: int | None = None
    path: str = ""

    def __str__(self) -> str:
        head = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{head}: {self.path}" if self.path else head

    def inside(self, step: str) -> Spot:
        """The place one step further in.

        Example:
            >>> str(Spot("a.json", path="data[0]").inside("qas[2]"))
            'a.json: data[0].qas[2]'
        """
        return replace(self, path=f"{self.path}.{step}" if self.path else step)

    def error(self, message: str) -> DataError:
        """An error that names this place."""
        text = f"{self.path}: {message}" if self.path else message
        return DataError(self.source, text, line=self.line)

    def mapping(self, value: Any) -> Mapping[str, Any]:
        """The value, which must be an object."""
        if not isinstance(value, Mapping):
            raise self.error(f"expected an object, got {value!r:.60}")
        return value

    def value(self, mapping: Mapping[str, Any], key: str, kind: type) -> Any:
        """The value under a key, which must be there and a text, a number or a list."""
        if key not in mapping:
            raise self.error(f"expected {key!r}, got {keys_of(mapping)}")
        value = mapping[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(f"expected {_NAMES[kind]} under {key!r}, got {value!r:.60}")
        if isinstance(value, str) and not whole_characters(value):
            raise self.error(f"expected whole characters under {key!r}, got {value!r:.60}")
        return value


@dataclass(frozen=True)
class Record:
    """One question as it was found.

    Args:
        values: of the question.
        spot: where it stands.
        paragraph: what holds its context: its paragraph, or the same mapping.
        paragraph_spot: where that stands.
        title: of its article, as found.
    """

    values: Mapping[str, Any]
    spot: Spot
    paragraph: Mapping[str, Any]
    paragraph_spot: Spot
    title: Any = None


def json_format(lines: Sequence[str]) -> str:
    """Say "jsonl" where the first line is a whole question or article, else "squad".

    Example:
        >>> json_format(['{"question": "Where?"}']), json_format(['{"data": []}'])
        ('jsonl', 'squad')
    """
    first = next(line for line in lines if line.strip())
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return "squad"
    return "jsonl" if isinstance(value, dict) and "data" not in value else "squad"


def document_records(lines: Sequence[str], source: str) -> Iterator[Record]:
    """The questions of one JSON document.

    Raises:
        DataError: no JSON, or another layout, with the line or the place.
    """
    spot = Spot(source)
    try:
        document = json.loads("\n".join(lines))
    except json.JSONDecodeError as error:
        raise DataError(
            source,
            f"expected a JSON document in SQuAD's layout or JSON lines, got no JSON ({error.msg}, "
            f"column {error.colno}): check how the file was made",
            line=error.lineno,
        ) from None
    except RecursionError:
        raise spot.error("expected a JSON document, got one that is nested too deep") from None
    prefix = ""
    if isinstance(document, dict):
        document, prefix = spot.value(document, "data", list), "data"
    if not isinstance(document, list):
        raise spot.error(
            "expected SQuAD's layout ('data', 'paragraphs', 'qas') or a list of articles, got "
            f"{document!r:.60}"
        )
    for number, item in enumerate(document):
        yield from _articles(item, spot.inside(f"{prefix}[{number}]"))


def line_records(lines: Sequence[str], source: str) -> Iterator[Record]:
    """The questions of JSON lines.

    Raises:
        DataError: a line that is no JSON object, or of another layout.
    """
    for number, record in json_objects(lines, source):
        yield from _articles(record, Spot(source, number))


def row_records(rows: Iterable[Mapping[str, Any]], source: str) -> Iterator[Record]:
    """The questions of a data set, one a row."""
    for number, row in enumerate(rows, 1):
        spot = Spot(source, number)
        yield Record(row, spot, row, spot, row.get("title"))


def keys_of(mapping: Mapping[str, Any]) -> str:
    """What a mapping holds instead, for messages."""
    return f"the keys {', '.join(map(str, mapping))}" if mapping else "no keys"


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


def _paragraph(item: Any, spot: Spot, title: Any) -> Iterator[Record]:
    item = spot.mapping(item)
    for number, values in enumerate(spot.value(item, "qas", list)):
        own = spot.inside(f"qas[{number}]")
        yield Record(own.mapping(values), own, item, spot, title)
