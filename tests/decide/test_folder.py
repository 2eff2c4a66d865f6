"""A run's folder: fitted on its dev scores alone, and what is left there says what was done."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import dicetune
from comparisons import PROBLEMS, make_comparison
from dicetune.decide import DecisionRule
from dicetune.decide.folder import tune_folder
from dicetune.errors import DicetuneError, InputError
from dicetune.records import (
    DECISION_FILE,
    PREDICTIONS_FILE,
    PROBLEM_KEY,
    SCORES_FILE,
    TUNED_FILE,
    read_json,
    read_json_lines,
    write_json_lines,
)
from referees import score as referee_score

KINDS = ("label", "label_set", "spans")


def folder_of(place, kind, units=40):
    """One run with scores that lean towards gold."""
    make_comparison(place, kind, losses=("ce",), seeds=(1,), units=units, tuned=False)
    (folder,) = [path for path in (place / "cells").iterdir() if path.is_dir()]
    return folder


def rewrite(folder, change):
    """Change the rows of the folder's predictions."""
    rows = list(read_json_lines(folder / PREDICTIONS_FILE))
    write_json_lines(folder / PREDICTIONS_FILE, [change(dict(row)) for row in rows])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_what_was_found(kind, tmp_path):
    folder = folder_of(tmp_path, kind)
    before = (folder / PREDICTIONS_FILE).read_bytes()
    metric = PROBLEMS[kind]["metric"]
    found = tune_folder(folder, guard=False)

    assert (folder / PREDICTIONS_FILE).read_bytes() == before
    assert DecisionRule.load(folder) == found.rule
    assert not found.rule.is_default, "the scores of this test leave something to gain"
    rows = list(read_json_lines(folder / TUNED_FILE))
    plain = list(read_json_lines(folder / PREDICTIONS_FILE))
    assert [{**row, "predicted": None} for row in rows] == [
        {**row, "predicted": None} for row in plain
    ]
    written = read_json(folder / DECISION_FILE)["metrics"]
    for split in ("dev", "test"):
        for decision, decided in (("argmax", plain), ("tuned", rows)):
            here = [row for row in decided if row["split"] == split]
            gold, predicted = ([row[name] for row in here] for name in ("gold", "predicted"))
            score = referee_score(PROBLEMS[kind], gold, predicted, metric)
            assert found.metrics[split][decision][metric] == pytest.approx(score, abs=1e-12)
            if decision == "tuned":
                assert written[split][metric] == pytest.approx(score, abs=1e-12)
    assert found.metrics["dev"]["tuned"][metric] > found.metrics["dev"]["argmax"][metric]


@pytest.mark.parametrize("kind", KINDS)
def test_the_test_split_has_no_say(kind, tmp_path):
    folder = folder_of(tmp_path, kind)
    rule = tune_folder(folder).rule
    golds = [
        row["gold"] for row in read_json_lines(folder / PREDICTIONS_FILE) if row["split"] == "test"
    ]
    turned = iter(reversed(golds))
    rewrite(folder, lambda row: row | ({"gold": next(turned)} if row["split"] == "test" else {}))
    assert tune_folder(folder).rule == rule


def test_tuning_again_gives_the_same_files(tmp_path):
    folder = folder_of(tmp_path, "spans")
    names = (DECISION_FILE, TUNED_FILE)
    tune_folder(folder)
    first = [(folder / name).read_bytes() for name in names]
    tune_folder(folder)
    assert [(folder / name).read_bytes() for name in names] == first


def test_the_guard_keeps_the_default_of_a_model_without_a_bias(tmp_path):
    """Forty units whose best threshold differs from the default by luck alone."""
    folder = folder_of(tmp_path, "label")
    plain = tune_folder(folder, guard=False)
    with pytest.raises(InputError, match="another rule, which was fitted for 'f1': replace it"):
        tune_folder(folder)
    assert DecisionRule.load(folder) == plain.rule
    assert next(read_json_lines(folder / TUNED_FILE))["predicted"] == plain.predicted["dev"][0]
    guarded = tune_folder(folder, overwrite=True)
    assert DecisionRule.load(folder) == guarded.rule
    assert not plain.rule.is_default
    assert guarded.rule.is_default
    assert guarded.metrics["test"]["tuned"] == guarded.metrics["test"]["argmax"]
    assert "Kept the default" in guarded.said


