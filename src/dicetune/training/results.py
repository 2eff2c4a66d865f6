"""Results of a run: score the chosen checkpoint, write model, scores and card, the record last."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelCard, ModelCardData

from dicetune.decide import Split, Tuned, tune_splits
from dicetune.decide.folder import DEV, write_tuned
from dicetune.decide.run_scores import write_scores
from dicetune.losses import start_steps
from dicetune.models.adapters import save_model
from dicetune.records import (
    DEFAULT,
    METRICS_FILE,
    PREDICTIONS_FILE,
    TUNED,
    RunRecord,
    by_decision,
    replace_text,
    sha256,
    write_json,
    write_json_lines,
)
from dicetune.tasks import Task
from dicetune.tasks.encoded import Batches
from dicetune.training.averaging import averaged_steps
from dicetune.training.config import FP32
from dicetune.training.folder import CONFIG_FILE, follow_umask
from dicetune.training.prepare import Prepared
from dicetune.training.trainer import ObjectiveTrainer


def record_of(prepared: Prepared, trainer: ObjectiveTrainer, seconds: float) -> RunRecord:
    """The record of a run whose training is over."""
    config, state, recipe = prepared.config, trainer.state, trainer.recipe
    best_steps = prepared.choice.best_steps(state.log_history)
    best = best_steps.get(config.decision, state.global_step)
    in_start = best <= start_steps(recipe.start_share, state.max_steps)
    notes = list(prepared.notes)
    if in_start and recipe.start_loss is not None:
        notes.append(
            f"the chosen checkpoint (step {best}) lies in the start phase: it was trained with "
            f"{recipe.start_loss.spec} alone"
        )
    if config.average is not None:
        mean = averaged_steps(config.average, best, state.max_steps)
        older = f"no mean of weights: it is older than the last {config.average:.0%} of the steps"
        said = f"the mean of the weights of {mean} steps" if mean > 0 else older
        notes.append(f"the chosen checkpoint (step {best}) is {said}")
    return RunRecord(
        config=asdict(config),
        objective={
            "text": str(recipe),
            "loss": recipe.loss.spec,
            "start_loss": None if recipe.start_loss is None else recipe.start_loss.spec,
            "start_share": recipe.start_share,
            "hard_negatives": config.hard_negatives,
            "prior_bias": prepared.start.at_prior,
            **({"auto": prepared.start.reasons} if prepared.start.reasons else {}),
            "set": trainer.set_in_words,
            "code": prepared.code,
        },
        labels=list(prepared.task.labels),
        settings=prepared.task.settings(),
        data={
            split: {
                "source": data.source,
                "sha256": prepared.fingerprints[split],
                "examples": len(data),
                **prepared.encoded[split].facts,
            }
            for split, data in prepared.splits.items()
        },
        model={
            "name": config.model,
            "sha256": weights_of(prepared.source),
            "parameters": sum(p.numel() for p in trainer.model.parameters()),
            "trained": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        },
        training={
            "seconds": round(seconds, 1),
            "date": time.strftime("%Y-%m-%d"),
            "steps": state.global_step,
            "planned_steps": state.max_steps,
            "best_step": best,
            "chosen_by": prepared.choice.metric,
            "best_steps": best_steps,
            "best_phase": "start" if in_start else "main",
            "processes": trainer.accelerator.num_processes,
            "device": str(trainer.args.device),
            "threads": torch.get_num_threads(),
            "precision": trainer.accelerator.mixed_precision.replace("no", FP32),
            "history": history_of(state.log_history, prepared.task.main_metric),
        },
        notes=notes,
    )


def history_of(log: Sequence[Mapping[str, Any]], metric: str) -> list[dict[str, Any]]:
    """The evaluations of a run, each with the mean training loss since the previous evaluation.

    A training row of the trainer's ``log`` holds the mean ``loss`` of the steps since the previous
    row; a row of an evaluation holds the dev score ``metric``.

    Example:
        >>> log = [{"step": 3, "loss": 2.0}, {"step": 4, "loss": 1.0}, {"step": 4, "eval_f1": 0.5}]
        >>> history_of(log, "f1")
        [{'step': 4, 'eval_f1': 0.5, 'train_loss': 1.75}]
    """
    history: list[dict[str, Any]] = []
    total, begun, last = 0.0, 0, 0
    for row in log:
        if "loss" in row:
            total += row["loss"] * (row["step"] - last)
            last = row["step"]
        elif f"eval_{metric}" in row:
            loss = total / (last - begun) if last > begun else None
            history.append({**row, "train_loss": loss})
            total, begun = 0.0, last
    return history


@dataclass(frozen=True)
class DevScores:
    """Scores of the examples of dev by models that were not trained on them.

    Args:
        scores: of each example, in the order of dev.
        loss: their mean loss.
        facts: of these models, for the record.
        said: a sentence on them, for the record.
    """

    scores: list[np.ndarray]
    loss: float
    facts: list[dict[str, Any]]
    said: str


@dataclass(frozen=True)
class Scored:
    """One split, scored by the default decision of a checkpoint.

    Args:
        split: rows, with gold and predictions, and the outputs of the model.
        metrics: scores of the task.
        loss: of the run, over the split.
    """

    split: Split
    metrics: dict[str, Any]
    loss: float


def write_results(
    folder: Path,
    prepared: Prepared,
    trainer: ObjectiveTrainer,
    record: RunRecord,
    dev_scores: DevScores | None = None,
) -> None:
    """Score the chosen checkpoint on each held-out split and write everything, the record last.

    The scores on dev are those of the evaluation of the checkpoint, if it was in this process, or
    the ``dev_scores`` of other models. Where the checkpoint that is best by the default decision is
    kept and is another one, it gets a folder of its own in ``argmax/``, with the files of a run.
    """
    on_dev = getattr(trainer.compute_metrics, "scores", {})
    if dev_scores is not None:
        step = record.training["best_step"]
        on_dev = {step: dev_scores.scores}
        record.training["folds"] = dev_scores.facts
        record.notes.append(dev_scores.said)
        for row in record.training["history"]:  # of texts that it was trained on
            row["eval_loss"] = dev_scores.loss
    trainer.compute_metrics = None  # it scores dev alone; here every split is scored from outputs
    _write(folder, prepared, trainer, record, on_dev)
    by_default = prepared.under(DEFAULT)
    other = record_of(by_default, trainer, record.training["seconds"])
    step, place = other.training["best_step"], folder / DEFAULT
    checkpoint = Path(str(trainer.args.output_dir)) / f"checkpoint-{step}"
    differs = DEFAULT in prepared.choice.kept and step != record.training["best_step"]
    if differs and checkpoint.is_dir():
        trainer.state.best_model_checkpoint = str(checkpoint)
        trainer._load_best_model()
        place.mkdir(exist_ok=True)
        _write(place, by_default, trainer, other, on_dev)
        if trainer.is_world_process_zero():
            replace_text(place / CONFIG_FILE, by_default.config.to_yaml())
            other.save(place)
    if trainer.is_world_process_zero():
        record.save(folder)


def _write(
    folder: Path,
    prepared: Prepared,
    trainer: ObjectiveTrainer,
    record: RunRecord,
    on_dev: Mapping[int, list[np.ndarray]],
) -> None:
    """Score the weights of the moment, and write everything but configuration and record.

    ``on_dev`` holds the scores of dev by step.
    """
    scored = _scored(prepared, trainer, record, on_dev)
    asked = _asked(prepared, trainer)
    if not trainer.is_world_process_zero():
        return
    config = prepared.config
    save_model(trainer.model, folder, config.model, config.lora)
    prepared.tokenizer.save_pretrained(folder)
    problem, splits = prepared.choice.problem, {name: one.split for name, one in scored.items()}
    write_scores(folder, problem.settings, splits)
    follow_umask(folder)
    rows = {name: split.rows for name, split in splits.items()} | {
        name: rows for name, (rows, _) in asked.items()
    }
    write_json_lines(folder / PREDICTIONS_FILE, (row for part in rows.values() for row in part))
    tuned = None
    if prepared.config.decision == TUNED:
        tuned = tune_splits(problem, splits)
        for name, (_, scores) in asked.items():
            data, biased = prepared.splits[name], tuned.rule.apply(scores)
            found = prepared.task.rows(data, prepared.task.predict(scores, data, biased))
            tuned.predicted[name] = [row["predicted"] for row in found]
        write_tuned(folder, rows, tuned)
    metrics = {name: _metrics(prepared, name, one, tuned) for name, one in scored.items()}
    write_json(folder / METRICS_FILE, metrics)
    _write_card(folder, record, metrics, prepared.task, tuned)


def _scored(
    prepared: Prepared,
    trainer: ObjectiveTrainer,
    record: RunRecord,
    on_dev: Mapping[int, list[np.ndarray]],
) -> dict[str, Scored]:
    """Dev and test as the weights of the moment decide them by default."""
    task, step = prepared.task, record.training["best_step"]
    losses = {row["step"]: row["eval_loss"] for row in record.training["history"]}
    found: dict[str, Scored] = {}
    for name in (split for split in ("dev", "test") if split in prepared.splits):
        if not prepared.splits[name].is_labelled:
            continue
        data, encoded = prepared.splits[name], prepared.encoded[name]
        if name == DEV and step in on_dev:
            scores, loss = on_dev[step], losses[step]
        else:
            output = trainer.predict(encoded.features, metric_key_prefix=name)
            scores = task.decode(Batches.of(output.predictions), encoded)
            loss = output.metrics[f"{name}_loss"]
        predictions = task.predict(scores, data)
        rows = ({"split": name, **row} for row in task.rows(data, predictions))
        split = Split.of(prepared.choice.problem, rows, scores)
        found[name] = Scored(split, task.score(data, predictions), loss)
    return found


def _asked(
    prepared: Prepared, trainer: ObjectiveTrainer
) -> dict[str, tuple[list[dict[str, Any]], list[np.ndarray]]]:
    """Rows without gold, by the default decision, and scores of each split that has no gold."""
    found = {}
    for name, data in prepared.splits.items():
        if name == "train" or data.is_labelled:
            continue
        encoded = prepared.encoded[name]
        output = trainer.predict(encoded.features, metric_key_prefix=name)
        scores = prepared.task.decode(Batches.of(output.predictions), encoded)
        rows = prepared.task.rows(data, prepared.task.predict(scores, data))
        kept = ({key: value for key, value in row.items() if key != "gold"} for row in rows)
        found[name] = [{"split": name, **row} for row in kept], scores
    return found


def _metrics(prepared: Prepared, name: str, scored: Scored, tuned: Tuned | None) -> dict[str, Any]:
    """The scores of a split by the decision in use, and by default beside a rule.

    A rule that was fitted on dev is scored there on its held-out parts alone.
    """
    found, loss = scored.metrics, {"loss": scored.loss}
    if tuned is None:
        return {**found, **loss}
    task, rule, data = prepared.task, tuned.rule, prepared.splits[name]
    if rule.is_default:
        how = DEFAULT
    elif name == DEV:
        how, found = f"{TUNED} (held out)", rule.evidence["scores"].get("promised", {})
    else:
        scores = scored.split.scores
        how, found = TUNED, task.score(data, task.predict(scores, data, rule.apply(scores)))
    return {"decision": how, **found, **loss, DEFAULT: scored.metrics}


def _write_card(
    folder: Path,
    record: RunRecord,
    metrics: Mapping[str, Mapping[str, Any]],
    task: Task,
    tuned: Tuned | None,
) -> None:
    """Write the card, ``README.md``."""
    head = ModelCardData(
        library_name="transformers", pipeline_tag=task.pipeline, tags=["dicetune", task.name]
    )
    model, objective = record.model["name"], record.objective["text"]
    training, examples = record.training, record.data["train"]["examples"]
    phase, by = training["best_phase"], training["chosen_by"].replace("_", " ")
    chosen = f" (the chosen checkpoint lies in the {phase} phase)" if phase != "main" else ""
    rows = "\n".join(
        f"| {name} | "
        + " | ".join(f"{100 * scores[m]:.2f}" if m in scores else "" for m in task.shown)
        + " |"
        for name, scores in by_decision(metrics).items()
    )
    text = f"""---
{head.to_yaml()}
---

