"""A place in a file of questions, and what may be read there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dicetune.data.files.json_objects import is_name, whole_characters
from dicetune.errors import DataError, listed, quoted

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
            raise self.error(f"expected an object, got {quoted(value)}")
        return value

    def value(self, mapping: Mapping[str, Any], key: str, kind: type) -> Any:
        """The value under a key, which must be there and a text, a number or a list."""
        if key not in mapping:
            raise self.error(f"expected {quoted(key)}, got {keys_of(mapping)}")
        value = mapping[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(f"expected {_NAMES[kind]} under {quoted(key)}, got {quoted(value)}")
        if isinstance(value, str) and not whole_characters(value):
            raise self.error(f"expected whole characters under {quoted(key)}, got {quoted(value)}")
        return value

    def name(self, mapping: Mapping[str, Any], key: str) -> str:
        """The id under a key, a text or a whole number."""
        value = mapping[key]
        if not is_name(value):
            raise self.error(
                f"expected a text or a whole number under {quoted(key)}, got {quoted(value)}: "
                "write one, or leave the key out of all"
            )
        return str(value)

    def text(self, value: Any) -> str:
        """The value, which must be a text."""
        if not isinstance(value, str) or not whole_characters(value):
            raise self.error(f"expected a text of whole characters, got {quoted(value)}")
        return value


def keys_of(mapping: Mapping[str, Any]) -> str:
    """What a mapping holds instead, for messages."""
    return f"the keys {listed(mapping)}" if mapping else "no keys"
