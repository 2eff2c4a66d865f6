"""RunConfig: everything that decides a run, in one frozen, flat, checked dataclass.

A YAML file holds the same names, and command-line flags override the file.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from transformers import TrainingArguments

from dicetune.errors import (
    DataError,
    DicetuneError,
    InputError,
    InputTypeError,
    quoted,
    unknown_name,
)
from dicetune.losses import Recipe
from dicetune.models.adapters import LowRank
from dicetune.records import DEFAULT, TUNED
from dicetune.tasks import TASKS, build_options, task_named
from dicetune.tasks.options import (
    at_least,
    check_needs_no_file,
    check_type,
    plain_types,
    read_option_texts,
    read_text,
)
from dicetune.training.auto import AUTO, recipe_of
from dicetune.training.config_file import read_yaml as read_yaml
from dicetune.training.sets import BATCH, LossSet

SAMPLE = "sample"
FP32, BF16 = "fp32", "bf16"
BALANCED = "balanced"
PRECISIONS = (FP32, BF16, AUTO)
WITHOUT_FLAG = (
    *("set", "hard_negatives", "prior_bias", "class_weight", "average"),
    *("max_dev", "max_test", "note", "keep_checkpoints"),
)
_MAPPINGS = ("options", "trainer", "class_weight")

# epochs, learning rate and batch size are those of configurations of earlier versions: a new run
# chooses by training.defaults
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

SHORT = {
    "epochs": "num_train_epochs",
    "lr": "learning_rate",
    "batch_size": "per_device_train_batch_size",
}
"""Keys of the trainer by the name of their own flag."""

# keys that dicetune sets, because the configuration has another name or one value is right
_RESERVED = {
    "output_dir": "give out (--out)",
    "seed": "give seed (--seed)",
    "data_seed": "give seed (--seed)",
    "load_best_model_at_end": "the best checkpoint by dev score is always chosen",
    "metric_for_best_model": "the main metric of the task chooses, by the decision (--decision)",
    "greater_is_better": "the main metric of the task chooses, by the decision (--decision)",
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
    **dict.fromkeys(("do_train", "do_eval", "do_predict"), "the command decides"),
}

_LEAST = {"max_train": 1, "max_dev": 1, "max_test": 1, "max_length": 3, "patience": 1, "seed": 0}
_TRAINER_LEAST = {
    **dict.fromkeys(("learning_rate", "weight_decay", "warmup_steps", "max_grad_norm"), 0),
    **dict.fromkeys(("per_device_train_batch_size", "per_device_eval_batch_size"), 1),
    "gradient_accumulation_steps": 1,
}
_TRAINER_ABOVE_0 = ("num_train_epochs", "eval_steps", "save_steps", "logging_steps")


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run; ``trainer``, ``options``, ``class_weight`` are mappings.

    Args:
        task: one of ``dicetune.tasks.TASKS`` ("ner", "qa", …).
        train: training file, or "sample" for the packaged corpus with all its splits.
        dev: file on which the checkpoint is chosen.
        test: file that is scored once, at the end.
        out: folder that the run makes.
        model: "minilm", a folder, or a Hub id.
        loss: "auto", or a spec such as "dice", "ce+0.5*tversky:alpha=0.3,beta=0.7".
        start_loss: loss of the start phase, such as "ce"; by default there is no start phase.
        start_share: share of the steps that the start phase takes, in (0, 1).
        seed: decides the first weights of the head, the order of batches and dropout.
        format: format of the files; "auto" finds the format from the content.
        options: options of the task by name (``dicetune tasks`` lists them).
        hard_negatives: train each batch on this number of hardest negatives for each positive
            (such as 3); by default on all negatives.
        set: what a set-level loss is computed over: "batch" (default), "step" (the whole optimizer
            step) or "running" (averages of the last 20 steps, "running:50" of 50); see
            ``training.sets``.
        average: share of all steps, from the end, whose weights are averaged, such as 0.33
            (``training.averaging``). By default nothing is averaged.
        precision: "fp32" (default), "bf16" (autocast; losses stay in float32), or "auto": bf16
            where the device is faster with it, measured once and kept.
        lora: train adapters of low rank and the head alone, such as "r=16,alpha=32"; see
            ``models.adapters.LowRank``.
        sampler: "balanced" draws every class equally often (``balanced_weights``); by default each
            text comes once in an epoch.
        prior_bias: true starts each sigmoid at the share of its positives in the training split,
            and a softmax at the share of its background class (O), or of each class; false starts
            the head even; by default ``training.auto.starts_at_prior`` decides.
        max_train: number of training examples, from the start of the file; by default all.
        max_dev: number of dev examples that choose the checkpoint; by default all.
        max_test: number of test examples that are scored; by default all.
        add_characters: add unknown characters of the training split to the tokenizer.
        max_length: longest window in sub-words; by default the model's limit, at most 512.
        decision: "tuned" fits a decision rule on dev, which chooses the checkpoint and stays with
            the model; "argmax" keeps the default decision.
        patience: stop after this number of evaluations of the main phase without a better dev
            score; by default the run takes all steps.
        note: text for readers of the record, such as the origin of the splits.
        keep_checkpoints: keep the checkpoints of the trainer after a finished run.
        trainer: keys of ``transformers.TrainingArguments``.
        class_weight: weight of each class by label, for every loss; other labels weigh 1.

    Raises:
        InputError: for values that cannot be used, and unknown names (with the nearest valid name).

    Example:
        >>> config = RunConfig.from_mapping({"task": "ner", "train": "sample", "loss": "dice"})
        >>> config.updated({"trainer.learning_rate": 3e-5}).trainer
        {'learning_rate': 3e-05}
    """

    task: str
    train: str
    dev: str | None = None
    test: str | None = None
    out: str | None = None
    model: str = "minilm"
    loss: str = AUTO
    start_loss: str | None = None
    start_share: float | None = None
    seed: int = 1
    format: str = "auto"
    options: dict[str, Any] = field(default_factory=dict)
    hard_negatives: float | None = None
    prior_bias: bool | None = None
    max_train: int | None = None
    max_dev: int | None = None
    max_test: int | None = None
    add_characters: bool = False
    max_length: int | None = None
    decision: str = TUNED
    patience: int | None = None
    note: str | None = None
    keep_checkpoints: bool = False
    trainer: dict[str, Any] = field(default_factory=dict)
    class_weight: dict[str, Any] | None = None
    set: str = BATCH
    precision: str = FP32
    lora: str | None = None
    sampler: str | None = None
    average: float | None = None

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(RunConfig)
        for entry in fields(self):  # a YAML file can hold anything
            check_type(entry.name, hints[entry.name], getattr(self, entry.name))
        self.task_options()
        if self.train == SAMPLE:
            if self.dev is not None or self.test is not None:
                raise InputError(
                    "expected no dev and test beside the packaged sample, got them: "
                    "'sample' brings its own three splits"
                )
            check_needs_no_file(task_named(self.task).Options, self.options, "the packaged sample")
            if self.format != "auto":
                raise InputError(
                    "expected no format beside the packaged sample, got "
                    f"{quoted(self.format)}: it says how a file is read; leave it out"
                )
        elif self.dev is None:
            raise InputError(
                "expected a dev file, on which the checkpoint is chosen, got none: give --dev"
            )
        share = self.start_share
        if share is not None and not 0 < share < 1:
            raise InputError(f"expected 0 < start_share < 1, got {share}")
        for name, least in _LEAST.items():
            at_least(name, getattr(self, name), least)
        if self.hard_negatives is not None and not 0 < self.hard_negatives < math.inf:
            raise InputError(f"expected hard_negatives of more than 0, got {self.hard_negatives}")
        LossSet.of(self.set, self.hard_negatives)
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        for name in ("bf16", "fp16"):
            if self.precision != FP32 and self.trainer.get(name):
                raise InputError(
                    f"expected precision or trainer.{name}, got precision {quoted(self.precision)} "
                    f"and trainer.{name}: leave trainer.{name} out"
                )
        if self.average is not None and not 0 < self.average <= 1:
            raise InputError(f"expected average in (0, 1], got {self.average:g}")
        if self.sampler not in (None, BALANCED):
            raise unknown_name("sampler", self.sampler, [BALANCED])
        if self.lora is not None:
            LowRank.of(self.lora)
            if self.add_characters:
                raise InputError(
                    "expected lora or add_characters, got both: the embeddings of new characters "
                    "must be trained, and lora trains none"
                )
        if self.decision not in (TUNED, DEFAULT):
            raise unknown_name("decision", self.decision, (TUNED, DEFAULT))
        _check_trainer(self.trainer)
        for name, weight in (self.class_weight or {}).items():
            check_type(f"class_weight.{name}", float, weight)
            at_least(f"class_weight.{name}", weight, 0)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> RunConfig:
        """Build from names and values; texts are read by type, unknown names are refused."""
        valid = [entry.name for entry in fields(cls)]
        for name in values:
            if name not in valid:
                raise _misplaced(name, values) or unknown_name("configuration key", name, valid)
        missing = [name for name in ("task", "train") if not values.get(name)]
        if missing:
            raise InputError(f"expected {' and '.join(missing)} in the configuration, got none")
        return cls(**_typed(values))

    def task_options(self) -> Any:
        """The options of the task, checked."""
        options_class = task_named(self.task).Options
        for name in self.options.keys() - {entry.name for entry in fields(options_class)}:
            if error := _misplaced(name, {"task": self.task}):
                raise error
        return build_options(options_class, self.options, use="train")

    def recipe(self) -> Recipe:
        """The losses of the run, parsed: ``loss``, and ``start_loss`` for the start phase."""
        return recipe_of(self.loss, self.start_loss, self.start_share)

    @classmethod
    def from_yaml(cls, path: str | Path) -> RunConfig:
        """Read a YAML file of the same names; messages name the file."""
        values = read_yaml(path)
        try:
            return cls.from_mapping(values)
        except DicetuneError as error:
            raise DataError(path, str(error)) from None

    def updated(self, changes: Mapping[str, Any]) -> RunConfig:
        """A copy with other values, by the names of ``with_changes``."""
        return RunConfig.from_mapping(with_changes(asdict(self), changes))

    def to_yaml(self) -> str:
        """YAML text that ``from_yaml`` reads back to an equal configuration."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        options = self.options.items()
        given["options"] = {name: value for name, value in options if value is not None}
        try:
            return yaml.safe_dump(given, sort_keys=False, allow_unicode=True)
        except yaml.representer.RepresenterError as error:
            raise InputTypeError(
                f"expected plain numbers and texts in a configuration, got {quoted(error.args[-1])}"
            ) from None


def with_changes(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values with changes by name; "trainer.KEY", "options.KEY" and "class_weight.LABEL" too."""
    changed = {**values, **{key: value for key, value in changes.items() if "." not in key}}
    for key, value in changes.items():
        mapping, dot, name = key.partition(".")
        if not dot:
            continue
        if mapping not in _MAPPINGS:
            raise unknown_name("configuration mapping", mapping, _MAPPINGS)
        inner = changed.get(mapping)
        if isinstance(inner, str):  # "none" is no mapping; other texts are refused later
            inner = read_text(dict | None, inner)
        if isinstance(inner, Mapping | None):
            changed[mapping] = {**(inner or {}), name: value}
    return changed


