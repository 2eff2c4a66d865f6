"""Damaged files of scores, questions and answers are read, or refused with their name."""

import json
import random

import pytest

from dicetune.data import inspect_questions, read_questions
from dicetune.decide import tune_scores
from dicetune.errors import DicetuneError
from dicetune.evaluate import evaluate
from lattice import draw
from mutations import mutated
from score_files import rows_of

CONTEXT = "The pump at Quay Nine is down 🚢. Nine men wait."
ANSWERS = [{"text": "Quay Nine", "answer_start": 12}, {"text": "Nine", "answer_start": 33}]
QAS = [
    {"id": "q1", "question": "Where?", "answers": ANSWERS, "is_impossible": False},
    {"id": "q2", "question": "Who?", "answers": [], "is_impossible": True},
]
SQUAD = {"data": [{"title": "t", "paragraphs": [{"context": CONTEXT, "qas": QAS}]}]}
CMRC = [
    {
        "context_id": "1",
        "context_text": "九号码头的泵站停了。",
        "qas": [{"query_id": "q1", "query_text": "在哪里？", "answers": ["九号码头", "码头"]}],
    }
]
OFFICIAL = {"q1": "Quay Nine", "q2": ""}
LINES = [
    {"id": "q1", "gold": ["Quay"], "predicted": "Quay", "span": "x", "score": 1, "null_score": 2},
    {"id": "q2", "gold": [], "predicted": "", "span": "pump", "score": -1.5, "null_score": 2.5},
]


def check_message(error, path):
    assert str(path) in str(error), path.read_bytes()


def tune(path):
    tune_scores(path, guard=False)


def inspect(path):
    inspect_questions({"train": read_questions(path)})


def score(path):
    gold = path.with_name("gold.json")
    gold.write_text(json.dumps(SQUAD), encoding="utf-8")
    evaluate(path, gold, task="qa")


def score_alone(path):
    evaluate(path, task="qa")


def scores_of(kind):
    problem, gold, scores, spans = draw(kind, 3, 6)
    return rows_of(kind, problem, gold, scores, spans, "logits")


KINDS = ("label", "label_set", "spans", "tags", "answer", "entities")
FILES = {
    **{f"scores of {kind}": (scores_of(kind), True, tune, 40) for kind in KINDS},
    "squad": (SQUAD, False, inspect, 150),
    "squad lines": ([{**own, "context": CONTEXT} for own in QAS], True, inspect, 75),
    "cmrc": (CMRC, False, inspect, 150),
    "official answers": (OFFICIAL, False, score, 75),
    "lines of answers": (LINES, True, score, 75),
    "lines with gold": (LINES, True, score_alone, 75),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_read_or_refused_with_its_name(name, tmp_path):
    content, lines, use, count = FILES[name]
    path, chance, refused = tmp_path / "damaged.jsonl", random.Random(name), 0
    for _ in range(count):
        path.write_bytes(mutated(content, chance, lines=lines))
        try:
            use(path)
        except DicetuneError as error:
            check_message(error, path)
            refused += 1
    assert 0 < refused < count, "some are refused, some are read"
