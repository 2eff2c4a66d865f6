"""Losses from a user's own module, named in a text: ``py(package.module:Class)``.

Naming one runs code. Only what a user types or gives in a configuration is imported; whoever reads
a spec from a record asks ``imported_names`` first whether the user named it again.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dicetune.errors import DicetuneError, InputError, quoted
from dicetune.losses._base import Loss
from dicetune.losses._own import OwnLoss, as_loss, one_line
from dicetune.records import sha256

_NAME = re.compile(r"py\(\s*([\w.]+)\s*:\s*([\w.]+)\s*\)")


def imported_names(spec: str) -> list[str]:
    """The modules' losses that a spec names; nothing is imported.

    Args:
        spec: of a loss.

    Example:
        >>> imported_names("ce+0.5*py( mine:Loss ):alpha=0.3+dice")
        ['py(mine:Loss)']
    """
    return [f"py({module}:{path})" for module, path in _NAME.findall(spec)]


def code_of(losses: Iterable[Loss]) -> dict[str, str | None]:
    """SHA-256 of the file of each imported loss, by the name that it has in a spec.

    Args:
        losses: built ones.

    Returns:
        The digest of the file that defines the class or function; ``None`` where it has none.
    """
    return {
        term.imported: _digest(term.imported)
        for loss in losses
        for _, term in loss.terms()
        if term.imported is not None
    }


def import_loss(name: str, options: Mapping[str, Any]) -> Loss:
    """The loss behind ``py(module:name)``: a class is made with the options, a function takes them.

    The current directory is searched first, as ``python -m`` does.

    Args:
        name: as it stands in a spec.
        options: keyword arguments of the class, or of each call of the function.

    Raises:
        InputError: no such module or name, nothing that can be called, options that it does not
            take.
    """
    module, path = _parts(name)
    found = _find(module, path)
    name = f"py({module}:{path})"
    if isinstance(found, type):
        made = _called(name, found, options)
        loss = as_loss(made)
        if isinstance(loss, OwnLoss):
            loss.given = dict(options)
    elif isinstance(found, Loss) or not callable(found):
        raise InputError(f"expected a class or a function in {name}, got {quoted(found)}")
    else:
        _check_signature(name, found, options)
        loss = OwnLoss(found, options)
    loss.imported = name
    try:
        loss.options()
    except AttributeError as error:
        raise InputError(
            f"expected {name} to keep each option as an attribute of its name, as every Loss does; "
            f"{error}"
        ) from None
    return loss


def _parts(name: str) -> tuple[str, str]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(
            f"expected py(package.module:Class) or py(module:function), got {quoted(name)}"
        )
    return match[1], match[2]


def _find(module_name: str, path: str) -> Any:
    here = os.getcwd()
    if not {"", here} & set(sys.path):
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _broken(module_name, error) from error
        raise InputError(
            f"expected a module to import the loss from, got {quoted(module_name)}, and there is "
            f"no {quoted(error.name)} in {quoted(here)} nor on the path of Python (PYTHONPATH)"
        ) from None
    except (Exception, SystemExit) as error:
        raise _broken(module_name, error) from error
    try:
        return functools.reduce(getattr, path.split("."), module)
    except AttributeError as error:
        raise InputError(
            f"expected a class or a function of module {quoted(module_name)}, got {quoted(path)}: "
            f"{error}"
        ) from None


def _broken(module_name: str, error: BaseException) -> InputError:
    return InputError(
        f"expected a module that can be imported, got from {quoted(module_name)} {one_line(error)}"
    )


def _called(name: str, factory: type, options: Mapping[str, Any]) -> Any:
    try:
        return factory(**options)
    except DicetuneError:
        raise
    except Exception as error:
        raise _wrong_options(name, options, error) from error


def _check_signature(name: str, function: Any, options: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions of compiled modules do not tell theirs
        return
    try:
        signature.bind(None, None, **options)
    except TypeError as error:
        raise _wrong_options(name, options, error) from None


def _wrong_options(name: str, options: Mapping[str, Any], error: Exception) -> InputError:
    given = ", ".join(f"{key}={quoted(value)}" for key, value in options.items()) or "none"
    return InputError(f"expected options that {name} takes, got {given}; {one_line(error)}")


def _digest(name: str) -> str | None:
    module, path = _parts(name)
    found = _find(module, path)
    home = found.__module__ if isinstance(found, type) or inspect.isfunction(found) else module
    file = getattr(sys.modules.get(home), "__file__", None)
    return sha256(file) if file is not None and Path(file).is_file() else None
