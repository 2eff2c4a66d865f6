"""The embedded encoder learns: on the packaged sample, and on real data where it is present."""

import pytest

from dicetune import RunConfig, demo, run
from dicetune.display import demo_tables
from dicetune.records import METRICS_FILE, read_json

# the smallest budgets at which the encoder shows what it can; the docs have the full ones
SHORT = {"num_train_epochs": 4, "per_device_train_batch_size": 16, "learning_rate": 3e-4}


@pytest.mark.parametrize("loss", ["ce", "dice", "auto"])
def test_the_sample_is_learnt(tmp_path, loss):
    out = tmp_path / "run"
    run(RunConfig(task="ner", train="sample", loss=loss, out=str(out), trainer=SHORT))
    assert read_json(out / METRICS_FILE)["test"]["f1"] > 0.5


def test_the_literal_form_learns_nothing(tmp_path):
    out = tmp_path / "run"
    with pytest.warns(UserWarning, match="optimum at p = 0.5"):
        run(RunConfig(task="ner", train="sample", loss="dsc-paper", out=str(out), trainer=SHORT))
    assert read_json(out / METRICS_FILE)["test"]["f1"] < 0.1


def test_real_entities_are_learnt_from_few_sentences(tmp_path, real_data):
    out = tmp_path / "run"
    config = RunConfig(
        task="ner",
        train=str(real_data("ncbi_disease/train.tsv")),
        dev=str(real_data("ncbi_disease/devel.tsv")),
        out=str(out),
        loss="ce+dice",
        max_train=500,
        trainer=SHORT,
    )
    run(config)
    assert read_json(out / METRICS_FILE)["dev"]["f1"] > 0.4


def test_the_demo_compares_two_losses_and_says_who_won(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "TRAINER", {**SHORT, "num_train_epochs": 1})
    outcome = demo.run_demo(tmp_path, seed=1)
    assert set(outcome.scores) == {"ce", "auto"}
    assert "One seed decides nothing" in outcome.verdict
    scores, types = demo_tables(outcome)
    assert (scores.row_count, types.row_count) == (2, 4)
