"""Bracketed treebanks as tagged words."""

import pytest

from dicetune.data import guess_format, read_tokens
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


@pytest.fixture
def file(tmp_path):
    def write(text, name="chtb_001.fid"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_by_hand(file):
    corpus = read_tokens(file(TEXT), task="pos")
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
    assert read_tokens(file("( PU\na NN\n"), task="pos").format == "conll"
    assert read_tokens(file("(\tPU\n(\tPU\n\na\tNN\n"), task="pos").format == "conll"


def test_bad_input(file):
    with pytest.raises(DataError, match=r"expected entity tags, got a treebank.*use task pos"):
        read_tokens(file(TEXT))
    with pytest.raises(DataError, match=r"fid:4: expected '\)' for the tree that opens here"):
        read_tokens(file("".join(TEXT.partition("*pro*)")[:2])), task="pos")
    with pytest.raises(InputError, match="expected no token_column for trees"):
        read_tokens(file(TEXT), task="pos", token_column=1)
    with pytest.raises(DataError, match="expected sentences, got none"):
        read_tokens(file("((FRAG (-NONE- *T*-1)))\n"), task="pos")
