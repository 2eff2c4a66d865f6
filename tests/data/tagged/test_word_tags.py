"""Lines of the People's Daily corpus: compounds in brackets, names of lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import guess_format, read_tokens
from dicetune.data.tagged.treebank import COMPOUNDS, IDS, SOME_IDS
from dicetune.errors import DataError

ID = "19980101-01-001-00"


@pytest.fixture
def read(tmp_path):
    def read(text, **options):
        path = tmp_path / "a.txt"
        path.write_text(text, encoding="utf-8")
        return read_tokens(path, **{"spans": False, **options})

    return read


def pairs(corpus):
    return [list(zip(s.tokens, s.tags, strict=True)) for s in corpus]


def rules(corpus):
    return {note.rule: (note.count, note.places[0].rpartition(":")[2]) for note in corpus.notes}


WORDS = [("中央", "n"), ("人民", "n"), ("广播", "vn"), ("电台", "n")]


@pytest.mark.parametrize(
    "line",
    [
        "在/p  [中央/n  人民/n  广播/vn  电台/n]nt  工作/v  ",
        "在/p [中央/n 人民/n 广播/vn 电台/n]/nt 工作/v",
        "在/p [[中央/n 人民/n]nt 广播/vn 电台/n]nt 工作/v",
        "在/p [[中央/n 人民/n 广播/vn 电台/n]nt]/nz 工作/v",
        "在_p [中央_n 人民_n 广播_vn 电台_n]nt 工作_v",
    ],
)
def test_the_words_of_a_compound_keep_their_own_tags(read, line):
    separator = "_" if "_" in line else "/"
    corpus = read(f"希望{separator}n 的{separator}u\n{line}\n")
    assert pairs(corpus)[1] == [("在", "p"), *WORDS, ("工作", "v")]
    assert corpus.format == "word_tag"
    assert rules(corpus) == {COMPOUNDS: (2 if "[[" in line else 1, "2")}


def test_a_compound_of_one_word_and_several_in_a_line(read):
    corpus = read("[新华社/nt]nt [北京/ns 大学/n]nt [[东/f 城/n]ns 区/n]ns\n")
    tokens = ("新华社", "北京", "大学", "东", "城", "区")
    assert (corpus.sentences[0].tokens, rules(corpus)) == (tokens, {COMPOUNDS: (4, "1")})


@pytest.mark.parametrize("separator", ["/", "_"])
def test_a_bracket_may_be_a_word(read, separator):
    line = "[/w 注/n ]/w [a/n]nz [[/w [中央/n ]/w]nt [1]/m b/n]nt"
    corpus = read(line.replace("/", separator) + "\n")
    words = ["[", "注", "]", "a", "[", "中央", "]", "[1]", "b"]
    assert list(corpus.sentences[0].tokens) == words
    assert rules(corpus) == {COMPOUNDS: (3, "1")}


def test_without_compounds_a_bracket_is_a_letter_of_its_word(read):
    corpus = read("[1_CD [sic]_FW a]_NN ]_PU\n")
    assert corpus.sentences[0].tokens == ("[1", "[sic]", "a]", "]")
    assert not corpus.notes
    assert read("[1]/m [2/3]/m x]/w\n").sentences[0].tokens == ("[1]", "[2/3]", "x]")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[中央/n 电台/n", r"expected '\]' and a tag behind the compound .* with '\[中央/n', got"),
        ("[[中央/n 电台/n]nt", r"expected '\]' and a tag behind the compound .* '\[\[中央/n'"),
        ("中央/n 电台/n]nt", r"expected '\[' before the compound that ends with '电台/n\]nt'"),
        ("中央/n 电台/n]/nt", r"expected '\[' before the compound that ends with '电台/n\]/nt'"),
        ("[中央/n 电台/n]nt]nt", r"expected '\[' before the compound .* '电台/n\]nt\]nt'"),
        ("[中央/n 电台/n]", r"expected the tag of a compound behind '\]', .* got '电台/n\]'"),
        ("[中央/n 电台/n]1", r"expected the tag of a compound behind '\]'"),
        ("中央_n 电台_n]nt", r"expected '\[' before the compound that ends with '电台_n\]nt'"),
        ("[中央_n 电台_n]", r"expected the tag .* as in 'word_TAG\]TAG', got '电台_n\]'"),
    ],
)
def test_broken_brackets(read, line, message):
    separator = "_" if "_" in line else "/"
    first = "[希望/n 的/u]nz".replace("/", separator)
    for gold in (True, False):
        with pytest.raises(DataError, match=f"a.txt:3: {message}"):
            read(f"{first}\n\n{line}\n", require_tags=gold)


def test_a_compound_ends_in_its_line(read):
    with pytest.raises(DataError, match=r"a.txt:1: expected '\]' and a tag"):
        read("希望/n [中央/n\n电台/n]nt 的/u\n")


def test_text_to_be_tagged(read, tmp_path):
    corpus = read(f"{ID}1/m [中央/n 电台/n]nt\n", require_tags=False)
    assert guess_format(tmp_path / "a.txt").format == "word_tag"
    assert [(s.tokens, s.tags, s.id) for s in corpus] == [(("中央", "电台"), (), f"{ID}1")]
    assert rules(corpus) == {COMPOUNDS: (1, "1"), IDS: (1, "1")}


def test_names_of_lines(read):
    text = f"{ID}1/m 迈向/v 世纪/n\n\n{ID}2/m\n\n{ID}3/m [中央/n 电台/n]nt\n"
    corpus = read(text)
    assert [(s.tokens, s.id, s.line) for s in corpus] == [
        (("迈向", "世纪"), f"{ID}1", 1),
        (("中央", "电台"), f"{ID}3", 5),
    ]
    assert rules(corpus) == {
        IDS: (3, "1"),
        "sentences without words: skipped": (1, "3"),
        COMPOUNDS: (1, "5"),
    }
    bare = read(text, require_tags=False)
    assert [s.tokens for s in bare] == [("迈向", "世纪"), (), ("中央", "电台")]


def test_names_of_some_lines_are_words(read):
    corpus = read(f"{ID}1/m 迈向/v\n世纪/n 1998-01-01/m\n")
    assert [s.tokens for s in corpus] == [(f"{ID}1", "迈向"), ("世纪", "1998-01-01")]
    assert corpus.sentences[0].id is None
    assert rules(corpus) == {SOME_IDS: (1, "1")}


LETTERS = st.sampled_from("[]") | st.text("中央电台", min_size=1, max_size=3)


@given(st.lists(st.lists(LETTERS, min_size=1, max_size=4), min_size=2, max_size=5))
def test_brackets_around_words_change_no_word(tmp_path_factory, groups):
    parts = []
    for number, group in enumerate(groups):
        words = [f"{word}/n" for word in group]
        if number % 2 and not group[0].startswith("]"):
            words = [f"[{words[0]}", *words[1:-1], f"{words[-1]}]nt"] if words[1:] else words
        parts += words
    path = tmp_path_factory.getbasetemp() / "drawn.txt"
    path.write_text(" ".join([*parts, "的/u"]), encoding="utf-8")
    (sentence,) = read_tokens(path, spans=False, format="word_tag")
    assert sentence.tokens == (*(word for group in groups for word in group), "的")
