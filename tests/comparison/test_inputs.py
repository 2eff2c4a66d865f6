"""All runs of a comparison are made from the same files, or there is no verdict."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from comparisons import make_comparison
from dicetune.comparison import execute
from dicetune.comparison.compare import compare, make_plan
from dicetune.comparison.competitor import PlannedLoss
from dicetune.comparison.execute import describe
from dicetune.comparison.merge import compare_records
from dicetune.comparison.plan import Plan
from dicetune.comparison.summary import summarise
from dicetune.errors import DataError, InputError
from dicetune.records import read_json, write_json
from local_runs import Here, run_here


def changed(folder, *keys, value, which=1):
    """Change one value in the record of a run; return the id of the run."""
    run = sorted((folder / "cells").iterdir())[which]
    record = place = read_json(run / "run.json")
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    write_json(run / "run.json", record)
    return run.name


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        *[(("data", split, "sha256"), "f" * 64, f"{split} data") for split in ("train", "dev")],
        (("data", "test", "sha256"), "f" * 64, "test data"),
        (("data", "train", "examples"), 7, "number of train examples"),
        (("model", "sha256"), "f" * 64, "encoder"),
        (("labels",), ["ham", "eggs"], "labels"),
        (("settings", "queries"), {"SITE": "where?"}, "queries"),
    ],
)
def test_a_run_made_from_another_input_is_refused_by_name(tmp_path, keys, value, words):
    folder = make_comparison(tmp_path / "c", tuned=False)
    run = changed(folder, *keys, value=value)
    with pytest.raises(DataError) as refused:
        summarise(folder)
    assert words in str(refused.value)
    assert run in str(refused.value)
    with pytest.raises(InputError):
        compare_records([folder], tmp_path / "merged")


def test_runs_whose_checkpoint_was_chosen_by_another_decision_are_not_mixed(tmp_path):
    folder = make_comparison(tmp_path / "c", tuned=False)
    assert summarise(folder)["competitors"], "records of an earlier version are read"
    changed(folder, "config", "decision", value="tuned")
    with pytest.raises(DataError, match="by the default decision, as an earlier version did"):
        summarise(folder)


def test_a_number_among_the_settings_is_no_other_reading(tmp_path):
    folder = make_comparison(tmp_path / "c", tuned=False)
    changed(folder, "settings", "stride", value=7)
    assert summarise(folder)["competitors"]


@pytest.mark.parametrize("keys", [("data", "train", "sha256"), ("model", "sha256")])
def test_a_missing_fingerprint_is_a_note(tmp_path, keys):
    folder = make_comparison(tmp_path / "c", tuned=False)
    changed(folder, *keys, value=None)
    (note,) = [line for line in summarise(folder)["how"]["notes"] if "fingerprint" in line]
    assert "1 of 6 runs have no fingerprint" in note


@pytest.mark.parametrize("name", ["test", "encoder"])
def test_a_file_that_changes_between_two_runs_stops_the_comparison(
    tmp_path, files, monkeypatch, name
):
    """It is found before the next run, and goes on once the file is put back."""
    splits = ("train", "dev", "test")
    paths = {split: shutil.copy(files.config[split], tmp_path) for split in splits}
    model = shutil.copytree(files.config["model"], tmp_path / "model")
    changing = Path({**paths, "encoder": model / "model.safetensors"}[name])
    before = changing.read_bytes()

    def run_and_change(config, flags=()):
        reason = run_here(config, flags)
        changing.write_bytes(before + b"\n")
        return reason

    config = {**files.config, **paths, "model": str(model)}
    out = tmp_path / "c"
    monkeypatch.setattr(execute, "Local", lambda: Here(run_and_change))
    with pytest.raises(InputError) as refused:
        compare(out, config, losses=["ce", "dice"], seeds=1)
    first, second = Plan.load(out).runs
    for word in (
        f"run {second.id} was not begun",
        f"the {name} file",
        str(changing),
        "restore",
    ):
        assert word in str(refused.value)
    assert (out / "cells" / first.id / "run.json").is_file()
    assert not (out / "summary.json").exists()
    changing.write_bytes(before)
    monkeypatch.setattr(execute, "Local", Here)
    assert compare(out).exit_code == 0


def test_heads_that_started_apart_are_told(tmp_path):
    folder = make_comparison(tmp_path / "c", "label_set", seeds=(1,))
    assert not any("the head started" in note for note in summarise(folder)["how"]["notes"])
    changed(folder, "objective", "prior_bias", value=True, which=0)
    said = "the head started at the training shares for ce, evenly for dice"
    assert any(said in note for note in summarise(folder)["how"]["notes"])
    plan = Plan.load(folder)
    trainer = {**plan.trainer, "per_device_train_batch_size": 8}
    plan = replace(plan, task="mrc-ner", trainer=trainer)
    (line,) = [line for line in describe(plan, folder) if "one half" in line]
    assert line.startswith("not equal where positions have sigmoids")
    for same in (
        replace(plan, settings={"prior_bias": False}),
        replace(plan, task="ner"),
        replace(plan, task="multilabel"),
        replace(plan, objectives={"dice": PlannedLoss("dice"), "dsc": PlannedLoss("dsc")}),
    ):
        assert not any("one half" in line for line in describe(same, folder))


def test_one_decision_alone_cannot_be_compared(tmp_path):
    asked = {"task": "ner", "train": "sample", "decision": "argmax"}
    with pytest.raises(InputError, match="expected no decision in a comparison, got 'argmax': bot"):
        make_plan(asked, ["ce", "dice"])
    assert make_plan({**asked, "decision": "tuned"}, ["ce", "dice"]).settings == {}


def test_records_merge_by_the_start_of_the_head_and_not_by_how_it_was_asked_for(tmp_path):
    """Records of 0.1.0 hold false for all."""
    folders = [make_comparison(tmp_path / f"c{n}", "label_set", seeds=(n,)) for n in (1, 2)]
    for which in (0, 1):
        changed(folders[0], "config", "prior_bias", value=False, which=which)
    compare_records(folders, tmp_path / "m")
    changed(folders[0], "config", "prior_bias", value=True, which=0)
    changed(folders[0], "objective", "prior_bias", value=True, which=0)
    with pytest.raises(InputError, match="'ce' that differ in the seed alone, got prior_bias True"):
        compare_records(folders, tmp_path / "n")
