"""JSON objects of a file, one a line or in one list: keys, lists of texts, ids, splits of rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dicetune.data.files.text import Place
from dicetune.errors import DataError, listed, quoted

Record = tuple[Place, Mapping[str, Any]]
"""The place where an object begins, and the object."""

Row = TypeVar("Row")

# what tools call these columns in files of predictions
GOLD_KEYS = ("gold", "labels", "tags", "ner_tags", "pos_tags", "true", "y_true", "label")
PREDICTED_KEYS = ("predicted", "predictions", "prediction", "pred", "preds", "y_pred")

_SPACE = re.compile(r"[ \t\n\r]*")


def json_objects(lines: Sequence[str], path: str | Path) -> Iterator[Record]:
    """The objects of JSON lines with their places; blank lines are skipped."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = Place(str(path), number)
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            got = f"no JSON ({error})"
            if line.lstrip().startswith("["):
                got += ": of a list, write each object on a line of its own"
            raise place.error(f"expected one JSON object a line, got {got}") from None
        if not isinstance(record, dict):
            raise place.error(
                f"expected one JSON object a line, got a {type(record).__name__}: write each "
                "object on a line of its own"
            )
        yield place, record


def json_list(lines: Sequence[str], path: str | Path) -> Iterator[Record]:
    """The objects of a file that is one JSON list, each with the line on which it begins."""
    text = "\n".join(lines)
    decoder = json.JSONDecoder()
    place = behind_space(text, text.index("[") + 1)
    line, counted = 1, 0
    while text[place : place + 1] != "]":
        line += text.count("\n", counted, place)
        counted = place
        try:
            record, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            message = f"expected a list of JSON objects, got no JSON ({error.msg})"
            raise DataError(path, message, line=error.lineno) from None
        except RecursionError:
            message = "expected a list of JSON objects, got no JSON (too deep)"
            raise DataError(path, message, line=line) from None
        found = Place(str(path), line)
        if not isinstance(record, dict):
            raise found.error(f"expected a list of JSON objects, got a {type(record).__name__}")
        yield found, record
        place = behind_space(text, place)
        if text[place : place + 1] == ",":
            place = behind_space(text, place + 1)
        elif text[place : place + 1] != "]":
            raise _damaged(text, place, path, "',' or ']' behind a JSON object")
    end = behind_space(text, place + 1)
    if end < len(text):
        raise _damaged(text, end, path, "nothing behind the list of JSON objects")


def choose_key(
    names: Iterable[str],
    chosen: int | str | None,
    known: Sequence[str],
    what: str,
    place: Place,
    option: str | None = None,
) -> str:
    """The chosen key, or the first of the ``known`` keys that is among the names.

    Messages call the values ``what`` and name the ``option`` that chooses the key.
    """
    there = list(names)
    give = "rename one" if option is None else f"give -o {option}=NAME"
    if chosen is not None:
        if chosen in there:
            return str(chosen)
        raise place.error(
            f"expected the key {quoted(chosen)} for the {what}, got {listed(there)}: {give}"
        )
    for name in known:
        if name in there:
            return name
    raise place.error(
        f"expected a key for the {what} ({listed(known)}), got {listed(there) or 'none'}: {give}"
    )


def strings(record: Mapping[str, Any], key: str, place: Place) -> list[str]:
    """The list of strings under a key."""
    value = record.get(key)
    if not isinstance(value, list):
        got = "nothing" if key not in record else type(value).__name__
        raise place.error(f"expected a list of strings under {quoted(key)}, got {got}")
    for item in value:
        if isinstance(item, (int, float)):
            raise place.error(
                f"expected strings under {quoted(key)}, got the number {item}: write the label "
                "names (numbers have names only in data sets with a ClassLabel)"
            )
        if not isinstance(item, str) or not whole_characters(item):
            raise place.error(
                f"expected strings of whole characters under {quoted(key)}, got {quoted(item)}"
            )
    return value


def whole_characters(text: str) -> bool:
    """Whether a text can be encoded: JSON may spell half of a surrogate pair."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def is_name(value: object) -> bool:
    """Whether a value can be an id: a text that is not blank, or a whole number."""
    if isinstance(value, str):
        return bool(value.strip()) and whole_characters(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30


def rows_of_split(
    rows: Sequence[Row], names: Sequence[str | None], split: str | None, path: str | Path
) -> list[Row]:
    """The rows whose names are the split; all rows where none was chosen and one split is there."""
    found = dict.fromkeys(names)
    named = [name for name in found if name is not None]
    shown = listed(named)
    if split is None:
        if len(found) > 1:
            some = f"{shown} and rows that name none" if None in found else shown
            raise DataError(
                path, f"expected rows of one split, got {some}: choose one with --split"
            )
        return list(rows)
    if not named:
        raise DataError(
            path,
            f"expected rows that name their split, of which to take {quoted(split)}, got none: "
            "leave --split out",
        )
    if split not in named:
        raise DataError(path, f"expected one of its splits ({shown}), got {quoted(split)}")
    return [row for row, name in zip(rows, names, strict=True) if name == split]


def refuse_split(split: str | None, path: str | Path) -> None:
    """Refuse the choice of a split where no row can name its split."""
    rows_of_split([None], [None], split, path)


def prediction_records(lines: Sequence[str], split: str | None, path: str | Path) -> list[Record]:
    """The objects of JSON lines of one split, which each object names under "split"."""
    records = list(json_objects(lines, path))
    names = [record.get("split") for _, record in records]
    plain = [None if name is None else str(name) for name in names]
    return rows_of_split(records, plain, split, path)


def behind_space(text: str, place: int) -> int:
    """The first place from here on that is no white space of JSON."""
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _damaged(text: str, place: int, path: str | Path, expected: str) -> DataError:
    shown = repr(text[place : place + 20]) if place < len(text) else "the end of the file"
    return DataError(
        path,
        f"expected {expected}, got {shown}: the file is broken off or damaged",
        line=text.count("\n", 0, place) + 1,
    )


def is_object(line: str | bytes) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
