"""One step is one step: however it is cut into micro-batches and spread over processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dicetune.records import read_json
from dicetune.training import RunConfig, run
from tiny import tiny_bert
from training.gradient_worker import one_step

WORKER = Path(__file__).with_name("gradient_worker.py")
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
ADDITIVE = ["ce", "wce+mom+la+cb+asl+focal+0.5*dl"]
# 8 texts a step, on two processes: loss, texts a micro-batch, accumulation steps
SPREAD = [*((loss, *cut) for loss in ADDITIVE for cut in ((4, 1), (1, 4))), ("dice", 4, 1)]


@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    """Each step of ``SPREAD``: its loss and gradient."""
    out = tmp_path_factory.mktemp("spread") / "steps.pt"
    command = [sys.executable, *TORCHRUN, str(WORKER), str(out), json.dumps(SPREAD)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(SPREAD, torch.load(out, weights_only=True), strict=True))


@pytest.mark.parametrize("loss", ADDITIVE)
def test_loss_and_gradient_of_a_step_do_not_depend_on_how_it_is_cut(tmp_path, loss, spread):
    whole = one_step(tmp_path, loss, 8, 1)
    assert whole["loss"] > 0
    cuts = {
        "one process": one_step(tmp_path, loss, 2, 4),
        **{step: found for step, found in spread.items() if step[0] == loss},
    }
    assert len(cuts) == 3
    for cut, part in cuts.items():
        assert part["loss"] == pytest.approx(whole["loss"], rel=1e-9), cut
        for name, gradient in whole["gradient"].items():
            scale = gradient.abs().max().clamp(min=1e-12)
            assert ((part["gradient"][name] - gradient).abs().max() / scale) < 1e-9, (cut, name)


def test_a_set_level_loss_is_the_mean_over_what_each_forward_saw(tmp_path, spread):
    # the same two sets of 4 texts, on one process one after the other and on two side by side
    accumulated, apart = one_step(tmp_path, "dice", 4, 2), spread["dice", 4, 1]
    assert apart["loss"] == pytest.approx(accumulated["loss"], rel=1e-9)
    for name, gradient in accumulated["gradient"].items():
        assert torch.allclose(apart["gradient"][name], gradient, rtol=1e-9, atol=1e-14), name


TEXTS = ["the pump at quay nine is down", "the queue at gate", "quay is fine and down"]


def test_two_processes_train_the_model_of_one(tmp_path):
    rows = [
        "".join(f"{word} {'B-SITE' if word == 'quay' else 'O'}\n" for word in text.split())
        for text in TEXTS * 4
    ]
    (tmp_path / "data.conll").write_text("\n".join(rows), encoding="utf-8")
    model = tiny_bert(tmp_path / "model", dropout=0.0)
    files = {"task": "ner", "train": f"{tmp_path}/data.conll", "dev": f"{tmp_path}/data.conll"}
    trainer = {"max_steps": 2, "train_sampling_strategy": "sequential"}
    chosen = RunConfig.from_mapping(
        {**files, "model": model, "loss": "ce+mom", "out": str(tmp_path / "two")}
    ).updated({"trainer": {**trainer, "per_device_train_batch_size": 3}})
    (tmp_path / "run.yaml").write_text(chosen.to_yaml(), encoding="utf-8")
    command = ["-m", "dicetune", "train", "--config", str(tmp_path / "run.yaml")]
    done = subprocess.run(
        [sys.executable, *TORCHRUN, *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("precision") == 1
    assert done.stderr.count("objective: ce+mom") + done.stdout.count("objective: ce+mom") == 1
    whole = {"out": str(tmp_path / "one"), "trainer.per_device_train_batch_size": 6}
    run(chosen.updated({**whole, "trainer.use_cpu": True}))
    assert read_json(tmp_path / "two" / "run.json")["training"]["processes"] == 2
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    start = load_file(tmp_path / "model" / "model.safetensors")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=1e-6, rtol=0)
    assert any((start[name] != one[name]).any() for name in start)
