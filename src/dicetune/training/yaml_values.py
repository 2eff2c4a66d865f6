"""YAML files of a configuration: scalars stay as they were written, their field's type reads them.

YAML itself would read ``010`` as 8, ``1:30`` as 90 and ``no`` as false. What a configuration has no
use for (anchors, tags, several documents) is refused: most of it is a way to break a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dicetune.errors import DataError, InputError, quoted

_MOST_BYTES = 1_000_000
_DEEPEST = 20


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file, its scalars as texts; nothing behind a colon is ``None``.

    Args:
        path: the file.

    Raises:
        InputError: no such file, too large, not UTF-8, not YAML (with the line), or no mapping.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise DataError(path, "expected a configuration of at most 1 MB, got more")
        text = data.decode("utf-8-sig")
        _check_plain(path, text)
        node = yaml.compose(text, yaml.BaseLoader)
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
        what = (
            "nothing"
            if node is None
            else "a list"
            if isinstance(node, yaml.SequenceNode)
            else "a text"
        )
        raise DataError(path, f"expected 'name: value' lines, got {what}")
    values = _value_of(path, node)
    assert isinstance(values, dict)
    return values


def yaml_text(values: Mapping[str, Any]) -> str:
    r"""YAML that ``read_yaml`` reads back, value by type of its name.

    Args:
        values: plain values, lists and mappings; ``None`` becomes nothing behind the colon.

    Example:
        >>> yaml_text({"task": "ner", "test": None, "options": {"positive": "010"}})
        "task: ner\ntest:\noptions:\n  positive: '010'\n"
    """
    text: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


class _Dumper(yaml.SafeDumper):
    """The safe one, which writes nothing for ``None``, where null would be a text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write out what stands in two places."""
        return True


_Dumper.add_representer(
    type(None), lambda dumper, none: dumper.represent_scalar("tag:yaml.org,2002:null", "")
)


def _check_plain(path: str | Path, text: str) -> None:
    """Refuse what is more than names, values and lists, before anything is built of it."""
    depth = 0
    for event in yaml.parse(text, yaml.BaseLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if getattr(event, "anchor", None) is not None:
            raise DataError(path, "expected no anchor and no alias, got one: write it out", line)
        if (tag := getattr(event, "tag", None)) is not None:
            raise DataError(path, f"expected no tag, got {quoted(tag)}: leave it out", line)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise DataError(path, f"expected at most {_DEEPEST} levels, got more", line)


def _value_of(path: str | Path, node: yaml.Node) -> Any:
    """A node as a text, a list or a mapping; an empty plain scalar as ``None``."""
    if isinstance(node, yaml.ScalarNode):
        return None if node.value == "" and node.style is None else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value_of(path, own) for own in node.value]
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise DataError(path, "expected a name before the colon, got a list or mapping", line)
        if key.value in found:
            raise DataError(path, f"expected each name once, got {quoted(key.value)} again", line)
        found[key.value] = _value_of(path, value)
    return found
