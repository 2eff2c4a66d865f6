"""A configuration in a YAML file: names, values and lists of texts, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dicetune.errors import DataError, InputError, quoted

_OF_LABELS = ("options", "class_weight")
_MOST_BYTES = 1_000_000
_DEEPEST = 20


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file, its scalars as texts: the type of a key reads each text.

    YAML itself would read ``010`` as 8, ``1:30`` as 90 and ``no`` as false. An empty value and a
    plain ``null`` are ``None``, except in ``options`` and ``class_weight``, where ``null`` may be a
    label. Anchors, tags and several documents are refused: no configuration needs them, and most of
    them can break a program.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise DataError(path, "expected a configuration of at most 1 MB, got more")
        text = data.decode("utf-8-sig")
        _check_plain(path, text)
        node: Any = yaml.compose(text, yaml.BaseLoader)
    except OSError as error:
        raise InputError(
            f"expected a configuration file, got {quoted(Path(path))}: {error.strerror}"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(path, f"expected UTF-8, got a byte that is not ({error})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise DataError(path, f"expected YAML, got {problem}", line=line) from None
    if not isinstance(node, yaml.MappingNode):
        what = "nothing" if node is None else f"a {node.id}"
        raise DataError(path, f"expected 'name: value' lines, got {what}")
    values: dict[str, Any] = _value_of(path, node)
    return values


def _check_plain(path: str | Path, text: str) -> None:
    """Refuse all but names, values and lists, before anything is built."""
    depth = 0
    event: Any
    for event in yaml.parse(text, yaml.BaseLoader):
        line = event.start_mark.line + 1
        if getattr(event, "anchor", None) is not None:
            raise DataError(path, "expected no anchor and no alias, got one: write it out", line)
        if getattr(event, "tag", None) is not None:
            raise DataError(path, f"expected no tag, got {quoted(event.tag)}: leave it out", line)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise DataError(path, f"expected at most {_DEEPEST} levels, got more", line)


def _value_of(path: str | Path, node: yaml.Node, of_labels: bool = False) -> Any:
    """A node as a text, a list or a mapping; an empty plain scalar as ``None``."""
    if isinstance(node, yaml.ScalarNode):
        nothing = ("",) if of_labels else ("", "null", "~")
        return None if node.value in nothing and node.style is None else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value_of(path, entry, of_labels) for entry in node.value]
    found: dict[str, Any] = {}
    key: Any
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise DataError(path, "expected a name before the colon, got a list or mapping", line)
        if key.value in found:
            raise DataError(path, f"expected each name once, got {quoted(key.value)} again", line)
        found[key.value] = _value_of(path, value, of_labels or key.value in _OF_LABELS)
    return found
