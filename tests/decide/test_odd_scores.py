"""Empty classes, equal and infinite scores, single units: a rule or a message, never a warning."""

import json

import pytest

from dicetune.decide.score_file import tune_scores
from dicetune.errors import DicetuneError

ENDLESS, HUGE = float("-inf"), 1e308
OBJECTIVES = (None, "fbeta:2", "precision@recall:0.9", "logit-adjustment:1", "mcc")


def by_label(form, *values):
    return {form: dict(zip("abc", values, strict=False))}


def rows(golds, *scores):
    return [{"gold": gold, **scores[n % len(scores)]} for n, gold in enumerate(golds)]


SOME = [by_label("probabilities", 0.5, 0.3, 0.2), by_label("probabilities", 0.2, 0.5, 0.3)]
LABEL_SETS = {
    "ends": [by_label("probabilities", 0, 1, 0.5), by_label("probabilities", 1, 0, 0.5)],
    "equal": [by_label("probabilities", 0.5, 0.5, 0.5)],
    "ones": [by_label("probabilities", 1, 1, 1)],
    "zeros": [by_label("probabilities", 0, 0, 0)],
    "endless": [by_label("logits", ENDLESS, 3, 0), by_label("logits", HUGE, 3, 0)],
}
LISTS = ([0, 0, 0], [ENDLESS, 0, ENDLESS], [ENDLESS] * 3, [HUGE, -HUGE, 0])
SPAN = {"type": "x", "start": 0, "end": 1}
CANDIDATES = (
    [],
    [{**SPAN, "logits": [0, 0, 0]}],
    [{**SPAN, "logits": [ENDLESS, 0, 1]}],
    [{**SPAN, "logits": [HUGE, HUGE, -HUGE]}, {**SPAN, "end": 2, "logits": [1, 2, 3]}],
)
FILES = {
    "an empty class": rows("aabb" * 3, *SOME),
    "one class": rows("aaaa", *SOME),
    "one text": rows("b", *SOME),
    "equal": rows("abcabc", by_label("probabilities", 0.3, 0.3, 0.3)),
    "two, equal": rows("abab", by_label("probabilities", 0.5, 0.5)),
    "ends": rows("abcab", by_label("probabilities", 0, 1, 0), by_label("probabilities", 1, 0, 0)),
    "no chance": rows("abab", by_label("probabilities", 0, 0)),
    "endless": rows("abab", by_label("logits", ENDLESS, 1), by_label("logits", 0, ENDLESS)),
    "huge": rows("abab", by_label("logits", HUGE, -HUGE)),
    "tiny": rows(
        "abab", by_label("probabilities", 1e-320, 1), by_label("probabilities", 1, 5e-324)
    ),
    **{
        f"sets, {name}, {len(gold)} {gold[0]}": rows(gold, *scores)
        for name, scores in LABEL_SETS.items()
        for gold in ([[]] * 4, [["a", "b", "c"]] * 4, [["a"], [], ["b", "a"], ["c"]], [["a"]])
    },
    **{
        f"tags, {row}, {gold}": [
            {"gold": tags, "logits": [row] * len(tags), "labels": ["O", other, "I-x"]}
            for tags in gold
        ]
        for row in LISTS
        for other in ("B-x", "N")
        for gold in ([["O", "O"]] * 3, [[]] * 3, [[other, "I-x"], [], ["O", other]], [[other]])
    },
    **{
        f"answers, {score}, {null}, {gold}": [
            {"gold": answers, "span": span, "score": score, "null_score": null}
            for answers, span in zip(gold, ("x", "", "y"), strict=False)
        ]
        for score, null in ((0, 0), (0, ENDLESS), (HUGE, -HUGE), (-HUGE, HUGE))
        for gold in ([[]] * 3, [["x"]] * 3, [["x"], [], ["y"]], [[]], [["x"]])
    },
    **{
        f"candidates, {place}, {len(gold)}": [{"gold": spans, "candidates": them} for spans in gold]
        for place, them in enumerate(CANDIDATES)
        for gold in ([[]] * 2, [[SPAN], [], [{**SPAN, "type": "y"}]], [[SPAN]])
    },
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_odd_scores(objective, file):
    tuned = 0
    for name, content in FILES.items():
        path = file(content, "scores.jsonl")
        try:
            found = tune_scores(path, objective=objective)
        except DicetuneError:
            continue
        tuned += 1
        assert json.dumps(found.to_dict(), allow_nan=False), name
    assert tuned > 5
