"""run: a configuration in, a folder with model, record, metrics, predictions and scores out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from safetensors.numpy import save_file
from transformers import DataCollatorForTokenClassification, PrinterCallback, TrainingArguments

from dicetune.data import Corpus, check_labels, read_tokens, sample_corpora
from dicetune.errors import DicetuneError, InputError
from dicetune.losses import Recipe, build
from dicetune.models import (
    add_characters,
    load_model,
    load_tokenizer,
    position_limit,
    quiet_loading,
    resolve_encoder,
)
from dicetune.records import (
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SCORES_FILE,
    RunRecord,
    sha256,
    write_json,
    write_json_lines,
)
from dicetune.tasks import TASKS, Encoded, Task
from dicetune.training.callbacks import LineForEachEvaluation, StopEarly, StopOnSignal
from dicetune.training.card import write_card
from dicetune.training.config import SAMPLE, TRAINER_DEFAULTS, RunConfig
from dicetune.training.folder import CHECKPOINTS, claim, drop_checkpoints, last_checkpoint
from dicetune.training.trainer import ObjectiveTrainer, choose_recipe

_LONGEST_BY_DEFAULT = 512
_MANY_UNKNOWN = 0.05


class Interrupted(DicetuneError):
    """A run was stopped by the user; its folder can be resumed."""


def run(
    config: RunConfig,
    *,
    overwrite: bool = False,
    resume: bool = False,
    report: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> RunRecord:
    """Fine-tune, choose the checkpoint by dev score, score, and leave a record.

    Everything that can be wrong with the configuration and the data is found before the folder is
    made. A run that is stopped or fails later leaves its checkpoints: ``resume=True`` goes on to
    the same weights as an uninterrupted run.

    Args:
        config: the run.
        overwrite: delete an earlier run in the same folder.
        resume: go on with an unfinished run.
        report: called with a line of text now and then.
        progress: show a progress bar.

    Returns:
        The record, as written to ``run.json``.

    Raises:
        InputError: for a configuration, data or a model that cannot be used.
        NonFiniteLossError: where the loss became NaN or infinite.
        Interrupted: after Ctrl-C, once a resumable checkpoint is saved.
    """
    with quiet_loading():
        return _run(config, overwrite, resume, report, progress)


def _run(
    config: RunConfig,
    overwrite: bool,
    resume: bool,
    report: Callable[[str], None],
    progress: bool,
) -> RunRecord:
    prepared = _prepare(config, report)
    state = PartialState()
    if state.is_main_process:
        folder = claim(config, overwrite=overwrite, resume=resume)
    state.wait_for_everyone()
    folder = Path(config.out or ".")
    checkpoint = last_checkpoint(folder) if resume else None
    if resume:
        report(f"resuming from {checkpoint.name if checkpoint else 'the beginning'}")

    stop = StopOnSignal()
    trainer = _trainer(config, prepared, folder, stop, report, progress)
    begun = time.perf_counter()
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped at once; go on from the last checkpoint with --resume --out {folder}"
        ) from None
    finally:
        stop.restore()
    seconds = time.perf_counter() - begun
    if stop.stopped:
        raise Interrupted(
            f"stopped after step {trainer.state.global_step} of {trainer.state.max_steps}, which "
            f"is saved; go on with --resume --out {folder}"
        )
    record = _record(config, prepared, trainer, seconds)
    _write(folder, prepared, trainer, record)
    if not config.keep_checkpoints and state.is_main_process:
        drop_checkpoints(folder)
    return record


@dataclass(frozen=True)
class _Prepared:
    """All that a run needs before the first step."""

    corpora: dict[str, Corpus]
    task: Task
    recipe: Recipe
    tokenizer: Any
    source: str
    encoded: dict[str, Encoded]
    notes: list[str]


def _prepare(config: RunConfig, report: Callable[[str], None]) -> _Prepared:
    recipe = choose_recipe(config.loss, config.start_loss, config.start_share)
    losses = [build(text) for text in (recipe.loss, recipe.start_loss) if isinstance(text, str)]
    source = resolve_encoder(config.model)
    corpora = read_splits(config)
    notes = [
        f"{split}: {note.rule} ({note.count} times; first at {', '.join(note.places)})"
        for split, corpus in corpora.items()
        for note in corpus.notes
    ]
    task: Task = TASKS[config.task](corpora["train"], stride=config.stride)
    tokenizer = load_tokenizer(source)
    model = load_model(task.auto_class, source, task.labels)
    for loss in losses:
        loss.check_kind("classes", getattr(task, "background", None))
    if config.add_characters:
        added = add_characters(
            tokenizer, (token for s in corpora["train"] for token in s.tokens)
        )
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
        if share > _MANY_UNKNOWN:
            hint = "" if config.add_characters else "; try --add-characters"
            notes.append(
                f"{split}: {100 * share:.1f}% of the sub-words are unknown to the tokenizer of "
                f"{config.model!r}: it was not made for this text{hint}"
            )
    for note in notes:
        report(note)
    return _Prepared(corpora, task, recipe, tokenizer, source, encoded, notes)


def read_splits(config: RunConfig) -> dict[str, Corpus]:
    """The corpora of a run, checked against each other."""
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
    if config.max_train is not None:
        first = corpora["train"].sentences[: config.max_train]
        corpora["train"] = replace(corpora["train"], sentences=first)
    for split in corpora.keys() - {"train"}:
        check_labels(corpora["train"], corpora[split])
    return corpora


def _trainer(
    config: RunConfig,
    prepared: _Prepared,
    folder: Path,
    stop: StopOnSignal,
    report: Callable[[str], None],
    progress: bool,
) -> ObjectiveTrainer:
    task, encoded = prepared.task, prepared.encoded

    def model_init() -> Any:
        model = load_model(task.auto_class, prepared.source, task.labels)
        if len(prepared.tokenizer) > model.config.vocab_size:
            model.resize_token_embeddings(len(prepared.tokenizer), mean_resizing=False)
        return model

    def compute_metrics(evaluation: Any) -> dict[str, float]:
        scores = task.decode(evaluation.predictions, encoded["dev"])
        found = task.score(prepared.corpora["dev"], task.predict(scores))  # type: ignore[arg-type]
        return {name: value for name, value in found.items() if isinstance(value, float)}

    recipe = prepared.recipe
    callbacks: list[Any] = [stop, LineForEachEvaluation(report, task.main_metric)]
    if config.patience is not None:
        callbacks.append(StopEarly(config.patience, recipe.start_share))
    trainer = ObjectiveTrainer(
        args=_arguments(config, task, folder, progress),
        loss=recipe.loss,
        start_loss=recipe.start_loss,
        start_share=recipe.start_share or None,
        loss_inputs=task.loss_inputs,
        item_counts=task.item_counts,
        model_init=model_init,
        processing_class=prepared.tokenizer,
        data_collator=DataCollatorForTokenClassification(prepared.tokenizer),
        train_dataset=encoded["train"].features,
        eval_dataset=encoded["dev"].features,
        compute_metrics=compute_metrics,
        preprocess_logits_for_metrics=task.shrink,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(config: RunConfig, task: Task, folder: Path, progress: bool) -> TrainingArguments:
    keys = {
        "disable_tqdm": not progress,
        "report_to": "none",
        "dataloader_pin_memory": torch.cuda.is_available(),
        **TRAINER_DEFAULTS,
        **config.trainer,
    }
    try:
        return TrainingArguments(
            **keys,
            output_dir=str(folder / CHECKPOINTS),
            seed=config.seed,
            load_best_model_at_end=True,
            metric_for_best_model=task.main_metric,
            greater_is_better=True,
            remove_unused_columns=False,
            restore_callback_states_from_checkpoint=True,
        )
    except (ValueError, TypeError, ImportError) as error:
        raise InputError(f"expected trainer keys that fit together, got: {error}") from None


def _record(
    config: RunConfig, prepared: _Prepared, trainer: ObjectiveTrainer, seconds: float
) -> RunRecord:
    state, recipe = trainer.state, trainer.recipe
    best = state.best_global_step or state.global_step
    starts = recipe.start_share * state.max_steps
    in_start = recipe.start_loss is not None and best <= starts
    notes = list(prepared.notes)
    if in_start:
        notes.append(
            f"the chosen checkpoint (step {best}) lies in the start phase: it was trained with "
            f"{recipe.start_loss} alone"
        )
    return RunRecord(
        config=asdict(config),
        objective={
            "text": str(recipe),
            "loss": trainer.objective.loss.spec,
            "start_loss": trainer.start_objective.loss.spec if trainer.start_objective else None,
            "start_share": recipe.start_share,
            "set": f"batch ({trainer.args.per_device_train_batch_size} texts)",
        },
        labels=list(prepared.task.labels),
        scheme=getattr(prepared.task, "scheme", None),
        data={
            split: {
                "source": corpus.source,
                "sha256": sha256(corpus.source) if Path(corpus.source).is_file() else None,
                "tokens": sum(len(sentence.tokens) for sentence in corpus),
                **prepared.encoded[split].facts,
            }
            for split, corpus in prepared.corpora.items()
        },
        model={
            "name": config.model,
            "parameters": sum(p.numel() for p in trainer.model.parameters()),
        },
        training={
            "seconds": round(seconds, 1),
            "steps": state.global_step,
            "planned_steps": state.max_steps,
            "best_step": best,
            "best_phase": "start" if in_start else "main",
            "processes": trainer.accelerator.num_processes,
            "device": str(trainer.args.device),
            "history": [row for row in state.log_history if f"eval_{prepared.task.main_metric}" in row],
        },
        notes=notes,
    )


def _write(
    folder: Path, prepared: _Prepared, trainer: ObjectiveTrainer, record: RunRecord
) -> None:
    """Score the chosen checkpoint on each held-out split and write everything, the record last."""
    task = prepared.task
    metrics: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    for split in ("dev", "test"):
        if split not in prepared.corpora:
            continue
        corpus, encoded = prepared.corpora[split], prepared.encoded[split]
        with _without_metrics(trainer):
            output = trainer.predict(encoded.features, metric_key_prefix=split)
        scores = task.decode(output.predictions, encoded)
        predictions = task.predict(scores)
        metrics[split] = {
            **task.score(corpus, predictions),  # type: ignore[arg-type]
            "loss": output.metrics[f"{split}_loss"],
        }
        arrays[split] = np.concatenate(scores).astype(np.float32)
        arrays[f"{split}.lengths"] = np.array([len(text) for text in scores], dtype=np.int64)
        rows += [
            {
                "split": split,
                "id": sentence.id or str(number),
                "tokens": list(sentence.tokens),
                "gold": list(sentence.tags),
                "predicted": predicted,
            }
            for number, (sentence, predicted) in enumerate(zip(corpus, predictions, strict=True))
        ]
    if not trainer.is_world_process_zero():
        return
    trainer.model.save_pretrained(folder)
    prepared.tokenizer.save_pretrained(folder)
    save_file(arrays, folder / SCORES_FILE)
    write_json_lines(folder / PREDICTIONS_FILE, rows)
    write_json(folder / METRICS_FILE, metrics)
    write_card(folder, record, metrics, task.main_metric)
    record.save(folder)


@contextlib.contextmanager
def _without_metrics(trainer: ObjectiveTrainer) -> Any:
    """The dev metrics belong to the dev set: other splits are scored from their outputs."""
    metrics, trainer.compute_metrics = trainer.compute_metrics, None
    try:
        yield
    finally:
        trainer.compute_metrics = metrics


__all__ = ["RUN_FILE", "Interrupted", "read_splits", "run"]
