"""Inline markup: what it says, that it comes back the same, and what broken markup is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data.tagged.corpus import Sentence
from dicetune.data.tagged.inline import format_inline, parse_inline, read_inline
from dicetune.errors import DataError, InputError


def one(line):
    (sentence,) = parse_inline([line], "log.txt")
    return sentence


def test_entities_become_iob2_tags():
    sentence = one("At [[North Dock|SITE]] [[Pier Nine|SITE]] and\t[[FL-07|MACHINE]]  .")
    assert sentence.tokens == ("At", "North", "Dock", "Pier", "Nine", "and", "FL-07", ".")
    assert sentence.tags == (
        "O", "B-SITE", "I-SITE", "B-SITE", "I-SITE", "O", "B-MACHINE", "O",
    )  # fmt: skip


def test_reports_are_counted_and_lines_known(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes(b"# title\n\nOne .\r\nTwo .\n# aside\nThree .\n \n\n[[Four|SITE]] .\n")
    corpus = read_inline(path)
    assert [(s.id, s.line) for s in corpus] == [("1.1", 3), ("1.2", 4), ("1.3", 6), ("2.1", 9)]
    assert (corpus.scheme, corpus.found_scheme, corpus.source) == ("iob2", "iob2", str(path))


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        (r"a \[[ b \]] c", ("a", "[[", "b", "]]", "c")),
        (r"\# 7 | x [1] y]", ("#", "7", "|", "x", "[1]", "y]")),
        (r"C:\temp \\[ \\", ("C:\\temp", "\\[", "\\")),
        (r"[[a\|b \[c\]|SITE]] #", ("a|b", "[c]", "#")),
        ("[[x | SITE ]]", ("x",)),
        ("a\u00a0b \u2028", ("a\u00a0b", "\u2028")),
    ],
)
def test_escapes_and_literal_marks(line, tokens):
    assert one(line).tokens == tokens


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("see [[Atlas|SERVICE] now", "expected ']]' after the entity opened at column 5, got the"),
        ("[[Atlas is [[Falcon|SERVICE]]", "entity opened at column 1 to be closed, got another"),
        ("[[a [[b|SITE]] c|SITE]]", "entity opened at column 1 to be closed, got another"),
        ("[[Atlas]] is up", "expected a type after '|', got the entity 'Atlas' without one"),
        ("[[Atlas|]] is up", "expected a type after '|', one word, got ''"),
        ("[[Atlas|TWO WORDS]]", "expected a type after '|', one word, got 'TWO WORDS'"),
        ("[[ |SITE]] is up", "expected words in the entity at column 1, got none"),
        ("[[|SITE]]", "expected words in the entity at column 1, got none"),
        ("[[a|b|SITE]]", "expected one '|' in the entity, got 2 in 'a|b|SITE'"),
        ("Atlas]] is up", "expected an open entity, got ']]' at column 6"),
        ("the([[Atlas|SERVICE]] )", "expected a space before the entity at column 5"),
        ("[[Atlas|SERVICE]]'s queue", "expected a space after the entity that ends at column 17"),
    ],
)
def test_broken_markup_names_file_and_line(line, message):
    with pytest.raises(DataError) as caught:
        parse_inline(["# log", "Fine .", line], "log.txt")
    assert str(caught.value).startswith("log.txt:3: ")
    assert message in str(caught.value)
    assert str(caught.value).endswith(r"write [[words|TYPE]], and \[[ for literal brackets")
    assert caught.value.line == 3


def test_no_sentences_is_an_error():
    with pytest.raises(DataError, match=r"log\.txt: expected sentences, got only comments"):
        parse_inline(["# only", "", " "], "log.txt")


words = st.text(st.sampled_from("ab[]|#\\'.é\u00a0"), min_size=1, max_size=6)
pieces = st.lists(
    st.tuples(st.lists(words, min_size=1, max_size=3), st.sampled_from(["", "A", "B-x"])),
    min_size=1,
    max_size=5,
)


@given(pieces)
def test_round_trip(parts):
    tokens, tags = [], []
    for own, kind in parts:
        tokens += own
        tags += [f"{'I' if i else 'B'}-{kind}" if kind else "O" for i in range(len(own))]
    sentence = Sentence(tuple(tokens), tuple(tags), 1, "1.1")
    assert one(format_inline(sentence)) == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        Sentence(()),
        Sentence(("a", ""), ("O", "O")),
        Sentence(("a b",), ("O",)),
        Sentence(("a",), ("B-x|y",)),
        Sentence(("a",), ("E-SITE",)),
    ],
)
def test_what_a_line_cannot_hold_is_refused(sentence):
    with pytest.raises(InputError):
        format_inline(sentence)
