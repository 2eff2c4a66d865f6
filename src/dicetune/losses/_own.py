"""Losses of the user: any function of logits and targets, also one named in text.

    L = mean of ``function(logits, target)`` over the items that count

A text names a class or function of the user's module: ``py(package.module:Class)``. Naming a module
runs its code. Only what a user types or writes in a configuration is imported; a reader of a record
asks ``imported_names`` first whether the user named the module again.

What it is not: a set-level loss. The value of the function counts as a mean over its items, or as
one loss an item; derive from ``Loss`` for anything else.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dicetune.errors import DicetuneError, InputError, quoted
from dicetune.losses._base import Loss, term_text, typed_text
from dicetune.losses._inputs import Call, items_of, mean_of
from dicetune.records import sha256

_NAME = re.compile(r"py\(\s*([\w.]+)\s*:\s*([\w.]+)\s*\)")


class OwnLoss(Loss):
    """Any callable ``function(logits, target)``, such as ``torch.nn.CrossEntropyLoss()``.

    The function gets the items that count and no others: of ``classes`` and ``positions`` logits
    (N, C) and class numbers (N,), of ``labels`` logits and values in [0, 1], both (N, C). Half
    precision comes as float32. A class, label or position that does not exist has the lowest
    logit of its dtype, and as a label the target 0. Where no item counts the loss is 0 and the
    function is not called.

    Args:
        function: returns one number, the mean over the N items, or N numbers, one an item. The
            buffers and parameters of a Module move with the loss.
        keywords: passed to each call.

    Raises:
        InputError: for an object that cannot be called, or that sums; later, for a call that fails
            and for any other result.

    Example:
        >>> loss = OwnLoss(torch.nn.CrossEntropyLoss())
        >>> loss(torch.zeros(3, 4), torch.tensor([0, 3, -100]))
        tensor(1.3863)
    """

    def __init__(
        self, function: Callable[..., Tensor], keywords: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        if isinstance(function, type):
            raise InputError(
                f"expected a loss, got the class {function.__name__}: make a loss of it, as in "
                f"{function.__name__}()"
            )
        if not callable(function):
            raise InputError(
                "expected as loss a text such as 'ce+dice', a Loss, or anything that is called as "
                f"f(logits, target), got {quoted(function)}"
            )
        self.called = function
        self.keywords = dict(keywords or {})
        self.given = self.keywords
        """The options of ``py(…)``, where the loss was named in a text."""
        if "sum" in (getattr(function, "reduction", None), self.keywords.get("reduction")):
            raise InputError(
                f"expected reduction 'mean' or 'none' (one loss an item), got 'sum' of "
                f"{quoted(self.spec)}: a sum would grow with the batch"
            )

    def value(self, logits: Tensor, target: Tensor, given: Call) -> Tensor:
        """The mean over the items that count."""
        items = items_of(logits, target, **given)
        rows, goal = items.logits, items.target
        if items.class_mask is not None:
            rows = rows.masked_fill(~items.class_mask, torch.finfo(rows.dtype).min)
        if items.mask is not None:
            rows, goal = rows[items.mask], goal[items.mask]
        total = self._total(rows, goal) if len(rows) else rows.sum()
        return mean_of(total, items)

    def options(self) -> dict[str, Any]:
        """The options that ``py(…)`` was given, by name."""
        return dict(self.given)

    def with_values(self, values: Mapping[str, float]) -> Loss:
        """The loss itself: a search knows none of its options."""
        return self

    @property
    def spec(self) -> str:
        """``py(module:name)`` with its options, else the name of the function."""
        if self.imported is not None:
            return term_text(self.imported, self.given, {}, typed_text)
        return getattr(self.called, "__name__", type(self.called).__name__)

    def _total(self, rows: Tensor, goal: Tensor) -> Tensor:
        """The sum of the values of the function over the items."""
        shapes = f"logits {tuple(rows.shape)} and targets {tuple(goal.shape)}"
        try:
            value = self.called(rows, goal, **self.keywords)
        except (DicetuneError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise InputError(
                f"expected loss {quoted(self.spec)} to take {shapes}, got {_one_line(error)}"
            ) from error
        tensor = isinstance(value, Tensor)
        if not (tensor and value.is_floating_point() and value.shape in ((), (len(rows),))):
            got = f"{value.dtype} of the shape {tuple(value.shape)}" if tensor else quoted(value)
            raise InputError(
                f"expected loss {quoted(self.spec)} to give one number, the mean over its "
                f"{len(rows)} items, or {len(rows)} numbers, one an item; got for {shapes} {got}"
            )
        if torch.is_grad_enabled() and rows.requires_grad and not value.requires_grad:
            raise InputError(
                f"expected loss {quoted(self.spec)} to have a gradient in the logits, got a "
                "constant: nothing would be learnt; where a batch has nothing to learn give "
                "logits.sum() * 0"
            )
        return value.sum() if value.ndim else value * len(rows)


def as_loss(loss: Any) -> Loss:
    """A ``Loss`` unchanged; any other callable as an ``OwnLoss``.

    Raises:
        InputError: for an object that cannot be called as ``f(logits, target)``, and for a ``Loss``
            whose ``forward`` takes other arguments.

    Example:
        >>> as_loss(torch.nn.CrossEntropyLoss()).spec
        'CrossEntropyLoss'
    """
    if not isinstance(loss, Loss):
        return OwnLoss(loss)
    keywords = list(Call.__annotations__)
    try:
        inspect.signature(loss.forward).bind(None, None, **dict.fromkeys(keywords))
    except TypeError as error:
        raise InputError(
            f"expected {type(loss).__name__}.forward to take logits, target and the keywords "
            f"{', '.join(keywords)}, as every Loss does; {error}: derive from torch.nn.Module for "
            "a loss of logits and target alone"
        ) from None
    return loss


def _one_line(error: BaseException) -> str:
    """An exception of the user's code, in one line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def imported_names(spec: str) -> list[str]:
    """The losses of other modules that a spec names; nothing is imported.

    Example:
        >>> imported_names("ce+0.5*py( mine:Loss ):alpha=0.3+dice")
        ['py(mine:Loss)']
    """
    return [f"py({module}:{path})" for module, path in _NAME.findall(spec)]


