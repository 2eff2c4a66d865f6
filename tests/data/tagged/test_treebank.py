"""Treebanks as tagged words: bracketed trees, and lines of word_TAG."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import guess_format, read_tokens
from dicetune.data.tagged.corpus import Reading
from dicetune.data.tagged.treebank import format_word_tags, is_word_tags, parse_word_tags
from dicetune.errors import DataError, InputError

TEXT = """<DOC>
<DOCID> CTB1 </DOCID>
<S ID=1>
( (IP-HLN (NP-SBJ (NP-PN (NR 上海) (NN-SHORT 浦东)))
          (VP (VV 开发) (NP-OBJ (-NONE- *pro*)))) )
</S>
<S ID=2>
((FRAG (-NONE- *T*-1)))
( (IP (PU -LRB-) (NN 经济/贸易)) )
</S>
</DOC>
"""
NAME = "a.txt"


def test_by_hand(file):
    corpus = read_tokens(file(TEXT), spans=False)
    assert corpus.format == "treebank"
    assert [s.tokens for s in corpus] == [("上海", "浦东", "开发"), ("(", "经济/贸易")]
    assert [s.tags for s in corpus] == [("NR", "NN-SHORT", "VV"), ("PU", "NN")]
    assert [s.line for s in corpus] == [4, 9]
    assert corpus.sentences[0].line_of(2) == 5
    assert {note.rule.split(":")[0]: note.count for note in corpus.notes} == {
        "lines of markup between trees": 7,
        "traces (-NONE-)": 2,
        "trees without a word": 1,
        "names of brackets and slashes (-LRB-)": 1,
    }


def test_text_to_be_tagged(file):
    path = file(TEXT)
    assert guess_format(path).format == "treebank"
    assert read_tokens(path, require_tags=False).sentences[0].tags == ()


def test_a_bracket_as_a_word_is_no_tree(file):
    assert read_tokens(file("( PU\na NN\n"), spans=False).format == "conll"
    assert read_tokens(file("(\tPU\n(\tPU\n\na\tNN\n"), spans=False).format == "conll"


def test_bad_input(file):
    with pytest.raises(DataError, match=r"expected entity tags, got a treebank.*use task pos"):
        read_tokens(file(TEXT))
    with pytest.raises(DataError, match=r"a.txt:4: expected '\)' for the tree that opens here"):
        read_tokens(file("".join(TEXT.partition("*pro*)")[:2])), spans=False)
    with pytest.raises(InputError, match="expected no token_column for trees"):
        read_tokens(file(TEXT), spans=False, token_column=1)
    with pytest.raises(DataError, match="expected sentences, got none"):
        read_tokens(file("((FRAG (-NONE- *T*-1)))\n"), spans=False)


def test_word_tags_by_hand(file):
    path = file("中国_NR 经济_NN  \n\n着_AS __PU\t1994年_NT\n")
    corpus = read_tokens(path, spans=False)
    assert corpus.format == "word_tag"
    assert [s.tokens for s in corpus] == [("中国", "经济"), ("着", "_", "1994年")]
    assert [s.tags for s in corpus] == [("NR", "NN"), ("AS", "PU", "NT")]
    assert [s.line for s in corpus] == [1, 3]


def test_slashes_and_the_last_separator(file):
    corpus = read_tokens(file("1/2/CD and\\/or/CC //SYM\n"), spans=False)
    assert corpus.sentences[0].tokens == ("1/2", "and\\/or", "/")
    assert corpus.sentences[0].tags == ("CD", "CC", "SYM")


def test_files_of_the_chinese_treebank(file):
    """Markup between sentences, U+3000 in a word."""
    text = "<DOC>\n<S ID=1>\n上海_NR\u3000浦东_NN 开发_VV\n</S>\n"
    corpus = read_tokens(file(text), spans=False)
    assert corpus.sentences[0].tokens == ("上海_NR\u3000浦东", "开发")
    assert [(note.rule.split(":")[0], note.count) for note in corpus.notes] == [
        ("lines of markup between trees", 3)
    ]


def test_entities_too(file):
    corpus = read_tokens(file("in_O Bonn_B-LOC\n"))
    assert corpus.sentences[0].tags == ("O", "B-LOC")


@pytest.mark.parametrize(
    "lines",
    [
        ["in B-LOC", "Bonn O"],
        ["snake_case"],
        ["the pump_house is down"],
        ["a_1 b_2"],
        ["_ _"],
        ["2/3 of 4/5"],
        ["http://a.example/b/ c/d"],
        [""],
    ],
)
def test_what_is_not_word_tag(lines):
    assert not is_word_tags(lines)


def test_lines_to_be_tagged(file):
    path = file("中国_NR 经济_NN\n")
    assert guess_format(path).format == "word_tag"
    corpus = read_tokens(path, spans=False, require_tags=False)
    assert (corpus.sentences[0].tokens, corpus.sentences[0].tags) == (("中国", "经济"), ())
    words = read_tokens(file("中国 经济_NN\n"), spans=False, format="word_tag", require_tags=False)
    assert words.sentences[0].tokens == ("中国", "经济")


@pytest.mark.parametrize("word", ["经济", "经济_", "_NN"])
def test_a_word_without_a_tag(file, word):
    path = file(f"中国_NR 经济_NN\n中国_NR {word}\n")
    with pytest.raises(DataError, match=f"a.txt:2: expected words with their tags.* got '{word}'"):
        read_tokens(path, spans=False, format="word_tag")


def test_columns_of_word_tags_are_refused(file):
    with pytest.raises(InputError, match=r"expected no tag_column for word_TAG lines.*got 'xpos'"):
        read_tokens(file("中国_NR 经济_NN\n"), spans=False, tag_column="xpos")


@pytest.mark.parametrize(
    ("word", "tag"),
    [("a b", "NN"), ("", "NN"), ("a\n", "NN"), ("a", "N_N"), ("a", "N]N"), ("a", ""), ("a", " ")],
)
def test_what_a_line_cannot_hold_is_not_written(word, tag):
    with pytest.raises(InputError, match="word_TAG lines cannot hold it, write JSON lines"):
        format_word_tags([word], [tag])


WORDS = st.text(min_size=1, max_size=5).filter(lambda word: not set(word) & set(" \t\r\n"))
TAGS = st.sampled_from(["NN", "NR-SHORT", "-LRB-", "``", "PU/X"])


@given(st.lists(st.tuples(WORDS, TAGS), min_size=1))
def test_what_is_written_is_read_back(pairs):
    words, tags = zip(*pairs, strict=True)
    line = format_word_tags(words, tags)
    (sentence,) = parse_word_tags(Reading([line], "a", "pos"))
    assert (sentence.tokens, sentence.tags) == (words, tags)
