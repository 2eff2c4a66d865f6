"""A tuned decision at work: fitted on a run, applied by predict and evaluate beside the argmax.

The rule of each task is moved so far that it must change what is predicted; the model's path
(encode, scores, the task's own decision) and the fit's path (stored scores, ``decide``) are apart,
and must agree.
"""

import json

import numpy as np
import pytest

from commands import command
from dicetune.decide import DecisionRule
from dicetune.decide.run_scores import read_scores
from dicetune.errors import InputError
from dicetune.predictor import load
from dicetune.problems import problem_of
from dicetune.records import DECISION_FILE, TUNED_FILE, read_json, read_json_lines
from dicetune.scoring import evaluate, predict
from dicetune.training import RunConfig, run
from dicetune.tuning import tune
from test_every_task import CASES

FAR = 30.0
TUNABLE = tuple(name for name in CASES if name != "seg-pos")


@pytest.fixture(scope="module", params=CASES)
def trained(request, saved_family, tmp_path_factory):
    """Name, folder and data of a tiny run of each task."""
    folder = tmp_path_factory.mktemp(request.param)
    head, file, text, _ = CASES[request.param]
    (folder / file).write_text(text, encoding="utf-8")
    data = str(folder / file)
    config = RunConfig(
        task=request.param, train=data, dev=data, test=data, model=saved_family("bert", head),
        out=str(folder / "out"), loss="ce", max_length=48, decision="argmax",
        trainer={"num_train_epochs": 1, "per_device_train_batch_size": 2, "max_steps": 2},
    )  # fmt: skip
    run(config)
    return request.param, folder / "out", data


@pytest.fixture
def ruled(trained):
    """The same with a rule that moves every prediction it can."""
    name, folder, data = trained
    problem = read_scores(folder)[1]
    rule = DecisionRule(
        problem["kind"], far_biases(problem, folder), "f1", tuple(problem["labels"])
    )
    rule.save(folder)
    yield name, folder, data, rule
    (folder / DECISION_FILE).unlink(missing_ok=True)
    (folder / TUNED_FILE).unlink(missing_ok=True)


def far_biases(problem, folder):
    """Biases that turn what the model says by itself into something else."""
    kind, labels = problem["kind"], problem["labels"]
    rows = [row for row in read_json_lines(folder / "predictions.jsonl") if row["split"] == "test"]
    if kind == "spans":
        said = any(tag != "O" for row in rows for tag in row["predicted"])
        return {"O": FAR if said else -FAR}
    if kind == "answer":
        return {"null": FAR if any(row["predicted"] for row in rows) else -FAR}
    if kind == "entities":
        sign = -1 if any(row["predicted"] for row in rows) else 1
        return {"start": sign * FAR, "end": sign * FAR, "match": sign * FAR}
    if kind == "words":
        return {}
    if kind == "label_set":
        return {labels[0]: -FAR if any(labels[0] in row["predicted"] for row in rows) else FAR}
    said = {str(row["predicted"]) for row in rows} if kind == "label" else set()
    return {next(label for label in labels if said != {label}): FAR}


def by_fit(folder, data, rule):
    """Score of the rule on the stored scores of test, and what it predicts there."""
    arrays, problem = read_scores(folder)
    rows = [row for row in read_json_lines(folder / "predictions.jsonl") if row["split"] == "test"]
    asked = problem_of(problem)
    extras = [asked.extra(row) for row in rows]
    decisions = asked.decisions([row["gold"] for row in rows], arrays["test"], extras)
    counted = decisions.problem
    sums = decisions.counts(rule.biases).sum(0)
    scores = {name: float(counted.score(sums, name)) for name in counted.metrics}
    return scores, decisions.predicted(rule.biases), [row["predicted"] for row in rows]


