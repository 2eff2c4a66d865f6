"""Predictions, units and metrics in words, gold by class, and what a threshold trades."""

import numpy as np
import pytest

from dicetune.problems import PROBLEMS, problem_of

TOKENS = {"tokens": ["Quay", "Nine", "and", "Quay", "Nine"]}
SITE = {"type": "SITE", "start": 0, "end": 2}


def readings(kind, row, prediction):
    return problem_of({"kind": kind}).readings(row, prediction)


def test_spans_of_the_same_words_are_told_apart():
    tags = ["B-SITE", "I-SITE", "O", "B-SITE", "I-SITE"]
    both = ("SITE: Quay Nine (word 1)", "SITE: Quay Nine (word 4)")
    assert readings("spans", TOKENS, tags) == both
    # whether or not both were found: the same entity reads the same
    assert readings("spans", TOKENS, [*tags[:2], "O", "O", "O"]) == both[:1]


READ = [
    ("label", {}, "spam", ("spam",)),
    ("label_set", {}, ["joy", "awe"], ("joy", "awe")),
    ("label_set", {}, [], ()),
    ("answer", {}, "the quay", ("the quay",)),
    ("answer", {}, "", ("(no answer)",)),
    ("answer", {}, None, ("(no prediction)",)),
    ("answer", {}, ["a", "b", "a"], ("a", "b")),
    ("tags", {"tokens": ["up", "now"]}, ["RP", "RB"], ("1. up: RP", "2. now: RB")),
    ("entities", {"tokens": ["Quay", "Nine"]}, [SITE], ("SITE: Quay Nine",)),
    ("words", {"tokens": ["水", "泵", "坏"]}, ["B-NN", "E-NN", "S-VV"], ("NN: 水泵", "VV: 坏")),
    ("spans", {"tokens": ["up"]}, ["O"], ()),
]


@pytest.mark.parametrize(("kind", "row", "prediction", "expected"), READ)
def test_each_type_reads_as_short_texts(kind, row, prediction, expected):
    assert readings(kind, row, prediction) == expected


# type: a row with gold, how often gold has each class, the same prediction, another prediction
RIGHT = {
    "spans": ({**TOKENS, "gold": ["B-a", "I-a", "O", "B-b", "O"]}, {"a": 1, "b": 1},
              ["B-a", "I-a", "O", "B-b", "O"], ["B-a", "O", "O", "B-b", "O"]),
    "words": ({"tokens": ["水", "泵"], "gold": ["B-N", "E-N"]}, {"N": 1},
              ["B-N", "I-N"], ["S-N", "S-N"]),
    "tags": ({"tokens": ["up", "up"], "gold": ["x", "y"]}, {"x": 1, "y": 1},
             ["x", "y"], ["y", "x"]),
    "label": ({"gold": "spam"}, {"spam": 1}, "spam", "ham"),
    "label_set": ({"gold": ["joy", "awe"]}, {"joy": 1, "awe": 1}, ["awe", "joy"], ["joy"]),
    "answer": ({"gold": ["the Quay"]}, {}, "quay", "quays"),
    "entities": ({**TOKENS, "gold": [SITE]}, {"SITE": 1}, [SITE], [{**SITE, "type": "ORG"}]),
}  # fmt: skip


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_unit_is_right_where_it_reads_as_its_gold(kind):
    row, classes, same, other = RIGHT[kind]
    gold, predicted = [row["gold"]] * 2, [same, other]
    problem = problem_of({"kind": kind}, gold, predicted)
    counts = problem.counts(gold, predicted)
    right = problem.right_units([row] * 2, predicted, counts)
    assert (right.dtype, right.tolist()) == (bool, [True, False])
    assert problem.gold_labels(gold) == {name: 2 * count for name, count in classes.items()}
    assert bool(classes) == problem.has_classes
    assert problem.has_classes or not problem.classes


@pytest.mark.parametrize(
    ("kind", "unit", "items", "f1"),
    [
        ("spans", ("sentence", "sentences"), "entities", "strict span F1"),
        ("words", ("sentence", "sentences"), "words", "F1 of words with their tag"),
        ("tags", ("sentence", "sentences"), "words", None),
        ("label", ("text", "texts"), None, None),
        ("label_set", ("text", "texts"), None, None),
        ("answer", ("question", "questions"), None, "F1 of answers"),
        ("entities", ("sentence", "sentences"), "entities", "span F1"),
    ],
)
def test_units_items_and_headlines_in_words(kind, unit, items, f1):
    problem = problem_of({"kind": kind})
    assert (problem.units(), problem.items_title) == (unit, items)
    if f1 is not None:
        assert problem.metric_title("f1") == f1
    titles = {"macro_f1": "macro-F1", "mcc": "MCC", "exact": "exact match", "odd_one": "odd one"}
    assert {metric: problem.metric_title(metric) for metric in titles} == titles


