"""The recommended model: what is kept after a verdict, what it predicts, and what is never lost."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dicetune
from comparisons import make_comparison
from dicetune.comparison.best import BestModel
from dicetune.comparison.compare import compare
from dicetune.comparison.execute import Outcome, describe
from dicetune.comparison.merge import compare_records
from dicetune.comparison.plan import Plan
from dicetune.comparison.runs import FinishedRun, place_of
from dicetune.comparison.summary import write_summary
from dicetune.comparison.together import Together
from dicetune.errors import DataError, InputError, InterruptedRunError
from dicetune.records import RunRecord, read_json, read_json_lines, write_json
from dicetune.tasks import TASKS
from dicetune.training.config import RunConfig
from local_runs import Here, run_here

PINNED = Path(__file__).parent.parent / "pinned" / "models"


@pytest.fixture(scope="module")
def whole(files):
    """A comparison that kept all its weights, and its summary."""
    out = files.folder / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dicetune.comparison.execute.Local", Here)
        outcome = compare(out, files.config, losses=["ce", "dice"], seeds=2, keep_models=True)
    return out, outcome.summary


@pytest.fixture
def out(whole, tmp_path):
    """A copy of the comparison."""
    return shutil.copytree(whole[0], tmp_path / "c")


def weights(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")
                  if path.name.startswith("model"))  # fmt: skip


def forced(out, summary, together=True, decision="tuned"):
    """The recommendation of a model that the test chooses."""
    plan = Plan.load(out)
    runs = FinishedRun.of_plan(plan, out)
    one = Together.of_losses(plan, out, runs)[0]
    members = one.members if together else one.members[:1]
    chosen = {
        **summary["recommendation"],
        **{"name": "ce", "loss": "ce", "decision": decision, "together": together},
        "runs": [run.planned.id for run in members],
        "seeds": [run.planned.seed for run in members],
    }
    return BestModel(plan, out, chosen, one if together else None)


def test_the_recommended_model_is_one_of_the_folder_and_predicts_as_its_record(whole, files):
    out, summary = whole
    chosen = summary["recommendation"]
    assert chosen["model"]["kept"]
    assert Outcome(out, (), summary).best == out / "best"
    assert Outcome(out, (), {}).best is None
    assert f"The model is in '{out / 'best'}'." in summary["verdict"]
    model = dicetune.load(out / "best")
    assert (model.decision is None) == (chosen["decision"] == "argmax")
    (run,) = chosen["runs"]
    name = "predictions.jsonl" if chosen["decision"] == "argmax" else "tuned.jsonl"
    place = place_of(out / "cells" / run, chosen["decision"])
    rows = [row for row in read_json_lines(place / name) if row["split"] == "test"]
    found = model.decide(model.scores(data := model.read(files.test)), data)
    assert [row["predicted"] for row in rows] == [list(tags) for tags in found]
    assert dicetune.evaluate(out / "best", files.test)["f1"] == pytest.approx(
        chosen["test_of_kept"]
    )


def test_the_row_of_a_decision_and_its_model_are_of_its_own_best_checkpoint(whole, out, files):
    plan = Plan.load(out)
    runs = FinishedRun.of_plan(plan, out)
    run = next(run for run in runs if (run.folder / "argmax").is_dir())
    steps = run.record.training["best_steps"]
    assert steps["argmax"] != steps["tuned"] == run.record.training["best_step"]
    chosen = {**whole[1]["recommendation"], "runs": [run.planned.id], "together": False}
    for decision in ("argmax", "tuned"):
        assert BestModel(plan, out, {**chosen, "decision": decision}).keep()["kept"]
        model = dicetune.load(out / "best")
        found = model.decide(model.scores(data := model.read(files.test)), data)
        rows = run.decided("test", decision)
        assert [row["predicted"] for row in rows] == [list(tags) for tags in found]
        other = steps["tuned" if decision == "argmax" else "argmax"]
        assert read_json(out / "best" / "run.json")["training"]["best_step"] not in (other, None)


def test_an_ensemble_averages_its_members_and_decides_once(whole, out, files):
    best = forced(out, whole[1])
    assert best.keep()["said"].endswith("an ensemble of 2 models.")
    model = dicetune.load(out / "best")
    assert "models=2" in repr(model)
    data = model.read(files.test)
    members = [dicetune.load(out / "best" / f"seed{n}").scores(data) for n in (1, 2)]
    mean = [np.log((np.exp(a) + np.exp(b)) / 2) for a, b in zip(*members, strict=True)]
    for found, expected in zip(model.scores(data), mean, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    rows = [row for row in read_json_lines(out / "best" / "tuned.jsonl") if row["split"] == "test"]
    found = model.decide(model.scores(data), data)
    assert [row["predicted"] for row in rows] == [list(tags) for tags in found]
    assert dicetune.predict(out / "best", text=["the pump"])
    dicetune.tune(out / "best", objective="fbeta:2", overwrite=True)
    assert dicetune.load(out / "best").decision.objective == "fbeta:2"


def test_weights_wait_for_the_verdict_over_a_stop(tmp_path, files, monkeypatch):
    made = []

    def stopping(config, *args, **how):
        if made and len(made) < 2:
            made.append(config)
            raise InterruptedRunError("stopped")
        made.append(config)
        return run_here(config, *args, **how)

    monkeypatch.setattr("dicetune.comparison.execute.Local", lambda: Here(stopping))
    with pytest.raises(InterruptedRunError):
        compare(tmp_path / "c", files.config, losses=["ce", "dice"], seeds=1)
    assert weights(tmp_path / "c")[-1].startswith("cells/ce-seed1-")
    outcome = compare(tmp_path / "c")
    assert outcome.summary["recommendation"]["model"]["kept"]
    assert weights(tmp_path / "c") == ["best/model.safetensors"]


def test_after_the_verdict_only_the_weights_of_the_best_model_stay(whole, out):
    plan = Plan.load(out)
    write_json(out / "comparison.json", read_json(out / "comparison.json") | {"keep_models": False})
    summary = write_summary(out, keep=True)
    assert summary["recommendation"]["model"]["kept"]
    assert weights(out) == ["best/model.safetensors"]
    # the next verdict needs a model whose weights are gone, and says how to get it
    gone = next(run.id for run in plan.runs if run.id not in summary["recommendation"]["runs"])
    best = BestModel(Plan.load(out), out, {**summary["recommendation"], "runs": [gone]})
    state = best.keep()
    assert not state["kept"]
    assert f"delete {out / 'cells' / gone} and run `dicetune compare --out {out}`" in state["said"]
    assert weights(out) == ["best/model.safetensors"]


def test_no_weights_are_dropped_before_the_model_is_whole(whole, out):
    """A member without weights is trained again; the others must not be trained too."""
    write_json(out / "comparison.json", read_json(out / "comparison.json") | {"keep_models": False})
    shutil.rmtree(out / "best")
    best = forced(out, whole[1])
    lost, kept = best.places
    for path in (out / "cells" / lost).rglob("model.safetensors"):
        path.unlink()
    before = weights(out)
    said = best.keep()["said"]
    assert weights(out) == before != []
    assert f"delete {out / 'cells' / lost} and run" in said
    assert kept not in said


def test_a_rule_that_was_changed_since_is_told(whole, out):
    best = forced(out, whole[1], together=False)
    assert "changed since" not in best.keep()["said"]
    dicetune.tune(out / "best", objective="fbeta:3", overwrite=True)
    said = best.state()["said"]
    rule = dicetune.load(out / "best").decision
    assert "now the rule fitted for 'fbeta:3' decides" in said
    assert all(words in said for words in rule.words)
    (out / "best" / "decision.json").unlink()
    assert "now it decides by default" in best.state()["said"]


def test_the_report_tells_a_rule_that_was_changed_since(out):
    dicetune.tune(out / "best", objective="fbeta:3", overwrite=True)
    dicetune.report(out)
    said = "Its decision was changed since: now the rule fitted for &#39;fbeta:3&#39; decides"
    assert said in (out / "report.html").read_text(encoding="utf-8")


def test_the_files_of_a_model_that_decides_by_default_say_so(whole, out):
    plan = Plan.load(out)
    runs = FinishedRun.of_plan(plan, out)
    run = next(run for run in runs if (run.folder / "argmax").is_dir())
    # the same checkpoint is the best by both decisions: its files are of the tuned one
    shutil.rmtree(run.folder / "argmax")
    chosen = {**whole[1]["recommendation"], "runs": [run.planned.id], "together": False}
    best = BestModel(plan, out, {**chosen, "decision": "argmax"})
    assert best.keep()["kept"]
    assert best.state()["kept"]
    folder = out / "best"
    for split, scores in read_json(run.folder / "metrics.json").items():
        own = read_json(folder / "metrics.json")[split]
        assert own == {**scores["argmax"], "loss": scores["loss"]}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "The rule of the training" in (run.folder / "README.md").read_text(encoding="utf-8")
    for word in ("rule of the training", "held out", "f1 tuned", "argmax"):
        assert word not in card
    assert "\n| dev |" in card
    assert "\n| test |" in card
    config = RunConfig.from_yaml(folder / "config.yaml")
    assert (config.decision, config.out) == ("argmax", None)
    record = RunRecord.load(folder)
    assert (record.config["decision"], record.config["out"]) == ("argmax", None)
    assert record.training["chosen_by"] == "f1"
    assert dicetune.load(folder).decision is None


@pytest.mark.parametrize("what", ["a note", "another rule"])
def test_what_a_user_put_there_is_never_deleted(whole, out, what):
    best = forced(out, whole[1], together=False)
    assert best.keep()["kept"]
    path = out / "best" / ("notes.txt" if what == "a note" else "decision.json")
    path.write_text("{}", encoding="utf-8")
    assert best.keep()["kept"]  # the same model: nothing to do
    state = forced(out, whole[1]).keep()
    assert f"where {path.name!r} was added or changed" in state["said"]
    assert path.read_text(encoding="utf-8") == "{}"
    # nothing is dropped before the model is in its place
    assert len([name for name in weights(out) if "argmax/" not in name]) == 5


def test_a_kill_between_two_steps_is_made_good(whole, out):
    (out / "best").rename(out / "best.old")
    (out / "best.part").mkdir()
    assert forced(out, whole[1]).keep()["kept"]
    assert sorted(path.name for path in out.glob("best*")) == ["best"]


def test_a_better_set_of_seeds_takes_members_from_the_folder_itself(whole, out):
    """The weights of earlier seeds are in best/ alone."""
    assert forced(out, whole[1]).keep()["kept"]
    for path in out.glob("cells/**/model.safetensors"):
        path.unlink()
    single = forced(out, whole[1], together=False)
    assert single.keep()["kept"]
    assert weights(out) == ["best/model.safetensors"]


def test_weights_of_another_checkpoint_of_a_run_are_not_taken(whole, out):
    single = forced(out, whole[1], together=False, decision="argmax")
    (run,) = single.chosen["runs"]
    assert (out / "cells" / run / "argmax" / "model.safetensors").is_file()  # by its own dev score
    assert single.keep()["kept"]
    assert dicetune.load(out / "best").decision is None
    for path in out.glob("cells/*/**/model.safetensors"):
        path.unlink()
    assert not forced(out, whole[1], together=False).keep()["kept"]
    assert single.keep()["kept"]


def test_much_disk_is_announced(whole, monkeypatch):
    plan = replace(Plan.load(whole[0]), seeds=(1, 2, 3))
    assert not any("GB" in line for line in describe(plan, whole[0]))
    monkeypatch.setattr("dicetune.comparison.execute.MUCH", 1)
    said = f"the weights of 2 runs take up to 0.0 GB in {whole[0]} until the verdict"
    assert describe(plan, whole[0])[-1] == said


def test_records_alone_say_what_to_run(whole, tmp_path):
    outcome = compare_records([whole[0]], tmp_path / "m" / "c", baseline="ce")
    outcome = compare_records([whole[0], tmp_path / "m" / "c"], tmp_path / "n")
    chosen = outcome.summary["recommendation"]
    assert not chosen["model"]["kept"]
    config = tmp_path / "n" / "cells" / chosen["runs"][0] / "config.yaml"
    assert config.is_file()
    command = f"`dicetune train --config {config} --out {tmp_path / 'n'}-model`"
    assert command in chosen["model"]["said"]


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        ({"members": [{"folder": "../../x"}]}, r"expected a folder for each member, got '\.\./"),
        ({"members": "x"}, "expected members as list, got str"),
    ],
)
def test_a_damaged_ensemble_is_refused(whole, out, damage, match):
    forced(out, whole[1]).keep()
    write_json(out / "best" / "ensemble.json", damage)
    with pytest.raises(DataError, match=match):
        dicetune.load(out / "best")


def test_models_of_other_labels_are_no_ensemble(whole, out):
    first, second = (dicetune.load(run) for run in sorted((out / "cells").glob("ce*-?????*/"))[:2])
    second.task.labels = ["O", "B-X", "I-X"]
    with pytest.raises(InputError, match="expected models of one task with the same labels"):
        first.together_with([second], None)


@pytest.mark.parametrize("task", TASKS)
def test_a_model_twice_is_that_model_in_every_task_that_can_be_averaged(task, tmp_path):
    run = PINNED / task / "run"
    (data,) = (PINNED / task).glob("a.*")
    for name in ("seed1", "seed2"):
        shutil.copytree(run, tmp_path / name)
    write_json(tmp_path / "ensemble.json", {"members": [{"folder": "seed1"}, {"folder": "seed2"}]})
    shutil.copyfile(run / "decision.json", tmp_path / "decision.json")
    alone = dicetune.load(run)
    if alone.task.problem().apart is not None:
        with pytest.raises(InputError, match="expected scores with a mean, got"):
            dicetune.load(tmp_path)
        return
    twice = dicetune.load(tmp_path)
    examples = alone.read(data)
    for own, both in zip(alone.scores(examples), twice.scores(examples), strict=True):
        np.testing.assert_allclose(both, own, atol=2e-5)
    scores = [model.evaluate(examples) for model in (alone, twice)]
    metric = alone.task.main_metric
    assert scores[0][metric] == pytest.approx(scores[1][metric])


@pytest.mark.parametrize("kind", ["answer", "words"])
def test_types_without_a_mean_of_scores_have_no_common_row(tmp_path, kind):
    folder = make_comparison(tmp_path / "c", kind, units=12, seeds=(1, 2), tuned=kind != "words")
    summary = write_summary(folder)
    assert not any(row["members"] for row in summary["competitors"])
    assert any("No row has all seeds of a loss together: " in line for line in summary["method"])
    assert not (folder / "together").exists()
