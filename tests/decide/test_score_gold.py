"""Gold and scores that were written by different tools: met in one way, or refused."""

import numpy as np
import pytest

from dicetune.decide import DecisionRule
from dicetune.decide.score_file import tune_scores
from dicetune.errors import DicetuneError
from dicetune.problems.score_rows import FORMS
from score_files import write


def binary(gold, form="probabilities", shape=lambda score: score, count=24):
    """Rows of a binary classifier whose best threshold is not at one half."""
    rows = []
    for number in range(count):
        chance = 0.1 + 0.6 * number / count
        logit = np.log(chance / (1 - chance))
        value = {"probabilities": chance, "logits": logit}.get(form, np.log(chance))
        rows.append({"id": number, "gold": gold[number >= count // 2], form: shape(float(value))})
    return rows


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("gold", "shape", "positive"),
    [
        ([0, 1], lambda score: score, None),
        ([False, True], lambda score: score, None),
        (["0.0", "1.0"], lambda score: score, None),
        (["ham", "spam"], lambda score: score, "spam"),
        (["ham", "spam"], lambda score: {"spam": score}, "spam"),
        ([0, 1], lambda score: {"true": score}, None),
    ],
)
def test_scores_of_the_positive_class_alone(form, gold, shape, positive, tmp_path, log):
    path = write(tmp_path / "s.jsonl", binary(gold, form, shape))
    found = tune_scores(path, positive=positive, guard=False)
    assert found.rule.evidence["tuned"] == 1.0
    assert len(found.rule.labels) == 2
    assert list(found.rule.biases) == [found.rule.labels[1]]
    assert "alone: the rest is taken for" in log.messages[0]


@pytest.mark.parametrize(
    ("labels", "golds"),
    [
        (["0", "1"], [[0, 1], [0.0, 1.0], [False, True], ["false", "True"], ["0.0", "1"]]),
        (["0.0", "1.0"], [[0, 1], ["0", "1"], [False, True]]),
        (["False", "True"], [[0, 1], [False, True], ["false", "true"], ["0", "1.0"]]),
    ],
)
def test_gold_is_the_only_label_that_means_the_same(labels, golds, tmp_path, log):
    rules = []
    for gold in (labels, *golds):
        rows = binary(gold, shape=lambda score: {labels[0]: 1 - score, labels[1]: score})
        log.clear()
        path = write(tmp_path / "s.jsonl", rows)
        rules.append(tune_scores(path, guard=False).rule)
        assert bool(log.messages) == any(str(label) not in labels for label in gold)
    assert all(rule == rules[0] for rule in rules)
    assert rules[0].evidence["tuned"] == 1.0


GOOD = {"gold": "a", "probabilities": {"a": 0.7, "b": 0.3}}
UNMET = {
    "two readings": (
        [{"gold": True, "probabilities": {"1": 0.2, "true": 0.8}}],
        "s.jsonl:1: expected gold among the labels of the scores (1, true), got True",
    ),
    "a number without its class": (
        binary(["ham", "spam"]),
        "beside gold of ham, spam: name the class with --positive",
    ),
    "a column that gold does not name": (
        binary([0, 1], shape=lambda score: {"positive": score}),
        "expected gold of 'positive', whose scores alone are there, and of one other label",
    ),
    "an id again": ([GOOD | {"id": 1}, GOOD | {"id": "1"}], "s.jsonl:2: expected each id once"),
    "some ids": ([GOOD | {"id": 1}, GOOD], "an 'id' in every row or in none, got 1 in 2 rows"),
    "an odd id": ([GOOD | {"id": 2.5}], "s.jsonl:1: expected a text or a whole number as 'id'"),
    "an odd split": ([GOOD | {"split": 3}], "s.jsonl:1: expected a text as 'split', got 3"),
    "a list as gold": ([GOOD, GOOD | {"gold": ["a"]}], "s.jsonl:2: expected one label as gold"),
    "a label as gold of a list": (
        [GOOD | {"gold": ["a"]}, GOOD | {"gold": "ab"}],
        "s.jsonl:2: expected a list of labels as gold, got 'ab'",
    ),
    "a text as gold of tags": (
        [{"gold": "a", "logits": [[0, 1]], "labels": ["a", "b"]}],
        "write the scores as {label: number}",
    ),
    "words without scores": (
        [{"gold": ["a", "b", "a"], "logits": [[0, 1, 2], [3, 4, 5]], "labels": ["a", "b"]}],
        "s.jsonl:1: expected 3 times 2 numbers, one for each label (a, b), got the shape (2, 3)",
    ),
    "answers as gold": ([{"gold": "quay", "span": "x", "null_odds": 0}], "expected a list of answ"),
    "a span that is none": ([{"gold": [], "span": None, "null_odds": 0}], "a text as 'span'"),
    "a span without a score": (
        [{"gold": [], "span": "x", "null_score": 0}],
        "s.jsonl:1: expected numbers as scores, got no 'score'",
    ),
    "no chance": (
        [{"gold": "a", "logits": {"a": -np.inf, "b": -np.inf}}],
        "s.jsonl:1: expected a label with a chance",
    ),
    "logits as log-probabilities": (
        [{"gold": "a", "log_probabilities": {"a": 3, "b": -1}}],
        "call other scores 'logits'",
    ),
    "an empty span": (
        [{"gold": [], "candidates": [{"type": "x", "start": 2, "end": 2, "logits": [0, 0, 0]}]}],
        "with the start before the end",
    ),
    "two logits": (
        [{"gold": [], "candidates": [{"type": "x", "start": 0, "end": 2, "logits": [0, 0]}]}],
        "expected logits of start, end and match",
    ),
}


@pytest.mark.parametrize("mistake", UNMET)
def test_what_does_not_meet_is_refused(mistake, tmp_path):
    rows, message = UNMET[mistake]
    with pytest.raises(DicetuneError) as error:
        tune_scores(write(tmp_path / "s.jsonl", rows))
    assert message in str(error.value)


def test_gold_apart_meets_by_id_or_by_order_and_says_so(tmp_path, log):
    rows = binary(["0", "1"], shape=lambda score: {"0": 1 - score, "1": score})
    apart = write(tmp_path / "s.jsonl", [{**row, "gold": None} for row in rows])
    golds = [{"id": str(row["id"]), "gold": row["gold"]} for row in rows]
    for gold, message in (
        ([*golds, {"id": "x", "gold": "1"}], "without scores: not counted (first 'x') (1"),
        ([{"gold": row["gold"]} for row in rows], "no ids in"),
    ):
        log.clear()
        path = write(tmp_path / "g.jsonl", gold)
        found = tune_scores(apart, path, guard=False)
        assert found.rule.evidence["tuned"] == 1.0
        assert message in log.messages[0]
    for gold, message in (
        (golds[1:], "s.jsonl:1: expected an id of"),
        ([*golds, golds[0]], "g.jsonl:25: expected each id once, got '0' again, first on line 1"),
    ):
        with pytest.raises(DicetuneError, match=message):
            tune_scores(apart, write(tmp_path / "g.jsonl", gold))


def test_a_rule_is_not_replaced_by_another_without_a_word(tmp_path):
    path, out = write(tmp_path / "s.jsonl", binary([0, 1])), tmp_path / "rule.json"
    first = tune_scores(path, out=out).rule
    assert tune_scores(path, out=out).rule == first
    for content in (None, "mine"):
        if content is not None:
            out.write_text(content, encoding="utf-8")
        before = out.read_bytes()
        with pytest.raises(DicetuneError, match="--overwrite"):
            tune_scores(path, objective="fbeta:2", out=out)
        assert out.read_bytes() == before
        new = tune_scores(path, objective="fbeta:2", out=out, overwrite=True).rule
        assert DecisionRule.load(out) == new
