"""The embedded encoder learns: on the packaged sample, and on real data where it is present."""

import json

import pytest

from dicetune import RunConfig, run
from dicetune.comparison import execute
from dicetune.comparison.compare import compare
from dicetune.records import METRICS_FILE, read_json
from local_runs import Here

# one checkpoint, at the end: writing one takes as long as many steps
ONCE = {
    **{f"{what}_strategy": "steps" for what in ("eval", "save")},
    **{f"{what}_steps": 1000 for what in ("eval", "save")},
}
# the smallest budgets at which the encoder shows what it can; the docs have the full ones
SHORT = {"num_train_epochs": 4, "per_device_train_batch_size": 16, "learning_rate": 3e-4, **ONCE}


@pytest.mark.parametrize("loss", ["dice", "auto"])
def test_the_sample_is_learnt(tmp_path, loss):
    out = tmp_path / "run"
    trainer = {**SHORT, "num_train_epochs": 2}
    run(RunConfig(task="ner", train="sample", loss=loss, out=str(out), trainer=trainer))
    assert read_json(out / METRICS_FILE)["test"]["f1"] > 0.5


def test_real_entities_are_learnt_from_few_sentences(tmp_path, real_data):
    out = tmp_path / "run"
    config = RunConfig(
        task="ner",
        train=str(real_data("ncbi_disease/train.tsv")),
        dev=str(real_data("ncbi_disease/devel.tsv")),
        out=str(out),
        loss="ce+dice",
        max_train=240,
        max_dev=100,
        trainer={**SHORT, "num_train_epochs": 2, "per_device_train_batch_size": 8},
    )
    run(config)
    assert read_json(out / METRICS_FILE)["dev"]["f1"] > 0.4


def test_the_demo_compares_two_losses_and_concludes_nothing_from_two_seeds(
    tmp_path, monkeypatch, saved_family
):
    monkeypatch.setattr(execute, "Local", Here)
    config = {"task": "ner", "train": "sample", "model": str(saved_family("bert"))}
    config["trainer"] = {**SHORT, "max_steps": 8}
    outcome = compare(tmp_path / "demo", config, losses=["ce", "ce+dice"], seeds=2)
    assert outcome.exit_code == 0
    names = [competitor["name"] for competitor in outcome.summary["competitors"]]
    rows = ["ce", "ce+dice", "ce, tuned", "ce+dice, tuned"]
    assert names == [*rows, "ce, all seeds", "ce+dice, all seeds"]
    said = outcome.summary["verdict"]
    assert said[0].startswith("Use ")
    assert sum("no verdict" in sentence for sentence in said) == 2
    assert not {row["verdict"] for row in outcome.summary["comparisons"]} & {"better", "worse"}
    assert outcome.summary["data"]["inspected"]
    assert (tmp_path / "demo" / "report.html").is_file()


def learn(tmp_path, task, lines, name, **config):
    """Train on some lines of a file and score what was learnt of them."""
    (tmp_path / name).write_text("".join(lines), encoding="utf-8")
    path = str(tmp_path / name)
    run(RunConfig(task=task, train=path, dev=path, out=str(tmp_path / "run"), **config))
    return read_json(tmp_path / "run" / METRICS_FILE)["dev"]


def test_real_messages_are_told_from_spam(tmp_path, real_data):
    lines = real_data("sms_spam/SMSSpamCollection").read_text(encoding="utf-8").splitlines(True)
    (tmp_path / "dev.tsv").write_text("".join(lines[-300:]), encoding="utf-8")
    (tmp_path / "train.tsv").write_text("".join(lines[:400]), encoding="utf-8")
    config = RunConfig(
        task="text",
        train=str(tmp_path / "train.tsv"),
        dev=str(tmp_path / "dev.tsv"),
        out=str(tmp_path / "run"),
        loss="ce+dice",
        trainer={**SHORT, "num_train_epochs": 1, "per_device_train_batch_size": 8},
    )
    run(config)
    assert read_json(tmp_path / "run" / METRICS_FILE)["dev"]["f1"] > 0.8


@pytest.mark.parametrize(
    ("form", "loss"), [("softmax", "ce+dice"), ("sigmoid", "dice")], ids=["softmax", "sigmoid"]
)
def test_real_questions_are_learnt_by_heart(tmp_path, real_data, form, loss):
    document = json.loads(real_data("squad11/dev-v1.1.visible35.json").read_text(encoding="utf-8"))
    paragraph = document["data"][0]["paragraphs"][0]
    paragraph["qas"] = paragraph["qas"][:4]
    short = json.dumps({"version": "1.1", "data": [{"title": "a", "paragraphs": [paragraph]}]})
    trainer = {"num_train_epochs": 16, "per_device_train_batch_size": 2, "learning_rate": 3e-4}
    scores = learn(
        tmp_path,
        "qa",
        [short],
        "a.json",
        loss=loss,
        options={"form": form},
        trainer={**trainer, **ONCE},
    )
    assert scores["f1"] > 0.7


def test_real_entities_are_asked_for_by_heart(tmp_path, real_data):
    lines = real_data("ncbi_disease/train.tsv").read_text(encoding="utf-8").splitlines(True)
    trainer = {"num_train_epochs": 16, "per_device_train_batch_size": 8, "learning_rate": 3e-4}
    trainer |= ONCE
    scores = learn(tmp_path, "mrc-ner", lines[:400], "a.tsv", loss="dice", trainer=trainer)
    assert scores["f1"] > 0.7