def test_the_model_decides_as_the_fit_does(ruled):
    name, folder, data, rule = ruled
    task = load(folder).task
    tuned = evaluate(folder, data)
    plain = evaluate(folder, data, decision="argmax")
    assert "argmax" not in plain
    for score in task.shown:
        assert tuned["argmax"][score] == plain[score]
    if name not in TUNABLE:
        return
    expected, predicted, before = by_fit(folder, data, rule)
    assert predicted != before, "the biases of this test move every task"
    shared = [score for score in task.shown if score in expected]
    assert task.main_metric in shared
    for score in shared:
        assert tuned[score] == pytest.approx(expected[score], abs=1e-9), score


def test_predict_applies_the_rule_and_leaves_it_aside(ruled, tmp_path):
    name, folder, data, _rule = ruled
    texts = {}
    for decision in ("auto", "tuned", "argmax", str(folder / DECISION_FILE)):
        predict(folder, data, out=str(tmp_path / "out"), decision=decision)
        texts[decision] = (tmp_path / "out").read_text(encoding="utf-8")
    predict(folder, data, out=str(tmp_path / "out.jsonl"), out_format="jsonl")
    told = {row.get("decision", "tuned: ") for row in read_json_lines(tmp_path / "out.jsonl")}
    assert all(said.startswith("tuned: ") for said in told)
    assert told == {"tuned: "} or name in TUNABLE
    (folder / DECISION_FILE).unlink()
    predict(folder, data, out=str(tmp_path / "out"))
    assert texts["argmax"] == (tmp_path / "out").read_text(encoding="utf-8")
    assert texts["auto"] == texts["tuned"] == texts[str(folder / DECISION_FILE)] or (
        name not in TUNABLE
    )
    if name in TUNABLE:
        assert texts["auto"] != texts["argmax"]
    with pytest.raises(InputError, match="fit one with `dicetune tune`"):
        load(folder, decision="tuned")


def test_tune_on_the_command_line(trained, capsys):
    _name, folder, data = trained
    assert command("tune", folder, "--plain") == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("dev,", "test,", "argmax", "tuned"))
    said = read_json(folder / DECISION_FILE)
    assert said["kind"] == read_scores(folder)[1]["kind"]
    assert len(list(read_json_lines(folder / TUNED_FILE))) == len(
        list(read_json_lines(folder / "predictions.jsonl"))
    )
    # what was said of test is what evaluate finds there
    found = evaluate(folder, data)
    for score in load(folder).task.shown:
        if score in said["metrics"]["test"]:
            assert found[score] == pytest.approx(said["metrics"]["test"][score], abs=1e-6), score

    assert command("tune", folder, "--json", "--overwrite") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == said["kind"]
    assert command("evaluate", folder, data) == 0
    assert "argmax" in capsys.readouterr().out
    (folder / DECISION_FILE).unlink()
    (folder / TUNED_FILE).unlink()


def test_the_fitted_rule_goes_into_the_head_of_a_new_folder(trained, tmp_path, capsys):
    name, folder, data = trained
    out = tmp_path / "baked"
    code = command("tune", folder, "--plain", "--overwrite", "--bake", out)
    shown = capsys.readouterr()
    rule, said = DecisionRule.load(folder), " ".join(shown.err.split())
    if code:
        assert code == 2
        assert rule.is_default or name == "qa"
        assert "moves something" in said or "some positions of a text" in said
        assert not out.exists()
    else:
        tuned, found = evaluate(folder, data), evaluate(out, data)
        names = load(folder).task.shown
        assert {score: found[score] for score in names} == {score: tuned[score] for score in names}
        assert "a model for transformers, with this rule in its head" in " ".join(shown.out.split())
        assert f"rule {rule.told(most=8)} is in" in read_json(out / "run.json")["notes"][-1]
        assert "## Decision" in (out / "README.md").read_text(encoding="utf-8")
    (folder / DECISION_FILE).unlink()
    (folder / TUNED_FILE).unlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((".", "--list", "--bake", "x"), "expected a rule to fit, or --list, got both (--bake)"),
        ((), "expected a run's folder or --scores, got neither"),
        (("nowhere",), "expected the folder of a finished run"),
        (("--scores", "nowhere.jsonl"), "no such file"),
        ((".", "--scores", "a.jsonl"), "expected no scores beside a run's folder"),
        ((".", "--out", "a.json"), "expected no out beside a run's folder"),
        ((".", "--folds", "1"), "expected"),
    ],
)
def test_mistakes_on_the_command_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command("tune", *arguments) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert message in shown
    assert "Traceback" not in shown


