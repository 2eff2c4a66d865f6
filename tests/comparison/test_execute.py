"""Carrying a plan out: what it leaves, what a second time changes, and what a failure costs."""

import shutil
from dataclasses import replace

import pytest

import dicetune
from commands import loaded_by
from dicetune.comparison.compare import budgeted, compare
from dicetune.comparison.execute import describe
from dicetune.comparison.folder import check_out
from dicetune.comparison.plan import Plan
from dicetune.comparison.runs import Progress
from dicetune.errors import InputError
from dicetune.records import read_json
from local_runs import Here, Lines, logged_by


def runs(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("cells/*/run.json")}


@pytest.fixture(scope="module")
def done(files):
    """A finished comparison of two losses over two seeds, with what it said and showed."""
    out, said, shown = files.folder / "done", Lines(), []
    with pytest.MonkeyPatch.context() as patch, logged_by(said):
        patch.setattr("dicetune.comparison.execute.Local", Here)
        outcome = compare(
            *(out, files.config),
            losses=["ce", "dice"],
            seeds=2,
            command="dicetune compare …",
            show=shown.append,
        )
    return out, outcome, said.lines, shown


def test_a_comparison_leaves_records_a_summary_a_report_and_one_model(done):
    out, outcome, said, _ = done
    assert outcome.exit_code == 0
    assert {run.state for run in outcome.runs} == {"done"}
    for name in ("comparison.json", "summary.json", "summary.md", "report.html"):
        assert (out / name).is_file()
    for run in Plan.load(out).runs:
        kept = {path.name for path in run.folder(out).iterdir()}
        assert kept >= {"run.json", "predictions.jsonl", "scores.safetensors", "decision.json"}
        assert not {"model.safetensors", "checkpoints"} & kept
        assert "dev f1" in (out / "cells" / f"{run.id}.log").read_text(encoding="utf-8")
    names = [row["name"] for row in outcome.summary["competitors"]]
    plain, tuned = ["ce", "dice"], ["ce, tuned", "dice, tuned"]
    assert names == [*plain, *tuned, "ce, all seeds", "dice, all seeds"]
    assert said[0] == "4 runs: 2 losses (ce, dice; baseline ce) × 2 seeds (1, 2)"
    assert "dev evaluated every 2 steps" in said[1]
    assert (
        f"weights of each run stay in {out} until the verdict, then those of {out}/best alone"
        in (said[2])
    )
    assert said[4].startswith("run 1 of 4: ce, seed 1 is done: dev f1 ")
    assert said[4].endswith(" left")


def test_every_objective_has_the_same_budget(done):
    out, *_ = done
    records = [read_json(path) for path in out.glob("cells/*/run.json")]
    free = {"loss", "seed", "out"}
    configs = [
        {key: value for key, value in record["config"].items() if key not in free}
        for record in records
    ]
    assert all(config == configs[0] for config in configs)
    histories = [record["training"]["history"] for record in records]
    assert {tuple(row["step"] for row in history) for history in histories} == {(2, 4)}
    assert all(row["train_loss"] > 0 for history in histories for row in history)


def test_progress_is_shown_with_an_estimate_after_the_first_run(done):
    *_, shown = done
    assert shown[0].seconds_left is None
    assert shown[1].seconds_left > 0
    running = shown[-1].of("running")[0]
    assert (running.step, running.steps, running.share) == (4, 4, 1.0)


@pytest.mark.usefixtures("in_process")
def test_a_second_time_nothing_is_trained_and_what_is_added_is(done, files, log):
    out, *_ = done
    before = runs(out)
    assert compare(out, files.config, losses=["ce", "dice"], seeds=2)
    assert "4 are done" in log.messages[0]
    assert runs(out) == before
    outcome = compare(out, losses=["focal"], seeds=[3])
    after = runs(out)
    assert before.items() <= after.items()
    assert len(outcome.runs) == len(after) == 9
    assert outcome.summary["baseline"] == "ce"


@pytest.mark.usefixtures("in_process")
def test_a_changed_plan_is_refused_and_nothing_is_touched(done, files):
    out, *_ = done
    before = (out / "comparison.json").read_bytes()
    with pytest.raises(InputError, match=r"test data \(.*test\.conll .*, 8 examples then, .*dev"):
        compare(out, {**files.config, "test": files.dev}, losses=["ce", "dice"])
    trainer = {**files.config["trainer"], "max_steps": 5}
    with pytest.raises(InputError, match=r"trainer\.max_steps \(4 then, 5 now\)"):
        compare(out, {**files.config, "trainer": trainer}, losses=["ce", "dice"])
    assert (out / "comparison.json").read_bytes() == before


