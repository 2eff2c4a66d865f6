"""The summary of a comparison: what it reads, what it counts, and what it refuses."""

import json

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from comparisons import LABELS, PROBLEMS, SCRIPT, make_comparison
from dicetune.comparison.results import LONGEST, text_of
from dicetune.comparison.runs import in_order
from dicetune.comparison.summary import summarise, write_summary
from dicetune.comparison.views import loss_against_metric
from dicetune.decide import read_scores
from dicetune.errors import DataError, InputError
from dicetune.problems import problem_of
from dicetune.problems.entities import HEADS, weakest_logits
from dicetune.records import read_json, read_json_lines, write_json, write_json_lines
from referees import score


def scored(kind, rows):
    gold, predicted = ([row[key] for row in rows] for key in ("gold", "predicted"))
    return score(PROBLEMS[kind], gold, predicted, PROBLEMS[kind]["metric"])


def rows_of_test(path):
    return [row for row in read_json_lines(path) if row["split"] == "test"]


def run_folder(folder, which="ce-*"):
    return next((folder / "cells").glob(which))


@pytest.mark.parametrize("kind", PROBLEMS)
def test_scores_are_those_of_the_metrics(tmp_path, kind):
    folder = make_comparison(tmp_path / "c", kind, foreign=True)
    competitors = summarise(folder)["competitors"]
    for row in competitors:
        if row["foreign"]:
            files = [folder / "foreign" / row["name"] / "predictions.jsonl"]
        else:
            name = "predictions.jsonl" if row["decision"] == "argmax" else "tuned.jsonl"
            files = [
                run_folder(folder, f"{row['loss']}-seed{seed}-*") / name for seed in row["seeds"]
            ]
        expected = [scored(kind, rows_of_test(file)) for file in files]
        assert row["scores"] == pytest.approx(expected, abs=1e-12)
        assert row["mean"] == pytest.approx(np.mean(expected), abs=1e-12)
    plain = [("ce", "argmax"), ("dice", "argmax")]
    tuned = [] if kind == "answer" else [("ce", "tuned"), ("dice", "tuned")]
    decisions = [(row["loss"], row["decision"]) for row in competitors]
    assert decisions == [*plain, *tuned, ("other tool", "argmax")]


@pytest.mark.parametrize("kind", PROBLEMS)
def test_summary_is_plain_data_and_repeats(tmp_path, kind):
    folder = make_comparison(tmp_path / "c", kind, foreign=True, failed=True)
    summary = write_summary(folder)
    assert json.loads(json.dumps(summary)) == summary == read_json(folder / "summary.json")
    assert summarise(folder) == summary
    assert (folder / "summary.md").read_text().startswith("# ")


def test_failed_runs_are_left_out_and_said(tmp_path):
    summary = summarise(make_comparison(tmp_path / "c", failed=True))
    runs = summary["how"]["cells"]
    assert [run["state"] for run in runs] == ["done"] * 5 + ["failed"]
    assert SCRIPT in runs[-1]["reason"]
    seeds = {row["name"]: row["seeds"] for row in summary["competitors"]}
    assert seeds["ce"] == [1, 2, 3]
    assert seeds["dice"] == seeds["dice, tuned"] == [1, 2]


def test_per_class_is_the_mean_over_seeds(tmp_path):
    folder = make_comparison(tmp_path / "c", "spans")
    per_class = summarise(folder)["competitors"][0]["per_class"]
    files = sorted((folder / "cells").glob("ce-*/predictions.jsonl"))
    rows = [rows_of_test(path) for path in files]
    scores = problem_of(PROBLEMS["spans"]).scores
    per_type = [
        scores([r["gold"] for r in seed], [r["predicted"] for r in seed])["per_type"]["SITE"]
        for seed in rows
    ]
    site = next(row for row in per_class if row["name"] == "SITE")
    assert site["f1_seeds"] == pytest.approx([one["f1"] for one in per_type])
    assert site["f1"] == pytest.approx(np.mean(site["f1_seeds"]))
    assert site["support"] == per_type[0]["support"]


