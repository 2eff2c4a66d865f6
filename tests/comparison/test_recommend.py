"""What is recommended: chosen on dev alone, with the luck of the choice."""

import numpy as np
import pytest

from comparisons import PROBLEMS, make_comparison
from dicetune.comparison.plan import Plan
from dicetune.comparison.recommend import candidates, choose, optimism
from dicetune.comparison.runs import FinishedRun
from dicetune.comparison.summary import markdown, summarise, write_summary
from dicetune.comparison.together import all_together
from dicetune.decide import DecisionRule
from dicetune.records import TUNED_FILE, read_json_lines, write_json_lines
from dicetune.reporting import render


def chosen(values, rows, together=None):
    together = [False] * len(rows) if together is None else together
    return choose(np.array([values]), rows, together).tolist()[0]


def test_the_mean_of_the_seeds_chooses_the_loss_and_the_best_seed_is_kept():
    assert chosen([0.5, 0.9, 0.75, 0.74], [0, 0, 1, 1]) == 2
    assert chosen([0.5, 0.9, 0.71, 0.71, 0.6], [0, 0, 1, 1, 1]) == 1
    assert chosen([0.7, 0.7], [0, 1]) == 0  # equal: the first


def test_all_seeds_together_win_only_above_the_run_that_would_be_kept():
    rows, together = [0, 0, 1, 2], [False, False, True, True]
    assert chosen([0.5, 0.9, 0.9, 0.8], rows, together) == 1
    assert chosen([0.5, 0.9, 0.8, 0.91], rows, together) == 3


def accuracy(sums):
    return sums[..., 0] / sums[..., 1]


@pytest.mark.parametrize("apart", [0.0, 0.1])
def test_optimism_is_the_luck_of_the_choice(apart):
    """Ten models with independent luck: alike, the best has it all; far apart, next to none."""
    rng = np.random.default_rng(3)
    right = np.linspace(0.85, 0.85 - 9 * apart, 10) if apart < 0.09 else [0.95, *[0.5] * 9]
    luck, told = [], []
    for _ in range(60):
        made = rng.random((10, 300)) < np.array(right)[:, None]
        counts = np.stack([made, np.ones_like(made)], axis=-1).astype(float)
        best = accuracy(counts.sum(1)).argmax()
        luck.append(accuracy(counts[best].sum(0)) - right[best])
        told.append(optimism(list(counts), accuracy, range(10), [False] * 10, draws=100))
    assert np.mean(told) == pytest.approx(np.mean(luck), abs=0.006)
    if not apart:
        assert np.mean(told) == pytest.approx(1.54 * np.sqrt(0.85 * 0.15 / 300), rel=0.15)


def test_one_model_is_no_choice():
    assert optimism([np.ones((9, 2))], accuracy, [0], [False]) == 0.0


@pytest.mark.parametrize("kind", ["spans", "label_set", "three labels"])
def test_a_tuned_decision_is_judged_on_units_that_its_rule_did_not_see(tmp_path, kind, monkeypatch):
    if kind == "three labels":
        three = {"kind": "label", "labels": ["ham", "b", "c"], "metric": "macro_f1"}
        monkeypatch.setitem(PROBLEMS, "label", three)
        monkeypatch.setattr("comparisons.LABELS", ("ham", "b", "c"))
        monkeypatch.setattr(
            "comparisons._gold",
            lambda kind, units, seed: [
                three["labels"][int(n)]
                for n in np.random.default_rng(seed).choice(3, size=units, p=[0.7, 0.2, 0.1])
            ],
        )
    made = "label" if kind == "three labels" else kind
    folder = make_comparison(tmp_path / "c", made, units=80, seeds=(1, 2))
    plan = Plan.load(folder)
    runs = FinishedRun.of_plan(plan, folder)
    problem, models = candidates(runs, [])
    assert len(models) == 8
    moved = 0
    for model in models[4:]:
        rule = DecisionRule.load(model.run.folder)
        name = "default" if rule.is_default else "promised"
        moved += not rule.is_default
        metric = problem.metrics[0]
        found = problem.score(model.counts.sum(0), metric)
        assert found == pytest.approx(rule.evidence[name], abs=1e-12)
        if not rule.is_default:
            assert model.promised(metric) == pytest.approx(found, abs=1e-12)
    assert moved


