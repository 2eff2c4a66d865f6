"""Time of ObjectiveTrainer against a bare loop on the same batches, in one run.

The bare loop does what any loop must: forward, the same loss, backward, gradient clipping and an
optimizer step. Both see the same batches in the same order; they take turns, so that a busy
machine slows both.

Usage: python benchmarks/trainer.py [STEPS] [REPEATS]
"""

import statistics
import sys
import tempfile
import time

import torch
from transformers import AutoModelForTokenClassification, PrinterCallback, TrainingArguments
from transformers.utils import logging

from dicetune import ObjectiveTrainer
from dicetune.losses import build
from dicetune.models import load_model, resolve_encoder
from table import Row, seconds_text, show

BATCH, LENGTH, LABELS = 32, 40, 13


def items(steps):
    """Random texts, most words of them background."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, LABELS, (steps * BATCH, LENGTH), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.9] = 0
    ids = torch.randint(1000, 2000, labels.shape, generator=generator)
    return [
        {"input_ids": row, "attention_mask": torch.ones_like(row), "labels": gold}
        for row, gold in zip(ids, labels, strict=True)
    ]


def model():
    """The embedded encoder with a new head."""
    torch.manual_seed(0)
    return load_model(
        AutoModelForTokenClassification, resolve_encoder("minilm"), [str(i) for i in range(LABELS)]
    )


def bare(data, steps):
    """Seconds of the bare loop."""
    network, loss = model().train(), build("ce")
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)  # the trainer's own
    batches = [
        {key: torch.stack([item[key] for item in data[i : i + BATCH]]) for key in data[0]}
        for i in range(0, steps * BATCH, BATCH)
    ]
    begun = time.perf_counter()
    for batch in batches:
        labels = batch.pop("labels")
        value = loss(network(**batch).logits, labels)
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - begun


def trainer(folder, data, steps, *, loss="ce", how="batch", **changes):
    """A trainer of a new model, which can be asked again and again to train the steps."""
    arguments = {
        "output_dir": folder,
        "per_device_train_batch_size": BATCH,
        "max_steps": steps,
        "learning_rate": 1e-5,
        "train_sampling_strategy": "sequential",
        "save_strategy": "no",
        "logging_steps": 10,
        "disable_tqdm": True,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        **changes,
    }
    made = ObjectiveTrainer(
        model=model(), args=TrainingArguments(**arguments), loss=loss, set=how, train_dataset=data
    )
    made.remove_callback(PrinterCallback)
    return made


def ours(data, steps, folder):
    """Seconds of ObjectiveTrainer.train()."""
    made = trainer(folder, data, steps)
    begun = time.perf_counter()
    made.train()
    return time.perf_counter() - begun


def main():
    """Print the two times and their ratio."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    data = items(steps)
    with tempfile.TemporaryDirectory() as folder:
        bare(data[: 2 * BATCH], 2)  # the first steps of a process pay for its threads and memory
        pairs = [(bare(data, steps), ours(data, steps, folder)) for _ in range(repeats)]
    plain, trained = (statistics.median(side) for side in zip(*pairs, strict=True))
    show(
        [
            Row(
                f"ObjectiveTrainer.train(), minilm, {steps} steps, ce",
                seconds_text(trained),
                f"bare loop {seconds_text(plain)}",
                statistics.median(ours / bare for bare, ours in pairs),
            )
        ]
    )


if __name__ == "__main__":
    main()
