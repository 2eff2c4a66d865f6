"""Queries: from files of three layouts, and made from names."""

import pytest

from dicetune.data import default_query, read_queries
from dicetune.errors import DataError


@pytest.mark.parametrize(
    "text",
    [
        "LOC\tFind places.\nPER\tFind people: all.\n",
        'LOC: Find places.\nPER: "Find people: all."\n',
        '{\n\t"LOC": "Find places.",\n\t"PER": "Find people: all."\n}\n',
    ],
)
def test_layouts(file, text):
    path = file(text, "queries")
    assert read_queries(path) == {"LOC": "Find places.", "PER": "Find people: all."}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LOC\tFind places.\nLOC\tAgain.\n", "queries:2: expected one query for a type, got a sec"),
        ("LOC\t \n", r"queries:1: expected a type and its query, got 'LOC': ' '"),
        ("{\n 1\n}", r"queries:2: expected a mapping from type to query, got no JSON"),
        ("a: b\nc: [\n", r"queries:2: expected a mapping from type to query, got no YAML"),
        ("- LOC\n", "expected a mapping from type to query .* got list"),
        ("LOC: 3\n", "expected a type and its query, got 'LOC': 3"),
        ("no: Find numbers.\n", "expected a type and its query, got False"),
        ("", "expected text, got an empty file"),
    ],
)
def test_bad_files(file, text, message):
    path = file(text, "queries")
    with pytest.raises(DataError, match=message):
        read_queries(path)


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("PER", "Find people, including fictional ones."),
        ("person", "Find people, including fictional ones."),
        ("Disease", "Find diseases in the text."),
        ("creative-work", "Find creative works in the text."),
        ("CREATIVE_WORK", "Find creative works in the text."),
        ("CreativeWork", "Find creative works in the text."),
        ("DNADomain", "Find dna domains in the text."),
        ("G#protein", "Find g proteins in the text."),
        ("body", "Find bodies in the text."),
        ("疾病", "Find 疾病s in the text."),
        ("!", "Find ! in the text."),
    ],
)
def test_made_from_names(kind, query):
    assert default_query(kind) == query