def test_precision_recall_of_one_seed_is_that_of_scikit_learn(tmp_path):
    folder = make_comparison(tmp_path / "c", units=80, seeds=(1,), losses=("ce", "dice"))
    found = summarise(folder)["precision_recall"]["ce"]
    from safetensors.numpy import load_file

    place = run_folder(folder)
    scores = load_file(place / "scores.safetensors")["test"]
    truth = [row["gold"] == LABELS[1] for row in rows_of_test(place / "predictions.jsonl")]
    precision, recall, _ = precision_recall_curve(truth, scores[:, 1] - scores[:, 0])
    expected = {(round(r, 5), round(p, 5)) for r, p in zip(recall, precision, strict=True)}
    assert {tuple(point) for point in found["curve"]} <= expected
    assert len(found["curve"]) > 20


@pytest.mark.parametrize("kind", ["label", "label_set", "spans", "entities"])
def test_the_curve_of_one_seed_passes_through_the_plain_decision(tmp_path, kind):
    folder = make_comparison(tmp_path / "c", kind, units=60, seeds=(1,))
    found = summarise(folder)["precision_recall"]["ce"]
    recall, precision = found["chosen"]["argmax"]
    curve = np.array(found["curve"])
    nearest = np.abs(curve - [recall, precision]).max(axis=1).min()
    # 120 steps of a curve: the decision lies between two of them
    assert nearest < 0.05


def test_the_curve_of_entities_is_that_of_one_bias_on_all_logits(tmp_path):
    """Flat entities, of which the likeliest of those that share words stays."""
    folder = make_comparison(tmp_path / "c", "entities", units=60, seeds=(1,), tuned=False)
    found = summarise(folder)["precision_recall"]["ce"]
    arrays, problem = read_scores(run_folder(folder))
    gold = [row["gold"] for row in rows_of_test(run_folder(folder) / "predictions.jsonl")]
    decisions = problem_of(problem).decisions(gold, arrays["test"])
    points = set()
    for logit in np.concatenate([weakest_logits(rows) for rows in arrays["test"]]):
        sums = decisions.counts(dict.fromkeys(HEADS, 1e-9 - float(logit))).sum(0)
        pair = (decisions.problem.score(sums, name) for name in ("recall", "precision"))
        points.add(tuple(round(float(value), 5) for value in pair))
    assert {tuple(point) for point in found["curve"]} <= points
    assert len(found["curve"]) > 20


def test_items_are_those_that_competitors_differ_on(tmp_path):
    summary = summarise(make_comparison(tmp_path / "c", tuned=False))
    assert summary["items_differing"] == len(summary["items"]) > 0
    shares = [list(item["right"].values()) for item in summary["items"]]
    apart = [round(max(item) - min(item), 3) for item in shares]
    assert min(apart) > 0
    assert apart == sorted(apart, reverse=True)
    item = summary["items"][0]
    for name, share in item["right"].items():
        right = sum(v["seeds"] for v in item["predicted"][name] if v["says"] == item["gold"])
        assert share == pytest.approx(right / 3, abs=1e-4)


def test_the_text_of_an_item():
    assert text_of({"question": "Where?"}) == "Where?"
    assert text_of({"text": "up?", "text_b": "is it up?"}) == "up?\nis it up?"
    assert text_of({"tokens": ["水", "泵"]}) == "水泵"
    assert len(text_of({"text": "a" * 9999})) == LONGEST


def test_learning_is_read_from_the_history(tmp_path):
    summary = summarise(make_comparison(tmp_path / "c"))
    run = summary["curves"]["ce"][0]
    assert run["steps"] == [10, 20, 30, 40]
    assert run["best_step"] == 40
    tracking = summary["loss_against_metric"]["ce"]
    # the helper's losses fall as its scores rise
    assert tracking["train"]["per_seed"] == [1.0] * 3
    assert tracking["evaluations"] == 4
    point = tracking["points"][0]
    assert point["error"] == 1 - run["dev_metric"][0]


