"""The model card of a finished run: what it is, how it was trained, how it scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from dicetune.records import RunRecord

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
- trained on {sentences} sentences of `{source}`
- versions: {versions}

## Use

```python
from transformers import pipeline
tag = pipeline("token-classification", model="{folder}", aggregation_strategy="simple")
```

or, for texts of any length, words without a sub-word included:

```python
import dicetune.predict
tagger = dicetune.predict.load("{folder}")
```
"""

_SHOWN = {
    "ner": ("precision", "recall", "f1"),
    "pos": ("accuracy", "macro_f1"),
}


def write_card(
    folder: Path, record: RunRecord, scores: dict[str, dict[str, Any]], metric: str
) -> None:
    """Write ``README.md`` with the card's metadata and the scores of each split."""
    task = record.config["task"]
    shown = _SHOWN[task]
    training = record.training
    phase = training["best_phase"]
    rows = [
        f"| {split} | " + " | ".join(f"{100 * values[name]:.2f}" for name in shown) + " |"
        for split, values in scores.items()
    ]
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="token-classification",
        tags=["dicetune", task],
    )
    card = ModelCard(
        _TEMPLATE.format(
            card_data=data.to_yaml(),
            title=folder.name,
            what="named-entity" if task == "ner" else "part-of-speech",
            model=record.model["name"],
            objective=record.objective["text"],
            heads=" | ".join(name.replace("_", " ") for name in shown),
            rule="|".join("---:" for _ in shown),
            rows="\n".join(rows),
            scored="Strict spans, micro, in percent." if task == "ner" else "In percent.",
            phase=f" (the chosen checkpoint lies in the {phase} phase)" if phase != "main" else "",
            seed=record.config["seed"],
            steps=training["steps"],
            seconds=training["seconds"],
            best_step=training["best_step"],
            metric=metric,
            sentences=record.data["train"]["sentences"],
            source=record.data["train"]["source"],
            versions=", ".join(f"{name} {value}" for name, value in record.versions.items()),
            folder=folder.name,
        ),
        ignore_metadata_errors=True,
    )
    (folder / "README.md").write_text(str(card), encoding="utf-8")
