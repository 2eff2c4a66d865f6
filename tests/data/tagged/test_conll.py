"""Column files through ``read_tokens``: each trap on a small slice."""

import gzip
import io

import pytest

from dicetune.data import read_tokens
from dicetune.errors import DataError, InputError

NAME = "a.conll"


def rows(corpus):
    return [list(zip(s.tokens, s.tags, strict=True)) for s in corpus]


def notes(corpus):
    return {note.rule.split(":")[0]: note.count for note in corpus.notes}


def test_by_hand(file):
    corpus = read_tokens(file("in\tO\nBonn\tB-LOC\n\nAda\tB-PER\nL.\tI-PER\n"))
    assert rows(corpus) == [[("in", "O"), ("Bonn", "B-LOC")], [("Ada", "B-PER"), ("L.", "I-PER")]]
    assert [s.line for s in corpus] == [1, 4]
    assert corpus.sentences[1].line_of(1) == 5
    assert (corpus.scheme, corpus.found_scheme, corpus.notes) == ("iob2", "iob2", ())


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n\n"])
def test_line_ends_and_byte_order_mark(file, end, start, last):
    text = (start + "in\tO\nBonn\tB-LOC\n\nhi\tO" + last).replace("\n", end)
    assert rows(read_tokens(file(text))) == [[("in", "O"), ("Bonn", "B-LOC")], [("hi", "O")]]


@pytest.mark.parametrize("blank", ["", "\t", "   ", " \t ", "\u00a0", "\r"])
def test_a_line_of_white_space_ends_a_sentence(file, blank):
    assert len(read_tokens(file(f"in\tO\n{blank}\nBonn\tB-LOC\n"))) == 2


@pytest.mark.parametrize(
    "word",
    [
        "a\u00a0b",
        "\u00a0",
        "\u200b",
        "\ufeff",
        "a\u2028b",
        "\x85",
        "\x1c",
        "\u3000",
        "a b",
        " ",
        "\r",
    ],
)
def test_no_other_white_space_separates_in_a_tab_file(file, word):
    assert rows(read_tokens(file(f"x\tO\n{word}\tO\nBonn\tB-LOC\n"))) == [
        [("x", "O"), (word, "O"), ("Bonn", "B-LOC")]
    ]


@pytest.mark.parametrize("word", ["a\u00a0b", "\u200b", "a\u2028b", "\u3000"])
def test_no_other_white_space_separates_in_a_space_file(file, word):
    assert rows(read_tokens(file(f"x  O \n{word} O\nBonn B-LOC\n"))) == [
        [("x", "O"), (word, "O"), ("Bonn", "B-LOC")]
    ]


def test_four_columns_document_boundaries_and_iob1(file):
    """The layout of CoNLL-2003."""
    corpus = read_tokens(
        file(
            "-DOCSTART- -X- -X- O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\n"
            "-DOCSTART- -X- O O\nBonn NNP I-NP I-LOC\nParis NNP I-NP B-LOC\n"
        )
    )
    assert rows(corpus) == [
        [("EU", "B-ORG"), ("rejects", "O")],
        [("Bonn", "B-LOC"), ("Paris", "B-LOC")],
    ]
    assert corpus.found_scheme == "iob1"
    assert notes(corpus) == {"document boundaries (-DOCSTART-)": 2}


def test_columns_are_chosen(file):
    path = file("1 in IN O\n2 Bonn NNP B-LOC\n")
    corpus = read_tokens(path, token_column=1)
    assert rows(corpus) == [[("in", "O"), ("Bonn", "B-LOC")]]
    corpus = read_tokens(path, task="pos", token_column=1, tag_column=-2)
    assert rows(corpus) == [[("in", "IN"), ("Bonn", "NNP")]]
    assert corpus.scheme is None
    assert corpus.found_scheme is None
    with pytest.raises(DataError, match=r"expected a column 4 for the tags, got 4 columns"):
        read_tokens(path, token_column=1, tag_column=4)
    with pytest.raises(InputError, match=r"expected token_column to be a number .*got 'form'"):
        read_tokens(path, token_column="form")


