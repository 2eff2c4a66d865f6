"""Prepare a run: read, check and encode everything before anything is made or trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicetune.data import (
    MANY_UNKNOWN,
    Corpus,
    check_labels,
    label_names,
    read_tokens,
    sample_corpora,
)
from dicetune.errors import InputError
from dicetune.losses import Recipe, build
from dicetune.models import (
    load_model,
    load_tokenizer,
    position_limit,
    resolve_encoder,
    with_characters,
)
from dicetune.records import sha256
from dicetune.tasks import TASKS, Encoded, Task
from dicetune.training.config import SAMPLE, RunConfig
from dicetune.training.trainer import choose_recipe

_LONGEST_BY_DEFAULT = 512


@dataclass(frozen=True)
class Prepared:
    """All that a run needs before the first step."""

    corpora: dict[str, Corpus]
    task: Task
    recipe: Recipe
    tokenizer: Any
    source: str
    encoded: dict[str, Encoded]
    fingerprints: dict[str, str | None]
    notes: list[str]


def prepare(config: RunConfig, report: Callable[[str], None]) -> Prepared:
    """Read, check and encode; report what was noticed.

    Raises:
        InputError: for a configuration, data or a model that cannot be used.
    """
    recipe = choose_recipe(config.loss, config.start_loss, config.start_share)
    for text in (recipe.loss, recipe.start_loss):
        if isinstance(text, str):
            build(text)  # refuses what is unknown
    source = resolve_encoder(config.model)
    corpora, labels = read_splits(config)
    fingerprints = {
        split: sha256(corpus.source) if Path(corpus.source).is_file() else None
        for split, corpus in corpora.items()
    }
    notes = [f"{split}: {note}" for split, corpus in corpora.items() for note in corpus.notes]
    task: Task = TASKS[config.task](corpora["train"], stride=config.stride, labels=labels)
    tokenizer = load_tokenizer(source)
    # the whole model and not its configuration alone: damaged weights are found here
    model = load_model(task.auto_class, source, task.labels)
    if config.add_characters:
        words = (token for sentence in corpora["train"] for token in sentence.tokens)
        tokenizer, added = with_characters(tokenizer, words)
        notes.append(f"{added} characters of the training split were added to the tokenizer")
    limit = position_limit(model.config, tokenizer)
    max_length = min(limit, _LONGEST_BY_DEFAULT) if config.max_length is None else config.max_length
    if max_length > limit:
        raise InputError(
            f"expected max_length of at most {limit} for {config.model!r}, got {max_length}"
        )
    encoded = {
        split: task.encode(corpus, tokenizer, max_length)  # type: ignore[arg-type]
        for split, corpus in corpora.items()
    }
    for split, inputs in encoded.items():
        share = inputs.facts["unknown_subwords"] / max(inputs.facts["subwords"], 1)
        if share > MANY_UNKNOWN:
            hint = "" if config.add_characters else "; try --add-characters"
            notes.append(
                f"{split}: {100 * share:.1f}% of the sub-words are unknown to the tokenizer of "
                f"{config.model!r}: it was not made for this text{hint}"
            )
    report(f"objective: {recipe}")
    for note in notes:
        report(note)
    return Prepared(corpora, task, recipe, tokenizer, source, encoded, fingerprints, notes)


def read_splits(config: RunConfig) -> tuple[dict[str, Corpus], list[str]]:
    """The corpora of a run, checked against each other, and the labels of the training file.

    A cut by ``max_train`` leaves the labels as they are: a small share of the data is another
    budget and not another task.

    Args:
        config: the run.

    Raises:
        DataError: what is wrong, in which file and line.
    """
    if config.train == SAMPLE:
        corpora = sample_corpora()
    else:
        files = {"train": config.train, "dev": config.dev, "test": config.test}
        corpora = {
            split: read_tokens(
                path,
                task=config.task,
                format=config.format,
                scheme=config.scheme,
                token_column=config.token_column,
                tag_column=config.tag_column,
            )
            for split, path in files.items()
            if path is not None
        }
    labels = label_names(corpora["train"])
    for split in corpora.keys() - {"train"}:
        check_labels(corpora["train"], corpora[split])
    if config.max_train is not None:
        first = corpora["train"].sentences[: config.max_train]
        corpora["train"] = replace(corpora["train"], sentences=first)
        if len(corpora["train"].tag_counts) == 1:
            raise InputError(
                f"expected at least two labels in the first {config.max_train} training "
                "sentences, got one: raise max_train"
            )
    return corpora, labels
