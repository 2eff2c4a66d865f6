"""Results of a run: score the chosen checkpoint, write model, scores and card, the record last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import ModelCard, ModelCardData
from safetensors.numpy import save_file

from dicetune.losses import start_steps
from dicetune.records import (
    METRICS_FILE,
    PREDICTIONS_FILE,
    PROBLEM_KEY,
    SCORES_FILE,
    RunRecord,
    sha256,
    write_json,
    write_json_lines,
)
from dicetune.tasks import Task
from dicetune.training.folder import follow_umask
from dicetune.training.prepare import Prepared
from dicetune.training.trainer import ObjectiveTrainer


def record_of(prepared: Prepared, trainer: ObjectiveTrainer, seconds: float) -> RunRecord:
    """The record of a run whose training is over."""
    config, state, recipe = prepared.config, trainer.state, trainer.recipe
    best = state.best_global_step or state.global_step
    in_start = best <= start_steps(recipe.start_share, state.max_steps)
    notes = list(prepared.notes)
    if in_start and recipe.start_loss is not None:
        notes.append(
            f"the chosen checkpoint (step {best}) lies in the start phase: it was trained with "
            f"{recipe.start_loss.spec} alone"
        )
    return RunRecord(
        config=asdict(config),
        objective={
            "text": str(recipe),
            "loss": trainer.objective.loss.spec,
            "start_loss": trainer.start_objective.loss.spec if trainer.start_objective else None,
            "start_share": recipe.start_share,
            "hard_negatives": config.hard_negatives,
            "prior_bias": config.prior_bias,
            "set": _set_of(trainer),
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
        },
        training={
            "seconds": round(seconds, 1),
            "steps": state.global_step,
            "planned_steps": state.max_steps,
            "best_step": best,
            "best_phase": "start" if in_start else "main",
            "processes": trainer.accelerator.num_processes,
            "device": str(trainer.args.device),
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


def write_results(
    folder: Path, prepared: Prepared, trainer: ObjectiveTrainer, record: RunRecord
) -> None:
    """Score the chosen checkpoint on each held-out split and write everything, the record last."""
    task = prepared.task
    trainer.compute_metrics = None  # it scores dev alone; here every split is scored from outputs
    metrics: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    for split in ("dev", "test"):
        if split not in prepared.splits:
            continue
        data, encoded = prepared.splits[split], prepared.encoded[split]
        output = trainer.predict(encoded.features, metric_key_prefix=split)
        scores = task.decode(output.predictions, encoded)
        predictions = task.predict(scores, data)
        metrics[split] = {
            **task.score(data, predictions),
            "loss": output.metrics[f"{split}_loss"],
        }
        arrays[split] = np.concatenate(scores).astype(np.float32)
        arrays[f"{split}.lengths"] = np.array([len(example) for example in scores], dtype=np.int64)
        rows += [{"split": split, **row} for row in task.rows(data, predictions)]
    if not trainer.is_world_process_zero():
        return
    trainer.model.save_pretrained(folder)
    prepared.tokenizer.save_pretrained(folder)
    problem = json.dumps(task.problem(prepared.splits["train"]).settings, ensure_ascii=False)
    save_file(arrays, folder / SCORES_FILE, metadata={PROBLEM_KEY: problem})
    follow_umask(folder)
    write_json_lines(folder / PREDICTIONS_FILE, rows)
    write_json(folder / METRICS_FILE, metrics)
    _write_card(folder, record, metrics, task)
    record.save(folder)


def _write_card(
    folder: Path, record: RunRecord, scores: dict[str, dict[str, Any]], task: Task
) -> None:
    """Write the model card: what the model is, how it was trained, how it scores."""
    head = ModelCardData(
        library_name="transformers", pipeline_tag=task.pipeline, tags=["dicetune", task.name]
    )
    model, objective = record.model["name"], record.objective["text"]
    training, examples = record.training, record.data["train"]["examples"]
    metric, phase = task.main_metric.replace("_", " "), training["best_phase"]
    chosen = f" (the chosen checkpoint lies in the {phase} phase)" if phase != "main" else ""
    rows = "\n".join(
        f"| {split} | " + " | ".join(f"{100 * values[name]:.2f}" for name in task.shown) + " |"
        for split, values in scores.items()
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

## Training

- objective: `{objective}`{chosen}
- seed {record.config["seed"]}, {training["steps"]} steps, {training["seconds"]:.0f} s; \
checkpoint of step {training["best_step"]} (best dev {metric})
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


def _set_of(trainer: ObjectiveTrainer) -> str | None:
    """The set of a set-level loss, in words; ``None`` for an additive loss."""
    terms = [term for _, term in trainer.objective.terms]
    additive = all(term.is_additive(kind) for term in terms for kind in trainer.kinds)
    if additive and trainer.objective.hard_negatives is None:
        return None
    return f"batch of one process ({trainer.args.train_batch_size} windows)"


def weights_of(source: str) -> str | None:
    """SHA-256 of the encoder's weights, where one local file holds them."""
    path = Path(source) / "model.safetensors"
    return sha256(path) if path.is_file() else None