def code_of(losses: Iterable[Loss]) -> dict[str, str | None]:
    """SHA-256 of the file that defines each imported loss, by name; ``None`` where no file does."""
    return {
        term.imported: _digest(term.imported)
        for loss in losses
        for _, term in loss.terms()
        if term.imported is not None
    }


def import_loss(name: str, options: Mapping[str, Any]) -> Loss:
    """The loss of ``py(module:name)``: a class is made with the options, a function takes them.

    The current directory is searched first, as ``python -m`` does.
    """
    module, path = _parts(name)
    found = _find(module, path)
    name = f"py({module}:{path})"
    given = ", ".join(f"{key}={quoted(value)}" for key, value in options.items()) or "none"
    wrong = f"expected options that {name} takes, got {given}; "
    if isinstance(found, type):
        try:
            made = found(**options)
        except DicetuneError:
            raise
        except Exception as error:
            raise InputError(wrong + _one_line(error)) from error
        loss = as_loss(made)
        if isinstance(loss, OwnLoss):
            loss.given = dict(options)
    elif isinstance(found, Loss) or not callable(found):
        raise InputError(f"expected a class or a function in {name}, got {quoted(found)}")
    else:
        try:
            # some functions of compiled modules have no signature, which is a ValueError
            with contextlib.suppress(ValueError):
                inspect.signature(found).bind(None, None, **options)
        except TypeError as error:
            raise InputError(wrong + _one_line(error)) from None
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
        f"expected a module that can be imported, got from {quoted(module_name)} {_one_line(error)}"
    )


def _digest(name: str) -> str | None:
    module, path = _parts(name)
    found = _find(module, path)
    home = found.__module__ if isinstance(found, type) or inspect.isfunction(found) else module
    file = getattr(sys.modules.get(home), "__file__", None)
    return sha256(file) if file is not None and Path(file).is_file() else None
