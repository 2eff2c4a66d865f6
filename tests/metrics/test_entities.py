"""Entity scores: by hand, and equal to the scores of tags where spans stand side by side."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicetune.data import spans, to_tags
from dicetune.errors import InputError
from dicetune.metrics import entity_scores, span_scores


def test_by_hand():
    gold = [[("ORG", 0, 3), ("LOC", 2, 3)], [("PER", 0, 1)]]
    predicted = [[("LOC", 2, 3), ("LOC", 2, 3), ("ORG", 0, 2)], []]
    scores = entity_scores(gold, predicted)
    assert (scores.correct, scores.predicted, scores.support) == (1, 2, 3)
    assert (scores.precision, scores.recall, scores.f1) == (0.5, 1 / 3, 0.4)
    assert scores.per_type["LOC"].f1 == 1.0
    assert scores.per_type["PER"].support == 1
    assert scores.to_dict()["per_type"]["ORG"]["f1"] == 0.0


def test_the_same_span_in_another_sentence_is_another_one():
    assert entity_scores([[("A", 0, 1)], []], [[], [("A", 0, 1)]]).correct == 0


def test_nothing_at_all():
    assert entity_scores([[]], [[]]).f1 == 0.0


def test_unequal_numbers_of_sentences():
    with pytest.raises(InputError, match=r"as many predicted sentences as gold ones \(1\), got 2"):
        entity_scores([[]], [[], []])


@settings(max_examples=40)
@given(data=st.data())
def test_spans_side_by_side_score_as_tags_do(data):
    length = 12
    pair = []
    for _ in range(2):
        cuts = sorted(data.draw(st.sets(st.integers(0, length), max_size=6)))
        pair.append(
            [
                (data.draw(st.sampled_from("AB")), a, b)
                for a, b in zip(cuts[::2], cuts[1::2], strict=False)
            ]
        )
    tags = [[to_tags(own, length)] for own in pair]
    ours, theirs = entity_scores([pair[0]], [pair[1]]), span_scores(*tags)
    assert spans(tags[0][0]) == pair[0]
    assert (ours.correct, ours.predicted, ours.support) == (
        theirs.correct,
        theirs.predicted,
        theirs.support,
    )
    assert ours.per_type == theirs.per_type