def test_the_rows_show_whether_texts_come_in_pairs():
    problem = problem_of({"kind": "label"})
    assert problem.units([{"text": "a", "text_b": "b"}]) == ("pair", "pairs")
    assert problem.units([{"text": "a"}]) == ("text", "texts")


def curve(settings, gold, scores):
    """Correct, predicted and gold of the different points of a curve, and what it decides."""
    what, counts = problem_of(settings, gold).tradeoff(gold)
    points = np.array(counts([np.array(table, dtype=float) for table in scores])).T
    return what, list(dict.fromkeys(map(tuple, points.tolist())))


def test_the_margin_of_the_positive_class_is_traded():
    """Margins 3, 1 and -1; the second of them is wrong."""
    settings = {"kind": "label", "labels": ["ham", "spam", "odd"], "positive": "spam"}
    scores = [[[0, 3, -5]], [[0, 2, 1]], [[0, -1, -5]]]
    what, points = curve(settings, ["spam", "odd", "spam"], scores)
    assert what == "whether it is “spam”"
    assert points == [(1, 1, 2), (1, 2, 2), (2, 3, 2)]


@pytest.mark.parametrize(
    ("kind", "gold", "what"),
    [
        ("label", ["a", "b"], "each label against the rest, all labels together"),
        ("label_set", [["a"], ["b"]], "each label of each text, all labels together"),
    ],
)
def test_all_labels_are_traded_together(kind, gold, what):
    """By rank: 4 (right), 3 and 2 (of which 2 is right), 1."""
    settings = {"kind": kind, "labels": ["a", "b"]}
    assert curve(settings, gold, [[[4, 3]], [[1, 2]]]) == (
        what,
        [(1, 1, 2), (1, 2, 2), (2, 3, 2), (2, 4, 2)],
    )


def test_equal_scores_share_what_is_right_among_them():
    settings = {"kind": "label_set", "labels": ["a", "b"]}
    _, points = curve(settings, [["a"], []], [[[1, 1]], [[1, 1]]])
    assert points == [(0.25, 1, 1), (0.5, 2, 1), (0.75, 3, 1), (1, 4, 1)]


def test_words_enter_spans_one_after_another():
    """Two words are spans of gold; the third makes a span too long, the fourth is a wrong span."""
    settings = {"kind": "spans", "labels": ["O", "B-x", "I-x"], "background": "O"}
    gold = [["B-x", "O", "O"], ["B-x"]]
    scores = [[[0, 1, 0], [5, 0, 1], [9, 0, 0]], [[0, 3, 0]]]
    what, points = curve(settings, gold, scores)
    assert what == "how readily a word is part of an entity (bias on O)"
    assert points == [(1, 1, 2), (2, 2, 2), (1, 2, 2), (1, 3, 2)]


@pytest.mark.parametrize(
    ("nested", "points"),
    [(True, [(1, 1, 2), (1, 2, 2), (2, 3, 2)]), (False, [(1, 1, 2), (2, 2, 2)])],
)
def test_candidates_are_taken_by_the_least_of_their_logits(nested, points):
    """The second of three shares a word with the first, which is likelier."""
    scores = [[[0, 0, 2, 9, 3, 9], [0, 1, 3, 2, 9, 9]], [[0, 0, 1, 9, 9, -1]]]
    gold = [[{"type": "x", "start": 0, "end": 2}], [{"type": "x", "start": 0, "end": 1}]]
    what, found = curve({"kind": "entities", "labels": ["x"], "nested": nested}, gold, scores)
    assert what == "how readily a candidate is an entity (one bias on all its logits)"
    assert found == points


def test_where_no_threshold_trades_precision_for_recall():
    traded = {
        kind: problem_of({"kind": kind, "labels": ["O"]}).tradeoff([]) is not None
        for kind in PROBLEMS
    }
    assert {kind for kind, trades in traded.items() if not trades} == {"words", "tags", "answer"}
