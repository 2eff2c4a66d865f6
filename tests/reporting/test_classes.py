"""Classes, confusions, costs, LaTeX and summaries of earlier versions, as the page shows them."""

import html
import re
from pathlib import Path

import pytest

from comparisons import make_comparison
from dicetune.comparison.summary import summarise
from dicetune.records import read_json
from dicetune.reporting import render, up_to_date
from dicetune.reporting.tables import class_bars, run_facts

STORED = Path(__file__).parent.parent.parent / "experiments" / "comparisons"


def stored(name):
    return up_to_date(read_json(STORED / name / "summary.json"))


def row(loss, decision="argmax", **f1):
    classes = [
        {"name": name, "support": support, "f1": score, "f1_seeds": [score],
         "precision": score, "recall": score}
        for name, (support, score) in f1.items()
    ]  # fmt: skip
    name = loss if decision == "argmax" else f"{loss}, tuned"
    return {"name": name, "loss": loss, "decision": decision, "per_class": classes, "mean": 0.5}


def order(*rows):
    summary = {"competitors": rows, "baseline": "ce", "class_unit": "texts"}
    return [one["name"] for one in class_bars(summary)["shown"]]


def test_rare_classes_on_which_the_losses_differ_come_first():
    ce = row("ce", big=(90, 0.9), mid=(50, 0.1), rare=(5, 0.2), rarer=(2, 0.3), none=(0, 0.0))
    dice = row("dice", big=(90, 0.1), mid=(50, 0.1), rare=(5, 0.3), rarer=(2, 0.8), none=(0, 0.9))
    assert order(ce, dice) == ["rarer", "rare", "none", "big", "mid"]


def test_losses_are_compared_tuned_where_they_are_tuned_and_one_loss_with_itself():
    plain = row("ce", a=(5, 0.0), b=(5, 0.0)), row("dice", a=(5, 0.9), b=(5, 0.0))
    tuned = row("ce", "tuned", a=(5, 0.9), b=(5, 0.2)), row("dice", "tuned", a=(5, 0.9), b=(5, 0.1))
    assert order(*plain) == ["a", "b"]
    assert order(*plain, *tuned) == ["b", "a"]
    assert order(plain[0], tuned[0]) == ["a", "b"]


def test_the_rare_classes_of_goemotions_are_no_longer_hidden():
    shown = class_bars(stored("goemotions"))["shown"]
    first = [one["name"] for one in shown[:12]]
    assert {"pride", "relief", "nervousness", "embarrassment"} <= set(first)
    assert "neutral" not in first
    assert len(shown) == 28


def test_a_stored_comparison_never_calls_a_loss_better_whose_gain_a_rule_gives():
    found = stored("goemotions")
    rows = {one["name"]: one["verdict"] for one in found["comparisons"]}
    assert rows == {
        "auto": "no gain once tuned", "ce, tuned": "better", "auto, tuned": "not distinguishable",
    }  # fmt: skip
    assert found["verdict"][0] == "Highest on test: ce, tuned, 37.2 macro-F1 (mean of 5 seeds)."
    assert "): better" not in " ".join(found["verdict"])
    assert found["title"] == "multilabel on goemotions"


def test_tuned_rows_of_a_stored_comparison_that_repeat_plain_ones_are_left_out():
    found = stored("sms_spam")
    assert [one["name"] for one in found["competitors"]] == ["ce", "auto", "focal"]
    assert [one["name"] for one in found["comparisons"]] == ["auto", "focal"]
    assert {tuple(drawn["chosen"]) for drawn in found["precision_recall"].values()} == {("argmax",)}
    assert len(stored("goemotions")["competitors"]) == 4


def test_a_run_that_took_much_longer_or_shorter_is_marked():
    grid = run_facts(stored("wnut17")["how"])["grid"]
    odd = {(loss, seed): run["odd"] for loss, runs in grid.items() for seed, run in runs.items()}
    assert odd["mom", 2] == "0.4 times the median of mom"
    assert odd["auto", 1] == "1.8 times the median of auto"
    assert odd["ce", 2] is None


def test_the_matrix_is_shaded_by_the_share_of_its_row():
    matrix = [[1, 3, 0, 0, 0], [0, 4, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]]
    pair = {"gold": "a", "predicted": "b", "borders": False, "counts": {"ce": 3.0, "auto": 1.5},
            "shares": {"ce": 0.75, "auto": 0.25}}  # fmt: skip
    wrong = {**pair, "predicted": "a", "borders": True}
    summary = read_json(STORED / "wnut17" / "summary.json") | {
        "confusions": {"pairs": [pair, wrong, {**pair, "predicted": None}], "classes": ["a", "b"],
                       "matrices": {"ce": matrix, "auto": matrix}},
        "recommendation": {"name": "auto"}, "repeats": [],
    }  # fmt: skip
    text = render(summary).partition('id="confusions"')[2].partition("</section>")[0]
    assert text.index("Matrix of auto") < text.index("Matrix of ce")
    said = re.findall(r'<th scope="row" data-value="a">a</th><td data-value="([^"]+)">', text)
    assert said == ["b", "a, other borders", "nothing"]
    assert "1.5 <small>25%</small>" in text
    matrix = text.partition("Matrix of auto")[2].partition("</table>")[0]
    assert re.findall(r'<th scope="col" class="number">(\w+)</th>', matrix) == ["a", "b"]
    rows = re.findall(r'<tr><th scope="row">([\w ]+)</th>(.*?)</tr>', matrix)
    assert [(name, re.findall(r"heat h(\d)", cells)) for name, cells in rows] == [
        ("a", ["2", "6"]), ("b", ["0", "8"]), ("nothing", ["0", "1"]),
    ]  # fmt: skip


def test_latex_says_what_the_table_says(tmp_path):
    summary = summarise(make_comparison(tmp_path / "c", losses=("ce", "dice_2&"), units=60))
    (text,) = re.findall(r"data-tex.*?<code>(.*?)</code>", render(summary), re.DOTALL)
    text = html.unescape(text)
    assert r"dice\_2\&" in text
    assert "<b>" not in text
    best = max(one["mean"] for one in summary["competitors"])
    assert rf"\textbf{{{100 * best:.1f}}}" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    shown = [one for one in summary["competitors"] if one["name"] not in summary["repeats"]]
    assert len(rows) == 1 + len(shown)
    (columns,) = re.findall(r"begin{tabular}{l(r+)}", text)
    assert {line.replace(r"\&", "").count("&") for line in rows} == {len(columns)}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("goemotions", "multilabel on goemotions"),
        ("wnut17", "ner on wnut17"),
        ("sms_spam", "text on sms_spam"),  # its folder is called data
    ],
)
def test_a_stored_summary_has_a_page_without_what_it_does_not_hold(name, title):
    text = render(read_json(STORED / name / "summary.json"))
    for section in ("confusions", "calibration", "threshold", "costs"):
        assert f'id="{section}"' not in text
    assert f"<h1>{title}</h1>" in text
