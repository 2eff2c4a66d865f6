"""From the flags of the command line to values: KEY=VALUE pairs, a task's options, runs."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from dicetune.errors import InputError, quoted


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
    from dicetune.training.config import RunConfig, read_yaml

    values = _run_values({} if path is None else read_yaml(path), flags, data)
    return RunConfig.from_mapping(values).updated(_changes(options, settings))


def comparison(
    path: Path | None,
    flags: Mapping[str, Any],
    data: str | None,
    options: list[str] | None,
    settings: list[str] | None,
) -> dict[str, Any]:
    """What ``compare`` is asked for: file, then flags, then -o and -s; ``out`` among it.

    The file holds the keys of a run, and ``losses``, ``seeds`` and the other names of ``compare``.

    Returns:
        Arguments of ``dicetune.comparison.compare.compare``.

    Raises:
        InputError: for values that cannot be used, or no folder.
    """
    from dicetune.tasks import DEFAULT_TASK
    from dicetune.tasks.options import read_text, read_texts
    from dicetune.training.config import read_yaml

    values = {} if path is None else read_yaml(path)
    asked = {name: values.pop(name) for name in _OF_COMPARE if name in values}
    asked |= {name: flags[name] for name in _OF_COMPARE if flags.get(name) is not None}
    if isinstance(asked.get("losses"), str):
        asked["losses"] = [asked["losses"]]
    if isinstance(seeds := asked.get("seeds"), str) and "," in seeds:
        asked["seeds"] = seeds.split(",")
    if isinstance(seeds := asked.get("seeds"), list):
        asked["seeds"] = [read_text(int, one) for one in seeds]
    asked = read_texts(_OF_COMPARE, asked)
    if isinstance(asked.get("predictions"), list):
        asked["predictions"] = _named_files(asked["predictions"])
    values = _run_values(values, {**flags, "out": None}, data)
    if data is not None:
        asked = {"seeds": 3, "out": "sample-comparison", **asked}
        values.setdefault("task", DEFAULT_TASK)
    for key, value in _changes(options, settings).items():
        group, dot, name = key.partition(".")
        if not dot:
            values[key] = value
        elif isinstance(own := values.get(group), Mapping | None):
            values[group] = {**(own or {}), name: value}
    if asked.get("out") is None:
        raise InputError("expected a folder for the comparison, got none: give --out")
    return {**asked, "config": values or None, "command": shlex.join(["dicetune", *sys.argv[1:]])}


def records_comparison(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What ``compare --from`` is asked for.

    Returns:
        Arguments of ``dicetune.comparison.merge.compare_records``.

    Raises:
        InputError: flags that mean nothing for records.
    """
    meant = ("sources", "out", "baseline", "predictions")
    for name, value in flags.items():
        if name not in meant and value is not None:
            raise InputError(
                f"expected --out, --baseline and --predictions alone beside --from, got {name}="
                f"{quoted(value)}: nothing is trained"
            )
    return {
        **{name: flags[name] for name in meant},
        "predictions": _named_files(flags["predictions"] or []),
    }


_OF_COMPARE = {
    "losses": list,
    "seeds": int,
    "baseline": str,
    "search": int | None,
    "keep_models": bool,
    "predictions": dict,
    "out": str,
}


def _run_values(
    values: dict[str, Any], flags: Mapping[str, Any], data: str | None
) -> dict[str, Any]:
    """The values of a file, and the flags over them."""
    from dicetune.training.config import SAMPLE, RunConfig

    names = {entry.name for entry in fields(RunConfig)}
    values.update({k: v for k, v in flags.items() if k in names and v is not None})
    if data is not None:
        if data != SAMPLE or "train" in values:
            raise InputError(
                f"expected --data {SAMPLE}, alone, or --train and --dev with files; got --data "
                f"{quoted(data)}" + (" beside --train" if "train" in values else "")
            )
        values["train"] = SAMPLE
    return values


def _changes(options: list[str] | None, settings: list[str] | None) -> dict[str, Any]:
    """What stands behind -o and -s."""
    changes = {f"options.{key}": value for key, value in pairs(options, "-o").items()}
    return {**changes, **pairs(settings, "-s")}


def _named_files(given: list[str]) -> dict[str, str]:
    """The files behind a repeated NAME=FILE.

    Raises:
        InputError: no NAME=FILE, or a name twice.
    """
    found: dict[str, str] = {}
    for one in given:
        name, equals, file = one.partition("=")
        if not equals or not name or not file or name in found:
            again = " again" if name in found else ""
            raise InputError(f"expected --predictions NAME=FILE, got {quoted(one)}{again}")
        found[name] = file
    return found


def task_options(given: list[str] | None, call: Callable[..., Any]) -> dict[str, Any]:
    """The options of a task behind ``-o``, for a function that takes them by name.

    Raises:
        InputError: no KEY=VALUE, or a name that the function takes for something else.
    """
    options: dict[str, Any] = pairs(given, "-o")
    for name in inspect.signature(call).parameters:
        if name in options:
            raise InputError(
                f"expected an option of the task after -o, got {name}={quoted(options[name])}: see "
                "`dicetune tasks NAME`, and --help for the flags of this command"
            )
    return options


def pairs(given: list[str] | None, flag: str) -> dict[str, str]:
    """The values behind a repeated KEY=VALUE flag, as they were written; the last of a key wins.

    Raises:
        InputError: no KEY=VALUE.

    Example:
        >>> pairs(["stride=3", "form=sigmoid"], "-o")
        {'stride': '3', 'form': 'sigmoid'}
    """
    found: dict[str, str] = {}
    for setting in given or ():
        key, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"expected {flag} KEY=VALUE, got {quoted(setting)}")
        found[key] = value
    return found
