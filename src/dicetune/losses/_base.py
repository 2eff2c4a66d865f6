"""Loss: the base of every loss, with the ``forward`` of all losses, and the checks of options."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from dicetune.errors import InputError, InputTypeError, quoted, unknown_name
from dicetune.losses._inputs import KINDS, REDUCTIONS, Call, Given
from dicetune.losses._targets import values_are_known

_KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY


@dataclass(frozen=True)
class Range:
    """Values from ``low`` to ``high``; with ``log`` their logarithm is uniform."""

    low: float
    high: float
    log: bool = False

    def including(self, value: float) -> Range:
        """The smallest range that holds this range and ``value``."""
        return Range(min(self.low, value), max(self.high, value), self.log)


@dataclass(frozen=True)
class Preset:
    """A name of a loss in text, and its row in ``dicetune losses``.

    Args:
        formula: the formula in one line.
        equation: where the paper has the formula, or another source.
        use: when to choose the loss.
        options: options that differ from the defaults of the class.
    """

    formula: str
    equation: str
    use: str
    options: Mapping[str, Any] = field(default_factory=dict)


class Loss(nn.Module):
    """Base of all losses: holds the options of a function and calls it; has no state.

    A loss is called as ``loss(logits, target, **given)``; ``Call`` lists the arguments of a call. A
    subclass names its ``function``, whose keyword parameters are the options of the loss. A
    subclass with an ``__init__`` keeps each parameter as an attribute of the same name, and
    overrides ``value``.

    Example:
        >>> class Halved(Loss):
        ...     def value(self, logits, target, given):
        ...         return torch.nn.functional.cross_entropy(logits, target) / 2
        >>> Halved()(torch.zeros(2, 4), torch.tensor([0, 3]))
        tensor(0.6931)
    """

    function: ClassVar[Callable[..., Tensor]]
    kinds: frozenset[str] = frozenset(KINDS)
    """The kinds of input that the loss serves."""
    ranges: ClassVar[Mapping[str, Range]] = {}
    """The options that a search may change (``dicetune compare --search``), and how far."""
    presets: ClassVar[Mapping[str, Preset]] = {}
    """The names of the loss in text."""
    defaults: ClassVar[Mapping[str, Any]] = {}
    """The options of the class by name, with their defaults."""
    shared: ClassVar[Sequence[str]] = ()
    """Options of the base class that the function takes too, and passes on."""
    _function_defaults: ClassVar[Mapping[str, Any]] = {}
    imported: str | None = None
    """``py(module:Class)``, where a text named a module of the user; see ``build``."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Read options and documentation from the ``function``, or options from ``__init__``."""
        super().__init_subclass__(**keywords)
        parameters: list[inspect.Parameter] = []
        if "function" in vars(cls):
            every = inspect.signature(cls.function).parameters.values()
            named = {
                option.name: option.default for option in every if option.kind is _KEYWORD_ONLY
            }
            shared = {name: cls._function_defaults.get(name) for name in cls.shared}
            cls._function_defaults = named | {n: d for n, d in shared.items() if n not in named}
            parameters = [
                inspect.Parameter(name, _KEYWORD_ONLY, default=default)
                for name, default in cls._function_defaults.items()
            ]
            documents = (cls.__doc__, cls.function.__doc__)
            cls.__doc__ = "\n\n".join(inspect.cleandoc(text) for text in documents if text)
        if "__init__" in vars(cls):
            parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if {"function", "__init__"} & vars(cls).keys():
            cls.defaults = {option.name: option.default for option in parameters}
            cls.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]

    def __init__(self, **options: Any) -> None:
        super().__init__()
        unknown = options.keys() - self._function_defaults.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no option {quoted(min(unknown))}")
        for name, default in self._function_defaults.items():
            setattr(self, name, options.get(name, default))
        self.check()

    def check(self) -> None:
        """Refuse options that cannot be used; called once, when the loss is built."""
        for name, default in self._function_defaults.items():
            setattr(self, name, _checked(name, getattr(self, name), default))

    def forward(self, logits: Tensor, target: Tensor, **given: Unpack[Call]) -> Tensor:
        """The loss of raw scores and their targets; ``Call`` lists the keywords."""
        kind = given.get("kind")
        if kind is not None:
            self.check_kind(kind, given.get("background"))
        return self.value(logits, target, given)

    def value(self, logits: Tensor, target: Tensor, given: Call) -> Tensor:
        """The value of ``forward``. An option that is ``None`` may be given in the call."""
        options = {name: getattr(self, name) for name in self._function_defaults}
        chosen = {name: option for name, option in options.items() if option is not None}
        return self.function(logits, target, **{**given, **chosen})

    def terms(self) -> list[tuple[float, Loss]]:
        """Coefficients and losses: the loss itself, or the parts of a sum."""
        return [(1.0, self)]

    def is_additive(self, kind: str) -> bool:
        """Whether the loss of several batches is the item-weighted mean of their losses."""
        return True

    @property
    def needs_class_counts(self) -> bool:
        """Whether ``class_counts`` have to come with each call."""
        return False

    @property
    def outweighs_few(self) -> bool:
        """Whether many negatives of p near 0 push harder than few positives of p near 0."""
        return False

    def check_kind(self, kind: str, background: int | None = None) -> None:
        """Refuse a kind for which the loss has no meaning, before anything is computed.

        Raises:
            InputError: says what to use instead.
        """
        if kind not in KINDS:
            raise unknown_name("kind", kind, KINDS)
        if kind not in self.kinds:
            raise InputError(
                f"expected kind {' or '.join(sorted(self.kinds))} for loss {quoted(self.spec)}, "
                f"got {quoted(kind)}: choose another loss (`dicetune losses` lists them)"
            )
        check_class_weight(kind, getattr(self, "class_weight", None))

    def fast_part(self, coefficient: float) -> Any:
        """The loss as a ``Part`` of a sum that is computed in one step; ``None``: it has none."""

    @property
    def is_only_its_value(self) -> bool:
        """Whether a call is nothing but ``value``: no other ``forward``, and no hooks."""
        own = type(self).forward is not Loss.forward or "forward" in vars(self)
        hooks = self._forward_hooks, self._forward_pre_hooks, self._backward_hooks
        everywhere: bool = _has_any_global_hook()  # type: ignore[no-untyped-call]
        return not (own or everywhere or any(hooks) or self._backward_pre_hooks)

    def sums(self, logits: Tensor, target: Tensor, **given: Unpack[Given]) -> Tensor:
        """S_tp and E of a set-level loss and the items of each class, (3, C): they add up.

        E are the weighed errors, α S_fp + β S_fn. A class without items does not exist in the set.

        Raises:
            InputError: for an additive loss, which has no sums.
        """
        raise self._without_sums()

    def from_sums(self, sums: Tensor, background: int | None = None) -> Tensor:
        """The loss of the set with these per-class sums.

        Raises:
            InputError: for an additive loss, which has no sums.
        """
        raise self._without_sums()

    def _without_sums(self) -> InputError:
        return InputError(
            f"expected a set-level loss for sums, got {quoted(self.spec)}: it is additive"
        )

    def options(self) -> dict[str, Any]:
        """The options by name, as they were given."""
        return {name: getattr(self, name) for name in self.defaults}

    def searchable(self) -> dict[str, tuple[float, Range]]:
        """Options that a search may change: value and range of each option, by name."""
        return {
            name: (value, allowed.including(value))
            for name, allowed in self.ranges.items()
            for value in (float(getattr(self, name)),)
        }

    def with_values(self, values: Mapping[str, float]) -> Loss:
        """The same loss with other values of some of ``searchable``."""
        changed = type(self)(**{**self.options(), **values})
        changed.imported = self.imported
        return changed

    @property
    def spec(self) -> str:
        """The shortest text that ``build`` reads back to an equal loss."""
        if self.imported is not None:
            return term_text(self.imported, self.options(), self.defaults, typed_text)
        texts = [
            term_text(name, self.options(), {**self.defaults, **preset.options})
            for name, preset in vars(type(self)).get("presets", {}).items()
        ]
        return min(texts, key=lambda text: text.count("="), default=type(self).__name__)

    def extra_repr(self) -> str:
        """The spec, for print(loss)."""
        return repr(self.spec)


