"""Which scheme a file is in, and how its tags are repaired."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import Sentence, convert, spans, to_tags
from dicetune.data.tagged import schemes
from dicetune.data.tagged.corpus import Reading
from dicetune.data.tagged.schemes import detect_scheme
from dicetune.data.tagged.sentences import Sentences
from dicetune.errors import DataError, InputError
from dicetune.problems.schemes import PREFIXES


def tagged(*lines):
    """Sentences of these tags; the words and lines do not matter."""
    out, line = [], 1
    for text in lines:
        tags = tuple(text.split())
        numbers = tuple(range(line, line + len(tags)))
        out.append(Sentence(("w",) * len(tags), tags, line, lines=numbers))
        line += len(tags) + 1
    return Sentences.of(out)


def normalise(sentences, scheme, reading):
    found, name = schemes.normalise(sentences, scheme, reading)
    return [list(sentence.tags) for sentence in found], name


@pytest.mark.parametrize(
    ("lines", "scheme"),
    [
        (["O O"], "iob2"),
        (["I-X I-X O I-Y"], "iob1"),
        (["I-X B-X O I-Y"], "iob1"),
        (["O B-X O"], "iob2"),
        (["B-X I-X O B-Y"], "iob2"),
        (["B-X O B-X", "B-X O I-Y"], "iob2"),  # one orphan among three
        (["I-X O I-X", "I-X O B-Y"], "iob1"),  # one needless B- among three
        (["B-X O", "I-Y O"], "iob2"),  # a tie
        (["B-X E-X O S-Y"], "iobes"),
        (["S-X O"], "iobes"),
        (["B-X M-X E-X S-X O"], "bmes"),
        (["B-X I-X L-X U-X O"], "bilou"),
        (["PER PER O LOC"], "io"),
        (["art-music O person-actor"], "io"),
        (["B I O B"], "iob2"),
        (["I I O I"], "iob1"),
        (["B E O S"], "iobes"),
    ],
)
def test_detection(lines, scheme):
    assert detect_scheme(tagged(*lines), Reading([], "a.conll")) == scheme


@given(st.sampled_from(sorted(set(PREFIXES) - {"io"})), st.data())
def test_what_a_scheme_spells_is_read_back(scheme, data):
    """Whatever the name that is found, the spans are the ones that were written."""
    found, position = [], 0
    for kind in data.draw(st.lists(st.sampled_from(["X", "Y"]), min_size=1, max_size=8)):
        start = position + data.draw(st.integers(0, 1))
        position = start + data.draw(st.integers(1, 3))
        found.append((kind, start, position))
    sentence = tagged(" ".join(to_tags(found, position, scheme)))
    reading = Reading([], "a")
    tags, name = normalise(sentence, "auto", reading)
    target = "iob2" if scheme.startswith("iob") and scheme != "iobes" else "iobes"
    assert spans(tags[0], target) == found
    assert tags[0] == convert(sentence[0].tags, scheme, target)
    assert reading.notes.notes() == (), name


def test_repairs_are_counted_with_their_places():
    reading = Reading([], "a.conll")
    tags, found = normalise(tagged("B-X I-X O B-X", "O I-X I-X", "B-X I-Y", "B-X"), "auto", reading)
    assert found == "iob2"
    assert tags == [["B-X", "I-X", "O", "B-X"], ["O", "B-X", "I-X"], ["B-X", "B-Y"], ["B-X"]]
    (note,) = reading.notes.notes()
    assert note.rule == (
        "tags that the scheme iob2 does not allow there: repaired (conlleval's rule)"
    )
    assert (note.count, note.places) == (2, ("a.conll:7", "a.conll:11"))


def test_a_given_scheme_is_obeyed():
    reading = Reading([], "a")
    tags, found = normalise(tagged("I-X I-X"), "iob2", reading)
    assert (tags, found) == ([["B-X", "I-X"]], "iob2")
    assert reading.notes.notes()[0].count == 1
    tags, found = normalise(tagged("I-X I-X"), "io", Reading([], "a"))
    assert (tags, found) == ([["B-X", "I-X"]], "io")


def test_tags_without_a_type_get_one():
    reading = Reading([], "a")
    tags, _ = normalise(tagged("B I O"), "auto", reading)
    assert tags == [["B-ENTITY", "I-ENTITY", "O"]]
    assert [(note.rule, note.count) for note in reading.notes.notes()] == [
        ("tags without a type (B, I): given the type ENTITY", 2)
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["B-X M-X E-X", "O I-Y"],
            "a.conll:6: a mixture of schemes: 'M-X' on line 2 belongs to bmes, which has no 'I-Y'",
        ),
        (["B-X L-X", "B-X E-X"], "a.conll:5: a mixture of schemes: 'L-X' on line 2 .* no 'E-X'"),
        (
            ["B-X O", "PER O"],
            "a.conll:4: a mixture of schemes: 'PER' has no letter such as B- or I-, but 'B-X' on "
            "line 1 has one",
        ),
        (["NOUN VERB"], "a.conll:1: expected entity tags with 'O' outside .* use task 'pos'"),
        (["B_PER O"], "a.conll:1: expected tags such as 'B-PER', 'I-PER' and 'O', got 'B_PER'"),
        (["O PER-B"], "a.conll:2: expected tags such as .* got 'PER-B'"),
        (["b-per O"], "a.conll:1: expected tags such as .* got 'b-per'"),
        (["B-X B- O"], "a.conll:2: expected tags such as .* got 'B-'"),
        (["I-X E-X O"], r"a.conll:1: expected a scheme that marks how an entity begins .*IOE"),
    ],
)
def test_mixtures_and_other_spellings(lines, message):
    with pytest.raises(DataError, match=message):
        normalise(tagged(*lines), "auto", Reading([], "a.conll"))


def test_wrong_scheme_given():
    with pytest.raises(DataError, match=r"a:2: expected O or a tag of the scheme iob2 .*got 'E-X'"):
        normalise(tagged("B-X E-X"), "iob2", Reading([], "a"))
    with pytest.raises(InputError, match="unknown tag scheme 'bio': did you mean 'io'"):
        normalise(tagged("B-X E-X"), "bio", Reading([], "a"))
