"""Calibration, thresholds and confusions of a comparison, against counts by other ways."""

from collections import Counter

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.metrics import confusion_matrix

from comparisons import LABELS, PROBLEMS, make_comparison
from dicetune.comparison.summary import summarise
from dicetune.decide import DecisionRule
from dicetune.problems import problem_of
from dicetune.records import read_json_lines
from dicetune.reporting import render


def test_rows_of_the_table_are_the_confusion_matrix_of_scikit_learn():
    rng = np.random.default_rng(5)
    names = ["a", "b", "c"]
    gold, predicted = (rng.choice(names, size=200).tolist() for _ in range(2))
    found = problem_of({"kind": "label", "labels": names}).confused(gold, predicted)
    assert (found[:3, :3] == confusion_matrix(gold, predicted, labels=names)).all()
    assert found.sum() == 200


def test_spans_are_confused_where_they_touch():
    problem = problem_of(PROBLEMS["spans"])
    site, org = (problem.number(name) for name in ("SITE", "ORG<i>"))
    borders, nothing = 2, 3
    gold = [["B-SITE", "I-SITE", "O", "B-SITE", "O", "B-ORG<i>"]]
    said = [["B-SITE", "O", "O", "B-ORG<i>", "B-SITE", "O"]]
    found = problem.confused(gold, said)
    assert found[site, borders] == 1  # its first word alone
    assert found[site, org] == 1  # the right place, another type
    assert found[org, nothing] == 1
    assert found[2, site] == 1  # nothing there in gold
    assert found.sum() == 4


def test_labels_of_one_text_are_confused_with_each_other():
    problem = problem_of(PROBLEMS["label_set"])
    gold = [["joy", "awe"], ["fear"], []]
    said = [["awe", "fear"], [], ["joy"]]
    found = problem.confused(gold, said)
    joy, awe, fear = (problem.number(name) for name in ("joy", "awe", "fear"))
    assert found[awe, awe] == found[joy, fear] == found[fear, 4] == found[3, joy] == 1
    assert found.sum() == 4


def test_confusions_of_a_comparison_are_means_over_its_seeds(tmp_path):
    folder = make_comparison(tmp_path / "c", units=60, tuned=False)
    found = summarise(folder)["confusions"]
    each = Counter()
    for run in folder.glob("cells/ce-*"):
        rows = [r for r in read_json_lines(run / "predictions.jsonl") if r["split"] == "test"]
        each.update((row["gold"], row["predicted"]) for row in rows)
    for pair in found["pairs"]:
        count = each[pair["gold"], pair["predicted"]] / 3
        assert pair["counts"]["ce"] == pytest.approx(count, abs=0.01)
    sums = [sum(pair["counts"].values()) for pair in found["pairs"]]
    assert sums == sorted(sums, reverse=True)
    matrix = found["matrices"]["ce"]
    for row, gold in zip(matrix, found["classes"], strict=False):
        for cell, predicted in zip(row, found["classes"], strict=False):
            assert cell == pytest.approx(each[gold, predicted] / 3, abs=0.01)
    page = render(summarise(folder))
    assert "Matrix of ce" in page


def test_bins_hold_all_decisions_and_their_error_is_the_distance_from_the_line(tmp_path):
    folder = make_comparison(tmp_path / "c", units=90, seeds=(1, 2), tuned=False)
    found = summarise(folder)["calibration"]["losses"]["ce"]["argmax"]
    said, right = [], []
    for run in folder.glob("cells/ce-*"):
        said += np.exp(load_file(run / "scores.safetensors")["test"][:, 1]).tolist()
        rows = [r for r in read_json_lines(run / "predictions.jsonl") if r["split"] == "test"]
        right += [row["gold"] == LABELS[1] for row in rows]
    assert sum(row[-1] for row in found["bins"]) == 180
    for mean, share, low, high, count in found["bins"]:
        within = [(p, r) for p, r in zip(said, right, strict=True) if int(10 * p) == int(10 * mean)]
        assert count == len(within)
        assert (mean, share) == pytest.approx(np.mean(within, axis=0), abs=1e-4)
        assert low <= share <= high
    assert found["ece"] == pytest.approx(np.mean(found["ece_seeds"]))


@pytest.mark.parametrize("kind", ["answer", "entities", "words"])
def test_scores_that_are_no_probabilities_of_labels_have_no_calibration(tmp_path, kind):
    summary = summarise(make_comparison(tmp_path / "c", kind, tuned=False, seeds=(1,)))
    assert summary["calibration"] is None
    assert summary["dials"] is None
    page = render(summary)
    assert 'id="calibration"' not in page
    assert 'id="threshold"' not in page


@pytest.mark.parametrize("kind", ["label", "label_set"])
def test_a_dial_counts_what_the_model_would_decide(tmp_path, kind):
    folder = make_comparison(tmp_path / "c", kind, units=70, seeds=(3,))
    summary = summarise(folder)
    found, chosen = summary["dials"], summary["recommendation"]
    run = folder / "cells" / chosen["runs"][0]
    labels = PROBLEMS[kind]["labels"]
    assert [one["name"] for one in found["labels"]] == (labels[1:] if kind == "label" else labels)
    scores = load_file(run / "scores.safetensors")
    rule = DecisionRule.load(run)
    for one in found["labels"]:
        for split in ("dev", "test"):
            rows = [r for r in read_json_lines(run / "predictions.jsonl") if r["split"] == split]
            truth = np.array(
                [one["name"] == r["gold"] or one["name"] in list(r["gold"]) for r in rows]
            )
            chances = np.exp(scores[split][:, labels.index(one["name"])])
            counts = one["counts"][split]
            assert (counts["gold"], counts["units"]) == (truth.sum(), 70)
            for at in (0, 20, 28, 40, 56):
                edge = 1 / (1 + np.exp(-(-7 + at / 4)))
                assert counts["predicted"][at] == (chances > edge).sum()
                assert counts["right"][at] == (chances > edge)[truth].sum()
        if chosen["decision"] == "tuned" and not rule.is_default:
            edge = 1 / (1 + np.exp(rule.biases.get(one["name"], 0.0)))
            assert one["threshold"] == pytest.approx(edge, abs=1e-4)
