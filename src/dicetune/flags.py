"""From the flags of the command line to values: KEY=VALUE pairs, options of a task, a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from dicetune.errors import InputError


def run_config(
    path: Path | None,
    flags: Mapping[str, Any],
    data: str | None,
    options: list[str] | None,
    settings: list[str] | None,
) -> Any:
    """The configuration of a run: file, then flags, then -o and -s.

    Raises:
        InputError: for values that cannot be used, or ``data`` that is not the packaged sample.
    """
    from dicetune.training.config import SAMPLE, RunConfig
    from dicetune.training.yaml_values import read_yaml

    values = {} if path is None else read_yaml(path)
    names = {entry.name for entry in fields(RunConfig)}
    values.update({k: v for k, v in flags.items() if k in names and v is not None})
    if data is not None:
        if data != SAMPLE or "train" in values:
            raise InputError(
                f"expected --data {SAMPLE}, alone, or --train and --dev with files; got --data "
                f"{data!r}" + (" beside --train" if "train" in values else "")
            )
        values["train"] = SAMPLE
    changes = {f"options.{key}": value for key, value in pairs(options, "-o").items()}
    return RunConfig.from_mapping(values).updated({**changes, **pairs(settings, "-s")})


def task_options(given: list[str] | None, call: Callable[..., Any]) -> dict[str, Any]:
    """The options of a task behind ``-o``, for a function that takes them by name.

    Raises:
        InputError: no KEY=VALUE, or a name that the function takes for something else.
    """
    options = pairs(given, "-o")
    for name in inspect.signature(call).parameters:
        if name in options:
            raise InputError(
                f"expected an option of the task after -o, got {name}={options[name]!r}: see "
                "`dicetune tasks NAME`, and --help for the flags of this command"
            )
    return options


def pairs(given: list[str] | None, flag: str) -> dict[str, Any]:
    """The values behind a repeated KEY=VALUE flag, read as YAML reads them.

    Raises:
        InputError: no KEY=VALUE.

    Example:
        >>> pairs(["stride=3", "form=sigmoid"], "-o")
        {'stride': 3, 'form': 'sigmoid'}
    """
    from dicetune.training.yaml_values import read_value

    found: dict[str, Any] = {}
    for setting in given or ():
        key, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"expected {flag} KEY=VALUE, got {setting!r}")
        found[key] = read_value(value)
    return found
