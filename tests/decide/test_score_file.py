"""Scores of any model as JSON lines: read as meant, met with gold of other tools, or refused."""

import numpy as np
import pytest

from dicetune.decide import DecisionRule
from dicetune.decide.fit import fit
from dicetune.decide.score_file import tune_scores
from dicetune.errors import DicetuneError
from dicetune.problems.score_rows import FORMS
from lattice import draw, rows_of

KINDS = ("label", "label_set", "spans", "tags", "answer", "entities")


def normalised(kind, scores):
    """Log-probabilities of lattice scores."""
    if kind in ("label", "spans", "tags"):
        return [table - np.logaddexp.reduce(table, axis=-1, keepdims=True) for table in scores]
    return scores


def drawn(kind, seed=3, units=30, **more):
    problem, gold, scores, spans = draw(kind, seed, units, **more)
    return problem, gold, normalised(kind, scores), spans


@pytest.mark.parametrize("kind", KINDS)
def test_the_rule_is_that_of_the_same_scores_in_memory(kind, file, tmp_path):
    more = {"positive": "b"} if kind == "label" else {}
    problem, gold, scores, spans = drawn(kind, **more)
    path = file(rows_of(kind, problem, gold, scores, spans), "scores.jsonl")
    found = tune_scores(path, positive=more.get("positive"), guard=False, out=tmp_path / "r.json")

    ids = [f"u{number}" for number in range(len(gold))]
    right = fit(problem, gold, scores, ids=ids, spans=spans, guard=False)
    assert found.rule.kind == kind
    assert found.rule.labels == tuple(problem["labels"])
    assert found.rule.biases == pytest.approx(right.biases, abs=1e-6)
    assert found.rule.evidence["tuned"] == pytest.approx(right.evidence["tuned"])
    assert any(found.rule.biases.values()), "the scores of this test leave something to gain"
    assert DecisionRule.load(tmp_path / "r.json") == found.rule


@pytest.mark.parametrize("kind", ["label", "label_set", "spans", "tags"])
def test_forms_of_the_same_scores_give_one_rule(kind, file):
    problem, gold, scores, spans = drawn(kind)
    rules = []
    for form in FORMS:
        given = scores
        if form == "logits" and kind == "label_set":
            given = [table - np.log(-np.expm1(table.astype(float))) for table in scores]
        rows = rows_of(kind, problem, gold, given, spans, form)
        rules.append(tune_scores(file(rows, "s.jsonl"), guard=False).rule)
    assert rules[0].biases == pytest.approx(rules[1].biases, abs=1e-5)
    assert rules[0].biases == pytest.approx(rules[2].biases, abs=1e-5)


def test_null_odds_are_a_score_relative_to_the_best_span(file):
    problem, gold, scores, spans = drawn("answer")
    rows = rows_of("answer", problem, gold, scores, spans)
    by_score = tune_scores(file(rows, "a.jsonl"), guard=False)
    for row in rows:
        row["null_odds"] = row.pop("null_score") - row.pop("score")
    by_odds = tune_scores(file(rows, "b.jsonl"), guard=False)
    assert by_odds.metrics == by_score.metrics
    assert by_odds.rule.biases == pytest.approx(by_score.rule.biases, abs=1e-6)


@pytest.mark.parametrize("with_ids", [True, False])
def test_gold_may_lie_apart(with_ids, file):
    problem, gold, scores, spans = drawn("label")
    rows = rows_of("label", problem, gold, scores, spans)
    whole = tune_scores(file(rows, "whole.jsonl"), guard=False)
    golds = [{name: row[name] for name in ("id", "gold")} for row in rows]
    apart = [{name: value for name, value in row.items() if name != "gold"} for row in rows]
    if with_ids:
        golds.reverse()
    else:
        for row in (*golds, *apart):
            del row["id"]
    found = tune_scores(file(apart, "s.jsonl"), file(golds, "g.jsonl"), guard=False)
    assert found.rule.biases == whole.rule.biases


def test_rows_of_another_split_are_scored_and_not_fitted_on(file):
    problem, gold, scores, spans = drawn("label_set", units=40)
    rows = rows_of("label_set", problem, gold, scores, spans)
    dev = tune_scores(file(rows[:25], "dev.jsonl"), guard=False)
    for number, row in enumerate(rows):
        row["split"] = "dev" if number < 25 else "test"
    both = tune_scores(file(rows, "both.jsonl"), guard=False)
    assert both.rule.biases == dev.rule.biases
    assert both.metrics.keys() == {"dev", "test"}
    assert len(both.predicted["test"]) == 15


def test_dev_is_shown_first_wherever_it_stands_in_the_file():
    rows = [
        {"gold": gold, "probabilities": {"a": p, "b": 1 - p}, "split": split}
        for split in ("test", "dev")
        for gold, p in (("a", 0.9), ("b", 0.6), ("b", 0.2)) * 4
    ]
    found = tune_scores(rows)
    assert list(found.metrics) == ["dev", "test"]
    shown = list(found.table())
    assert shown.index("dev, tuned") < shown.index("test, argmax")


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
def test_scores_of_the_positive_class_alone(form, gold, shape, positive, file, log):
    path = file(binary(gold, form, shape), "s.jsonl")
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
def test_gold_is_the_only_label_that_means_the_same(labels, golds, file, log):
    rules = []
    for gold in (labels, *golds):
        rows = binary(gold, shape=lambda score: {labels[0]: 1 - score, labels[1]: score})
        log.clear()
        path = file(rows, "s.jsonl")
        rules.append(tune_scores(path, guard=False).rule)
        assert bool(log.messages) == any(str(label) not in labels for label in gold)
    assert all(rule == rules[0] for rule in rules)
    assert rules[0].evidence["tuned"] == 1.0