def test_a_rule_of_another_model_is_refused(tmp_path, trained):
    _name, folder, data = trained
    kind = read_scores(folder)[1]["kind"]
    other = DecisionRule("label" if kind != "label" else "tags", {"x": 1.0}, "f1", ("x", "y"))
    other.save(tmp_path / "rule.json")
    with pytest.raises(InputError, match="expected a decision rule for"):
        evaluate(folder, data, decision=str(tmp_path / "rule.json"))
    with pytest.raises(InputError, match="which does not exist"):
        evaluate(folder, data, decision=str(tmp_path / "none.json"))
    if kind != "words":
        labels = (*read_scores(folder)[1]["labels"][:-1], "other")
        DecisionRule(kind, {}, "f1", labels).save(tmp_path / "rule.json")
        with pytest.raises(InputError, match="the model was changed since"):
            evaluate(folder, data, decision=str(tmp_path / "rule.json"))


def test_predictions_name_the_article_of_a_question(trained):
    name, folder, _ = trained
    rows = list(read_json_lines(folder / "predictions.jsonl"))
    assert {row.get("document") for row in rows} == {"a" if name == "qa" else None}


def test_a_file_of_predictions_is_decided(tmp_path):
    (tmp_path / "p.tsv").write_text("a\tO\tO\n", encoding="utf-8")
    with pytest.raises(InputError, match="predictions are decided"):
        evaluate(tmp_path / "p.tsv", decision="tuned")


def test_a_rule_that_is_unsure_says_nothing_and_its_probabilities_are_calibrated(trained, tmp_path):
    name, folder, data = trained
    how = {"abstain": "60%", "name": "unsure", "overwrite": True}
    if name not in ("text", "pair"):
        with pytest.raises(InputError, match="expected one label for each text to abstain"):
            tune(folder, **how)
        return
    with pytest.raises(InputError, match="expected a name for a rule that may say nothing"):
        tune(folder, abstain="60%")
    found = tune(folder, **how, calibrate=True)
    said = DecisionRule.load(folder, "unsure")
    assert said == found.rule
    answers = predict(folder, data, decision="unsure", out=str(tmp_path / "a.jsonl"))
    rows = list(read_json_lines(tmp_path / "a.jsonl"))
    stored = [row["predicted"] for row in read_json_lines(folder / "tuned.unsure.jsonl")]
    assert [row["label"] for row in rows] == stored[len(stored) // 2 :]
    silent = [answer for answer in answers if answer.label is None]
    assert 0 < len(silent) < len(answers)
    assert all("nothing if the risk is over" in row["decision"] for row in rows)
    scores = evaluate(folder, data, decision="unsure")
    assert scores["coverage"] == pytest.approx(1 - len(silent) / len(answers))
    assert scores["coverage"] == found.metrics["test"]["tuned"]["coverage"]
    assert scores["accuracy"] == pytest.approx(found.metrics["test"]["tuned"]["accuracy"])
    plain = predict(folder, data, decision="argmax")
    if said.calibration is not None:
        (table,) = said.calibrated([np.log([list(plain[0].probabilities.values())])])
        assert list(answers[0].probabilities.values()) == pytest.approx(np.exp(table[0]), abs=1e-6)
    (folder / "decision.unsure.json").unlink()
    (folder / "tuned.unsure.jsonl").unlink()


def test_python_and_command_line_tune_the_same(trained):
    _name, folder, _data = trained
    found = tune(folder, plain=True)
    assert DecisionRule.load(folder) == found.rule
    (folder / DECISION_FILE).unlink()
    (folder / TUNED_FILE).unlink()
