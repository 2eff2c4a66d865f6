"""No operation of a training step would wait for a GPU, but those that the CPU alone makes.

What a step does not ask for is said later, and as what it is. Run on the CPU, as if it were a GPU
for the losses: each operation that reads a value is seen.
"""

import traceback
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import TrainerCallback

import dicetune
from dicetune.errors import InputError
from dicetune.losses import build
from dicetune.training import run
from dicetune.training.trainer import NonFiniteLossError
from families import save_family
from losses.test_later import WAITING
from test_every_task import CASES, run_of
from training.test_sets import trainer

HERE = str(Path(dicetune.__file__).parent)
# they ask on the CPU alone, or in the first step; batches are read and padded on the CPU
KNOWN = {"_check_finite", "select_spans", "_check_first_step", "__iter__"}


class Watch(TorchDispatchMode):
    """Keeps who asked for a value of a tensor within a training step."""

    def __init__(self):
        super().__init__()
        self.seen, self.asked = 0, set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name
        picks = name == "aten::index" and any(
            part is not None and part.dtype == torch.bool for part in args[1]
        )
        if name in WAITING or picks:
            frames = traceback.extract_stack()
            names, files = ({getattr(f, part) for f in frames} for part in ("name", "filename"))
            if {"training_step", "get_batch_samples"} & names:
                self.seen += 1
                own = [frame for frame in frames if frame.filename.startswith(HERE)]
                # transformers asks whether a mask of attention hides anything
                known = KNOWN & names or any("masking_utils" in file for file in files)
                if not known:
                    self.asked.add((own[-1].filename, own[-1].lineno, own[-1].name))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("mrc-ner", {"set": "step", "hard_negatives": 3.0}),
        ("qa", {"set": "batch"}),
        ("ner", {"set": "running"}),
        ("text", {"set": "step"}),
    ],
)
def test_a_step_asks_for_no_value(name, how, tmp_path, later):
    model = save_family("bert", CASES[name][0], tmp_path / "model")
    trainer = {
        "max_steps": 2,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 2,
        "use_cpu": True,
    }
    watch = Watch()
    with watch:
        run(run_of(name, tmp_path, model, trainer=trainer, **how))
    assert watch.seen
    assert watch.asked == set()


def with_label_7(rows):
    """The rows, of which one has a label that no class has."""
    labels = rows[3]["labels"].clone()
    labels[1] = 7
    return [*rows[:3], {**rows[3], "labels": labels}, *rows[4:]]


class AfterStep2(TrainerCallback):
    """Breaks the model if asked, and evaluates."""

    def __init__(self, value=None):
        self.value = value

    def on_step_end(self, args, state, control, model, **_):
        if state.global_step == 2:
            control.should_evaluate = True
            if self.value is not None:
                torch.nn.init.constant_(model.classifier.bias, self.value)


WRONG = r"expected targets in 0\.\.2 or -100, got 7"


def test_a_label_that_cannot_be_is_said_in_the_evaluation_that_meets_it(tmp_path, later):
    made = trainer(tmp_path, max_steps=4, logging_steps=100)
    made.eval_dataset = with_label_7(made.train_dataset)
    made.add_callback(AfterStep2())
    for meet in (made.train, made.evaluate, lambda: made.predict(made.eval_dataset)):
        with pytest.raises(InputError, match=WRONG) as raised:
            meet()
        assert not isinstance(raised.value, NonFiniteLossError)
    made.eval_dataset = made.train_dataset
    assert made.evaluate()["eval_loss"] > 0  # it was said, and nothing is left of it


def test_a_label_that_cannot_be_is_said_after_a_training_without_a_log(tmp_path, later):
    made = trainer(tmp_path, max_steps=2, logging_strategy="no")
    made.train_dataset = with_label_7(made.train_dataset)
    with pytest.raises(InputError, match=WRONG):
        made.train()


def test_a_label_of_an_earlier_call_is_no_fault_of_the_training(tmp_path, later):
    assert build("dice")(torch.zeros(1, 3), torch.tensor([7])).isnan()
    trainer(tmp_path, max_steps=1).train()


def test_a_loss_of_the_evaluation_that_is_not_finite_stops_the_training(tmp_path, later):
    made = trainer(tmp_path, max_steps=4, logging_steps=100)
    made.eval_dataset = made.train_dataset
    made.add_callback(AfterStep2(float("nan")))
    with pytest.raises(NonFiniteLossError, match="a finite loss, got nan for eval after step 2"):
        made.train()
