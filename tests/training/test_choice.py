"""The checkpoint and the rule of a run: chosen on dev by the decision that will be used."""

import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file

import dicetune
from dicetune.decide import DecisionRule
from dicetune.errors import InputError, InterruptedRunError
from dicetune.records import by_decision, read_json, read_json_lines
from dicetune.training import RunConfig, run
from dicetune.training.callbacks import StopOnSignal
from dicetune.training.choice import DevEvaluations
from dicetune.training.trainer import ObjectiveTrainer
from tiny import tiny_bert
from training.run_worker import sends

FILES = ("metrics.json", "predictions.jsonl", "decision.json", "tuned.jsonl")


def corpus(seed, sentences):
    """Sentences in which most of two words are entities: soon found by a bias, later by argmax."""
    draw, rows = random.Random(seed), []
    for _ in range(sentences):
        for _ in range(draw.randint(3, 7)):
            word = draw.choice(["the", "pump", "at", "is", "down", "again", "quay", "nine", "and"])
            found = word in ("quay", "nine") and draw.random() < 0.75
            rows.append(f"{word}\t{'B-SITE' if found else 'O'}")
        rows.append("")
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choice")
    tiny_bert(folder / "model")
    for number, name in enumerate(("train", "dev", "test"), 1):
        (folder / f"{name}.conll").write_text(corpus(number, 60 - 10 * number), encoding="utf-8")
    files = {name: str(folder / f"{name}.conll") for name in ("train", "dev", "test")}
    every = {f"{what}_strategy": "steps" for what in ("save", "eval")}
    trainer = {"max_steps": 24, "per_device_train_batch_size": 8, "learning_rate": 0.01}
    trainer |= {"use_cpu": True, "eval_steps": 3, "save_steps": 6, **every}
    places = {name: str(folder / name) for name in ("model", "out")}
    return RunConfig("ner", **files, **places, loss="ce", trainer=trainer)


@pytest.fixture(scope="module")
def trained(config):
    """A run that keeps the best checkpoint under each decision: its folder and record."""
    return Path(config.out), run(config, each_decision=True)


def test_each_decision_chooses_its_own_checkpoint(trained):
    record = trained[1]
    history, training = record.training["history"], record.training
    for decision, name in (("argmax", "eval_f1"), ("tuned", "eval_f1_tuned")):
        best = max(row[name] for row in history)
        first = next(row["step"] for row in history if row[name] == best)
        assert training["best_steps"][decision] == first
    assert training["best_step"] == training["best_steps"]["tuned"]
    assert training["best_steps"]["argmax"] != training["best_step"], "else this test shows nothing"
    assert training["best_step"] % 6 == 3, "saved also between two regular checkpoints"
    assert training["chosen_by"] == "f1_tuned"


def test_scores_of_both_decisions_are_those_of_evaluate(trained, config):
    folder, record = trained
    metrics = read_json(folder / "metrics.json")
    found = dicetune.evaluate(folder, config.test)
    assert metrics["test"]["f1"] == found["f1"]
    assert metrics["test"]["argmax"]["f1"] == found["argmax"]["f1"] != found["f1"]
    rule = DecisionRule.load(folder)
    assert metrics["dev"]["f1"] == rule.evidence["promised"]
    assert rule.evidence["cross_fitted"] == max(
        r["eval_f1_tuned"] for r in record.training["history"]
    )
    assert metrics["dev"]["argmax"]["f1"] == rule.evidence["default"]
    rows = ["dev, argmax", "dev, tuned (held out)", "test, argmax", "test, tuned"]
    assert list(by_decision(metrics)) == rows
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"| {row} | " in card for row in rows)
    assert f"The rule of the training: {rule.words[0]}" in card


def test_tune_finds_the_rule_of_the_run_and_replaces_it_only_when_asked(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "copy")
    before = {name: (folder / name).read_bytes() for name in FILES}
    dicetune.tune(folder)
    assert {name: (folder / name).read_bytes() for name in FILES} == before
    with pytest.raises(InputError, match="--overwrite"):
        dicetune.tune(folder, objective="fbeta:2")
    assert dicetune.tune(folder, objective="fbeta:2", overwrite=True).rule.objective == "fbeta:2"


