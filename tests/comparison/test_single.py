"""The report of a single run: what a comparison says of its runs, of one."""

import html
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import dicetune
from comparisons import PROBLEMS, make_comparison
from dicetune.comparison.summary import summarise_run
from dicetune.decide.folder import tune_folder
from dicetune.errors import InputError
from dicetune.records import PROBLEM_KEY, RunRecord, read_json, read_json_lines, write_json_lines
from dicetune.reporting import render
from dicetune.tasks import TASKS
from referees import score

PINNED = Path(__file__).parent.parent / "pinned" / "models"


def a_run(folder, kind="label", **how):
    made = make_comparison(folder, kind, losses=("ce",), seeds=(1,), **how)
    return next((made / "cells").glob("ce-*"))


def rows_of(run, split, name="predictions.jsonl"):
    return [row for row in read_json_lines(run / name) if row["split"] == split]


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_run_of_each_kind_has_a_page_without_comparison(tmp_path, kind):
    run = a_run(tmp_path / "c", kind, tuned=kind != "words")
    page = dicetune.report(run)
    summary = read_json(run / "summary.json")
    assert page.summary == summary
    assert summary["comparisons"] == []
    rows = rows_of(run, "test")
    gold, predicted = ([row[key] for row in rows] for key in ("gold", "predicted"))
    expected = score(PROBLEMS[kind], gold, predicted, PROBLEMS[kind]["metric"])
    assert summary["competitors"][0]["mean"] == pytest.approx(expected)
    text = html.unescape(page.page.read_text("utf-8"))
    assert 'id="differences"' not in text
    assert "<em>baseline" not in text
    assert summary["verdict"][0] in text


def test_the_items_are_those_that_are_wrong_the_least_likely_gold_first(tmp_path):
    run = a_run(tmp_path / "c", units=60, tuned=False)
    summary = summarise_run(run)
    rows = rows_of(run, "test")
    wrong = {row["id"] for row in rows if row["gold"] != row["predicted"]}
    assert summary["items_differing"] == len(wrong) > 3
    assert {item["id"] for item in summary["items"]} == wrong
    labels = PROBLEMS["label"]["labels"]
    scores = load_file(run / "scores.safetensors")["test"]
    places = {row["id"]: (at, labels.index(row["gold"])) for at, row in enumerate(rows)}
    likely = [float(scores[places[item["id"]]]) for item in summary["items"]]
    assert likely == sorted(likely)


def test_the_rule_in_use_is_told_first(tmp_path):
    run = a_run(tmp_path / "c", "label_set", units=80, tuned=False)
    tune_folder(run, objective="fbeta:3", guard=False)
    summary = summarise_run(run)
    assert summary["recommendation"]["name"] == "ce, tuned"
    first, rule = summary["verdict"]
    assert first.startswith("ce, macro-F1 on test: ")
    assert first.index("with its tuned decision") < first.index("with its default decision")
    assert rule.startswith("Its rule: joy if p > ")


def test_a_run_without_test_shows_dev_and_says_what_that_is_worth(tmp_path):
    run = a_run(tmp_path / "c")
    for name in ("predictions.jsonl", "tuned.jsonl"):
        write_json_lines(run / name, rows_of(run, "dev", name))
    arrays = load_file(run / "scores.safetensors")
    kept = {name: array for name, array in arrays.items() if name.startswith("dev")}
    save_file(kept, run / "scores.safetensors", {PROBLEM_KEY: json.dumps(PROBLEMS["label"])})
    summary = summarise_run(run)
    assert summary["split"] == "dev"
    assert summary["verdict"][-1].startswith("These are scores on dev, which chose the checkpoint")
    assert " on dev" in render(summary)


@pytest.mark.parametrize("task", TASKS)
def test_runs_of_an_earlier_version_have_a_page(tmp_path, task):
    shutil.copytree(PINNED / task / "run", tmp_path / "run")
    text = dicetune.report(tmp_path / "run").page.read_text("utf-8")
    assert RunRecord.load(tmp_path / "run").objective["text"] in text.replace("<wbr>", "")


def test_a_name_is_kept_until_another_is_given(tmp_path):
    run = a_run(tmp_path / "c")
    assert dicetune.report(run).summary["title"] == "text on test<x>.tsv"
    assert dicetune.report(run, name="SMS spam").summary["title"] == "text on SMS spam"
    assert dicetune.report(run).summary["title"] == "text on SMS spam"
    folder = tmp_path / "c"
    assert dicetune.report(folder, name="SMS").summary["title"] == "text on SMS"
    assert "<h1>text on SMS</h1>" in (folder / "report.html").read_text("utf-8")
    assert dicetune.report(folder).summary["name"] == "SMS"


def test_the_title_has_the_dates_of_the_runs(tmp_path):
    folder = make_comparison(tmp_path / "c", losses=("ce",), seeds=(1, 2), tuned=False)
    for run, date in zip(sorted((folder / "cells").iterdir()), ("28", "29"), strict=True):
        record = RunRecord.load(run)
        record.training["date"] = f"2026-11-{date}"
        record.save(run)
    title = dicetune.report(folder, name="SMS").summary["title"]
    assert title == "text on SMS, 2026-11-28 to 2026-11-29"
    (run, _) = sorted((folder / "cells").iterdir())
    assert summarise_run(run, "SMS")["title"] == "text on SMS, 2026-11-28"


def test_costs_of_the_rule_are_told(tmp_path):
    run = a_run(tmp_path / "c", units=80, tuned=False)
    ham, spam = PROBLEMS["label"]["labels"]
    costs = {ham: {ham: 0, spam: 1}, spam: {ham: 9, spam: 0}}
    dicetune.tune(run, costs=costs, overwrite=True)
    summary = summarise_run(run)
    price = np.mean(
        [costs[row["gold"]][row["predicted"]] for row in rows_of(run, "test", "tuned.jsonl")]
    )
    assert summary["costs"]["competitors"]["ce, tuned"]["mean"] == pytest.approx(price)
    (label,) = summary["dials"]["labels"]
    assert (label["name"], label["threshold"]) == (spam, pytest.approx(0.1))
    page = render(summary)
    assert 'id="costs"' in page
    assert 'id="dial-miss" min="0" step="any" value="9.0"' in page


def test_neither_comparison_nor_run(tmp_path):
    with pytest.raises(InputError, match=r"comparison\.json"):
        dicetune.report(tmp_path)