def test_nothing_tried_is_better_than_the_number_that_is_shown(tmp_path):
    """The mean of the seeds is shown, and the run that is kept may be far above it."""
    folder = make_comparison(tmp_path / "c", "label", units=20, better=0.05)
    own = write_summary(folder)["recommendation"]
    assert not own["together"]
    (kept,) = own["runs"]
    for name in ("predictions.jsonl", TUNED_FILE):
        path = folder / "cells" / kept / name
        write_json_lines(path, [row | {"predicted": row["gold"]} for row in read_json_lines(path)])
    summary = summarise(folder)
    found = summary["recommendation"]
    rows = {row["name"]: row["mean"] for row in summary["competitors"]}
    assert found["test"] < max(rows.values()) <= found["test_of_kept"] == 1.0
    assert f"scored 100.0, above {100 * found['test']:.1f}, " in found["said"][0]
    assert "no other is better." not in found["said"][0]


def test_all_seeds_together_are_candidates_and_their_row_says_what_its_interval_is(tmp_path):
    folder = make_comparison(tmp_path / "c", "label_set", seeds=range(1, 6), units=60)
    summary = write_summary(folder)
    plan = Plan.load(folder)
    together, said = all_together(plan, folder, FinishedRun.of_plan(plan, folder))
    assert ([one.planned.loss for one in together], said) == (["ce", "dice"], [])
    rows = {row["name"]: row for row in summary["comparisons"] if row["members"]}
    assert {(row["verdict"], row["family"]) for row in rows.values()} == {("these seeds only", 1)}
    assert {row["baseline"] for row in rows.values()} == {"ce, tuned"}
    alone = {row["name"]: row["family"] for row in summary["comparisons"] if not row["members"]}
    assert alone == {"dice": 1, "ce, tuned": 1, "dice, tuned": 1}
    sentence = next(line for line in summary["verdict"] if line.startswith("dice, all seeds +"))
    assert sentence.endswith(" for new texts and these 5 seeds).")
    recommended = summary["recommendation"]
    assert (recommended["name"], recommended["cost"]) == ("dice, all seeds", 5)
    assert "costs 5 times the inference of one model" in summary["verdict"][1]
    assert "<em>all seeds</em>" in render(summary)


def test_the_recommendation_is_the_first_thing_on_page_and_table(tmp_path):
    summary = summarise(make_comparison(tmp_path / "c", "spans", units=60, better=1.0))
    first, second, *_ = summary["verdict"]
    assert first.startswith("Use dice with its ")
    assert first.endswith("; no other is better.")
    assert "flatters the dev score by about" in second
    assert f'<p class="lead">{first}</p>' in render(summary)
    assert markdown(summary).split("\n\n")[1].startswith(f"- {first}")


def test_test_data_takes_no_part_in_the_choice(tmp_path):
    folder = make_comparison(tmp_path / "c", "spans", units=60, better=1.0)
    before = summarise(folder)["recommendation"]
    for run in folder.glob("cells/dice-*"):
        for name in ("predictions.jsonl", TUNED_FILE):
            rows = list(read_json_lines(run / name))
            for row in rows:
                if row["split"] == "test":
                    row["predicted"] = ["O"] * len(row["predicted"])
            write_json_lines(run / name, rows)
    after = summarise(folder)["recommendation"]
    for key in ("name", "runs", "dev", "optimism"):
        assert before[key] == after[key]
    assert after["test"] == 0
    assert "but dev, where the choice is made, does not put it first." in after["said"][0]
