"""Training on a GPU: every task, in both precisions, without waiting, compiled, on two devices.

Random encoders, made-up data, no network.
"""

import contextlib
import json
import os
import subprocess
import sys
import warnings

import pytest
import torch
from transformers import BertConfig, BertForTokenClassification, Trainer, TrainerCallback

from dicetune import ObjectiveTrainer
from dicetune.models import MrcNerConfig, MrcNerModel
from dicetune.predictor import load
from dicetune.records import read_json
from dicetune.tasks import TASKS
from dicetune.training import RunConfig, run
from dicetune.training.config import PRECISIONS
from dicetune.training.precision import measured_precision
from families import save_family
from test_every_task import CASES, run_of
from tiny import training_arguments

SMALL = {
    "vocab_size": 100,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "num_labels": 9,
}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", TASKS)
def test_every_task_trains_an_epoch_and_predicts(name, precision, device, tmp_path):
    head, _, _, values = CASES[name]
    model = save_family("bert", head, tmp_path / "model")
    trainer = {
        "num_train_epochs": 1,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 2,
    }
    how = {"set": "step", "precision": precision, "trainer": trainer}
    record = run(run_of(name, tmp_path, model, **how))
    assert torch.device(record.training["device"]).type == device.type
    assert record.training["precision"] == precision
    assert read_json(tmp_path / "out" / "metrics.json")["dev"]["loss"] > 0
    predictor = load(tmp_path / "out")
    arguments = values if isinstance(values, tuple) else (values,)
    assert len(predictor(*arguments)) == len(arguments[0])


def test_auto_chooses_a_precision_here(device):
    assert measured_precision() in PRECISIONS[:2]


# waiting for the device


def rows(count=64, words=48):
    """Texts of random words, with a label for each."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 100, (count, words), generator=generator)
    ones = torch.ones(words).long()
    return [{"input_ids": row, "attention_mask": ones, "labels": row % 9} for row in ids]


class AfterTheFirst(TrainerCallback):
    """Enters a context after the first step, which may ask what it likes, and leaves it."""

    def __init__(self, context):
        self.context, self.stack = context, contextlib.ExitStack()

    def on_step_end(self, args, state, control, **_):
        if state.global_step == 1:
            self.stack.enter_context(self.context)
        elif state.global_step == state.max_steps - 1:
            self.stack.close()


@contextlib.contextmanager
def waits(found):
    """Collects the warnings of torch that the program waited for the device."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
            found += [str(one.message) for one in seen if "synchroniz" in str(one.message)]


def waits_of(trainer_class, folder, changes=None, **options):
    """How often a training waits for the device in 4 steps after the first."""
    found = []
    torch.manual_seed(0)
    trainer_class(
        model=BertForTokenClassification(BertConfig(**SMALL)),
        args=training_arguments(
            folder, use_cpu=False, max_steps=6, logging_steps=50, **(changes or {})
        ),
        train_dataset=rows(),
        callbacks=[AfterTheFirst(waits(found))],
        **options,
    ).train()
    return len(found)


@pytest.mark.parametrize("how", ["batch", "step", "running"])
@pytest.mark.parametrize("loss", ["ce", "wce", "dice", "dsc", "tversky", "ce+dice"])
def test_a_step_waits_for_the_device_no_more_than_the_stock_trainer(gpu, tmp_path, loss, how):
    changes = {"gradient_accumulation_steps": 2, "bf16": True}
    stock = waits_of(Trainer, tmp_path, changes)
    counts = torch.arange(10, 19)
    options = {"loss": loss, "set": how, "class_counts": counts, "background": 0}
    assert waits_of(ObjectiveTrainer, tmp_path, changes, **options) <= stock


def test_a_loss_that_is_not_finite_stops_at_the_next_log(gpu, tmp_path):
    model = BertForTokenClassification(BertConfig(**SMALL))
    with torch.no_grad():
        model.classifier.bias[0] = float("nan")
    args = training_arguments(tmp_path, use_cpu=False, max_steps=6, logging_steps=2)
    trainer = ObjectiveTrainer(model=model, args=args, loss="ce", train_dataset=rows())
    with pytest.raises(Exception, match=r"a finite loss, got nan as the mean of the steps up to 2"):
        trainer.train()


# compiled, and on two devices


@pytest.mark.parametrize("loss", ["ce", "ce+dice"])
def test_a_compiled_model_trains_as_the_model_does(device, tmp_path, loss):
    weights = []
    for compiled in (False, True):
        torch.manual_seed(0)
        quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        backend = "inductor" if device.type == "cuda" else "aot_eager"
        changes = {"torch_compile": True, "torch_compile_backend": backend} if compiled else {}
        trainer = ObjectiveTrainer(
            model=BertForTokenClassification(BertConfig(**SMALL, **quiet)),
            args=training_arguments(
                tmp_path, use_cpu=device.type == "cpu", learning_rate=1e-3, **changes
            ),
            loss=loss,
            set="step",
            train_dataset=rows(),
        )
        trainer.train()
        weights.append(trainer.model.classifier.weight.detach().cpu())
    torch.testing.assert_close(*weights, atol=1e-4, rtol=0)


def test_two_devices_train_the_model_of_one(gpu, tmp_path):
    if torch.cuda.device_count() < 2:
        pytest.skip("this needs two CUDA devices")
    head, file, text, _ = CASES["ner"]
    (tmp_path / file).write_text(text, encoding="utf-8")
    model = save_family("bert", head, tmp_path / "model")
    written = tmp_path / "model" / "config.json"
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    written.write_text(json.dumps(json.loads(written.read_text()) | quiet))
    losses = []
    for name, batch, start in (
        ("one", 2, []),
        ("two", 1, ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]),
    ):
        config = RunConfig(
            task="ner",
            train=str(tmp_path / file),
            dev=str(tmp_path / file),
            model=model,
            out=str(tmp_path / name),
            loss="ce+dice",
            set="step",
            trainer={
                "max_steps": 1,
                "per_device_train_batch_size": batch,
                "train_sampling_strategy": "sequential",
            },
        )
        (tmp_path / f"{name}.yaml").write_text(config.to_yaml(), encoding="utf-8")
        command = [*start, "-m", "dicetune", "train", "--config", str(tmp_path / f"{name}.yaml")]
        seen = "0,1" if start else "0"
        done = subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": seen},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        losses.append(read_json(tmp_path / name / "metrics.json")["dev"]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


# memory


def test_mrc_ner_holds_no_score_for_every_pair_of_words(gpu):
    """All pairs would take 3 GB for the match head of this batch alone."""
    batch, length, width = 8, 256, 768
    encoder = BertConfig(**{**SMALL, "hidden_size": width, "num_attention_heads": 12})
    model = MrcNerModel(MrcNerConfig(encoder)).to(gpu).train()
    ids = torch.randint(5, 100, (batch, length), device=gpu)
    ones = torch.ones_like(ids)
    torch.cuda.reset_peak_memory_stats(gpu)
    before = torch.cuda.memory_allocated(gpu)
    outputs = model(input_ids=ids, attention_mask=ones)
    sum(o.float().sum() for o in outputs.values() if o.is_floating_point()).backward()
    peak = torch.cuda.max_memory_allocated(gpu) - before
    pairs = batch * length * length * 2 * width * 4
    assert peak < pairs / 2, f"{peak / 2**20:.0f} MiB"
