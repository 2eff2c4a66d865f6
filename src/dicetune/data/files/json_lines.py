"""JSON lines, one object a line: its keys, its lists of texts, and what each mistake is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.errors import DataError, listed, quoted

# what tools call these in files of predictions
GOLD_KEYS = ("gold", "labels", "tags", "ner_tags", "pos_tags", "true", "y_true", "label")
PREDICTED_KEYS = ("predicted", "predictions", "prediction", "pred", "preds", "y_pred")


def json_objects(lines: Sequence[str], path: str | Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """The objects of JSON lines with their line numbers; blank lines are skipped.

    Raises:
        DataError: a line that is no JSON object.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            got = f"no JSON ({error})"
            if line.lstrip().startswith("["):
                got += ": of a list, write each object on a line of its own"
            raise DataError(
                path, f"expected one JSON object a line, got {got}", line=number
            ) from None
        if not isinstance(record, dict):
            raise DataError(
                path,
                f"expected one JSON object a line, got a {type(record).__name__}: write each "
                "object on a line of its own",
                line=number,
            )
        yield number, record


def choose_key(
    names: Iterable[str],
    chosen: int | str | None,
    known: Sequence[str],
    what: str,
    path: str | Path,
    line: int | None = None,
    option: str | None = None,
) -> str:
    """The key that was asked for, or the first known one that is there.

    Args:
        names: of the keys.
        chosen: by the user.
        known: in place of a choice.
        what: is there, for messages.
        path: the file, for messages.
        line: for messages.
        option: that chooses a key, where there is one.

    Raises:
        DataError: it is not there.
    """
    there = list(names)
    give = "rename one" if option is None else f"give -o {option}=NAME"
    if chosen is not None:
        if chosen in there:
            return str(chosen)
        raise DataError(
            path,
            f"expected the key {quoted(chosen)} for the {what}, got {listed(there)}: {give}",
            line=line,
        )
    for name in known:
        if name in there:
            return name
    raise DataError(
        path,
        f"expected a key for the {what} ({listed(known)}), got {listed(there) or 'none'}: {give}",
        line=line,
    )


def strings(record: Mapping[str, Any], key: str, path: str | Path, line: int) -> list[str]:
    """The list of strings under a key.

    Raises:
        DataError: no such key, no list, something that is no text.
    """
    value = record.get(key)
    if not isinstance(value, list):
        raise DataError(
            path,
            f"expected a list of strings under {quoted(key)}, got "
            f"{'nothing' if key not in record else type(value).__name__}",
            line=line,
        )
    for item in value:
        if isinstance(item, (int, float)):
            raise DataError(
                path,
                f"expected strings under {quoted(key)}, got the number {item}: write the "
                f"label names "
                "(numbers have names only in data sets with a ClassLabel)",
                line=line,
            )
        if not isinstance(item, str) or not whole_characters(item):
            raise DataError(
                path,
                f"expected strings of whole characters under {quoted(key)}, got {quoted(item)}",
                line=line,
            )
    return value


def whole_characters(text: str) -> bool:
    r"""Whether a text can be encoded: JSON may spell half of a surrogate pair, which cannot.

    Example:
        >>> whole_characters("泵"), whole_characters("\ud83d")
        (True, False)
    """
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def is_name(value: object) -> bool:
    """Whether a value can be an id: a text that is not blank, or a whole number.

    Example:
        >>> is_name("q1"), is_name(7), is_name(" "), is_name(None), is_name(True), is_name([1])
        (True, True, False, False, False, False)
    """
    if isinstance(value, str):
        return bool(value.strip()) and whole_characters(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30
