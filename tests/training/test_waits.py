"""No operation of a training step would wait for a GPU, but those that the CPU alone makes.

Run on the CPU, as if it were a GPU for the losses: each operation that reads a value is seen.
"""

import traceback
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import dicetune
from dicetune.losses import _targets as targets
from dicetune.training import RunConfig, run
from families import save_family
from losses.test_later import WAITING
from test_every_task import CASES

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
def test_a_step_asks_for_no_value(name, how, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(targets, "_AT_ONCE", ())
    head, file, text, _ = CASES[name]
    (tmp_path / file).write_text(text, encoding="utf-8")
    watch = Watch()
    with watch:
        run(
            RunConfig(
                task=name,
                train=file,
                dev=file,
                model=save_family("bert", head, tmp_path / "model"),
                out="out",
                loss="ce+dice",
                **how,
                max_length=48,
                trainer={
                    "max_steps": 2,
                    "per_device_train_batch_size": 1,
                    "gradient_accumulation_steps": 2,
                    "use_cpu": True,
                },
            )
        )
    assert watch.seen
    assert watch.asked == set()