def test_an_answer_without_a_null_threshold_says_so(tmp_path):
    found = tune_folder(folder_of(tmp_path, "answer"))
    assert found.rule.is_default
    assert "answers every question" in found.said


def _with_arrays(change, keep_problem=True):
    """Write the scores again after a change of their arrays."""

    def spoil(folder):
        with safe_open(folder / SCORES_FILE, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() if keep_problem else None
        save_file(change(arrays), folder / SCORES_FILE, metadata)

    return spoil


def _only_test(arrays):
    return {name: array for name, array in arrays.items() if "test" in name}


def _nan(arrays):
    arrays["dev"][3] = np.nan
    return arrays


MISTAKES = {
    "no scores": (
        lambda folder: (folder / SCORES_FILE).unlink(),
        "expected the folder of a finished run",
    ),
    "broken scores": (
        lambda folder: (folder / SCORES_FILE).write_bytes(b"not safetensors"),
        "expected safetensors",
    ),
    "no dev": (_with_arrays(_only_test), "a rule is fitted on dev alone"),
    "diverged": (_with_arrays(_nan), "unit 3: expected scores that are numbers"),
    "an earlier version": (_with_arrays(dict, keep_problem=False), "dicetune tune"),
    "no predictions": (
        lambda folder: (folder / PREDICTIONS_FILE).unlink(),
        "expected predictions.jsonl",
    ),
    "no gold": (
        lambda folder: rewrite(folder, lambda row: row | {"gold": None}),
        ":1: expected gold",
    ),
    "odd split": (lambda folder: rewrite(folder, lambda row: row | {"split": "x"}), "got 'x'"),
    "rows lost": (
        lambda folder: write_json_lines(
            folder / PREDICTIONS_FILE, list(read_json_lines(folder / PREDICTIONS_FILE))[1:]
        ),
        "expected 40 rows of dev, one for each score, got 39",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake, tmp_path):
    folder = folder_of(tmp_path, "label")
    spoil, message = MISTAKES[mistake]
    spoil(folder)
    with pytest.raises(DicetuneError) as error:
        tune_folder(folder)
    assert message in str(error.value)
    assert not (folder / DECISION_FILE).exists()


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ({"version": 9}, "version 1, got 9"),
        ({"biases": {"spam": float("inf")}}, "finite biases"),
        ({"biases": []}, "biases as dict, got list"),
        ({"kind": "odd"}, "one of the kinds .*, got 'odd'"),
    ],
)
def test_a_rule_that_cannot_be_read(spoilt, message, tmp_path):
    folder = folder_of(tmp_path, "label")
    tune_folder(folder, guard=False)
    values = read_json(folder / DECISION_FILE) | spoilt
    (folder / DECISION_FILE).write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(DicetuneError, match=message):
        DecisionRule.load(folder)


def test_the_scores_name_their_problem(tmp_path):
    with safe_open(folder_of(tmp_path, "spans") / SCORES_FILE, framework="np") as file:
        assert json.loads(file.metadata()[PROBLEM_KEY])["kind"] == "spans"


def test_scores_of_an_earlier_version_are_tuned_by_the_task_of_the_run(tmp_path):
    run = Path(__file__).parents[1] / "pinned" / "models" / "text" / "run"
    for name, keep in (("now", True), ("before", False)):
        shutil.copytree(run, tmp_path / name)
        (tmp_path / name / "decision.json").unlink()
        _with_arrays(dict, keep_problem=keep)(tmp_path / name)
    now, before = (dicetune.tune(tmp_path / name).rule for name in ("now", "before"))
    assert before.biases == now.biases
    assert before.evidence == now.evidence