def option_text(value: Any) -> str:
    """The value of an option as short text: 1 for 1.0, 1/2 for numbers of classes."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, tuple):
        return "/".join(option_text(item) for item in value)
    if not isinstance(value, int | float):
        return str(value)
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else repr(float(value))


def typed_text(value: object) -> str:
    """The value of an option of any type: 3 and 3.0 are different texts."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def term_text(
    name: str,
    options: Mapping[str, Any],
    defaults: Mapping[str, Any],
    as_text: Callable[[Any], str] = option_text,
) -> str:
    """A name and the options that differ from the defaults: ``dice:smooth=2,level=example``."""
    changed = [
        f"{key}={as_text(value)}"
        for key, value in options.items()
        if key not in defaults or value != defaults[key]
    ]
    return f"{name}:{','.join(changed)}" if changed else name


def _checked(name: str, value: Any, default: object) -> object:
    """An option, checked by the type of its default."""
    if default is None:
        return class_numbers(value, name)
    if isinstance(default, bool):
        return boolean(name, value)
    return number(name, value) if isinstance(default, float) else one_of(name, value, REDUCTIONS)


def number(name: str, value: object, *, above_0: bool = False) -> float:
    """``value`` as a float, where it is finite and not below 0 (``above_0``: above 0)."""
    wanted = f"expected {name} to be a finite number {'>' if above_0 else '>='} 0"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputTypeError(f"{wanted}, got {quoted(value)}")
    if not math.isfinite(value) or value < 0 or (above_0 and value == 0):
        raise InputError(f"{wanted}, got {quoted(value)}")
    return float(value)


