"""RunConfig: everything that decides a run, in one frozen, flat, checked dataclass.

A YAML file holds the same names; command-line flags win over the file; ``trainer`` is a mapping
of ``transformers.TrainingArguments``, never declared again here.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from dicetune.errors import InputError, InputTypeError, unknown_name
from dicetune.training.yaml_values import read_yaml

SAMPLE = "sample"

TRAINER_DEFAULTS: dict[str, Any] = {
    "num_train_epochs": 5,
    "learning_rate": 2e-4,
    "per_device_train_batch_size": 32,
    "per_device_eval_batch_size": 64,
    "warmup_steps": 0.1,
    "weight_decay": 0.01,
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "save_total_limit": 2,
    "logging_steps": 20,
}

# set by dicetune itself: each has a name of its own in the configuration, or one right value
_RESERVED = {
    "output_dir": "give out (--out)",
    "seed": "give seed (--seed)",
    "data_seed": "give seed (--seed)",
    "load_best_model_at_end": "the best checkpoint by dev score is always chosen",
    "metric_for_best_model": "the task's main metric chooses the checkpoint",
    "greater_is_better": "the task's main metric chooses the checkpoint",
    "logging_nan_inf_filter": "a loss that is not finite always stops the run",
    "label_smoothing_factor": "the loss decides what is learnt",
    "label_names": "the task names its labels",
    "remove_unused_columns": "the task makes the columns",
    "resume_from_checkpoint": "give --resume",
    "restore_callback_states_from_checkpoint": "a resume always restores them",
    "push_to_hub": "nothing is uploaded",
    "dataloader_drop_last": "every text is trained on and scored",
    "save_only_model": "a resume needs the optimizer's state",
    "ignore_data_skip": "a resume goes on where it stopped",
    "prediction_loss_only": "the scores need the predictions",
    "batch_eval_metrics": "spans are scored over the whole set",
    "eval_do_concat_batches": "spans are scored over the whole set",
    "do_train": "the command decides",
    "do_eval": "the command decides",
    "do_predict": "the command decides",
}

# the least value, and whether it is allowed itself
_TRAINER_LEAST = {
    "learning_rate": (0, True),
    "weight_decay": (0, True),
    "warmup_steps": (0, True),
    "max_grad_norm": (0, True),
    "num_train_epochs": (0, False),
    "per_device_train_batch_size": (1, True),
    "per_device_eval_batch_size": (1, True),
    "gradient_accumulation_steps": (1, True),
    "eval_steps": (0, False),
    "save_steps": (0, False),
    "logging_steps": (0, False),
}
_LEAST = {"max_train": 1, "max_length": 3, "patience": 1, "stride": 0, "seed": 0, "token_column": 0}


@dataclass(frozen=True)
class RunConfig:
    """One run.

    Args:
        task: "ner" or "pos".
        train: training file, or "sample" for the packaged corpus with all its splits.
        dev: file on which the checkpoint is chosen.
        test: file that is scored once at the end.
        out: folder that the run makes.
        model: "minilm", a folder, or a Hub id.
        loss: "auto", or a spec such as "dice", "ce+0.5*tversky:alpha=0.3,beta=0.7".
        start_loss: loss of the start phase.
        start_share: share of the steps that the start phase takes, in (0, 1).
        seed: decides the head's first weights, the order of batches and dropout.
        format: data format, "auto" to tell from the file.
        scheme: span scheme of the files, "auto" to tell from the tags.
        token_column: 0-based column of the token in column files.
        tag_column: 0-based column of the tag; negative counts from the right.
        max_train: train on the first so many sentences only.
        add_characters: add the training split's unknown characters to the tokenizer.
        max_length: longest window in sub-words; by default the model's limit, at most 512.
        stride: sub-words that neighbouring windows of a long text share; by default 32, at most a
            quarter of the window.
        patience: stop after so many evaluations of the main phase without a better dev score.
        keep_checkpoints: keep the trainer's checkpoints after a finished run.
        trainer: keys of ``transformers.TrainingArguments``.

    Raises:
        InputError: for values that cannot be used; for an unknown name the nearest valid one.

    Example:
        >>> config = RunConfig.from_mapping({"task": "ner", "train": "sample", "loss": "dice"})
        >>> config.updated({"trainer.learning_rate": 3e-5}).trainer
        {'learning_rate': 3e-05}
    """

    task: Literal["ner", "pos"]
    train: str
    dev: str | None = None
    test: str | None = None
    out: str | None = None
    model: str = "minilm"
    loss: str = "auto"
    start_loss: str | None = None
    start_share: float | None = None
    seed: int = 1
    format: str = "auto"
    scheme: str = "auto"
    token_column: int | None = None
    tag_column: int | None = None
    max_train: int | None = None
    add_characters: bool = False
    max_length: int | None = None
    stride: int | None = None
    patience: int | None = None
    keep_checkpoints: bool = False
    trainer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_types(self)
        if self.train == SAMPLE:
            if self.dev is not None or self.test is not None:
                raise InputError(
                    "expected no dev and test beside the packaged sample, got them: "
                    "'sample' brings its own three splits"
                )
        elif self.dev is None:
            raise InputError(
                "expected a dev file, on which the checkpoint is chosen, got none: give --dev"
            )
        share = self.start_share
        if share is not None and not 0 < share < 1:
            raise InputError(f"expected 0 < start_share < 1, got {share}")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"expected {name} of at least {least}, got {value}")
        _check_trainer_types(self.trainer)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> RunConfig:
        """Build from names and values; unknown names are errors."""
        valid = [entry.name for entry in fields(cls)]
        for name in values:
            if name not in valid:
                raise unknown_name("configuration key", name, valid)
        missing = [name for name in ("task", "train") if not values.get(name)]
        if missing:
            raise InputError(f"expected {' and '.join(missing)} in the configuration, got none")
        return cls(**values)

    @classmethod
    def from_yaml(cls, path: str | Path) -> RunConfig:
        """Read a YAML file of the same names."""
        return cls.from_mapping(read_yaml(path))

    def updated(self, changes: Mapping[str, Any]) -> RunConfig:
        """A copy with other values.

        Args:
            changes: names and values; "trainer.KEY" reaches into the trainer's mapping.
        """
        plain = {key: value for key, value in changes.items() if not key.startswith("trainer.")}
        trainer = plain.pop("trainer", self.trainer)
        if isinstance(trainer, Mapping):
            reached = {
                key.removeprefix("trainer."): value
                for key, value in changes.items()
                if key.startswith("trainer.")
            }
            trainer = {**trainer, **reached}
        return RunConfig.from_mapping({**asdict(self), **plain, "trainer": trainer})

    def without_place(self) -> RunConfig:
        """The same run, wherever its folder lies."""
        return replace(self, out=None)

    def to_yaml(self) -> str:
        """YAML text that ``from_yaml`` reads back to an equal configuration."""
        return yaml.safe_dump(asdict(self), sort_keys=False, allow_unicode=True)


def check_trainer_key(key: str) -> None:
    """Refuse a key that TrainingArguments does not have, or that dicetune sets itself."""
    from transformers import TrainingArguments

    valid = {entry.name for entry in fields(TrainingArguments) if entry.init}
    if key in _RESERVED:
        raise InputError(f"trainer.{key} cannot be set here: {_RESERVED[key]}")
    if key not in valid:
        raise unknown_name("trainer key", key, valid - set(_RESERVED))


def _check_types(config: RunConfig) -> None:
    """Each value has its field's type; a YAML file can hold anything."""
    hints = typing.get_type_hints(RunConfig)
    for entry in fields(config):
        hint, value = hints[entry.name], getattr(config, entry.name)
        if typing.get_origin(hint) is Literal:
            if value not in typing.get_args(hint):
                raise unknown_name(entry.name, str(value), typing.get_args(hint))
        else:
            _check_type(entry.name, hint, value)


