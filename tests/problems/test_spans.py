"""Spans of tags: what seqeval finds, what it would mangle, and examples by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError
from dicetune.problems import Spans, problem_of
from dicetune.problems.goal import Goal
from dicetune.problems.schemes import TagRows, check_tags, spans_of, types_of
from dicetune.problems.span_steps import SpanSteps
from lattice import draw
from referees import COLUMNS, referee, tag_spans

KINDS = ["PER", "LOC", "-PER", "PER-", "creative-work", "creative", "_", "O", "B-X"]
LETTERS = {"iob2": "BI", "iobes": "BIES"}


def scores(gold, predicted, **settings):
    return Spans(settings).scores(gold, predicted)


def tags_of(scheme, kinds):
    letters = st.sampled_from(LETTERS[scheme])
    return st.just("O") | st.builds("{}-{}".format, letters, st.sampled_from(kinds))


@pytest.mark.parametrize("scheme", LETTERS)
@pytest.mark.parametrize("convention", ["strict", "conlleval"])
@given(data=st.data())
def test_seqeval_finds_the_same_spans(scheme, convention, data):
    tags = data.draw(st.lists(tags_of(scheme, KINDS[:3]), max_size=9))
    found = spans_of(tags, scheme, convention)
    assert set(found) == tag_spans(tags, scheme, convention)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("scheme", LETTERS)
@pytest.mark.parametrize("convention", ["strict", "conlleval"])
@given(data=st.data())
def test_seqeval_scores_the_same(scheme, convention, data):
    tag = tags_of(scheme, KINDS)
    lengths = data.draw(st.lists(st.integers(0, 7), min_size=1, max_size=4))
    gold, predicted = (
        [data.draw(st.lists(tag, min_size=n, max_size=n)) for n in lengths] for _ in range(2)
    )
    if data.draw(st.booleans()):  # else two random sequences would rarely agree
        predicted[0] = list(gold[0])
    settings = {"kind": "spans", "scheme": scheme, "convention": convention}
    metrics, table = referee(settings, gold, predicted)
    found = scores(gold, predicted, **settings)
    assert {name: found[name] for name in metrics} == pytest.approx(metrics, abs=1e-12)
    assert found["per_type"].keys() == table.keys()
    for name, row in table.items():
        shown = {column: found["per_type"][name][column] for column in COLUMNS}
        assert shown == pytest.approx(row, abs=1e-12)
    for name in ("correct", "predicted", "support"):
        assert found[name] == sum(row[name] for row in found["per_type"].values())


def test_by_hand():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"]]
    predicted = [["B-PER", "I-PER", "O", "B-PER"], ["B-LOC", "B-LOC"]]
    assert scores(gold, predicted) == {
        "correct": 2, "predicted": 4, "support": 3,
        "precision": 1 / 2, "recall": 2 / 3, "f1": pytest.approx(4 / 7),
        "per_type": {
            "LOC": {"correct": 1, "predicted": 2, "support": 2,
                    "precision": 0.5, "recall": 0.5, "f1": 0.5},
            "PER": {"correct": 1, "predicted": 2, "support": 1,
                    "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3)},
        },
        "token_accuracy": 4 / 6, "scheme": "iob2", "convention": "strict",
    }  # fmt: skip
    assert list(scores(gold, predicted)["per_type"]) == ["LOC", "PER"]


def test_the_two_conventions():
    gold, predicted = [["O", "B-X", "I-X"]], [["O", "I-X", "I-X"]]
    assert scores(gold, predicted)["f1"] == 0
    assert scores(gold, predicted, convention="conlleval")["f1"] == 1
    assert scores([["B-X", "I-X"]], [["B-X", "I-X"]], scheme="iobes")["support"] == 0
    titles = [Spans({"convention": name}).metric_title("f1") for name in ("strict", "conlleval")]
    assert titles == ["strict span F1", "span F1 (conlleval)"]


@pytest.mark.parametrize("convention", ["strict", "conlleval"])
@pytest.mark.parametrize(
    ("gold", "predicted"),
    [([], []), ([[]], [[]]), ([["O"]], [["O"]]), ([["B-X"]], [["O"]]), ([["O"]], [["B-X"]])],
)
def test_nothing_there_scores_0(gold, predicted, convention):
    found = scores(gold, predicted, convention=convention)
    assert (found["precision"], found["recall"], found["f1"]) == (0, 0, 0)


def test_types_with_dashes_stay_apart_and_keep_their_order():
    gold = [["B-X", "B--X", "B-X-", "B-a-b", "B-a"]]
    found = scores(gold, gold)
    assert sorted(found["per_type"]) == ["-X", "X", "X-", "a", "a-b"]
    assert found["f1"] == 1
    assert scores([["B-X"]], [["B--X"]])["correct"] == 0
    assert types_of(["O", "I-creative-work", "B-PER", "B-creative-work"]) == [
        "creative-work",
        "PER",
    ]


def test_spans_do_not_reach_over_sentences_and_tuples_will_do():
    gold = [["B-X"], ("I-X",)]
    assert scores(gold, tuple(gold))["support"] == 1
    assert scores(gold, tuple(gold), convention="conlleval")["support"] == 2


@pytest.mark.parametrize("tag", ["E-x", "B-", "x", "PER"])
def test_tags_of_another_scheme_are_refused(tag):
    with pytest.raises(InputError, match=r"expected O or a tag of the scheme iob2 \(B-, I-"):
        check_tags([["O", tag]], "iob2", "gold")


@pytest.mark.parametrize("scheme", LETTERS)
@pytest.mark.parametrize("convention", ["strict", "conlleval"])
@given(data=st.data())
def test_steps_are_what_reading_each_sentence_again_gives(scheme, convention, data):
    kinds = KINDS[:2]
    labels = ["O", *(f"{letter}-{kind}" for letter in LETTERS[scheme] for kind in kinds)]
    settings = {"labels": labels, "scheme": scheme, "convention": convention}
    tag, when = st.integers(0, len(labels) - 1), st.sampled_from([-np.inf, 0, 1, 2, 3, np.inf])
    lengths = data.draw(st.lists(st.integers(0, 6), max_size=3))
    words = sum(lengths)
    gold, before, after = (
        np.array(data.draw(st.lists(tag, min_size=words, max_size=words)), dtype=int)
        for _ in range(3)
    )
    at = np.array(data.draw(st.lists(when, min_size=words, max_size=words)), dtype=float)

    def rows(tags):
        return [[labels[n] for n in row] for row in np.split(tags, np.cumsum(lengths)[:-1])][
            : len(lengths)
        ]

    problem = Spans(settings)
    steps = SpanSteps(problem, rows(gold)).steps(before, after, at)
    edges, sums = steps.curve()
    for bias in (-0.5, 0.5, 1.5, 2.5, 3.5):
        tags = np.where(at < bias, after, before)
        expected = problem.counts(rows(gold), rows(tags)).sum(0)
        assert (sums[np.searchsorted(edges, bias)] == expected).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_bias_for_each_type_is_searched_exactly(seed):
    """Each curve against the decision at each of its pieces, with other biases that are not 0."""
    settings, gold, tables, _ = draw("spans", seed, 15)
    decisions = problem_of(settings).decisions(gold, tables).richer()
    assert decisions.names == ("O", "*-x", "*-y")
    given = {"O": 0.25, "*-x": -0.5, "*-y": 0.75}
    for name in decisions.names:
        edges, sums = decisions.steps(name, given).curve()
        points = np.concatenate([edges[:1] - 1, (edges[1:] + edges[:-1]) / 2, edges[-1:] + 1])
        for point, counts in zip(points, sums, strict=True):
            assert (decisions.counts({**given, name: point}).sum(0) == counts).all()
    goal = Goal.parse("f1", decisions.problem)
    every = np.ones(15, dtype=bool)
    found = decisions.fit(goal, every)
    assert list(found) == settings["labels"]
    assert found["B-x"] == found["I-x"]
    # the rule is by label, as the model moves its scores
    moved = decisions.problem.move(tables, found, settings["labels"])
    by_label = [[settings["labels"][n] for n in table.argmax(-1)] for table in moved]
    assert decisions.predicted(found) == by_label
    alone = problem_of(settings).decisions(gold, tables)
    assert goal.score(decisions.counts(found).sum(0)) >= goal.score(
        alone.counts(alone.fit(goal, every)).sum(0)
    )


def test_one_type_has_no_bias_of_its_own():
    problem = Spans({"kind": "spans", "labels": ["O", "B-x", "I-x"], "background": "O"})
    assert problem.decisions([["O"]], [np.zeros((1, 3))]).richer() is None


def test_many_sentences_are_read_in_parts():
    """More than one part, with sentences without a word at its end."""
    random = np.random.default_rng(0)
    labels = ["O", "B-x", "I-x", "B-y", "I-y"]
    gold = [[labels[n] for n in random.integers(0, 5, random.integers(0, 4))] for _ in range(2050)]
    gold[2045:2049] = [[]] * 4
    scores = [random.normal(size=(len(row), 5)).astype(np.float32) for row in gold]
    settings = {"kind": "spans", "labels": labels, "background": "O"}
    for convention in ("strict", "conlleval"):
        problem = problem_of({**settings, "convention": convention})
        decisions = problem.decisions(gold, scores)
        packed = TagRows.of(gold)
        assert packed == gold
        assert [packed[-1], *packed[2:5]] == [*map(tuple, [gold[-1], *gold[2:5]])]
        for other in (problem.decisions(packed, scores), decisions.richer()):
            for bias in (0.0, 0.5):
                best = [(table + np.array([bias, 0, 0, 0, 0])).argmax(1) for table in scores]
                tags = [[labels[number] for number in row] for row in best]
                assert other.predicted({"O": bias}) == tags
                assert np.array_equal(other.counts({"O": bias}), problem.counts(gold, tags))
        edges, sums = decisions.steps("O", {}).curve()
        for piece in (0, 500, len(edges) - 1):
            beyond = decisions.counts({"O": edges[piece] + 1e-9})
            assert np.array_equal(sums[piece + 1], beyond.sum(0))
