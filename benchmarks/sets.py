"""Cost of the sets of a set-level loss: ``step`` and ``running`` against ``batch``, in one run.

Each side trains the embedded encoder with dice on the same batches, 4 micro-batches a step; the
sides take turns. With ``room 0`` every graph but one is computed again.

Usage: python benchmarks/sets.py [STEPS] [ROUNDS]
"""

import sys
import tempfile

from transformers.utils import logging

from dicetune.training.whole_step import GraphRoom
from table import Row, alternate, seconds_text, show
from trainer import BATCH, items, trainer

PARTS = 4


def set_trainer(folder, data, steps, how, room=None):
    """A trainer of 4 micro-batches a step, with a number of bytes for graphs."""
    cut = {"per_device_train_batch_size": BATCH // PARTS, "gradient_accumulation_steps": PARTS}
    made = trainer(folder, data, steps, loss="dice", how=how, **cut)
    made.room = GraphRoom(made.args.device, room)
    return made


def main():
    """Print a row for each set."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    data, rows = items(steps), []
    with tempfile.TemporaryDirectory() as folder:
        plain = set_trainer(folder, data, steps, "batch")
        plain.train()  # the first steps of a process pay for its threads and memory
        for name, how, room, goal in (
            ("step, room 0", "step", 0, "<= 1.35"),
            ("step, room for all", "step", 10**10, "<= 1.1"),
            ("running", "running", None, "<= 1.05"),
        ):
            made = set_trainer(folder, data, steps, how, room)
            made.train()
            ours, other, ratio = alternate(made.train, plain.train, rounds)
            each = f"set=batch {seconds_text(other / steps)}"
            what = f"training step with set={name}, dice, {PARTS} x {BATCH // PARTS} texts, minilm"
            rows.append(Row(what, seconds_text(ours / steps), each, ratio, goal))
    show(rows)


if __name__ == "__main__":
    main()
