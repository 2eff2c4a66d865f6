"""Learning rate, epochs and batch size where none are given: by encoder, task and data.

The *encoder* decides the learning rate: 2e-4 is right for the 22M parameters of MiniLM, and ruins a
BERT-base. ``BANDS`` is the rule, with its sources. Embeddings do not count: a vocabulary of 250,000
words makes an encoder no deeper. A *task* may bear less than its encoder (``Task.most_rate``).

The *data* decides epochs and batch size, as a few epochs over little data are too few steps: the
largest batch of 32, 16 and 8 with which 20 epochs have enough, and the epochs that give enough.

Sources of the rates, read in what the authors released: BERT 2e-5 to 5e-5 (Devlin et al. 2019);
small BERTs 3e-5 to 3e-4 (Turc et al. 2019); MiniLM 4e-5 and 5e-5 (Wang et al. 2020: the 2e-4 of
this rule are measured here, ``docs/guide.md``); ELECTRA small 3e-4 in the paper and 1e-4 in the
code, base 1e-4, large 5e-5, each less in lower layers (Clark et al. 2020); RoBERTa-large 1e-5 and
2e-5 (Liu et al. 2019); ModernBERT-base 8e-5 (Warner et al. 2024); DeBERTa of 22 million parameters
5e-5, base 1.5e-5 to 3e-5, large 7e-6 to 1e-5, of 0.75 billion 5e-6 to 7e-6, of 1.5 billion 3e-6 (He
et al. 2021); LoRA 4e-4 and 5e-4, for 1.5 billion parameters 1e-4 (Hu et al. 2022). Epochs: Mosbach
et al. 2021, "On the stability of fine-tuning BERT" (20 epochs for small data); Zhang et al. 2021,
"Revisiting few-sample BERT fine-tuning".
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicetune.models.encoder import EncoderSize, encoder_size
from dicetune.tasks import TASKS
from dicetune.training.config import TRAINER_DEFAULTS, RunConfig
from dicetune.training.folder import CONFIG_FILE

RATE, EPOCHS, BATCH = "learning_rate", "num_train_epochs", "per_device_train_batch_size"
MOST_EPOCHS = 20
BATCHES = (32, 16, 8)


@dataclass(frozen=True)
class Band:
    """Encoders of one size: its bounds, and what they are trained with.

    Args:
        name: in words.
        hidden: largest hidden size.
        parameters: largest number of parameters without embeddings.
        rate: learning rate.
        lora: learning rate of adapters of low rank.
        epochs: fewest epochs.
        steps: fewest steps, if 20 epochs have as many.
    """

    name: str
    hidden: float
    parameters: float
    rate: float
    lora: float
    epochs: int
    steps: int


BANDS = (
    Band("small", 384, 30e6, 2e-4, 2e-4, 5, 200),
    Band("medium-sized", 512, 60e6, 1e-4, 2e-4, 4, 300),
    Band("base-sized", 768, 150e6, 3e-5, 2e-4, 3, 500),
    Band("large", math.inf, 600e6, 1e-5, 2e-4, 3, 800),
    Band("very large", math.inf, math.inf, 3e-6, 1e-4, 3, 800),
)
"""From the smallest: the first that holds an encoder."""

MOST_RATE = {"deberta": 5e-5, "deberta-v2": 5e-5}
"""The highest learning rate of a family whose small encoders bear less than their size says."""


def band_of(size: EncoderSize, most: float = math.inf) -> Band:
    """The band of an encoder; at a lower rate, as of ``Task.most_rate``, with the steps it takes.

    Example:
        >>> band_of(EncoderSize(384, 10_600_000)).rate, band_of(EncoderSize(768, 85_000_000)).rate
        (0.0002, 3e-05)
    """
    found = next(
        band for band in BANDS if size.hidden <= band.hidden and size.parameters <= band.parameters
    )
    most = min(most, MOST_RATE.get(size.family, math.inf))
    like = next(band for band in BANDS if band.rate <= most)
    return replace(found, rate=min(found.rate, most), steps=max(found.steps, like.steps))


def open_keys(trainer: Mapping[str, Any]) -> list[str]:
    """The keys of the rule that a trainer's keys leave open; a number of steps leaves no epochs.

    Example:
        >>> open_keys({"learning_rate": 1e-4, "max_steps": 100})
        ['per_device_train_batch_size']
    """
    ruled = (RATE, BATCH) if int(trainer.get("max_steps") or -1) > 0 else (RATE, BATCH, EPOCHS)
    return [key for key in ruled if trainer.get(key) is None]


def missing_keys(
    trainer: Mapping[str, Any], size: EncoderSize, examples: int, band: Band | None = None
) -> tuple[dict[str, Any], str]:
    """The open keys of a trainer with their values, and a sentence that says them.

    Example:
        >>> missing_keys({}, EncoderSize(384, 10_600_000), 436)[0].values()
        dict_values([0.0002, 32, 15])
        >>> missing_keys({"learning_rate": 1e-4}, EncoderSize(384, 10_600_000), 50_000)[0].values()
        dict_values([32, 5])
    """
    band = band_of(size) if band is None else band
    epoch = {**trainer, EPOCHS: 1, "max_steps": -1}
    steps = {batch: steps_of({**epoch, BATCH: batch}, examples) for batch in BATCHES}
    enough = [batch for batch in BATCHES if MOST_EPOCHS * steps[batch] >= band.steps]
    batch = trainer.get(BATCH) or max(enough, default=BATCHES[-1])
    epochs = math.ceil(band.steps / steps_of({**epoch, BATCH: batch}, examples))
    epochs = min(max(band.epochs, epochs), MOST_EPOCHS)
    values = {RATE: band.rate, BATCH: batch, EPOCHS: epochs}
    chosen = {key: values[key] for key in open_keys(trainer)}
    words = {RATE: "learning rate {:.0e}", BATCH: "batches of {}", EPOCHS: "{} epochs"}
    said = ", ".join(words[key].format(value) for key, value in chosen.items())
    return chosen, said.replace("e-0", "e-") + (
        f": for {examples:,} training examples and a {band.name} encoder "
        f"({size.parameters / 1e6:.1f}M parameters without embeddings, hidden size {size.hidden})"
    )


def steps_of(trainer: Mapping[str, Any], examples: int) -> int:
    """Steps of a training on so many windows, by all processes that torchrun starts.

    Example:
        >>> steps_of({"per_device_train_batch_size": 16, "num_train_epochs": 3}, 100)
        21
    """
    keys = {**TRAINER_DEFAULTS, **trainer}
    if (most := int(keys.get("max_steps") or -1)) > 0:
        return most
    together = keys[BATCH] * keys.get("gradient_accumulation_steps", 1)
    together *= int(os.environ.get("WORLD_SIZE", "1"))  # the group is formed later
    return math.ceil(keys[EPOCHS] * max(math.ceil(examples / together), 1))


def with_defaults(config: RunConfig, source: str, examples: int) -> tuple[RunConfig, list[str]]:
    """The configuration with learning rate, epochs and batch size, and a note of those chosen.

    Args:
        config: of a run, or shared by the runs of a comparison.
        source: folder or Hub id of the encoder.
        examples: number of training examples.
    """
    if not open_keys(config.trainer):
        return config, []
    band = band_of(size := encoder_size(source), TASKS[config.task].most_rate)
    if config.lora is not None:
        band = replace(band, rate=band.lora, name=f"{band.name} (LoRA)")
    chosen, said = missing_keys(config.trainer, size, examples, band)
    because = f", task {config.task}" if TASKS[config.task].most_rate < math.inf else ""
    return replace(config, trainer={**config.trainer, **chosen}), [said + because]


def with_earlier(config: RunConfig, earlier: Path) -> tuple[RunConfig, bool]:
    """The configuration with the keys that an unfinished run began with, and whether one is there.

    A run of an earlier version has no such keys, and keeps the constants of that version.
    """
    if not (earlier / CONFIG_FILE).is_file():
        return config, False
    before = RunConfig.from_yaml(earlier / CONFIG_FILE).trainer
    kept = {key: before[key] for key in (RATE, EPOCHS, BATCH) if key in before}
    return replace(config, trainer={**kept, **config.trainer}), True
