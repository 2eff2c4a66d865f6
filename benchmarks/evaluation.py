"""Time of an evaluation by its number of windows, and against the stock Trainer, in one run.

A model of almost no work, so that what the loop itself does is seen: it should take time with the
number of windows, while the stock loop copies all earlier outputs for each batch.

Usage: python benchmarks/evaluation.py [WINDOWS]
"""

import sys
import tempfile

import torch
from torch import nn
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.utils import logging

from dicetune import ObjectiveTrainer
from table import Row, alternate, seconds_text, show

LENGTH, LABELS = 40, 13


class Look(nn.Module):
    """Logits from a table of sub-words."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(1000, LABELS)

    def forward(self, input_ids, labels=None):
        """Logits, with a loss where the stock trainer asks for it."""
        logits = self.table(input_ids)
        if labels is None:
            return {"logits": logits}
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return {"loss": loss, "logits": logits}


def trainer(kind, folder, **options):
    """A trainer that evaluates batches of 64."""
    arguments = TrainingArguments(
        output_dir=folder,
        per_device_eval_batch_size=64,
        disable_tqdm=True,
        use_cpu=True,
        report_to=[],
        dataloader_pin_memory=False,
    )
    made = kind(model=Look(), args=arguments, compute_metrics=lambda found: {}, **options)
    made.remove_callback(PrinterCallback)
    return made


def main():
    """Print the rows."""
    logging.set_verbosity_error()
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 16_000
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 1000, (most, LENGTH), generator=generator)
    windows = [{"input_ids": row, "labels": row % LABELS} for row in ids]
    few = windows[: most // 4]
    with tempfile.TemporaryDirectory() as folder:
        ours, stock = trainer(ObjectiveTrainer, folder, loss="ce"), trainer(Trainer, folder)
        all_of_it, part, _ = alternate(
            lambda: ours.evaluate(windows), lambda: ours.evaluate(few), rounds=3
        )
        against = alternate(lambda: ours.evaluate(windows), lambda: stock.evaluate(windows), 3)
    name = f"evaluation of {most:,} windows"
    shown = seconds_text(part)
    show(
        [
            Row(
                f"{name}, four times as many",
                seconds_text(all_of_it),
                f"{len(few):,} windows {shown}",
                all_of_it / part,
                "<= 4.4",
            ),
            Row(
                name,
                seconds_text(against[0]),
                f"stock Trainer {seconds_text(against[1])}",
                against[2],
                "<= 1",
            ),
        ]
    )


if __name__ == "__main__":
    main()