def test_a_loss_that_rises_while_the_score_rises_tracks_nothing():
    run = {"seed": 1, "steps": [1, 2, 3], "train_loss": [0.3, 0.2, 0.1],
           "dev_loss": [0.1, 0.2, 0.3], "dev_metric": [0.5, 0.6, 0.7], "best_step": 3}  # fmt: skip
    found = loss_against_metric({"ce": [run]})["ce"]
    assert found["train"]["spearman"] == pytest.approx(1.0)
    assert found["dev"]["spearman"] == pytest.approx(-1.0)
    np.testing.assert_allclose([p["error"] for p in found["points"]], [0.5, 0.4, 0.3])


def test_too_few_evaluations_and_missing_losses_say_nothing():
    run = {"seed": 1, "steps": [1, 2], "train_loss": [None, None], "dev_loss": [0.2, 0.1],
           "dev_metric": [0.5, 0.6], "best_step": 2}  # fmt: skip
    found = loss_against_metric({"ce": [run]})["ce"]
    assert found["train"] == {"spearman": None, "per_seed": [None]}
    assert found["dev"]["spearman"] is None


def test_a_stored_inspection_is_taken_as_it_is(tmp_path):
    folder = make_comparison(tmp_path / "c")
    plain = summarise(folder)["data"]
    assert not plain["inspected"]
    assert plain["splits"][2]["labels"][LABELS[0]] > plain["splits"][2]["labels"][LABELS[1]]
    found = {**plain, "leaks": [{"split": "test", "other": "train", "count": 3, "share": 0.1,
                                 "places": ["a:1"], "unit": "texts"}]}  # fmt: skip
    del found["inspected"]
    write_json(folder / "inspection.json", found)
    data = summarise(folder)["data"]
    assert data["inspected"]
    assert data["leaks"][0]["count"] == 3


def test_no_comparison_and_nothing_finished(tmp_path):
    with pytest.raises(DataError, match=r"without comparison\.json"):
        summarise(tmp_path)
    folder = make_comparison(tmp_path / "c", seeds=(1,), tuned=False)
    for record in folder.glob("cells/*/run.json"):
        record.unlink()
    with pytest.raises(InputError, match="at least one finished run"):
        summarise(folder)


def test_runs_on_other_gold_are_refused(tmp_path):
    folder = make_comparison(tmp_path / "c", tuned=False)
    path = run_folder(folder, "dice-seed2-*") / "predictions.jsonl"
    rows = list(read_json_lines(path))
    rows[-1]["gold"] = LABELS[0] if rows[-1]["gold"] == LABELS[1] else LABELS[1]
    write_json_lines(path, rows)
    with pytest.raises(DataError, match="expected the gold that the other runs have"):
        summarise(folder)


def test_rows_are_matched_by_id():
    like = [{"id": "a"}, {"id": "b"}]
    assert in_order([{"id": "b"}, {"id": "a"}], like, "x") == like
    with pytest.raises(DataError, match=r"not the same ones \(first: b, c\)"):
        in_order([{"id": "a"}, {"id": "c"}], like, "x")
    with pytest.raises(DataError, match="some of them twice"):
        in_order([{"id": "a"}, {"id": "a"}, {"id": "b"}], [*like, {"id": "a"}], "x")


def test_scores_of_an_earlier_version_are_refused(tmp_path):
    from safetensors.numpy import load_file, save_file

    folder = make_comparison(tmp_path / "c", tuned=False)
    path = run_folder(folder, "ce-seed1-*") / "scores.safetensors"
    save_file(load_file(path), path)
    with pytest.raises(DataError, match="scores of an earlier version"):
        summarise(folder)
