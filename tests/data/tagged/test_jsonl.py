"""JSON lines: names of keys, and what is refused."""

import json

import pytest

from dicetune.data import read_tokens
from dicetune.errors import DataError


@pytest.fixture
def file(tmp_path):
    def write(*records, name="a.jsonl"):
        path = tmp_path / name
        lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
        return path

    return write


GOOD = {"id": 7, "tokens": ["in", "Bonn"], "tags": ["O", "B-LOC"]}


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.data"])
def test_by_hand(file, name):
    corpus = read_tokens(file(GOOD, "", GOOD, name=name))
    assert [(s.tokens, s.tags, s.line, s.id) for s in corpus] == [
        (("in", "Bonn"), ("O", "B-LOC"), 1, "7"),
        (("in", "Bonn"), ("O", "B-LOC"), 3, "7"),
    ]


def test_keys_are_found_or_chosen(file):
    path = file({"words": ["in", "Bonn"], "pos_tags": ["IN", "NNP"], "ner_tags": ["O", "I-LOC"]})
    assert read_tokens(path).sentences[0].tags == ("O", "B-LOC")
    assert read_tokens(path, task="pos").sentences[0].tags == ("IN", "NNP")
    assert read_tokens(path, task="pos", tag_column="ner_tags").sentences[0].tags == ("O", "I-LOC")
    with pytest.raises(
        DataError, match=r"a.jsonl:1: expected the key 'x' for the tags, got pos_tag"
    ):
        read_tokens(path, tag_column="x")
    with pytest.raises(DataError, match="expected the key 'x' for the words"):
        read_tokens(path, token_column="x")


def test_text_without_tags(file):
    corpus = read_tokens(file({"tokens": ["a\u2028b", "\u00a0"]}), require_tags=False)
    assert corpus.sentences[0].tokens == ("a\u2028b", "\u00a0")
    assert corpus.sentences[0].tags == ()


def test_sentences_without_words_are_counted(file):
    corpus = read_tokens(file(GOOD, {"tokens": [], "tags": []}))
    assert len(corpus) == 1
    assert corpus.notes[0].rule == "sentences without words: skipped"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "expected one JSON object a line, got no JSON"),
        ({"tokens": ["a"]}, "expected a list of strings under 'tags', got nothing"),
        ({"tokens": "a b", "tags": []}, "expected a list of strings under 'tokens', got str"),
        (
            {"tokens": ["a"], "tags": ["O", "O"]},
            "expected one tag for each word, got 1 in 'tokens' and 2 in 'tags'",
        ),
        (
            {"tokens": ["a"], "tags": [3]},
            "expected strings under 'tags', got the number 3: write the label names",
        ),
    ],
)
def test_bad_records(file, record, message):
    with pytest.raises(DataError, match=f"a.jsonl:2: {message}"):
        read_tokens(file(GOOD, record))


def test_no_known_key(file):
    with pytest.raises(DataError, match=r"a.jsonl:1: expected a key for the tags \(tags, .*got id"):
        read_tokens(file({"id": "1", "tokens": ["a"]}))


@pytest.mark.parametrize("lines", [["["], ['[{"tokens": []}]'], ["{"]])
def test_json_that_is_no_json_lines(file, lines):
    with pytest.raises(DataError, match=r"a.json:1: expected JSON lines, .*jq -c"):
        read_tokens(file(*lines, name="a.json"))


def test_a_name_that_promises_json(file):
    with pytest.raises(
        DataError, match=r"a.jsonl:1: expected JSON lines, one object a line, got 'x"
    ):
        read_tokens(file("x\tO", name="a.jsonl"))
