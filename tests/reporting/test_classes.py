"""Classes and runs as the page shows them, and in which order."""

import re
from pathlib import Path

from dicetune.records import read_json
from dicetune.reporting import render
from dicetune.reporting.tables import class_bars

STORED = Path(__file__).parent.parent.parent / "experiments" / "comparisons"


def stored(name):
    return read_json(STORED / name / "summary.json")


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


def test_a_run_that_took_much_longer_or_shorter_is_marked():
    text = render(read_json(STORED / "wnut17" / "summary.json"))
    odd = re.findall(r'<abbr class="odd" title="([^"]+)">', text)
    assert odd == ["1.8 times the median of auto", "0.4 times the median of mom"]
