"""Tags and spans: examples by hand, round trips, agreement with conlleval's rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from dicetune.errors import InputError
from dicetune.problems import Spans
from dicetune.problems.schemes import (
    PREFIXES,
    TagRows,
    convert,
    spans,
    split_tag,
    strict_spans,
    to_tags,
)


def violations(tags, scheme):
    """Positions whose tag changes when the spans are read and spelled again in the scheme."""
    spelled = convert(tags, scheme, scheme)
    return [i for i, (tag, proper) in enumerate(zip(tags, spelled, strict=True)) if tag != proper]


KINDS = st.sampled_from(["PER", "LOC", "creative-work", "-", "O", "B-LOC", "日本", "PER.NOM"])


@st.composite
def sentences(draw):
    """A length and spans side by side in it."""
    found, position = [], 0
    for _ in range(draw(st.integers(0, 6))):
        start = position + draw(st.integers(0, 2))
        position = start + draw(st.integers(1, 4))
        found.append((draw(KINDS), start, position))
    return position + draw(st.integers(0, 2)), found


def tags_of(letters):
    kinds = st.sampled_from(["X", "Y", "X-Y"])
    return st.lists(st.just("O") | st.builds("{}-{}".format, st.sampled_from(letters), kinds))


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("io", "I-PER I-PER I-PER O I-LOC I-LOC"),
        ("iob1", "I-PER I-PER B-PER O I-LOC I-LOC"),
        ("iob2", "B-PER I-PER B-PER O B-LOC I-LOC"),
        ("iobes", "B-PER E-PER S-PER O B-LOC E-LOC"),
        ("bmes", "B-PER E-PER S-PER O B-LOC E-LOC"),
        ("bilou", "B-PER L-PER U-PER O B-LOC L-LOC"),
    ],
)
def test_each_scheme_spells_touching_spans(scheme, tags):
    found = [("PER", 0, 2), ("PER", 2, 3), ("LOC", 4, 6)]
    assert to_tags(found, 6, scheme) == tags.split()
    if scheme != "io":
        assert spans(tags.split(), scheme) == found
    else:
        assert spans(tags.split(), scheme) == [("PER", 0, 3), ("LOC", 4, 6)]


@pytest.mark.parametrize(
    ("tags", "scheme", "found", "wrong"),
    [
        ("O I-X I-X", "iob2", [("X", 1, 3)], [1]),
        ("B-X I-Y", "iob2", [("X", 0, 1), ("Y", 1, 2)], [1]),
        ("I-X I-Y", "iob1", [("X", 0, 1), ("Y", 1, 2)], []),
        ("O B-X O", "iob1", [("X", 1, 2)], [1]),
        ("B-X O", "iobes", [("X", 0, 1)], [0]),
        ("B-X I-X O", "iobes", [("X", 0, 2)], [1]),
        ("E-X E-X", "iobes", [("X", 0, 1), ("X", 1, 2)], [0, 1]),
        ("S-X E-X", "iobes", [("X", 0, 1), ("X", 1, 2)], [1]),
        ("E-X I-X", "iobes", [("X", 0, 1), ("X", 1, 2)], [0, 1]),
        ("M-X E-X", "bmes", [("X", 0, 2)], [0]),
        ("B-X I-X L-X U-X", "bilou", [("X", 0, 3), ("X", 3, 4)], []),
    ],
)
def test_what_a_scheme_does_not_allow_is_read_by_conllevals_rule(tags, scheme, found, wrong):
    assert spans(tags.split(), scheme) == found
    assert violations(tags.split(), scheme) == wrong


@given(sentences(), st.sampled_from(sorted(set(PREFIXES) - {"io"})))
def test_spans_survive_each_scheme(sentence, scheme):
    length, found = sentence
    tags = to_tags(found, length, scheme)
    assert spans(tags, scheme) == found
    assert violations(tags, scheme) == []


@given(sentences(), st.sampled_from(sorted(set(PREFIXES) - {"io"})), st.data())
def test_conversion_there_and_back(sentence, scheme, data):
    length, found = sentence
    other = data.draw(st.sampled_from(sorted(set(PREFIXES) - {"io"})))
    tags = to_tags(found, length, scheme)
    assert convert(convert(tags, scheme, other), other, scheme) == tags


@given(sentences())
def test_io_loses_only_the_border_between_touching_spans_of_one_type(sentence):
    length, found = sentence
    merged = []
    for kind, start, end in found:
        if merged and merged[-1][0] == kind and merged[-1][2] == start:
            start = merged.pop()[1]
        merged.append((kind, start, end))
    assert spans(to_tags(found, length, "io"), "io") == merged


@given(tags_of("BIES"))
def test_the_reading_rule_is_seqevals_conlleval_mode(tags):
    assert spans(tags, "iobes") == [(kind, a, b + 1) for kind, a, b in get_entities(tags)]


@given(tags_of("BI"), st.sampled_from(["iob1", "iob2"]))
def test_no_tagged_word_is_lost(tags, scheme):
    covered = {i for _, start, end in spans(tags, scheme) for i in range(start, end)}
    assert covered == {i for i, tag in enumerate(tags) if tag != "O"}


def test_only_the_first_dash_separates():
    assert split_tag("I-creative-work") == ("I", "creative-work")
    assert split_tag("B--") == ("B", "-")
    assert split_tag("S-B-LOC") == ("S", "B-LOC")


@pytest.mark.parametrize("tag", ["", "B", "B-", "PER", "X-PER", "b-per", "B_PER", "o"])
def test_what_is_no_tag(tag):
    with pytest.raises(InputError, match=r"expected the tag 'O' or a letter, a dash and a type"):
        split_tag(tag)


def test_messages():
    with pytest.raises(
        InputError, match=r"tag 'E-X' does not belong to the scheme 'iob2': .*B-, I"
    ):
        spans(["E-X"], "iob2")
    with pytest.raises(InputError, match=r"unknown tag scheme 'iob': did you mean"):
        spans(["O"], "iob")
    for bad in [("X", 0, 0), ("X", -1, 1), ("X", 1, 4)]:
        with pytest.raises(InputError, match="is empty, outside the 3 words or over another span"):
            to_tags([bad], 3)
    with pytest.raises(InputError, match=r"span \('Y', 1, 3\)"):
        to_tags([("X", 0, 2), ("Y", 1, 3)], 3)


def test_a_single_word_inside_of_a_span_ends_the_span():
    assert strict_spans(["B-x", "S-x", "E-x"], "iobes") == [("x", 1, 2)]
    assert strict_spans(["B-x", "I-y", "I-x"]) == [("x", 0, 1)]


def columns(rows):
    """The tags of sentences as columns."""
    names = list(dict.fromkeys(tag for row in rows for tag in row))
    numbers = [names.index(tag) for row in rows for tag in row]
    starts = np.cumsum([0, *map(len, rows)])
    return TagRows(names, np.array(numbers, dtype=np.int64), starts)


@pytest.mark.parametrize("scheme", ["io", "iob1", "iob2", "iobes"])
def test_columns_of_tags_have_the_spans_and_scores_of_their_sentences(scheme):
    rng = np.random.default_rng(0)
    letters = PREFIXES[scheme]
    tags = ["O", "O", *(f"{letter}-{kind}" for letter in letters for kind in ("x", "y", "a-b"))]
    target = "iobes" if scheme == "iobes" else "iob2"
    for _ in range(60):
        sizes = rng.integers(0, 6, int(rng.integers(1, 6)))
        gold, predicted = ([tuple(rng.choice(tags, n)) for n in sizes] for _ in range(2))
        rows = columns(gold), columns(predicted)
        assert list(rows[0]) == gold
        wrong = [begin + place for begin, row in zip(rows[0].starts, gold, strict=False)
                 for place in violations(row, scheme)]  # fmt: skip
        assert rows[0].misspelled(scheme).tolist() == wrong
        assert list(rows[0].spelled(target)) == [tuple(convert(r, scheme, target)) for r in gold]
        for convention in ("strict", "conlleval") if scheme == target else ():
            problem = Spans({"scheme": scheme, "convention": convention})
            assert problem.scores_of(*rows) == problem.scores(gold, predicted)
