"""A file that is one JSON list, object by object, each with the line on which it begins."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.errors import DataError

_SPACE = re.compile(r"[ \t\n\r]*")


def json_list(lines: Sequence[str], path: str | Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a list, with their line numbers.

    Args:
        lines: of the file, whose first character that is no white space is ``[``.
        path: the file, for messages.

    Raises:
        DataError: what is no JSON, no object, or stands behind the list.

    Example:
        >>> list(json_list(['[{"a": 1},', ' {"a": 2}]'], "a.json"))
        [(1, {'a': 1}), (2, {'a': 2})]
    """
    text = "\n".join(lines)
    decoder = json.JSONDecoder()
    place = _behind_space(text, text.index("[") + 1)
    line, counted = 1, 0
    while text[place : place + 1] != "]":
        line += text.count("\n", counted, place)
        counted = place
        try:
            record, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise DataError(
                path,
                f"expected a list of JSON objects, got no JSON ({error.msg})",
                line=error.lineno,
            ) from None
        except RecursionError:
            raise DataError(
                path, "expected a list of JSON objects, got no JSON (too deep)", line=line
            ) from None
        if not isinstance(record, dict):
            raise DataError(
                path, f"expected a list of JSON objects, got a {type(record).__name__}", line=line
            )
        yield line, record
        place = _behind_space(text, place)
        if text[place : place + 1] == ",":
            place = _behind_space(text, place + 1)
        elif text[place : place + 1] != "]":
            _refuse(text, place, path, "',' or ']' behind a JSON object")
    end = _behind_space(text, place + 1)
    if end < len(text):
        _refuse(text, end, path, "nothing behind the list of JSON objects")


def _behind_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _refuse(text: str, place: int, path: str | Path, expected: str) -> None:
    shown = repr(text[place : place + 20]) if place < len(text) else "the end of the file"
    raise DataError(
        path,
        f"expected {expected}, got {shown}: the file is broken off or damaged",
        line=text.count("\n", 0, place) + 1,
    )