def read_setting(key: str, value: Any) -> Any:
    """A text as a value of the type that a key of ``with_changes`` has.

    Example:
        >>> read_setting("trainer.learning_rate", "3e-5"), read_setting("class_weight.spam", "2")
        (3e-05, 2)
    """
    mapping, dot, name = key.partition(".")
    if mapping == "trainer" and dot:
        return read_text(typing.get_type_hints(TrainingArguments).get(name), value)
    hint = float if dot else typing.get_type_hints(RunConfig).get(key)
    return read_text(hint, value)


def with_short_names(settings: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings (-s) with the values of flags of their own, such as ``lr``, by their keys.

    Raises:
        InputError: for a flag and its key with different values.

    Example:
        >>> with_short_names({}, {"lr": 3e-5, "epochs": None})
        {'trainer.learning_rate': 3e-05}
    """
    found = dict(settings)
    hints = typing.get_type_hints(TrainingArguments)
    for short, value in given.items():
        key = f"trainer.{SHORT[short]}"
        if value is None:
            continue
        if key in found and read_text(hints[SHORT[short]], found[key]) != value:
            raise InputError(
                f"expected --{short.replace('_', '-')} or -s {key}, got both with different values "
                f"({value:g} and {quoted(found[key])}): leave one out"
            )
        found[key] = value
    return found


def _misplaced(name: str, values: Mapping[str, Any]) -> InputError | None:
    """The error for a name that belongs elsewhere: to the run, the trainer or the task."""
    task = TASKS.get(str(values.get("task")))
    given = f"expected a name that means something here, got {quoted(name)}: give"
    if name in {entry.name for entry in fields(RunConfig)}:
        flag = "" if name in WITHOUT_FLAG else f"--{name.replace('_', '-')} or "
        return InputError(f"{given} {name} of the configuration ({flag}-s {name}=…)")
    if task is not None and name in {entry.name for entry in fields(task.Options)}:
        return InputError(f"{given} the option of the task (-o {name}=…, options in a file)")
    if name not in _RESERVED and name in {entry.name for entry in fields(TrainingArguments)}:
        return InputError(f"{given} the key of the trainer (-s trainer.{name}=…)")
    return None


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Names and values; texts are read by the type of their field, in options and trainer too."""
    typed = read_option_texts(typing.get_type_hints(RunConfig), values)
    inner = {"options": task_named(str(typed["task"])).Options, "trainer": TrainingArguments}
    for name, of in inner.items():
        if isinstance(mapping := values.get(name), Mapping):
            typed[name] = read_option_texts(typing.get_type_hints(of), mapping)
    return typed


def _check_trainer(trainer: Mapping[str, Any]) -> None:
    """Check names and values: transformers checks few of them, and late."""
    hints = typing.get_type_hints(TrainingArguments)
    valid = {entry.name for entry in fields(TrainingArguments) if entry.init}
    for key, value in trainer.items():
        if key in _RESERVED:
            raise InputError(f"trainer.{key} cannot be set here: {_RESERVED[key]}")
        if key not in valid:
            raise _misplaced(key, {}) or unknown_name("trainer key", key, valid - set(_RESERVED))
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"expected a finite number for trainer.{key}, got {value}")
        if set(plain_types(hints[key])) <= {int, float, bool, str, type(None)}:
            check_type(f"trainer.{key}", hints[key], value)
        if key in _TRAINER_LEAST:
            at_least(f"trainer.{key}", value, _TRAINER_LEAST[key])
        if key in _TRAINER_ABOVE_0 and value is not None and value <= 0:
            raise InputError(f"expected trainer.{key} of more than 0, got {value}")
    for key in ("eval_strategy", "save_strategy"):
        if trainer.get(key) not in (None, "steps", "epoch"):
            raise InputError(
                f"expected trainer.{key} 'epoch' or 'steps', got {quoted(trainer[key])}: the "
                "checkpoint is chosen by dev score"
            )
    if trainer.get("save_total_limit") == 1:
        raise InputError(
            "expected trainer.save_total_limit of at least 2, got 1: the best checkpoint and the "
            "last one are both needed"
        )