def _check_trainer_types(trainer: Mapping[str, Any]) -> None:
    """The library itself checks few of its types, and late."""
    from transformers import TrainingArguments

    hints = typing.get_type_hints(TrainingArguments)
    for key, value in trainer.items():
        check_trainer_key(key)
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"expected a finite number for trainer.{key}, got {value}")
        if set(_options(hints[key])) <= {int, float, bool, str, type(None)}:
            _check_type(f"trainer.{key}", hints[key], value)
        least, allowed = _TRAINER_LEAST.get(key, (None, True))
        if (
            least is not None
            and value is not None
            and (value < least or (value == least and not allowed))
        ):
            what = "at least" if allowed else "more than"
            raise InputError(f"expected trainer.{key} of {what} {least}, got {value}")
    for key in ("eval_strategy", "save_strategy"):
        if trainer.get(key) not in (None, "steps", "epoch"):
            raise InputError(
                f"expected trainer.{key} 'epoch' or 'steps', got {trainer[key]!r}: the checkpoint "
                "is chosen by dev score"
            )
    if trainer.get("save_total_limit") == 1:
        raise InputError(
            "expected trainer.save_total_limit of at least 2, got 1: the best checkpoint and the "
            "last one are both needed"
        )


def _check_type(name: str, hint: Any, value: Any) -> None:
    plain = _options(hint)
    accepted = (*plain, int) if float in plain else plain
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in plain):
        names = " or ".join(
            "nothing" if option is type(None) else option.__name__ for option in plain
        )
        raise InputTypeError(f"expected {name} as {names}, got {value!r} ({type(value).__name__})")


def _options(hint: Any) -> tuple[Any, ...]:
    """The plain types that a hint allows."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    options = typing.get_args(hint) if union else (hint,)
    return tuple(typing.get_origin(option) or option for option in options)