def test_the_other_checkpoint_is_the_run_that_argmax_alone_would_have_made(trained, config):
    folder, _ = trained
    plain = folder.with_name("plain")
    record = run(replace(config, out=str(plain), decision="argmax"))
    assert record.training["chosen_by"] == "f1"
    assert not any("eval_f1_tuned" in row for row in record.training["history"])
    assert not (plain / "decision.json").exists()
    assert "argmax" not in read_json(plain / "metrics.json")["test"]
    for name in ("predictions.jsonl", "metrics.json"):
        assert (folder / "argmax" / name).read_bytes() == (plain / name).read_bytes()
    for name in ("model.safetensors", "scores.safetensors"):
        own, other = load_file(folder / "argmax" / name), load_file(plain / name)
        assert all((own[key] == value).all() for key, value in other.items())
    assert (
        read_json(folder / "argmax" / "run.json")["training"]["best_step"]
        == (record.training["best_step"])
    )
    rows = list(read_json_lines(plain / "predictions.jsonl"))
    assert rows != list(read_json_lines(folder / "predictions.jsonl"))
    assert dicetune.load(folder / "argmax").decision is None


def test_dev_is_not_predicted_again_for_the_scores(trained, config, monkeypatch):
    folder, asked = trained[0].with_name("once"), []
    predict = ObjectiveTrainer.predict

    def noted(trainer, windows, **how):
        asked.append(how["metric_key_prefix"])
        return predict(trainer, windows, **how)

    monkeypatch.setattr(ObjectiveTrainer, "predict", noted)
    run(replace(config, out=str(folder)), each_decision=True)
    assert asked == ["test", "test"]
    none = property(lambda _: {}, lambda *_: None)
    monkeypatch.setattr(DevEvaluations, "scores", none, raising=False)
    run(replace(config, out=str(folder.with_name("twice"))), each_decision=True)
    assert asked[2:] == ["dev", "test", "dev", "test"]
    for place in ("", "argmax/"):
        for name in ("metrics.json", "predictions.jsonl", "scores.safetensors"):
            other = folder.with_name("twice") / f"{place}{name}"
            assert other.read_bytes() == (folder / f"{place}{name}").read_bytes()


def test_a_run_that_was_stopped_chooses_as_one_that_was_not(trained, config):
    folder, record = trained
    stopped = replace(config, out=str(folder.with_name("stopped")))
    for resume, step in ((False, 10), (True, 17)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StopOnSignal, "on_step_end", sends(signal.SIGINT, step))
            with pytest.raises((InterruptedRunError, KeyboardInterrupt)):
                run(stopped, resume=resume, each_decision=True)
    found = run(stopped, resume=True, each_decision=True)
    assert found.training["best_steps"] == record.training["best_steps"]
    for place in ("", "argmax/"):
        for name in ("metrics.json", "predictions.jsonl"):
            other = folder.with_name("stopped") / f"{place}{name}"
            assert other.read_bytes() == (folder / f"{place}{name}").read_bytes()
    other = folder.with_name("stopped")
    assert (other / "decision.json").read_bytes() == (folder / "decision.json").read_bytes()


def test_overwrite_deletes_the_other_checkpoint_but_no_file_of_the_user(trained, config, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "copy")
    short = {**config.trainer, "max_steps": 1}
    again = replace(config, out=str(folder), trainer=short, decision="argmax")
    (folder / "argmax" / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"mine\.txt"):
        run(again, overwrite=True)
    assert (folder / "argmax" / "model.safetensors").exists()
    (folder / "argmax" / "mine.txt").unlink()
    run(again, overwrite=True)
    assert not (folder / "argmax").exists()


def test_without_positives_on_dev_runs_keep_the_default_decision_and_say_so(config, tmp_path):
    dev = tmp_path / "dev.conll"
    dev.write_text("the\tO\nquay\tO\n\n" + "is\tO\n\n" * 20, encoding="utf-8")
    trainer = {**config.trainer, "max_steps": 3}
    few = replace(config, dev=str(dev), test=None, out=str(tmp_path / "few"), trainer=trainer)
    run(few)
    rule = DecisionRule.load(tmp_path / "few")
    assert rule.is_default
    assert rule.evidence["said"].startswith("Kept the default: dev holds no positive sentences")
    metrics = read_json(tmp_path / "few" / "metrics.json")
    assert metrics["dev"]["decision"] == "argmax"