def test_a_hash_with_a_tag_is_a_word(file):
    assert rows(read_tokens(file("# O\n1 O\n#NLP B-TAG\n\n# O\n")))[0][0] == ("#", "O")
    corpus = read_tokens(file("#\tO\n#NLP\tB-TAG\n# b\tO\n"))
    assert [word for word, _ in rows(corpus)[0]] == ["#", "#NLP", "# b"]
    assert corpus.notes == ()


def test_comments(file):
    by_space = "# newdoc\n# a longer comment here\nin O\nBonn B-LOC\n# c\n# O\n"
    corpus = read_tokens(file(by_space))
    assert rows(corpus) == [[("in", "O"), ("Bonn", "B-LOC"), ("#", "O")]]
    assert notes(corpus) == {"comment lines": 3}
    assert corpus.sentences[0].line_of(2) == 6
    by_tab = "# a comment\n#\tO\nBonn\tB-LOC\n"
    assert rows(read_tokens(file(by_tab))) == [[("#", "O"), ("Bonn", "B-LOC")]]


def test_comments_with_as_many_columns_as_rows(file):
    """The layout of MultiCoNER."""
    corpus = read_tokens(file("# id 5239d808 domain=en\nin _ _ O\nBonn _ _ B-LOC\n"))
    assert rows(corpus) == [[("in", "O"), ("Bonn", "B-LOC")]]


def test_empty_words_keep_their_place(file):
    corpus = read_tokens(file("in\tO\n\tO\nBonn\tB-LOC\n"))
    assert rows(corpus) == [[("in", "O"), ("", "O"), ("Bonn", "B-LOC")]]
    assert corpus.notes[0].rule == "empty words: kept, as words without text"
    assert corpus.notes[0].places[0].endswith("a.conll:2")


def test_word_position_digits(file):
    """The layout of Weibo NER."""
    positions = [0, 1, 0, 1, 2, 3, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    text = "科技有限公司。一二三四五六七八九十7"
    words = [f"{c}{n}" for c, n in zip(text, positions, strict=True)]
    corpus = read_tokens(
        file("".join(f"{w}\t{'B-X' if i else 'O'}\n" for i, w in enumerate(words)))
    )
    assert "".join(corpus.sentences[0].tokens) == text
    assert notes(corpus) == {"word-position digits after a character (科0 技1)": len(words)}
    english = ["w0", "w1", "w2", "w3", "w4", "w5"]
    corpus = read_tokens(
        file("".join(f"{w}\t{'B-X' if i else 'O'}\n" for i, w in enumerate(english)))
    )
    assert corpus.sentences[0].tokens == tuple(english)


def test_gzip_by_content(file):
    path = file(gzip.compress(b"in\tO\nBonn\tB-LOC\n"), "a.conll")
    assert len(read_tokens(path)) == 1


def test_text_without_tags(file):
    path = file("in\nBonn\n\nhi\n")
    corpus = read_tokens(path, require_tags=False)
    assert [s.tokens for s in corpus] == [("in", "Bonn"), ("hi",)]
    assert all(s.tags == () for s in corpus)
    with pytest.raises(DataError, match=r"a.conll:1: expected at least 2 columns, a word and its"):
        read_tokens(path)
    tagged = file("in\tO\nBonn\tB-LOC\n")
    assert read_tokens(tagged, require_tags=False).sentences[0].tags == ()
    assert read_tokens(tagged, require_tags=False, tag_column=1).sentences[0].tags == ("O", "B-LOC")


def test_all_schemes_in_one_go(file):
    for tags, out, scheme in [
        ("PER O LOC", ("B-PER", "O", "B-LOC"), "iob2"),
        ("B-PER M-PER E-PER", ("B-PER", "I-PER", "E-PER"), "iobes"),
        ("B-PER L-PER U-LOC", ("B-PER", "E-PER", "S-LOC"), "iobes"),
    ]:
        text = "".join(f"w {tag}\n" for tag in tags.split())
        corpus = read_tokens(file(text))
        assert corpus.sentences[0].tags == out
        assert corpus.scheme == scheme


def test_the_input_stream(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"in\tO\nBonn\tB-LOC\n")))
    corpus = read_tokens("-")
    assert (len(corpus), corpus.source) == (1, "<stdin>")
