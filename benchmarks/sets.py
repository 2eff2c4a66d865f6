"""Cost of the sets of a set-level loss: ``step`` and ``running`` against ``batch``, in one run.

Each side trains the embedded encoder with dice on the same batches, 4 micro-batches a step; the
sides take turns. With ``room 0`` every graph but one is computed again.

Usage: python benchmarks/sets.py [STEPS] [ROUNDS]
"""

import sys
import tempfile

from transformers import PrinterCallback, TrainingArguments
from transformers.utils import logging

from dicetune import ObjectiveTrainer
from dicetune.training.whole_step import GraphRoom
from table import Row, alternate, seconds_text, show
from trainer import BATCH, items, model

PARTS = 4


def trainer(folder, data, steps, how, room=None):
    """A trainer that can be asked again and again to train the steps."""
    arguments = TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=BATCH // PARTS,
        gradient_accumulation_steps=PARTS,
        max_steps=steps,
        learning_rate=1e-5,
        train_sampling_strategy="sequential",
        save_strategy="no",
        logging_steps=10,
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    made = ObjectiveTrainer(model=model(), args=arguments, loss="dice", train_dataset=data, set=how)
    made.remove_callback(PrinterCallback)
    made.room = GraphRoom(arguments.device, room)
    return made


def main():
    """Print a row for each set."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    data, rows = items(steps), []
    with tempfile.TemporaryDirectory() as folder:
        plain = trainer(folder, data, steps, "batch")
        plain.train()  # the first steps of a process pay for its threads and memory
        for name, how, room, goal in (
            ("step, room 0", "step", 0, "<= 1.35"),
            ("step, room for all", "step", 10**10, "<= 1.1"),
            ("running", "running", None, "<= 1.05"),
        ):
            made = trainer(folder, data, steps, how, room)
            made.train()
            ours, other, ratio = alternate(made.train, plain.train, rounds)
            each = f"set=batch {seconds_text(other / steps)}"
            what = f"training step with set={name}, dice, {PARTS} x {BATCH // PARTS} texts, minilm"
            rows.append(Row(what, seconds_text(ours / steps), each, ratio, goal))
    show(rows)


if __name__ == "__main__":
    main()
