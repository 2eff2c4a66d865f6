"""YAML as people write it: 3e-5 is a number, "no" is a word, only true and false are flags."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from dicetune.errors import DataError, InputError, quoted


class _Loader(yaml.SafeLoader):
    """The safe loader with the number and flag rules of YAML 1.2."""


_FLAG, _FLOAT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in (_FLAG, _FLOAT)]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _FLAG, re.compile("^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf)$|^\.(nan|NaN)$"
    ),
    list("-+.0123456789"),
)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Args:
        path: the file.

    Raises:
        InputError: no such file, not UTF-8, not YAML (with the line), or no mapping.
    """
    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
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
    if not isinstance(values, dict):
        raise DataError(path, f"expected 'name: value' lines, got {type(values).__name__}")
    return values


def read_value(text: str) -> Any:
    """One value from the command line.

    Args:
        text: as it was typed.

    Example:
        >>> read_value("3e-5"), read_value("true"), read_value("no"), read_value("7")
        (3e-05, True, 'no', 7)
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text
