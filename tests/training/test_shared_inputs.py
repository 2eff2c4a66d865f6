"""Inputs that were read once, or that lie elsewhere: the same run, with the same record."""

import shutil
from dataclasses import replace

import pytest

from dicetune.records import read_json
from dicetune.training import RunConfig, run
from dicetune.training.prepare import Inputs, prepare
from local_runs import SENTENCES, TRAINER
from tiny import tiny_bert

TIMES = ("runtime", "per_second", "seconds")
SAME = ("model.safetensors", "predictions.jsonl", "scores.safetensors", "decision.json")


def without_times(record):
    """The record of a run without its times and its folder."""
    record["config"]["out"] = None
    training = {key: value for key, value in record["training"].items() if key != "seconds"}
    training["history"] = [
        {key: value for key, value in row.items() if not key.endswith(TIMES)}
        for row in training["history"]
    ]
    return {**record, "training": training}


@pytest.fixture
def config(tmp_path):
    tiny_bert(tmp_path / "model")
    for split, times in (("train", 12), ("dev", 3), ("test", 4)):
        (tmp_path / f"{split}.conll").write_text(SENTENCES * times, encoding="utf-8")
    paths = {split: str(tmp_path / f"{split}.conll") for split in ("train", "dev", "test")}
    return RunConfig(
        task="ner", **paths, model=str(tmp_path / "model"), loss="dice", trainer=dict(TRAINER)
    )


def test_files_that_lie_elsewhere_are_recorded_where_the_configuration_says(config, tmp_path):
    here, there = tmp_path / "here", tmp_path / ("there" * 20)  # too long for a short message
    run(replace(config, out=str(here)))
    there.mkdir()
    elsewhere = {}
    for number, path in enumerate((config.train, config.dev, config.test, config.model)):
        elsewhere[path] = str(shutil.move(path, there / f"{number}.{path[-5:]}"))
    inputs = Inputs.read(config, elsewhere)
    assert inputs.serve(replace(config, loss="ce", seed=7, out="x"))
    assert not inputs.serve(replace(config, test=None))
    assert not inputs.serve(replace(config, max_length=9))
    prepare(replace(config, loss="ce"), inputs=inputs)  # another run before
    run(replace(config, out=str(tmp_path / "moved")), inputs=inputs)
    one, other = (without_times(read_json(out / "run.json")) for out in (here, tmp_path / "moved"))
    assert one == other
    for name in SAME:
        assert (here / name).read_bytes() == (tmp_path / "moved" / name).read_bytes(), name
    card = (tmp_path / "moved" / "README.md").read_text(encoding="utf-8")
    assert str(there) not in card + (tmp_path / "moved" / "config.json").read_text()
