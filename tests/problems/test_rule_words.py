"""A rule in words is the rule: whoever follows the words decides as the model does."""

import math
import re

import numpy as np
import pytest

from dicetune.decide import DecisionRule
from dicetune.problems import problem_of
from dicetune.problems.entities import HEADS, START_LOGIT
from lattice import LABELS, TAGS, draw

BIASES = (-3.3, -0.7, 0.4, 2.6)
NUMBER = r"(\d+(?:\.\d+)?(?:e[+-]\d+)?)"


def thresholds(words):
    """What follows each "p >" or "p(...) >"."""
    return [float(found) for found in re.findall(r"> " + NUMBER, words)]


def rule_of(kind, biases, labels):
    return DecisionRule(kind, biases, "f1", tuple(labels))


@pytest.mark.parametrize("bias", BIASES)
def test_one_of_two_labels_has_a_threshold(bias):
    rule = rule_of("label", {"spam": bias}, ("ham", "spam"))
    ((threshold,),) = [thresholds(words) for words in rule.words]
    chances = np.linspace(0.001, 0.999, 400)
    tables = rule.apply([np.log([[1 - p, p]]) for p in chances])
    said = [p > threshold for p in chances]
    decided = [table[0].argmax() == 1 for table in tables]
    assert sum(a != b for a, b in zip(said, decided, strict=True)) <= 2  # two digits are shown


def test_each_label_of_several_has_a_threshold():
    problem, gold, scores, _ = draw("label_set", 5, units=60)
    biases = {"a": 1.2, "b": -0.8}
    rule = rule_of("label_set", biases, LABELS)
    assert rule.words[2] == "c if p > 0.5"
    asked = problem_of(problem)
    decisions = asked.decisions(gold, scores)
    predicted = decisions.predicted(biases)
    limits = dict(zip(LABELS, map(float, [w.split()[-1] for w in rule.words]), strict=True))
    for row, table in zip(predicted, scores, strict=True):
        p = dict(zip(LABELS, np.exp(table[0]), strict=True))
        assert row == [name for name in LABELS if p[name] > limits[name]]


def test_a_class_of_several_counts_several_times():
    rule = rule_of("label", {"a": math.log(5), "b": 0.0, "c": math.log(0.4)}, LABELS)
    assert rule.words == ("a counts 5 times", "c counts 0.4 times")
    assert rule.told(["c"]) == "tuned: c counts 0.4 times"
    assert rule.told(["b"]) == "tuned: a counts 5 times; c counts 0.4 times"


@pytest.mark.parametrize(
    ("kind", "labels", "biases", "words"),
    [
        ("label", LABELS, {"a": 0.004, "b": math.log(2), "c": -0.004}, ("b counts 2 times",)),
        ("label", LABELS, {"a": 0.004}, ("the default decision but for near ties",)),
        (
            "spans",
            ("O", "B-x", "B-y"),
            {"O": 0.001, "I-x": math.log(3), "I-y": -0.002},
            ("x counts 3 times",),
        ),
    ],
)
def test_what_counts_once_is_not_said(kind, labels, biases, words):
    assert rule_of(kind, biases, labels).words == words


@pytest.mark.parametrize("bias", BIASES)
def test_the_tag_outside_says_how_much_likelier_it_must_be(bias):
    rule = rule_of("spans", {"O": bias}, TAGS)
    (words,) = rule.words
    times = float(re.search(NUMBER + " times as likely", words)[1])
    assert words.startswith("O only if it is " if bias < 0 else "O already if it is ")
    p = np.random.default_rng(1).dirichlet(np.ones(len(TAGS)), 300)
    (moved,) = rule.apply([np.log(p)])
    said = p[:, 0] > times * p[:, 1:].max(1)
    assert (said != (moved.argmax(1) == 0)).sum() <= 6


def test_types_count_several_times():
    biases = {"O": math.log(2), "B-x": math.log(3), "I-x": math.log(3), "B-y": 0.0, "I-y": 0.0}
    rule = rule_of("spans", biases, TAGS)
    assert rule.words == (
        "O already if it is 0.5 times as likely as the best other tag",
        "x counts 3 times",
    )


def test_an_entity_has_three_thresholds():
    biases = {"start": 1.0, "end": -1.0, "match": 0.0}
    rule = rule_of("entities", biases, ("x",))
    limits = np.array(thresholds(rule.words[0]))
    logits = np.random.default_rng(2).normal(0, 2, (300, 3))
    table = np.hstack([np.zeros((300, 3)), logits])
    (moved,) = rule.apply([table])
    decided = (moved[:, START_LOGIT : START_LOGIT + len(HEADS)] > 0).all(1)
    said = (1 / (1 + np.exp(-logits)) > limits).all(1)
    assert (said != decided).sum() <= 6


def test_no_answer_says_what_it_is_helped_by_and_the_default_is_named():
    rule = rule_of("answer", {"null": -1.25}, ("start", "end"))
    assert rule.words == ("no answer if it beats the best answer with -1.25 on start and end",)
    assert rule_of("answer", {"null": 0.0}, ()).words == ("the default decision",)
    assert rule_of("words", {}, ()).words == ("the default decision",)


def test_many_labels_are_shortened_for_a_line_but_not_in_the_record(tmp_path):
    labels = tuple(f"l{number}" for number in range(28))
    rule = rule_of("label_set", {"l0": 1.0}, labels)
    assert len(rule.words) == 28
    assert rule.told().endswith("; l3 if p > 0.5; 24 more")
    rule.save(tmp_path)
    assert "l27 if p > 0.5" in (tmp_path / "decision.json").read_text(encoding="utf-8")
    assert DecisionRule.load(tmp_path) == rule
