"""Prepare a run: read, check and encode everything before anything is made or trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from dicetune.data import MANY_UNKNOWN
from dicetune.errors import InputError, quoted
from dicetune.losses import Recipe, code_of
from dicetune.models import (
    check_vocabulary,
    fit_vocabulary,
    load_model,
    load_tokenizer,
    resolve_encoder,
    window_length,
    with_characters,
)
from dicetune.records import sha256
from dicetune.tasks import TASKS, Data, Encoded, Task, Trained
from dicetune.training.class_counts import count_classes, doubts_of_choice
from dicetune.training.class_weights import weighted
from dicetune.training.collator import PaddingCollator
from dicetune.training.config import SAMPLE, RunConfig
from dicetune.training.prior_bias import start_at_prior
from dicetune.training.rehearsal import rehearse


@dataclass(frozen=True)
class Prepared:
    """All that a run needs before the first step."""

    splits: dict[str, Data]
    task: Task
    recipe: Recipe
    tokenizer: Any
    collator: PaddingCollator
    source: str
    encoded: dict[str, Encoded]
    fingerprints: dict[str, str | None]
    notes: list[str]
    class_counts: dict[str, Tensor] | None = None
    code: dict[str, str | None] = field(default_factory=dict)


def prepare(config: RunConfig, report: Callable[[str], None]) -> Prepared:
    """Read, check and encode; report what was noticed.

    Raises:
        InputError: for a configuration, data or a model that cannot be used.
    """
    recipe = config.recipe()  # a loss that is unknown is refused before anything is read
    code = code_of(recipe.losses)
    source = resolve_encoder(config.model)
    splits, task = read_splits(config, report)
    if config.class_weight:
        recipe = weighted(recipe, config.class_weight, task.labels)
    fingerprints = {
        split: sha256(data.source) if Path(data.source).is_file() else None
        for split, data in splits.items()
    }
    notes = [] if config.note is None else [config.note]
    for split, most in (
        ("train", config.max_train),
        ("dev", config.max_dev),
        ("test", config.max_test),
    ):
        if most is not None and split in splits:
            notes.append(f"{split}: capped to its first {len(splits[split]):,} examples")
    notes += [f"{split}: {note}" for split, data in splits.items() for note in data.notes]
    tokenizer = load_tokenizer(source, aligns=task.aligns)
    # the whole model and not its configuration alone: damaged weights are found here
    model = load_model(task.auto_class, source, task.labels, notes.append)
    check_vocabulary(model, tokenizer)
    if config.add_characters:
        tokenizer, added = with_characters(tokenizer, task.texts(splits["train"]))
        notes.append(f"{added} characters of the training split were added to the tokenizer")
    max_length = window_length(model.config, tokenizer, config.max_length)
    encoded = {
        split: task.encode(data, tokenizer, max_length, training=split == "train")
        for split, data in splits.items()
    }
    for split, inputs in encoded.items():
        share = inputs.facts["unknown_subwords"] / max(inputs.facts["subwords"], 1)
        if share > MANY_UNKNOWN:
            hint = "" if config.add_characters else "; try --add-characters"
            notes.append(
                f"{split}: {100 * share:.1f}% of the sub-words are unknown to the tokenizer of "
                f"{quoted(config.model)}: it was not made for this text{hint}"
            )
        notes += [f"{split}: {line}" for line in inputs.notes]
    if "dev" in encoded:
        notes += doubts_of_choice(task, encoded["dev"], tokenizer)
    class_counts = None
    if config.prior_bias or any(loss.needs_class_counts for loss in recipe.losses):
        class_counts = count_classes(task, encoded["train"], tokenizer)
    fit_vocabulary(model, tokenizer)
    if config.prior_bias and class_counts is not None:
        start_at_prior(task, model, class_counts)
    rehearse(
        task,
        model,
        tokenizer,
        encoded["train"],
        recipe,
        hard_negatives=config.hard_negatives,
        class_counts=class_counts,
    )
    report(f"objective: {recipe}")
    for note in notes:
        report(note)
    return Prepared(
        splits,
        task,
        recipe,
        tokenizer,
        PaddingCollator.of(task, tokenizer, model.config),
        source,
        encoded,
        fingerprints,
        notes,
        class_counts,
        code,
    )


def read_splits(
    config: RunConfig, report: Callable[[str], None] = lambda line: None
) -> tuple[dict[str, Data], Task]:
    """The splits of a run, checked against its task, and the task.

    A cut by ``max_train`` leaves the labels as they are: a small share of the data is another
    budget and not another task.

    Args:
        config: the run.
        report: takes a line where a reader had to guess.

    Raises:
        DataError: what is wrong, in which file and line.
    """
    task_class, options = TASKS[config.task], config.task_options()
    splits: dict[str, Data]
    if config.train == SAMPLE:
        if not hasattr(task_class, "sample"):
            raise InputError(
                f"expected --train and --dev with files for task {quoted(config.task)}, got "
                f"the packaged "
                "sample, which is tagged text: it serves task ner"
            )
        splits = task_class.sample()
    else:
        how: dict[str, Any] = {"format": config.format, "report": report}
        splits = {"train": task_class.read(config.train, options, **how)}
        if task_class.reads_as_train:
            labels = task_class.of(splits["train"], options).labels
            how["trained"] = Trained(config.options, tuple(labels))
        for split, path in (("dev", config.dev), ("test", config.test)):
            if path is not None:
                splits[split] = task_class.read(path, options, **how)
    task = task_class.of(splits["train"], options)
    for split in splits.keys() - {"train"}:
        task.check(splits[split])
    most = {"train": config.max_train, "dev": config.max_dev, "test": config.max_test}
    for split, data in splits.items():
        if (count := most[split]) is not None:
            splits[split] = data.first(count)
    if config.max_train is not None:
        task = task_class.of(splits["train"], options, labels=task.labels)
    return splits, task
