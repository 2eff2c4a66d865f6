"""Spans of tags against seqeval, for every order of tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError
from dicetune.metrics.counting.tag_spans import check_tags, spans_of, types_of
from dicetune.metrics.spans import _entities

KINDS = ["x", "y"]


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
@pytest.mark.parametrize("convention", ["strict", "conlleval"])
@given(data=st.data())
def test_seqeval_finds_the_same(scheme, convention, data):
    letters = {"iob2": "BI", "iobes": "BIES"}[scheme]
    tag = st.sampled_from(["O", *(f"{letter}-{kind}" for letter in letters for kind in KINDS)])
    tags = data.draw(st.lists(tag, max_size=9))
    known = {entity[1:] for entity in _entities([tags], scheme, convention)}
    own = spans_of(tags, scheme, convention)
    assert set(own) == known
    assert len(own) == len(known)


def test_types_keep_their_order_and_their_dashes():
    assert types_of(["O", "I-creative-work", "B-PER", "B-creative-work"]) == [
        "creative-work",
        "PER",
    ]


@pytest.mark.parametrize("tag", ["E-x", "B-", "x", "PER"])
def test_tags_of_another_scheme_are_refused(tag):
    with pytest.raises(InputError, match=r"expected O or a tag of the scheme iob2 \(B-, I-"):
        check_tags(["O", tag], "iob2")
