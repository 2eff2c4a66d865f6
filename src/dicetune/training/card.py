"""The model card of a finished run: what it is, how it was trained, how it scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from dicetune.records import RunRecord
from dicetune.tasks import Task

_TEMPLATE = """---
{card_data}
---

# {title}

A {what} model, fine-tuned from `{model}` with `dicetune` for the objective `{objective}`.

## Scores

| split | {heads} |
|---|{rule}|
{rows}

{scored}

## Training

- objective: `{objective}`{phase}
- seed {seed}, {steps} steps, {seconds:.0f} s; checkpoint of step {best_step} (best dev {metric})
- trained on {examples} examples of `{source}`
- versions: {versions}

## Use

```python
import dicetune.predict
model = dicetune.predict.load("{folder}")
model({inputs})
```
{pipeline}"""

_PIPELINE = """
or, with transformers alone, for texts that fit the model's window:

```python
from transformers import pipeline
model = pipeline("{pipeline}", model="{folder}")
```
"""


def write_card(
    folder: Path, record: RunRecord, scores: dict[str, dict[str, Any]], task: Task
) -> None:
    """Write ``README.md`` with the card's metadata and the scores of each split."""
    shown = task.shown
    training = record.training
    phase = training["best_phase"]
    rows = [
        f"| {split} | " + " | ".join(f"{100 * values[name]:.2f}" for name in shown) + " |"
        for split, values in scores.items()
    ]
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag=task.pipeline,
        tags=["dicetune", task.name],
    )
    card = ModelCard(
        _TEMPLATE.format(
            card_data=data.to_yaml(),
            title=folder.name,
            what=task.title,
            model=record.model["name"],
            objective=record.objective["text"],
            heads=" | ".join(name.replace("_", " ") for name in shown),
            rule="|".join("---:" for _ in shown),
            rows="\n".join(rows),
            scored=task.scored,
            phase=f" (the chosen checkpoint lies in the {phase} phase)" if phase != "main" else "",
            seed=record.config["seed"],
            steps=training["steps"],
            seconds=training["seconds"],
            best_step=training["best_step"],
            metric=task.main_metric.replace("_", " "),
            examples=record.data["train"]["examples"],
            source=record.data["train"]["source"],
            versions=", ".join(f"{name} {value}" for name, value in record.versions.items()),
            folder=folder.name,
            inputs=", ".join(f'"{name} …"' for name in task.inputs),
            pipeline=_PIPELINE.format(pipeline=task.pipeline, folder=folder.name)
            if task.pipeline
            else "",
        ),
        ignore_metadata_errors=True,
    )
    (folder / "README.md").write_text(str(card), encoding="utf-8")
