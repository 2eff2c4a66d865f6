"""Scores of any model as JSON lines: read as they were meant, with the line of what was not."""

import numpy as np
import pytest

from dicetune.decide import DecisionRule
from dicetune.decide.fit import fit
from dicetune.decide.score_file import tune_scores
from dicetune.errors import DicetuneError
from dicetune.problems.score_rows import FORMS
from lattice import draw
from score_files import rows_of, write

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
def test_the_rule_is_that_of_the_same_scores_in_memory(kind, tmp_path):
    more = {"positive": "b"} if kind == "label" else {}
    problem, gold, scores, spans = drawn(kind, **more)
    path = write(tmp_path / "scores.jsonl", rows_of(kind, problem, gold, scores, spans))
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
def test_forms_of_the_same_scores_give_one_rule(kind, tmp_path):
    problem, gold, scores, spans = drawn(kind)
    rules = []
    for form in FORMS:
        given = scores
        if form == "logits" and kind == "label_set":
            given = [table - np.log(-np.expm1(table.astype(float))) for table in scores]
        rows = rows_of(kind, problem, gold, given, spans, form)
        rules.append(tune_scores(write(tmp_path / "s.jsonl", rows), guard=False).rule)
    assert rules[0].biases == pytest.approx(rules[1].biases, abs=1e-5)
    assert rules[0].biases == pytest.approx(rules[2].biases, abs=1e-5)


def test_null_odds_are_a_score_relative_to_the_best_span(tmp_path):
    problem, gold, scores, spans = drawn("answer")
    rows = rows_of("answer", problem, gold, scores, spans)
    by_score = tune_scores(write(tmp_path / "a.jsonl", rows), guard=False)
    for row in rows:
        row["null_odds"] = row.pop("null_score") - row.pop("score")
    by_odds = tune_scores(write(tmp_path / "b.jsonl", rows), guard=False)
    assert by_odds.metrics == by_score.metrics
    assert by_odds.rule.biases == pytest.approx(by_score.rule.biases, abs=1e-6)


@pytest.mark.parametrize("with_ids", [True, False])
def test_gold_may_lie_apart(with_ids, tmp_path):
    problem, gold, scores, spans = drawn("label")
    rows = rows_of("label", problem, gold, scores, spans)
    whole = tune_scores(write(tmp_path / "whole.jsonl", rows), guard=False)
    golds = [{name: row[name] for name in ("id", "gold")} for row in rows]
    apart = [{name: value for name, value in row.items() if name != "gold"} for row in rows]
    if with_ids:
        golds.reverse()
    else:
        for row in (*golds, *apart):
            del row["id"]
    found = tune_scores(
        write(tmp_path / "s.jsonl", apart), write(tmp_path / "g.jsonl", golds), guard=False
    )
    assert found.rule.biases == whole.rule.biases


def test_rows_of_another_split_are_scored_and_not_fitted_on(tmp_path):
    problem, gold, scores, spans = drawn("label_set", units=40)
    rows = rows_of("label_set", problem, gold, scores, spans)
    dev = tune_scores(write(tmp_path / "dev.jsonl", rows[:25]), guard=False)
    for number, row in enumerate(rows):
        row["split"] = "dev" if number < 25 else "test"
    both = tune_scores(write(tmp_path / "both.jsonl", rows), guard=False)
    assert both.rule.biases == dev.rule.biases
    assert both.metrics.keys() == {"dev", "test"}
    assert len(both.predicted["test"]) == 15


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
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake, tmp_path):
    rows, message = MISTAKES[mistake]
    path = write(tmp_path / "s.jsonl", rows)
    with pytest.raises(DicetuneError) as error:
        tune_scores(path, out=tmp_path / "rule.json")
    assert message in str(error.value)
    assert not (tmp_path / "rule.json").exists()


def test_mistakes_of_options(tmp_path):
    path = write(tmp_path / "s.jsonl", [GOOD, {**GOOD, "gold": "b"}])
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
    golds = write(tmp_path / "g.jsonl", [{"gold": "a"}])
    with pytest.raises(DicetuneError, match="expected 2 rows"):
        tune_scores(path, golds)
    spans = [{"gold": ["O"], "logits": [[0.0, 1.0]], "labels": ["O", "B-x"]}]
    with pytest.raises(DicetuneError, match="no positive class for spans"):
        tune_scores(write(tmp_path / "t.jsonl", spans), positive="x")


@pytest.mark.parametrize("kind", ["label", "label_set", "tags", "spans"])
def test_gold_that_no_score_can_meet_is_refused(kind, tmp_path):
    problem, gold, scores, spans = drawn(kind)
    rows = rows_of(kind, problem, gold, scores, spans)
    place = next(n for n, right in enumerate(gold) if right)
    rows[place]["gold"] = "z" if kind == "label" else ["z"] * len(gold[place])
    labels = ", ".join(problem["labels"])
    message = rf"s.jsonl:{place + 1}: expected gold among .*\({labels}\), got 'z': write both alike"
    with pytest.raises(DicetuneError, match=message):
        tune_scores(write(tmp_path / "s.jsonl", rows))
