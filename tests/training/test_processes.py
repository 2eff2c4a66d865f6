"""torchrun on a machine without a GPU, as the guide has it: one model, that of one process."""

import os
import subprocess
import sys

import torch
from safetensors.torch import load_file

from dicetune.records import read_json
from dicetune.training import RunConfig, run
from tiny import tiny_bert

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
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = ["-m", "dicetune", "train", "--config", str(tmp_path / "run.yaml")]
    done = subprocess.run(
        [sys.executable, *launch, *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("objective: ce+mom") + done.stdout.count("objective: ce+mom") == 1
    whole = {"out": str(tmp_path / "one"), "trainer.per_device_train_batch_size": 6}
    run(chosen.updated({**whole, "trainer.use_cpu": True}))
    assert read_json(tmp_path / "two" / "run.json")["training"]["processes"] == 2
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    start = load_file(tmp_path / "model" / "model.safetensors")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=1e-6, rtol=0)
    assert any((start[name] != one[name]).any() for name in start)