@pytest.mark.usefixtures("in_process")
def test_a_failed_run_is_shown_the_rest_goes_on_and_it_is_tried_again(tmp_path, files, log):
    losses = ["wce:class_counts=5/4", "ce"]
    outcome = compare(tmp_path / "c", files.config, losses=losses, seeds=1)
    assert outcome.exit_code == 1
    (failed,) = outcome.failed
    assert "expected class_counts with one number for each of 3 classes" in failed.reason
    assert any("failed: expected class_counts" in line for line in log.messages)
    assert [run.state for run in outcome.runs] == ["failed", "done"]
    assert [row["loss"] for row in outcome.summary["competitors"]] == ["ce", "ce"]
    before = runs(tmp_path / "c")
    log.clear()
    assert compare(tmp_path / "c").exit_code == 1
    assert runs(tmp_path / "c") == before
    assert sum(" failed: " in line for line in log.messages) == 1


@pytest.mark.usefixtures("in_process")
def test_models_are_kept_on_request_and_load(tmp_path, files):
    import dicetune

    compare(tmp_path / "c", files.config, losses=["ce", "dice"], seeds=1, keep_models=True)
    plan = Plan.load(tmp_path / "c")
    assert {run.state for run in Progress.read(plan, tmp_path / "c").runs} == {"done"}
    for run in plan.runs:
        assert dicetune.load(run.folder(tmp_path / "c"))("the pump")


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("left", ["nothing", "half a claim", "no decision"])
def test_whatever_a_kill_left_behind_a_run_comes_out_whole(tmp_path, files, left):
    out = tmp_path / "c"
    compare(out, files.config, losses=["ce", "dice"], seeds=1)
    folder = Plan.load(out).runs[0].folder(out)
    before = (folder / "predictions.jsonl").read_bytes()
    if left == "no decision":
        (folder / "decision.json").unlink()
    else:
        shutil.rmtree(folder)
        folder.mkdir()
        if left == "half a claim":
            (folder / "checkpoints" / "checkpoint-2").mkdir(parents=True)
    assert compare(out).exit_code == 0
    assert (folder / "predictions.jsonl").read_bytes() == before
    assert (folder / "decision.json").is_file()
    assert not (folder / "model.safetensors").exists()


def test_a_kill_before_there_is_a_plan_leaves_nothing_in_the_way(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / "comparison.json.part").write_text('{"ver', encoding="utf-8")
    check_out(tmp_path)
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="expected a new or empty folder"):
        check_out(tmp_path)


def test_the_trainer_keys_of_the_user_win_for_all_alike():
    assert budgeted({})["eval_steps"] == budgeted({})["save_steps"] == 0.1
    assert budgeted({}, sample=True)["num_train_epochs"] == 7
    assert budgeted({"num_train_epochs": 2}, sample=True)["num_train_epochs"] == 2
    epochs = budgeted({"save_strategy": "epoch"})
    assert (epochs["eval_strategy"], "eval_steps" in epochs) == ("epoch", False)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"eval_strategy": "epoch", "eval_steps": None}, "dev evaluated after each epoch"),
        ({"eval_steps": 0.25}, "dev evaluated every 25% of the run"),
        ({"eval_steps": 20}, "dev evaluated every 20 steps"),
    ],
)
def test_how_often_dev_is_evaluated_is_said(done, keys, said):
    out, *_ = done
    plan = Plan.load(out)
    assert said in " ".join(describe(replace(plan, trainer={**plan.trainer, **keys}), out))


def test_a_finished_comparison_is_summarised_without_torch(done, files):
    out, *_ = done
    before, summary = runs(out), read_json(out / "summary.json")
    said = loaded_by(["compare", "--out", str(out)], folder=files.folder)
    assert said.splitlines()[-1] == "compare loaded []"
    assert runs(out) == before
    assert read_json(out / "summary.json")["verdict"] == summary["verdict"]


@pytest.mark.usefixtures("in_process")
def test_the_plan_keeps_what_the_title_calls_the_data(tmp_path, files):
    out = tmp_path / "c"
    asked = {**files.config, "losses": ["ce", "dice"], "seeds": 1, "name": "Pumps <1>"}
    assert dicetune.compare(config=asked, out=out).summary["title"].startswith("ner on Pumps <1>, ")
    assert Plan.load(out).name == "Pumps <1>"
    more = dicetune.compare(out=out, losses=["focal"])
    assert more.summary["title"].startswith("ner on Pumps <1>, ")
    assert dicetune.report(out, name="Cranes").summary["name"] == "Cranes"
    assert dicetune.compare(out=out).summary["name"] == "Cranes"
    assert dicetune.compare(out=out, name="Docks").summary["name"] == "Docks"
    merged = dicetune.compare(sources=[out], out=tmp_path / "m")
    assert "<h1>ner on Docks, " in (merged.folder / "report.html").read_text(encoding="utf-8")
    again = dicetune.compare(sources=[out, merged.folder], out=tmp_path / "n", name="Quays")
    assert again.summary["name"] == "Quays"
