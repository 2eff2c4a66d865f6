"""Span scores: by hand, against plain loops, and what seqeval alone would mangle."""

import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError
from dicetune.metrics import span_scores

KINDS = st.sampled_from(
    ["PER", "LOC", "-PER", "PER-", "creative-work", "creative", "_", "O", "B-X"]
)


def strict(tags, scheme):
    """Entities by the letter of the scheme: B- I-* in IOB2, S- or B- I-* E- in IOBES."""
    found = set()
    for start, tag in enumerate(tags):
        kind = tag[2:]
        if scheme == "iobes" and tag[0] == "S":
            found.add((kind, start, start + 1))
        if tag[0] != "B":
            continue
        end = start + 1
        while end < len(tags) and tags[end] == f"I-{kind}":
            end += 1
        if scheme == "iob2":
            found.add((kind, start, end))
        elif end < len(tags) and tags[end] == f"E-{kind}":
            found.add((kind, start, end + 1))
    return found


def conlleval(tags):
    """Entities by the start and end tests of conlleval.pl, word by word."""
    found, begin = set(), None
    last, last_kind = "O", ""
    for position, tag in enumerate([*tags, "O"]):
        letter, kind = tag[0], tag[2:]
        ends = (
            (last in "BI" and letter in "BSO")
            or last in "ES"
            or (last != "O" and last_kind != kind)
        )
        if ends and begin is not None:
            found.add((last_kind, begin, position))
            begin = None
        starts = (
            letter in "BS"
            or (last in "ESO" and letter in "EI")
            or (letter != "O" and last_kind != kind)
        )
        if starts:
            begin = position
        last, last_kind = letter, kind
    return found


@st.composite
def pairs(draw, letters):
    tag = st.just("O") | st.builds("{}-{}".format, st.sampled_from(letters), KINDS)
    lengths = draw(st.lists(st.integers(0, 7), max_size=4))
    both = [
        [draw(st.lists(tag, min_size=n, max_size=n)) for n in lengths],
        [draw(st.lists(tag, min_size=n, max_size=n)) for n in lengths],
    ]
    if lengths and draw(st.booleans()):  # else two random sequences would rarely agree
        both[1][0] = list(both[0][0])
    return both


def check(gold, predicted, scheme, convention, entities):
    scores = span_scores(gold, predicted, scheme=scheme, convention=convention)
    right = {(i, *e) for i, tags in enumerate(gold) for e in entities(tags)}
    own = {(i, *e) for i, tags in enumerate(predicted) for e in entities(tags)}
    both = right & own
    assert (scores.correct, scores.predicted, scores.support) == (len(both), len(own), len(right))
    assert scores.precision == (len(both) / len(own) if own else 0)
    assert scores.recall == (len(both) / len(right) if right else 0)
    total = len(own) + len(right)
    assert scores.f1 == pytest.approx(2 * len(both) / total if total else 0)
    assert set(scores.per_type) == {e[1] for e in right | own}
    for kind, counts in scores.per_type.items():
        assert counts.correct == sum(e[1] == kind for e in both)
        assert counts.predicted == sum(e[1] == kind for e in own)
        assert counts.support == sum(e[1] == kind for e in right)


@given(pairs("BI"))
def test_strict_iob2_is_a_plain_loop(tags):
    check(*tags, "iob2", "strict", lambda one: strict(one, "iob2"))


@given(pairs("BIES"))
def test_strict_iobes_is_a_plain_loop(tags):
    check(*tags, "iobes", "strict", lambda one: strict(one, "iobes"))


@given(pairs("BI"))
def test_conlleval_iob2_is_a_plain_loop(tags):
    check(*tags, "iob2", "conlleval", conlleval)


@given(pairs("BIES"))
def test_conlleval_iobes_is_a_plain_loop(tags):
    check(*tags, "iobes", "conlleval", conlleval)


