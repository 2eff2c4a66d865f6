"""One split of a file of predictions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data.files.predictions import prediction_records, rows_of_split
from dicetune.errors import DataError


@given(st.lists(st.sampled_from(["dev", "test", "other"])))
def test_splits_part_the_rows(names):
    rows = list(enumerate(names))
    parts = {name: rows_of_split(rows, names, name, "a") for name in set(names)}
    assert sorted(row for part in parts.values() for row in part) == rows
    assert all(own == name for name, part in parts.items() for _, own in part)


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
def test_what_is_refused(names, split, message):
    with pytest.raises(DataError, match=message):
        rows_of_split("ab", names, split, "a")


def test_objects_name_their_split():
    lines = ['{"split": 1}', '{"split": "dev"}', "", '{"split": null}']
    assert prediction_records(lines, "1", "a") == [(1, {"split": 1})]
    with pytest.raises(DataError, match="got 1, dev and rows that name none"):
        prediction_records(lines, None, "a")
