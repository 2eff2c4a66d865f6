"""Sentences as numbers: what went in comes out, and facts are those of plain sentences."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import Corpus, Sentence
from dicetune.data.tagged.sentences import Sentences

WORDS = st.text(max_size=3) | st.sampled_from(["a", "b"])
NAMES = st.none() | st.sampled_from(["x", "y"])


@st.composite
def sentence(draw):
    words = tuple(draw(st.lists(WORDS, max_size=5)))
    tags = tuple(draw(st.sampled_from(["O", "B-X", "", "é"])) for _ in words)
    line = draw(st.none() | st.integers(1, 9))
    lines = ()
    if line is not None and draw(st.booleans()):
        step = draw(st.sampled_from([1, 1, 2]))
        lines = tuple(range(line, line + step * len(words), step))
    return Sentence(words, draw(st.sampled_from([tags, ()])), line, draw(NAMES), lines, draw(NAMES))


def facts(found):
    """All that a sentence says, also what does not count in a comparison."""
    return (
        *(found.tokens, found.tags, found.line, found.id, found.document),
        [found.line_of(place) for place in range(len(found.tokens))],
    )


@given(st.lists(sentence(), max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_what_went_in_comes_out(given, first, stop):
    found = Sentences.of(iter(given))
    for kept, expected in ((found, given), (found[first:stop], given[first:stop])):
        assert [facts(one) for one in kept] == [facts(one) for one in expected]
        assert len(kept) == len(expected)
        assert kept == tuple(expected)
        tags = [tag for one in expected for tag in one.tags]
        assert list(kept.tag_counts.items()) == list(Counter(tags).items())
        words = [word for one in expected for word in one.tokens]
        places = [one.line_of(place) for one in expected for place in range(len(one.tokens))]
        assert [kept.line_at(place) for place in range(len(words))] == places
        assert list(kept.own_tags.firsts()) == list(dict.fromkeys(tags))
    assert [facts(found[place]) for place in range(-len(given), len(given))] == [
        facts(one) for one in given + given
    ]
    assert found[::2] == given[::2]


def test_a_sentence_takes_few_bytes():
    words = tuple(
        [
            "the",
            "pump",
            "at",
            "quay",
            "nine",
            "is",
            "down",
            "again",
            "and",
            "nobody",
            "knows",
            "why",
            "since",
            "four",
        ]
    )
    tags = ("O", "O", "O", "B-X", "I-X") + ("O",) * (len(words) - 5)
    size, line = len(words), 1
    given = []
    for _ in range(1000):
        given.append(Sentence(words, tags, line, lines=range(line, line + size)))
        line += size + 1
    found = Corpus(tuple(given), "a").numbered
    arrays = (found.words.numbers, found.tags.numbers, found.starts, found.line)
    assert sum(array.nbytes for array in arrays) < 50 * len(given)
    assert found.lines is None