def test_by_hand():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"]]
    predicted = [["B-PER", "I-PER", "O", "B-PER"], ["B-LOC", "B-LOC"]]
    scores = span_scores(gold, predicted)
    assert (scores.correct, scores.predicted, scores.support) == (2, 4, 3)
    assert (scores.precision, scores.recall) == (1 / 2, 2 / 3)
    assert scores.f1 == pytest.approx(4 / 7)
    assert scores.token_accuracy == 4 / 6
    assert list(scores.per_type) == ["LOC", "PER"]
    assert (scores.per_type["LOC"].precision, scores.per_type["LOC"].recall) == (0.5, 0.5)
    assert scores.per_type["PER"].f1 == pytest.approx(2 / 3)


def test_the_two_conventions():
    gold, predicted = [["O", "B-X", "I-X"]], [["O", "I-X", "I-X"]]
    assert span_scores(gold, predicted).f1 == 0
    assert span_scores(gold, predicted, convention="conlleval").f1 == 1
    assert span_scores([["B-X", "I-X"]], [["B-X", "I-X"]], scheme="iobes").support == 0


def test_nothing_there_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for gold, predicted in [
            ([], []),
            ([[]], [[]]),
            ([["O"]], [["O"]]),
            ([["B-X"]], [["O"]]),
            ([["O"]], [["B-X"]]),
        ]:
            for convention in ("strict", "conlleval"):
                scores = span_scores(gold, predicted, convention=convention)
                assert (scores.precision, scores.recall, scores.f1) == (0, 0, 0)


def test_types_with_dashes_stay_apart():
    gold = [["B-X", "B--X", "B-X-", "B-a-b", "B-a"]]
    scores = span_scores(gold, gold)
    assert sorted(scores.per_type) == ["-X", "X", "X-", "a", "a-b"]
    assert scores.f1 == 1
    assert span_scores([["B-X"]], [["B--X"]]).correct == 0


def test_entities_do_not_reach_over_sentences():
    assert span_scores([["B-X"], ["I-X"]], [["B-X"], ["I-X"]]).support == 1
    lenient = span_scores([["B-X"], ["I-X"]], [["B-X"], ["I-X"]], convention="conlleval")
    assert lenient.support == 2


def test_plain_data():
    found = json.loads(json.dumps(span_scores([["B-X"]], [["B-X"]]).to_dict()))
    assert found == {
        "correct": 1,
        "predicted": 1,
        "support": 1,
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "per_type": {
            "X": {
                "correct": 1,
                "predicted": 1,
                "support": 1,
                "precision": 1.0,
                "recall": 1.0,
                "f1": 1.0,
            }
        },
        "token_accuracy": 1.0,
        "scheme": "iob2",
        "convention": "strict",
    }


def test_tuples_will_do():
    assert span_scores((("B-X",),), [("B-X",)]).f1 == 1


@pytest.mark.parametrize(
    ("gold", "predicted", "options", "message"),
    [
        ([["O"]], [], {}, r"as many predicted sentences as gold ones \(1\), got 0"),
        ([["O"]], [["O", "O"]], {}, "sentence 0: expected 1 predicted tags, .* got 2"),
        ([["O"]], [["E-X"]], {}, r"predicted sentence 0: expected O or a tag of the scheme iob2"),
        ([["NOUN"]], [["O"]], {}, r"gold sentence 0: expected O .* got 'NOUN'"),
        ([["B-"]], [["O"]], {}, r"gold sentence 0: expected O .* got 'B-'"),
        (
            [["O"]],
            [["O"]],
            {"scheme": "iob1"},
            "unknown scheme to score in 'iob1': did you mean 'io",
        ),
        ([["O"]], [["O"]], {"convention": "lenient"}, "unknown convention 'lenient'"),
    ],
)
def test_messages(gold, predicted, options, message):
    with pytest.raises(InputError, match=message):
        span_scores(gold, predicted, **options)