def one_of(name: str, value: object, valid: Sequence[str]) -> str:
    """``value``, where it is one of ``valid``; else an error with the nearest valid one."""
    if not isinstance(value, str):
        raise InputTypeError(
            f"expected {name} to be one of {', '.join(valid)}, got {quoted(value)}"
        )
    if value not in valid:
        raise unknown_name(f"value for {name}", value, valid)
    return value


def boolean(name: str, value: object) -> bool:
    """``value``, where it is True or False."""
    if not isinstance(value, bool):
        raise InputTypeError(f"expected {name} to be True or False, got {quoted(value)}")
    return value


def class_numbers(
    value: Sequence[float] | Tensor | None, name: str = "class_weight"
) -> tuple[float, ...] | None:
    """``value`` as one finite number >= 0 for each class, not all of them 0."""
    if value is None:
        return None
    numbers = value.tolist() if isinstance(value, Tensor) else list(value)
    if not numbers or not all(isinstance(entry, int | float) for entry in numbers):
        raise InputTypeError(
            f"expected {name} to be one number for each class, got {quoted(value)}"
        )
    checked = tuple(number(f"every {name}", entry) for entry in numbers)
    if not any(checked):
        raise InputError(f"expected {name} with at least one weight > 0, got {list(checked)}")
    return checked


def check_class_weight(kind: str, class_weight: object) -> None:
    """Refuse class weights over positions: positions are not classes."""
    if kind == "positions" and class_weight is not None:
        raise InputError(
            "expected no class_weight for kind 'positions', got one: positions are not classes"
        )


def numbers_beside(numbers: Tensor | Sequence[float] | None, like: Tensor) -> Tensor:
    """Numbers on the device and in the precision of a tensor; they go to a device only once."""
    if not values_are_known() or not isinstance(numbers, tuple):
        return torch.as_tensor(numbers, dtype=like.dtype, device=like.device)
    return _kept_numbers(numbers, like.dtype, like.device)


@lru_cache(maxsize=128)
def _kept_numbers(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=dtype, device=device)


def weight_vector(
    class_weight: Sequence[float] | Tensor | None,
    like: Tensor,
    kind: str = "classes",
    *,
    sides: bool = False,
) -> Tensor | None:
    """Class weights as a tensor beside ``like``, checked against its number of classes.

    With ``sides`` they may also be (C, 2), a weight for a label's absence and one for its presence.
    """
    check_class_weight(kind, class_weight)
    if class_weight is None:
        return None
    if not isinstance(class_weight, Tensor):
        class_weight = class_numbers(class_weight)
    vector = numbers_beside(class_weight, like)
    classes = like.shape[1]
    if vector.shape != (classes,) and not (sides and vector.shape == (classes, 2)):
        raise InputError(
            f"expected one class_weight for each of {classes} classes, got "
            + (f"{vector.numel()}" if vector.ndim < 2 else f"the shape {tuple(vector.shape)}")
        )
    return vector