# {folder.name}

A {task.title} model, fine-tuned from `{model}` with `dicetune` for the objective `{objective}`.

## Scores

| split | {" | ".join(name.replace("_", " ") for name in task.shown)} |
|---|{"|".join("---:" for _ in task.shown)}|
{rows}

{task.scored}
"""
    if tuned is not None:
        words = "; ".join(tuned.rule.words)
        text += f"""
## Decision

{tuned.said} The rule of the training: {words}. This card and `metrics.json` hold its scores. \
`dicetune` applies it, or the rule that `dicetune tune` has put in its place since \
(`dicetune tune FOLDER --list`); other tools decide by default ({DEFAULT}).
"""
    text += f"""
## Training

- objective: `{objective}`{chosen}
- seed {record.config["seed"]}, {training["steps"]} steps, {training["seconds"]:.0f} s; \
checkpoint of step {training["best_step"]} (best dev {by})
- trained on {examples} examples of `{record.data["train"]["source"]}`
- versions: {", ".join(f"{name} {value}" for name, value in record.versions.items())}

## Use

```python
import dicetune
model = dicetune.load("{folder.name}")
model({", ".join(f'"{name} …"' for name in task.inputs)})
```
"""
    if task.pipeline:
        text += f"""
or, with transformers alone, for texts that fit the model's window:

```python
from transformers import pipeline
model = pipeline("{task.pipeline}", model="{folder.name}")
```
"""
    card = ModelCard(text, ignore_metadata_errors=True)
    (folder / "README.md").write_text(str(card), encoding="utf-8")


def weights_of(source: str) -> str | None:
    """SHA-256 of the encoder's weights, where one local file holds them."""
    path = Path(source) / "model.safetensors"
    return sha256(path) if path.is_file() else None
