"""Prepare a run: read, check and encode everything before anything is made or trained."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from dicetune.data import MANY_UNKNOWN, Note
from dicetune.errors import NoGoldError, listed, of_extra, quoted
from dicetune.loss_input import Kind, LossTarget
from dicetune.losses import Recipe, code_of
from dicetune.models import (
    LowRank,
    check_vocabulary,
    fit_vocabulary,
    load_model,
    load_tokenizer,
    resolve_encoder,
    window_length,
    with_characters,
)
from dicetune.models.tokenizer import LONGEST_BY_DEFAULT
from dicetune.records import PREDICTIONS_FILE
from dicetune.tasks import TASKS, Data, Encoded, Task, Trained
from dicetune.tasks.digest import data_digest
from dicetune.training import auto
from dicetune.training.batches import PaddingCollator, balanced_weights
from dicetune.training.choice import Choice
from dicetune.training.config import SAMPLE, RunConfig
from dicetune.training.defaults import steps_of, with_defaults
from dicetune.training.heads import with_class_counts
from dicetune.training.objective import Objective, weighted
from dicetune.training.sets import LossSet

_log = logging.getLogger(__name__)
_AT_ONCE = 256
_APART, _ERRORS = 0.1, 4.0  # between shares of a label, and in standard errors: beyond luck

# keys of a configuration that decide nothing about its inputs; any other key might
_FREE = {"loss", "start_loss", "start_share", "seed", "trainer", "set", "out", "note", "decision"}
_FREE |= {"sampler", "class_weight", "prior_bias", "hard_negatives", "precision", "average"}
_FREE |= {"patience", "keep_checkpoints"}


@dataclass(frozen=True)
class Prepared:
    """All that a run needs before the first step."""

    config: RunConfig
    splits: dict[str, Data]
    task: Task
    recipe: Recipe
    tokenizer: Any
    collator: PaddingCollator
    source: str
    encoded: dict[str, Encoded]
    fingerprints: dict[str, str | None]
    notes: list[str]
    class_counts: dict[str, Tensor] | None
    code: dict[str, str | None]
    start: auto.Start
    choice: Choice
    weights: Tensor | None = None

    def under(self, decision: str) -> Prepared:
        """The same run with another decision."""
        config, choice = replace(self.config, decision=decision), self.choice
        return replace(self, config=config, choice=replace(choice, decision=decision))

    def finish(self, model: Any) -> None:
        """Fit the embeddings and the biases of a loaded model to the run."""
        fit_vocabulary(model, self.tokenizer)
        if self.start.at_prior and self.class_counts is not None:
            auto.start_at_prior(self.task, model, self.class_counts)


@dataclass(frozen=True)
class Inputs:
    """Data, task, tokenizer and model of a run: runs with other losses and seeds may share them.

    Args:
        decided_by: the keys of the configuration that decide them.
        model: a loaded model, to find damage and to rehearse; training loads its own.
    """

    decided_by: dict[str, Any]
    splits: dict[str, Data]
    task: Task
    tokenizer: Any
    model: Any
    collator: PaddingCollator
    source: str
    encoded: dict[str, Encoded]
    fingerprints: dict[str, str | None]
    notes: list[str]

    @classmethod
    def read(cls, config: RunConfig, elsewhere: Mapping[str, str] | None = None) -> Self:
        """Read, check and encode the data of a configuration, and load its model.

        ``elsewhere`` has the path of each file and model that lies in another place on this machine
        than the configuration says. Records have the places of the configuration.
        """
        here = _moved(config, elsewhere or {})
        source = resolve_encoder(here.model)
        splits, task = read_splits(here)
        fingerprints = {split: data_digest(data.source) for split, data in splits.items()}
        for split, data in splits.items():
            if data.source == getattr(here, split) != getattr(config, split):
                moved: Any = data
                splits[split] = replace(moved, source=getattr(config, split))
        notes = [f"{split}: {note}" for split, data in splits.items() for note in data.notes]
        if "test" in splits and not splits["test"].is_labelled:
            notes.append(f"test: no gold: predicted in {PREDICTIONS_FILE}, not scored")
        tokenizer = load_tokenizer(source, aligns=task.aligns)
        # loads the whole model, not only its configuration, to find damaged weights here
        model = load_model(task.auto_class, source, task.labels, notes)
        check_vocabulary(model, tokenizer)
        if config.add_characters:
            tokenizer, added = with_characters(tokenizer, task.texts(splits["train"]))
            notes.append(f"{added} characters of the training split were added to the tokenizer")
        max_length = window_length(model.config, tokenizer, config.max_length)
        encoded = {
            split: task.encode(data, tokenizer, max_length, training=split == "train")
            for split, data in splits.items()
        }
        for split, windows in encoded.items():
            share = windows.facts["unknown_subwords"] / max(windows.facts["subwords"], 1)
            if share > MANY_UNKNOWN:
                hint = "" if config.add_characters else "; try --add-characters"
                notes.append(
                    f"{split}: {100 * share:.1f}% of the sub-words are unknown to the tokenizer of "
                    f"{quoted(Path(config.model))}: the tokenizer was not made for this text{hint}"
                )
            notes += [f"{split}: {line}" for line in windows.notes]
        collator = PaddingCollator.of(task, tokenizer, model.config)
        if "dev" in encoded:
            notes += doubts_of_choice(task, encoded["dev"], collator)
        return cls(
            decided_by=_deciding(config),
            splits=splits,
            task=task,
            tokenizer=tokenizer,
            model=model,
            collator=collator,
            source=source,
            encoded=encoded,
            fingerprints=fingerprints,
            notes=[_named(note, elsewhere or {}) for note in notes],
        )

    def serve(self, config: RunConfig) -> bool:
        """Whether a configuration would read the same."""
        return self.decided_by == _deciding(config)


def _deciding(config: RunConfig) -> dict[str, Any]:
    return {name: value for name, value in asdict(config).items() if name not in _FREE}


def _moved(config: RunConfig, elsewhere: Mapping[str, str]) -> RunConfig:
    """The configuration with the places that files and model have on this machine."""

    def found(value: Any) -> Any:
        return elsewhere.get(value, value) if isinstance(value, str) else value

    changes = {name: found(getattr(config, name)) for name in ("train", "dev", "test", "model")}
    options = {name: found(value) for name, value in config.options.items()}
    return replace(config, **changes, options=options)


def _named(note: str, elsewhere: Mapping[str, str]) -> str:
    """A note with the places of the configuration in place of those on this machine."""
    for there, here in elsewhere.items():
        note = note.replace(quoted(Path(here)), quoted(Path(there))).replace(here, there)
    return note


def prepare(
    config: RunConfig,
    *,
    each_decision: bool = False,
    inputs: Inputs | None = None,
    settle: bool = True,
) -> Prepared:
    """Read, check and encode; log the notes for the user before training.

    ``each_decision`` keeps the best checkpoint under each decision, not only the chosen one.
    ``inputs`` are used where they were read before for the same keys. ``settle`` chooses learning
    rate, epochs and batch size where none are given.
    """
    recipe = config.recipe()  # an unknown loss is refused before anything is read
    if config.lora is not None:
        of_extra("peft", "lora", "--lora")
    code = code_of(recipe.losses)
    if inputs is None or not inputs.serve(config):
        inputs = Inputs.read(config)
    splits, task, encoded = inputs.splits, inputs.task, inputs.encoded
    model, collator = inputs.model, inputs.collator
    notes = [*([] if config.note is None else [config.note]), *inputs.notes]
    if settle:
        config, chosen = with_defaults(config, inputs.source, len(splits["train"]))
        notes += chosen
    because = ""
    if config.loss == auto.AUTO:
        steps = steps_of(config.trainer, len(encoded["train"].features))
        loss, because = auto.loss_of(task, splits["train"], lambda: steps)
        recipe = auto.recipe_of(loss)
    weights = None
    if config.sampler is not None:
        weights, sizes = balanced_weights(task, encoded["train"].features, collator)
        words = listed([f"{name or 'none'} {size:,}" for name, size in sizes.items()])
        notes.append(f"balanced sampling: each of these classes is drawn equally often: {words}")
    class_counts = None
    background, labels = task.background is not None, bool(task.predicts.independent)
    open_start = config.prior_bias is None and (background or labels or str(recipe) == "ce")
    if config.prior_bias or open_start or any(loss.needs_class_counts for loss in recipe.losses):
        class_counts = count_classes(task, encoded["train"], collator)
    facts = auto.Facts(class_counts or {}, background, labels, auto.why_fixed(task, model))
    start = auto.start_of(config, recipe, facts, because)
    recipe = weighted(recipe, config.class_weight or {}, task.labels)
    prepared = Prepared(
        config=config,
        splits=splits,
        task=task,
        recipe=recipe,
        tokenizer=inputs.tokenizer,
        collator=collator,
        source=inputs.source,
        encoded=encoded,
        fingerprints=inputs.fingerprints,
        notes=notes,
        class_counts=class_counts,
        code=code,
        start=start,
        weights=weights,
        choice=Choice(
            task, task.problem(splits["train"]), splits["dev"], config.decision, each_decision
        ),
    )
    prepared.finish(model)
    kinds = _rehearse(prepared, model)
    if config.lora is not None:
        LowRank.of(config.lora).check(model)
    with_set = any(Objective(loss, config.hard_negatives).has_set(kinds) for loss in recipe.losses)
    notes += LossSet.of(config.set).notes(with_set, str(recipe))
    _log.info("objective: %s", recipe)
    for line in filter(None, (start.said, *notes)):
        _log.info(line)
    return prepared


def read_splits(config: RunConfig) -> tuple[dict[str, Data], Task]:
    """The splits of a run, checked against its task, and the task.

    A test file without gold is read as text to predict. The labels come from all training data,
    also under ``max_train``: a small share of the data is another budget, not another task.
    """
    task_class, options = TASKS[config.task], config.task_options()
    splits: dict[str, Data]
    if config.train == SAMPLE:
        splits = task_class.sample()
    else:
        how: dict[str, Any] = {"format": config.format}
        splits = {"train": task_class.read(config.train, options, **how)}
        if task_class.reads_as_train:
            labels = task_class.of(splits["train"], options).labels
            how["trained"] = Trained(config.options, tuple(labels))
        if config.dev is not None:
            splits["dev"] = task_class.read(config.dev, options, **how)
        if config.test is not None:
            try:
                splits["test"] = task_class.read(config.test, options, **how)
            except NoGoldError as error:
                splits["test"] = task_class.read(config.test, options, gold=False, **how)
                _log.warning("%s; the test file is predicted, not scored", error)
    task = task_class.of(splits["train"], options)
    for split in splits.keys() - {"train"}:
        if splits[split].is_labelled:
            task.check(splits[split])
    splits = {name: _first(data, getattr(config, f"max_{name}")) for name, data in splits.items()}
    if config.max_train is not None:
        task = task_class.of(splits["train"], options, labels=task.labels)
    return splits, task


def _first(data: Any, count: int | None) -> Any:
    """The first examples, with a note, which says so where labels follow the order of the file."""
    cut = data if count is None else data.first(count)
    if len(cut) == len(data):
        return cut
    parts = (cut, data) if data.is_labelled else ((), ())
    own, whole = (Counter(one for e in part for one in {*data.strata_of(e)}) for part in parts)
    shares = ((own[one] / len(cut), n / len(data), one) for one, n in whole.items())
    apart = [
        (round(abs(here - there) / math.sqrt(there * (1 - there)), 6), here, there, one)
        for here, there, one in shares
        if there < 1 and (abs(here - there) > _APART or not there < 2 * here < 4 * there)
    ]
    rule = "capped to its first examples"
    most, here, there, one = max(apart, default=(0, 0, 0, ""))
    if most > _ERRORS * math.sqrt(1 / len(cut) - 1 / len(data)):
        shown = f"{100 * here:.1f}% of them have {quoted(one)}, {100 * there:.1f}% of all"
        rule += f", and labels follow the order of the file: {shown}; shuffle it"
    return replace(cut, notes=(*cut.notes, Note(rule, len(cut))))


def count_classes(task: Task, encoded: Encoded, collator: PaddingCollator) -> dict[str, Tensor]:
    """Items of each class in the training split, by the name of the loss input.

    A class without items counts as one item: its weight would be infinite, and multiplies nothing.
    """
    counts = _class_totals(task, encoded, collator)
    return {name: items.clamp(min=1) for name, items in counts.items()}


def doubts_of_choice(task: Task, encoded: Encoded, collator: PaddingCollator) -> list[str]:
    """Sentences that say why the score on dev cannot choose a checkpoint."""
    problem = task.problem()
    if not problem.has_classes:  # no answer is an answer too
        return []
    found = []
    for counts in _class_totals(task, encoded, collator).values():
        if counts.ndim == 2:
            if not counts[:, 1].any():
                found.append("dev holds no item of any class: F1 is 0 for every checkpoint")
            continue
        names = [name for name, items in zip(task.labels, counts.tolist(), strict=True) if items]
        positive = problem.settings.get("positive")
        if task.main_metric == "f1" and positive is not None and positive not in names:
            found.append(
                f"dev holds no item of class {quoted(positive)}: its F1 is 0 for every checkpoint"
            )
        elif len(names) == 1 < len(task.labels):
            found.append(
                f"dev holds items of class {quoted(names[0])} alone: its score says nothing about "
                "other classes"
            )
    means = "so the choice of the checkpoint means nothing"
    return [f"{doubt}, {means}" for doubt in dict.fromkeys(found)]


def _class_totals(task: Task, encoded: Encoded, collator: PaddingCollator) -> dict[str, Tensor]:
    total: dict[str, Tensor] = {}
    for begin in range(0, len(encoded.features), _AT_ONCE):
        batch = collator(encoded.features[begin : begin + _AT_ONCE])
        targets = {name: batch[name] for name in task.targets}
        for name, counts in task.class_counts(targets).items():
            total[name] = total[name] + counts if name in total else counts
    return total


def early_windows(config: RunConfig, task: Task, train: Data, source: str) -> tuple[Any, Encoded]:
    """The tokenizer, and windows of training data as they are before a model is loaded."""
    tokenizer = load_tokenizer(source, aligns=task.aligns)
    length = config.max_length or LONGEST_BY_DEFAULT
    return tokenizer, task.encode(train, tokenizer, length, training=True)


def first_targets(config: RunConfig, task: Task, train: Data, source: str) -> list[LossTarget]:
    """The targets of the first example, by which losses are checked before a model is loaded."""
    tokenizer, windows = early_windows(config, task, train.first(1), source)
    collator = PaddingCollator(tokenizer, {**task.targets, **task.extra_inputs}, 1)
    return task.loss_targets(collator(windows.features[:1]))


def check_fit(config: RunConfig, task: Task, targets: Sequence[LossTarget]) -> None:
    """Refuse losses that have no meaning for the targets of a task."""
    for loss in weighted(config.recipe(), config.class_weight or {}, task.labels).losses:
        Objective(loss, config.hard_negatives).check(targets, config.set)


def _rehearse(prepared: Prepared, model: Any) -> Collection[Kind]:
    """Run one window through the model and each loss of the recipe, without training.

    Some losses and selections have no meaning for the inputs of a task (class weights over the
    positions of a text, hard negatives without a background class). One forward pass shows this
    before the folder is made.

    Returns:
        The kinds of the loss inputs.
    """
    task = prepared.task
    batch = prepared.collator(prepared.encoded["train"].features[:1])
    labels = {name: batch.pop(name) for name in task.targets if name in batch}
    with torch.inference_mode():
        outputs = model.eval()(**batch)
        items = with_class_counts(task.loss_inputs, prepared.class_counts or {})(outputs, labels)
        for loss in prepared.recipe.losses:
            # a loss of the user may have buffers, which must not change here
            objective = Objective(deepcopy(loss), prepared.config.hard_negatives)
            objective.check(items, prepared.config.set)
            objective.share(items, task.item_counts(labels), 1, 1)
    return {item.kind for item in items}