GOOD = {"gold": "a", "probabilities": {"a": 0.7, "b": 0.3}}
MISTAKES = {
    "empty": ([], "got an empty file"),
    "no object": ([["a"]], "s.jsonl:1: expected one JSON object a line, got a list"),
    "no gold": ([GOOD, {**GOOD, "gold": None}], "s.jsonl:2: expected gold in each row"),
    "no scores": ([{"gold": "a"}], "s.jsonl:1: expected one of probabilities"),
    "two forms": ([{**GOOD, "logits": {"a": 1, "b": 0}}], "got probabilities, logits"),
    "above one": (
        [GOOD, {"gold": "a", "probabilities": {"a": 1.7, "b": 0.3}}],
        "s.jsonl:2: expected probabilities from 0 to 1",
    ),
    "text": ([{"gold": "a", "probabilities": {"a": "x", "b": 0.3}}], "s.jsonl:1: expected numbers"),
    "other labels": (
        [GOOD, {"gold": "a", "probabilities": {"a": 0.7, "c": 0.3}}],
        "s.jsonl:2: expected scores of a, b; odd: b, c",
    ),
    "NaN": (
        [GOOD, {"gold": "a", "logits": {"a": float("nan"), "b": 0.0}}],
        "s.jsonl:2: expected scores that",
    ),
    "NaN of an answer": (
        [{"gold": [], "span": "x", "null_odds": float("nan")}],
        "s.jsonl:1: expected scores that",
    ),
    "a candidate without its type": (
        [{"gold": [], "candidates": [{"start": 0, "end": 1, "logits": [0, 0, 0]}]}],
        "s.jsonl:1: expected type, start and end of each candidate",
    ),
    "gold of another kind": (
        [{"gold": ["x"], "candidates": []}],
        "s.jsonl:1: expected type, start and end of each candidate",
    ),
    "no dev": ([{**GOOD, "split": "test"}], "a rule is never fitted on what it is tested on"),
    "no labels": ([{"gold": ["O"], "logits": [[0.0, 1.0]]}], "as 'labels'"),
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


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake, file, tmp_path):
    rows, message = MISTAKES[mistake]
    path = file(rows, "s.jsonl")
    with pytest.raises(DicetuneError) as error:
        tune_scores(path, out=tmp_path / "rule.json")
    assert message in str(error.value)
    assert not (tmp_path / "rule.json").exists()


def test_mistakes_of_options(file, tmp_path):
    path = file([GOOD, {**GOOD, "gold": "b"}], "s.jsonl")
    for options, message in (
        ({"kind": "odd"}, "kind of predictions"),
        ({"positive": "c"}, "'c'"),
        ({"objective": "f2"}, "f2"),
        ({"objective": "fbeta:-1"}, "B above 0"),
        ({"objective": "precision@recall:1.5"}, "above 0 and at most 1"),
        ({"objective": "logit-adjustment:x"}, "with a number"),
        ({"folds": 1}, "at least 2 folds"),
        ({"gold": tmp_path / "none.jsonl"}, "no such file"),
        ({"kind": "words"}, "kind of predictions"),
        ({"out": tmp_path / "none" / "rule.json"}, "a file in an existing folder"),
    ):
        with pytest.raises(DicetuneError, match=message):
            tune_scores(path, **options)
    golds = file([{"gold": "a"}], "g.jsonl")
    with pytest.raises(DicetuneError, match="expected 2 rows"):
        tune_scores(path, golds)
    spans = [{"gold": ["O"], "logits": [[0.0, 1.0]], "labels": ["O", "B-x"]}]
    with pytest.raises(DicetuneError, match="no positive class for spans"):
        tune_scores(file(spans, "t.jsonl"), positive="x")


@pytest.mark.parametrize("kind", ["label", "label_set", "tags", "spans"])
def test_gold_that_no_score_can_meet_is_refused(kind, file):
    problem, gold, scores, spans = drawn(kind)
    rows = rows_of(kind, problem, gold, scores, spans)
    place = next(n for n, right in enumerate(gold) if right)
    rows[place]["gold"] = "z" if kind == "label" else ["z"] * len(gold[place])
    labels = ", ".join(problem["labels"])
    message = rf"s.jsonl:{place + 1}: expected gold among .*\({labels}\), got 'z': write both alike"
    with pytest.raises(DicetuneError, match=message):
        tune_scores(file(rows, "s.jsonl"))


def test_gold_apart_meets_by_id_or_by_order_and_says_so(file, log):
    rows = binary(["0", "1"], shape=lambda score: {"0": 1 - score, "1": score})
    apart = file([{**row, "gold": None} for row in rows], "s.jsonl")
    golds = [{"id": str(row["id"]), "gold": row["gold"]} for row in rows]
    for gold, message in (
        ([*golds, {"id": "x", "gold": "1"}], "without scores: not counted (first 'x') (1"),
        ([{"gold": row["gold"]} for row in rows], "no ids in"),
    ):
        log.clear()
        path = file(gold, "g.jsonl")
        found = tune_scores(apart, path, guard=False)
        assert found.rule.evidence["tuned"] == 1.0
        assert message in log.messages[0]
    for gold, message in (
        (golds[1:], "s.jsonl:1: expected an id of"),
        ([*golds, golds[0]], "g.jsonl:25: expected each id once, got '0' again, first on line 1"),
    ):
        with pytest.raises(DicetuneError, match=message):
            tune_scores(apart, file(gold, "g.jsonl"))


def test_a_rule_is_not_replaced_by_another_without_a_word(file, tmp_path):
    path, out = file(binary([0, 1]), "s.jsonl"), tmp_path / "rule.json"
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
