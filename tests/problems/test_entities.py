"""Entities by place: by hand, and as tags score where spans lie side by side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import spans, to_tags
from dicetune.errors import InputError
from dicetune.problems import Entities, Spans
from dicetune.problems.entities import entity_of, likely_spans


def scores(gold, predicted):
    return Entities({}).scores(gold, predicted)


def test_by_hand():
    gold = [[("ORG", 0, 3), ("LOC", 2, 3)], [("PER", 0, 1)]]
    predicted = [[("LOC", 2, 3), ("LOC", 2, 3), ("ORG", 0, 2)], []]
    found = scores(gold, predicted)
    assert (found["correct"], found["predicted"], found["support"]) == (1, 2, 3)
    assert (found["precision"], found["recall"], found["f1"]) == (0.5, 1 / 3, 0.4)
    assert [found["per_type"][name]["f1"] for name in ("LOC", "ORG", "PER")] == [1.0, 0.0, 0.0]
    assert found["per_type"]["PER"]["support"] == 1


def test_the_same_span_in_another_sentence_is_another_span():
    assert scores([[("A", 0, 1)], []], [[], [("A", 0, 1)]])["correct"] == 0


def test_nothing_at_all():
    assert scores([[]], [[]])["f1"] == 0.0


def test_unequal_numbers_of_sentences():
    with pytest.raises(InputError, match=r"expected 1 predicted sentences, .* got 2"):
        scores([[]], [[], []])


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
    tags = [[to_tags(row, length)] for row in pair]
    assert spans(tags[0][0]) == pair[0]
    found = scores([pair[0]], [pair[1]])
    by_tags = Spans({}).scores(*tags)
    assert found == {name: by_tags[name] for name in found}


def test_types_of_one_place_are_in_their_order():
    scores = np.array([[1, 0, 2, 1, 1, 1], [0, 0, 2, 1, 1, 1], [0, 0, 1, 1, 1, 1.0]])
    assert likely_spans(scores, True) == [(0, 0, 1), (0, 0, 2), (1, 0, 2)]


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_groups_are_decided_as_sentences_are_one_by_one(nested, seed):
    random = np.random.default_rng(seed)
    problem = Entities({"labels": ["x", "y"], "nested": nested})
    tables = []
    for _ in range(6):  # crowded: many rivals, the same span twice, equal logits
        count = int(random.integers(0, 9))
        first = random.integers(0, 5, count)
        places = [random.integers(0, 2, count), first, first + random.integers(1, 4, count)]
        rows = np.column_stack([*places, random.integers(-3, 4, (count, 3))])
        tables.append(rows[np.lexsort(rows[:, 2::-1].T)].astype(float))
    gold = [[("x", 0, 2), ("y", 1, 2)] for _ in tables]
    decisions = problem.decisions(gold, tables)
    for bias in (-2.5, -1.0, 0.0, 0.5, 2.0):
        biases = {"start": bias, "end": 1.0}
        moved = problem.move(tables, biases, problem.labels)
        alone = [dict.fromkeys(likely_spans(table, nested)) for table in moved]
        expected = [[(problem.labels[kind], a, b) for kind, a, b in row] for row in alone]
        found = [list(map(entity_of, row)) for row in decisions.predicted(biases)]
        assert found == expected
        assert (decisions.counts(biases) == problem.counts(gold, expected)).all()
        edges, sums = decisions.steps("start", biases).curve()
        if bias not in edges:
            assert (sums[np.searchsorted(edges, bias)] == decisions.counts(biases).sum(0)).all()


def test_models_with_other_candidates_are_averaged_and_what_one_lacks_is_0_there():
    one = np.array([[0, 1, 2, 2.0, 1.0, 0.0], [1, 0, 1, 3.0, 3.0, 3.0]])
    other = np.array([[0, 1, 2, -2.0, 1.0, 900.0]])
    empty = np.zeros((0, 6))
    first, second = Entities.average([[one, empty], [other, empty]])
    assert first[:, :3].tolist() == [[0, 1, 2], [1, 0, 1]]

    def sigmoid(z):
        return 1 / (1 + np.exp(-np.asarray(z, dtype=float)))

    np.testing.assert_allclose(sigmoid(first[0, 3:]), [0.5, sigmoid(1.0), 0.75], atol=1e-6)
    np.testing.assert_allclose(sigmoid(first[1, 3:]), sigmoid([3.0] * 3) / 2, atol=1e-6)
    assert second.shape == (0, 6)
    same = Entities.average([[one], [one[::-1]]])[0]
    np.testing.assert_allclose(same, one, atol=1e-5)
