"""Predictions as short texts."""

import pytest

from dicetune.comparison.readings import LONGEST, readings, text_of

TOKENS = {"tokens": ["Quay", "Nine", "and", "Quay", "Nine"]}
SPANS = {"kind": "spans", "scheme": "iob2"}


def test_spans_of_the_same_words_are_told_apart():
    tags = ["B-SITE", "I-SITE", "O", "B-SITE", "I-SITE"]
    both = ("SITE: Quay Nine (word 1)", "SITE: Quay Nine (word 4)")
    assert readings(SPANS, TOKENS, tags) == both
    # whether or not both were found: the same entity reads the same
    assert readings(SPANS, TOKENS, [*tags[:2], "O", "O", "O"]) == both[:1]


@pytest.mark.parametrize(
    ("problem", "row", "prediction", "expected"),
    [
        ({"kind": "label"}, {}, "spam", ("spam",)),
        ({"kind": "label_set"}, {}, ["joy", "awe"], ("joy", "awe")),
        ({"kind": "label_set"}, {}, [], ()),
        ({"kind": "answer"}, {}, "the quay", ("the quay",)),
        ({"kind": "answer"}, {}, "", ("(no answer)",)),
        ({"kind": "answer"}, {}, None, ("(no prediction)",)),
        ({"kind": "answer"}, {}, ["a", "b", "a"], ("a", "b")),
        ({"kind": "tags"}, {"tokens": ["up", "now"]}, ["RP", "RB"], ("1. up: RP", "2. now: RB")),
        ({"kind": "entities"}, {"tokens": ["Quay", "Nine"]},
         [{"type": "SITE", "start": 0, "end": 2}], ("SITE: Quay Nine",)),
        ({"kind": "words"}, {"tokens": ["水", "泵", "坏"]}, ["B-NN", "E-NN", "S-VV"],
         ("NN: 水泵", "VV: 坏")),
        (SPANS, {"tokens": ["up"]}, ["O"], ()),
    ],
)  # fmt: skip
def test_each_kind(problem, row, prediction, expected):
    assert readings(problem, row, prediction) == expected


def test_texts():
    assert text_of({"question": "Where?"}) == "Where?"
    assert text_of({"tokens": ["水", "泵"]}) == "水泵"
    assert len(text_of({"text": "a" * 9999})) == LONGEST
