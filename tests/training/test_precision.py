"""Precision: bf16 under autocast with losses in float32, and ``auto``, which is settled once."""

import shutil

import pytest
import torch

from commands import command
from dicetune.comparison.plan import Plan, what_decides
from dicetune.errors import InputError
from dicetune.records import read_json
from dicetune.training import RunConfig
from dicetune.training.folder import CONFIG_FILE
from dicetune.training.precision import bf16_gain, with_precision
from dicetune.training.sets import BATCH
from local_runs import SENTENCES, Here
from tiny import tiny_bert
from training.test_trainer import trainer_of

SHORT = ["-s", "trainer.max_steps=2", "-s", "trainer.use_cpu=true"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("precision")
    (folder / "data.conll").write_text(SENTENCES * 4, encoding="utf-8")
    tiny_bert(folder / "model")
    data = folder / "data.conll"
    return ["ner", "--train", data, "--dev", data, "--model", folder / "model", *SHORT]


def test_a_run_in_bf16_says_so_and_holds_float32(tmp_path, files):
    out = tmp_path / "run"
    assert command("train", *files, "--precision", "bf16", "--out", out) == 0
    record = read_json(out / "run.json")
    assert record["training"]["precision"] == record["config"]["precision"] == "bf16"
    assert read_json(out / "config.json")["dtype"] == "float32"


def test_losses_see_float32_where_the_model_multiplies_in_bf16(tmp_path):
    seen = []

    def note(module, inputs, output):
        seen.append(output.dtype)

    trainer = trainer_of(tmp_path, bf16=True, max_steps=1)
    trainer.model.bert.encoder.layer[0].output.dense.register_forward_hook(note)
    inner = trainer.loss_inputs
    trainer.loss_inputs = lambda outputs, labels: [
        seen.append(item.logits.dtype) or item for item in inner(outputs, labels)
    ]
    trainer.train()
    assert seen == [torch.bfloat16, torch.float32]


def test_auto_is_settled_in_the_configuration_and_measured_once(tmp_path, files, capsys):
    out = tmp_path / "run"
    assert command("train", *files, "--precision", "auto", "--out", out) == 0
    said = capsys.readouterr().err
    assert "precision auto: " in said
    assert "times as fast as in fp32 on this cpu" in " ".join(said.split())
    chosen = RunConfig.from_yaml(out / CONFIG_FILE).precision
    assert chosen == read_json(out / "run.json")["training"]["precision"]
    assert chosen in ("fp32", "bf16")


@pytest.mark.parametrize("settled", ["fp32", "bf16"])
def test_a_resume_keeps_what_the_run_settled(tmp_path, settled, log):
    config = RunConfig("ner", "a", dev="b", precision=settled)
    (tmp_path / CONFIG_FILE).write_text(config.to_yaml(), encoding="utf-8")
    auto = RunConfig("ner", "a", dev="b", precision="auto")
    assert with_precision(auto, tmp_path) == config
    assert not log.messages


def test_a_comparison_decides_in_its_plan_and_keeps_it(tmp_path, files, capsys, monkeypatch):
    monkeypatch.setattr("dicetune.comparison.execute.Local", Here)
    losses = ["--loss", "ce", "--loss", "dice", "--seeds", "1", "--test", files[2]]
    request = ["compare", *files, *losses, "--out", tmp_path, "--precision", "auto"]
    request += ["-s", "set=step"]
    for gain, measured in ((2.0, 1), (0.5, 0)):  # the machine that goes on is another one
        monkeypatch.setattr("dicetune.training.precision.bf16_gain", lambda _, gain=gain: gain)
        assert command(*request) == 0
        assert capsys.readouterr().err.count("precision auto") == measured
        plan = Plan.load(tmp_path)
        records = [read_json(run.folder(tmp_path) / "run.json") for run in plan.runs]
        assert [record["training"]["precision"] for record in records] == ["bf16"] * 2
        shutil.rmtree(plan.runs[0].folder(tmp_path))  # and makes a run again
    said = [record["objective"]["set"] for record in records]  # the set of ce is no set
    assert said == [None, "optimizer step (1 x 1 x 8 windows)"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "bf61"}, "unknown precision 'bf61': did you mean 'bf16'"),
        ({"precision": "bf16", "trainer": {"fp16": True}}, "expected precision or trainer.fp16"),
        ({"precision": "auto", "trainer": {"bf16": True}}, "leave trainer.bf16 out"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        RunConfig("ner", "a", dev="b", **options)


def test_defaults_decide_nothing():
    assert what_decides({"precision": "fp32", "set": BATCH}) == {}
    assert what_decides({"precision": "bf16"}) == {"precision": "bf16"}


def test_the_gain_is_a_ratio_of_times_and_leaves_the_random_state():
    state = torch.get_rng_state()
    assert 0 < bf16_gain(torch.device("cpu"), seconds=0) < 100
    assert (torch.get_rng_state() == state).all()
