"""Time of a training step in bf16 against fp32, in one run, and what ``precision=auto`` measures.

Both sides train the embedded encoder with cross-entropy on the same batches; they take turns.

Usage: python benchmarks/precision.py [STEPS] [ROUNDS]
"""

import sys
import tempfile

import torch
from transformers.utils import logging

from dicetune.training.precision import bf16_gain
from table import Row, alternate, seconds_text, show
from trainer import items, trainer


def main():
    """Print a row for the step, and one for the layer that ``auto`` measures."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    data = items(steps)
    with tempfile.TemporaryDirectory() as folder:
        plain, half = (trainer(folder, data, steps, bf16=half) for half in (False, True))
        plain.train(), half.train()  # the first steps of a process pay for its threads and memory
        ours, other, ratio = alternate(half.train, plain.train, rounds)
    gain = bf16_gain(torch.device("cpu"), seconds=2.0)
    fp32 = f"fp32 {seconds_text(other / steps)}"
    show(
        [
            Row(
                "training step in bf16, ce, 32 texts, minilm",
                seconds_text(ours / steps),
                fp32,
                ratio,
            ),
            Row(
                "layer of an encoder in bf16, what auto measures",
                f"{1 / gain:.2f}",
                "fp32 1",
                1 / gain,
            ),
        ]
    )


if __name__ == "__main__":
    main()
