"""The verdict in words: never more than the data says."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from comparisons import LABELS, PROBLEMS, make_comparison
from dicetune.comparison import differences
from dicetune.comparison.execute import Outcome
from dicetune.comparison.summary import markdown, summarise
from dicetune.decide.folder import tune_folder
from dicetune.records import PROBLEM_KEY, read_json_lines, write_json_lines
from dicetune.reporting import render
from dicetune.terminal import comparison_tables

ROW = {
    "name": "ce+dice", "baseline": "ce", "loss": "ce+dice", "decision": "argmax", "foreign": False,
    "difference": 0.008, "interval": [-0.004, 0.021], "p": 0.15, "p_holm": 0.3, "runs": 5,
    "family": 2, "detectable": 0.019, "seeds_needed": 14, "seed_differences": [0.008],
}  # fmt: skip


def said(**changes):
    row = {**ROW, **changes}
    row["verdict"] = differences.judge(row)
    return differences.sentence(row, "F1", "sentences")


ABLE = "(a difference of 1.9 could have been detected; one of this size needs"
CLEAR = {"interval": [0.002, 0.014], "p": 0.01, "p_holm": 0.02}
NO_INTERVAL = {"interval": None, "p": None, "p_holm": None}


@pytest.mark.parametrize(
    ("changes", "difference", "surely", "verdict"),
    [
        ({}, "+0.8", "95% interval −0.4 to +2.1, 5 seeds",
         f"not distinguishable {ABLE} about 14 seeds)"),
        ({"seeds_needed": None}, "+0.8", "95% interval −0.4 to +2.1, 5 seeds",
         f"not distinguishable {ABLE} more sentences, seeds alone will not show it)"),
        (CLEAR, "+0.8", "95% interval +0.2 to +1.4, 5 seeds", "better"),
        ({**CLEAR, "difference": -0.008, "interval": [-0.014, -0.002]},
         "−0.8", "95% interval −1.4 to −0.2, 5 seeds", "worse"),
        ({"interval": [0.0, 0.016], "p": 0.04, "p_holm": 0.08, "seeds_needed": 6},
         "+0.8", "95% interval 0.0 to +1.6, 5 seeds",
         f"not distinguishable once 2 comparisons are allowed for {ABLE} about 6 seeds)"),
        ({**CLEAR, "runs": 3}, "+0.8", "95% interval +0.2 to +1.4, 3 seeds",
         "no conclusion, fewer than 5 seeds describe these runs alone"),
        ({**NO_INTERVAL, "runs": 1}, "+0.8", "1 seed",
         "no verdict (one seed: no interval; give --seeds 3 or more)"),
        ({**NO_INTERVAL, "runs": 2}, "+0.8", "2 seeds",
         "no verdict (two seeds: no interval; give --seeds 3 or more)"),
        ({"difference": 0.0, "interval": [0.0, 0.0], "p": 1.0, "p_holm": 1.0},
         "0.0", "95% interval 0.0 to 0.0, 5 seeds", "no difference"),
    ],
)  # fmt: skip
def test_sentences(changes, difference, surely, verdict):
    assert said(**changes) == f"ce+dice {difference} F1 over ce ({surely}): {verdict}."


def differences_of(summary):
    """The sentences on differences, which come after those of the recommendation."""
    chosen = summary["recommendation"]
    first = [*chosen["said"], chosen["model"]["said"]]
    assert summary["verdict"][: len(first)] == first
    return summary["verdict"][len(first) :]


def summary_of(folder, **how):
    return summarise(make_comparison(folder, **how))


def test_the_rule_of_the_baseline_stands_beside_the_best_loss(tmp_path):
    found = summary_of(tmp_path / "c", kind="spans", seeds=range(1, 6), units=60, foreign=True)
    first, *rest = differences_of(found)
    assert first.startswith("dice +")
    assert "; ce with a tuned decision rule " in first
    assert [row.split(" ")[0] for row in rest] == ["dice,", "other"]


def test_three_seeds_stay_descriptive_however_large_the_difference(tmp_path):
    found = summary_of(tmp_path / "c", seeds=(1, 2, 3), units=400, better=3.0)
    assert found["descriptive"]
    assert {row["verdict"] for row in found["comparisons"]} == {"descriptive"}
    assert not [row for row in differences_of(found) if "better" in row or "worse" in row]


def test_five_seeds_and_a_large_difference_are_better(tmp_path):
    found = summary_of(tmp_path / "c", seeds=range(1, 6), units=400, better=3.0)
    assert not found["descriptive"]
    assert found["comparisons"][0]["verdict"] == "better"
    assert found["comparisons"][0]["sign_flip"] == {"reason": "too few seeds for a test"}


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_fewer_than_three_seeds_have_no_interval_p_or_verdict_and_a_finished_tool_has_its_own(
    tmp_path, seeds
):
    found = summary_of(tmp_path / "c", seeds=seeds, foreign=True)
    for row in found["comparisons"]:
        assert (row["interval"], row["p"], row["p_holm"], row["verdict"]) == (
            *(None, None, None),
            "no verdict",
        )
    assert {row["name"]: row["interval"] is not None for row in found["competitors"]} == {
        name: name == "other tool" for name in ("ce", "dice", "ce, tuned", "dice, tuned")
    } | {"other tool": True}
    words = f"{'one seed' if len(seeds) == 1 else 'two seeds'}: no interval; give --seeds 3 or more"
    assert words in markdown(found)
    assert words in render(found)
    assert words in "".join(comparison_tables(Outcome(tmp_path, (), found))[1:])


def test_losses_are_corrected_for_each_other_and_not_for_the_rule(tmp_path):
    found = summary_of(tmp_path / "c", losses=("ce", "dice", "dsc"), units=60, foreign=True)
    family = {row["name"]: row["family"] for row in found["comparisons"]}
    assert family == {"dice": 2, "dsc": 2, "ce, tuned": 1, "dice, tuned": 2, "dsc, tuned": 2,
                      "other tool": 1}  # fmt: skip


def test_what_no_rule_moved_is_said_once(tmp_path):
    """Rules at the default: the tuned comparisons are those of the plain decisions."""
    folder = make_comparison(tmp_path / "c", losses=("ce", "dice", "dsc"), units=60, tuned=False)
    for run in (folder / "cells").iterdir():
        tune_folder(run, objective="logit-adjustment:0")
    found = summarise(folder)
    assert len(found["comparisons"]) == 5
    first, second = differences_of(found)
    assert "; tuned decision rules change nothing." in first
    assert "tuned" not in second


def lean_towards_ham(run):
    """Lower the odds of spam in a run, so that its plain decision misses what a rule finds."""
    arrays = load_file(run / "scores.safetensors")
    for split in ("dev", "test"):
        odds = arrays[split] + np.array([0.0, -3.0], dtype=np.float32)
        arrays[split] = odds - np.log(np.exp(odds).sum(-1, keepdims=True))
    text = json.dumps(PROBLEMS["label"])
    save_file(arrays, run / "scores.safetensors", {PROBLEM_KEY: text})
    made = iter(np.concatenate([arrays["dev"], arrays["test"]]).argmax(-1).tolist())
    rows = [
        row | {"predicted": LABELS[next(made)]}
        for row in read_json_lines(run / "predictions.jsonl")
    ]
    write_json_lines(run / "predictions.jsonl", rows)
    tune_folder(run)


def test_a_gain_that_a_threshold_gives_too_is_no_gain_of_the_loss(tmp_path):
    folder = make_comparison(tmp_path / "c", seeds=range(1, 6), units=300, better=0.0, tuned=False)
    for run in (folder / "cells").iterdir():
        if run.name.startswith("ce-"):
            lean_towards_ham(run)
        else:
            tune_folder(run)
    found = summarise(folder)
    rows = {row["name"]: row for row in found["comparisons"]}
    assert rows["dice"]["p_holm"] < 0.05
    assert rows["dice"]["difference"] > 0.05 > abs(rows["dice, tuned"]["difference"])
    assert rows["dice"]["verdict"] == "no gain once tuned"
    assert rows["ce, tuned"]["verdict"] == "better"
    first, *rest = differences_of(found)
    assert first.startswith("dice is not better than ce: its +")
    assert "once both are tuned (95% interval" in first
    assert "; ce with a tuned decision rule gains " in first
    assert not [said for said in rest if said.startswith("dice, tuned")]
    assert "): better" not in " ".join([first, *rest])


def test_what_the_tuned_rules_repeat_has_no_rows(tmp_path):
    folder = make_comparison(tmp_path / "c", losses=("ce", "dice"), units=60, tuned=False)
    for run in (folder / "cells").iterdir():
        tune_folder(run, objective="logit-adjustment:0")
    found = summarise(folder)
    assert found["repeats"] == ["ce, tuned", "dice, tuned"]
    told = markdown(found)
    assert "| ce, tuned |" not in told
    assert "| dice, tuned − ce, tuned |" not in told
    assert "they decide everything as the plain decision does" in told
    page = render(found)
    assert "<em>tuned</em>" not in page
    assert "“ce, tuned”, “dice, tuned” are left out" in page
