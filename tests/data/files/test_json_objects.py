"""JSON lines: objects with their lines, keys found or chosen, lists of texts, splits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data.files.json_objects import (
    choose_key,
    is_name,
    json_objects,
    prediction_records,
    rows_of_split,
    strings,
    whole_characters,
)
from dicetune.data.files.text import Place
from dicetune.errors import DataError

VALUES = st.dictionaries(st.text(), st.none() | st.integers() | st.text())


@given(st.lists(VALUES))
def test_what_is_written_is_read_back_with_its_lines(records):
    lines = [text for record in records for text in (json.dumps(record, ensure_ascii=False), " ")]
    found = list(json_objects(lines, "a.jsonl"))
    assert [(place.line, record) for place, record in found] == [
        (2 * number + 1, record) for number, record in enumerate(records)
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"got no JSON \(.*\)$"),
        ("x", "got no JSON"),
        ('[{"a": 1},', "got no JSON .*: of a list, write each object on a line of its own"),
        ("[" * 100_000, "got no JSON"),
        ("[1]", "got a list: write each object on a line of its own"),
        ("null", "got a NoneType"),
    ],
)
def test_lines_that_are_no_objects(line, message):
    with pytest.raises(DataError, match=f"a.jsonl:3: expected one JSON object a line, {message}"):
        list(json_objects(['{"a": 1}', "", line], "a.jsonl"))


def test_keys_are_found_in_the_order_of_what_is_known_or_chosen():
    assert choose_key(["b", "a"], None, ["a", "b"], "words", Place("a.jsonl")) == "a"
    assert choose_key(["b", "x"], "x", ["a", "b"], "words", Place("a.jsonl")) == "x"
    with pytest.raises(DataError, match=r"a.jsonl:4: expected the key 'y' for the words, got b, x"):
        choose_key(["b", "x"], "y", ["b"], "words", Place("a.jsonl", 4))
    with pytest.raises(
        DataError,
        match=r"expected a key for the words \(a, b\), got none: give -o token_column=NAME",
    ):
        choose_key([], None, ["a", "b"], "words", Place("a.jsonl"), option="token_column")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "expected a list of strings under 'words', got nothing"),
        ({"words": "a b"}, "expected a list of strings under 'words', got str"),
        ({"words": ["a", 3]}, "expected strings under 'words', got the number 3: write the label"),
        ({"words": [None]}, "expected strings of whole characters under 'words', got None"),
        ({"words": ["\ud83d"]}, "expected strings of whole characters under 'words'"),
    ],
)
def test_lists_that_hold_no_texts(record, message):
    with pytest.raises(DataError, match=f"a.jsonl:7: {message}"):
        strings(record, "words", Place("a.jsonl", 7))


def test_lists_of_texts_are_kept_as_they_are():
    assert strings({"words": ["", "\u2028", "泵"]}, "words", Place("a.jsonl", 1)) == [
        "",
        "\u2028",
        "泵",
    ]


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_whole_characters_are_those_that_can_be_encoded(text):
    assert whole_characters(text) == (text.encode("utf-8", "replace").decode() == text)


@given(st.lists(st.sampled_from(["dev", "test", "other"])))
def test_splits_part_the_rows(names):
    rows = list(enumerate(names))
    parts = {name: rows_of_split(rows, names, name, "a") for name in set(names)}
    assert sorted(row for part in parts.values() for row in part) == rows
    assert all(split == name for name, part in parts.items() for _, split in part)


def test_one_split_or_none_is_taken_whole():
    assert rows_of_split("ab", ["dev", "dev"], None, "a") == ["a", "b"]
    assert rows_of_split("ab", [None, None], None, "a") == ["a", "b"]
    assert rows_of_split("", [], None, "a") == []


@pytest.mark.parametrize(
    ("names", "split", "message"),
    [
        (["dev", "test"], None, "a: expected rows of one split, got dev, test: choose one with"),
        (["dev", None], None, "a: expected rows of one split, got dev and rows that name none"),
        (["dev", "test"], "tset", r"a: expected one of its splits \(dev, test\), got 'tset'"),
        ([None, None], "dev", "a: expected rows that name their split, of which to take 'dev'"),
    ],
)
def test_a_split_that_is_not_there_is_refused(names, split, message):
    with pytest.raises(DataError, match=message):
        rows_of_split("ab", names, split, "a")


def test_objects_name_their_split():
    lines = ['{"split": 1}', '{"split": "dev"}', "", '{"split": null}']
    assert prediction_records(lines, "1", "a") == [(Place("a", 1), {"split": 1})]
    with pytest.raises(DataError, match="got 1, dev and rows that name none"):
        prediction_records(lines, None, "a")


def test_an_id_is_a_text_or_a_whole_number():
    values = ["q1", 7, " ", None, True, [1], 10**30]
    assert [value for value in values if is_name(value)] == ["q1", 7]
