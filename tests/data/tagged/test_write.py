"""What is written is read back the same, whatever the words hold."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import Sentence, read_predictions, read_tokens, to_tags, write_conll
from dicetune.errors import InputError

ODD = [
    "\u00a0",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\x85",
    "\x1c",
    "\r",
    "#",
    "# O",
    "",
    " ",
    "a b",
    '{"',
]
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\t\n")
WORDS = st.sampled_from(ODD) | st.text(CHARACTERS, max_size=6)
KINDS = st.sampled_from(["PER", "creative-work", "X.Y", "地"])


@st.composite
def sentences(draw, scheme="iob2"):
    found, position = [], 0
    for _ in range(draw(st.integers(0, 3))):
        start = position + draw(st.integers(0, 2))
        position = start + draw(st.integers(1, 3))
        found.append((draw(KINDS), start, position))
    length = position + draw(st.integers(0 if position else 1, 2))
    words = draw(st.lists(WORDS, min_size=length, max_size=length))
    return Sentence(tuple(words), tuple(to_tags(found, length, scheme)))


def corpora(scheme="iob2"):
    """Sentences with two labels at least: one label alone is refused when read."""
    anchor = Sentence(("in", "New", "York"), tuple(to_tags([("LOC", 1, 3)], 3, scheme)))
    lists = st.lists(sentences(scheme), max_size=5)
    return st.tuples(lists, lists).map(lambda pair: [*pair[0], anchor, *pair[1]])


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("written") / "file"


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
@given(data=st.data())
def test_columns_there_and_back(path, scheme, data):
    written = data.draw(corpora(scheme))
    write_conll(path, written)
    corpus = read_tokens(path)
    assert [(s.tokens, s.tags) for s in corpus] == [(s.tokens, s.tags) for s in written]
    assert corpus.scheme == scheme
    assert all("repaired" not in note.rule for note in corpus.notes)
    read_again = read_tokens(path, spans=False)
    assert [s.tags for s in read_again] == [s.tags for s in written]


@given(data=st.data())
def test_predictions_there_and_back(path, data):
    written = data.draw(corpora())
    predicted = [tuple(data.draw(st.permutations(s.tags))) for s in written]
    write_conll(path, written, predicted)
    found = read_predictions(path, scheme="iob2")
    assert found.gold == [s.tags for s in written]
    assert found.predicted == predicted
    assert [s.tokens for s in found] == [s.tokens for s in written]


def test_a_file_of_predictions_alone_is_a_tagged_file(path):
    plain = [Sentence(("in", "Bonn"), id="s1")]
    write_conll(path, plain, [["O", "B-LOC"]])
    assert read_tokens(path).sentences[0].tags == ("O", "B-LOC")


def test_streams(capsys):
    sentence = [Sentence(("in", "Bonn"), ("O", "B-LOC"))]
    write_conll("-", sentence)
    assert capsys.readouterr().out == "in\tO\nBonn\tB-LOC\n\n"
    out = io.StringIO()
    write_conll(out, sentence)
    assert out.getvalue() == "in\tO\nBonn\tB-LOC\n\n"


@pytest.mark.parametrize(
    ("sentence", "predicted", "message"),
    [
        (
            Sentence(("a\tb",), ("O",)),
            None,
            r"cannot hold the tab or line end in 'a\\tb': write JSO",
        ),
        (Sentence(("a\nb",), ("O",)), None, "cannot hold the tab or line end"),
        (Sentence(("a",), (" ",)), None, "expected a tag without white space around it, got ' '"),
        (Sentence(("-DOCSTART-",), ("O",)), None, "means a document boundary in column files"),
        (Sentence(("a",)), None, "sentence 0: expected tags or predicted tags, got neither"),
        (Sentence(("a",)), [], "expected predicted tags for 1 sentences, got 0"),
        (Sentence(("a",)), [["O", "O"]], "sentence 0: expected 1 tags, one for each word, got 2"),
        (Sentence(("\ud83d",), ("O",)), None, "expected whole characters, got half a surrogate"),
    ],
)
def test_what_columns_cannot_hold_is_refused_before_anything_is_written(
    tmp_path, sentence, predicted, message
):
    with pytest.raises(InputError, match=message):
        write_conll(tmp_path / "out", [sentence], predicted)
    assert not (tmp_path / "out").exists()


def test_a_sentence_without_words_is_a_row_without_words(capsys):
    write_conll("-", [Sentence(()), Sentence(("a",))], [[], ["O"]])
    assert capsys.readouterr().out == "\na\tO\n\n"
